"""Flowcharts of any size, made by a seed: hubs, loops, side trips, phases and several ends."""

import json
import random
from itertools import pairwise
from pathlib import Path

OUTCOMES = {"settled": 55, "dropped": 30, "passed_on": 15}
"""Outcome to its share."""

SIDE_TRIPS = {"question": "ask", "small_talk": "chat", "off_topic": "stray", "silence": "silence"}

IN_TRACK = 12
"""Hubs of a track, about."""

ANSWERS = ("confirm", "deny", "agree", "decline", "done", "failed")
"""What customers do at a choice, which leads to as many tracks or further choices."""


def write_chart(folder: Path, n_nodes: int, seed: int = 7, has_phases: bool = True) -> Path:
    """Write a sound chart of exactly `n_nodes` (10 or more) nodes and return its file."""
    file = folder / f"chart_{n_nodes}_{seed}.yaml"
    # this is YAML too
    file.write_text(json.dumps(make_chart(n_nodes, seed, has_phases), indent=1), "utf-8")
    return file


def make_chart(n_nodes: int, seed: int = 7, has_phases: bool = True) -> dict:
    """A procedure such as a person would write, which grows in breadth rather than in length.

    Choices lead to tracks of at most twelve hubs. At a hub of a track the agent asks again, goes
    on, skips a hub, goes back, hands over to a later track, explains (two nodes more) or ends.
    There are three ends, and one more for every hundred nodes.
    """
    rng = random.Random(f"{seed}/{n_nodes}")
    ends = [*OUTCOMES, *(f"left_{i}" for i in range(n_nodes // 100))]
    choices, tracks, n_spare = _divide(n_nodes - len(ends))
    nodes: dict[str, dict] = {}
    greetings = [*(f"greet_{i}" for i in range(n_spare)), "choose_0" if choices else "ask_0_0"]
    for name, on in pairwise(greetings):
        nodes[name] = {"role": "agent", "say": "Greet.", "next": on, "phase": "opening_phase"}
    for i in range(choices):
        ways = {}
        for n, act in enumerate(ANSWERS):
            child = i * len(ANSWERS) + n + 1
            if child < choices:
                ways[f"way_{n}"] = (f"choose_{child}", act)
            elif child - choices < len(tracks):
                ways[f"way_{n}"] = (f"ask_{child - choices}_0", act)
        nodes |= _ask(f"{i}", "choose", ways | {"again": (f"answer_{i}", "slots_missing")})
    hubs = [(t, i) for t, sizes in enumerate(tracks) for i in range(len(sizes))]
    ends_at: dict[tuple[int, int], list[str]] = {}
    for i, end in enumerate(ends[1:]):
        ends_at.setdefault(hubs[i * len(hubs) // (len(ends) - 1)], []).append(end)
    for t, i in hubs:
        size, last, own = tracks[t][i], len(tracks[t]) - 1, f"{t}_{i}"
        on = f"ask_{t}_{i + 1}" if i < last else "settled"
        ways = {"again": (f"answer_{own}", "slots_missing"), "ready": (on, "slots_complete")}
        if i < last - 1 and rng.random() < 0.3:
            ways["skip"] = (f"ask_{t}_{i + 2}", "agree")
        if i and rng.random() < 0.15:
            ways["back"] = (f"ask_{t}_{rng.randrange(i)}", "revise")
        if t < len(tracks) - 1 and rng.random() < 0.04:
            ways["hand_over"] = (f"ask_{rng.randrange(t + 1, len(tracks))}_0", "report")
        for n, end in enumerate(ends_at.get((t, i), [])):
            ways[f"leave_{n}"] = (end, ("leave", "want_human")[n % 2])
        if rng.random() < 0.15 and (t, i) not in ends_at:
            ways["leave_0"] = (rng.choice(ends[1:]), "leave")
        if size > 3:
            ways["unclear"] = (f"told_{own}", "slots_vague")
        nodes |= _ask(own, "ask", ways, f"track_{t}")
    for place, end in enumerate(ends):
        outcome = end if end in OUTCOMES else "dropped"
        share = OUTCOMES[outcome] if end in OUTCOMES else 1
        nodes[end] = {"role": "end", "outcome": outcome, "share": share if place else 55}
    for node in nodes.values() if not has_phases else ():
        node.pop("phase", None)
    return {
        "name": f"generated_{n_nodes}",
        "title": f"Generated chart of {n_nodes} nodes",
        "start": next(iter(nodes)),
        "slots": {f"slot_{i}": {"ask": f"What is {i}?"} for i in range(5)},
        "nodes": nodes,
        "anywhere": {
            name: {"when": f"the customer does {act}", "acts": [act], "say": "Reply."}
            for name, act in SIDE_TRIPS.items()
        },
    }


def _divide(n_left: int) -> tuple[int, list[list[int]], int]:
    """How many choices there are, the sizes of the hubs of each track, and what is left over."""
    n_tracks = max(1, round(n_left / (IN_TRACK * 3.7)))
    choices = 0
    while n_tracks > 1 and choices * (len(ANSWERS) - 1) + 1 < n_tracks:
        choices += 1
    n_left -= 3 * choices
    sizes: list[int] = []
    while n_left >= 3:
        sizes.append(5 if len(sizes) % 3 == 1 and n_left >= 5 else 3)
        n_left -= sizes[-1]
    bounds = [i * len(sizes) // n_tracks for i in range(n_tracks + 1)]
    return choices, [sizes[a:b] for a, b in pairwise(bounds)], n_left


def _ask(own: str, kind: str, ways: dict, phase: str = "choosing") -> dict[str, dict]:
    """The nodes of a hub: a question, the answer, the hub, and where one is called for, more."""
    nodes = {
        f"{kind}_{own}": {"role": "agent", "say": f"Ask {own}.", "next": f"answer_{own}"},
        f"answer_{own}": {"role": "user", "say": f"Say {own}.", "next": f"hub_{own}"},
        f"hub_{own}": {
            "role": "agent",
            "say": f"Weigh {own}.",
            "routes": {
                name: {"to": to, "when": f"{name} holds", "acts": [act], "say": f"Do {name}."}
                for name, (to, act) in ways.items()
            },
        },
    }
    if "unclear" in ways:
        nodes[f"told_{own}"] = {"role": "user", "say": "Ask what it means.", "next": f"why_{own}"}
        on = {"role": "agent", "say": f"Explain {own}.", "next": f"ask_{own}"}
        nodes[f"why_{own}"] = on
    return {name: node | {"phase": phase} for name, node in nodes.items()}
