"""The learning curve is read from the folders of runs."""

import json

import pytest

from workbench.evaluate.breakdown import BARS
from workbench.evaluate.curve import (
    bars_of,
    find_best,
    find_first,
    is_alike,
    list_swept,
    read_curve,
)
from workbench.evaluate.report import read_seeded
from workbench.run import open_run
from workbench.show.learning import draw_curve, tabulate_curve, tabulate_seeded

SEEN, UNSEEN = BARS[:2]


def metric(mean):
    return {"mean": mean, "low": mean - 0.1, "high": mean, "n": 50, "unscored": 0}


@pytest.fixture
def sweep(tmp_path):
    """Runs of a sweep, of which one is not evaluated yet and one is none of it."""
    for name, conversations, epochs, ending in [
        ("demo-conversations-900", 900, 1, 0.99),
        ("demo-conversations-90", 90, 1, 0.7),
        ("demo-conversations-1800", 1800, 1, 0.985),
        ("other", 10, 1, 0.1),
    ]:
        run = open_run("coffee", name, root=tmp_path)
        run.record("inspect", train=conversations)
        run.claim("train", epochs=epochs)
        measures = {"ending_correct": metric(ending), "facts_right": metric(0.5)}
        strata = {"seen": measures, "unseen": measures | {"ending_correct": metric(0.9)}}
        run.write_text("result.json", json.dumps({"conditions": {"compiled": strata}}))
    open_run("coffee", "demo-conversations-5", root=tmp_path).record("inspect", train=5)
    return read_curve(list_swept(open_run("coffee", "demo", root=tmp_path)))


def test_all_evaluated_runs_of_a_sweep_are_points_in_order_of_what_they_trained_on(sweep):
    own = [p for p in sweep if (p["stratum"], p["measure"]) == ("seen", "ending_correct")]
    assert [(p["conversations"], p["epochs"], p["mean"]) for p in own] == [
        (90, 1, 0.7),
        (900, 1, 0.99),
        (1800, 1, 0.985),
    ]
    assert len(sweep) == 3 * 2 * 2


def test_a_bar_is_met_first_where_least_training_meets_it(sweep):
    assert find_first(sweep, SEEN)["conversations"] == 900
    assert find_first(sweep, UNSEEN) is None
    assert find_best(sweep, UNSEEN)["mean"] == 0.9
    assert [bar.name for bar in bars_of(sweep, BARS)] == [
        "right endings, seen",
        "right endings, unseen",
        "facts right, seen",
        "facts right, unseen",
    ]


def test_the_table_says_where_each_bar_is_met(sweep):
    table = tabulate_curve(sweep).text
    assert "900 conversations, 1 epoch" in table.split("\n")[2]
    assert "not met" in table.split("\n")[3]


def test_the_curve_has_each_point_its_interval_and_the_bars(sweep):
    picture = draw_curve(sweep)
    assert picture.text.split("\n")[1:3] == [
        "seen, bar 0.98",
        "  90: 0.700 [0.600, 0.700], n 50",
    ]
    assert picture.svg.count("<circle") == 6
    assert picture.svg.count("bar of") == 2


def test_epochs_have_lines_of_their_own_unless_only_they_differ(sweep):
    more = [*sweep, *(point | {"epochs": 2} for point in sweep)]
    assert "seen, 2 epochs, bar 0.98" in draw_curve(more).text
    same = [point | {"conversations": 90} for point in more if point["conversations"] == 90]
    assert "epochs trained on" in draw_curve(same).svg
    assert "\nseen, bar 0.98\n  1: 0.700" in draw_curve(same).text


def test_no_runs_are_no_curve(tmp_path):
    assert read_curve([tmp_path]) == []
    assert draw_curve([]).text.endswith("no values")
    assert tabulate_curve([]).text == "not measured"


def test_a_run_of_another_recipe_is_no_point_of_the_curve(tmp_path):
    numbers = {"base_model": "smollm2", "learning_rate": 5e-4, "batch_size": 2, "epochs": 1}
    own = open_run("coffee", "demo", root=tmp_path)
    own.claim("train", **numbers)
    for name, other in [
        ("demo-conversations-90", {}),
        ("demo-epochs-2", {"epochs": 2}),
        ("demo-conversations-90-batch_size-4", {"batch_size": 4}),
        ("demo-conversations-90-method-lora", {"method": "lora"}),
    ]:
        open_run("coffee", name, root=tmp_path).claim("train", **numbers | other)
    open_run("coffee", "demo-conversations-5", root=tmp_path)
    alike = [folder.name for folder in list_swept(own) if is_alike(own, folder)]
    assert alike == ["demo-conversations-5", "demo-conversations-90", "demo-epochs-2"]


def test_trainings_of_other_seeds_have_a_spread(tmp_path):
    numbers = {"base_model": "smollm2", "learning_rate": 5e-4, "rows": "abc"}
    own = open_run("coffee", "demo", root=tmp_path)
    for name, seed, ending, other in [
        ("demo", 7, 0.9, {}),
        ("demo-training_seed-1", 1, 1.0, {}),
        ("demo-training_seed-2", 2, 0.95, {}),
        ("demo-training_seed-3", 3, 0.1, {"rows": "other"}),
    ]:
        run = open_run("coffee", name, root=tmp_path)
        run.record("inspect", train=90)
        run.claim("train", epochs=1, seed=seed, **numbers | other)
        measures = {"ending_correct": metric(ending), "fitness": metric(0.5)}
        run.write_text("result.json", json.dumps({"conditions": {"compiled": {"seen": measures}}}))
    line = tabulate_seeded(read_seeded(own)).text.splitlines()[2:]
    assert [text.split() for text in line] == [
        ["seen", "ending_correct", "3", "95.0", "%", "5.0", "90.0", "%", "100.0", "%"]
    ]
    assert read_seeded(open_run("coffee", "alone", root=tmp_path)) == []
