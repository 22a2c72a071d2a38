"""Paths to step through: which go by a route or end in an outcome, each drawn on the flowchart."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.design.counting import count_paths
from workbench.design.paths import FlowPath
from workbench.flowchart import Flowchart
from workbench.show.escape import clip, escape
from workbench.show.flow import draw_flowchart
from workbench.show.picture import Picture, make_bundle
from workbench.show.widgets import WRAPPED, refer_to

ANY = "any"


class Walks:
    """Paths of a flowchart, filtered by where they lead and what they pass; one is drawn.

    In a notebook it is shown by being a cell's last line. Without a kernel, or where widgets are
    not drawn, the first path stands there.
    """

    def __init__(self, flowchart: Flowchart, **sets: Sequence[FlowPath]):
        """`sets` are paths by a name, e.g. planned, and the fewest that take every route."""
        self.flowchart = flowchart
        self.sets = {name.replace("_", " "): list(paths) for name, paths in sets.items()}
        self.of = next(iter(self.sets))
        self.found: list[FlowPath] = []
        self.place = 0
        self._widgets: dict[str, Any] = {}
        every = (path for paths in self.sets.values() for path in paths)
        self.most_visits = max((max(Counter(p.nodes).values()) for p in every), default=0)
        """How often a path visits the same node at most: the bound by which these were found."""
        self._count = count_paths(flowchart, self.most_visits) if self.most_visits else None
        self.find()

    def find(self, outcome: str = "", by: str = "", of: str = "") -> list[FlowPath]:
        """The paths with this outcome that pass this node or take this route.

        Example: walks.find("success", by="assess.needs_clarification")

        Raises:
            ValueError: the flowchart has no such outcome, node or route, or there is no such set.
        """
        outcome, by = ("" if word == ANY else word for word in (outcome, by))
        self.of = of or self.of
        for word, known in ((outcome, self.flowchart.outcomes), (by, self._passable())):
            if word and word not in known:
                raise ValueError(f'"{word}" is not in the flowchart; there are {", ".join(known)}')
        if self.of not in self.sets:
            raise ValueError(f'there are no "{self.of}"; there are {", ".join(self.sets)}')
        self.found = [
            path
            for path in self.sets[self.of]
            if (not outcome or path.outcome(self.flowchart) == outcome)
            and (not by or by in path.nodes or by in path.steps)
        ]
        self.place = 0
        return self.found

    def draw(self) -> Picture:
        """The flowchart with the path that is shown; where none is found, without any."""
        if not self.found:
            return draw_flowchart(self.flowchart)
        return draw_flowchart(self.flowchart, walk=self._steps())

    def _steps(self) -> list[str]:
        path = self.found[self.place]
        agent = {node.id for node in self.flowchart.nodes.values() if node.role == "agent"}
        return [step for step, node in zip(path.steps, path.nodes, strict=False) if node in agent]

    def _passable(self) -> list[str]:
        nodes = self.flowchart.nodes
        routes = [f"{id_}.{name}" for id_, node in nodes.items() for name in node.routes if name]
        return [*nodes, *routes]

    def _say(self) -> str:
        count = f"{self.of}: {len(self.found):,} of {len(self.sets[self.of]):,}"
        if self.most_visits:
            # of thousands only some are planned
            count += f"; in all {self._count} visit no node more than {self.most_visits:,} times"
        if not self.found:
            return f"{count}: none is like that."
        path = self.found[self.place]
        long = f"this one has {len(path.nodes)} nodes"
        return f"{count}; {long}: {' > '.join(path.steps)} > {path.nodes[-1]}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none the path that is shown."""
        bundle = refer_to(self._build())
        picture = self.draw()
        html = f"<p>{escape(self._say())}</p>{picture.as_image(self._say(), 600)}"
        return bundle | make_bundle(html, f"{self._say()}\n{picture}")

    def _build(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.keys import Keys
        from workbench.show.nodes import Nodes

        if self._widgets:
            return self._widgets["box"]
        made = self._widgets = {
            "of": widgets.Dropdown(options=[*self.sets], value=self.of, description="of"),
            "outcome": widgets.Dropdown(
                options=[(clip(name, 60), name) for name in (ANY, *self.flowchart.outcomes)],
                description="outcome",
            ),
            "by": widgets.Dropdown(options=[ANY, *self._passable()], description="goes by"),
            "place": widgets.IntSlider(min=1, max=max(1, len(self.found)), description="path"),
            "said": widgets.HTML(),
            "chart": Nodes(),
        }
        for name in ("of", "outcome", "by"):
            made[name].observe(lambda _: self._search(), "value")
        made["place"].observe(lambda _: self._step(), "value")
        chosen = [made[name] for name in ("of", "outcome", "by", "place")]
        filters = widgets.HBox(chosen, layout=WRAPPED)
        made["box"] = widgets.VBox([filters, made["said"], made["chart"], Keys()])
        self._show()
        return made["box"]

    def _search(self) -> None:
        made = self._widgets
        self.find(made["outcome"].value, made["by"].value, made["of"].value)
        made["place"].value = 1
        made["place"].max = max(1, len(self.found))
        self._show()

    def _step(self) -> None:
        # told of too when it is set to the first of those that are drawn next
        if (place := self._widgets["place"].value - 1) != self.place:
            self.place = place
            self._show()

    def _show(self) -> None:
        self.place = min(self.place, max(0, len(self.found) - 1))
        self._widgets["said"].value = escape(self._say())
        start = self.found[self.place].nodes[0] if self.found else ""
        self._widgets["chart"].show(self.draw(), self._say(), start)
