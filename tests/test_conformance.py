"""Conformance: alignments that a reader can check by hand, and truths about all walks."""

import random

import pytest

from workbench.conformance import Aligner

# the shortest sale: opening, order complete, price, paid
SALE = ["opening", "take_order.complete", "pay", "settle.paid"]
SHARED = "take_order.leave|settle.leave"


@pytest.fixture(scope="module")
def aligner(coffee):
    return Aligner(coffee)


@pytest.fixture(scope="module")
def any_aligner(domain):
    return Aligner(domain.flowchart)


@pytest.mark.parametrize(
    ("said", "cost", "faults"),
    [
        (SALE, 0, []),
        # skip
        (["opening", "take_order.complete", "settle.paid"], 1, [("missing", "pay")]),
        (SALE[1:], 1, [("missing", "opening")]),
        # extra
        (["opening", *SALE], 1, [("extra", "opening")]),
        ([*SALE, "pay"], 1, [("extra", "pay")]),
        # wrong: one step said in place of another
        ([*SALE[:2], "opening", SALE[3]], 2, [("extra", "opening"), ("missing", "pay")]),
        # stops early: the first of the nearest ways out
        (SALE[:3], 1, [("missing", "settle.paid")]),
        (["opening"], 1, [("missing", "take_order.leave")]),
        # labels that cannot be told apart count as the better one
        (["opening", SHARED], 0, []),
        ([*SALE[:3], SHARED], 0, []),
        ([*SALE[:2], SHARED], 1, [("extra", "take_order.complete")]),
        # nothing that the flowchart knows
        (["nonsense", *SALE], 1, [("extra", "nonsense")]),
        ([], 2, [("missing", "opening"), ("missing", "take_order.leave")]),
    ],
)
def test_the_cheapest_alignment_is_found(aligner, said, cost, faults):
    alignment = aligner.align(said)
    wrong = sorted(move for move in alignment.moves if move[0] != "kept")
    assert (alignment.cost, wrong) == (cost, sorted(faults))


def test_fitness_is_one_minus_cost_over_steps_and_never_negative(aligner):
    assert aligner.align(SALE).fitness == 1
    assert aligner.align(["opening", "take_order.complete", "settle.paid"]).fitness == 1 - 1 / 3
    assert aligner.align([]).fitness == 0


def test_side_trips_do_not_move_the_walk(aligner):
    said = ["opening", "anywhere.question", *SALE[1:]]
    assert aligner.align(said) == aligner.align(SALE)
    assert aligner.invalid_moves(said) == (0, 4)


def test_every_walk_fits_and_has_no_invalid_move(any_aligner, walks):
    for walk in walks:
        said = [step for message in walk.messages(any_aligner.flowchart) for step in message]
        assert any_aligner.align(said).fitness == 1
        assert any_aligner.invalid_moves(said) == (0, len(said))


def test_a_step_lost_or_put_in_costs_one_at_most(any_aligner, walks):
    rng = random.Random(3)
    for walk in walks:
        said = [step for message in walk.messages(any_aligner.flowchart) for step in message]
        place = rng.randrange(len(said))
        lost = [*said[:place], *said[place + 1 :]]
        added = [*said[:place], rng.choice(any_aligner.steps), *said[place:]]
        assert max(any_aligner.align(lost).cost, any_aligner.align(added).cost) <= 1


def test_an_alignment_keeps_what_was_said_in_order(aligner):
    said = ["pay", "opening", "nonsense", "settle.paid"]
    moves = aligner.align(said).moves
    assert [step for kind, step in moves if kind != "missing"] == said


@pytest.mark.parametrize(
    ("said", "invalid", "moves"),
    [
        (SALE, 0, 4),
        (["opening", "pay"], 1, 2),
        (["pay"], 1, 1),
        (["opening", SHARED], 0, 2),
        ([*SALE[:3], SHARED], 0, 4),
        (["opening", "opening", "pay"], 2, 3),
        (["opening", "nonsense", "take_order.complete"], 2, 3),
        ([], 0, 0),
    ],
)
def test_moves_that_the_flowchart_lacks_are_counted(aligner, said, invalid, moves):
    assert aligner.invalid_moves(said) == (invalid, moves)
