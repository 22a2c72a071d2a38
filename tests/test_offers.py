"""Offers made one at a time for several slots, and a hidden cause that only trying shows."""

import shutil
from collections import Counter
from random import Random

import pytest
from conftest import PRINTER, edit

from workbench.conversation import Act
from workbench.design.covering import cover_route_pairs, sample_long_walks
from workbench.design.paths import FlowPath, enumerate_paths
from workbench.design.plan import plan_paths
from workbench.domain import check_domain, read_domain
from workbench.evaluate.faults import FaultyAgent
from workbench.evaluate.instructions import list_facts
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.facts import check_facts, offers_named
from workbench.phrases import Voice
from workbench.run import open_run
from workbench.synthesize.behaviours import react, take_turn, walk_plan
from workbench.synthesize.scenarios import ScenarioError, list_plannable, plan_scenario
from workbench.synthesize.talk import hold_talk, open_talk
from workbench.synthesize.teacher import PhraseBookAgent, label_steps
from workbench.synthesize.writing import plan_scenarios, write_talk
from workbench.templates import TemplateReader

NOTHING = {"printer": "Inkwell", "problem": "prints nothing"}


@pytest.fixture(scope="module")
def walks(printer):
    chart = printer.flowchart
    return [*enumerate_paths(chart), *cover_route_pairs(chart), *sample_long_walks(chart, 60, 3)]


@pytest.fixture(scope="module")
def talks(printer, walks):
    """(scenario, conversation) of every walk, by a plain and by a difficult customer."""
    scenarios = [
        plan_scenario(walk, split, printer, 7, i, stratum)
        for i, walk in enumerate(walks)
        for split, stratum in (("train", "plain"), ("train", "difficult"), ("test", "difficult"))
    ]
    return [(s, write_talk(s, printer, i % 3, s.seed)) for i, s in enumerate(scenarios)]


@pytest.fixture
def record(printer):
    """Of one whose Inkwell prints nothing: there are four things to try."""
    record = printer.open_record()
    record.hear([Act("give", slot, value) for slot, value in NOTHING.items()])
    return record


@pytest.fixture
def toy(tmp_path):
    """A copy of the domain to break."""
    return shutil.copytree(PRINTER, tmp_path / "printer")


def test_every_walk_is_talked_through_exactly_as_planned(talks, walks, printer):
    for scenario, talk in talks:
        assert talk.walk() == scenario.steps
        assert printer.flowchart.outcome_of(talk.labels[-1].steps[-1]) in scenario.endings
    planned = {(s.path_id, str(s.steps)) for s, _ in talks if s.stratum == "plain"}
    assert planned == {(walk.path_id, str(walk.messages(printer.flowchart))) for walk in walks}


def test_what_is_stated_is_due_and_right(talks, printer):
    for _, talk in talks:
        assert check_facts(talk, printer) == []
        for message, label in zip(talk.messages, talk.labels, strict=True):
            assert all(printer.spoken_fact(fact) in message.content for fact in label.facts)


def test_a_number_or_a_name_of_another_fact_is_found_in_every_talk(printer, walks):
    planted = 0
    for i, walk in enumerate(walks):
        agent = FaultyAgent(printer, Voice("train"), Random(i), "wrong_number")
        talk = write_talk(plan_scenario(walk, "train", printer, 7, i), printer, None, str(i), agent)
        planted += agent.planted
        assert bool(check_facts(talk, printer)) == bool(agent.planted)
    assert planted > 50


def test_nothing_is_offered_twice_unless_something_changed(talks, printer):
    n = 0
    for _, talk in talks:
        record = printer.open_record()
        for message, label in zip(talk.messages, talk.labels, strict=True):
            record.hear(label.parsed_acts())
            if "present" in label.steps:
                (offer,) = offers_named(message.content, printer, record.given)
                assert offer == record.left[0]
                record.offer([offer])
                n += len(record.tried) > 1
    assert n > 100


def test_what_proves_right_is_what_the_scenario_takes(talks, printer):
    for scenario, talk in talks:
        record, right = printer.open_record(), []
        for message, label in zip(talk.messages, talk.labels, strict=True):
            if "done" in label.acts and not record.has_reacted:
                right += record.offered
            record.hear(label.parsed_acts())
            if "present" in label.steps:
                record.offer(offers_named(message.content, printer, record.given))
        assert set(right) == set(scenario.takes)


def test_a_closing_that_comes_after_further_nodes_closes_the_talk(talks, printer):
    ended = 0
    for _, talk in talks:
        assert printer.flowchart.outcome_of(talk.labels[-1].steps[-1])
        ended += talk.labels[-1].steps in (
            ["final.back", "check.hopeless"],
            ["react.changed", "check.hopeless"],
        )
    assert ended > 5


def test_the_scripted_agent_is_read_as_it_means_it(talks, printer):
    reader, right, n = TemplateReader(printer), 0, 0
    for _, talk in talks[::4]:
        for message, label in zip(talk.messages, talk.labels, strict=True):
            if message.role == "assistant":
                read = reader.read(message.content)
                shared = [printer.shared_steps.get(step, step) for step in label.steps]
                right += read is not None and (read.steps, read.asks) == (shared, label.asks)
                n += 1
    assert right > 0.95 * n


def test_the_offers_that_fit_are_those_for_all_the_slots_they_name(printer):
    assert [o.id for o in printer.offers_for(NOTHING)] == ["cable", "wake", "driver", "empty"]
    assert [o.id for o in printer.offers_for(NOTHING | {"printer": "Laseron"})] == ["cable"]
    assert printer.offers_for({"problem": "prints nothing"}) == []


@pytest.mark.parametrize(
    ("given", "offer"),
    [("Inkwell", "clean_inkwell"), ("Laseron", "clean_laseron"), ("Oldjet", "clean_inkwell")],
)
def test_of_offers_with_one_name_the_one_that_fits_is_meant(printer, given, offer):
    given = {"printer": given, "problem": "prints stripes"}
    assert offers_named("Please clean it.", printer, given) == [offer]


def test_an_offer_brings_the_facts_that_its_fields_name(printer, record):
    record.offer(["cable"])
    assert printer.due_facts("present", record, []) == ["wake"]
    assert printer.offer_values(printer.offers["wake"])["how"] == "Press the key Wake."
    record.offer(["wake"])
    # what was put last is what is spoken of, though nothing was chosen
    assert printer.due_facts("explain", record, []) == ["wake"]


def test_a_fact_is_due_for_its_values_only(printer):
    record = printer.open_record()
    record.hear([Act("give", "printer", "Laseron"), Act("give", "problem", "prints nothing")])
    assert printer.due_facts("check.hopeless", record, []) == ["callback"]
    record.hear([Act("revise", "problem", "shows error code 77")])
    assert printer.due_facts("check.hopeless", record, []) == ["callback", "code_77"]


@pytest.mark.parametrize(
    ("planned", "tried", "takes", "acts", "left"),
    [
        ("failed", ["cable"], ["wake"], ["failed"], ["done"]),
        ("done", ["cable"], ["wake"], ["failed"], ["done", "done"]),
        ("failed", ["wake"], ["wake"], ["done"], []),
        ("done", ["wake", "wake"], ["wake"], ["failed"], ["done", "done"]),
        ("leave", ["cable"], ["wake"], ["leave"], ["done"]),
    ],
)
def test_how_it_went_depends_on_what_was_tried(planned, tried, takes, acts, left, record, printer):
    for offer in tried:
        record.offer([offer])
    visits = [[planned], ["done"]]
    assert [str(act) for act in take_turn(visits, record, printer, takes)] == acts
    assert [act for visit in visits for act in visit] == left


def test_what_is_said_of_it_a_second_time_stays_as_planned(record):
    record.offer(["wake"])
    record.hear([Act("done")])
    assert react(Act("failed"), record, ["wake"]) == Act("failed")


def test_help_before_a_change_leaves_what_is_planned_after_it(record, printer):
    record.offer(["wake"])
    visits = [["failed"], ["revise(problem=prints stripes)"], ["done"]]
    assert take_turn(visits, record, printer, ["wake"]) == [Act("done")]
    assert visits == [["revise(problem=prints stripes)"], ["done"]]


def test_what_was_wrong_once_cannot_be_planned_to_be_right(printer):
    plan = {
        "check": [["give(printer=Inkwell)", "give(problem=prints nothing)"]],
        "react": [["failed"], ["revise(printer=Laseron)"], ["done"]],
        "final": [["confirm"]],
    }
    walk = walk_plan(plan, printer)
    assert (walk.outcome, walk.is_sound) == ("solved", False)
    plan["react"][0] = ["unsure"]
    assert (walk_plan(plan, printer).takes, walk_plan(plan, printer).is_sound) == (["cable"], True)


class Contrary(PhraseBookAgent):
    """Offers what comes last first."""

    def reply(self, record, acts):
        record.list_offers = lambda given: [o.id for o in self.domain.offers_for(given)][::-1]
        return super().reply(record, acts)


def test_an_agent_that_tries_in_another_order_may_end_well_too(printer, walks):
    solved = [w for w in walks if w.outcome(printer.flowchart) == "solved"]
    ended = []
    for walk in solved:
        scenario = plan_scenario(walk, "train", printer, 7, 0)
        talk = open_talk(printer, scenario, Voice("train"), 60)
        hold_talk(talk, Contrary(printer, Voice("train"), Random(1)))
        ended.append(printer.flowchart.outcome_of(talk.labels[-1].steps[-1]))
        for label in talk.labels:
            assert not ("done" in label.acts and not scenario.takes)
    assert ended.count("solved") > 0.5 * len(ended)


def test_training_comes_to_the_ends_in_their_shares(printer, tmp_path):
    run = open_run("any", "one", tmp_path)
    plan_paths(run, printer, 7)
    planned = plan_scenarios(run, printer, 260, 20, 7)
    # at first every training path comes once, whatever the shares are
    plain = [s for s in planned if s.split == "valid"]
    counts = Counter(ending for scenario in plain for ending in scenario.endings)
    assert counts["solved"] / len(plain) == pytest.approx(0.6, abs=0.06)
    assert printer.flowchart.shares == {"solved": 60, "unsolved": 20, "replaced": 10, "left": 10}


def test_a_walk_that_makes_more_offers_than_there_are_is_named(printer):
    steps = ["opening", "check.ready", "present", *["react.next_one", "present"] * 4, "react.leave"]
    walk = FlowPath.through(steps, printer.flowchart)
    with pytest.raises(ScenarioError, match=r"takes the path check.ready react.next_one"):
        plan_scenario(walk, "train", printer, 7, 0)
    assert list_plannable([walk], printer, 7) == []


def test_wordings_of_values_kept_for_tests_are_said_in_tests_only(printer):
    talk = printer.slots["problem"]
    assert "leaves every single page blank" not in talk.forms("prints nothing", "train")
    assert talk.forms("prints nothing", "test") == ["leaves every single page blank"]
    assert talk.forms("prints stripes", "test") == ["prints stripes", "is full of stripes"]
    assert len(talk.forms("prints nothing")) == 3


def test_a_step_for_missing_or_vague_slots_asks_for_what_is_so(printer):
    def ask(*acts):
        record = printer.open_record()
        record.hear([Act.parse(act) for act in acts])
        return label_steps(printer, ["check.details"], record, []).asks

    assert ask() == ["printer", "problem"]
    assert ask("give(printer=Inkwell)") == ["problem"]
    assert ask("vague(problem)") == ["problem"]
    assert ask("vague(problem)", "give(problem=prints nothing)") == ["printer"]


def test_what_is_missing_is_not_read_back_as_unclear(printer):
    agent = PhraseBookAgent(printer, Voice("test"), Random(1))
    record = printer.open_record()
    record.hear([Act("give", "printer", "Inkwell")])
    text, _ = agent.say(["check.details"], record, [])
    assert text.startswith("Known is Inkwell, unknown the problem.")
    record.hear([Act("vague", "problem")])
    assert "unclear the problem" in agent.say(["check.details"], record, [])[0]


def test_prompts_tell_what_the_offers_are_for(printer, travel):
    prompt = write_procedure_prompt(printer)
    assert "- prints nothing, Inkwell or Laseron: check the cable (how It must sit" in prompt
    assert "Offer one thing at a time." in prompt
    assert "Offer two or three things at a time." in write_procedure_prompt(travel)
    said = open_talk(
        printer,
        plan_scenario(enumerate_paths(printer.flowchart)[0], "train", printer, 7, 0),
        Voice("train"),
        9,
    ).messages
    said += [type(said[0])(role="user", content="My Laseron is full of stripes.")]
    facts = list_facts(printer, "present", said)
    assert facts[0] == "clean it: Choose Service > Clean Drum."
    assert len(facts) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("facts.yaml", "key {wake}", "key {wakes}", 'no placeholder "wakes" here. Did you mean'),
        ("facts.yaml", "printer: [Inkwell]}", "printer: [Inkwel]}", 'no value "Inkwel" here.'),
        ("facts.yaml", "{problem: [shows", "{problems: [shows", 'no slot "problems" here.'),
        ("flowchart.yaml", "printer: [Oldjet]", "printer: [Oldjett]", 'no value "Oldjett" here.'),
        ("flowchart.yaml", "printer: [Oldjet]", "printr: [Oldjet]", '"printr" is no slot.'),
        ("phrases/agent.yaml", "answers: code_77", "answers: wake", 'no answers for the fact "c'),
    ],
)
def test_what_does_not_fit_together_is_named(toy, name, old, new, words):
    assert any(words in str(problem) for problem in check_domain(edit(toy, name, old, new)))


def test_a_step_that_states_facts_for_some_values_needs_a_wording_that_does(toy):
    file = toy / "phrases" / "agent.yaml"
    file.write_text(file.read_text("utf-8").replace("{reason} ", "").replace(": {reason}", ""))
    assert any("has {reason}" in str(problem) for problem in check_domain(toy))


def test_a_domain_whose_routes_rest_on_offers_must_have_some(toy):
    file = toy / "facts.yaml"
    file.write_text(file.read_text("utf-8").partition("offers:\n")[0])
    assert [p.rule for p in check_domain(toy)].count("no_offers") == 2


def test_the_toy_domain_has_no_problems():
    assert check_domain(PRINTER) == []
    assert read_domain(PRINTER).offering.at_once == 1
