"""The paper's costs from its own inputs: what follows, what does not, to the digit.

arXiv 2605.22502v1: prices and speeds stand in its section on cost, costs and multiples in Table 6.
"""

import math

import pytest

from workbench.evaluate.costs import cost_api, cost_own
from workbench.evaluate.published_costs import (
    CAUSES,
    GPU,
    PROCEDURES,
    SONNET,
    chain_published,
    check_claims,
    cost_published,
    share_published,
)

TRAVEL, ZOOM, INSURANCE = PROCEDURES
CLAIMS = {claim.name: claim for claim in check_claims()}

# printed, what the inputs give, and whether the one follows from the other
EXPECTED = {
    "$ per million tokens read": (0.05, 0.0463, "follows"),
    "$ per million tokens written": (0.23, 0.2315, "follows"),
    "times cheaper per token read": (65, 64.8, "follows"),
    "times cheaper per token written": (65, 64.8, "follows"),
    "travel: times cheaper than in-context": (128, 133.0, "within"),
    "zoom: times cheaper than in-context": (296, 343.3, "within"),
    "insurance: times cheaper than in-context": (462, 467.1, "within"),
    "travel: times cheaper than in-context, at the sibling's cost": (128, 99.13, "does not follow"),
    "zoom: times cheaper than in-context, at the sibling's cost": (296, 218.4, "does not follow"),
    "insurance: times cheaper than in-context, at the sibling's cost": (
        462,
        315.1,
        "does not follow",
    ),
    "travel: $ of the compiled model": (0.0010, 0.000985, "follows"),
    "zoom: $ of the compiled model": (0.0003, 0.000694, "does not follow"),
    "insurance: $ of the compiled model": (0.0007, 0.001590, "within"),
    "travel: $ in-context": (0.133, 0.103, "does not follow"),
    "zoom: $ in-context": (0.103, 0.076, "does not follow"),
    "insurance: $ in-context": (0.327, 0.223, "does not follow"),
    "travel: times cheaper than LangGraph": (77, 77.0, "follows"),
    "insurance: times cheaper than LangGraph": (249, 248.6, "follows"),
    "travel: times more tokens": (2, 1.892, "follows"),
    "insurance: times more tokens": (7, 2.422, "does not follow"),
    "travel: conversations to break even, within": (500, 606.3, "within"),
    "zoom: conversations to break even, within": (500, 779.3, "within"),
    "insurance: conversations to break even, within": (500, 245.2, "follows"),
    "travel: $ a conversation beyond 10,000, under": (0.01, 0.00904, "follows"),
    "zoom: $ a conversation beyond 10,000, under": (0.01, 0.00835, "follows"),
    "insurance: $ a conversation beyond 10,000, under": (0.01, 0.00871, "follows"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_printed_number_follows_or_not(name):
    printed, rebuilt, verdict = EXPECTED[name]
    claim = CLAIMS[name]
    assert (claim.printed, claim.verdict) == (printed, verdict)
    assert claim.rebuilt == pytest.approx(rebuilt, rel=1e-3)


def test_every_number_is_checked_and_says_where_it_stands():
    assert list(CLAIMS) == [claim.name for claim in check_claims()]
    assert set(CLAIMS) == set(EXPECTED)
    assert {claim.where for claim in CLAIMS.values()} == {"Table 6", "section on cost"}


def test_a_gpu_second_by_hand():
    # $2.50 / 3,600 s = $0.000694 a second; / 15,000 = $4.63e-8 a token
    assert GPU.hour_usd / 3600 / GPU.read_per_s == pytest.approx(4.6296e-8, rel=1e-4)
    # printed as $0.05, which would make 60 times and not 65
    assert SONNET.input / 0.05 == pytest.approx(60)


def test_a_travel_conversation_by_hand():
    # in + out = 27,687 tokens and 3 in + 15 out = 103,000 millionths of a dollar
    assert TRAVEL.in_context.reply == pytest.approx((103_000 - 3 * 27_687) / 12)
    # 8.7 prompts without 1,500 tokens of procedure each
    assert TRAVEL.compiled.prompt == pytest.approx(27_687 - 1661.58 - 8.7 * 1500, abs=0.01)
    # 12,975 x 0.0463 + 1,662 x 0.2315 millionths
    assert cost_own(TRAVEL.compiled, GPU, is_cached=False) == pytest.approx(9.853e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("procedure", "cached", "plain"),
    [(TRAVEL, 5.2e-4, 9.9e-4), (ZOOM, 3.6e-4, 6.9e-4), (INSURANCE, 6.0e-4, 15.9e-4)],
)
def test_what_a_compiled_talk_can_cost_with_a_prefix_cache_and_without(procedure, cached, plain):
    assert cost_own(procedure.compiled, GPU) == pytest.approx(cached, rel=0.02)
    assert cost_own(procedure.compiled, GPU, is_cached=False) == pytest.approx(plain, rel=0.02)


def test_zoom_costs_more_than_is_printed_even_if_each_token_is_read_once():
    assert cost_own(ZOOM.compiled, GPU) > 0.00035


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda one: one.name)
def test_the_in_context_costs_need_more_tokens_than_the_talk_has_words(procedure):
    # the reply tokens that the sibling's tokens at $3 and $15 need to cost what is printed
    needed = (procedure.in_context_usd * 1e6 - 3 * procedure.sibling_tokens) / 12
    assert needed > 1.5 * 1400
    assert procedure.in_context.reply < 1.5 * 1400


def test_the_two_papers_differ_in_the_same_condition():
    ratios = [one.in_context_usd / one.sibling_usd for one in PROCEDURES]
    assert ratios == pytest.approx([1.29, 1.36, 1.47], abs=0.006)


def test_the_break_even_is_of_both_sums_that_are_said_to_be_spent():
    spans = [
        (CLAIMS[f"{name}: conversations to break even, within"].low, expected)
        for name, expected in (("travel", 379), ("zoom", 487), ("insurance", 153))
    ]
    assert [low for low, _ in spans] == pytest.approx([low for _, low in spans], abs=0.6)


@pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda one: one.name)
def test_the_causes_multiply_to_the_whole_in_order_and_shared(procedure):
    whole = cost_published(procedure, frozenset()) / cost_published(procedure, frozenset(CAUSES))
    assert math.prod(chain_published(procedure).values()) == pytest.approx(whole)
    assert math.prod(share_published(procedure).values()) == pytest.approx(whole)
    assert cost_published(procedure, frozenset()) == pytest.approx(procedure.sibling_usd)


def test_most_of_travels_multiple_is_the_small_model():
    chain = chain_published(TRAVEL)
    assert chain == pytest.approx(
        {"small model": 64.8, "short prompt": 1.61, "cache": 1.89}, rel=0.01
    )
    # a cache serves the large model too: with it on both sides the short prompt is worth less
    cached = cost_published(TRAVEL, frozenset({"cache"}))
    assert cached == pytest.approx(cost_api(TRAVEL.in_context, SONNET))
    assert cached / cost_published(TRAVEL, frozenset(CAUSES)) == pytest.approx(92.2, rel=0.01)
