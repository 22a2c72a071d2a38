"""Conditions side by side: bars to choose from, the talks behind them, and two talks at a time."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.domain import Domain
from workbench.evaluate.breakdown import average_by_hub
from workbench.evaluate.faults import is_instrument
from workbench.evaluate.metrics import ALL, MEASURES, Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average
from workbench.show.charts import Interval, intervals
from workbench.show.escape import clip, escape
from workbench.show.pairs import Side, draw_pair
from workbench.show.picture import Panel, Picture, make_bundle
from workbench.show.talk import draw_conversation, scroll
from workbench.show.widgets import UNSEEN_NAME, WRAPPED, make_column, refer_to
from workbench.synthesize.scenarios import Scenario

GROUPINGS = ("customers", "behaviour", "ending", "hub")
"""What bars are grouped by: the sort of customers, what they do, where they should end, hubs."""

LISTED = 300
"""Conversations that the list shows at most."""

_SAID = "overflow-wrap:anywhere;font:13px Helvetica,Arial,sans-serif"


class Comparison:
    """Means of conditions with their intervals, the conversations behind each, and beside a chosen
    one what another condition said to the same customer.

    In a notebook it is shown by being a cell's last line. Without a kernel, or where widgets are
    not drawn, the bars and one pair stand there.
    """

    def __init__(
        self,
        domain: Domain,
        scores: Iterable[Score],
        talks: Mapping[str, Simulated],
        scenarios: Iterable[Scenario],
    ):
        self.domain, self.talks = domain, talks
        self.scores = [score for score in scores if not is_instrument(score.condition)]
        self.scenarios = {scenario.scenario_id: scenario for scenario in scenarios}
        self.conditions = [*dict.fromkeys(score.condition for score in self.scores)]
        self._held = {(s.condition, s.stratum, s.scenario_id): s for s in self.scores}
        self._widgets: dict[str, Any] = {}
        self.found: list[Score] = []
        """Scores of the conversations behind what is chosen, those with most wrong first."""
        self.shown: Score | None = None
        self.beside = ""
        """The condition that stands in the right column."""
        self.measure("ending_correct")

    def measure(self, measure: str, by: str = "customers") -> list[Interval]:
        """The bars: means of a measure by group and condition; of hubs it is branch_correct.

        Raises:
            ValueError: there is no such measure or grouping.
        """
        if measure not in MEASURES or by not in GROUPINGS:
            raise ValueError(
                f'there is no "{measure}" by "{by}"; measures are {", ".join(MEASURES)}, and '
                f"groupings {', '.join(GROUPINGS)}"
            )
        self.by, self.name = by, "branch_correct" if by == "hub" else measure
        self.rows = [*self._average()]
        self.choose(-1)
        return self.rows

    def choose(self, row: int) -> list[Score]:
        """The conversations behind a bar, by its number; -1 are all of the first condition."""
        bar = self.rows[row] if row >= 0 else None
        condition = bar.name if bar else self._first
        own = [score for score in self.scores if score.condition == condition]
        own = [score for score in own if bar is None or bar.group in self._groups(score)]
        self.found = sorted(own, key=lambda s: (s.measures["ending_correct"] or 0, -len(s.wrong)))
        self.read(0)
        return self.found

    def read(self, place: int, beside: str | None = None) -> None:
        """Show one of those found; beside it the other condition, if it met the same customer."""
        self.shown = self.found[place] if self.found else None
        others = self.list_others()
        wanted = self.beside if beside is None else beside
        self.beside = wanted if wanted in others else next(iter(others), "")

    def list_others(self) -> list[str]:
        """The conditions that met the customer who is shown, real baselines before scripted."""
        if self.shown is None:
            return []
        key = (self.shown.stratum, self.shown.scenario_id)
        met = [c for c in self.conditions if (c, *key) in self._held and c != self.shown.condition]
        return sorted(met, key=lambda condition: condition.startswith("walker"))

    @property
    def _first(self) -> str:
        return "compiled" if "compiled" in self.conditions else next(iter(self.conditions), "")

    def _groups(self, score: Score) -> list[str]:
        scenario = self.scenarios[score.scenario_id]
        return {
            "customers": [score.stratum],
            "behaviour": [name.replace("_", " ") for name in scenario.behaviours] or ["plain"],
            "ending": [" or ".join(scenario.endings)],
            "hub": [*score.hubs],
        }[self.by]

    def _average(self) -> Iterator[Interval]:
        groups: dict[str, dict[str, list[Score]]] = {}
        for score in self.scores:
            for group in dict.fromkeys(self._groups(score)):
                groups.setdefault(group, {}).setdefault(score.condition, []).append(score)
        for group, by_condition in groups.items():
            for condition, own in by_condition.items():
                if self.by == "hub":
                    every = [score.model_copy(update={"stratum": ALL}) for score in own]
                    found = average_by_hub(every)[condition][ALL][group]
                else:
                    values = [score.measures[self.name] for score in own]
                    found = average(values, [score.path_id for score in own])
                low, high = found.low, found.high
                yield Interval(condition, found.mean, low, high, found.n, group)

    # what follows is what is to be seen of it

    def draw_bars(self) -> Picture:
        """The bars with 95 % intervals clustered by path."""
        unit = "decisions" if self.by == "hub" else "conversations"
        title = f"{self.name} by {self.by}, 95 % intervals clustered by path; n {unit}"
        return intervals(self.rows, title)

    def draw_talks(self) -> Panel:
        """The conversation that is shown, and beside it the other condition's."""
        if self.shown is None:
            return Panel("<p>No conversation is there.</p>", "No conversation is there.")
        other = self._held.get((self.beside, self.shown.stratum, self.shown.scenario_id))
        said, left = self._describe(self.shown), self._side(self.shown)
        if other:
            drawn = draw_pair(left, self._side(other), self.domain.flowchart)
        else:
            said += ". No other condition met this customer."
            drawn = draw_conversation(left.conversation, self.domain.flowchart, left.wrong)
        return Panel(
            f'<p style="{_SAID}">{escape(said)}</p>{drawn.html}',
            f"{said}\n{drawn.text}",
        )

    def _side(self, score: Score) -> Side:
        return Side(score.condition, self.talks[score.conversation_id].conversation, score.wrong)

    def _describe(self, score: Score) -> str:
        scenario = self.scenarios[score.scenario_id]
        does = ", ".join(scenario.behaviours).replace("_", " ") or "plain"
        wanted = " or ".join(scenario.endings)
        is_right = {1.0: "right", 0.0: "wrong"}.get(score.measures["ending_correct"], "not scored")
        reached = f"{score.condition} ends in {score.ending or 'nothing'}, {is_right}"
        return f"{score.stratum} customer {score.scenario_id}: {does}, for {wanted}; {reached}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none the bars and one pair of talks."""
        bundle = refer_to(self._build())
        picture, pair = self.draw_bars(), self.draw_talks()
        html = picture.as_image(picture.alt, 2000) + pair.html
        return bundle | make_bundle(html, f"{picture}\n\n{pair}")

    def _build(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.keys import Keys
        from workbench.show.rows import Rows

        if self._widgets:
            return self._widgets["box"]
        wide = {"width": "auto"}
        made = self._widgets = {
            "measure": widgets.Dropdown(
                options=[(name.replace("_", " "), name) for name in MEASURES],
                value=self.name,
                description="measure",
            ),
            "by": widgets.Dropdown(options=GROUPINGS, value=self.by, description="by"),
            "bars": Rows(),
            "hint": widgets.HTML("Click a bar, or walk there with the tab key and press Enter."),
            "list": widgets.Select(
                rows=14, description="conversations", style=UNSEEN_NAME, layout=wide
            ),
            "beside": widgets.Dropdown(description="beside", layout=wide),
            "talks": widgets.HTML(),
        }
        made["measure"].observe(lambda _: self._measure(), "value")
        made["by"].observe(lambda _: self._measure(), "value")
        made["bars"].observe(lambda change: self._choose(change.new), "chosen")
        made["list"].observe(lambda change: self._read(change.new), "value")
        made["beside"].observe(lambda change: self._read(made["list"].value, change.new), "value")
        chosen = widgets.HBox([made["measure"], made["by"]], layout=WRAPPED)
        left = widgets.VBox([made["beside"], made["list"]], layout=make_column("30%", "240px"))
        layout = make_column("66%", "420px", padding="0 0 0 10px")
        right = widgets.VBox([made["talks"]], layout=layout)
        below = widgets.HBox([left, right], layout=WRAPPED)
        made["box"] = widgets.VBox([chosen, made["hint"], made["bars"], below, Keys()])
        self._measure()
        return made["box"]

    def _measure(self) -> None:
        made = self._widgets
        self.measure(made["measure"].value, made["by"].value)
        made["measure"].disabled = self.by == "hub"
        made["bars"].chosen = -1
        made["bars"].svg = self.draw_bars().svg
        self._list_found()

    def _choose(self, row: int) -> None:
        self.choose(row)
        self._list_found()

    def _list_found(self) -> None:
        shown = self.found[:LISTED]
        # the list tells of its first line only where it was not chosen before
        self._widgets["list"].options = [(self._name(s), n) for n, s in enumerate(shown)]
        self._widgets["list"].value = 0 if shown else None
        self._read(0 if shown else None)

    def _name(self, score: Score) -> str:
        scenario = self.scenarios[score.scenario_id]
        does = ", ".join(scenario.behaviours).replace("_", " ") or "plain"
        mark = "✗" if score.wrong else "✓"
        name = f"{mark} {score.stratum} {score.scenario_id[:6]}: {does}, {scenario.endings[0]}"
        return clip(name, 120)

    def _read(self, place: int | None, beside: str | None = None) -> None:
        if place is not None:
            self.read(place, beside)
            others, chosen = self._widgets["beside"], self.beside
            if [*others.options] != (names := self.list_others()):
                # it goes to the first of them, and tells of it
                others.options = names
            others.value = chosen or None
        panel = self.draw_talks()
        look = "max-height:640px;overflow:auto"
        self._widgets["talks"].value = scroll(panel.html, "the conversations", look)
