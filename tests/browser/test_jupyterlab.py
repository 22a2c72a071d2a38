"""Notebooks in a real JupyterLab, seen in a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from charts import write_chart
from conftest import COFFEE
from test_fault_chart import chart_large
from test_writing_watched import CELLS as CELLS_THAT_WRITE

from workbench.domain import read_domain
from workbench.flowchart import read_flowchart
from workbench.show import explore_flowchart
from workbench.show.nodes import SCRIPT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
CALM = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
START_S = 180
"""Within which a browser, a server, a page or a kernel must be there: other processes may take the
machine."""

CELLS = """window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
    .filter(cell => cell.cell_type === 'code')"""
# the page says idle before the kernel is connected; cells run in between are lost
IS_READY = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
IS_DONE = f"""() => {CELLS}.every(cell => cell.execution_count)
    || {CELLS}.some(cell => cell.outputs.some(output => output.output_type === 'error'))"""
TALK = f"""
import sys
from pathlib import Path

sys.path.insert(0, {str(ROOT / "tests")!r})
from conftest import COFFEE, WordEncoder
from test_live import OPENING, Parrot

from workbench import recognizer
from workbench.domain import read_domain
from workbench.evaluate import labelling
from workbench.live import LiveTalk

encoder = WordEncoder(Path())
recognizer.load_encoder = lambda: encoder
labelling.PRACTICE, labelling.TRIALS = 40, 1
model = Parrot("Hello. Ready to order?", "Could you tell me the size?")
LiveTalk(model, labelling.fit_readers(read_domain(COFFEE)), OPENING)
"""
WATCH = """
from workbench.show import LiveTraining

watched = LiveTraining()
watched
"""
TRAIN = """
import time

lines = []
for step in range(1, 101):
    lines.append({"step": step, "loss": 3 / step, "tokens_per_s": 300, "eta_s": 600})
    watched.show(lines)
    time.sleep(0.1)
"""
SIDES = f"""
import sys

sys.path.insert(0, {str(ROOT / "tests")!r})
from conftest import COFFEE
from test_comparison import compare_some

from workbench.domain import read_domain

comparison = compare_some(read_domain(COFFEE))
comparison
"""
WRONG = f"""
import sys

sys.path.insert(0, {str(ROOT / "tests")!r})
from conftest import COFFEE
from test_fault_chart import chart_some

from workbench.domain import read_domain

chart = chart_some(read_domain(COFFEE))
chart
"""
ASK = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = kernel.requestExecute({ code: "", user_expressions: { answer: code } });
    const told = (await asked.done).content.user_expressions.answer;
    return told.data ? told.data["text/plain"] : told.evalue;
}"""
NODES = "drawn => drawn.map(svg => svg.querySelectorAll('g.node').length)"


@pytest.fixture
def lab(tmp_path, request):
    """Address of a JupyterLab that has the notebooks at size smoke and nobody's settings.

    Of travel, unless a test says of which domain.
    """
    with serve_lab(tmp_path, getattr(request, "param", "travel_booking")) as address:
        yield address


@pytest.fixture
def page():
    """A page of headless Chromium, tall enough to show a notebook as a whole."""
    with open_page() as page:
        yield page


@contextmanager
def serve_lab(folder: Path, domain: str = "travel_booking") -> Iterator[str]:
    """Address of a JupyterLab in a folder, which gets the notebooks of a domain at size smoke."""
    pytest.importorskip("jupyterlab", reason='no JupyterLab here: pip install -e ".[lab]"')
    copy_project(folder, domain)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command(address, folder), env=environment(folder), stdout=log, stderr=log
        )
        try:
            wait_for(address, server, log.name)
            yield address
        finally:
            server.terminate()
            server.wait(START_S)


@contextmanager
def open_page() -> Iterator[Any]:
    """A page of a browser that is closed with it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason='no playwright: see extra "dev"')
    if not CHROMIUM:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CALM.split(), timeout=START_S * 1000
        )
        page = browser.new_page(viewport={"width": 1280, "height": 2000})
        # a processor that is shared is slow
        page.set_default_timeout(90_000)
        yield page
        browser.close()


def test_one_talks_with_a_model_and_sees_where_the_talk_stands(page, lab, tmp_path):
    write_notebook(tmp_path / "notebooks" / "talk.ipynb", TALK)
    run_cells(page, lab, "talk")
    output = page.locator(".jp-OutputArea-output").last
    output.get_by_text("Ready to order?").wait_for()
    output.get_by_placeholder("Say something").fill("I want a latte. <b>Now</b>")
    output.get_by_placeholder("Say something").press("Enter")
    output.get_by_text("Could you tell me the size?").wait_for()
    assert output.get_by_text("I want a latte. <b>Now</b>").count() == 1
    output.locator("svg[aria-label*='take_order.missing']").wait_for()
    output.get_by_text("drink: latte").wait_for()
    # one writes on without a click
    page.wait_for_function("document.activeElement.placeholder?.startsWith('Say something')")
    keep_picture(page, "talk")
    output.get_by_role("button", name="Take back").click()
    output.get_by_text("Could you tell me the size?").wait_for(state="detached")
    output.get_by_text("Ready to order?").wait_for()


def test_a_training_is_drawn_while_it_runs(page, lab, tmp_path):
    write_notebook(tmp_path / "notebooks" / "watch.ipynb", WATCH, TRAIN)
    open_notebook(page, lab, "watch")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_text("minutes left").wait_for()
    page.locator(".jp-OutputArea-output img").wait_for()
    keep_picture(page, "training")
    assert page.evaluate(CELLS)[1]["execution_count"] is None
    page.wait_for_function(IS_DONE, timeout=60_000)


def test_a_writing_is_drawn_while_it_runs_and_stopped_in_the_toolbar(page, lab, tmp_path):
    write_notebook(tmp_path / "notebooks" / "write.ipynb", *CELLS_THAT_WRITE)
    open_notebook(page, lab, "write")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    output = page.locator(".jp-OutputArea-output")
    output.get_by_text("Kept: conversation").wait_for()
    output.get_by_text("<b>planted</b>").wait_for()
    assert page.evaluate(CELLS)[2]["execution_count"] is None
    keep_picture(page, "writing")
    page.locator("[data-jp-item-name='interrupt'] jp-button").click()
    output.locator("p", has_text="Stopped: ").wait_for()
    # a still has taken the widgets' place
    assert output.locator(".jupyter-widgets").count() == 0
    keep_picture(page, "stopped")


def test_bars_are_clicked_or_walked_to_and_the_kernel_knows(page, lab, tmp_path):
    complaints = listen(page)
    write_notebook(tmp_path / "notebooks" / "sides.ipynb", SIDES)
    run_cells(page, lab, "sides")
    output = page.locator(".jp-OutputArea-output").last
    bars = output.locator("[data-row]")
    bars.nth(1).click()
    output.get_by_text("here they part: floor/base does take_order.leave").wait_for()
    assert page.evaluate(ASK, "comparison.shown.condition") == "'floor/base'"
    bars.nth(0).focus()
    page.keyboard.press("Enter")
    output.get_by_text("here they part: compiled does take_order.missing").wait_for()
    assert page.evaluate(ASK, "len(comparison.found)") == "4"
    assert bars.nth(0).get_attribute("aria-pressed") == "true"
    keep_picture(page, "sides")
    output.get_by_label("by", exact=True).select_option("hub")
    output.locator("[data-row] title", has_text="take_order").first.wait_for(state="attached")
    assert page.evaluate(ASK, "comparison.name") == "'branch_correct'"
    assert complaints == []


def test_a_node_is_clicked_or_walked_to_and_what_went_wrong_there_is_listed(page, lab, tmp_path):
    complaints = listen(page)
    write_notebook(tmp_path / "notebooks" / "wrong.ipynb", WRONG)
    run_cells(page, lab, "wrong")
    output = page.locator(".jp-OutputArea-output").last
    output.get_by_role("button", name="pay: 2 went wrong").click()
    output.locator("option", has_text="seen s1: wrong facts").wait_for(state="attached")
    assert page.evaluate(ASK, "chart.place") == "'pay'"
    hub = output.get_by_role("button", name="take_order: 2 went wrong")
    hub.focus()
    page.keyboard.press("Enter")
    output.locator("option", has_text="seen s0: wrong branch").wait_for(state="attached")
    assert hub.get_attribute("aria-pressed") == "true"
    keep_picture(page, "wrong")
    drawn = output.locator("svg[role=group]")
    before = drawn.bounding_box()["width"]
    output.get_by_role("button", name="larger").click()
    assert drawn.bounding_box()["width"] > before
    output.get_by_label("condition", exact=True).select_option("floor/base")
    output.get_by_text("floor/base, all customers: something wrong in 1 of 1").wait_for()
    assert output.get_by_role("button", name="went wrong").count() == 2
    assert complaints == []


def listen(page) -> list[str]:
    """What the page complains about from now on."""
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


@pytest.mark.parametrize(
    "lab",
    [str(COFFEE), pytest.param("travel_booking", marks=pytest.mark.exhaustive)],
    ids=["coffee", "travel"],
    indirect=True,
)
def test_all_five_notebooks_run_and_draw_in_jupyterlab(page, lab, request):
    complaints = listen(page)
    domain = read_domain(request.node.callspec.params["lab"])
    n_nodes = len(domain.flowchart.nodes)
    # to be clicked, beside its text, covered, and path by path
    assert run_all(page, lab, "1_design").count(n_nodes) == 4
    run_all(page, lab, "2_synthesize")
    # planned, asked for, written, kept, dropped, of which one is seen, and beside a conversation
    assert run_all(page, lab, "3_inspect").count(n_nodes) == 6
    assert page.locator("[data-switch] svg:visible").count() == 1
    page.get_by_role("radio", name="planned").click()
    assert page.locator("[data-switch]").get_attribute("data-chosen") == "planned"
    assert page.locator("[data-switch] svg:visible").count() == 1
    run_cells(page, lab, "4_train")
    keep_picture(page, "4_train")
    assert page.get_by_text("Done: step").count() == 1
    assert page.get_by_role("img", name="Done: step").count() == 1
    run_cells(page, lab, "5_evaluate")
    keep_picture(page, "5_evaluate")
    outputs = [output for cell in page.evaluate(CELLS) for output in cell["outputs"]]
    assert [one for one in outputs if one["output_type"] == "error"] == []
    bars = page.locator("[data-row]")
    assert bars.count() > 10
    bars.last.click()
    assert bars.last.get_attribute("aria-pressed") == "true"
    page.get_by_placeholder("Say something").wait_for()
    assert complaints == []


def write_notebook(file: Path, *sources: str) -> None:
    """A notebook of these cells."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [cell | {"source": source} for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
    file.write_text(json.dumps(notebook))


def test_a_flowchart_is_clicked_through_in_a_page_without_a_kernel(page, travel, tmp_path):
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    file = tmp_path / "chart.html"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{explore_flowchart(travel).html}", "utf-8")
    page.goto(file.as_uri())
    page.locator("g.node", has_text="final_routing").first.click()
    card = page.locator("details:visible")
    assert card.count() == 1
    assert "final_routing (hub)" in card.inner_text()
    card.get_by_role("button", name="success").first.click()
    assert page.locator("[data-explore]").get_attribute("data-chosen") == "success"
    page.keyboard.press("Escape")
    assert page.locator("details:visible").count() > len(travel.flowchart.nodes)
    search = page.get_by_placeholder("Find a node")
    search.fill("lets the customer go")
    assert page.get_by_text("0 of 14 nodes").count() == 1
    search.fill("DEPOSIT")
    search.press("Enter")
    assert page.locator("[data-explore]").get_attribute("data-chosen") != ""
    before = page.locator("svg").get_attribute("viewBox")
    page.get_by_role("button", name="larger").click()
    assert page.locator("svg").get_attribute("viewBox") != before
    page.get_by_role("button", name="fit").click()
    after = page.locator("svg").get_attribute("viewBox")
    assert [*map(float, after.split())] == [*map(float, before.split())]
    page.locator("g.node").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("svg").get_attribute("viewBox") != after
    assert "14 nodes" in page.locator("[data-explore] svg").get_attribute("aria-label")
    keep_picture(page, "explore")
    assert complaints == []


def test_of_a_large_chart_a_chosen_node_can_be_read(page, tmp_path):
    claims = read_domain(ROOT / "domains" / "insurance_claims")
    file = tmp_path / "chart.html"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{explore_flowchart(claims).html}", "utf-8")
    page.goto(file.as_uri())
    scale = "document.querySelector('[data-explore] svg').getScreenCTM().a"
    assert page.evaluate(scale) < 0.5
    search = page.get_by_placeholder("Find a node")
    for node in claims.flowchart.hubs[0].id, [*claims.flowchart.nodes][-1]:
        search.fill(node)
        search.press("Enter")
        chosen = page.locator("[data-explore]").get_attribute("data-chosen")
        assert page.evaluate(scale) > 0.8
        shown = page.locator(f"g.node:has(> title:text-is('{chosen}'))").bounding_box()
        frame = page.locator("[data-explore] svg").bounding_box()
        assert frame["x"] <= shown["x"] <= frame["x"] + frame["width"] - shown["width"]
        assert frame["y"] <= shown["y"] <= frame["y"] + frame["height"] - shown["height"]
    page.get_by_role("button", name="fit").click()
    assert page.evaluate(scale) < 0.5


def show_nodes(page, tmp_path, drawn):
    """The chart by itself on a page, with a kernel that answers nothing."""
    names = ("svg", "looks", "alt", "names", "chosen")
    state = {name: getattr(drawn, name) for name in names}
    script = SCRIPT.read_text("utf-8").replace("export default { render };", "")
    (tmp_path / "nodes.html").write_text(
        f"<!DOCTYPE html><meta charset=utf-8><div id=here></div><script>{script}"
        f"const state = {json.dumps(state)}; const told = {{}};"
        "const model = { get: (name) => state[name], save_changes: () => told.chosen?.(),"
        "set: (name, value) => { state[name] = value; },"
        "on: (name, tell) => { told[name.split(':')[1]] = tell; } };"
        "render({ model, el: document.getElementById('here') });</script>",
        "utf-8",
    )
    page.goto((tmp_path / "nodes.html").as_uri())


LOOKS = """(svg) => {
    const drawn = svg ? new DOMParser().parseFromString(svg, "image/svg+xml") : document;
    const names = ["fill", "stroke", "stroke-width"];
    return [...drawn.querySelectorAll("g.node, g.edge")].map((part) => [
        part.querySelector("title").textContent,
        ...[...part.querySelectorAll("path, polygon, ellipse, rect, text")].map((shape) =>
            names.map((name) => (shape.getAttribute(name) ?? "").toLowerCase()))]);
}"""


@pytest.mark.parametrize("n_steps", [0, 7, 30])
def test_a_walk_looks_as_if_it_were_laid_out_for_itself(page, tmp_path, n_steps):
    from workbench.design.paths import sample_paths
    from workbench.show.flow import draw_flowchart
    from workbench.show.nodes import Nodes

    claims = read_domain(ROOT / "domains" / "insurance_claims")
    walk = sample_paths(claims.flowchart, 1, 3)[0].steps[:n_steps]
    chart = Nodes()
    chart.show_walk(claims.flowchart, ["opening"])
    chart.show_walk(claims.flowchart, walk)
    show_nodes(page, tmp_path, chart)
    shown, wanted = (
        page.evaluate(LOOKS, svg) for svg in ("", draw_flowchart(claims.flowchart, walk=walk).svg)
    )
    assert len(shown) > len(claims.flowchart.nodes)
    assert shown == wanted


def test_nodes_of_a_large_chart_are_walked_to_and_their_letters_can_be_read(page, tmp_path):
    drawn = chart_large()._widgets["chart"]
    show_nodes(page, tmp_path, drawn)
    assert page.evaluate("document.querySelector('svg').getScreenCTM().a") >= 0.6
    nodes = page.locator("g[role=button]")
    assert nodes.count() == len(drawn.names)
    for name in ("larger", "larger"):
        page.get_by_role("button", name=name).click()
    nodes.last.focus()
    page.keyboard.press("Enter")
    assert nodes.last.get_attribute("aria-pressed") == "true"
    assert page.evaluate("state.chosen") in drawn.names
    frame = page.locator("#here > div").last.bounding_box()
    shown = nodes.last.bounding_box()
    assert frame["y"] <= shown["y"] <= frame["y"] + frame["height"] - shown["height"]
    keep_picture(page, "nodes")
    page.get_by_role("button", name="fit").click()
    seen = page.locator("svg > g").bounding_box()
    frame = page.locator("#here > div").last.bounding_box()
    assert frame["x"] <= seen["x"] <= frame["x"] + frame["width"] - seen["width"]
    assert frame["y"] <= seen["y"] <= frame["y"] + frame["height"] - seen["height"]
    keep_picture(page, "nodes_fitted")


def test_a_route_leads_to_the_card_of_a_node_that_is_not_drawn(page, coffee_domain, tmp_path):
    complaints = listen(page)
    chart = read_flowchart(write_chart(tmp_path, 210))
    file = tmp_path / "chart.html"
    html = explore_flowchart(replace(coffee_domain, flowchart=chart)).html
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{html}", "utf-8")
    page.goto(file.as_uri())
    card = page.locator(f"details[data-node='{chart.start}']")
    card.locator("summary").click()
    to = card.locator("[data-to]").first.get_attribute("data-to")
    assert page.locator(f"g.node:has(> title:text-is('{to}'))").count() == 0
    card.locator("[data-to]").first.click()
    assert page.locator("details:visible").get_attribute("data-node") == to
    assert page.evaluate("document.activeElement.parentNode.dataset.node") == to
    assert complaints == []


def keep_picture(page, name: str) -> None:
    """A screenshot, where an environment variable names a folder for them."""
    if folder := os.environ.get("WORKBENCH_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def run_all(page, lab: str, name: str) -> list[int]:
    """Run a notebook's cells, check what came out; returns the nodes in each picture drawn."""
    run_cells(page, lab, name)
    keep_picture(page, name)
    outputs = [output for cell in page.evaluate(CELLS) for output in cell["outputs"]]
    told = [output for output in outputs if output["output_type"] in ("error", "stream")]
    # bars are all that is written beside what cells show
    assert [one for one in told if "%|" not in one.get("text", "")] == []
    assert page.locator(".jp-OutputArea-output table").count() >= 2
    # wherever scripts run, each picture's image is replaced by its drawing; in widgets none run
    assert page.locator(".jp-OutputArea-output img:not(.jupyter-widgets img)").count() == 0
    return page.locator(".jp-OutputArea-output svg").evaluate_all(NODES)


def run_cells(page, lab: str, name: str) -> None:
    """Open a notebook and run all its cells."""
    open_notebook(page, lab, name)
    # not awaited: its end would come without a limit
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(IS_DONE, timeout=400_000)


def open_notebook(page, lab: str, name: str) -> None:
    """Open a notebook, and wait for its kernel."""
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset", timeout=START_S * 1000)
    page.wait_for_function(IS_READY, timeout=START_S * 1000)


def copy_project(folder: Path, domain: str = "travel_booking") -> None:
    """`domains`, and `notebooks` beside it, as kernels look for them, of a domain at size smoke."""
    (folder / "domains").symlink_to(ROOT / "domains")
    (folder / "notebooks").mkdir()
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        smaller = file.read_text("utf-8").replace(
            'size: str = \\"demo\\"', 'size: str = \\"smoke\\"'
        )
        smaller = smaller.replace('\\"travel_booking\\"', f'\\"{domain}\\"')
        assert "smoke" in smaller
        assert domain in smaller
        (folder / "notebooks" / file.name).write_text(smaller, "utf-8")
    # by default, cells out of sight are not in the page
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))


def command(address: str, folder: Path) -> list[str]:
    """JupyterLab without a token, news, or a browser of its own; the app is open to scripts."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": address.rpartition(":")[2],
        "ServerApp.root_dir": folder,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]


def environment(folder: Path) -> dict[str, str]:
    """Empty folders for all that Jupyter keeps, and runs that are mixed with nobody's."""
    kept = ("config", "data", "runtime")
    jupyter = {f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in kept}
    return {
        **os.environ,
        **jupyter,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "PYTHONPATH": str(ROOT),
        "WORKBENCH_RUNS": str(folder / "runs"),
    }


def wait_for(address: str, server: subprocess.Popen, log: str) -> None:
    """Until the server answers.

    Raises:
        AssertionError: it ended, or did not answer in `START_S`.
    """
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return
        except OSError:
            # nobody listens, or it is too busy yet to answer, or breaks the connection off
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab does not answer at {address}: {Path(log).read_text()}")
