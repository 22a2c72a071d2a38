"""Stepping through paths: what is found is what was asked for, and the drawing follows."""

import pytest

from workbench.design.counting import count_paths
from workbench.design.covering import cover_routes
from workbench.design.paths import enumerate_paths
from workbench.show.walks import ANY, Walks


@pytest.fixture
def walks(coffee):
    return Walks(coffee, all_paths=enumerate_paths(coffee), fewest=cover_routes(coffee))


def test_paths_are_found_by_outcome_and_by_what_they_pass(walks, coffee):
    every = {path.path_id for path in walks.find(ANY, ANY)}
    by_outcome = [{p.path_id for p in walks.find(outcome)} for outcome in coffee.outcomes]
    assert set.union(*by_outcome) == every
    assert sum(map(len, by_outcome)) == len(every)
    found = walks.find(by="take_order.missing")
    assert found
    assert all("take_order.missing" in path.steps for path in found)
    assert len(found) < len(every)
    assert walks.find(by="user_details") == found


def test_the_fewest_are_a_set_of_their_own(walks, coffee):
    assert walks.find(of="fewest") == cover_routes(coffee)


def test_the_count_says_how_often_a_node_may_be_visited(walks):
    said = walks._repr_mimebundle_()["text/plain"]
    assert f"in all {count_paths(walks.flowchart)} visit no node more than 2 times" in said


def test_paths_that_are_only_planned_are_not_taken_for_all(coffee):
    said = Walks(coffee, planned_paths=enumerate_paths(coffee)[:3])._say()
    assert said.startswith(f"planned paths: 3 of 3; in all {count_paths(coffee)} visit")
    assert count_paths(coffee).n > 3


@pytest.mark.parametrize("asked", [{"outcome": "refund"}, {"by": "nowhere"}, {"of": "the longest"}])
def test_what_there_is_not_is_said_with_what_there_is(walks, asked):
    with pytest.raises(ValueError, match=r"there are .*(served|opening|all paths)"):
        walks.find(**asked)


def test_the_drawing_follows_filters_and_slider(walks):
    walks._build()
    made = walks._widgets
    made["outcome"].value = "left"
    assert made["place"].max == len(walks.found)
    made["place"].value = 2
    assert walks.found[1].steps[-1] in made["said"].value
    assert walks.found[1].steps[-1] in made["chart"].alt
    made["of"].value = "fewest"
    assert walks.place == 0
    assert made["place"].value == 1


def test_where_no_path_is_found_the_chart_stands_alone(walks, coffee):
    walks.find("left", "settle.paid")
    bundle = walks._repr_mimebundle_()
    assert "none is like that" in bundle["text/html"]
    assert walks.draw().svg == Walks(coffee, all_paths=[]).draw().svg


def test_whatever_is_chosen_is_drawn_once(walks, monkeypatch):
    walks._build()
    made, drawn = walks._widgets, []
    made["place"].value = made["place"].max
    show = walks._show
    monkeypatch.setattr(walks, "_show", lambda: (drawn.append(walks.place), show()))
    # fewer are found than the slider stands at
    made["outcome"].value = made["outcome"].options[-1][1]
    assert drawn == [0]
    assert made["place"].value == 1
    made["place"].value = 2
    assert drawn == [0, 1]


def test_without_widgets_the_first_path_stands_there(walks):
    bundle = walks._repr_mimebundle_()
    assert walks.found[0].steps[0] in bundle["text/plain"]
    assert "<img" in bundle["text/html"]
