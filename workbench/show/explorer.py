"""Costs to be played with: sliders where there is a kernel, a still picture everywhere."""

from collections.abc import Mapping
from typing import Any

from workbench.evaluate.costs import Fleet, cost_api
from workbench.evaluate.pricing import (
    Terms,
    choose_price,
    count_own_seconds,
    find_pair,
    list_priced,
    sum_calls,
    tokens_of,
)
from workbench.show.costs import OWN, LoadView, draw_view, plot_load, view_of
from workbench.show.escape import escape
from workbench.show.picture import Panel, Picture, make_bundle
from workbench.show.plots import Plot
from workbench.show.widgets import refer_to

UNPRICED = (
    "No price was given: set hour_usd (an hour of this machine) and price_of (a model of the price"
    " table) among the parameters, or move the sliders where a kernel is running."
)
NO_SLIDERS = (
    "Where a kernel is running, sliders for load, price of an hour and utilization stand here."
)
NOBODY = "no model"


class CostExplorer:
    """Sliders for load, price of an hour, utilization, model and caches, over a measured result.

    What shows first is still: what the result's own terms say, in every place that a notebook goes
    to. Beneath it stand the sliders, which need a running kernel.
    """

    def __init__(self, result: Mapping[str, Any]):
        own, self.rival = find_pair(result["cost"])
        if not own:
            raise ValueError(
                "no compiled model was measured in this result; evaluate one before exploring costs"
            )
        self.result = result
        self.seconds = {
            is_cached: count_own_seconds(own, result["cost"][own], is_cached)
            for is_cached in (True, False)
        }
        view = view_of(result)
        self.still: Plot | Panel = (
            plot_load(view) if view else Panel(f"<p>{UNPRICED}</p>", UNPRICED, UNPRICED)
        )
        self.terms = Terms(**(result.get("dollars") or {}).get("terms", {}))
        self.sliders = _make_sliders(self.terms)
        # nothing to choose where it is not known how long reading takes
        self.sliders["is_own_cached"].disabled = self.seconds[False] is None
        self.box = self._make_box()

    @property
    def view(self) -> LoadView:
        """What the sliders say."""
        chosen = {name: widget.value for name, widget in self.sliders.items()}
        hours = sum(self.result["seconds"].values()) / 3600
        return LoadView(
            Fleet(chosen["hour_usd"], self.seconds[chosen["is_own_cached"]], chosen["utilization"]),
            self._price_rival(chosen["price_of"], chosen["is_cached"]),
            hours * chosen["hour_usd"] + sum_calls(self.result) + self.terms.once_usd,
            self.terms.months,
        )

    @property
    def picture(self) -> Picture:
        """The curve over the load, as the sliders say."""
        return draw_view(self.view)

    def say_load(self) -> str:
        """What the chosen load costs, all included.

        Example: "1,000 conversations a month: own machines $1.83 each (1 machine); toy, cached
        $0.04 each"
        """
        view, load = self.view, round(self.sliders["load"].value)
        machines = view.fleet.count_machines(load)
        own = view.fleet.cost(load) + view.once_usd / view.months / load
        plural = "" if machines == 1 else "s"
        said = [f"{OWN} ${own:.3g} each ({machines:,} machine{plural})"]
        said += [f"{name} ${usd:.3g} each" for name, usd in view.rivals.items()]
        return f"{load:,} conversations a month: {'; '.join(said)}"

    def _price_rival(self, name: str, is_cached: bool) -> dict[str, float]:
        price = choose_price("" if name == NOBODY else name)
        if price is None or not self.rival:
            return {}
        usd = cost_api(tokens_of(self.result["cost"][self.rival]), price, is_cached)
        return {f"{price.model}, {'cached' if is_cached else 'no cache'}": usd}

    def _make_box(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.keys import Keys

        drawn, said = widgets.HTML(), widgets.HTML()

        def redraw(change: object = None) -> None:
            drawn.value = self.picture.inline
            said.value = f"<p>{escape(self.say_load())}</p>"

        for slider in self.sliders.values():
            slider.observe(redraw, "value")
        redraw()
        return widgets.VBox([Keys(), *self.sliders.values(), said, drawn])

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.still)
        fallback = make_bundle(f"<p>{NO_SLIDERS}</p>", NO_SLIDERS)
        display(refer_to(self.box) | fallback, raw=True)

    def __str__(self) -> str:
        return str(self.still)

    __repr__ = __str__


def explore_costs(result: Mapping[str, Any]) -> CostExplorer:
    """The costs of a result, still as its terms say, and with sliders where a kernel is running.

    Raises:
        ValueError: no compiled model was measured.
    """
    return CostExplorer(result)


def _make_sliders(terms: Terms) -> dict[str, Any]:
    import ipywidgets as widgets

    layout = widgets.Layout(width="36em")
    wide = {"style": {"description_width": "12em"}, "layout": layout}
    names = [NOBODY, *list_priced()]
    return {
        "load": widgets.FloatLogSlider(
            10_000, min=1, max=7, readout_format=",.0f", description="conversations a month", **wide
        ),
        "hour_usd": widgets.FloatSlider(
            terms.hour_usd or 1.0,
            min=0.0,
            max=max(10.0, 2 * terms.hour_usd),
            step=0.05,
            description="$ an hour of a machine",
            **wide,
        ),
        "utilization": widgets.FloatSlider(
            terms.utilization, min=0.01, max=1.0, step=0.01, description="utilization", **wide
        ),
        "price_of": widgets.Dropdown(
            options=names,
            value=terms.price_of if terms.price_of in names else NOBODY,
            description="beside",
            **wide,
        ),
        "is_own_cached": widgets.Checkbox(
            value=True, description="own machines with prompts cached", **wide
        ),
        "is_cached": widgets.Checkbox(value=True, description="with its prompts cached", **wide),
    }
