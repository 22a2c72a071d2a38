"""Watching a training: what is drawn and said, and how often."""

import pytest

from workbench.show.training import LiveTraining
from workbench.show.watched import EVERY_S
from workbench.train.progress import TrainingLog

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
    return LiveTraining(lambda: clock[0])


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
