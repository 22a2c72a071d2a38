"""A flowchart whose boxes are its phases: how much is in each, and what leads to which."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.flowchart import Flowchart
from workbench.show.escape import clip
from workbench.show.palette import GROUP, HEAT, NEVER, QUIET
from workbench.show.plain import Arrow, Box

if TYPE_CHECKING:
    from workbench.design.coverage import Coverage


@dataclass
class _Group:
    """What the routes of some nodes come to."""

    hubs: int = 0
    routes: int = 0
    never: int = 0
    """Routes that were never taken."""
    wrong: int = 0
    ways: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    """By the group they lead to: how many routes do, and how often they were taken."""


def draw_groups(
    flowchart: Flowchart,
    groups: Mapping[str, list[str]],
    coverage: "Coverage | None" = None,
    faults: Counter | None = None,
) -> tuple[list[Box], list[Arrow]]:
    """A box for each group of nodes, and an arrow where routes lead from one to another."""
    boxes, arrows = [], []
    for name, own in _sum_up(flowchart, groups, coverage, faults).items():
        fill, stroke, ink = (HEAT[1], HEAT[-1], GROUP[2]) if own.wrong else GROUP
        if coverage and not coverage.is_part and own.routes and own.never == own.routes:
            fill, stroke, ink = "#FFFFFF", NEVER, NEVER
        lines = (clip(name, 40), *_say(own, len(groups[name]), coverage))
        boxes.append(Box(name, lines, "box", fill, stroke, ink, clip(", ".join(groups[name]), 300)))
        for to, n in own.ways.items():
            is_never = coverage is not None and not coverage.is_part and not n["taken"]
            color = NEVER if is_never else QUIET
            said = f"{n['taken']:,} ×" if coverage else f"{n['routes']:,} routes"
            said = "never" if is_never else said
            tip = f"{n['routes']:,} routes from {name} to {to}"
            arrows.append(Arrow(name, to, (said,), color, color, 1.2, is_never, tip))
    return boxes, arrows


def write_groups(
    flowchart: Flowchart,
    groups: Mapping[str, list[str]],
    coverage: "Coverage | None" = None,
    faults: Counter | None = None,
) -> list[str]:
    """The same as lines of text."""
    found = _sum_up(flowchart, groups, coverage, faults)
    return [
        f"{name}: {', '.join(_say(own, len(groups[name]), coverage))}"
        + (f" -> {', '.join(own.ways)}" if own.ways else "")
        for name, own in found.items()
    ]


def _sum_up(flowchart: Flowchart, groups, coverage, faults) -> dict[str, _Group]:
    home = {node: name for name, nodes in groups.items() for node in nodes}
    found = {name: _Group() for name in groups}
    for node in flowchart.nodes.values():
        own = found[home[node.id]]
        own.hubs += node.is_hub
        for name, route in node.routes.items():
            step = f"{node.id}.{name}" if name else node.id
            taken = coverage.routes[step] if coverage else 0
            own.routes += 1
            own.never += not taken
            own.wrong += faults[step] if faults else 0
            if home[route.to] != home[node.id]:
                own.ways[home[route.to]].update(routes=1, taken=taken)
    return found


def _say(own: _Group, n_nodes: int, coverage) -> list[str]:
    said = [f"{n_nodes:,} nodes, {own.hubs:,} hubs" if own.routes else f"{n_nodes:,} ends"]
    if coverage and own.routes:
        said.append(f"{own.routes - own.never:,} of {own.routes:,} routes taken")
    return said + ([f"{own.wrong:,} wrong"] if own.wrong else [])
