"""A flowchart as text for other programs: Mermaid and Graphviz."""

import re
import textwrap
from collections.abc import Callable

from workbench.design.naming import make_id
from workbench.design.quoting import quote
from workbench.flowchart import Flowchart, Node, Route

KEYWORDS = {
    *("end", "subgraph", "graph", "flowchart", "click", "style", "class", "default", "href"),
    *("call", "direction", "interpolate", "linkstyle", "classdef"),
}
"""Words that Mermaid does not take for ids."""

WIDTH = 32
"""Characters of a line in Graphviz's labels."""


def write_mermaid(flowchart: Flowchart) -> str:
    """Mermaid's text: nodes with `say`, routes with `when`, ends with their outcome, by phase.

    `workbench.design.mermaid` reads the same nodes and routes back.
    """
    ids = {node: f"{node}_node" if node in KEYWORDS else node for node in flowchart.nodes}
    shapes = {"agent": '["{}"]', "hub": '{{"{}"}}', "user": '[/"{}"/]', "end": '((("{}")))'}
    lines = [
        "---",
        f"title: {quote(flowchart.title)}",
        "---",
        "flowchart TD",
        f"    %% start: {ids[flowchart.start]}",
        "    %% acts, slots, facts, side trips and what routes say stand in flowchart.yaml alone",
    ]
    for phase, nodes in _group(flowchart).items():
        # a phase may be called as a node is, and a group may not
        lines += [f'    subgraph phase_{phase} ["{phase}"]'] * bool(phase)
        for node in nodes:
            shape = shapes["hub" if node.is_hub else node.role]
            lines.append(f"    {ids[node.id]}{shape.format(_escape_mermaid(_label(node)))}")
        lines += ["    end"] * bool(phase)
    for node in flowchart.nodes.values():
        for name, route in node.routes.items():
            said = f'-->|"{_escape_mermaid(_label_route(name, route))}"|' if name else "-->"
            lines.append(f"    {ids[node.id]} {said} {ids[route.to]}")
    return "\n".join(lines) + "\n"


def write_dot(flowchart: Flowchart) -> str:
    """Graphviz's text, for `dot -Tsvg` and the like."""
    shapes = {"agent": "box", "hub": "diamond", "user": "parallelogram", "end": "doublecircle"}
    lines = [
        "digraph flowchart {",
        f"  label={_quote_dot(flowchart.title)}",
        "  labelloc=t",
    ]
    for phase, nodes in _group(flowchart).items():
        lines += [f"  subgraph cluster_{phase} {{ label={_quote_dot(phase)}"] * bool(phase)
        for node in nodes:
            shape = shapes["hub" if node.is_hub else node.role]
            label = _quote_dot(_label(node))
            lines.append(f"  {_quote_dot(node.id)} [shape={shape} label={label}]")
        lines += ["  }"] * bool(phase)
    for node in flowchart.nodes.values():
        for name, route in node.routes.items():
            said = f" [label={_quote_dot(_label_route(name, route))}]" if name else ""
            lines.append(f"  {_quote_dot(node.id)} -> {_quote_dot(route.to)}{said}")
    return "\n".join([*lines, "}"]) + "\n"


WRITERS: dict[str, Callable[[Flowchart], str]] = {"mermaid": write_mermaid, "dot": write_dot}
"""What writes a flowchart, by the name of the format."""


def _group(flowchart: Flowchart) -> dict[str, list[Node]]:
    """The nodes by phase, in the order of the file; "" for those without one."""
    alone = [node for node in flowchart.nodes.values() if not node.phase]
    return flowchart.phases | ({"": alone} if alone else {})


def _label(node: Node) -> str:
    return node.outcome or node.say or node.id


def _label_route(name: str, route: Route) -> str:
    """The condition, with the route's name where that is not made of it."""
    is_made = name == make_id(route.when, words=5, default="route")
    return route.when if is_made else f"{name}: {route.when}"


def _escape_mermaid(text: str) -> str:
    line = " ".join(text.split())
    return re.sub(r'[#"&<>\\`]|fa(?=[a-z]?:)', lambda m: "".join(f"#{ord(c)};" for c in m[0]), line)


def _quote_dot(text: str) -> str:
    # graphviz reads backslashes and entities in labels; neither is meant here
    plain = "".join(c if c.isprintable() else " " for c in text)
    plain = plain.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "\\n".join(textwrap.wrap(plain, WIDTH, break_long_words=False) or [""]) + '"'
