"""Watching a training: what is drawn and said, and how often."""

import shlex
import subprocess

import pytest

from workbench.run import open_run
from workbench.show.training import LiveTraining
from workbench.show.watched import EVERY_S
from workbench.train.progress import STOP, TrainingLog

STEP = {"learning_rate": 1e-4, "tokens": 900, "seconds": 9.0, "tokens_per_s": 100.0, "eta_s": 600.0}
LINES = [
    {"step": 1, "loss": 2.5} | STEP,
    {"step": 1, "valid_loss": 2.25, "seconds": 9.5},
    {"step": 2, "loss": 1.5} | STEP,
]


@pytest.fixture
def clock():
    """A clock that stands still unless it is set."""
    return [100.0]


@pytest.fixture
def live(clock):
    return LiveTraining(clock=lambda: clock[0])


def test_what_is_known_is_said(live):
    assert live.describe() == "Nothing is trained yet."
    live.show(LINES)
    said = live.describe()
    for part in (
        "step 2",
        "loss 1.500",
        "held-out loss 2.250",
        "100 tokens a second",
        "10 minutes",
    ):
        assert part in said


def test_how_to_end_it_stands_below_the_chart_until_it_has_ended(tmp_path):
    run = open_run("toy", "mine", root=tmp_path)
    live = LiveTraining(run)
    live.show(LINES)
    command = live._repr_mimebundle_()["text/plain"].partition("in a terminal: ")[2]
    run.record("train", begun_at="now")
    subprocess.run(shlex.split(command), check=True)
    assert run.file(f"model/{STOP}").exists()
    live.show(LINES, is_over=True)
    assert "terminal" not in live._repr_mimebundle_()["text/html"]


def test_memory_of_a_gpu_is_said_where_there_is_one(live, monkeypatch):
    live.show(LINES)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "GPU" not in live.describe()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda: 7_300_000_000)
    assert "at most 7.3 GB of the GPU's" in live.describe()


def test_it_is_drawn_again_only_when_the_drawing_is_old(live, clock):
    live._build()
    live.show(LINES[:1])
    first = live._widgets["said"].value
    live.show(LINES)
    assert live._widgets["said"].value == first
    clock[0] += EVERY_S
    live.show(LINES)
    assert "step 2" in live._widgets["said"].value
    assert "svg+xml" in live._widgets["drawn"].value


def test_without_widgets_nothing_is_drawn_before_it_is_asked_for(live):
    live.show(LINES)
    assert live._widgets == {}
    assert "held out" in live.draw().text
    assert "step 2" in live._repr_mimebundle_()["text/plain"]


def test_what_the_model_says_meanwhile_stands_beside_the_losses(live):
    heard = {"heard": "A <b>latte</b>.", "taught": "Which size?", "seconds": 9.5}
    samples = [{"step": step, "reply": f"reply {step}"} | heard for step in (2, 4, 6, 8)]
    live.show([*LINES, *samples])
    bundle = live._repr_mimebundle_()
    assert "A &lt;b&gt;latte&lt;/b&gt;." in bundle["text/html"]
    assert "a customer it does not learn from: A <b>latte</b>." in bundle["text/plain"]
    last = ["step 8: reply 8", "step 6: reply 6", "step 4: reply 4", "the teacher: Which size?"]
    assert bundle["text/plain"].split("\n")[-4:] == last


def test_the_log_shows_each_line(tmp_path, live):
    log = TrainingLog(tmp_path / "log.jsonl", [10, 10, 10], 0, watcher=live)
    log.begin(0)
    log._begun -= 9
    log.add(1, 2.0, 1e-4)
    log.add_valid(1, 2.0)
    assert [("valid_loss" in one) for one in live.lines] == [False, True]
    log.end()
    assert live.describe().startswith("Done: step 1, loss 2.000")


def test_a_training_that_is_cut_off_is_said_to_be_stopped(tmp_path, live):
    log = TrainingLog(tmp_path / "log.jsonl", [10, 10], 0, watcher=live)
    log.begin(0)
    log._begun -= 9
    log.add(1, 2.0, 1e-4)
    log.end(is_cut=True)
    assert live.describe().startswith("Stopped: step 1, loss 2.000")
    assert "left" not in live.describe()
    assert {*live._repr_mimebundle_()} == {"text/html", "text/plain"}


def test_an_end_that_came_is_not_cut_afterwards(tmp_path, live):
    log = TrainingLog(tmp_path / "log.jsonl", [10], 0, watcher=live)
    log.begin(0)
    log._begun -= 9
    log.add(1, 2.0, 1e-4)
    log.end()
    log.end(is_cut=True)
    assert live.describe().startswith("Done: ")


def test_at_the_end_a_still_stands_where_the_widgets_were(live):
    live._build()
    live.show(LINES)
    assert "application/vnd.jupyter.widget-view+json" in live._repr_mimebundle_()
    live.show(LINES, is_over=True)
    bundle = live._repr_mimebundle_()
    assert {*bundle} == {"text/html", "text/plain"}
    assert "Done: step 2" in bundle["text/plain"]
    assert "svg+xml" in bundle["text/html"]


def test_a_training_that_was_done_before_is_shown_as_it_went(live):
    live.show([])
    live.show(LINES, is_over=True)
    assert "best held-out loss 2.250" in live.describe()
    assert "left" not in live.describe()
