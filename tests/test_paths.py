"""Paths: what is listed, counted, drawn, covered and split is what the flowchart has."""

import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench.design.counting import count_paths
from workbench.design.coverage import measure_coverage
from workbench.design.covering import (
    cover_route_pairs,
    cover_routes,
    possible_route_pairs,
    sample_long_walks,
)
from workbench.design.paths import enumerate_paths, sample_paths, split_paths
from workbench.design.wiring import PathError
from workbench.flowchart import Flowchart, Node, Route, read_flowchart

DOMAINS = Path(__file__).parents[1] / "domains"


@pytest.fixture(scope="module")
def travel() -> Flowchart:
    return read_flowchart(DOMAINS / "travel_booking" / "flowchart.yaml")


@pytest.fixture(scope="module")
def travel_paths(travel):
    return enumerate_paths(travel)


def make_chart(targets: dict[str, list[str]]) -> Flowchart:
    """A flowchart from lists of targets; nodes that are only led to are ends, the first starts."""
    nodes = {}
    for node, leads in targets.items():
        routes = {f"to_{to}_{i}": Route(to=to, when=to) for i, to in enumerate(leads)}
        if len(leads) == 1:
            routes = {"": Route(to=leads[0])}
        role = "user" if node.startswith("user") else "agent"
        nodes[node] = Node(id=node, role=role, say=node, routes=routes)
    for to in [to for leads in targets.values() for to in leads]:
        if to not in nodes:
            nodes[to] = Node(id=to, role="end", outcome=to)
    return Flowchart(name="toy", title="Toy", start=next(iter(targets)), nodes=nodes)


def make_chain(n: int, back: int = 0) -> Flowchart:
    """A chain of `n` nodes; with `back`, each of them leads back by so many nodes."""
    leads = {f"n{i}": [f"n{i + 1}"] for i in range(n)}
    if back:
        leads = {f"n{i}": [f"n{i + 1}", f"n{max(0, i - back)}"] for i in range(n)}
    return make_chart(leads)


def make_diamonds(n: int) -> Flowchart:
    """A chart of 2^n paths without a loop."""
    leads = {}
    for i in range(n):
        leads |= {f"a{i}": [f"b{i}", f"c{i}"], f"b{i}": [f"a{i + 1}"], f"c{i}": [f"a{i + 1}"]}
    return make_chart(leads)


def make_maze(n: int) -> Flowchart:
    """A chart in which every node leads to every other, and the last to the end."""
    names = [f"n{i}" for i in range(n)]
    leads = {a: [b for b in names if b != a] for a in names}
    leads[names[-1]].append("done")
    return make_chart(leads)


@st.composite
def charts(draw) -> Flowchart:
    """Any small chart, loops, parallel routes and nodes without a way out included."""
    n = draw(st.integers(1, 5))
    targets = st.lists(st.integers(0, n + 1), min_size=1, max_size=3)
    leads = {}
    for i in range(n):
        leads[f"n{i}"] = [f"n{to}" if to < n else f"end{to - n}" for to in draw(targets)]
    chart = make_chart(leads)
    assume(count_paths(chart).n <= 3_000)
    return chart


@st.composite
def sound_charts(draw) -> Flowchart:
    """Charts in which every node is reached and ends: a chain with routes added anywhere."""
    n = draw(st.integers(1, 6))
    places = [f"n{i}" for i in range(n)] + ["done", "left"]
    leads = {f"n{i}": [f"n{i + 1}" if i < n - 1 else "done"] for i in range(n)}
    for i, to in draw(st.lists(st.tuples(st.integers(0, n - 1), st.sampled_from(places)))):
        leads[f"n{i}"].append(to)
    return make_chart(leads)


def count_by_hand(chart: Flowchart, node: str, visits: tuple, max_visits: int) -> int:
    """The definition of a path, word for word."""
    if visits.count(node) == max_visits:
        return 0
    if chart.nodes[node].role == "end":
        return 1
    visits = (*visits, node)
    return sum(count_by_hand(chart, to, visits, max_visits) for _, to in chart.successors(node))


def find_most_visits(path) -> int:
    return max(Counter(path.nodes).values())


# listing


def test_travel_has_86_paths_of_4_to_17_nodes(travel_paths):
    lengths = [len(path.nodes) for path in travel_paths]
    assert (len(lengths), min(lengths), max(lengths)) == (86, 4, 17)


def test_travel_has_5_paths_that_repeat_no_node(travel):
    assert len(enumerate_paths(travel, max_visits=1)) == 5


def test_zoom_has_60_paths_of_4_to_17_nodes_and_6_take_every_route():
    zoom = read_flowchart(DOMAINS / "zoom_support" / "flowchart.yaml")
    lengths = [len(path.nodes) for path in enumerate_paths(zoom)]
    assert (len(zoom.nodes), len(zoom.hubs), len(zoom.ends)) == (14, 3, 3)
    assert (len(lengths), min(lengths), max(lengths)) == (count_paths(zoom).n, 4, 17) == (60, 4, 17)
    assert len(cover_routes(zoom)) == 6


def test_a_loop_is_listed_in_the_order_of_the_routes():
    chart = make_chart({"ask": ["user", "done"], "user": ["ask"]})
    assert [path.nodes for path in enumerate_paths(chart)] == [
        ("ask", "user", "ask", "done"),
        ("ask", "done"),
    ]


def test_routes_side_by_side_are_different_paths():
    paths = enumerate_paths(make_chart({"ask": ["done", "done"]}))
    assert [path.routes for path in paths] == [("to_done_0",), ("to_done_1",)]


@given(charts(), st.integers(1, 2))
@settings(max_examples=60)
def test_every_path_goes_from_the_start_to_an_end_along_routes(chart, max_visits):
    for path in enumerate_paths(chart, max_visits):
        assert path.nodes[0] == chart.start
        assert chart.nodes[path.nodes[-1]].role == "end"
        for (a, b), route in zip(pairwise(path.nodes), path.routes, strict=True):
            assert (route, b) in chart.successors(a)


@given(charts(), st.integers(1, 2))
@settings(max_examples=60)
def test_no_path_visits_a_node_more_than_max_visits_times(chart, max_visits):
    paths = enumerate_paths(chart, max_visits)
    assert all(find_most_visits(path) <= max_visits for path in paths)


@given(charts())
@settings(max_examples=60)
def test_path_ids_are_unique(chart):
    paths = enumerate_paths(chart)
    assert len({path.path_id for path in paths}) == len(paths)


def test_a_path_id_is_ten_hex_digits_that_never_change(travel_paths):
    assert travel_paths[0].path_id == "298d2f8444"


def test_agent_nodes_in_a_row_speak_in_one_message(travel, travel_paths):
    assert travel_paths[0].messages(travel) == [
        ["opening"],
        ["assess.missing_info"],
        ["assess.info_complete", "present_options"],
        ["handle_response.option_selected", "finalize"],
        ["final_routing.confirmed"],
    ]


def test_the_messages_of_a_path_follow_each_other_in_the_flowchart(travel, travel_paths):
    for path in travel_paths:
        steps = [step for message in path.messages(travel) for step in message]
        assert steps[0] in travel.first_steps()
        assert all(b in travel.next_steps(a) for a, b in pairwise(steps))
        assert travel.outcome_of(steps[-1]) == path.outcome(travel)


def test_too_many_paths_are_refused_with_their_number():
    with pytest.raises(PathError, match=r"1,099,511,627,776 paths at max_visits=2.*sample_paths"):
        enumerate_paths(make_diamonds(40))


def test_a_limit_below_the_number_of_paths_is_refused(travel):
    assert len(enumerate_paths(travel, limit=86)) == 86
    with pytest.raises(PathError, match="has 86 paths"):
        enumerate_paths(travel, limit=85)


def test_a_trap_that_can_only_be_left_by_the_way_in_is_not_searched():
    names = [f"n{i}" for i in range(12)]
    trap = {a: [b for b in names if b != a] + ["hub"] for a in names}
    start = time.perf_counter()
    paths = enumerate_paths(make_chart({"hub": ["n0", "done"], **trap}), max_visits=1)
    assert [path.nodes for path in paths] == [("hub", "done")]
    assert time.perf_counter() - start < 2


def test_a_chart_that_never_ends_has_no_paths():
    chart = make_chart({"n0": ["n1"], "n1": ["n0"]})
    assert enumerate_paths(chart) == cover_routes(chart) == cover_route_pairs(chart) == []


@pytest.mark.parametrize(
    "task",
    [enumerate_paths, count_paths, lambda chart, **bound: sample_paths(chart, 5, 7, **bound)],
)
def test_a_bound_below_one_is_refused(travel, task):
    with pytest.raises(PathError, match="max_visits is 0"):
        task(travel, max_visits=0)


# counting


@given(charts(), st.integers(1, 2))
@settings(max_examples=100)
def test_a_count_is_the_number_of_paths_listed_and_counted_by_hand(chart, max_visits):
    count = count_paths(chart, max_visits)
    assert count.is_exact
    assert count.n == count.estimate == len(enumerate_paths(chart, max_visits))
    assert count.n == count_by_hand(chart, chart.start, (), max_visits)


@given(charts(), st.integers(1, 12), st.integers(1, 2))
@settings(max_examples=200)
def test_a_count_cut_short_is_never_too_high(chart, cap, max_visits):
    n = len(enumerate_paths(chart, max_visits))
    count = count_paths(chart, max_visits, cap)
    assert count.n == n if count.is_exact else count.n <= n


def test_a_chain_of_1500_nodes_is_one_path():
    assert count_paths(make_chain(1_500)).n == len(enumerate_paths(make_chain(1_500))) == 1


def test_diamonds_are_counted_exactly_though_they_cannot_be_listed():
    count = count_paths(make_diamonds(40))
    assert (count.n, count.is_exact) == (2**40, True)


def test_a_maze_is_counted_from_below_and_estimated():
    count = count_paths(make_maze(14), cap=20_000)
    assert not count.is_exact
    assert 1_000 < count.n < count.estimate
    assert str(count).startswith("at least")


def test_an_estimate_is_near_the_number_it_stands_for(travel):
    count = count_paths(travel, max_visits=4, cap=300)
    assert not count.is_exact
    assert 0.3 < count.estimate / count_paths(travel, max_visits=4).n < 3


@pytest.mark.parametrize("chart", [make_maze(14), make_chain(300, back=1)], ids=["maze", "chain"])
def test_large_loops_are_refused_or_sampled_and_never_hang(chart):
    start = time.perf_counter()
    with pytest.raises(PathError, match="too many"):
        enumerate_paths(chart, limit=2_000)
    assert len(sample_paths(chart, 5, seed=1)) == 5
    assert time.perf_counter() - start < 20


# drawing


def test_a_sample_has_different_paths_and_all_of_them_at_most(travel, travel_paths):
    ids = {path.path_id for path in sample_paths(travel, 30, seed=1)}
    assert len(ids) == 30
    assert {path.path_id for path in sample_paths(travel, 999, seed=1)} == {
        path.path_id for path in travel_paths
    }


@pytest.mark.parametrize("chart", [make_maze(4), make_diamonds(30)], ids=["listed", "probed"])
def test_a_sample_depends_on_the_seed_alone(chart):
    assert sample_paths(chart, 9, seed=1) == sample_paths(chart, 9, seed=1)
    assert sample_paths(chart, 9, seed=1) != sample_paths(chart, 9, seed=2)


def test_each_path_is_drawn_equally_often(travel):
    drawn = Counter(p.path_id for seed in range(860) for p in sample_paths(travel, 5, seed))
    # 50 each on average; five standard deviations are 34
    assert len(drawn) == 86
    assert all(16 <= n <= 84 for n in drawn.values())


@given(charts(), st.integers(0, 9))
@settings(max_examples=60)
def test_random_probes_end_and_keep_the_bound(chart, seed):
    assume(count_paths(chart).n)
    ids = {path.path_id for path in enumerate_paths(chart)}
    drawn = sample_paths(chart, 5, seed, limit=0)
    assert drawn
    assert {path.path_id for path in drawn} <= ids


# covering


def test_travel_needs_5_paths_to_take_every_route(travel, travel_paths):
    few = cover_routes(travel)
    assert len(few) == 5
    assert not measure_coverage(few, travel).missing(travel)["routes"]
    assert {path.path_id for path in few} <= {path.path_id for path in travel_paths}


@given(sound_charts(), st.integers(2, 3))
@settings(max_examples=100)
def test_every_route_is_covered_within_the_bound(chart, max_visits):
    few = cover_routes(chart, max_visits)
    assert measure_coverage(few, chart).share("routes") == 1
    assert all(find_most_visits(path) <= max_visits for path in few)


def test_more_paths_are_added_where_the_bound_bites():
    chart = make_chart({"hub": ["u0", "u1", "u2", "done"], **{f"u{i}": ["hub"] for i in range(3)}})
    assert [len(cover_routes(chart, max_visits)) for max_visits in (2, 3, 4)] == [3, 2, 1]


def test_covering_with_one_visit_a_node_is_refused(travel):
    with pytest.raises(PathError, match="2 or more"):
        cover_routes(travel, max_visits=1)


def test_travel_has_44_route_pairs_of_which_31_occur_on_its_paths(travel, travel_paths):
    on_paths = {pair for path in travel_paths for pair in path.route_pairs}
    possible = possible_route_pairs(travel)
    assert (len(possible), len(on_paths)) == (44, 31)
    assert on_paths <= set(possible)


def test_all_44_route_pairs_are_taken_by_15_walks(travel):
    walks = cover_route_pairs(travel)
    # 15 pairs end the talk, and a walk ends once
    assert len(walks) == 15
    assert {pair for walk in walks for pair in walk.route_pairs} == set(
        possible_route_pairs(travel)
    )


@given(sound_charts())
@settings(max_examples=100)
def test_every_route_pair_is_covered_by_walks_that_end(chart):
    walks = cover_route_pairs(chart)
    assert measure_coverage(walks, chart).share("pairs") == 1
    assert all(chart.nodes[walk.nodes[-1]].role == "end" for walk in walks)
    assert all(
        (route, b) in chart.successors(a)
        for walk in walks
        for (a, b), route in zip(pairwise(walk.nodes), walk.routes, strict=True)
    )


# long walks


def test_long_walks_visit_some_node_3_or_4_times_and_end(travel):
    walks = sample_long_walks(travel, 40, seed=7)
    assert len({walk.path_id for walk in walks}) == 40
    assert {find_most_visits(walk) for walk in walks} == {3, 4}
    assert {travel.nodes[walk.nodes[-1]].role for walk in walks} == {"end"}


def test_13_long_walks_take_the_pairs_that_the_paths_cannot(travel, travel_paths):
    walks = sample_long_walks(travel, 13, seed=7)
    assert measure_coverage(travel_paths, travel).share("pairs") < 1
    assert measure_coverage(travel_paths + walks, travel).share("pairs") == 1


def test_long_walks_depend_on_the_seed_alone(travel):
    assert sample_long_walks(travel, 9, seed=1) == sample_long_walks(travel, 9, seed=1)
    assert sample_long_walks(travel, 9, seed=1) != sample_long_walks(travel, 9, seed=2)


def test_a_chart_without_loops_has_no_long_walks():
    assert sample_long_walks(make_diamonds(3), 5, seed=1) == []


def test_a_long_walk_of_two_visits_is_refused(travel):
    with pytest.raises(PathError, match="3 times"):
        sample_long_walks(travel, 1, seed=1, max_visits=2)


# splitting


@pytest.mark.parametrize("seed", range(10))
def test_travel_is_split_into_62_16_and_8_paths(travel, travel_paths, seed):
    split = split_paths(travel_paths, travel, seed)
    assert Counter(split.values()) == {"train": 62, "test": 16, "valid": 8}


def test_each_outcome_has_its_share_of_the_test_paths(travel, travel_paths):
    split = split_paths(travel_paths, travel, seed=7)
    outcomes = Counter(path.outcome(travel) for path in travel_paths)
    for outcome, n in outcomes.items():
        tested = [p for p in travel_paths if p.outcome(travel) == outcome]
        assert abs(sum(split[p.path_id] == "test" for p in tested) - 0.19 * n) < 1


@given(charts(), st.integers(0, 99), st.sampled_from([0.1, 0.19, 0.5, 0.8]))
@settings(max_examples=100)
def test_training_paths_take_all_that_the_paths_take(chart, seed, test):
    paths = enumerate_paths(chart)
    split = split_paths(paths, chart, seed, test=test)
    everything = measure_coverage(paths, chart)
    training = measure_coverage([p for p in paths if split[p.path_id] == "train"], chart)
    for kind in ("nodes", "routes", "pairs", "outcomes"):
        assert set(getattr(training, kind)) == set(getattr(everything, kind))


def test_a_path_that_alone_has_a_pair_stays_in_training(travel, travel_paths):
    pairs = Counter(pair for path in travel_paths for pair in set(path.route_pairs))
    only = [p.path_id for p in travel_paths if any(pairs[pair] == 1 for pair in p.route_pairs)]
    for seed in range(10):
        split = split_paths(travel_paths, travel, seed)
        assert {split[path_id] for path_id in only} <= {"train"}


def test_a_split_depends_on_ids_and_seed_and_not_on_order(travel, travel_paths):
    split = split_paths(travel_paths, travel, seed=7)
    assert split == split_paths(travel_paths[::-1], travel, seed=7)
    assert list(split) == list(split_paths(travel_paths[::-1], travel, seed=7))
    assert split != split_paths(travel_paths, travel, seed=8)


def test_shares_that_leave_no_training_are_refused(travel, travel_paths):
    with pytest.raises(PathError, match="no training paths"):
        split_paths(travel_paths, travel, seed=1, test=0.7, valid=0.3)
