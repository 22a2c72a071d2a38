"""The stage: which conditions meet which customers, and what stands in the result."""

import time
from collections import Counter
from pathlib import Path

import pytest
from test_breakdown import make_talk
from test_simulation import MuteRecognizer

from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate import stage
from workbench.evaluate.baselines import name_baselines
from workbench.evaluate.conditions import Walker
from workbench.evaluate.result import average_cost, plain
from workbench.evaluate.simulation import STRATA, Usage, of_stratum
from workbench.evaluate.stage import (
    Asked,
    Condition,
    ConditionError,
    choose_conditions,
    list_baselines,
    list_conditions,
    repeat_scenarios,
    simulate_condition,
    spread_over_paths,
)
from workbench.evaluate.statistics import average
from workbench.run import RunError, open_run
from workbench.sizes import size_of
from workbench.synthesize.scenarios import plan_scenario
from workbench.train.base_model import BaseModel


@pytest.fixture
def scenarios(travel):
    paths = enumerate_paths(travel.flowchart)[:6]
    sorts = dict.fromkeys(STRATA.values())
    return [plan_scenario(p, "test", travel, 7, 0, sort) for sort in sorts for p in paths]


@pytest.fixture
def conditions(travel, scenarios, tmp_path):
    settings = size_of("demo", floor_scenarios=2, baseline_scenarios=4)
    base = BaseModel(Path("base"), "base", "here", "none", "0")
    run = open_run("travel_booking", "stage", tmp_path)
    found = list_conditions(run, travel, settings, base, scenarios)
    return {condition.agent.name: condition for condition in found}


def meet(condition, stratum):
    own = of_stratum(condition.scenarios, stratum)
    return [s.scenario_id for s in own] if stratum in condition.strata else []


def test_all_conditions_meet_some_of_the_same_customers(conditions):
    for stratum in STRATA:
        compiled = meet(conditions["compiled"], stratum)
        assert len(compiled) == 6
        prompted = meet(conditions["in_context/base"], stratum)
        assert len(prompted) == 4
        assert set(prompted) < set(compiled)
        assert meet(conditions["orchestrated/base"], stratum) == prompted
    floor = meet(conditions["floor/base"], "seen")
    assert set(floor) < set(meet(conditions["compiled"], "seen"))
    assert meet(conditions["floor/base"], "unseen") == floor


def test_baselines_over_the_api_meet_whom_the_prompted_base_model_meets(
    travel, scenarios, conditions, tmp_path
):
    run = open_run("travel_booking", "stage", tmp_path)
    settings = size_of("demo", floor_scenarios=2, baseline_scenarios=4)
    asked = Asked(baselines=name_baselines("api/toy, served/toy"), usd=2.5)
    # no provider is needed before a talk is to be held
    found = {c.agent.name: c for c in list_baselines(run, travel, settings, asked, scenarios)}
    assert list(found) == ["in_context/toy", "orchestrated/toy", "served/toy"]
    for stratum in STRATA:
        prompted = meet(conditions["in_context/base"], stratum)
        assert meet(found["in_context/toy"], stratum) == prompted
        assert meet(found["orchestrated/toy"], stratum) == prompted
        assert meet(found["served/toy"], stratum) == meet(conditions["compiled"], stratum)
    assert found["in_context/toy"].agent.system == conditions["in_context/base"].agent.system
    served = found["served/toy"].agent
    assert (served.system, served.model.role, served.model.usd) == ("", "served", 2.5)
    assert served.model.max_tokens == conditions["compiled"].agent.max_new_tokens


def test_few_customers_are_spread_over_the_paths(scenarios):
    # four sorts on the same six paths
    for most, paths, busiest in ((1, 4, 1), (2, 6, 2), (3, 6, 2)):
        some = spread_over_paths(scenarios, most)
        taken = Counter(s.path_id for s in some)
        assert len(some) == len({s.scenario_id for s in some}) == 4 * most
        assert (len(taken), max(taken.values())) == (paths, busiest)


def test_conditions_are_chosen_by_name_or_group_and_the_yardsticks_stay(conditions):
    every = list(conditions.values())
    # twice the time for what only somebody who takes the model along wants to know
    by_default = [c.agent.name for c in choose_conditions(every, "")]
    assert by_default == [name for name in conditions if name != "quantized/q8_0"]
    always = ["walker/true_labels", "walker", "compiled"]
    assert [c.agent.name for c in choose_conditions(every, "compiled")] == always
    asked = {c.agent.name for c in choose_conditions(every, " floor, faulty/jump")}
    assert asked == {*always, "floor/base", "faulty/jump"}
    assert "quantized/q8_0" in {c.agent.name for c in choose_conditions(every, "quantized")}
    kinds = {name for name in conditions if name.startswith("faulty/")}
    assert {c.agent.name for c in choose_conditions(every, "faulty")} == {*always, *kinds}
    with pytest.raises(ConditionError, match=r'no condition "flor"\. Did you mean "floor"'):
        choose_conditions(every, "floor,flor")


def test_a_run_that_is_not_trained_is_refused(travel, tmp_path):
    run = open_run("travel_booking", "stage", tmp_path)
    with pytest.raises(RunError, match="is not trained to the end"):
        stage.evaluate(run, travel, size_of("smoke"))
    run.claim("train", epochs=1)
    with pytest.raises(RunError, match="is not trained to the end"):
        stage.evaluate(run, travel, size_of("smoke"))


def test_what_was_begun_with_another_flowchart_model_or_size_is_not_gone_on_with(
    copy, coffee_domain, tmp_path, monkeypatch
):
    run = open_run("coffee", "stage", tmp_path / "runs")
    run.record("train", inputs={"base_model": "base"}, result={"loss": 1.0})
    monkeypatch.setattr(stage, "resolve_base_model", lambda name: None)

    def begin(domain=coffee_domain, **changed):
        with pytest.raises(KeyboardInterrupt):
            stage.evaluate(run, domain, size_of("smoke", **changed))

    def break_off(*given):
        run.append("simulated/walker.jsonl", [{}])
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "_simulate_all", break_off)
    begin()
    begin()
    file = copy / "flowchart.yaml"
    file.write_text(file.read_text().replace("Hand over the coffee.", "Hand the coffee over."))
    with pytest.raises(RunError, match="begun with other inputs: data was"):
        begin(read_domain(copy))
    with pytest.raises(RunError, match="begun with other inputs: test_scenarios was"):
        begin(test_scenarios=99)
    run.record("train", result={"loss": 0.9})
    with pytest.raises(RunError, match="begun with other inputs: model was"):
        begin()


def test_only_the_model_with_the_procedure_in_its_prompt_sees_it(conditions, travel):
    assert travel.flowchart.nodes["finalize"].say in conditions["in_context/base"].agent.system
    assert conditions["compiled"].agent.system == conditions["floor/base"].agent.system == ""


def test_repeats_are_the_same_customers_in_other_words(scenarios):
    again = repeat_scenarios(scenarios[:2], 3)
    assert len({s.scenario_id for s in again}) == len({s.seed for s in again}) == 6
    assert {s.scenario_id.partition("/")[0] for s in again} == {
        s.scenario_id for s in scenarios[:2]
    }
    assert [s.plan for s in again[:3]] == [scenarios[0].plan] * 3


class BrokenWalker(Walker):
    """Breaks down after some messages, as a machine that is switched off does."""

    left = 8

    def reply(self, talks):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().reply(talks)


def test_talks_that_had_ended_are_kept_when_an_evaluation_is_interrupted(
    travel, scenarios, tmp_path
):
    run = open_run("travel_booking", "stage", tmp_path)

    def meet(agent):
        condition = Condition(agent, scenarios, ("seen", "difficult"))
        return [*simulate_condition(run, condition, travel, MuteRecognizer(), 50, progress=False)]

    with pytest.raises(KeyboardInterrupt):
        meet(BrokenWalker(travel, has_true_ears=True))
    kept = run.read("simulated/walker.jsonl")
    walker = Walker(travel, has_true_ears=True)
    talks = meet(walker)
    assert 0 < len(kept) < len(talks) == 12
    # those that were kept are not held again, and the file has the order of the customers
    assert len(walker.agents) == 12 - len(kept)
    assert {talk.at_once for talk in talks} == {12, 12 - len(kept)}
    assert {talk["conversation_id"] for talk in kept} < {talk.conversation_id for talk in talks}
    assert [talk.scenario_id for talk in talks] == [
        s.scenario_id for sort in ("plain", "difficult") for s in scenarios if s.stratum == sort
    ]
    assert run.read("simulated/walker.jsonl") == [talk.model_dump() for talk in talks]
    # where nothing is left to say no agent is asked, and what an interruption left is put in order
    run.write("simulated/walker.jsonl", [*reversed(talks), talks[0]])
    again = Walker(travel, has_true_ears=True)
    assert (meet(again), again.agents) == (talks, {})
    assert run.read("simulated/walker.jsonl") == [talk.model_dump() for talk in talks]


def test_an_evaluation_in_parts_counts_the_time_of_all_of_them(tmp_path):
    run = open_run("travel_booking", "stage", tmp_path)
    run.record("evaluate", seconds=50)

    def begin():
        with stage.count_seconds(run):
            run.write("simulated/walker.jsonl", [{}])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin()
    after = run.manifest["evaluate"]["seconds"]
    assert 50 <= after < 60
    # only looked at again, it takes nothing
    with stage.count_seconds(run):
        time.sleep(0.2)
    assert run.manifest["evaluate"]["seconds"] == after


def test_each_reader_adapts_its_own_encoder(travel, tmp_path, monkeypatch):
    adaptations = []

    class Noted:
        tagger = None

        def __init__(self, domain, adaptation):
            adaptations.append(adaptation)

        def learn(self, talks):
            return self

    for name in ("AgentRecognizer", "CustomerRecognizer"):
        monkeypatch.setattr(stage, name, Noted)
    run = open_run("travel_booking", "stage", tmp_path)
    run.write("conversations.jsonl", [])
    run.write("scenarios.jsonl", [])
    stage.fit_recognizers(run, travel, epochs=3)
    assert {adaptation.epochs for adaptation in adaptations} == {3}
    kept = {adaptation.kept.name for adaptation in adaptations}
    assert kept == {"agent_encoder.safetensors", "customer_encoder.safetensors"}


@pytest.mark.parametrize(
    ("condition", "reading_s", "read_per_s"),
    [("in_context/base", 0.5, 120), ("orchestrated/base", 0.5, 200), ("in_context/toy", 0, None)],
)
def test_the_speed_of_reading_is_of_what_was_read(condition, reading_s, read_per_s):
    tokens = {"prompt_tokens": 100, "cached_tokens": 40, "reply_tokens": 10}
    usage = [Usage(**tokens, seconds=2, reading_s=reading_s)]
    talk = make_talk(0, condition, **tokens, seconds=2, replies=1, usage=usage)
    # under an orchestrator what a cache would have is counted, and read all the same
    assert average_cost([talk])["read_per_s"] == read_per_s


def test_what_stands_in_the_result_is_plain():
    found = plain({1: average([1.0, 0.0], ["a", "b"]), "list": ({"x": (1, 2)},)})
    assert found["1"]["mean"] == 0.5
    assert found["list"] == [{"x": [1, 2]}]
