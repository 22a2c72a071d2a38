"""Edits of the domains that are shipped, as people make them: what each redoes, and what it leaves.

Conversations are written without a check of their wordings, which is a matter of other tests.
"""

import shutil

import pytest
from conftest import DOMAINS
from edits import INSURANCE, TEN, TRAVEL, Files

from workbench.design.changes import compare_domains
from workbench.design.older import Older
from workbench.design.plan import choose_paths, plan_paths
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.synthesize.dealing import talk_seed
from workbench.synthesize.redoing import make_agenda
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.writing import plan_scenarios, write_talk

N, N_TEST = 60, 8
REDONE = {
    "a changed price": (0.01, 0.25),
    "a changed deposit": (0.5, 0.9),
    "a reworded opening": (1, 1),
    "a new mandatory question": (0.8, 1),
    "a new route from a hub": (0, 0),
    "a removed ending": (0, 0),
    "a renamed node": (0, 0),
    "comments and order": (0, 0),
}
"""Edit to the share of conversations that it redoes, at least and at most."""


def make_older(name, folder):
    """A run of a domain as it is shipped, and the domain."""
    domain = read_domain(DOMAINS / name)
    run = open_run(name, "older", folder)
    plan_paths(run, domain, 7)
    planned = plan_scenarios(run, domain, N, N_TEST, 7)
    own = [s for s in planned if s.split != "test"]
    seeds = [talk_seed(7, s.scenario_id) for s in own]
    talks = [write_talk(s, domain, fold, seed) for s, (seed, fold) in zip(own, seeds, strict=True)]
    run.write("conversations.jsonl", talks)
    return run, domain


def go_on(older, edit, folder):
    """What is to be done after an edit."""
    run, domain = older
    copy = shutil.copytree(DOMAINS / run.domain, folder / run.domain)
    edit(Files(copy))
    today = read_domain(copy)
    since = Older(run, compare_domains(domain, today))
    planned = choose_paths(today.flowchart, 7, 2, since)
    return since, planned, make_agenda(today, since, planned, N, N_TEST, 7)


@pytest.fixture(scope="module")
def travel_run(tmp_path_factory):
    return make_older("travel_booking", tmp_path_factory.mktemp("runs"))


@pytest.mark.slow
@pytest.mark.parametrize("edit", TRAVEL)
def test_an_edit_of_travel_redoes_what_it_touches_and_nothing_else(travel_run, tmp_path, edit):
    since, planned, agenda = go_on(travel_run, TRAVEL[edit], tmp_path)
    counts, (least, most) = agenda.counts, REDONE[edit]
    assert counts["kept"] + counts["redone"] + counts["gone"] == N
    assert least * N <= counts["redone"] <= most * N
    assert (counts["gone"] > 0) == (edit == "a removed ending") == since.changes.is_something_gone
    assert (counts["new"] > 0) == (edit == "a new route from a hub")
    assert counts["new"] <= 0.5 * N
    check_apart(since, planned, agenda)


def check_apart(since, planned, agenda):
    """No test is walked in training, by this run or by the older one whose model may go on."""
    names = since.changes.renames
    tests = {str(s.steps) for s in agenda.scenarios if s.split == "test"}
    before = [s for s in since.run.read("scenarios.jsonl", Scenario) if s.split != "test"]
    walks = {str([[*map(names.step, steps)] for steps in s.steps]) for s in before}
    walks |= {str(s.steps) for s in agenda.scenarios if s.split != "test"}
    assert tests
    assert not tests & walks
    sides = {path.path_id: path.split for path in planned}
    assert all(sides[s.path_id] == s.split for s in agenda.scenarios)
    assert len({s.scenario_id for s in agenda.scenarios}) == len(agenda.scenarios)


@pytest.mark.exhaustive
def test_ten_edits_can_be_made_one_on_top_of_the_other(tmp_path):
    folder = shutil.copytree(DOMAINS / "travel_booking", tmp_path / "travel_booking")
    assert len(TEN) == 10
    before = read_domain(folder)
    for name, edit in TEN.items():
        edit(Files(folder))
        today = read_domain(folder)
        changes = compare_domains(before, today)
        assert bool(changes) == (name != "comments and order"), name
        assert changes.is_something_gone == (name == "a removed ending")
        before = today


@pytest.mark.exhaustive
@pytest.mark.parametrize("edit", INSURANCE)
def test_an_edit_of_claims_leaves_what_it_does_not_touch(tmp_path, edit):
    older = make_older("insurance_claims", tmp_path / "runs")
    since, planned, agenda = go_on(older, INSURANCE[edit], tmp_path)
    counts = agenda.counts
    assert counts["kept"] + counts["redone"] + counts["gone"] == N
    assert counts["kept"] > 0
    assert (counts["gone"] > 0) == (edit == "a claim type removed")
    check_apart(since, planned, agenda)
