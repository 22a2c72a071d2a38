"""The simulator under test: words that do not carry their act are found, and people compared."""

import pytest

from workbench.conversation import Conversation, Label, Message
from workbench.design.paths import enumerate_paths
from workbench.evaluate.audit import (
    describe_customers,
    find_tainted,
    measure_swaps,
    measure_taint,
    swap_words,
    without_tainted,
)
from workbench.evaluate.metrics import Score
from workbench.evaluate.simulation import Simulated
from workbench.recognizer import CustomerRecognizer, Reading
from workbench.synthesize.checking import DETAILS
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice


def simulated(name, *said, stratum="unseen"):
    """A talk whose customer says these (text, acts)."""
    messages = [Message(role="user", content=text) for text, _ in said]
    conversation = Conversation(
        conversation_id=name,
        scenario_id=name,
        path_id=name,
        split="test",
        teacher="",
        messages=messages,
        labels=[Label(acts=acts) for _, acts in said],
    )
    return Simulated(
        conversation_id=name,
        scenario_id=name,
        path_id=name,
        condition="compiled",
        stratum=stratum,
        conversation=conversation,
    )


@pytest.fixture
def reader(coffee_domain, word_encoder):
    paths = enumerate_paths(coffee_domain.flowchart)
    scenarios = [plan_scenario(p, "train", coffee_domain, 7, i) for p in paths for i in range(6)]
    return CustomerRecognizer(coffee_domain).learn(write_practice(coffee_domain, scenarios, 1))


class SureReader(CustomerRecognizer):
    """Knows one sentence, and is sure what it says."""

    def prepare(self, texts):
        self.prepared = [*texts]

    def contradicts(self, texts, labels):
        known = {"What does a cup cost?": {"acts": Reading(("ask(cup_price)",), 0.9)}}
        return [known.get(text, {}) for text in texts]


def test_words_that_carry_another_act_taint_their_talk(coffee_domain):
    reader = SureReader(coffee_domain)
    good = simulated("a", ("Here is the money.", ["confirm"]))
    bad = simulated("b", ("What does a cup cost?", ["confirm"]))
    found = find_tainted([good, bad], reader, coffee_domain)
    assert list(found) == ["b"]
    assert "ask(cup_price)" in found["b"][0]


def test_a_detail_that_differs_from_the_act_taints_its_talk(reader, coffee_domain):
    bad = simulated("a", ("Make it a latte.", ["give(drink=mocha)"]))
    (reason,) = find_tainted([bad], reader, coffee_domain)["a"].values()
    assert "latte" in reason


@pytest.fixture
def talks():
    """Two talks with a message to swap, and one that gives details only."""
    return [
        simulated("a", ("Make it a mocha.", ["give(drink=mocha)"]), ("Yes, please.", ["confirm"])),
        simulated("b", ("What does a cup cost?", ["ask(cup_price)"])),
        simulated("c", ("Make it a latte.", ["give(drink=latte)"])),
    ]


def test_swapped_words_are_those_of_another_act(talks, coffee_domain):
    swapped = [*swap_words(talks, SureReader(coffee_domain), coffee_domain)]
    said = {talk.conversation_id: talk.conversation.messages for talk, _ in swapped}
    at = {talk.conversation_id: i for talk, i in swapped}
    assert at == {"a": 1, "b": 0}
    assert [said[name][i].content for name, i in at.items()] == [
        "What does a cup cost?",
        "Yes, please.",
    ]
    assert said["a"][0] == talks[0].conversation.messages[0]


def test_what_is_swapped_does_not_depend_on_the_order_of_the_talks(coffee_domain):
    acts = ["confirm", "leave", "ask(cup_price)", "chat", "why"]
    talks = [simulated(f"{i}", (f"{i} {acts[i % 5]}!", [acts[i % 5]])) for i in range(20)]
    first, again = (
        [talk for talk, _ in swap_words(given, SureReader(coffee_domain), coffee_domain)]
        for given in (talks, talks[::-1])
    )
    assert sorted(first, key=lambda t: t.conversation_id) == sorted(
        again, key=lambda t: t.conversation_id
    )
    assert len({talk.conversation.messages[0].content for talk in first}) > 5


def test_words_are_swapped_within_a_stratum(talks, coffee_domain):
    alone = simulated("d", ("Yes, do.", ["confirm"]), stratum="difficult")
    swapped = swap_words([*talks, alone], SureReader(coffee_domain), coffee_domain)
    assert "d" not in {talk.conversation_id for talk, _ in swapped}


def test_questions_are_swapped_and_acts_that_cause_one_route_are_not(travel):
    reader = SureReader(travel)
    for acts in (["ask(visa)", "ask(deposit)"], ["vague(dates)", "vague(budget)"], ["no", "leave"]):
        talks = [simulated(act, (f"I {act}.", [act])) for act in acts]
        assert len([*swap_words(talks, reader, travel)]) == 2
    alike = next(k for s in travel.flowchart.steps if len(k := travel.causes(s) - DETAILS) > 1)
    talks = [simulated(kind, (f"I {kind}.", [kind])) for kind in alike]
    assert [*swap_words(talks, reader, travel)] == []


def test_what_is_heard_instead_is_waived_only_where_all_of_it_causes_the_route(travel):
    def find(acts, heard):
        reader = SureReader(travel)
        reader.contradicts = lambda texts, labels: [{"acts": Reading(heard, 0.9)} for _ in texts]
        return find_tainted([simulated("a", ("Well.", acts))], reader, travel)

    assert not find(["leave"], ("leave_late",))
    assert find(["leave"], ())
    assert find(["confirm", "flood"], ("flood",))
    assert find(["ask(visa)"], ("ask(deposit)",))


def test_the_share_of_swapped_words_that_are_found_is_by_stratum(talks, coffee_domain):
    found = measure_swaps(talks, SureReader(coffee_domain), coffee_domain)
    assert (found["unseen"]["n"], found["unseen"]["share"]) == (2, 0.5)


def test_what_is_found_in_another_message_is_not_the_swap(coffee_domain):
    doubted = ("What does a cup cost?", ["give(drink=mocha)"])
    talks = [simulated("a", doubted, ("Yes.", ["confirm"])), simulated("b", ("No.", ["leave"]))]
    found = measure_swaps(talks, SureReader(coffee_domain), coffee_domain)
    assert (found["unseen"]["n"], found["unseen"]["share"]) == (2, 0.0)


def test_the_share_of_tainted_talks_is_by_stratum():
    talks = [simulated(n, ("Hi.", ["start"])) for n in "ab"]
    talks.append(simulated("c", ("Hi.", ["start"]), stratum="difficult"))
    found = measure_taint(talks, {"a": {0: "why"}})
    assert (found["unseen"]["n"], found["unseen"]["tainted"]) == (2, 1)
    assert found["difficult"]["tainted"] == 0


def test_scores_of_tainted_talks_are_left_out():
    kept, left = (
        Score(
            conversation_id=name,
            scenario_id=name,
            path_id=name,
            condition="compiled",
            stratum="seen",
            measures={},
            faults=[],
            wrong={},
        )
        for name in "ab"
    )
    assert without_tainted([kept, left], {"b": {}}) == [kept]


def test_customers_are_described_by_what_they_say_and_ask():
    talk = simulated(
        "a",
        ("One two three.", ["give(drink=mocha)"]),
        ("What does it cost?", ["ask(cup_price)"]),
        ("Yes.", ["confirm"]),
        ("Why?", ["why"]),
    )
    found = describe_customers([talk], {"drink"})["unseen"]
    assert (found["words_50"], found["volunteers"]) == (2.0, 1.0)
    assert describe_customers([talk], {"drink", "size"})["unseen"]["volunteers"] == 0
    assert (found["asks_share_of_turns"], found["talks_that_ask"]) == (0.5, 1.0)
