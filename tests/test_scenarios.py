"""Scenarios: what is planned for a customer causes exactly the path it was planned for."""

from collections import Counter

import pytest

from workbench.conversation import Act, seeded
from workbench.design.paths import enumerate_paths
from workbench.record import Record
from workbench.synthesize.drawing import draw_paths
from workbench.synthesize.scenarios import plan_scenario, strew_side_trip

SHARES = {"success": 0.6, "abandonment": 0.25, "escalation": 0.15}


@pytest.fixture(scope="module")
def paths(travel):
    return enumerate_paths(travel.flowchart)


def draw(paths, travel, n, first=(), shares=SHARES):
    rng = seeded(1, "test", "draw")
    return draw_paths(paths, list(first), n, shares, travel.flowchart, rng)


def test_a_scenario_is_its_seed_s_path_s_and_index_s(domain, walks):
    keys = [(7, 0), (7, 0), (8, 0), (7, 1)]
    one, same, *others = (plan_scenario(walks[0], "train", domain, *key) for key in keys)
    assert one == same
    assert len({s.scenario_id for s in [one, *others]}) == 3


def test_a_scenario_accepts_the_ending_of_its_path_only(domain, walks):
    for walk in walks:
        scenario = plan_scenario(walk, "test", domain, 7, 0)
        assert scenario.endings == [walk.outcome(domain.flowchart)]
        assert scenario.steps == walk.messages(domain.flowchart)


def test_the_persona_is_one_of_the_domain_s(domain, walks):
    used = Counter(plan_scenario(walk, "train", domain, 7, 0).persona for walk in walks)
    assert set(used) <= {persona.id for persona in domain.personas}
    assert max(used.values()) < len(walks)


def test_no_detail_is_given_twice(domain, walks):
    for walk in walks:
        plan = plan_scenario(walk, "train", domain, 7, 0).plan
        acts = [act for visits in plan.values() for visit in visits for act in visit]
        if not any(act.startswith(("drop", "vague")) for act in acts):
            given = [act.partition("=")[0] for act in acts if act.startswith("give")]
            assert len(given) == len(set(given))


def test_values_are_those_of_the_domain(domain, walks):
    for walk in walks:
        plan = plan_scenario(walk, "train", domain, 7, 0).plan
        acts = [Act.parse(a) for visits in plan.values() for visit in visits for a in visit]
        for act in (act for act in acts if act.value):
            assert act.value in domain.slots[act.target].values


def test_a_side_trip_does_not_change_the_path(travel, paths):
    plain = [plan_scenario(path, "train", travel, 7, 0) for path in paths]
    strewn = [strew_side_trip(s, travel, seeded(7, "test", s.path_id)) for s in plain]
    assert [s.steps for s in strewn] == [s.steps for s in plain]
    assert sum(s.plan != p.plan for s, p in zip(strewn, plain, strict=True)) > len(plain) / 2


def test_a_domain_without_side_trips_has_none_to_strew(coffee_domain, coffee):
    scenario = plan_scenario(enumerate_paths(coffee)[0], "train", coffee_domain, 7, 0)
    assert strew_side_trip(scenario, coffee_domain, seeded(1, "test", "x")) == scenario


def test_outcomes_come_in_their_shares(paths, travel):
    drawn = Counter(path.outcome(travel.flowchart) for path in draw(paths, travel, 200))
    assert drawn == {"success": 120, "abandonment": 50, "escalation": 30}


def test_every_path_is_used_before_any_twice(paths, travel):
    used = Counter(path.path_id for path in draw(paths, travel, 300))
    for outcome in SHARES:
        counts = {used[p.path_id] for p in paths if p.outcome(travel.flowchart) == outcome}
        assert max(counts) - min(counts) <= 1


def test_paths_to_be_covered_come_at_least_once(paths, travel):
    drawn = draw(paths, travel, 100, first=paths)
    assert {path.path_id for path in drawn} == {path.path_id for path in paths}
    assert len(draw(paths, travel, 10, first=paths)) == 10


def test_an_outcome_without_paths_leaves_its_share_to_the_others(paths, travel):
    some = [path for path in paths if path.outcome(travel.flowchart) != "escalation"]
    drawn = Counter(path.outcome(travel.flowchart) for path in draw(some, travel, 85))
    assert drawn == {"success": 60, "abandonment": 25}


def test_customers_keep_within_their_means_where_they_can(travel, paths):
    n_over, n = 0, 0
    for path in paths:
        record = Record(travel.flowchart.slots)
        for visits in plan_scenario(path, "train", travel, 7, 0).plan.values():
            for acts in visits:
                record.hear(map(Act.parse, acts))
        if {"destination", "budget"} <= set(record.given):
            prices = [int(o.fields()["price"]) for o in travel.offers_for(record.given)]
            n_over += max(prices) > int(record.given["budget"])
            n += 1
    assert n > 60
    assert n_over / n < 0.03


def test_what_is_within_means_depends_on_what_is_known(travel):
    def is_within(**given):
        return travel.is_within_means(given)

    assert is_within(destination="Prague", budget="700")
    assert not is_within(destination="Cape Verde", budget="700")
    assert is_within(budget="700")
    assert not is_within(budget="100")
    assert is_within(destination="Cape Verde")
