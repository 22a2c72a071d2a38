"""Which walks are trained on, of charts with thousands of paths: coverage first, then shares."""

import random
from collections import Counter

import pytest
from charts import write_chart

from workbench.design.covering import choose_covering, cover_route_pairs, possible_route_pairs
from workbench.design.plan import MOST_PATHS, choose_paths
from workbench.flowchart import read_flowchart
from workbench.synthesize.drawing import DrawingError, draw_paths, draw_training

SHARES = {"settled": 0.55, "dropped": 0.3, "passed_on": 0.15}


@pytest.fixture(scope="module", params=[55, 300], ids=lambda n: f"{n} nodes")
def chart(request, tmp_path_factory):
    return read_flowchart(write_chart(tmp_path_factory.mktemp("chart"), request.param))


@pytest.fixture(scope="module")
def planned(chart):
    return choose_paths(chart, 7)


@pytest.fixture(scope="module")
def walks(chart, planned):
    """Paths to train on, long walks, and those of them that cover pairs of routes."""
    train = [p.as_path() for p in planned if p.split == "train" and not p.is_long]
    long = [p.as_path() for p in planned if p.is_long]
    pairs = {path.path_id for path in cover_route_pairs(chart)}
    return train, long, [path for path in long if path.path_id in pairs]


def draw(walks, chart, n):
    return draw_training(*walks, n, round(0.2 * n), SHARES, chart, random.Random(1))


def test_a_chart_of_thousands_of_paths_has_some_drawn_that_take_every_route(chart, planned):
    bounded = [path.as_path() for path in planned if not path.is_long]
    assert len(bounded) == MOST_PATHS
    steps = {step for path in bounded for step in (*path.steps, path.nodes[-1])}
    assert steps >= {step for node in chart.nodes.values() for step in node.steps}
    assert steps >= {end.id for end in chart.ends}


@pytest.mark.parametrize("n", [400, 1000, 3000])
def test_every_route_and_pair_is_trained_however_few_the_conversations(chart, walks, n):
    drawn = draw(walks, chart, n)
    assert len(drawn) == n
    steps = {step for walk in drawn for step in walk.steps}
    assert steps >= {step for node in chart.nodes.values() for step in node.steps}
    pairs = {pair for walk in drawn for pair in walk.route_pairs}
    assert pairs == {*possible_route_pairs(chart)}


def test_with_too_few_conversations_those_of_most_use_are_taken(chart, walks):
    n = len(choose_covering([*walks[0], *walks[2]])) // 2
    pairs = {pair for walk in draw(walks, chart, n) for pair in walk.route_pairs}
    by_lot = random.Random(1).sample(walks[0], n)
    assert len(pairs) > len({pair for walk in by_lot for pair in walk.route_pairs})


def test_outcomes_come_in_their_shares_as_far_as_coverage_allows(chart, walks):
    drawn = draw(walks, chart, 1500)
    counts = Counter(walk.outcome(chart) for walk in drawn)
    assert {o: k / 1500 for o, k in counts.items()} == pytest.approx(SHARES, abs=0.01)


def test_no_path_comes_twice_before_all_others_of_its_outcome(chart, walks):
    times = Counter(walk.path_id for walk in draw(walks, chart, 1500))
    for outcome in SHARES:
        own = [times[path.path_id] for path in walks[0] if path.outcome(chart) == outcome]
        assert max(own) - min(own) <= 1


def test_walks_that_cover_are_few_and_take_all_that_the_others_take(walks):
    every = [*walks[0], *walks[1]]
    few = choose_covering(every)
    assert len(few) < len(every) / 4
    for kind in ("steps", "route_pairs"):
        parts = [{part for walk in some for part in getattr(walk, kind)} for some in (few, every)]
        assert parts[0] == parts[1]


def test_what_covers_is_chosen_by_what_it_adds(walks):
    few = choose_covering([*walks[0], *walks[1]])
    added, taken = [], set()
    for walk in few:
        added.append(len({*walk.steps, *walk.route_pairs} - taken))
        taken |= {*walk.steps, *walk.route_pairs}
    assert added == sorted(added, reverse=True)
    assert min(added) > 0
    assert choose_covering([]) == []


def test_no_walk_to_an_outcome_that_is_to_have_a_share_is_said(chart, walks):
    settled = [path for path in walks[0] if path.outcome(chart) == "settled"]
    with pytest.raises(DrawingError, match="no path comes to dropped; give another a share"):
        draw_paths(settled, [], 5, {"dropped": 1}, chart, random.Random(1))
