"""Coverage: what walks have taken of a flowchart, and what not."""

from collections import Counter
from pathlib import Path

import pytest

from workbench.design.coverage import Coverage, measure_coverage
from workbench.design.covering import cover_routes
from workbench.design.paths import FlowPath, enumerate_paths
from workbench.flowchart import Flowchart, Node, Route, read_flowchart

DOMAINS = Path(__file__).parents[1] / "domains"


@pytest.fixture(scope="module")
def travel() -> Flowchart:
    return read_flowchart(DOMAINS / "travel_booking" / "flowchart.yaml")


@pytest.fixture
def early_leaver() -> FlowPath:
    nodes = ("opening", "user_initial", "assess", "user_info", "assess", "abandonment")
    return FlowPath(nodes, ("", "", "missing_info", "", "user_abandoning"))


def test_a_node_visited_twice_counts_twice(travel, early_leaver):
    coverage = measure_coverage([early_leaver], travel)
    assert (coverage.nodes["assess"], coverage.nodes["opening"]) == (2, 1)


def test_routes_are_called_hub_and_route_or_node(travel, early_leaver):
    assert set(measure_coverage([early_leaver], travel).routes) == {
        *("opening", "user_initial", "assess.missing_info"),
        *("user_info", "assess.user_abandoning"),
    }


def test_a_pair_is_two_hub_routes_in_a_row(travel, early_leaver):
    coverage = measure_coverage([early_leaver] * 3, travel)
    assert coverage.pairs == {("assess.missing_info", "assess.user_abandoning"): 3}


def test_paths_and_outcomes_are_counted_by_walk(travel, early_leaver):
    coverage = measure_coverage([early_leaver] * 3, travel)
    assert coverage.paths == {early_leaver.path_id: 3}
    assert coverage.outcomes == {"abandonment": 3}


def test_what_was_never_taken_is_listed_in_the_order_of_the_chart(travel, early_leaver):
    missing = measure_coverage([early_leaver], travel).missing(travel)
    assert missing["outcomes"] == ["success", "escalation"]
    assert missing["nodes"][:2] == ["user_clarify", "present_options"]
    assert {kind: len(missing[kind]) for kind in missing} == {
        **{"nodes": 9, "routes": 17, "pairs": 43, "paths": 85, "outcomes": 2},
    }


def test_no_walks_cover_nothing_and_miss_everything(travel):
    coverage = measure_coverage([], travel)
    assert coverage.share("routes") == coverage.share("pairs") == coverage.share("paths") == 0
    assert coverage.missing(travel)["nodes"] == list(travel.nodes)


def test_the_few_paths_cover_all_routes_and_5_of_86_paths(travel):
    coverage = measure_coverage(cover_routes(travel), travel)
    assert [coverage.share(kind) for kind in ("nodes", "routes", "outcomes")] == [1, 1, 1]
    assert coverage.share("paths") == 5 / 86


def test_all_paths_leave_13_of_44_pairs_untaken(travel):
    coverage = measure_coverage(enumerate_paths(travel), travel)
    assert coverage.share("pairs") == 31 / 44
    assert {kind: len(parts) for kind, parts in coverage.missing(travel).items() if parts} == {
        "pairs": 13
    }


def test_a_long_walk_is_no_path_of_the_chart(travel, early_leaver):
    again = ("user_info", "assess")
    nodes = (*early_leaver.nodes[:-1], *again, "abandonment")
    routes = (*early_leaver.routes[:-1], "missing_info", "", "user_abandoning")
    assert measure_coverage([early_leaver], travel).share("paths") == 1 / 86
    assert measure_coverage([FlowPath(nodes, routes)], travel).share("paths") == 0


def test_a_chart_with_nothing_of_a_kind_misses_nothing_of_it():
    nodes = {
        "hello": Node(id="hello", role="agent", say="Greet.", routes={"": Route(to="done")}),
        "done": Node(id="done", role="end", outcome="done"),
    }
    chart = Flowchart(name="toy", title="Toy", start="hello", nodes=nodes)
    assert measure_coverage([], chart).share("pairs") == 1


def test_the_list_of_paths_is_left_out_where_they_are_too_many():
    nodes = {"end": Node(id="end", role="end", outcome="end")}
    for i in range(20):
        to = f"n{i + 1}" if i < 19 else "end"
        routes = {name: Route(to=to, when=name) for name in ("left", "right")}
        nodes[f"n{i}"] = Node(id=f"n{i}", role="agent", say="Ask.", routes=routes)
    chart = Flowchart(name="toy", title="Toy", start="n0", nodes=nodes)
    assert set(Coverage().missing(chart)) == {"nodes", "routes", "pairs", "outcomes"}


def test_an_unknown_kind_is_refused_with_the_kinds_there_are(travel):
    with pytest.raises(ValueError, match=r'no coverage of "edges"; choose one of nodes, routes'):
        measure_coverage([], travel).share("edges")


def test_a_share_needs_a_flowchart():
    with pytest.raises(ValueError, match="make it with measure_coverage"):
        Coverage(nodes=Counter(opening=1)).share("nodes")
