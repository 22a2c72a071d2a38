"""The pipeline of judging, with scripted judges: rates, blindness, resuming, and what is kept."""

import json
import random
import re
from dataclasses import dataclass, field

import pytest
from provider import Provider
from verdicts import answer_as_a_judge, give

from workbench.api.breaker import Patience
from workbench.api.spending import tally_calls
from workbench.conversation import Label, seeded
from workbench.design.paths import enumerate_paths
from workbench.evaluate.conditions import Walker
from workbench.evaluate.defects import DEFECTS, EDITS
from workbench.evaluate.judge import FILE, Answer, Judged, JudgeError, find_family, open_judges
from workbench.evaluate.judging import Scope, draw_sample, judge_run, judge_with, list_kin
from workbench.evaluate.rubric import CRITERIA, Rubric
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.evaluate.stage import score_all
from workbench.run import open_run
from workbench.synthesize.scenarios import ScenarioError, plan_scenario

STRATA = ("unseen", "difficult", "adversarial")
SCOPE = Scope(per_condition=20, pairs=20, repeated=10, times=3, second_share=0.5)


class DeafRecognizer:
    def label(self, texts):
        return [Label() for _ in texts]


@pytest.fixture(scope="module")
def scenarios(travel):
    found = []
    for sort in ("plain", "difficult", "adversarial"):
        for index, path in enumerate(enumerate_paths(travel.flowchart)[::8]):
            try:
                found.append(plan_scenario(path, "test", travel, 7, index, sort))
            except ScenarioError:
                continue
    return found


@pytest.fixture(scope="module")
def talks(travel, scenarios):
    """The scripted agent's, once as itself and once under the name of the compiled model."""
    walker = Walker(travel, "walker/true_labels", has_true_ears=True)
    customers = list_customers(scenarios, STRATA)
    own = list(
        simulate(walker, customers, travel, DeafRecognizer(), limit_replies(scenarios), False)
    )
    return [*own, *(rename(talk, "compiled") for talk in own), *(spoil(talk) for talk in own)]


def rename(talk, condition):
    labelled = talk.conversation.model_copy(update={"labels": talk.true_labels})
    update = {"condition": condition, "conversation_id": f"{condition}-{talk.conversation_id}"}
    return talk.model_copy(update=update | {"true_labels": None, "conversation": labelled})


def spoil(talk):
    """A baseline that stops before its closing message."""
    talk = rename(talk, "floor/base")
    cut = {part: getattr(talk.conversation, part)[:-1] for part in ("messages", "labels")}
    return talk.model_copy(update={"conversation": talk.conversation.model_copy(update=cut)})


@pytest.fixture(scope="module")
def scored(travel, scenarios, talks):
    return score_all(talks, scenarios, travel)


@pytest.fixture
def run(tmp_path, scenarios, talks, scored):
    run = open_run("travel_booking", "judged", tmp_path)
    for condition in {talk.condition for talk in talks}:
        own = [talk for talk in talks if talk.condition == condition]
        run.write(f"simulated/{condition.replace('/', '_')}.jsonl", own)
    run.write("scores.jsonl", scored)
    run.write("scenarios.jsonl", scenarios)
    return run


@dataclass
class ScriptedJudge:
    """Sees what is planted with a stated chance for each criterion; all else it finds perfect."""

    edits: dict[str, str]
    """What was planted in a conversation, by its last message to the judge."""
    rates: dict[str, float]
    name: str = "api/scripted"
    failing: int = 0
    """Every so many-th question is not answered; 0: none."""
    asked: list = field(default_factory=list)

    def ask_all(self, questions):
        for number, question in enumerate(questions):
            self.asked.append(question)
            if self.failing and number % self.failing == 0:
                yield Answer(question.name, failure="was refused")
                continue
            edit, rng = self.edits.get(question.messages[-1].content, ""), seeded(1, "", "")
            rng.seed(question.name)
            falls = EDITS[edit].falls if edit else ()
            scores = {name: 2 for name in falls if rng.random() < self.rates.get(name, 1.0)}
            yield Answer(question.name, give(question.schema, scores))


@pytest.fixture(scope="module")
def planted(travel, scenarios, talks, scored):
    """What the judge is shown, and which edit is in it."""
    by_id = {scenario.scenario_id: scenario for scenario in scenarios}
    sample = draw_sample(talks, scored, by_id, travel, SCOPE)
    rubric = Rubric(travel)
    broken = [item for _, item in sample.twins]
    return {item.ask("", rubric).messages[-1].content: item.edit for item in broken}


def judge(run, travel, *judges):
    return judge_with(judges, run, travel, {"schema": 2}, SCOPE)["judge"]


@pytest.fixture
def judged(run, travel, planted):
    return judge(run, travel, ScriptedJudge(planted, {}))


def test_a_judge_that_sees_everything_is_validated_in_every_criterion(judged):
    assert [found["is_validated"] for found in judged["validation"].values()] == [True] * 5
    assert all(found["detected"]["mean"] == 1 for found in judged["validation"].values())
    assert all(not found["spill"]["mean"] for found in judged["validation"].values())


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_detection_is_the_rate_that_the_judge_is_built_for(run, travel, planted, rate):
    found = judge(run, travel, ScriptedJudge(planted, dict.fromkeys(CRITERIA, rate)))
    for criterion in found["validation"].values():
        detected = criterion["detected"]
        error = (rate * (1 - rate) / detected["n"]) ** 0.5
        assert abs(detected["mean"] - rate) < 3 * error
        assert detected["low"] < rate < detected["high"] or abs(detected["mean"] - rate) > error


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_judge_blind_in_one_criterion_is_unvalidated_in_that_alone(
    run, travel, planted, criterion
):
    found = judge(run, travel, ScriptedJudge(planted, {criterion: 0.3}))["validation"]
    assert [name for name, own in found.items() if not own["is_validated"]] == [criterion]
    assert "of its defects" in found[criterion]["why"]


def test_a_judge_that_harmless_changes_move_is_unvalidated(run, travel, planted):
    class Touchy(ScriptedJudge):
        def ask_all(self, questions):
            for answer, question in zip(super().ask_all(questions), questions, strict=True):
                is_padded = self.edits.get(question.messages[-1].content) in ("pad", "plead")
                scores = {"naturalness": 4} if is_padded else {}
                yield Answer(answer.name, give(question.schema, scores)) if scores else answer

    found = judge(run, travel, Touchy(planted, {}))["validation"]
    assert [name for name, own in found.items() if not own["is_validated"]] == ["naturalness"]
    assert "harmless" in found["naturalness"]["why"]


def test_what_fails_is_counted_in_no_mean_and_asked_again(run, travel, planted):
    first = ScriptedJudge(planted, {}, failing=4)
    found = judge(run, travel, first)
    assert found["unscored"] == -(-len(first.asked) // 4)
    assert found["failures_to_score"] == {"was refused": found["unscored"]}
    n = {s["task_success"]["n"] for s in found["scores"].values()}
    assert all(s["task_success"]["mean"] == 5 for s in found["scores"].values())
    assert max(n) < 20
    again = ScriptedJudge(planted, {})
    assert judge(run, travel, again)["unscored"] == 0
    assert len(again.asked) == found["unscored"]


def test_a_question_that_fails_again_is_not_written_twice(run, travel, planted):
    for _ in range(2):
        found = judge(run, travel, ScriptedJudge(planted, {}, failing=1))
    assert len(run.read(FILE, Judged)) == found["asked"] == found["unscored"]


def test_a_judging_that_was_broken_off_goes_on_where_it_stood(run, travel, planted):
    class Stopping(ScriptedJudge):
        def ask_all(self, questions):
            for number, answer in enumerate(super().ask_all(questions)):
                if number == 25:
                    raise ConnectionError("away")
                yield answer

    with pytest.raises(ConnectionError):
        judge(run, travel, Stopping(planted, {}))
    assert len(run.read(FILE, Judged)) == 25
    second = ScriptedJudge(planted, {})
    judge(run, travel, second)
    kept = [record.judged_id for record in run.read(FILE, Judged)]
    assert len(kept) == len(set(kept)) == 25 + len(second.asked)


def test_evidence_that_names_a_turn_that_is_not_there_is_no_score(run, travel):
    class Inventing:
        name = "api/inventing"

        def ask_all(self, questions):
            return (Answer(q.name, give(q.schema, {}, turn=999)) for q in questions)

    found = judge(run, travel, Inventing())
    assert found["unscored"] == found["asked"]
    assert "turn 999" in next(iter(found["failures_to_score"]))
    assert found["scores"]["compiled"]["task_success"]["mean"] is None
    assert not any(own["is_validated"] for own in found["validation"].values())


def test_a_judge_that_leaves_questions_out_is_found_out(run, travel):
    class Lazy:
        name = "api/lazy"

        def ask_all(self, questions):
            return (Answer(q.name, give(q.schema, {})) for q in questions[1:])

    with pytest.raises(ValueError, match="left 1 of"):
        judge(run, travel, Lazy())


def test_a_judge_never_learns_condition_run_or_id(run, travel, planted, talks):
    seen = ScriptedJudge(planted, {})
    judge(run, travel, seen)
    sent = "\n".join(m.content for q in seen.asked for m in q.messages)
    names = "\n".join(q.name for q in seen.asked)
    for secret in ("compiled", "floor/base", "walker", 'judged"', "api/"):
        assert secret not in sent
    assert not [t.conversation_id for t in talks if t.conversation_id in sent + names]
    assert [q.name for q in seen.asked] == sorted(q.name for q in seen.asked)


def test_grace_is_scored_where_there_is_a_challenge_and_has_its_own_n(judged):
    own = judged["scores"]["compiled"]
    assert 0 < own["graceful_handling"]["n"] < own["task_success"]["n"] == 20
    assert own["graceful_handling"]["unscored"] == 0


def test_the_same_customers_are_judged_in_every_condition(travel, talks, scenarios, scored):
    by_id = {scenario.scenario_id: scenario for scenario in scenarios}
    # one of the conditions has met few
    floor = [talk for talk in talks if talk.condition == "floor/base"]
    talks = [talk for talk in talks if talk not in floor[7:]]
    sample = draw_sample(talks, scored, by_id, travel, Scope(per_condition=7, pairs=1))
    met = {}
    for talk in sample.talks.values():
        met.setdefault(talk.condition, set()).add((talk.stratum, talk.scenario_id))
    assert set(met) == {"compiled", "floor/base"}
    assert met["compiled"] == met["floor/base"]
    assert len(met["compiled"]) == 7


def test_a_second_judge_sees_a_share_and_repeats_are_compared(run, travel, planted):
    first = ScriptedJudge(planted, {})
    second = ScriptedJudge(planted, {}, name="api/other")
    found = judge(run, travel, first, second)
    assert found["judges"] == ["api/scripted", "api/other"]
    assert found["agreement"]["task_success"]["n"] == 20
    assert found["agreement"]["task_success"]["exact"] == 1
    # neither varies: nothing can be told from chance
    assert found["agreement"]["task_success"]["kappa"] is None
    assert found["repeatability"]["naturalness"] == {"n": 10, "exact": 1.0, "spread": 0.0}
    assert len({q.repeat for q in first.asked}) == 3


def test_failures_stand_beside_the_computed_endings(run, travel):
    class Ending:
        """Fails a conversation in which the customer has the last word."""

        name = "api/ending"

        def ask_all(self, questions):
            for q in questions:
                last = q.messages[-1].content.splitlines()[-3]
                bad = {"task_success": 3} if " customer: " in last else {}
                yield Answer(q.name, give(q.schema, bad))

    every = judge(run, travel, Ending())
    found = every["failures"]
    assert found["compiled"] | {"kappa": 0} == {
        "both": 0, "judge_only": 0, "ending_only": 0, "neither": 20,
        "n": 20, "judged": 0.0, "computed": 0.0, "kappa": 0,
    }  # fmt: skip
    assert (found["floor/base"]["both"], found["floor/base"]["neither"]) == (20, 0)
    # and the same in scores: five against three
    assert every["scores"]["floor/base"]["task_success"]["mean"] == 3
    assert every["histograms"]["floor/base"]["task_success"] == [0, 0, 20, 0, 0]
    gap = every["differences"]["compiled"]["floor/base"]["task_success"]
    assert (gap["mean"], gap["n"]) == (2, 20)
    assert gap["p_adjusted"] < 0.01


def test_what_a_judge_said_is_kept_whole(run, travel, judged):
    record = run.read(FILE, Judged)[0]
    assert record.transcript[0].startswith('1 agent: "')
    assert record.evidence["task_success"] == {"turns": [1], "finding": "seen"}
    assert json.loads(run.file("result.json").read_text())["judge"] == judged


def test_without_a_judge_nothing_is_asked_and_the_result_says_nothing(run, travel):
    result = {"schema": 2, "judge": {"judges": ["of an earlier call"]}}
    assert judge_run(run, travel, result, " ") == {"schema": 2}
    assert not run.file(FILE).exists()


def test_judges_are_two_at_most_and_of_different_families(run):
    assert find_family("api/openai/gpt-6-sol") == find_family("api/gpt-5") == "gpt"
    assert find_family("api/qwen3:8b") == find_family("api/qwen2.5") == "qwen"
    assert [j.name for j in open_judges("api/gpt-6, api/qwen3", run)] == ["api/gpt-6", "api/qwen3"]
    for names, message in (
        ("api/gpt-6, api/gpt-5", "one family"),
        ("api/a, api/b, api/c", "3 judges"),
        ("local/model", "is no judge"),
    ):
        with pytest.raises(JudgeError, match=message):
            open_judges(names, run)


def test_every_defect_is_planted_in_conversations_of_the_shipped_domain(judged):
    counts = {name: max(m["dropped"]["n"] for m in judged["defects"][name].values())
              for name in DEFECTS if name in judged["defects"]}  # fmt: skip
    assert set(counts) == set(DEFECTS)
    assert min(counts.values()) >= 3


class Reader:
    """Judges by what it reads alone, and by two rules: no lists, no time or share from nowhere."""

    name = "api/reader"

    def ask_all(self, questions):
        for question in questions:
            known, _, talk = question.messages[-1].content.partition("The conversation stands")
            turns = [
                line for line in talk.splitlines() if re.match(r"\d+ (agent|customer): ", line)
            ]
            heard = known + " ".join(turn for turn in turns if " customer: " in turn)
            agent = [turn.partition(" agent: ")[2] for turn in turns if " agent: " in turn]
            is_list = any("- Item" in text for text in agent)
            quantity = r"\d+ (?:%|days|hours?|nights|kg|years)"
            said = {found for text in agent for found in re.findall(quantity, text)}
            is_false = bool(said - {*re.findall(quantity, heard)})
            scores = {"naturalness": 1} if is_list else {}
            scores |= {"information_accuracy": 3} if is_false else {}
            yield Answer(question.name, give(question.schema, scores))


def test_a_judge_that_reads_finds_what_its_rules_are_for_and_no_more(run, travel):
    found = judge(run, travel, Reader())
    names = [name for name, own in found["validation"].items() if own["is_validated"]]
    assert names == ["naturalness"]
    shares = {edit: by["information_accuracy"]["dropped"] for edit, by in found["defects"].items()}
    # prices, of which it knows nothing, are altered as well
    assert 0.3 < shares["wrong_number"]["mean"] < 1
    assert shares["promise"]["mean"] == 0
    assert found["validation"]["naturalness"]["harmless"]["mean"] == 0


def test_the_real_client_is_asked_as_a_judge_is(run, travel, talks, scenarios, monkeypatch):
    model = pytest.importorskip("workbench.api.model")
    call = pytest.importorskip("workbench.api.call")
    seen = []

    def ask_all(opened, requests, in_order=True, progress=True):
        for request in requests:
            seen.append((opened, request, in_order, progress))
            is_first = len(seen) == 1
            parsed = None if is_first else give(request.schema, {})
            yield call.Answer(request, failure="was refused" if is_first else "", _parsed=parsed)

    opened = {}
    monkeypatch.setattr(model, "ask_all", ask_all)
    monkeypatch.setattr(
        model,
        "open_model",
        lambda name, run, role, cap_usd, **more: opened.update(role=role, name=name, cap=cap_usd),
    )
    found = judge(run, travel, *open_judges("api/gpt-6", run, progress=False, cap_usd=2))
    assert opened == {"role": "judge", "name": "api/gpt-6", "cap": 2}
    assert found["unscored"] == 1
    assert len(seen) == found["asked"]
    assert {request.repeat for _, request, *_ in seen} == {0, 1, 2}


def test_a_judge_at_a_provider_that_misbehaves_is_heard_whole_and_asked_once(
    run, travel, monkeypatch
):
    dice = random.Random(5)
    trouble = ["busy_wait", "500", "503", "torn", "no_choices", "not_json", "prose"]
    provider = Provider(lambda n, body: dice.choice(trouble) if dice.random() < 0.2 else "good")
    provider.answer = answer_as_a_judge
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    patience = Patience(first_delay_s=0.01, longest_delay_s=0.05)
    monkeypatch.setattr("workbench.api.model.Patience", lambda **given: patience)
    scope, asked = Scope(4, 1, 2, 2), (run, travel, {"schema": 2}, "api/toy", 5.0)
    found = judge_run(*asked, scope, progress=False)["judge"]
    assert 0 < found["unscored"] < found["asked"] / 2
    assert "gave twice what does not fit" in next(iter(found["failures_to_score"]))
    assert all(s["task_success"]["mean"] == 5 for s in found["scores"].values())
    (tally,) = tally_calls(run)
    # who gave no verdict was asked once more
    assert tally.states["answered"] == found["asked"] + found["unscored"]
    assert tally.prompt_tokens == provider.replied["prompt"]
    n_requests = provider.n_requests
    assert judge_run(*asked, scope, progress=False)["judge"] == found
    assert provider.n_requests == n_requests
    provider.close()


def test_a_judge_of_the_family_of_what_it_judges_is_named(run):
    run.record("synthesize", teacher="phrase_book+api/gpt-6-sol", customer="phrase_book")
    result = {"baselines": {"in_context/gpt-6-luna": {}, "in_context/qwen-max": {}}}
    judges = [ScriptedJudge({}, {}, name="api/openai/gpt-6-terra")]
    assert list_kin(judges, run, result) == [
        "api/openai/gpt-6-terra judges api/gpt-6-sol",
        "api/openai/gpt-6-terra judges in_context/gpt-6-luna",
    ]
    assert list_kin([ScriptedJudge({}, {}, name="api/claude")], run, result) == []
