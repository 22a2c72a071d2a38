"""Generated charts: sound at any size, and covered whole by few walks."""

from collections import Counter

import pytest
from charts import make_chart, write_chart

from workbench.design import counting
from workbench.design.counting import count_paths
from workbench.design.covering import cover_route_pairs, cover_routes, possible_route_pairs
from workbench.design.paths import enumerate_paths, sample_paths
from workbench.flowchart import check_flowchart, read_flowchart


@pytest.fixture(scope="module", params=[(10, 1), (24, 2), (55, 3), (400, 4)], ids=str)
def chart(request, tmp_path_factory):
    return read_flowchart(write_chart(tmp_path_factory.mktemp("chart"), *request.param))


@pytest.mark.parametrize("n_nodes", [10, 11, 12, 13, 55, 200, 1000])
def test_a_generated_chart_has_no_fault_and_exactly_so_many_nodes(n_nodes, tmp_path):
    for seed in (1, 2):
        file = write_chart(tmp_path, n_nodes, seed)
        assert check_flowchart(file) == []
        assert len(read_flowchart(file).nodes) == n_nodes


def test_a_seed_makes_one_chart():
    assert make_chart(55, 1) == make_chart(55, 1) != make_chart(55, 2)
    assert not any(
        "phase" in node for node in make_chart(55, 1, has_phases=False)["nodes"].values()
    )


def test_few_paths_take_every_route_of_any_chart(chart):
    paths = cover_routes(chart)
    taken = {step for path in paths for step in path.steps}
    assert taken == {f"{n}.{r}" if r else n for n in chart.nodes for r, _ in chart.successors(n)}
    assert max(n for path in paths for n in Counter(path.nodes).values()) <= 2


def test_few_walks_take_every_pair_of_any_chart(chart):
    walks = cover_route_pairs(chart)
    taken = {pair for walk in walks for pair in walk.route_pairs}
    assert taken == {*possible_route_pairs(chart)}
    assert all(walk.nodes[-1] in {end.id for end in chart.ends} for walk in walks)


def test_all_loops_together_are_counted_within_ten_times_the_cap(tmp_path, monkeypatch):
    chart, took = read_flowchart(write_chart(tmp_path, 1000)), []

    def count(*args):
        leaving, n_states = whole(*args)
        took.append(abs(n_states))
        return leaving, n_states

    whole = counting._count_in_loop
    monkeypatch.setattr(counting, "_count_in_loop", count)
    assert not count_paths(chart, cap=200).is_exact
    assert len(took) > 20
    assert 200 < sum(took) <= 2_000 + len(took)


def test_a_count_is_exact_or_a_lower_bound(chart):
    count, sampled = count_paths(chart), sample_paths(chart, 50, seed=1)
    if count.is_exact and count.n <= 100_000:
        assert count.n == len(enumerate_paths(chart))
    for cap in (1, 10, 1000):
        bound = count_paths(chart, cap=cap)
        assert bound.is_exact or 0 < bound.n <= max(count.n, count.estimate)
        assert bound.n <= count.n
    assert len({path.path_id for path in sampled}) == min(50, count.n)
