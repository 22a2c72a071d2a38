"""Multiples: the causes' factors multiply to the whole, by any order."""

import math
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.evaluate.multiples import chain_ratios, share_ratio

CAUSES = ("small model", "short prompt", "cache")


def test_a_chain_has_the_ratio_of_each_step():
    costs = {"as it is": 12.0, "short prompt": 6.0, "small model": 2.0}
    assert chain_ratios(costs) == {"short prompt": 2, "small model": 3}
    assert chain_ratios({"alone": 1.0}) == {}


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_the_ratios_multiply_to_the_whole(costs):
    ratios = chain_ratios({str(number): cost for number, cost in enumerate(costs)})
    assert math.prod(ratios.values()) == pytest.approx(costs[0] / costs[-1])


def test_the_order_matters_to_a_chain():
    # a short prompt takes 80 of 100 tokens away, a cache 90 of what there is: not twice the same
    one = chain_ratios({"as it is": 100, "short prompt": 20, "cache": 5})
    other = chain_ratios({"as it is": 100, "cache": 10, "short prompt": 5})
    assert (one["cache"], other["cache"]) == (4, 10)


def test_shares_are_the_same_for_causes_that_do_the_same():
    shares = share_ratio(lambda some: {0: 100, 1: 20, 2: 4}[len(some)], ("a", "b"))
    assert shares == {"a": pytest.approx(5), "b": pytest.approx(5)}


def test_a_share_is_the_mean_over_both_orders():
    cost = {frozenset(): 100, frozenset("a"): 20, frozenset("b"): 10, frozenset("ab"): 5}
    # a first: 5 then 4; b first: 10 then 2; in logs the mean of 5 and 2, and of 4 and 10
    assert share_ratio(cost.get, "ab") == pytest.approx({"a": math.sqrt(10), "b": math.sqrt(40)})


@given(st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8))
def test_shares_are_the_mean_over_all_orders_and_multiply_to_the_whole(costs):
    def cost(some):
        return costs[sum(2 ** CAUSES.index(cause) for cause in some)]

    shares = share_ratio(cost, CAUSES)
    assert math.prod(shares.values()) == pytest.approx(costs[0] / costs[7])
    logs = dict.fromkeys(CAUSES, 0.0)
    for order in permutations(CAUSES):
        for place, cause in enumerate(order):
            before = frozenset(order[:place])
            logs[cause] += math.log(cost(before) / cost(before | {cause})) / 6
    assert shares == pytest.approx({cause: math.exp(log) for cause, log in logs.items()})


@pytest.mark.parametrize("cost", [0.0, -1.0, math.nan, math.inf])
def test_what_has_no_ratio_is_refused(cost):
    with pytest.raises(ValueError, match="over 0"):
        chain_ratios({"a": 1.0, "b": cost})
    with pytest.raises(ValueError, match="over 0"):
        share_ratio(lambda some: cost if some else 1.0, ("a",))
