"""An older run's model before a new run's customers."""

import pytest

from workbench.evaluate.older import make_older_agent, open_older, record_older
from workbench.evaluate.stage import choose_conditions, list_conditions
from workbench.inspect.rows import hash_rows
from workbench.run import RunError, UnknownRunError, open_run
from workbench.sizes import size_of
from workbench.train.base_model import BaseModel

PROMPT = {"role": "system", "content": "You speak for the Old Agency."}


@pytest.fixture
def runs(tmp_path):
    """Two runs of the toy domain; the older one is trained."""
    new, old = (open_run("coffee", name, tmp_path) for name in ("new", "old"))
    old.write("rows/train.jsonl", [{"messages": [PROMPT]}])
    old.record("train", inputs={"rows": hash_rows(old)}, result={"loss": 0.1})
    return new, old


def test_it_is_behind_the_prompt_that_it_was_trained_with(runs):
    new, old = runs
    agent = make_older_agent(open_older(new, "old"), 40)
    assert (agent.name, agent.system) == ("older/old", PROMPT["content"])
    assert (agent.folder, agent.max_new_tokens) == (old.file("model"), 40)


def test_it_meets_all_customers_of_the_compiled_model_whatever_else_is_asked_for(
    runs, coffee_domain, tmp_path
):
    new, old = runs
    base = BaseModel(tmp_path, "base", "here", "none", "0")
    given = (new, coffee_domain, size_of("smoke"), base, [])
    without = [condition.agent.name for condition in list_conditions(*given)]
    assert not any(name.startswith("older/") for name in without)
    found = choose_conditions(list_conditions(*given, older=old), "compiled")
    by_name = {condition.agent.name: condition for condition in found}
    assert {*by_name} == {"compiled", "older/old", "walker", "walker/true_labels"}
    assert by_name["older/old"].strata == by_name["compiled"].strata
    assert "older/old" in {
        c.agent.name for c in choose_conditions(list_conditions(*given, old), "")
    }


def test_nobody_is_asked_for_by_no_name(runs):
    assert open_older(runs[0], "") is None


def test_a_run_that_cannot_be_the_older_one_is_refused(runs):
    new, _ = runs
    with pytest.raises(UnknownRunError, match=r'older is "odl", but must .* there are: old'):
        open_older(new, "odl")
    new.record("train", inputs={})
    with pytest.raises(UnknownRunError, match=r'older is "new", but must be .* run of coffee'):
        open_older(new, "new")
    open_run("coffee", "raw", new.folder.parent.parent).record("design", paths=3)
    with pytest.raises(RunError, match="is not trained to the end; name another"):
        open_older(new, "coffee/raw")


def test_talks_of_a_model_that_was_trained_again_since_are_not_mixed(runs):
    new, old = runs
    new.claim("evaluate", seed=7)
    record_older(new, old)
    first = new.manifest["evaluate"]["older"]["old"]
    record_older(new, old)
    new.write("simulated/older_old.jsonl", [{}])
    old.record("train", result={"loss": 0.2})
    with pytest.raises(RunError, match=r"has talks of another model.*delete that file"):
        record_older(new, old)
    new.file("simulated/older_old.jsonl").unlink()
    record_older(new, old)
    assert new.manifest["evaluate"]["older"]["old"] != first
