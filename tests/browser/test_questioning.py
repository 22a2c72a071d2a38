"""Conversations looked through and judged, and a model talked with, in a notebook of JupyterLab."""

import time

import pytest
from conftest import COFFEE
from test_browser import write_some
from test_jupyterlab import (
    ASK,
    CELLS,
    ROOT,
    keep_picture,
    listen,
    open_page,
    run_cells,
    serve_lab,
    write_notebook,
)

from workbench.domain import read_domain
from workbench.inspect.reviews import read_reviews
from workbench.run import open_run
from workbench.show import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.exhaustive]

PATIENCE_MS = 180_000
"""For each thing waited for: other processes may take the machine meanwhile."""

LOOK = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from conftest import COFFEE, WordEncoder
from test_live import OPENING, Parrot

from workbench import recognizer
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.show import Browser

domain = read_domain(COFFEE)
browser = Browser(open_run("coffee", "look", Path({folder!r})), domain.flowchart)
browser
"""
TALK = """
from workbench.baseline import Baseline
from workbench.design.paths import sample_paths
from workbench.evaluate import labelling
from workbench.live import LiveTalk
from workbench.synthesize.scenarios import plan_scenario

encoder = WordEncoder(Path())
recognizer.load_encoder = lambda: encoder
labelling.PRACTICE, labelling.TRIALS = 40, 1
paths = sample_paths(domain.flowchart, 6, 3)
plans = [plan_scenario(path, "test", domain, 7, n) for n, path in enumerate(paths)]
other = Baseline("floor/base", lambda: Parrot(*["Nice weather."] * 50), OPENING)
readers = labelling.fit_readers(domain)
live = LiveTalk(Parrot(), readers, OPENING, plans, baselines=[other])
live
"""
SAID = "[message.content for message in live.messages[1:]]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the run of six conversations lies."""
    return tmp_path_factory.mktemp("questioning")


@pytest.fixture(scope="module")
def page(folder):
    """A notebook whose first cell shows the browser, and whose second a talk."""
    write_some(folder / "runs", read_domain(COFFEE))
    with open_page() as page, serve_lab(folder) as lab:
        page.set_default_timeout(PATIENCE_MS)
        complaints = listen(page)
        look = LOOK.format(tests=str(ROOT / "tests"), folder=str(folder / "runs"))
        write_notebook(folder / "notebooks" / "question.ipynb", look, TALK)
        run_cells(page, lab, "question")
        yield page
        keep_picture(page, "questioning")
        assert complaints == []


@pytest.fixture
def run(folder):
    return open_run("coffee", "look", folder / "runs")


@pytest.fixture
def browser(page):
    """The cell of the browser, with nothing chosen or typed."""
    cell = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea").nth(0)
    for facet in Browser.facets:
        cell.get_by_label(facet, exact=True).select_option("any")
    for hint in ("words", "an id, or steps: a > b"):
        cell.get_by_placeholder(hint, exact=True).fill("")
    cell.get_by_text("6 of 6 conversations").wait_for()
    return cell


@pytest.fixture
def live(page):
    """The cell of the talk, begun anew by a person."""
    cell = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea").nth(1)
    cell.get_by_label("beside", exact=True).select_option("nobody")
    cell.get_by_label("customer", exact=True).select_option("I talk myself")
    cell.get_by_role("button", name="Start over").click()
    return cell


def name_found(page):
    told = "[browser.entries[n].talk.conversation_id for n in browser.found]"
    return page.evaluate(ASK, told)


def test_conversations_are_found_by_what_is_chosen(page, browser, run):
    known = Browser(run, read_domain(COFFEE).flowchart)
    for facet in ("outcome", "customer", "route", "fate"):
        value = known.entries[0].facets[facet].split(", ")[-1]
        found = known.find(**{facet: value})
        browser.get_by_label(facet, exact=True).select_option(value)
        browser.get_by_text(f"{len(found)} of 6 conversations").wait_for()
        assert name_found(page) == repr([talk.conversation_id for talk in found])
        browser.get_by_label(facet, exact=True).select_option("any")
        browser.get_by_text("6 of 6 conversations").wait_for()


def hear(page, code: str, wanted: str) -> None:
    """Ask the kernel until it says what is wanted: what is done in the page reaches it later."""
    until = time.monotonic() + 20
    while (told := page.evaluate(ASK, code)) != wanted and time.monotonic() < until:
        page.wait_for_timeout(100)
    assert told == wanted


def test_conversations_are_found_by_what_is_typed(page, browser, run):
    known = Browser(run, read_domain(COFFEE).flowchart)
    steps = known.entries[2].walk.split()
    words = known.entries[2].talk.messages[-1].content
    typed = {"words": {"words": words}, "an id, or steps: a > b": {"path": " > ".join(steps)}}
    for hint, wanted in typed.items():
        found = known.find(**wanted)
        browser.get_by_placeholder(hint, exact=True).fill(*wanted.values())
        browser.get_by_text(f"{len(found)} of 6 conversations").wait_for()
        assert name_found(page) == repr([talk.conversation_id for talk in found])
        browser.get_by_placeholder(hint, exact=True).fill("")
        browser.get_by_text("6 of 6 conversations").wait_for()


def test_a_conversation_is_chosen_and_gone_through_by_keys(page, browser):
    names = browser.locator("select[size]")
    names.select_option(index=1)
    names.focus()
    page.keyboard.press("ArrowDown")
    hear(page, "browser.place", "2")
    n = int(page.evaluate(ASK, "browser._widgets['message'].value"))
    handle = browser.locator(".widget-hslider:visible .noUi-handle").last
    handle.focus()
    page.keyboard.press("ArrowLeft")
    hear(page, "browser._widgets['message'].value", str(n - 1))
    # letters go to what begins with them, and are no commands to the notebook, such as to cut
    browser.get_by_label("fate", exact=True).focus()
    page.keyboard.press("d")
    browser.get_by_text("1 of 6 conversations").wait_for()
    page.keyboard.press("x")
    assert len(page.evaluate(CELLS)) == 2


def test_a_rejection_needs_a_reason_and_is_kept_in_the_run(page, browser, run):
    browser.locator("select[size]").select_option(index=3)
    browser.get_by_role("button", name="Reject").click()
    browser.get_by_text("a rejection needs a reason").wait_for()
    browser.get_by_placeholder("why").fill("sounds odd")
    browser.get_by_role("button", name="Reject").click()
    browser.get_by_text("kept in reviews.jsonl; screen the run again").wait_for()
    judged = Browser(run, read_domain(COFFEE).flowchart).entries[3].talk.conversation_id
    assert read_reviews(run)[judged].reason == "sounds odd"
    browser.get_by_label("verdict", exact=True).select_option("reject")
    browser.get_by_text("1 of 6 conversations").wait_for()
    assert name_found(page) == repr([judged])
    browser.get_by_role("button", name="Accept").click()
    browser.get_by_text("kept in reviews.jsonl; screen the run again").wait_for()
    assert read_reviews(run)[judged].verdict == "accept"


def test_a_message_is_put_in_other_words(page, browser, run):
    browser.locator("select[size]").select_option(index=4)
    words = browser.get_by_placeholder("the words of this message")
    words.fill("Farewell <b>then</b>.")
    browser.get_by_role("button", name="Save these words").click()
    browser.get_by_text("kept in reviews.jsonl; screen the run again").wait_for()
    browser.get_by_label("the conversation").get_by_text("Farewell <b>then</b>.").wait_for()
    fixed = Browser(run, read_domain(COFFEE).flowchart).entries[4].talk.conversation_id
    assert read_reviews(run)[fixed].contents[-1] == "Farewell <b>then</b>."
    hear(page, "browser.talk.messages[-1].content", "'Farewell <b>then</b>.'")
    browser.get_by_placeholder("words", exact=True).fill("farewell <b>")
    browser.get_by_text("1 of 6 conversations").wait_for()


def test_what_is_sent_is_answered_taken_back_and_begun_anew(page, live):
    for words in ("I want a latte.", "A small one."):
        live.get_by_placeholder("Say something").fill(words)
        live.get_by_role("button", name="Send").click()
        live.get_by_label("the talk").get_by_text(words).wait_for()
        live.locator("button:enabled", has_text="Send").wait_for()
    live.get_by_text("drink: latte").wait_for()
    hear(page, f"{SAID}[1::2]", "['I want a latte.', 'A small one.']")
    live.get_by_role("button", name="Take back").click()
    live.get_by_text("A small one.").wait_for(state="detached")
    hear(page, f"{SAID}[1::2]", "['I want a latte.']")
    live.get_by_role("button", name="Start over").click()
    live.get_by_text("I want a latte.").wait_for(state="detached")
    hear(page, f"len({SAID})", "1")


def test_a_customer_of_a_scenario_plays_its_part(page, live):
    live.get_by_role("button", name="Customer, go on").click()
    live.get_by_text("There is no customer here; choose one above.").wait_for()
    live.get_by_label("customer", exact=True).select_option(index=1)
    live.get_by_text("There is no customer here").wait_for(state="detached")
    hear(page, "live.customer.scenario == live.customers[0][1]", "True")
    go_on = live.get_by_role("button", name="Customer, go on")
    assert go_on.evaluate("button => button.scrollWidth <= button.clientWidth")
    go_on.click()
    live.locator("button:enabled", has_text="Customer, go on").wait_for()
    said = page.evaluate(ASK, f"{SAID}[1]")
    live.get_by_label("the talk").get_by_text(said[1:-1]).first.wait_for()
    # the next one comes by a key alone
    page.wait_for_function("document.activeElement.textContent === 'Customer, go on'")


def test_a_baseline_answers_the_same_beside_the_model(page, live):
    live.get_by_placeholder("Say something").fill("I want a latte.")
    live.get_by_placeholder("Say something").press("Enter")
    live.get_by_label("the talk").get_by_text("I want a latte.").wait_for()
    live.locator("button:enabled", has_text="Send").wait_for()
    live.get_by_label("beside", exact=True).select_option("floor/base")
    live.get_by_text("Nice weather.").first.wait_for()
    assert page.evaluate(ASK, "live.seen_beside.conversation.messages[2].content") == (
        "'I want a latte.'"
    )
    keep_picture(page, "beside")
    live.get_by_label("beside", exact=True).select_option("nobody")
    live.get_by_text("Nice weather.").first.wait_for(state="detached")
    hear(page, "live.beside", "''")
