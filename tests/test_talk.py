"""Talks of the scripted agent with the customer: they take the path that was planned."""

from itertools import pairwise
from random import Random

import pytest

from workbench.conversation import Act, Label, seeded
from workbench.design.paths import enumerate_paths
from workbench.evaluate.faults import FAULTS, FaultyAgent
from workbench.facts import check_facts
from workbench.phrases import FOLDS, Voice
from workbench.record import Record
from workbench.synthesize.customer import Customer
from workbench.synthesize.dealing import house_voice
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import open_talk
from workbench.synthesize.teacher import PhraseBookAgent, find_steps
from workbench.synthesize.writing import write_talk


@pytest.fixture(scope="module")
def talks(domain, walks):
    """(scenario, conversation) of every walk, each planned three times."""
    scenarios = [plan_scenario(w, "train", domain, 7, i) for w in walks for i in range(3)]
    return [(s, write_talk(s, domain, i % 3, s.seed)) for i, s in enumerate(scenarios)]


def agent_turns(talk):
    """(text, label, record before it) of each agent message."""
    record = Record(["destination", "dates", "travellers", "budget", "drink", "size"])
    for message, label in zip(talk.messages, talk.labels, strict=True):
        record.hear(label.parsed_acts())
        if message.role == "assistant":
            yield message.content, label, record


def test_every_walk_is_talked_through_exactly_as_planned(talks):
    for scenario, talk in talks:
        taken = [[s for s in label.steps if "anywhere" not in s] for label in talk.agent_labels()]
        assert [steps for steps in taken if steps] == scenario.steps


def test_every_talk_ends_as_its_scenario_accepts(talks, domain):
    for scenario, talk in talks:
        assert domain.flowchart.outcome_of(talk.labels[-1].steps[-1]) in scenario.endings


def test_speakers_alternate_and_the_agent_opens_and_closes(talks):
    for _, talk in talks:
        roles = "".join(message.role[0] for message in talk.messages)
        assert roles == "s" + "au" * (len(roles) // 2 - 1) + "a"


def test_a_detail_given_is_never_asked_again(talks):
    for _, talk in talks:
        for text, label, record in agent_turns(talk):
            assert not set(label.asks) & set(record.given), text


def test_all_that_is_missing_is_asked_for(talks, domain):
    for _, talk in talks:
        for _, label, record in agent_turns(talk):
            record.slots = list(domain.flowchart.slots)
            if any("missing" in step for step in label.steps):
                assert label.asks == record.missing != []


def test_facts_stated_are_those_of_the_files(talks, domain):
    for _, talk in talks:
        assert check_facts(talk, domain) == []
        for text, label, _ in agent_turns(talk):
            assert [f for f in label.facts if domain.spoken_fact(f) not in text] == []


def test_details_are_in_the_customer_s_words(talks, domain):
    for _, talk in talks:
        for message, label in zip(talk.messages, talk.labels, strict=True):
            acts = [act for act in label.parsed_acts() if act.kind in {"give", "revise"}]
            if message.role == "user":
                said = domain.find_values(message.content)
                assert said == {act.target: [act.value] for act in acts}, message.content


def test_no_placeholder_is_left_and_no_message_is_empty(talks):
    for _, talk in talks:
        for i, message in enumerate(talk.messages):
            assert message.content.strip() or "silence" in talk.labels[i].acts
            assert not set("{}") & set(message.content)


def test_a_talk_is_the_same_every_time(talks, domain):
    for i, (scenario, talk) in enumerate(talks[:40]):
        assert write_talk(scenario, domain, i % 3, scenario.seed) == talk


def test_folds_say_other_words(talks, domain):
    scenario = talks[0][0]
    said = [write_talk(scenario, domain, fold, scenario.seed).messages[1:] for fold in range(3)]
    assert said[0] != said[1] != said[2] != said[0]


def test_a_conversation_names_the_hash_of_all_it_used(talks, domain):
    for _, talk in talks:
        steps = {step for label in talk.labels for step in label.steps}
        facts = {f"fact.{f}" for label in talk.labels for f in label.facts if "." not in f}
        assert {*steps, *facts, "prompt.agent_system"} <= set(talk.hashes)
        assert all(domain.hashes[name] == digits for name, digits in talk.hashes.items())


def test_steps_may_join_agent_nodes_in_one_message(coffee_domain):
    record = Record(coffee_domain.flowchart.slots)
    record.given = {"drink": "mocha", "size": "large"}
    steps, at = find_steps(coffee_domain.flowchart, "user_order", record, [])
    assert (steps, at) == (["take_order.complete", "pay"], "user_pay")


def open_first(domain, walks, max_replies=100, ears=None):
    scenario = plan_scenario(walks[0], "test", domain, 7, 0)
    options = {"ears": ears} if ears else {}
    return open_talk(domain, scenario, Voice("train"), max_replies, **options)


def test_who_is_never_understood_leaves_when_patience_runs_out(domain, walks):
    talk = open_first(domain, walks)
    while not talk.is_over:
        talk.hear_agent("Mmh.", Label())
    assert talk.labels[-2].acts == ["leave"]
    assert talk.customer.has_left_in_anger
    assert not talk.is_overrun


def test_a_talk_stops_at_the_limit(domain, walks):
    talk = open_first(domain, walks, max_replies=2)
    talk.hear_agent("Mmh.", Label())
    talk.hear_agent("Mmh.", Label())
    assert (talk.is_over, talk.is_overrun, talk.messages[-1].role) == (True, True, "assistant")


def test_an_end_said_by_the_agent_alone_does_not_stop_the_talk(coffee_domain):
    walks = enumerate_paths(coffee_domain.flowchart)
    talk = open_first(coffee_domain, walks)
    talk.hear_agent("Thank you, enjoy your coffee.", Label(steps=["settle.paid"]))
    assert not talk.is_over


def test_the_customer_hears_through_its_ears(domain, walks):
    heard = Label(steps=[domain.flowchart.start])
    talk = open_first(domain, walks, ears=lambda text, label: heard)
    talk.hear_agent("Whatever.")
    assert talk.labels[1] == heard


@pytest.mark.parametrize("kind", ["", *FAULTS])
def test_whoever_talks_on_after_the_end_is_told_it_again(coffee_domain, kind):
    own = (coffee_domain, Voice("test"), Random(3))
    agent = FaultyAgent(*own, kind) if kind else PhraseBookAgent(*own)
    record = coffee_domain.open_record()
    agent.reply(record, [])
    leave = [Act("leave")]
    record.hear(leave)
    for _ in range(20):
        _, label = agent.reply(record, leave)
        if agent.has_ended:
            break
    assert agent.has_ended == (kind != "never_ends")
    # one who has not understood says anything, and there is no way on from an end
    _, again = agent.reply(record, [Act("start")])
    assert again.steps == label.steps[-1:] or not agent.has_ended


def test_a_customer_who_is_asked_again_says_it_again(coffee_domain, coffee):
    scenario = plan_scenario(enumerate_paths(coffee)[0], "test", coffee_domain, 7, 0)
    scenario = scenario.model_copy(update={"plan": {}})
    customer = Customer(coffee_domain, scenario, Voice(), seeded(1, "test", "x"))
    record = Record(coffee.slots)
    record.given = {"drink": "mocha"}
    _, label = customer.speak(record, "user_details", ["drink", "size"])
    assert label.acts == ["give(drink=mocha)"]


def test_what_is_on_record_is_read_back_where_the_way_on_depends_on_it(talks, domain):
    if "part/noted" not in domain.agent:
        pytest.skip("this domain has no wordings for it")
    seen = set()
    for _, talk in talks:
        for text, label, record in agent_turns(talk):
            states = [state for step in label.steps for state in domain.slot_states(step)]
            known = [domain.slots[slot].on_record(v) for slot, v in record.given.items()]
            seen |= {(state, bool(known)) for state in states}
            assert not states or all(value in text for value in known), text
            is_open = known and {"slots_missing", "slots_vague"} & set(states)
            assert not is_open or all(domain.slots[slot].name in text for slot in label.asks), text
    assert {(f"slots_{state}", True) for state in ("missing", "vague", "complete")} <= seen
    assert ("slots_missing", False) in seen


def test_a_teacher_says_the_same_in_the_same_words(travel):
    paths = enumerate_paths(travel.flowchart)
    plans = [plan_scenario(path, "train", travel, 7, i) for path in paths for i in range(3)]
    said = {}
    for plan in plans:
        agent = PhraseBookAgent(travel, house_voice(7), Random(plan.seed))
        talk = write_talk(plan, travel, int(plan.seed, 16) % FOLDS, plan.seed, agent)
        for message, label in zip(talk.messages, talk.labels, strict=True):
            if len(label.steps) == 1:
                said.setdefault(label.steps[0], set()).add(message.content)
    # others have values in them
    assert [len(said[step]) for step in ("opening", "final_routing.confirmed")] == [1, 1]


def test_who_wants_a_change_before_booking_chooses_something_else(travel):
    paths = [
        p
        for p in enumerate_paths(travel.flowchart)
        if ("final_routing", "wants_changes") in zip(p.nodes, p.routes, strict=False)
    ]
    n = 0
    for i, path in enumerate(paths):
        talk = write_talk(plan_scenario(path, "train", travel, 7, i), travel, i % 3, str(i))
        acts = [act for label in talk.labels for act in label.parsed_acts()]
        chosen = [act.target for act in acts if act.kind in ("choose", "revise", "drop")]
        for one, other in pairwise(chosen):
            assert one != other
            n += 1
    assert n > 5


def test_many_customers_greet_and_only_at_first(travel):
    scenarios = [plan_scenario(p, "train", travel, 7, 0) for p in enumerate_paths(travel.flowchart)]
    greetings = [w.text for w in travel.customer.wordings("part/hello") if w.split == "train"]
    n = 0
    for scenario in scenarios:
        talk = write_talk(scenario, travel, None, scenario.seed)
        first, *others = [m.content for m in talk.messages if m.role == "user"]
        n += any(first.startswith(hello) for hello in greetings)
        assert not any(text.startswith(hello) for text in others for hello in greetings)
    # who begins with a demand does not
    assert 0.2 < n / len(scenarios) < 0.6


def test_customers_of_few_words_do_not_greet(travel):
    (path, *_) = enumerate_paths(travel.flowchart)
    planned = [plan_scenario(path, "train", travel, 7, n) for n in range(20)]
    for scenario in planned:
        curt = scenario.model_copy(update={"behaviours": ["curt"]})
        talk = write_talk(curt, travel, None, scenario.seed)
        assert not talk.messages[2].content.startswith(("Hello", "Hi", "Dear", "Greetings", "Hey"))
