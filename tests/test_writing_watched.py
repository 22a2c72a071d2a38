"""Watching a writing: what is said and drawn, how often, and that it is stopped without a loss."""

import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from test_writing import make_run, written

from workbench.conversation import Conversation, Label, Message
from workbench.run import open_run
from workbench.show.watched import EVERY_S
from workbench.show.writing import MOST_MESSAGES, LiveWriting
from workbench.synthesize import progress, writing
from workbench.synthesize.checking import Checker
from workbench.synthesize.progress import FEW, WritingLog
from workbench.synthesize.rejections import Rejection, give_up
from workbench.synthesize.writing import write_conversations

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'
WIDGET = "application/vnd.jupyter.widget-view+json"


class Handle:
    """A display that keeps what it was last updated with."""

    def __init__(self):
        self.bundles = []

    def update(self, bundle, raw):
        assert raw
        self.bundles.append(bundle)


def make_talk(*texts, number=0):
    """A conversation in which the agent says the first of these, the customer the next."""
    roles = ["system", *(["assistant", "user"] * len(texts))]
    pairs = zip(roles, ["Be kind.", *texts], strict=False)
    messages = [Message(role=role, content=text) for role, text in pairs]
    names = {"conversation_id": f"talk{number}", "scenario_id": f"s{number}", "path_id": "p"}
    labels = [Label() for _ in messages]
    return Conversation(
        **names, split="train", teacher="phrase_book", messages=messages, labels=labels, hashes={}
    )


def reject(reason, number=0, **more):
    parts = {"conversation_id": f"bad{number}", "scenario_id": f"s{number}", "step": "pay"}
    return Rejection(**(parts | {"reason": reason, "text": ["Pay now."]} | more))


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is set."""
    seconds = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: seconds[0])
    return seconds


@pytest.fixture
def live(clock):
    return LiveWriting(lambda: clock[0])


@pytest.fixture
def log(tmp_path, live):
    return WritingLog(open_run("any", "one", tmp_path), 1000, progress=False, watcher=live)


def test_what_is_known_is_said(live, log, clock):
    assert LiveWriting().describe() == "Nothing is written yet."
    log.begin(1000)
    assert live.describe() == (
        "0 of 1,000 conversations kept, 0 rejected, the first ones are under way"
    )
    clock[0] += 60
    for number in range(FEW):
        log.add(make_talk("Hello.", number=number), [])
    log.add(None, [reject("no fact"), reject("no step"), give_up("s0")])
    log.add(None, [reject("a stage direction", 1, role="customer", is_mended=True)])
    log.note_cost("$0.12 of $5.00", 2)
    assert live.describe() == (
        "20 of 1,000 conversations kept, 1 rejected, 1 message written anew, 1 given up, "
        "2 unanswered, spent: $0.12 of $5.00, 21 a minute, 47 minutes left"
    )


def test_time_left_is_not_guessed_from_few_or_from_others_than_those_that_are_left(log, clock):
    log.begin(30)
    clock[0] += 60
    for number in range(FEW):
        assert log.minutes_left is None
        log.add(make_talk("Hello.", number=number), [])
    # 970 are written in another way
    assert log.minutes_left is None
    log.begin(980)
    clock[0] += 60
    for number in range(FEW):
        log.add(make_talk("Hello.", number=FEW + number), [])
    assert log.minutes_left == 960 / 20


def test_the_latest_conversation_and_rejection_are_drawn_short(live, log):
    log.add(make_talk(*["word " * 100] * 14), [])
    log.add(None, [reject("no fact"), reject("no step")])
    lines = live.draw().text.split("\n")
    assert lines[0] == "Kept: conversation talk0, 14 messages"
    assert lines[1].startswith("agent word word")
    assert lines[MOST_MESSAGES + 1 :] == ["… and 4 more", "Rejected at pay: no fact; no step"]
    assert max(map(len, lines)) < 180
    assert "Be kind." not in str(lines)
    said = reject("a stage direction", 1, role="teacher", is_mended=True, text=["*nods*"])
    log.add(make_talk("Hello."), [reject("another", 1, role="customer", is_mended=True), said])
    lines = live.draw().text.split("\n")
    assert lines[2:] == ["Written anew at pay: a stage direction", "agent *nods*"]


def test_it_is_drawn_again_only_when_the_drawing_is_old_or_all_is_over(live, log, clock):
    live._build()
    log.add(make_talk("Hello."), [])
    assert "0 of 1,000" in live._widgets["said"].value
    clock[0] += EVERY_S
    log.add(make_talk("Good day."), [])
    assert "2 of 1,000" in live._widgets["said"].value
    assert "Good day." in live._widgets["drawn"].value
    log.end({"asked": 1000, "kept": 3, "rejected": 0, "given_up": 0, "rejected_by_step": {}})
    assert live._widgets["said"].value == (
        "Stopped: 3 of 1,000 conversations kept, 0 rejected. "
        "Run the cell that writes again: it goes on from here."
    )


def test_a_still_takes_the_widgets_place_in_the_end_until_it_goes_on(live, log, tmp_path):
    live._build()
    live._handle = handle = Handle()
    assert WIDGET in live._repr_mimebundle_()
    log.add(make_talk("Hello."), [])
    assert handle.bundles == []
    log.end({"asked": 1, "kept": 1, "rejected": 0, "given_up": 0})
    (still,) = handle.bundles
    assert still["text/plain"].startswith("Done: 1 of 1 conversations kept, 0 rejected.\nKept:")
    assert {*still} == {"text/html", "text/plain"}
    WritingLog(open_run("any", "one", tmp_path), 5, progress=False, watcher=live)
    assert WIDGET in handle.bundles[-1]
    assert len(handle.bundles) == 2


def test_without_widgets_the_output_is_replaced(live, log, clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    live._build()
    live._handle = handle = Handle()
    for number in range(3):
        clock[0] += EVERY_S
        log.add(make_talk("Hello.", number=number), [])
    assert "3 of 1,000" in handle.bundles[2]["text/html"]
    assert len(handle.bundles) == 3
    assert WIDGET not in handle.bundles[2]


def test_evil_words_stay_words(live, log, clock):
    live._build()
    clock[0] += EVERY_S
    evil = reject(EVIL, step=EVIL, role="teacher", text=[EVIL])
    log.add(make_talk(EVIL, EVIL), [evil])
    for drawn in (live._widgets["drawn"].value, live._repr_mimebundle_()["text/html"]):
        assert "&lt;script&gt;" in drawn
        assert "<script" not in drawn
        assert "<img" not in drawn


FITTED = []


@pytest.fixture
def run(tmp_path, coffee_domain, word_encoder, monkeypatch):
    """Planned, always the same; its checkers are fitted once for all tests."""
    fit = writing.fit_checkers
    monkeypatch.setattr(
        writing, "fit_checkers", lambda *given: FITTED or FITTED.extend(fit(*given)) or FITTED
    )
    return make_run(tmp_path, coffee_domain, n=40)


class Watcher:
    """Notes what lies on the disk whenever it is shown something; is interrupted once."""

    def __init__(self, run, stop_at=None):
        self.run, self.stop_at, self.shown = run, stop_at, []

    def show(self, log):
        file = self.run.file("conversations.jsonl")
        n_lines = len(file.read_bytes().splitlines()) if file.exists() else 0
        self.shown.append((log.counts["kept"], n_lines))
        if n_lines == self.stop_at and not log.is_over:
            self.stop_at = None
            raise KeyboardInterrupt


def test_each_conversation_is_shown_when_it_lies_on_the_disk(run, coffee_domain):
    watcher = Watcher(run)
    counts = write_conversations(run, coffee_domain, 7, progress=False, watcher=watcher)
    assert all(kept == n_lines for kept, n_lines in watcher.shown)
    assert {kept for kept, _ in watcher.shown} == {*range(counts["kept"] + 1)}


def test_what_is_counted_on_the_way_is_what_is_on_record(run, coffee_domain, monkeypatch):
    # one in three is given up
    monkeypatch.setattr(
        Checker, "problems", lambda _, talk, s: [("pay", "planted")] * (s.scenario_id[0] < "6")
    )
    seen = []
    monkeypatch.setattr(WritingLog, "end", lambda log, counts: seen.append(log.counts))
    counts = write_conversations(run, coffee_domain, 7, progress=False)
    assert counts["given_up"] > 0
    assert all(seen[0][name] == n for name, n in counts.items() if isinstance(n, int))


def test_interrupted_all_that_was_written_stays_and_it_goes_on(run, coffee_domain, tmp_path):
    whole = make_run(tmp_path, coffee_domain, "whole", n=40)
    write_conversations(whole, coffee_domain, 7, progress=False)
    file, n_before = run.file("conversations.jsonl"), 0
    for stop_at in (1, 2, 25):
        watcher = Watcher(run, stop_at)
        with pytest.raises(KeyboardInterrupt):
            write_conversations(run, coffee_domain, 7, progress=False, watcher=watcher)
        kept = file.read_bytes().splitlines()
        assert len(kept) == stop_at > n_before
        assert watcher.shown[-1] == (stop_at, stop_at)
        assert run.manifest["synthesize"]["kept"] == stop_at
        n_before = stop_at
    counts = write_conversations(run, coffee_domain, 7, progress=False)
    assert file.read_bytes().splitlines()[:n_before] == kept
    assert written(run) == written(whole)
    assert counts["kept"] + counts["given_up"] == 40


CELLS = [
    f"""
import sys
import time

sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import COFFEE

from workbench.design.plan import plan_paths
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.show import LiveWriting
from workbench.synthesize import writing


class Slow:
    def prepare(self, talks):
        pass

    def problems(self, talk, scenario):
        time.sleep(0.1)
        return [("pay", "<b>planted</b>")] if scenario.scenario_id[0] == "7" else []


writing.fit_checkers = lambda *given: [Slow()] * 3
domain, run = read_domain(COFFEE), open_run("coffee", "watched")
plan_paths(run, domain, 7)
planned = writing.plan_scenarios(run, domain, 100, 3, 7)
""",
    "watched = LiveWriting()\nwatched",
    "counts = writing.write_conversations(run, domain, 7, watcher=watched)",
]
"""A notebook in which 100 conversations are written within half a minute, and watched."""


@pytest.mark.slow
def test_headless_a_still_remains_and_the_output_is_not_flooded(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbformat.write(book, tmp_path / "book.ipynb")
    done = papermill.execute_notebook(
        tmp_path / "book.ipynb", tmp_path / "done.ipynb", kernel_name="python3", progress_bar=False
    )
    planned, watched, written = (cell.outputs for cell in done.cells[-3:])
    assert planned == []
    (still,) = watched
    assert still.data["text/plain"].startswith("Done: ")
    assert "&lt;b&gt;planted" in still.data["text/html"]
    assert WIDGET not in still.data
    # the bar
    assert {output.name for output in written} == {"stderr"}
