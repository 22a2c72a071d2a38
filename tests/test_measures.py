"""Measures as metrics of the evaluate library: usable alone, on anybody's conversations."""

import pytest

from workbench.conformance import Aligner
from workbench.conversation import Conversation
from workbench.evaluate import measures
from workbench.evaluate.metrics import MEASURES, score_transcript

TALK = {
    "messages": [
        {"role": "assistant", "content": "Hello, what shall it be?"},
        {"role": "user", "content": "A large latte."},
        {"role": "assistant", "content": "A large latte. That is 3 euros. Shall I?"},
        {"role": "user", "content": "Here you are."},
        {"role": "assistant", "content": "Enjoy it."},
    ],
    "labels": [
        {"steps": ["opening"]},
        {"acts": ["give(drink=latte)", "give(size=large)"]},
        {"steps": ["take_order.complete", "pay"]},
        {"acts": ["confirm"]},
        {"steps": ["settle.paid"]},
    ],
    "endings": ["served"],
}
WRONG = TALK | {"labels": [*TALK["labels"][:4], {"steps": ["settle.leave"]}]}


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


def test_every_measure_is_a_metric_of_the_library(coffee_domain):
    import evaluate

    assert set(measures.NAMES.values()) == {*MEASURES, "pass_k"}
    for name, measure in measures.NAMES.items():
        metric = getattr(measures, name)(coffee_domain)
        assert isinstance(metric, evaluate.Metric)
        assert (type(metric).__name__, metric.name) == (name, metric.name)
        assert measures.FORMULAS[measure] in metric.description
        assert metric.citation
        assert measure in metric.compute(predictions=[TALK])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Fitness", 1.0),
        ("EndingCorrect", 0.5),
        ("BranchCorrect", 0.75),
        ("FactsRight", 1.0),
        ("SlotsKept", 1.0),
        ("Overrun", None),
        ("OffProcedure", None),
    ],
)
def test_a_mean_is_over_the_conversations_that_can_be_scored(coffee_domain, name, found):
    result = getattr(measures, name)(coffee_domain).compute(predictions=[TALK, WRONG])
    assert result[measures.NAMES[name]] == found
    assert (result["n"], result["unscored"]) == ((2, 0) if found is not None else (0, 2))


def test_without_endings_no_ending_is_right_or_wrong(coffee_domain):
    unknown = {name: part for name, part in TALK.items() if name != "endings"}
    result = measures.EndingCorrect(coffee_domain).compute(predictions=[unknown, TALK])
    assert (result["ending_correct"], result["n"], result["unscored"]) == (1, 1, 1)


def test_conversations_may_be_added_one_by_one_or_be_our_own(coffee_domain):
    ids = dict.fromkeys(["conversation_id", "scenario_id", "path_id"], "x")
    ours = Conversation(
        **ids, split="test", teacher="", **{k: TALK[k] for k in TALK if k[0] != "e"}
    )
    metric = measures.BranchCorrect(coffee_domain)
    metric.add(prediction=ours)
    metric.add(prediction=WRONG)
    assert metric.compute()["branch_correct"] == 0.75
    aligner = Aligner(coffee_domain.flowchart)
    assert score_transcript(ours, coffee_domain, aligner).measures["branch_correct"] == 1


def test_what_is_said_in_two_messages_is_as_right_as_in_one(coffee_domain):
    first, *rest = TALK["messages"][2:]
    parts = ("A large latte.", "That is 3 euros. Shall I?")
    said = [first | {"content": part} for part in parts]
    talk = TALK | {"messages": [*TALK["messages"][:2], *said, *rest]}
    talk["labels"] = [*TALK["labels"][:3], {}, *TALK["labels"][3:]]
    aligner = Aligner(coffee_domain.flowchart)
    found = measures.Prediction(**talk).score(coffee_domain, aligner).measures
    assert (found["facts_right"], found["fitness"], found["ending_correct"]) == (1, 1, 1)


def test_repeats_of_one_customer_make_pass_k(coffee_domain):
    repeats = [talk | {"scenario_id": "ann"} for talk in (TALK, TALK, WRONG)]
    metric = measures.PassK(coffee_domain)
    assert metric.compute(predictions=repeats)["pass_k"] == pytest.approx(2 / 3)
    assert metric.compute(predictions=repeats, k=2)["pass_k"] == pytest.approx(1 / 3)


def test_an_unknown_measure_is_named_with_those_there_are():
    with pytest.raises(AttributeError, match=r'no measure "Fitnes"; there are .*Fitness'):
        _ = measures.Fitnes


def test_labels_of_another_length_are_refused(coffee_domain):
    short = TALK | {"labels": TALK["labels"][:3]}
    with pytest.raises(ValueError, match="3 labels stand beside 5 messages"):
        measures.Fitness(coffee_domain).compute(predictions=[short])


def test_labels_that_the_domain_does_not_know_are_no_reason_to_stop(travel):
    said = ["give(travellers=77)", "give(shoes=red)", "choose(nothing)", "ask", "ask(moon)"]
    labels = [{"steps": ["fly"]}, {"acts": said}, {"steps": ["finalize", "anywhere.moon"]}]
    messages = [{"role": role, "content": "77 people"} for role in ("assistant", "user") * 2]
    talk = {"messages": messages[:3], "labels": labels, "endings": ["success"]}
    assert measures.Fitness(travel).compute(predictions=[talk])["fitness"] == 0
    assert measures.EndingCorrect(travel).compute(predictions=[talk])["ending_correct"] == 0
