"""An older model beside a new one: which paths an edit touched, what broke and what improved."""

import shutil

import pytest
from conftest import COFFEE, edit
from scripted import make_run, meet
from test_changes import rename

from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.faults import FaultyWalker
from workbench.evaluate.regression import (
    OFFERING,
    compare_runs,
    is_same_domain,
    list_acts,
    list_parts,
    losses,
    read_before,
)
from workbench.evaluate.statistics import Difference
from workbench.source import FOLDER
from workbench.synthesize.scenarios import Scenario, plan_scenario
from workbench.train.card import hash_model

ADDED = """      gift:
        to: left
        when: it is for somebody else
        acts: [want_human]
        say: Pass on.
"""
GIFT = (
    '- steps: [settle.gift]\n  train: ["A colleague takes over."]\n  test: ["Others help you."]\n'
)
CALL = '- acts: [want_human]\n  train: ["A person, please."]\n  test: ["Somebody else, please."]\n'


@pytest.fixture
def older(tmp_path):
    return make_run(tmp_path / "runs", "old", COFFEE)


def make_new(tmp_path, folder=COFFEE, agent=None, **given):
    return make_run(tmp_path / "runs", "new", folder, agent, **given)


def count_kinds(found):
    return {kind: found.count(kind) for kind in ("unchanged", "changed", "new")}


def test_two_runs_of_the_same_files_are_compared_on_all_paths(tmp_path, older):
    new = make_new(tmp_path)
    assert is_same_domain(new, older)
    found = compare_runs(new, older, read_domain(COFFEE))
    assert count_kinds(found) == {"unchanged": 18, "changed": 0, "new": 0}
    assert len(found.pairs) == 18
    gaps = found.compare()
    assert (gaps["ending_correct"].mean, gaps["ending_correct"].n) == (0, 18)
    assert found.list_changed(is_better=True) == found.list_changed(is_better=False) == []


def test_a_changed_fact_touches_the_paths_on_which_it_is_due(tmp_path, older, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    found = compare_runs(make_new(tmp_path, copy), older, read_domain(copy))
    by_id = {s.scenario_id: s for s in older.read("scenarios.jsonl", Scenario)}
    for (_, scenario), kind in found.kinds.items():
        steps = [step for message in by_id[scenario].steps for step in message]
        assert kind == ("changed" if "pay" in steps else "unchanged")
    assert {"unchanged", "changed"} == {*found.kinds.values()}


def test_a_reworded_route_touches_the_paths_that_take_it(tmp_path, older, copy):
    edit(copy, "flowchart.yaml", "say: Hand over the coffee.", "say: Hand it over with a smile.")
    found = compare_runs(make_new(tmp_path, copy), older, read_domain(copy))
    assert {p.kind for p in found.pairs if p.wanted == "left"} == {"unchanged"}
    assert {p.kind for p in found.pairs if p.wanted == "served"} == {"changed"}


def test_a_path_with_a_step_that_there_was_not_is_new_and_the_others_are_not(tmp_path, older, copy):
    edit(copy, "flowchart.yaml", "      paid:\n", ADDED + "      paid:\n")
    edit(copy, "phrases/agent.yaml", "- steps: [pay]\n", GIFT + "- steps: [pay]\n")
    book = next((copy / "phrases").glob("customer*.yaml"))
    book.write_text(book.read_text("utf-8") + CALL, "utf-8")
    found = compare_runs(make_new(tmp_path, copy), older, read_domain(copy))
    kinds = count_kinds(found)
    assert kinds["unchanged"] == 18
    assert kinds["new"] > 0
    assert kinds["changed"] == 0
    assert {pair.kind for pair in found.pairs} == {"unchanged"}


def keep_ids(new, older):
    """Give a run's customers the ids that they have in the older one, as going on from it does."""
    pairs = zip(new.read("scenarios.jsonl"), older.read("scenarios.jsonl"), strict=True)
    ids = {own["scenario_id"]: was["scenario_id"] for own, was in pairs}
    for name in ("scenarios.jsonl", "scores.jsonl"):
        lines = new.read(name)
        new.write(name, [line | {"scenario_id": ids[line["scenario_id"]]} for line in lines])


def test_what_is_only_renamed_leaves_all_paths_unchanged(tmp_path, older, copy):
    for name in ("settle", "user_pay", "cup_price"):
        rename(copy, name, f"other_{name}")
    new = make_new(tmp_path, copy)
    keep_ids(new, older)
    found = compare_runs(new, older, read_domain(copy))
    assert not is_same_domain(new, older)
    assert count_kinds(found) == {"unchanged": 18, "changed": 0, "new": 0}
    parts = found.compare_parts()
    assert {name for name in parts if "hub" in name} == {"hub take_order", "hub other_settle"}
    assert all(gap.n for gap in parts.values())
    # without the older domain nobody knows
    shutil.rmtree(older.file(FOLDER))
    assert count_kinds(compare_runs(new, older, read_domain(copy)))["new"] > 0


def test_a_renamed_node_that_says_something_else_touches_its_paths(tmp_path, older, copy):
    edit(copy, "flowchart.yaml", "say: Respond to the answer.", "say: Answer briefly.")
    new = make_new(tmp_path, rename(copy, "settle", "respond"))
    found = compare_runs(new, older, read_domain(copy))
    kinds = count_kinds(found)
    assert kinds["new"] == 0
    assert kinds["changed"] > 0
    assert kinds["unchanged"] > 0


def test_a_customer_s_turn_that_leads_elsewhere_touches_its_paths(tmp_path, older, copy):
    edit(copy, "flowchart.yaml", "say: Pay, or think again.", "say: Pay.")
    found = compare_runs(make_new(tmp_path, copy), older, read_domain(copy))
    by_id = {s.scenario_id: s for s in older.read("scenarios.jsonl", Scenario)}
    for (_, scenario), kind in found.kinds.items():
        steps = [step for message in by_id[scenario].steps for step in message]
        assert kind == ("changed" if "pay" in steps else "unchanged")


def test_another_detail_that_is_asked_for_touches_the_paths_that_ask(tmp_path, older):
    new = make_new(tmp_path)
    new.record("evaluate", inputs=new.manifest["evaluate"]["inputs"] | {"data": "other"})
    talks = older.read("scenarios.jsonl")
    for talk in talks:
        acts = [[a for a in own if "size" not in a] for own in talk["plan"].get("take_order", [])]
        talk["plan"]["take_order"] = acts
    older.write("scenarios.jsonl", talks)
    found = compare_runs(new, older, read_domain(COFFEE))
    assert {*read_before(older, read_domain(COFFEE)).slots} == {"drink"}
    by_id = {s.scenario_id: s for s in new.read("scenarios.jsonl", Scenario)}
    asking = {"take_order.missing", "take_order.complete"}
    for (_, scenario), kind in found.kinds.items():
        steps = {step for message in by_id[scenario].steps for step in message}
        assert kind == ("changed" if steps & asking else "unchanged")


def test_a_run_that_was_evaluated_after_an_edit_is_not_of_the_same_files(tmp_path, older):
    new = make_new(tmp_path)
    assert is_same_domain(new, older)
    new.record("evaluate", inputs=new.manifest["evaluate"]["inputs"] | {"data": "other"})
    assert not is_same_domain(new, older)


def test_what_broke_and_what_improved_is_named_customer_by_customer(tmp_path, older):
    domain = read_domain(COFFEE)
    broken = FaultyWalker(domain, kind="wrong_number", has_true_ears=True)
    new = make_new(tmp_path, agent=broken)
    found = compare_runs(new, older, domain)
    worse = found.list_changed(is_better=False)
    assert worse
    assert {tuple(pair.changes.items()) for pair in worse} == {(("facts_right", -1.0),)}
    assert found.list_changed(is_better=True) == []
    gap = found.compare()["facts_right"]
    assert losses("facts_right", gap) == pytest.approx(len(worse) / gap.n)
    # and the other way round
    back = compare_runs(older, new, domain)
    assert len(back.list_changed(is_better=True)) == len(worse)
    assert losses("facts_right", back.compare()["facts_right"]) == pytest.approx(
        -len(worse) / gap.n
    )


def test_a_broken_hub_is_found_by_its_name(tmp_path, older):
    domain = read_domain(COFFEE)
    new = make_new(tmp_path, agent=FaultyWalker(domain, kind="wrong_branch", has_true_ears=True))
    parts = compare_runs(new, older, domain).compare_parts()
    assert {"hub take_order", "hub settle", "ending served", "ending left"} == {*parts}
    hurt = {name for name, gap in parts.items() if gap.mean and gap.mean < 0}
    assert any(name.startswith("hub ") for name in hurt)
    assert all(gap.p_adjusted >= gap.p for gap in parts.values())


def test_a_measure_that_is_better_the_less_it_is_is_lost_when_it_grows():
    gap = Difference(mean=0.1, n=9, low=0, high=0.2, p=1, cliffs_delta=0, unscored=0)
    assert losses("reasked", gap) == 0.1
    assert losses("ending_correct", gap) == -0.1
    assert losses("reasked", gap.model_copy(update={"mean": None})) is None


def test_customers_whom_the_older_model_met_in_this_evaluation_come_first(tmp_path, older):
    domain = read_domain(COFFEE)
    new = make_new(tmp_path)
    tests = [s for s in new.read("scenarios.jsonl", Scenario) if s.split == "test"]
    meet(new, domain, tests, "local/coffee/old", FaultyWalker(domain, kind="wrong_number"))
    # of a model that is not on record nothing is taken
    assert "met its own customers" in compare_runs(new, older, domain).source
    model = hash_model(older.manifest["train"])
    new.record("evaluate", models={"local/coffee/old": model})
    found = compare_runs(new, older, domain)
    assert "met the customers of new itself" in found.source
    assert found.list_changed(is_better=True)
    # nor where the older run was trained again since
    new.record("evaluate", models={"local/coffee/old": "another"})
    assert "met its own customers" in compare_runs(new, older, domain).source
    # nor of one that an evaluation has left out since
    new.record("evaluate", models={"local/coffee/old": model})
    new.write("scores.jsonl", [s for s in new.read("scores.jsonl") if s["condition"] == "compiled"])
    assert "met its own customers" in compare_runs(new, older, domain).source


def test_parts_are_what_is_walked_and_what_may_be_offered_for_what_is_wanted(printer):
    paths = enumerate_paths(printer.flowchart)
    path = next(path for path in paths if "check.ready" in path.hub_routes)
    scenario = plan_scenario(path, "test", printer, 7, 0)
    parts = list_parts(scenario, printer)
    assert {step for message in scenario.steps for step in message} <= parts
    assert parts <= {*printer.hashes, OFFERING}
    acts = list_acts(scenario)
    wanted = {act.target: act.value for act in acts if act.kind == "give"}
    offers = {part.removeprefix("offer.") for part in parts if part.startswith("offer.")}
    fitting = {offer.id for offer in printer.offers_for(wanted)}
    assert fitting
    assert fitting <= offers < {*printer.offers}
