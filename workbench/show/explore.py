"""A flowchart to click through: each node with its text, its facts and the routes that leave it."""

import hashlib
from pathlib import Path

from workbench.domain import Domain
from workbench.flowchart import Flowchart, Node
from workbench.show.escape import escape
from workbench.show.flow import draw_flowchart
from workbench.show.palette import AGENT, SUCCESS, write_in
from workbench.show.picture import Panel

SCRIPT = Path(__file__).with_name("explore.js")


def explore_flowchart(domain: Domain) -> Panel:
    """The flowchart, with what stands at each node beside it.

    Where scripts run, a node is chosen by a click or by keys, words are searched for, and the
    picture is moved and zoomed; it needs no kernel, so an exported notebook can do it too. Where
    none run, the picture stands above a list of the nodes to unfold.
    """
    picture = draw_flowchart(domain.flowchart)
    cards = "".join(_write_card(node, domain) for node in domain.flowchart.nodes.values())
    cards += "".join(_write_trip(name, domain) for name in domain.flowchart.anywhere)
    image = picture.as_image(str(picture).split("\n")[0], 600)
    key = hashlib.sha256((image + cards).encode()).hexdigest()[:16]
    script = SCRIPT.read_text("utf-8").replace("KEY", key)
    html = (
        f'<div data-explore="{key}" style="overflow-wrap:anywhere;'
        'font:14px/1.45 Helvetica,Arial,sans-serif">'
        f"{image}<div>{cards}</div></div><script>{script}</script>"
    )
    return Panel(html, str(picture))


def _write_card(node: Node, domain: Domain) -> str:
    kind = "hub" if node.is_hub else "end" if node.role == "end" else node.role
    parts = [node.say or f"The talk ends: {node.outcome}."]
    rows = [f"<p>{escape(part)}</p>" for part in parts] + _write_facts(node.cites, domain)
    for name, route in node.routes.items():
        causes = ", ".join(getattr(route, "acts", ()))
        words = [f"when {route.when}" if route.when else "", route.say]
        rows.append(
            f'<div style="margin:8px 0 0;border-left:3px solid #2C6AA6;padding-left:8px">'
            f"<b>{escape(name or 'next')}</b> → {_link(route.to)}"
            f"{''.join(f'<div>{escape(text)}</div>' for text in words if text)}"
            + (f'<div style="opacity:0.75">caused by {escape(causes)}</div>' if causes else "")
            + "".join(_write_facts(route.cites, domain))
            + "</div>"
        )
    came = _list_sources(node.id, domain.flowchart)
    if came:
        rows.append(f'<p style="opacity:0.75">comes from {", ".join(map(_link, came))}</p>')
    phase = f", phase {node.phase}" if node.phase else ""
    return _fold(node.id, f"{node.id} ({kind}{phase})", rows)


def _write_trip(name: str, domain: Domain) -> str:
    """A side trip, which no box stands for."""
    trip = domain.flowchart.anywhere[name]
    rows = [f"<p>{escape(trip.say)}</p>", f"<p>when {escape(trip.when)}</p>"]
    return _fold(f"anywhere.{name}", f"{name} (side trip, from anywhere)", rows)


def _fold(id_: str, title: str, rows: list[str]) -> str:
    return (
        f'<details data-node="{escape(id_)}" style="margin:4px 0"><summary '
        f'style="cursor:pointer;font-weight:bold">{escape(title)}</summary>{"".join(rows)}</details>'
    )


def _write_facts(cites: tuple[str, ...], domain: Domain) -> list[str]:
    texts = [domain.facts[cite].text if cite in domain.facts else f"its {cite}" for cite in cites]
    return [f'<div style="{write_in(SUCCESS)}">states: {escape(text)}</div>' for text in texts]


def _link(node_id: str) -> str:
    style = f"font:inherit;border:0;background:none;padding:0;{write_in(AGENT[1])};cursor:pointer"
    return f'<button data-to="{escape(node_id)}" style="{style}">{escape(node_id)}</button>'


def _list_sources(node_id: str, flowchart: Flowchart) -> list[str]:
    return [
        node.id
        for node in flowchart.nodes.values()
        if any(route.to == node_id for route in node.routes.values())
    ]
