"""Where conversations went wrong, on the flowchart: by condition, sort of customers and fault."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workbench.evaluate.faults import is_instrument
from workbench.evaluate.metrics import ALL, Score
from workbench.evaluate.places import KINDS, NAMES, Located, locate_faults, name_faults
from workbench.evaluate.simulation import Simulated
from workbench.flowchart import Flowchart
from workbench.show.escape import clip, escape
from workbench.show.flow import Faults, draw_flowchart
from workbench.show.picture import Panel, Picture, make_bundle
from workbench.show.switch import switch
from workbench.show.talk import draw_conversation, fold, scroll
from workbench.show.widgets import UNSEEN_NAME, WRAPPED, make_column, refer_to

LISTED = 300
"""Conversations that the list shows at most."""

NAMED = 12
"""Places that a sentence names; how many more there are is said."""

HINT = (
    "Click a node, or walk there with the tab key and press Enter. Routes, and what no node stands"
    " for, are among the places below."
)
_SAID = "margin:6px 0;overflow-wrap:anywhere;font:13px Helvetica,Arial,sans-serif"


class FaultChart:
    """How many conversations of a condition went wrong at each node and route of the flowchart, and
    the conversations behind a chosen place.

    In a notebook it is shown by being a cell's last line. Without a kernel, or where widgets are
    not drawn, there are the charts of `draw_views`, of which the first is seen.
    """

    def __init__(
        self, flowchart: Flowchart, scores: Iterable[Score], talks: Mapping[str, Simulated]
    ):
        self.flowchart, self.talks = flowchart, talks
        self.scores = [score for score in scores if not is_instrument(score.condition)]
        names = dict.fromkeys(score.condition for score in self.scores)
        # the scripted ones last: what is wrong with them is mostly the reading's
        self.conditions = sorted(names, key=lambda n: (n.startswith("walker"), n != "compiled"))
        self.customers = [ALL, *dict.fromkeys(score.stratum for score in self.scores)]
        self.place = ""
        """The node or step whose conversations are listed; "": wherever it was."""
        self._widgets: dict[str, Any] = {}
        self.located = locate_faults(self.scores, next(iter(self.conditions), ""))

    def choose(self, condition: str, customers: str = ALL, kind: str = "") -> Located:
        """Locate the faults of a condition with a sort of customers, of one of `KINDS` or of any.

        Raises:
            ValueError: there is no such condition, sort of customers or kind.
        """
        for name, known in (
            (condition, self.conditions),
            (customers, self.customers),
            (kind, ["", *KINDS]),
        ):
            if name not in known:
                there = ", ".join(filter(None, known))
                raise ValueError(f'there is no "{name}"; there are {there or "none"}')
        self.located, self.place = locate_faults(self.scores, condition, customers, kind), ""
        return self.located

    def find(self, place: str = "") -> list[Score]:
        """The conversations with a fault at a node or a step, the worst first; "": wherever.

        Example: chart.find("assess.leave")
        """
        self.place = place
        return self.located.by_place.get(place, []) if place else self.located.found

    # what follows is what is to be seen of it

    def draw(self) -> Picture:
        """The flowchart with the counts of what is chosen."""
        return _draw(self.flowchart, self.located)

    def draw_talk(self, number: int = 0) -> Panel:
        """One of the conversations behind the place, and what is wrong in it."""
        found = self.find(self.place)
        if not found:
            return Panel(_write(none := "No conversation went wrong here."), none)
        score = found[number]
        said = (
            f"{score.condition}, {score.stratum} customer {score.scenario_id}, ends in"
            f" {score.ending or 'nothing'}: {'; '.join(name_faults(score))}"
        )
        talk = self.talks[score.conversation_id].conversation
        drawn = draw_conversation(talk, self.flowchart, score.wrong)
        return Panel(_write(said) + drawn.html, f"{said}\n{drawn.text}")

    def draw_views(self) -> Iterator[tuple[Located, Picture]]:
        """The charts of the first condition, of each sort of its customers, and of the others."""
        views = [(condition, ALL) for condition in self.conditions]
        if len(self.customers) > 2:
            views[1:1] = [(self.conditions[0], customers) for customers in self.customers[1:]]
        for view in views:
            located = locate_faults(self.scores, *view)
            yield located, _draw(self.flowchart, located)

    @property
    def still(self) -> Panel:
        """The views as folds, the first one open: for a page on which no script runs."""
        views, folds = [*self.draw_views()], []
        for located, picture in views:
            inside = _write(name_places(located)) + picture.inline
            folds.append(fold(describe(located), inside, is_open=not folds))
        return Panel("".join(folds) or _write("not measured"), _say(views))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none the views, one at a time."""
        bundle, views = refer_to(self._build()), [*self.draw_views()]
        if not views:
            return bundle | self.still._repr_mimebundle_()
        panel = switch({_name_view(found): _draw_view(found, drawn) for found, drawn in views})
        return bundle | make_bundle(panel.html, _say(views))

    def _build(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.keys import Keys
        from workbench.show.nodes import Nodes

        if self._widgets:
            return self._widgets["box"]
        wide = {"width": "auto"}
        kinds = [("anything", ""), *((name, kind) for kind, name in KINDS.items())]
        made = self._widgets = {
            "condition": widgets.Dropdown(
                options=_name_choices(self.conditions), description="condition"
            ),
            "customers": widgets.Dropdown(
                options=_name_choices(self.customers), description="customers"
            ),
            "kind": widgets.Dropdown(options=kinds, description="wrong"),
            "said": widgets.HTML(),
            "chart": Nodes(),
            "place": widgets.Dropdown(description="place", layout=wide),
            "list": widgets.Select(
                rows=14, description="conversations", style=UNSEEN_NAME, layout=wide
            ),
            "talk": widgets.HTML(),
        }
        for name in ("condition", "customers", "kind"):
            made[name].observe(lambda _: self._choose(), "value")
        made["chart"].observe(lambda change: self._click(change.new), "chosen")
        made["place"].observe(lambda change: self._list(change.new), "value")
        made["list"].observe(lambda change: self._read(change.new), "value")
        chosen = [made[name] for name in ("condition", "customers", "kind")]
        head = widgets.HBox(chosen, layout=WRAPPED)
        left = widgets.VBox([made["place"], made["list"]], layout=make_column("30%", "240px"))
        layout = make_column("66%", "420px", padding="0 0 0 10px")
        right = widgets.VBox([made["talk"]], layout=layout)
        below = widgets.HBox([left, right], layout=WRAPPED)
        made["box"] = widgets.VBox([head, made["said"], made["chart"], below, Keys()])
        self._choose()
        return made["box"]

    def _choose(self) -> None:
        made = self._widgets
        if self.conditions:
            self.choose(*(made[name].value for name in ("condition", "customers", "kind")))
        counts = {place: len(own) for place, own in self.located.by_place.items()}
        nodes = [node for node in self.flowchart.nodes if node in counts]
        chart, said = made["chart"], describe(self.located)
        made["said"].value = _write(said) + _write(HINT)
        chart.names = {node: f"{node}: {counts[node]:,} went wrong" for node in nodes}
        chart.chosen = ""
        chart.show(self.draw(), said)
        every = (f"wherever ({len(self.located.found):,})", "")
        places = [
            (f"{clip(NAMES.get(place, place), 80)} ({n:,})", place) for place, n in counts.items()
        ]
        made["place"].options = [every, *places]
        # it tells of its first line only where that was not chosen before
        self._list("")

    def _click(self, node: str) -> None:
        if node:
            self._widgets["place"].value = node

    def _list(self, place: str | None) -> None:
        found, made = self.find(place or "")[:LISTED], self._widgets
        # a node that is marked cannot be clicked, so a route does not mark its hub
        made["chart"].chosen = self.place if self.place in made["chart"].names else ""
        made["list"].options = [(self._name(score), n) for n, score in enumerate(found)]
        made["list"].value = 0 if found else None
        self._read(0)

    def _name(self, score: Score) -> str:
        what = ", ".join(name_faults(score, self.located.kind, self.place))
        return clip(f"{score.stratum} {score.scenario_id[:6]}: {what}", 120)

    def _read(self, number: int | None) -> None:
        panel = self.draw_talk(number or 0)
        look = "max-height:640px;overflow:auto"
        self._widgets["talk"].value = scroll(panel.html, "the conversation", look)


def describe(located: Located) -> str:
    """How many conversations went wrong.

    Example: "compiled, all customers: something wrong in 2 of 9 conversations"
    """
    who = f"{located.condition or 'no condition'}, {located.customers} customers"
    if not located.n_scored + located.n_broken:
        return f"{who}: they never met"
    what = KINDS.get(located.kind, "something wrong")
    said = f"{who}: {what} in {len(located.found):,} of {located.n_scored:,} conversations"
    more = f"; {located.n_broken:,} more were broken off and are not scored"
    return said + more * bool(located.n_broken)


def name_places(located: Located) -> str:
    """Where most went wrong. Example: "By place: assess 2, assess.leave 1, side trips 1." """
    counts = [f"{NAMES.get(place, place)} {len(own):,}" for place, own in located.by_place.items()]
    more = [f"and {len(counts) - NAMED:,} places more"] if len(counts) > NAMED else []
    return f"By place: {', '.join([*counts[:NAMED], *more])}." if counts else ""


def _draw(flowchart: Flowchart, located: Located) -> Picture:
    counts = {place: len(own) for place, own in located.by_place.items()}
    return draw_flowchart(flowchart, faults=Faults(counts, located.n_scored))


def _name_view(located: Located) -> str:
    is_whole = located.customers == ALL
    return located.condition if is_whole else f"{located.condition}, {located.customers}"


def _draw_view(located: Located, picture: Picture) -> Panel:
    said = [describe(located), name_places(located)]
    return Panel("".join(map(_write, said)) + picture.html, "\n".join([str(picture), *said]))


def _say(views: list[tuple[Located, Picture]]) -> str:
    """The first chart in words, and a line for each of them."""
    lines = [f"{describe(located)}. {name_places(located)}".strip() for located, _ in views]
    return "\n".join([*(str(picture) for _, picture in views[:1]), *lines]) or "not measured"


def _name_choices(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(clip(name, 80), name) for name in names]


def _write(line: str) -> str:
    return f'<p style="{_SAID}">{escape(line)}</p>' if line else ""
