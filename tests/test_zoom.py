"""That what is said of Zoom fits the device and the fault."""

import pytest
from conftest import DOMAINS
from customers import plan_customers

from workbench.conversation import Act
from workbench.design.paths import sample_paths
from workbench.domain import read_domain
from workbench.phrases import find_placeholders
from workbench.synthesize.scenarios import plan_scenario


@pytest.fixture(scope="module")
def zoom():
    return read_domain(DOMAINS / "zoom_support")


def test_nobody_reports_an_error_code_that_the_device_cannot_show(zoom):
    found = [*plan_customers(zoom, sample_paths(zoom.flowchart, 30, 7))]
    assert len(found) > 60
    assert all(zoom.goes_together(given) for given in found)
    assert not zoom.goes_together({"platform": "iPhone", "problem": "error code 0xA00F4244"})
    assert not zoom.goes_together({"platform": "Chrome", "problem": "error code 5003"})


def test_each_device_joins_the_sound_by_its_own_way(zoom):
    for platform, way in (
        ("macOS", "Join Audio > Join with Computer Audio"),
        ("iPhone", "Join Audio > Call via Device Audio"),
        ("Chrome", "Join Audio by Computer"),
    ):
        given = {"platform": platform, "problem": "hears nothing", "reach": "every meeting"}
        assert way in zoom.offer_values(zoom.offers_for(given)[0])["how"]


def test_an_explanation_says_more_than_the_advice_and_states_the_same(zoom):
    for offer in zoom.offers.values():
        advice, explained = offer.fields()["how"], offer.fields()["slowly"]
        assert {*find_placeholders(advice)} == {*find_placeholders(explained)}, offer.id
        assert len(explained.split()) > len(advice.split()), offer.id
    assert all("slowly" in w.placeholders for w in zoom.agent.wordings("explain_step"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_who_has_an_error_code_is_told_what_it_means(zoom, split):
    for code in ("5003", "104101", "0xA00F4244", "4"):
        problem = f"error code {code}"
        reasons = zoom.list_reasons("triage.ready_for_solutions", {"problem": problem})
        meanings = [zoom.facts[fact].text for fact in reasons]
        assert [f"rror code {code} " in meaning for meaning in meanings] == [True]
    said = [w for w in zoom.agent.wordings("triage.ready_for_solutions") if w.split == split]
    assert any("reason" in wording.placeholders for wording in said)


def test_customers_ask_in_between_for_what_no_step_and_no_offer_states(zoom):
    assert {"lock_time", "voice_speed"} <= {*zoom.told_if_asked} <= {*zoom.askable}
    assert not {"callback", "join_audio", "unmute_permission"} & {*zoom.told_if_asked}
    plans = [plan_scenario(p, "train", zoom, 7, 0) for p in sample_paths(zoom.flowchart, 60, 7)]
    visits = [turn for plan in plans for own in plan.plan.values() for turn in own]
    acts = [Act.parse(act) for turn in visits for act in turn]
    asked = [act.target for act in acts if act.kind == "ask"]
    assert len(asked) > 5
    assert {*asked} <= {*zoom.told_if_asked}


def test_where_a_route_leads_on_a_question_paths_have_questions_of_their_own(travel):
    assert travel.told_if_asked == []
