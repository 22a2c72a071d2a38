"""What the notebooks' pictures cost in a browser: the largest flowchart, clicks, and filters.

Run it with `python tests/bench/bench_browser.py`; it needs Chromium, playwright and JupyterLab. The
chart is that of `domains/insurance_claims`. "First picture" is from the call that draws it to its
boxes being in the page, "click" from the press to the next painted frame with the card open, the
middle of several. "Filter" is from a word typed over 10,000 conversations (copies of those of a
run) to the list that follows it, in JupyterLab with its kernel; "path" the same for steps in their
order, and "page" for the number of another page of the list. Seconds are of the clock, so
nothing else should run. Exits with 1 if anything takes longer than its bar.
"""

import argparse
import ast
import json
import socket
import statistics
import subprocess
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

BARS_S = {"first picture": 2.0, "click": 0.15, "filter": 0.3, "path": 0.3, "page": 0.3}
CLICKED = 9
"""Nodes that are clicked."""

WORDS = ("zzz", "the", "book", "thank you", "price", "")
"""What is typed, one after the other: found nowhere, often, everywhere."""

TURNED = 5
"""Pages that are turned to."""

CLICK = """(number) => new Promise((told) => {
    const start = performance.now();
    document.querySelectorAll("g.node")[number].dispatchEvent(
        new MouseEvent("click", { bubbles: true }));
    requestAnimationFrame(() => setTimeout(() => told(performance.now() - start)));
})"""
LOOK = """
import sys

sys.path[:0] = {path!r}
from bench_browser import make_browser

browser = make_browser({folder!r})
browser
"""


def measure_chart(page: Any) -> dict[str, float]:
    """Seconds until the chart is drawn, and until a click is answered."""
    domain = read_domain(ROOT / "domains" / "insurance_claims")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chart.html"
        start = time.perf_counter()
        html = explore_flowchart(domain).html
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", "utf-8")
        page.goto(file.as_uri())
        page.locator("g.node").nth(len(domain.flowchart.nodes) - 1).wait_for()
        first = time.perf_counter() - start
        clicks = [page.evaluate(CLICK, number) / 1000 for number in range(CLICKED)]
        assert page.locator("[data-explore]").get_attribute("data-chosen")
    return {"first picture": first, "click": statistics.median(clicks)}


def make_browser(folder: str) -> Any:
    """The widget over the 10,000 conversations that lie in a folder."""
    from workbench.run import open_run
    from workbench.show import Browser

    domain = read_domain(ROOT / "domains" / "insurance_claims")
    return Browser(open_run(domain.name, "bench", root=Path(folder)), domain.flowchart)


def write_many(folder: Path, n: int) -> None:
    """A run of n conversations: talks of the phrase book, again and again under other names."""
    from workbench.design.paths import sample_paths
    from workbench.run import open_run
    from workbench.synthesize.scenarios import plan_scenario
    from workbench.synthesize.writing import write_talk

    domain = read_domain(ROOT / "domains" / "insurance_claims")
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


def measure_filter(page: Any, n: int) -> dict[str, float]:
    """Seconds until the list follows a word that is typed."""
    with tempfile.TemporaryDirectory() as kept, socket.socket() as free:
        folder = Path(kept)
        write_many(folder / "runs", n)
        jupyterlab.copy_project(folder)
        path = [str(ROOT), str(ROOT / "tests" / "bench")]
        source = LOOK.format(path=path, folder=str(folder / "runs"))
        jupyterlab.write_notebook(folder / "notebooks" / "look.ipynb", source)
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        free.close()
        with (folder / "lab.log").open("w") as log:
            server = subprocess.Popen(
                jupyterlab.command(address, folder),
                env=jupyterlab.environment(folder),
                stdout=log,
                stderr=log,
            )
            try:
                jupyterlab.wait_for(address, server, log.name)
                jupyterlab.run_cells(page, address, "look")
                return {
                    "filter": statistics.median(_time_typed(page, n, "words", WORDS)),
                    "path": statistics.median(_time_typed(page, n, "path", _list_paths(page))),
                    "page": statistics.median(_time_pages(page)),
                }
            finally:
                server.terminate()
                server.wait(30)


def _list_paths(page: Any) -> tuple[str, ...]:
    """What is typed for a path: found nowhere, of one talk's steps more and more, everywhere."""
    told = page.evaluate(jupyterlab.ASK, "browser.entries[0].walk.split()")
    steps = ast.literal_eval(told)
    return ("zzz", steps[0], *(" > ".join(steps[: len(steps) // n]) for n in (2, 1)), "")


def _time_typed(page: Any, n: int, name: str, typed: Sequence[str]) -> list[float]:
    hints = {"words": "words", "path": "an id, or steps: a > b"}
    field = page.get_by_placeholder(hints[name], exact=True)
    count = page.get_by_text(f"of {n:,} conversations").first
    count.wait_for()
    seconds = []
    for text in typed:
        wanted = page.evaluate(jupyterlab.ASK, f"len(browser.find({name}={text!r}))")
        before = count.inner_text()
        start = time.perf_counter()
        field.fill(text)
        page.get_by_text(f"{int(wanted):,} of {n:,} conversations").first.wait_for()
        # what finds as many as the one before tells nothing of when it was answered
        if count.inner_text() != before:
            seconds.append(time.perf_counter() - start)
    return seconds


def _time_pages(page: Any) -> list[float]:
    # JupyterLab takes the arrow keys for itself, so that a page is turned to by its number
    number = page.locator(".widget-readout:visible").first
    seconds = []
    for turned in range(2, TURNED + 2):
        start = time.perf_counter()
        number.fill(str(turned))
        number.press("Enter")
        page.get_by_text(f"conversations, {200 * (turned - 1) + 1:,} to ").first.wait_for()
        seconds.append(time.perf_counter() - start)
    return seconds


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--talks", type=int, default=10_000, help="conversations that are filtered")
    parser.add_argument(
        "--only", nargs="*", choices=["chart", "filter"], default=["chart", "filter"]
    )
    given = parser.parse_args(words)
    from playwright.sync_api import sync_playwright

    found: dict[str, float] = {}
    with sync_playwright() as playwright:
        options = jupyterlab.CALM.split()
        browser = playwright.chromium.launch(executable_path=jupyterlab.CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 2000})
        page.set_default_timeout(120_000)
        if "chart" in given.only:
            found |= measure_chart(page)
        if "filter" in given.only:
            found |= measure_filter(page, given.talks)
        browser.close()
    late = [name for name, seconds in found.items() if seconds > BARS_S[name]]
    for name, seconds in found.items():
        print(f"{name}: {seconds:.3f} s (bar {BARS_S[name]:g}{', missed' * (name in late)})")
    print(json.dumps(found))
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
