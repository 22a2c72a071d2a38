"""Dollars of an evaluation: only where a price is given, and by hand."""

import json
import re

import pytest

from workbench.api.ledger import Caller, Tally
from workbench.api.prices import Usage
from workbench.api.spending import open_spending, tally_calls
from workbench.evaluate.pricing import (
    CostError,
    Terms,
    choose_price,
    count_dollars,
    find_pair,
    list_priced,
    price_result,
    read_terms,
)
from workbench.run import open_run
from workbench.show.calls import tabulate_calls

NAME = "toy@localhost"
PRICES = """
- {model: toy, host: localhost, input: 2, cached: 0.5, output: 10, date: 2026-11-01, source: ours}
"""


def cost(prompt, cached, reply, seconds, read_per_s=None):
    tokens = {"prompt_tokens": prompt, "cached_tokens": cached, "reply_tokens": reply}
    tokens |= {"conversations": 20, "read_per_s": read_per_s}
    return tokens | {"seconds_per_conversation": seconds}


@pytest.fixture
def result():
    return {
        "seconds": {"train": 3600.0, "evaluate": 1800.0},
        "cost": {
            "walker": cost(0, 0, 0, 0.1),
            "faulty/jump": cost(0, 0, 0, 0.1),
            "compiled": cost(1000, 800, 200, 2.0),
            "in_context/base": cost(10_000, 9000, 400, 6.0, read_per_s=3000),
        },
    }


@pytest.fixture(autouse=True)
def own_table(tmp_path, monkeypatch):
    file = tmp_path / "own.yaml"
    file.write_text(PRICES)
    monkeypatch.setenv("WORKBENCH_PRICES", str(file))


def test_a_condition_costs_its_seconds_and_what_its_tokens_would_cost(result):
    found = count_dollars(result, Terms(hour_usd=1.8, price_of=NAME), choose_price(NAME))
    # 6 s at $0.0005, busy half the time; 10,000 at $2 and 400 at $10; 9,000 at $0.5, 1,000 at $2
    api = {"api_usd": 0.024, "api_cached_usd": 0.0105}
    # without a cache 9,000 tokens more are read, in 3 s
    own = {"own_usd": 0.006, "own_uncached_usd": 0.009, "own_cached_usd": 0.006}
    assert found["conditions"]["in_context/base"] == pytest.approx(own | api)
    assert list(found["conditions"]) == ["compiled", "in_context/base"]


def test_what_reads_its_prompts_whole_would_take_less_with_a_cache(result):
    result["cost"]["orchestrated/base"] = cost(10_000, 4500, 400, 6.0, read_per_s=3000)
    found = count_dollars(result, Terms(hour_usd=1.8), None)["conditions"]["orchestrated/base"]
    assert (found["own_usd"], found["own_uncached_usd"]) == (0.006, 0.006)
    assert found["own_cached_usd"] == pytest.approx(0.0045)


def test_without_the_speed_of_reading_nothing_is_said_without_a_cache(result):
    found = count_dollars(result, Terms(hour_usd=1.8), None)["conditions"]["compiled"]
    assert (found["own_cached_usd"], found["own_uncached_usd"]) == (0.002, None)


def test_what_was_spent_once_are_this_runs_hours_and_what_was_paid_beside(result):
    calls = [{"cost_usd": usd} for usd in (1.5, None, 2.0)]
    found = count_dollars(result | {"calls": calls}, Terms(hour_usd=2, once_usd=40), None)
    assert found["once"] == {"hours_usd": 3.0, "calls_usd": 3.5, "paid_usd": 40.0}
    assert "break_even" not in found
    assert found["conditions"]["compiled"]["api_usd"] is None


def test_the_break_even_is_against_the_procedure_in_the_prompt_of_the_priced_model(result):
    terms = Terms(hour_usd=1.8, price_of=NAME, once_usd=17.3, months=1)
    found = count_dollars(result, terms, choose_price(NAME))
    # $2.7 of hours and $17.3 are $20: 20 / (0.024 - 0.002) and / (0.0105 - 0.002)
    assert found["break_even"]["api_usd"]["conversations"] == 910
    assert found["break_even"]["api_cached_usd"]["conversations"] == 2353
    # a month of the machine is $1,314: 1,334 / 0.024
    assert found["break_even"]["api_usd"]["a_month"] == 55_584


def test_what_was_spent_once_is_spread_over_the_months_until_the_procedure_changes(result):
    terms = Terms(hour_usd=1.8, price_of=NAME, once_usd=117.3, months=12)
    found = count_dollars(result, terms, choose_price(NAME))
    # $120 by 12 are $10 a month: 1,324 / 0.024
    assert found["break_even"]["api_usd"]["a_month"] == 55_167


def test_a_price_without_an_hour_is_enough(result, tmp_path):
    run = open_run("coffee", "demo", root=tmp_path)
    dollars = price_result(run, result, read_terms(price_of=NAME))["dollars"]
    found = dollars["conditions"]["compiled"]
    assert (found["own_usd"], found["own_uncached_usd"], found["own_cached_usd"]) == (None,) * 3
    assert (found["api_usd"], found["api_cached_usd"]) == pytest.approx((0.004, 0.0028))


def test_the_multiple_is_a_product(result):
    found = count_dollars(result, Terms(hour_usd=1.8, price_of=NAME), choose_price(NAME))
    assert list(found["multiple"].values()) == pytest.approx([24 / 10.5, 10.5 / 6, 3])


def test_the_compiled_model_is_the_one_before_the_same_customers(result):
    assert find_pair(result["cost"]) == ("compiled", "in_context/base")
    both = result["cost"] | {"compiled/as_baselines": cost(1, 0, 1, 1)}
    assert find_pair(both)[0] == "compiled/as_baselines"
    assert find_pair({}) == ("", "")


def test_without_a_price_there_are_no_dollars(result, tmp_path):
    run = open_run("coffee", "demo", root=tmp_path)
    assert "dollars" not in price_result(run, result | {"dollars": {}}, read_terms())
    assert "dollars" not in json.loads(run.file("result.json").read_text())


def test_dollars_are_kept_with_terms_and_the_dated_price(result, tmp_path):
    run = open_run("coffee", "demo", root=tmp_path)
    priced = price_result(run, result, read_terms(hour_usd=1, price_of=NAME))
    kept = json.loads(run.file("result.json").read_text())
    assert kept == json.loads(json.dumps(priced))
    assert kept["dollars"]["price"]["date"] == "2026-11-01"
    assert kept["dollars"]["terms"]["hour_usd"] == 1


def test_the_run_s_calls_are_on_record_and_paid_once(result, tmp_path):
    run = open_run("coffee", "demo", root=tmp_path)
    ledger = open_spending(run).ledger
    with ledger.use():
        attempt = ledger.reserve("a", Caller("teacher", "toy", "localhost"), "p", 0.5)
        usage = Usage(100, 50, cached=40, written=10, reasoning=20)
        ledger.settle("a", attempt, "answered", usage=usage, cost_usd=0.25, answer="Hello")
    priced = price_result(run, result, read_terms(hour_usd=1, price_of=NAME))
    assert priced["dollars"]["once"]["calls_usd"] == 0.25
    assert [Tally(**call) for call in priced["calls"]] == tally_calls(run)
    text = tabulate_calls(tally_calls(run)).text
    assert "1 answered" in text
    assert re.search(r"teacher +toy at localhost .* 100 +40 +10 +50 +20 +0.25 +0", text)
    assert "no model was asked" in tabulate_calls([]).text


def test_a_run_without_the_procedure_in_a_prompt_has_no_break_even(result, tmp_path):
    del result["cost"]["in_context/base"]
    found = count_dollars(result, Terms(hour_usd=1, price_of=NAME), choose_price(NAME))
    assert not {"break_even", "multiple"} & set(found)


def test_a_model_without_tokens_of_its_own_makes_no_multiple(result):
    result["cost"]["in_context/base"] = cost(0, 0, 0, 0.0)
    found = count_dollars(result, Terms(hour_usd=1, price_of=NAME), choose_price(NAME))
    assert found["multiple"] == {}


@pytest.mark.parametrize(
    "terms",
    [
        {"hour_usd": -1},
        {"hour_usd": float("nan")},
        {"hour_usd": float("inf")},
        {"utilization": 0},
        {"utilization": 1.5},
        {"once_usd": -1},
        {"months": 0},
        {"hour_usd": "a lot"},
        {"gpu": 1},
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(terms):
    with pytest.raises(CostError, match=f"^{next(iter(terms))} = .* cannot be"):
        read_terms(**terms)


def test_a_model_that_no_table_knows_is_named_with_the_nearest():
    with pytest.raises(CostError, match=r'knows "toy@localhst"\. Did you mean "toy@localhost"\?'):
        read_terms(price_of="toy@localhst")
    assert list_priced()[0] == NAME
    assert len(list_priced()) > 3


def test_a_model_over_the_api_goes_before_the_base_model_and_has_no_machine_here(result):
    result["cost"]["in_context/toy"] = cost(20_000, 19_000, 400, 60.0)
    result["baselines"] = {"in_context/toy": {"model": "toy"}}
    assert find_pair(result["cost"]) == ("compiled", "in_context/toy")
    found = count_dollars(result, Terms(hour_usd=1.8, price_of=NAME), choose_price(NAME))
    elsewhere = dict.fromkeys(("own_usd", "own_uncached_usd", "own_cached_usd"))
    assert found["conditions"]["in_context/toy"] == pytest.approx(
        elsewhere | {"api_usd": 0.044, "api_cached_usd": 0.0155}
    )
    # $0.044 without a cache, $0.0155 with it; on this machine $0.006 with the prompt, else $0.002
    assert found["multiple"] == pytest.approx(
        {
            "prompt cache": 44 / 15.5,
            "small model of one's own": 15.5 / 6,
            "procedure in the weights": 3,
        }
    )
    assert found["break_even"]["api_usd"]["conversations"] == 65
    del result["cost"]["in_context/base"]
    found = count_dollars(result, Terms(hour_usd=1.8, price_of=NAME), choose_price(NAME))
    assert list(found["multiple"].values()) == pytest.approx([44 / 15.5, 15.5 / 2])
