"""That claims are told and settled in a way that an adjuster would recognize."""

import pytest
from conftest import DOMAINS
from customers import plan_customers

from workbench.design.paths import sample_paths
from workbench.domain import read_domain


@pytest.fixture(scope="module")
def claims():
    return read_domain(DOMAINS / "insurance_claims")


def test_nobody_claims_what_an_adjuster_would_not_believe(claims):
    found = [*plan_customers(claims, sample_paths(claims.flowchart, 30, 7))]
    assert len(found) > 60
    assert all(claims.goes_together(given) for given in found)
    assert not claims.goes_together({"event": "a dental crown", "amount": "9600"})
    assert not claims.goes_together({"event": "a car fire", "drivable": "drives"})


def test_cover_is_not_called_full_where_a_deductible_is_taken_off(claims):
    said = [wording.text for wording in claims.agent.wordings("coverage.covered")]
    assert not [text for text in said if {"full", "fully", "all"} & {*text.rstrip(".").split()}]


def test_who_still_has_to_send_papers_hears_that_the_decision_rests_on_them(claims):
    assert all("holds" in wording.text for wording in claims.agent.wordings("documents_list"))


def test_who_declines_the_expert_has_heard_that_nothing_is_paid_without(claims):
    said = [wording.text for wording in claims.agent.wordings("coverage.expert_review")]
    assert not [text for text in said if "nothing is paid" not in text and "pay any" not in text]


def test_a_claim_can_be_withdrawn_whenever_the_customer_speaks(claims):
    nodes = claims.flowchart.nodes
    users = [node for node in nodes.values() if node.role == "user"]
    hubs = {node.routes[""].to for node in users}
    left = {hub: nodes[hub].routes.get("withdraw") for hub in hubs}
    assert len(left) == 6
    assert all(route and route.acts == ("leave",) for route in left.values())


def test_a_disputed_sum_goes_to_an_arbiter_and_more_than_it_is_called_denied(claims):
    said = [w.text for key in claims.agent.keys for w in claims.agent.wordings(key)]
    # a benefit on a death is no damage that could be appraised
    assert not [text for text in said if "apprais" in text.lower()]
    noted = [wording.text for wording in claims.agent.wordings("dispute_note")]
    assert all("denied" in text or "refused" in text for text in noted)


def test_a_share_of_a_new_policy_is_one_of_the_usual_sum(claims):
    assert all("of the usual sum" in w.text for w in claims.agent.wordings("partial_terms"))
