"""Compiled models of other runs before a run's customers: by `older`, and among the baselines."""

import pytest

from workbench.design.paths import enumerate_paths
from workbench.evaluate.baselines import (
    BaselineError,
    begin_baseline,
    list_models,
    name_older,
    open_baseline,
)
from workbench.evaluate.simulation import STRATA, file_of
from workbench.evaluate.stage import Asked, list_baselines
from workbench.inspect.rows import hash_rows
from workbench.run import UnknownRunError, open_run
from workbench.sizes import size_of
from workbench.synthesize.scenarios import plan_scenario

PROMPT = {"role": "system", "content": "You speak for the Old Agency."}
OLD = "local/coffee/old"


@pytest.fixture
def runs(tmp_path):
    """Two runs of the toy domain; the older one is trained."""
    new, old = (open_run("coffee", name, tmp_path) for name in ("new", "old"))
    old.write("rows/train.jsonl", [{"messages": [PROMPT]}])
    old.record("train", inputs={"rows": hash_rows(old)}, result={"loss": 0.1})
    old.write_text("model/model.safetensors", "weights")
    return new, old


def test_an_older_run_is_a_baseline_by_its_name_alone(runs):
    new, _ = runs
    assert name_older(new, " old ") == name_older(new, "coffee/old") == OLD
    assert name_older(new, "") == ""


def test_the_folders_that_an_evaluation_rests_on_are_known_beforehand(runs, tmp_path):
    new, old = runs
    assert list_models(new, "old", f"api/gpt-6, {OLD}") == [old.file("model")]
    assert list_models(new, "", f"local/{tmp_path}") == [tmp_path]
    assert list_models(new, "", "") == []


def test_it_is_behind_the_prompt_that_it_was_trained_with(runs, coffee_domain):
    new, old = runs
    agent = open_baseline(OLD, new, coffee_domain, 40)
    assert (agent.name, agent.system) == (OLD, PROMPT["content"])
    assert (agent.folder, agent.max_new_tokens) == (old.file("model"), 40)


def test_it_meets_all_customers_of_the_compiled_model(runs, coffee_domain):
    paths = enumerate_paths(coffee_domain.flowchart)
    everybody = [plan_scenario(path, "test", coffee_domain, 7, 0) for path in paths]
    asked = Asked(baselines=[OLD])
    (found,) = list_baselines(runs[0], coffee_domain, size_of("smoke"), asked, everybody)
    assert (found.scenarios, found.strata) == (everybody, tuple(STRATA))


def test_a_run_that_cannot_be_the_older_one_is_refused(runs, coffee_domain):
    new, _ = runs
    with pytest.raises(UnknownRunError, match=r'older is "odl", but must .* there are: old'):
        name_older(new, "odl")
    new.record("train", inputs={})
    with pytest.raises(UnknownRunError, match=r'older is "new", but must be .* run of coffee'):
        name_older(new, "new")
    with pytest.raises(BaselineError, match="is not trained to the end; name another"):
        open_baseline("local/coffee/new", new, coffee_domain, 40)


@pytest.mark.parametrize("is_in_folder", [False, True])
def test_talks_of_a_model_that_was_trained_again_since_are_not_mixed(
    runs, coffee_domain, is_in_folder
):
    new, old = runs
    new.claim("evaluate", seed=7)
    name = f"local/{old.file('model')}" if is_in_folder else OLD

    def begin():
        begin_baseline(new, open_baseline(name, new, coffee_domain, 40))
        return new.manifest["evaluate"]["models"][name]

    first = begin()
    assert begin() == first
    new.write(file_of(name), [{}])
    old.record("train", result={"loss": 0.2})
    old.write_text("model/model.safetensors", "other weights")
    with pytest.raises(BaselineError, match=r"has talks of another model.*delete that file"):
        begin()
    new.file(file_of(name)).unlink()
    assert begin() != first
