"""Conformance: alignments that a reader can check by hand, and truths about all walks."""

import random

import pytest

from workbench.conformance import (
    DEFAULT,
    KINDS,
    STRICT,
    Aligner,
    Forgiveness,
    ForgivenessError,
    forgive_all_but,
)
from workbench.flowchart import read_flowchart

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
    found = aligner.align(said)
    assert (found.cost, found.moves) == (0, aligner.align(SALE).moves)
    assert (found.n_steps, found.forgiven) == (4, {"side_trips": 1})
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


# three questions in a row, then a silent decision; comments of the flowchart are its slots
INTERVIEW = """
name: interview
title: Interview
start: ask_name
slots: {name: {ask: "?"}, age: {ask: "?"}, town: {ask: "?"}}
nodes:
  ask_name: {role: agent, say: Ask for the name., next: user_name}
  user_name: {role: user, say: Say it., next: ask_age}
  ask_age: {role: agent, say: Ask for the age., next: user_age}
  user_age: {role: user, say: Say it., next: ask_town}
  ask_town: {role: agent, say: Ask for the town., next: user_town}
  user_town: {role: user, say: Say it., next: decide}
  decide:
    role: agent
    say: Decide.
    routes:
      old: {to: thank, when: 18 or older, acts: [done]}
      young: {to: refuse, when: younger, acts: [failed]}
  thank: {role: agent, say: Say thank you., next: yes}
  refuse: {role: agent, say: Say no., next: no}
  yes: {role: end, outcome: taken}
  no: {role: end, outcome: refused}
"""
COLLECTS = {"ask_name": ["name"], "ask_age": ["age"], "ask_town": ["town"]}
ASKED = ["ask_name", "ask_age", "ask_town"]


@pytest.fixture(scope="module")
def interview(tmp_path_factory):
    file = tmp_path_factory.mktemp("charts") / "flowchart.yaml"
    file.write_text(INTERVIEW)
    return read_flowchart(file)


@pytest.fixture
def forgiving(interview):
    """An aligner that forgives one kind only, or nothing."""

    def make(**kinds):
        every = dict.fromkeys(("answered", "unordered", "side_trips", "silent"), False)
        return Aligner(interview, Forgiveness(**every | kinds), COLLECTS)

    return make


def test_a_decision_that_has_nothing_to_say_may_be_left_out(forgiving):
    said = [*ASKED, "thank"]
    found = forgiving(silent=True).align(said)
    assert (found.cost, found.forgiven) == (0, {"silent": 1})
    assert ("forgiven", "decide.old") in found.moves
    assert forgiving(silent=True).invalid_moves(said) == (0, 4)
    assert (forgiving().align(said).cost, forgiving().invalid_moves(said)) == (1, (1, 4))


def test_a_question_is_left_out_at_no_cost_only_if_its_slot_is_on_record(forgiving):
    said, aligner = ["ask_name", "ask_town", "decide.old", "thank"], forgiving(answered=True)
    known = [[], ["name", "age"], ["name", "age", "town"], ["name", "age", "town"]]
    found = aligner.align(said, known)
    assert (found.cost, found.forgiven) == (0, {"answered": 1})
    assert aligner.invalid_moves(said, known) == (0, 4)
    # another slot on record answers nothing, nor does no record at all
    others = [[], ["name", "town"], ["name", "town"], ["name", "town"]]
    for record in (others, None):
        assert (aligner.align(said, record).cost, aligner.align(said, record).forgiven) == (1, {})
        assert aligner.invalid_moves(said, record) == (1, 4)
    assert forgiving().align(said, known).cost == 1


def test_what_is_answered_too_late_does_not_count_as_answered(forgiving):
    said = ["ask_name", "ask_town", "decide.old", "thank"]
    late = [[], ["name"], ["name", "age", "town"], ["name", "age", "town"]]
    assert forgiving(answered=True).align(said, late).cost == 1


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_questions_in_a_row_may_come_in_any_order(forgiving, order):
    said = [*(ASKED[n] for n in order), "decide.old", "thank"]
    found, strict = forgiving(unordered=True).align(said), forgiving().align(said)
    assert (found.cost, found.forgiven) == (0, {"unordered": strict.cost})
    assert forgiving(unordered=True).invalid_moves(said) == (0, 5)
    assert strict.cost > 0 < forgiving().invalid_moves(said)[0]


def test_the_order_is_that_of_the_walk_and_not_of_the_file(interview):
    turned = interview.model_copy(update={"nodes": dict(reversed(interview.nodes.items()))})
    aligner = Aligner(turned, collects=COLLECTS)
    for said in (ASKED, ASKED[::-1]):
        assert aligner.align([*said, "decide.old", "thank"]).cost == 0


def test_a_loop_walked_twice_is_not_put_in_another_order(coffee):
    loop = ["take_order.complete", "pay", "settle.changed"]
    aligner = Aligner(coffee, collects={step: ["drink"] for step in ["opening", *loop]})
    found = aligner.align(["opening", *loop, *loop, *SALE[1:]])
    assert (found.cost, found.forgiven) == (0, {})


def test_a_question_for_two_slots_is_answered_by_both_and_not_by_one(coffee):
    said, aligner = [*SALE[:2], SALE[3]], Aligner(coffee, collects={"pay": ["drink", "size"]})
    assert aligner.align(said, [["drink"]] * 3).cost == 1
    assert aligner.align(said, [["drink", "size"]] * 3).cost == 0


def test_order_forgives_no_question_that_was_never_asked(forgiving):
    said = ["ask_town", "ask_name", "decide.old", "thank"]
    assert forgiving(unordered=True).align(said).cost == 1


def test_a_question_after_the_decision_is_no_matter_of_order(forgiving):
    said = ["ask_name", "ask_age", "decide.old", "ask_town", "thank"]
    assert forgiving(unordered=True).align(said).cost == 2


def test_a_side_trip_is_a_step_too_many_where_nothing_is_forgiven(coffee):
    said = ["opening", "anywhere.question", *SALE[1:]]
    strict = Aligner(coffee, STRICT)
    assert (strict.align(said).cost, strict.align(said).n_steps) == (1, 5)
    assert strict.invalid_moves(said) == (2, 5)


def test_who_is_spoken_to_first_need_not_open(aligner, coffee):
    said = SALE[1:]
    assert aligner.align(said, opens=False).forgiven == {"unopened": 1}
    assert aligner.align(said, opens=False).cost == aligner.invalid_moves(said, opens=False)[0] == 0
    assert aligner.align(said).cost == 1
    assert Aligner(coffee, forgive_all_but("unopened")).align(said, opens=False).cost == 1


def test_all_but_the_kinds_named_is_forgiven():
    assert forgive_all_but() == DEFAULT
    found = forgive_all_but("silent", "unopened")
    assert [kind for kind in KINDS if not getattr(found, kind)] == ["silent", "unopened"]
    with pytest.raises(ForgivenessError, match='"silence" is nothing to forgive; choose from ans'):
        forgive_all_but("silence")


def test_forgiveness_never_makes_a_walk_dearer(any_aligner, walks):
    rng, strict = random.Random(5), Aligner(any_aligner.flowchart, STRICT)
    slots = list(any_aligner.flowchart.slots)
    for walk in walks:
        said = [step for message in walk.messages(any_aligner.flowchart) for step in message]
        said = [step for step in said if rng.random() < 0.8]
        given = [rng.sample(slots, rng.randrange(len(slots) + 1)) for _ in said]
        kind, plain = any_aligner.align(said, given), strict.align(said, given)
        assert kind.cost <= plain.cost
        assert plain.forgiven == {}


def test_a_record_that_does_not_fit_the_steps_is_refused(aligner):
    with pytest.raises(ValueError, match="4 steps were said, but 2 records are given"):
        aligner.align(SALE, [[], []])
