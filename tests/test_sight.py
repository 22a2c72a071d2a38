"""What a judge sees, counted by hand on few pairs."""

import pytest

from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.sight import Pair, tabulate_drops, validate

BEST = dict.fromkeys(CRITERIA, 5)
PLAIN = {name: 5 for name in CRITERIA if name != "graceful_handling"}


def pairs(edit, n, clean=BEST, **scores):
    return [Pair(edit, f"{edit}{i}", clean, clean | scores) for i in range(n)]


def test_a_point_is_a_drop_and_a_gain_is_none():
    found = [
        *pairs("wrong_ending", 3, task_success=4),
        *pairs("wrong_ending", 1, PLAIN | {"task_success": 2}, task_success=3),
    ]
    own = tabulate_drops(found)["wrong_ending"]["task_success"]
    assert (own["role"], own["dropped"].mean) == ("falls", 0.75)
    assert own["moved"].mean == 1
    assert own["mean_drop"] == pytest.approx((3 - 1) / 4)


@pytest.mark.parametrize(("seen", "is_validated"), [(7, False), (8, True)])
def test_four_of_five_defects_must_be_seen(seen, is_validated):
    found = [
        *pairs("stiffen", seen, naturalness=2),
        *pairs("stiffen", 10 - seen),
        *pairs("pad", 10),
    ]
    own = validate(found)["naturalness"]
    assert own["detected"].mean == seen / 10
    assert own["is_validated"] == is_validated == (not own["why"])


@pytest.mark.parametrize(("moved", "is_validated"), [(1, True), (2, False)])
def test_harmless_changes_may_move_one_in_ten_up_or_down(moved, is_validated):
    low = PLAIN | {"naturalness": 4}
    found = [
        *pairs("stiffen", 10, naturalness=2),
        *pairs("plead", moved, low, naturalness=5),
        *pairs("pad", 10 - moved),
    ]
    assert validate(found)["naturalness"]["is_validated"] == is_validated


def test_spill_is_what_falls_though_it_must_not():
    found = [
        *pairs("stiffen", 3, naturalness=2, information_accuracy=4),
        *pairs("stiffen", 1, naturalness=2),
        # harmless changes are counted apart
        *pairs("pad", 4, information_accuracy=4),
    ]
    own = validate(found)["information_accuracy"]
    assert own["spill"].mean == 0.75
    assert own["harmless"].mean == 1


def test_what_was_not_scored_is_counted_and_what_does_not_apply_is_not():
    found = [Pair("obey", "a", None, BEST), Pair("obey", "b", BEST, None), *pairs("obey", 1, PLAIN)]
    own = tabulate_drops(found)["obey"]
    assert (own["task_success"]["dropped"].n, own["task_success"]["dropped"].unscored) == (1, 2)
    grace = own["graceful_handling"]["dropped"]
    assert (grace.n, grace.unscored) == (0, 2)


def test_where_nothing_was_planted_nothing_is_validated():
    assert not any(own["is_validated"] for own in validate([]).values())
    only_defects = validate(pairs("stiffen", 10, naturalness=1))["naturalness"]
    assert only_defects["why"] == "no harmless change was scored"
