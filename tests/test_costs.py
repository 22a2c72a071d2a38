"""Costs: worked examples by hand, and truths about all inputs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.api.prices import Price
from workbench.evaluate.costs import (
    Fleet,
    Server,
    Tokens,
    break_even,
    break_even_load,
    cost_api,
    cost_own,
    cost_seconds,
    count_seconds,
    count_tokens,
    draw_load,
    price_tokens,
)

ABOUT = {"model": "toy", "host": "h", "date": "2026-11-01", "source": "a contract"}
PRICE = Price(**ABOUT, input=3, output=15, cached=0.3)
SERVER = Server(hour_usd=1.8, read_per_s=15_000, write_per_s=3_000)
FLEET = Fleet(hour_usd=2.5, seconds=1.0)
LENGTHS = st.lists(st.integers(0, 500), min_size=1, max_size=12)


def test_each_prompt_has_all_that_was_said_before():
    assert count_tokens(100, [10], [20, 30]) == Tokens(230, 50, 120)
    # 10, then 10 + 1 + 2, then 10 + 1 + 2 + 3 + 4
    assert count_tokens(10, [2, 4], [1, 3, 5]) == Tokens(10 + 13 + 20, 9, 11 + 16)


def test_a_provider_has_cached_what_was_sent_and_other_talks_leave_the_system_prompt():
    assert count_tokens(100, [10], [20, 30], keeps_replies=False).cached == 100
    assert count_tokens(100, [10], [20, 30], shares_system=True).cached == 220
    assert count_tokens(100, [], [20], shares_system=True) == Tokens(100, 20, 100)


def test_the_customer_speaks_once_between_replies():
    with pytest.raises(ValueError, match="2 replies need 1 customer messages between them, not 2"):
        count_tokens(1, [1, 1], [1, 1])


@given(st.integers(0, 5000), LENGTHS, st.booleans(), st.booleans())
def test_what_is_cached_is_never_more_than_the_prompts(system, replies, keeps, shares):
    tokens = count_tokens(system, replies[1:], replies, keeps, shares)
    assert tokens.prompt >= tokens.cached
    longer = count_tokens(system + 1, replies[1:], replies, keeps, shares)
    assert longer.prompt - tokens.prompt == len(replies)


def test_an_api_costs_less_where_its_cache_is_read():
    tokens = Tokens(1000, 100, 600)
    assert cost_api(tokens, PRICE, is_cached=False) == pytest.approx(0.0045)
    assert cost_api(tokens, PRICE) == pytest.approx(0.00288)


def test_what_is_written_to_a_cache_has_its_own_price():
    price = Price(**ABOUT, input=3, output=15, cached=0.3, written=6)
    assert cost_api(Tokens(1000, 0, 0), price) == pytest.approx(0.006)
    assert cost_api(Tokens(1000, 0, 900), price) == pytest.approx((900 * 0.3 + 100 * 6) / 1e6)
    assert cost_api(Tokens(1000, 0, 900), price, is_cached=False) == pytest.approx(0.003)


def test_a_server_reads_what_no_cache_has_and_writes_replies():
    tokens = Tokens(15_000, 3_000, 7_500)
    assert count_seconds(tokens, SERVER, is_cached=False) == pytest.approx(2)
    assert count_seconds(tokens, SERVER) == pytest.approx(1.5)
    assert cost_own(tokens, SERVER, is_cached=False) == pytest.approx(0.001)
    assert cost_own(tokens, SERVER) == pytest.approx(0.00075)


def test_idle_time_is_paid_for():
    assert cost_seconds(2, 1.8) == pytest.approx(0.001)
    assert cost_seconds(2, 1.8, utilization=0.5) == pytest.approx(0.002)
    half = Server(1.8, 15_000, 3_000, utilization=0.5)
    assert price_tokens(half) == pytest.approx([2 * usd for usd in price_tokens(SERVER)])
    assert cost_own(Tokens(1e6, 0), half) == pytest.approx(price_tokens(half)[0])


def test_a_month_is_paid_by_the_machine():
    assert (FLEET.each, FLEET.month_usd) == (1_314_000, 1825)
    assert [FLEET.count_machines(load) for load in (0, 1, 1_314_000, 1_314_001)] == [1, 1, 1, 2]
    assert Fleet(2.5, 1.0, least=3).count_machines(0) == 3
    assert FLEET.cost(1000) == pytest.approx(1.825)
    assert FLEET.cost(0) == math.inf


def test_what_was_spent_once_is_earned_back():
    assert break_even(80, 0.133, 0.001) == 607
    assert break_even(80, 1.8, 0.2) == 50
    assert break_even(80, 0.1, 0.1) is None
    assert break_even(80, 0.1, 0.2) is None
    assert [break_even(0, 0.1, 0.1), break_even(0, 0.1, 0.2)] == [0, None]


def test_idle_machines_need_a_load_to_pay():
    assert break_even_load(FLEET, 0.05) == 36_500
    # $80 spread over two months are $40 a month more
    assert break_even_load(FLEET, 0.05, once_usd=80, months=2) == 37_300
    # $1,825 by 1,314,000 conversations are $0.00139 each
    assert break_even_load(FLEET, 0.001) is None
    assert break_even_load(FLEET, 0) is None


def test_more_machines_are_taken_where_one_cannot_earn_what_was_spent_once():
    fleet = Fleet(hour_usd=1 / 730, seconds=730 * 3600 / 10, most_busy=1)
    # each of $1 holds 10 talks of $0.2, so earns $1: $3.5 take four machines and 37.5 talks
    assert break_even_load(fleet, 0.2, once_usd=3.5) == 38
    assert break_even_load(fleet, 0.1, once_usd=3.5) is None


def test_a_break_even_that_whole_conversations_just_miss_comes_with_more_machines():
    fleet = Fleet(0.2, 4348.0, 0.1520827550317824, 1)
    load = break_even_load(fleet, 7.984375, 9990.0)
    assert draw_load(fleet, [load], 9990.0)[0][1] <= 7.984375


@given(
    st.floats(0.01, 100),
    st.floats(0.01, 1e4),
    st.floats(0.01, 1),
    st.integers(1, 5),
    st.floats(1e-5, 10),
    st.floats(0, 1e4),
)
def test_no_load_under_the_break_even_pays_and_it_does(hour, seconds, busy, least, rival, once):
    fleet = Fleet(hour, seconds, busy, least)
    load = break_even_load(fleet, rival, once)
    if load is not None:
        ((_, usd),) = draw_load(fleet, [load], once)
        assert usd <= rival * (1 + 1e-9)
        for less in {math.floor(load * part) for part in (0.1, 0.5, 0.9)} | {load - 1}:
            for _, before in draw_load(fleet, [less], once):
                assert before >= rival * (1 - 1e-9)
    else:
        loads = [fleet.each * machines for machines in (least, 10 * least, 1000 * least)]
        assert all(usd >= rival * (1 - 1e-6) for _, usd in draw_load(fleet, loads, once))


def test_the_curve_over_load_has_all_costs_and_leaves_out_no_load():
    curve = draw_load(FLEET, [0, 1000, 1_314_001], once_usd=100, months=2)
    assert curve == [(1000, pytest.approx(1.875)), (1_314_001, pytest.approx(3700 / 1_314_001))]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tokens(-1, 0),
        lambda: Tokens(math.nan, 0),
        lambda: Tokens(1, 0, 2),
        lambda: Server(math.inf, 1, 1),
        lambda: Server(1, 0, 1),
        lambda: Server(1, 1, 0),
        lambda: Server(1, 1, 1, 0),
        lambda: Server(1, 1, 1, 1.1),
        lambda: Fleet(1, 0),
        lambda: Fleet(1, 1, 0),
        lambda: Fleet(1, 1, 2),
        lambda: Fleet(1, 1, 1, -1),
        lambda: FLEET.cost(-1),
        lambda: FLEET.count_machines(math.nan),
        lambda: cost_seconds(1, 1, 0),
        lambda: cost_seconds(1, 1, 1.5),
        lambda: break_even_load(FLEET, 1, 1, 0),
        lambda: draw_load(FLEET, [1], 1, 0),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match=r"give|cached ones are"):
        make()
