"""What is covered, and why not, by the choices at hubs."""

import pytest
from charts import write_chart

from workbench.design.choices import summarize_coverage, tabulate_choices
from workbench.design.coverage import measure_coverage
from workbench.design.covering import cover_route_pairs, possible_route_pairs
from workbench.flowchart import read_flowchart


def measure(chart, walks):
    return measure_coverage(walks, chart)


def test_there_is_a_row_for_each_route_of_each_hub(coffee):
    rows = tabulate_choices(measure(coffee, []), coffee)
    assert [(row["hub"], row["route"]) for row in rows] == [
        (hub.id, name) for hub in coffee.hubs for name in hub.routes
    ]
    assert {row["taken"] for row in rows} == {0}


def test_walks_that_cover_all_pairs_leave_nothing_out(coffee):
    rows = tabulate_choices({"train": measure(coffee, cover_route_pairs(coffee))}, coffee)
    assert not [row for row in rows if row["why not"] or row["never after"]]
    pairs = sum(int(row["follows"].split(" of ")[1]) for row in rows)
    assert pairs == len(possible_route_pairs(coffee))


def test_why_not_is_said_of_the_first_stage_that_lacks_a_route(coffee):
    every, none = measure(coffee, cover_route_pairs(coffee)), measure(coffee, [])
    for stages, reason in (
        ({"planned": none, "written": none}, "no training walk of the plan"),
        ({"planned": every, "asked for": none, "written": none}, "no conversation was asked for"),
        ({"planned": every, "asked for": every, "written": none}, "none of the conversations"),
        ({"test": none, "valid": none, "train": every}, ""),
    ):
        assert {row["why not"][: len(reason)] for row in tabulate_choices(stages, coffee)} == {
            reason
        }
        assert reason or not any(row["why not"] for row in tabulate_choices(stages, coffee))


def test_the_summary_counts_what_there_is_and_names_what_was_never_taken(coffee):
    few = summarize_coverage(measure(coffee, cover_route_pairs(coffee)[:1]), coffee)
    every = summarize_coverage(measure(coffee, cover_route_pairs(coffee)), coffee)
    assert [row["of"] for row in few] == [
        *("nodes", "routes", "pairs", "outcomes"),
        "paths and longer walks",
    ]
    assert not any(row["never taken"] for row in every)
    assert next(row for row in few if row["of"] == "pairs")["never taken"].count(" to ") == 3
    assert [str(row["taken"]) for row in every[:4]] == [row["there are"] for row in every[:4]]


@pytest.mark.parametrize("n_nodes", [10, 300])
def test_a_large_chart_is_tabulated_with_its_phases(n_nodes, tmp_path):
    chart = read_flowchart(write_chart(tmp_path, n_nodes))
    rows = tabulate_choices(measure(chart, cover_route_pairs(chart)), chart)
    assert len(rows) == sum(len(hub.routes) for hub in chart.hubs)
    assert {row["phase"] for row in rows} <= {*chart.phases}
    assert summarize_coverage(measure(chart, []), chart)[-1]["taken"] == 0
