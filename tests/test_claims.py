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


def test_a_share_of_a_new_policy_is_one_of_the_usual_sum(claims):
    assert all("of the usual sum" in w.text for w in claims.agent.wordings("partial_terms"))
