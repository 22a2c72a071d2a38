"""What the notebooks' pictures cost in a browser: the largest flowchart, clicks, and filters.

Run it with `python tests/bench/bench_browser.py`; it needs Chromium, playwright and JupyterLab. The
chart is that of `domains/insurance_claims`. Seconds are of the clock, from what is done to the next
painted frame that shows what came of it: the middle and the worst of several. Nothing else should
run. Exits with 1 if the middle of anything takes longer than its bar.

On a page by itself: "first picture" is from the call that draws the chart to its boxes, "click"
from the press on a node to its open card. In JupyterLab, "picture after Run All" is from that
command in notebook 1 to the boxes, "picture" is from the start of notebook 1's cell to the boxes,
and "click" the same as before. What follows there is answered by the kernel: "node" is from a press
on a node of the chart of faults to the list of what went wrong at it, "talk" from another of 10,000
conversations (20 of the phrase book, again and again under other names) being chosen to its words
and its way through the chart, "filter" from a word typed over them to the list that follows, "path"
the same for steps in their order, and "page" for the number of another page of the list.
"""

import argparse
import ast
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

import test_jupyterlab as jupyterlab  # noqa: E402

from workbench.domain import read_domain  # noqa: E402
from workbench.show import explore_flowchart  # noqa: E402

BARS_S = {
    "first picture": 2.0,
    "click": 0.15,
    "picture after Run All": 10.0,
    "picture in JupyterLab": 2.0,
    "click in JupyterLab": 0.15,
    "node": 0.15,
    "talk": 0.15,
    "filter": 0.3,
    "path": 0.3,
    "page": 0.3,
}
DOMAIN = "insurance_claims"
CLICKED = 9
"""Nodes that are clicked, and conversations that are chosen."""

DRAWN = 3
"""Times that notebook 1's cell is run."""

WORDS = ("zzz", "the", "book", "thank you", "price", "")
"""What is typed, one after the other: found nowhere, often, everywhere."""

TURNED = 5
"""Pages that are turned to."""

LIMIT_MS = 120_000
"""For each thing that is done: after that it counts as broken, not as slow."""

TIMED = """(given) => new Promise((told, broken) => {{
    const isShown = () => {shown};
    const start = performance.now();
    {act};
    // painted, not only in the page
    const look = () => {{
        if (isShown()) setTimeout(() => told(performance.now() - start));
        else if (performance.now() - start > {limit}) broken(new Error("nothing came of it"));
        else requestAnimationFrame(look);
    }};
    requestAnimationFrame(look);
}})"""
"""Does something in the page, and gives the milliseconds until it shows."""

PRESS = "node.dispatchEvent(new MouseEvent('click', { bubbles: true }))"
EXPLORED = "document.querySelectorAll('[data-explore] g.node')"
PRESS_EXPLORED = f"const node = {EXPLORED}[given]; {PRESS}"
IS_OPEN = f"""document.querySelector("[data-explore] details[open]")?.dataset.node
    === {EXPLORED}[given].querySelector("title").textContent"""

RUN = "void window.jupyterapp.commands.execute('notebook:{}')"
GO_TO = """(number) => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = number;
}"""
HAS_RUN = """(number) => window.jupyterapp.shell.currentWidget.content.widgets.slice(0, number)
    .every((cell) => cell.model.type !== "code" || cell.model.executionCount)"""

CELL = "document.querySelectorAll('.jp-Notebook .jp-CodeCell')[{}]"
LISTED = f"{CELL}.querySelector('select[size]')"
"""The list of conversations in a cell."""

PRESS_FAULTY = f"""const node = {CELL.format(1)}.querySelectorAll("g[role=button]")[given[0]];
    {PRESS}"""
PLACE = f"""[...{CELL.format(1)}.querySelectorAll(".widget-dropdown")].find((one) =>
    one.querySelector(".widget-label").textContent === "place").querySelector("select").value"""
"""Of the chart: what the kernel takes for chosen."""

IS_CHOSEN = f"{PLACE} !== given[1]"
CHOOSE = f"""const list = {LISTED.format(0)}; list.selectedIndex = given[0];
    list.dispatchEvent(new Event("change", {{ bubbles: true }}))"""
SHOWN = f"""[{CELL.format(0)}.querySelector("[aria-label='the conversation']").textContent,
    {CELL.format(0)}.querySelector("svg[role=group]").getAttribute("aria-label")]"""
IS_READ = f"{SHOWN}.every((text, n) => text !== given[1][n])"

TYPE = f"""const field = [...{CELL.format(0)}.querySelectorAll("input")].find((one) =>
    one.placeholder === given[0]);
    field.value = given[1];
    field.dispatchEvent(new Event("input", {{ bubbles: true }}))"""
IS_COUNTED = f"new RegExp('(^|[^0-9,])' + given[2]).test({CELL.format(0)}.textContent)"
"""Not the end of a larger number: 0 of 10,000 is not 10,000 of them."""

TURN = f"""const number = [...{CELL.format(0)}.querySelectorAll(".widget-readout")].find((one) =>
    one.checkVisibility());
    number.textContent = given[0];
    number.dispatchEvent(new KeyboardEvent("keydown", {{ keyCode: 13, bubbles: true }}))"""
IS_TURNED = f"{CELL.format(0)}.textContent.includes(given[1])"

LOOK = """
import sys

sys.path[:0] = {path!r}
from bench_browser import make_browser

browser = make_browser({folder!r})
browser
"""
FAULTS = """
from test_fault_chart import chart_large

faults = chart_large()
faults
"""


def time_act(page: Any, act: str, shown: str, given: Any = None) -> float:
    """Seconds from doing something in the page to its being seen; both are JavaScript."""
    return page.evaluate(TIMED.format(act=act, shown=shown, limit=LIMIT_MS), given) / 1000


def measure_chart(page: Any) -> dict[str, list[float]]:
    """Seconds until the chart is drawn, and until clicks are answered, on a page by itself."""
    domain = read_domain(ROOT / "domains" / DOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chart.html"
        start = time.perf_counter()
        html = explore_flowchart(domain).html
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", "utf-8")
        page.goto(file.as_uri())
        page.locator("g.node").nth(len(domain.flowchart.nodes) - 1).wait_for()
        first = time.perf_counter() - start
        return {"first picture": [first], "click": _time_clicks(page)}


def _time_clicks(page: Any) -> list[float]:
    return [time_act(page, PRESS_EXPLORED, IS_OPEN, number) for number in range(CLICKED)]


def measure_notebook(page: Any, address: str, folder: Path) -> dict[str, list[float]]:
    """The same of notebook 1, after it was run whole as a newcomer would."""
    file = folder / "notebooks" / "1_design.ipynb"
    text = file.read_text("utf-8")
    asked = r"domain: str = \"travel_booking\""
    assert asked in text
    file.write_text(text.replace(asked, asked.replace("travel_booking", DOMAIN)), "utf-8")
    cells = json.loads(text)["cells"]
    number = next(
        n for n, cell in enumerate(cells) if "explore_flowchart(" in "".join(cell["source"])
    )
    jupyterlab.open_notebook(page, address, "1_design")
    n_nodes = len(read_domain(ROOT / "domains" / DOMAIN).flowchart.nodes)
    are_drawn = f"{EXPLORED}.length === given"
    first = time_act(page, RUN.format("run-all-cells"), are_drawn, n_nodes)
    page.wait_for_function(HAS_RUN, arg=len(cells), timeout=400_000)
    pictures = []
    for _ in range(DRAWN):
        page.wait_for_function(jupyterlab.IS_READY)
        page.evaluate(GO_TO, number)
        page.evaluate(RUN.format("clear-cell-output"))
        page.wait_for_function(f"{EXPLORED}.length === 0")
        pictures.append(time_act(page, RUN.format("run-cell"), are_drawn, n_nodes))
    return {
        "picture after Run All": [first],
        "picture in JupyterLab": pictures,
        "click in JupyterLab": _time_clicks(page),
    }


def make_browser(folder: str) -> Any:
    """The widget over the 10,000 conversations that lie in a folder."""
    from workbench.run import open_run
    from workbench.show import Browser

    domain = read_domain(ROOT / "domains" / DOMAIN)
    return Browser(open_run(domain.name, "bench", root=Path(folder)), domain.flowchart)


def write_many(folder: Path, n: int) -> None:
    """A run of n conversations: talks of the phrase book, again and again under other names."""
    from workbench.design.paths import sample_paths
    from workbench.run import open_run
    from workbench.synthesize.scenarios import plan_scenario
    from workbench.synthesize.writing import write_talk

    domain = read_domain(ROOT / "domains" / DOMAIN)
    paths = sample_paths(domain.flowchart, 20, 3)
    plans = [plan_scenario(path, "train", domain, 7, k) for k, path in enumerate(paths)]
    talks = [write_talk(plan, domain, 0, plan.seed) for plan in plans]
    run = open_run(domain.name, "bench", root=folder)
    run.write("scenarios.jsonl", plans)
    named = ({"conversation_id": f"{k:06d}"} for k in range(n))
    run.write(
        "conversations.jsonl",
        (talks[k % len(talks)].model_copy(update=name) for k, name in enumerate(named)),
    )


def measure_answers(page: Any, address: str, folder: Path, n: int) -> dict[str, list[float]]:
    """Seconds until the kernel has answered clicks, choices and what is typed."""
    path = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "bench")]
    source = LOOK.format(path=path, folder=str(folder / "runs"))
    jupyterlab.write_notebook(folder / "notebooks" / "look.ipynb", source, FAULTS)
    jupyterlab.run_cells(page, address, "look")
    page.get_by_text(f"of {n:,} conversations").first.wait_for()
    page.get_by_role("button", name="went wrong").first.wait_for()
    return {
        "node": _time_faulty(page),
        "talk": _time_choices(page),
        "filter": _time_typed(page, n, "words", WORDS),
        "path": _time_typed(page, n, "path", _list_paths(page)),
        "page": _time_pages(page),
    }


def _time_faulty(page: Any) -> list[float]:
    seconds = []
    for number in range(CLICKED):
        before = page.evaluate(PLACE)
        seconds.append(time_act(page, PRESS_FAULTY, IS_CHOSEN, [number, before]))
    return seconds


def _time_choices(page: Any) -> list[float]:
    seconds = []
    for number in range(1, CLICKED + 1):
        before = page.evaluate(SHOWN)
        seconds.append(time_act(page, CHOOSE, IS_READ, [number, before]))
    return seconds


def _list_paths(page: Any) -> tuple[str, ...]:
    """What is typed for a path: found nowhere, of one talk's steps more and more, everywhere."""
    told = page.evaluate(jupyterlab.ASK, "browser.entries[0].walk.split()")
    steps = ast.literal_eval(told)
    return ("zzz", steps[0], *(" > ".join(steps[: len(steps) // n]) for n in (2, 1)), "")


def _time_typed(page: Any, n: int, name: str, typed: Sequence[str]) -> list[float]:
    hints = {"words": "words", "path": "an id, or steps: a > b"}
    count = page.get_by_text(f"of {n:,} conversations").first
    count.wait_for()
    seconds = []
    for text in typed:
        wanted = page.evaluate(jupyterlab.ASK, f"len(browser.find({name}={text!r}))")
        told, before = f"{int(wanted):,} of {n:,} conversations", count.inner_text()
        took = time_act(page, TYPE, IS_COUNTED, [hints[name], text, told])
        # what finds as many as the one before tells nothing of when it was answered
        if not before.startswith(told):
            seconds.append(took)
    return seconds


def _time_pages(page: Any) -> list[float]:
    seconds = []
    for turned in range(2, TURNED + 2):
        first = f"conversations, {200 * (turned - 1) + 1:,} to "
        seconds.append(time_act(page, TURN, IS_TURNED, [str(turned), first]))
    return seconds


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--talks", type=int, default=10_000, help="conversations that are filtered")
    measured = ["chart", "notebook", "answers"]
    parser.add_argument("--only", nargs="*", choices=measured, default=measured)
    given = parser.parse_args(words)

    found: dict[str, list[float]] = {}
    with jupyterlab.open_page() as page, tempfile.TemporaryDirectory() as kept:
        page.set_default_timeout(LIMIT_MS)
        if "chart" in given.only:
            found |= measure_chart(page)
        if {"notebook", "answers"} & {*given.only}:
            folder = Path(kept)
            write_many(folder / "runs", given.talks if "answers" in given.only else 1)
            with jupyterlab.serve_lab(folder) as address:
                if "notebook" in given.only:
                    found |= measure_notebook(page, address, folder)
                if "answers" in given.only:
                    found |= measure_answers(page, address, folder, given.talks)
    middle = {name: statistics.median(seconds) for name, seconds in found.items()}
    late = [name for name, seconds in middle.items() if seconds > BARS_S[name]]
    for name, seconds in found.items():
        worst = f"at worst {max(seconds):.3f} s of {len(seconds)}"
        bar = f"bar {BARS_S[name]:g}{', missed' * (name in late)}"
        print(f"{name}: {middle[name]:.3f} s, {worst} ({bar})")
    print(json.dumps(found))
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
