"""Simulations: the harness's own proof is that the perfect walker scores perfectly."""

from dataclasses import dataclass, field

import pytest

from workbench import models
from workbench.conformance import Aligner
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.evaluate.conditions import ModelAgent, Reply, Walker
from workbench.evaluate.metrics import score_conversation
from workbench.evaluate.simulation import STRATA, Simulated, limit_replies, list_customers, simulate
from workbench.phrases import Voice
from workbench.recognizer import AgentRecognizer
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import open_talk
from workbench.synthesize.writing import write_practice

BETTER_LOW = {"premature_ending", "overrun", "left_in_anger", "invalid_moves", "reasked"}


class MuteRecognizer:
    """Reads nothing in any message."""

    def label(self, texts):
        return [Label() for _ in texts]


@dataclass
class Parrot:
    """An agent that says the same to everybody, and notes what it is shown."""

    text: str = "Hm."
    name: str = "parrot"
    is_scripted: bool = False
    has_true_ears: bool = False
    seen: list = field(default_factory=list)

    def begin(self, talks):
        self.seen.append(len(talks))

    def reply(self, talks):
        self.seen += [talk.messages[-1].role for talk in talks.values()]
        cost = {"prompt_tokens": 10, "reply_tokens": 2, "cached_tokens": 7}
        return {key: Reply(self.text, **cost) for key in talks}


def plan_tests(domain, times):
    paths = enumerate_paths(domain.flowchart)
    return [plan_scenario(p, "test", domain, 7, i) for p in paths for i in range(times)]


def walk(domain, scenarios, agent=None, recognizer=None, limit=0):
    agent = agent or Walker(domain, has_true_ears=True)
    limit = limit or limit_replies(scenarios)
    recognizer = recognizer or MuteRecognizer()
    customers = list_customers(scenarios, STRATA)
    return list(simulate(agent, customers, domain, recognizer, limit, progress=False))


@pytest.fixture(scope="module")
def scenarios(domain):
    return plan_tests(domain, 3)


@pytest.fixture(scope="module")
def walked(domain, scenarios):
    return walk(domain, scenarios)


def test_every_scenario_is_talked_once_in_each_stratum(walked, scenarios):
    plain = ("seen", "unseen")
    wanted = {(stratum, s.scenario_id) for stratum in plain for s in scenarios}
    assert {(talk.stratum, talk.scenario_id) for talk in walked} == wanted
    assert len({talk.conversation_id for talk in walked}) == len(walked) == len(wanted)


def test_the_perfect_walker_scores_perfectly_on_true_labels(walked, domain, scenarios):
    aligner, plans = Aligner(domain.flowchart), {s.scenario_id: s for s in scenarios}
    for talk in walked:
        plan = plans[talk.scenario_id]
        score = score_conversation(talk, plan, domain, aligner, talk.true_labels)
        best = {m: 0.0 if m in BETTER_LOW else 1.0 for m in score.measures}
        assert {m: v for m, v in score.measures.items() if v is not None and v != best[m]} == {}
        assert (score.faults, score.wrong) == ([], {})


def test_of_a_perfect_walk_little_is_unscored(walked, domain, scenarios):
    aligner, plans = Aligner(domain.flowchart), {s.scenario_id: s for s in scenarios}
    for talk in walked:
        plan = plans[talk.scenario_id]
        score = score_conversation(talk, plan, domain, aligner, talk.true_labels)
        # a walk may cite no fact, restate nothing, and its customer may keep to the procedure
        unscored = {m for m, v in score.measures.items() if v is None}
        assert unscored <= {"facts_right", "slots_kept", "off_procedure"}


def test_a_walk_ends_one_reply_after_the_closing_act(walked, scenarios):
    plans = {s.scenario_id: s for s in scenarios}
    for talk in walked:
        assert not talk.is_overrun
        assert not talk.has_left_in_anger
        assert len(plans[talk.scenario_id].steps) <= talk.replies <= limit_replies(scenarios)


def test_unseen_customers_say_what_seen_ones_do_not(walked):
    said = {stratum: set() for stratum in STRATA}
    for talk in walked:
        messages = talk.conversation.messages
        said[talk.stratum] |= {m.content for m in messages if m.role == "user" and " " in m.content}
    shared = said["seen"] & said["unseen"]
    assert len(shared) < 0.01 * len(said["seen"])


def test_labels_kept_are_read_off_the_words_and_not_the_true_ones(walked):
    for talk in walked:
        assert talk.conversation.agent_labels() == [Label()] * talk.replies
        assert [label for label in talk.true_labels if label.steps]


def test_a_simulation_is_the_same_every_time(walked, domain, scenarios):
    again = {t.conversation_id: t.conversation for t in walk(domain, scenarios)}
    assert again == {t.conversation_id: t.conversation for t in walked}


def test_simulated_talks_survive_a_round_trip_through_json(walked):
    for talk in walked[:20]:
        assert Simulated.model_validate_json(talk.model_dump_json()) == talk


def test_a_model_sees_a_talk_only_while_it_is_open_and_after_the_customer(domain, scenarios):
    parrot = Parrot()
    walk(domain, scenarios[:4], parrot)
    assert parrot.seen[0] == 8
    assert set(parrot.seen[1:9]) == {"system"}
    assert set(parrot.seen[9:]) == {"user"}


def test_an_agent_that_says_nothing_is_left_and_pays_for_each_reply(domain, scenarios):
    for talk in walk(domain, scenarios[:6], Parrot()):
        assert talk.has_left_in_anger
        assert talk.true_labels is None
        assert (talk.prompt_tokens, talk.reply_tokens) == (10 * talk.replies, 2 * talk.replies)
        assert talk.cached_tokens == 7 * talk.replies


def test_no_talk_exceeds_the_limit(domain, scenarios):
    talks = walk(domain, scenarios[:6], Parrot(), limit=2)
    assert all(talk.is_overrun and talk.replies == 2 for talk in talks)


def test_the_limit_is_twice_the_longest_walk(scenarios):
    assert limit_replies(scenarios) == 2 * max(len(s.steps) for s in scenarios)


def test_a_walker_that_is_heard_through_words_mostly_arrives(coffee_domain, word_encoder):
    scenarios = plan_tests(coffee_domain, 4)
    recognizer = AgentRecognizer(coffee_domain).learn(write_practice(coffee_domain, scenarios, 7))
    talks = walk(coffee_domain, scenarios, Walker(coffee_domain), recognizer)
    plans, aligner = {s.scenario_id: s for s in scenarios}, Aligner(coffee_domain.flowchart)
    scores = [
        score_conversation(t, plans[t.scenario_id], coffee_domain, aligner, t.true_labels)
        for t in talks
    ]
    right = [score.measures["ending_correct"] for score in scores]
    angry = [score.measures["left_in_anger"] for score in scores]
    assert sum(right) / len(scores) > 0.7
    # whom it does not understand it lets go
    assert sum(map(max, right, angry)) / len(scores) > 0.8


@pytest.mark.exhaustive
def test_travel_s_walker_heard_through_words_arrives(travel):
    scenarios = plan_tests(travel, 1)
    practice = [t for fold in range(3) for t in write_practice(travel, scenarios, 7, fold)]
    recognizer = AgentRecognizer(travel).learn(practice)
    talks = walk(travel, scenarios, Walker(travel), recognizer)
    plans, aligner = {s.scenario_id: s for s in scenarios}, Aligner(travel.flowchart)
    scores = [score_conversation(t, plans[t.scenario_id], travel, aligner) for t in talks]
    assert sum(score.measures["ending_correct"] for score in scores) / len(scores) > 0.9
    assert sum(score.measures["fitness"] for score in scores) / len(scores) > 0.9


class NotingModel:
    """A model that notes what it is asked."""

    def __init__(self):
        self.asked, self.shown = [], []

    def reply(self, batch, max_new_tokens, names):
        self.asked.append((max_new_tokens, names))
        self.shown += batch
        return [models.Reply("Hi", 4, 1, 0.1, cached_tokens=3) for _ in batch]


@pytest.fixture
def talks(coffee_domain):
    plan = plan_scenario(enumerate_paths(coffee_domain.flowchart)[0], "test", coffee_domain, 7, 0)
    return {("seen", n): open_talk(coffee_domain, plan, Voice("train"), 9) for n in "ab"}


def test_a_model_is_told_which_talk_is_which(talks, tmp_path):
    agent = ModelAgent("compiled", tmp_path, max_new_tokens=5)
    agent.model = NotingModel()
    # without names every reply would read its talk from the start again
    assert set(agent.reply(talks)) == set(talks)
    assert agent.model.asked == [(5, list(talks))]
    assert agent.model.shown == [talk.messages for talk in talks.values()]


def test_what_a_model_did_not_read_is_handed_on(talks, tmp_path):
    agent = ModelAgent("compiled", tmp_path)
    agent.model = NotingModel()
    costs = {
        (r.prompt_tokens, r.reply_tokens, r.cached_tokens) for r in agent.reply(talks).values()
    }
    assert costs == {(4, 1, 3)}


def test_only_the_model_sees_the_system_prompt_of_its_condition(talks, tmp_path, coffee_domain):
    agent = ModelAgent("in_context/base", tmp_path, system="The procedure.")
    agent.model = NotingModel()
    for talk in talks.values():
        talk.hear_agent("Hello, what would you like?")
    agent.reply(talks)
    for shown, talk in zip(agent.model.shown, talks.values(), strict=True):
        assert (shown[0].role, shown[0].content) == ("system", "The procedure.")
        assert shown[1:] == talk.messages[1:]
        assert talk.messages[0].content == coffee_domain.system_prompt()
