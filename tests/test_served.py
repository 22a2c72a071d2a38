"""A real model behind a real server as a condition: the same words and scores as in process."""

import shutil

import pytest
from remote import BookReader, plan_customers
from test_serve import SYSTEM, ask, find_port, make_run, serving

from workbench.api.spending import tally_calls
from workbench.domain import read_domain
from workbench.evaluate.baselines import open_baseline
from workbench.evaluate.conditions import ModelAgent, Walker
from workbench.evaluate.judge import FILE, Judged
from workbench.evaluate.judging import Scope, judge_run
from workbench.evaluate.simulation import file_of, limit_replies
from workbench.evaluate.stage import Condition, fit_recognizers, score_all, simulate_condition
from workbench.models import LocalModel
from workbench.run import find_run
from workbench.sizes import size_of
from workbench.synthesize.scenarios import Scenario
from workbench.train.base_model import resolve_base_model

WORDS = 24
"""Tokens of a reply. The tiny model says little, but any other of random weights turns on rounding:
engines round differently, and its words are then others. A trained one is tried below."""


@pytest.fixture
def port():
    return find_port()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A run whose model has random weights, the port where it is served, and a client."""
    run, port = copy_model("tiny-random", tmp_path_factory.mktemp("runs")), find_port()
    with serving(run, port, seconds=400) as client:
        yield run, port, client


@pytest.fixture
def reach(monkeypatch):
    """Points a role's calls at a server on this machine."""

    def reach(port, role=""):
        monkeypatch.setenv(f"WORKBENCH_{role}API_URL", f"http://localhost:{port}/v1")

    return reach


def copy_model(name, folder):
    """A run whose model is a base model."""
    run = make_run(folder)
    shutil.copytree(resolve_base_model(name).folder, run.file("model"))
    return run


def meet(run, domain, agent, scenarios, reader, strata=("unseen",)):
    condition, limit = Condition(agent, scenarios, strata), limit_replies(scenarios)
    return [*simulate_condition(run, condition, domain, reader, limit, progress=False)]


def said(talks):
    return [[message.content for message in talk.conversation.messages] for talk in talks]


@pytest.mark.slow
def test_a_plain_client_hears_what_the_model_says_here(served):
    run, _, client = served
    talk = [SYSTEM, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Tea?"}]
    for messages in (talk[:1], talk):
        # a model of random weights writes on and on
        here = LocalModel(run.file("model")).reply([messages], 12)[0].text
        assert ask(client, messages, max_tokens=12) == here


@pytest.mark.slow
def test_a_served_model_says_and_scores_what_it_does_in_process(served, reach, coffee_domain):
    run, port, _ = served
    reach(port, "SERVED_")
    scenarios, reader = plan_customers(coffee_domain, 1)[:3], BookReader(coffee_domain)
    here = ModelAgent("compiled", run.file("model"), WORDS)
    there = open_baseline("served/model", run, coffee_domain, WORDS)
    talks = [meet(run, coffee_domain, a, scenarios, reader) for a in (here, there)]
    assert said(talks[0]) == said(talks[1])
    scores = [score_all(own, scenarios, coffee_domain) for own in talks]
    assert [s.measures for s in scores[0]] == [s.measures for s in scores[1]]
    # a server counts what it reads and writes as it is counted here
    for one, other in zip(*talks, strict=True):
        assert (one.prompt_tokens, one.reply_tokens) == (other.prompt_tokens, other.reply_tokens)


@pytest.mark.exhaustive
def test_the_served_model_of_a_real_run_scores_as_in_process(port, reach, tmp_path):
    """Needs the run travel_booking/demo; what it makes is kept elsewhere."""
    try:
        run = find_run("travel_booking/demo")
        tests = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "test"]
        assert run.file("model/model.safetensors").exists()
    except (ValueError, OSError, AssertionError):
        pytest.skip("there is no trained run travel_booking/demo")
    domain, settings = read_domain("travel_booking"), size_of("demo")
    reader, _ = fit_recognizers(run, domain, settings.recognizer_epochs, progress=False)
    scenarios = [s for s in tests if s.stratum in ("plain", "difficult")][::12]
    reach(port, "SERVED_")
    spare = make_run(tmp_path / "runs")
    here = ModelAgent("compiled", run.file("model"), settings.max_new_tokens)
    strata = ("seen", "unseen", "difficult")
    with serving(run, port, seconds=600):
        there = open_baseline("served/model", spare, domain, settings.max_new_tokens)
        talks = [meet(spare, domain, a, scenarios, reader, strata) for a in (here, there)]
    assert not any(talk.failure for talk in talks[1])
    pairs = zip(*(score_all(own, scenarios, domain) for own in talks), strict=True)
    alike = [one.measures == other.measures for one, other in pairs]
    # engines round differently, and a word may turn out another
    assert sum(alike) >= 0.9 * len(alike)


@pytest.mark.exhaustive
def test_a_real_base_model_is_a_baseline_of_a_few_talks(tmp_path, port, reach, coffee_domain):
    """Too small to do it well: its talks come to an end, and all that it took is counted."""
    run = copy_model("smollm2", tmp_path / "runs")
    reach(port)
    scenarios, reader = plan_customers(coffee_domain, 1)[:2], BookReader(coffee_domain)
    with serving(run, port, seconds=600):
        for way in ("in_context", "orchestrated"):
            agent = open_baseline(f"{way}/model", run, coffee_domain, WORDS)
            agent.model.max_tokens = 60
            talks = meet(run, coffee_domain, agent, scenarios, reader)
            assert [talk.failure for talk in talks] == ["", ""]
            assert all(talk.is_counted and talk.prompt_tokens for talk in talks)
            assert all(len(talk.usage) == talk.replies > 0 for talk in talks)
            scores = score_all(talks, scenarios, coffee_domain)
            assert all(score.measures["ending_correct"] is not None for score in scores)
    assert set(run.manifest["evaluate"]["baselines"]) == {"in_context/model", "orchestrated/model"}


@pytest.mark.exhaustive
def test_a_real_base_model_as_judge_ends_with_what_it_could_not_score_counted(
    tmp_path, port, reach, coffee_domain, monkeypatch
):
    """Too small to give a verdict: whatever it says is on record, and nothing of it is a score."""
    run = copy_model("smollm2", tmp_path / "runs")
    reach(port, "JUDGE_")
    # its verdicts would end nowhere
    monkeypatch.setattr("workbench.evaluate.judge.MAX_TOKENS", 100)
    scenarios, reader = plan_customers(coffee_domain, 1)[:2], BookReader(coffee_domain)
    walker = Walker(coffee_domain, "walker/true_labels", has_true_ears=True)
    talks = meet(run, coffee_domain, walker, scenarios, reader)
    run.write(file_of("compiled"), [rename(talk) for talk in talks])
    every = [*talks, *map(rename, talks)]
    run.write("scores.jsonl", score_all(every, scenarios, coffee_domain))
    run.write("scenarios.jsonl", scenarios)
    asked = (run, coffee_domain, {}, "api/model", 5.0, Scope(2, 1, 1, 2))
    with serving(run, port, seconds=600):
        found = judge_run(*asked, progress=False)["judge"]
    records = {record.judged_id: record for record in run.read(FILE, Judged)}
    assert len(records) == found["asked"] >= 5
    assert found["unscored"] == sum(record.scores is None for record in records.values())
    assert sum(found["failures_to_score"].values()) == found["unscored"]
    (tally,) = tally_calls(run)
    assert (tally.role, tally.output_tokens > 0) == ("judge", True)


def rename(talk):
    """A scripted agent's talk under the name of the compiled model, read as it was meant."""
    labelled = talk.conversation.model_copy(update={"labels": talk.true_labels})
    own = {"condition": "compiled", "conversation_id": f"compiled-{talk.conversation_id}"}
    return talk.model_copy(update=own | {"true_labels": None, "conversation": labelled})
