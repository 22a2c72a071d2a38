"""The plan of a run: which walks it uses and on which side of the split each stands."""

import pytest

from workbench.design.coverage import measure_coverage
from workbench.design.covering import possible_route_pairs
from workbench.design.importing import import_chart
from workbench.design.paths import enumerate_paths
from workbench.design.plan import PlannedPath, plan_paths, summarize_plan
from workbench.domain import read_design
from workbench.run import RunError, open_run
from workbench.synthesize.scenarios import ScenarioError
from workbench.synthesize.writing import plan_scenarios


@pytest.fixture
def run(tmp_path):
    return open_run("any", "plan", tmp_path)


@pytest.fixture
def planned(run, domain):
    return plan_paths(run, domain, seed=7)


def test_the_bounded_walks_are_all_paths_once(planned, domain):
    bounded = [path.path_id for path in planned if not path.is_long]
    assert sorted(bounded) == sorted(p.path_id for p in enumerate_paths(domain.flowchart))


def test_long_walks_exceed_the_bound_and_always_train(planned):
    for path in (path for path in planned if path.is_long):
        assert path.split == "train"
        assert max(path.nodes.count(node) for node in path.nodes) > 2


def test_training_covers_every_node_route_and_route_pair(planned, domain):
    paths = [path.as_path() for path in planned if path.split == "train"]
    assert {node for path in paths for node in path.nodes} == set(domain.flowchart.nodes)
    steps = {step for path in paths for step in path.steps}
    assert steps >= {s for s in domain.flowchart.steps if not s.startswith("anywhere.")}
    pairs = {pair for path in paths for pair in path.route_pairs}
    assert pairs == set(possible_route_pairs(domain.flowchart))


def test_no_path_stands_on_two_sides(planned):
    assert len({path.path_id for path in planned}) == len(planned)


def test_travel_splits_its_86_paths_by_outcome(run, travel):
    planned = [path for path in plan_paths(run, travel, seed=7) if not path.is_long]
    test = [path for path in planned if path.split == "test"]
    assert (len(planned), len(test)) == (86, 16)
    assert {path.outcome for path in test} == set(travel.flowchart.outcomes)


def test_a_plan_is_summed_up_with_the_number_of_all_paths(planned, domain):
    found = summarize_plan(planned, domain.flowchart)
    bounded = [path for path in planned if not path.is_long]
    assert found["paths"] == str(found["planned"]) == str(len(bounded))
    assert found["planned"] + found["long walks"] == len(planned)
    assert found["shortest"] <= found["longest"] == max(len(path.nodes) for path in bounded)
    assert summarize_plan([], domain.flowchart)["longest"] == 0


def test_what_is_planned_is_what_is_written(run, planned):
    assert run.read("paths.jsonl", PlannedPath) == planned
    assert [path.as_path().path_id for path in planned] == [path.path_id for path in planned]


def test_a_plan_is_the_seed_s(tmp_path, travel):
    plans = [
        plan_paths(open_run("t", f"r{i}", tmp_path), travel, seed)
        for i, seed in enumerate([7, 7, 8])
    ]
    assert plans[0] == plans[1] != plans[2]


def test_a_plan_of_another_seed_does_not_replace_this_one(run, planned, domain):
    with pytest.raises(RunError, match="seed was 7, now 8"):
        plan_paths(run, domain, seed=8)
    assert plan_paths(run, domain, seed=7) == planned


TREE = """flowchart TD
hello[Hi] --> card{Is there a card?}
card -->|yes| pay[Shall it be charged?]
card -->|no| name[What is your name?]
name -->|known| pay
name -->|unknown| sorry[Sorry.]
pay -->|agreed| done[Thanks.]
pay -->|refused| sorry
"""


@pytest.fixture
def draw(tmp_path):
    """The domain of a Mermaid text."""

    def draw(text):
        (tmp_path / "chart.mmd").write_text(text, "utf-8")
        return read_design(import_chart(tmp_path / "chart.mmd", "own", root=tmp_path).folder)

    return draw


def test_a_small_chart_keeps_a_path_for_tests_and_trains_every_route(run, draw):
    book = draw(TREE)
    planned = plan_paths(run, book, seed=7)
    assert [path.split for path in planned].count("test") == 1
    trained = [path.as_path() for path in planned if path.split == "train"]
    everything = measure_coverage(enumerate_paths(book.flowchart), book.flowchart)
    assert set(measure_coverage(trained, book.flowchart).routes) == set(everything.routes)


def test_a_chart_of_one_path_trains_it_and_cannot_be_tested(run, draw):
    book = draw("flowchart TD\na[Hi?] --> b[Bye]")
    assert [path.split for path in plan_paths(run, book, seed=7)] == ["train"]
    with pytest.raises(ScenarioError, match='no path of "own" can be kept for tests'):
        plan_scenarios(run, book, 10, 4, seed=7)
