"""Dollars for what an evaluation measured, where somebody says what an hour or a token costs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.api.prices import Price, find_price, list_tables, read_prices
from workbench.api.spending import tally_calls
from workbench.evaluate.breakdown import AS_BASELINES, READING_WHOLE
from workbench.evaluate.costs import (
    Fleet,
    Tokens,
    break_even,
    break_even_load,
    cost_api,
    cost_seconds,
)
from workbench.evaluate.faults import is_instrument
from workbench.evaluate.multiples import chain_ratios
from workbench.reading import suggest
from workbench.run import Run


class CostError(ValueError):
    """No dollars can be said on these terms; the message says what to give instead."""


class Terms(BaseModel):
    """What things cost, as far as anybody says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hour_usd: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Of an hour of the machine that ran the evaluation; 0: nobody says."""

    utilization: float = Field(0.5, gt=0, le=1)
    """Share of its paid hours in which it can be kept at work."""

    price_of: str = ""
    """A model of the price table and its host, as "model@host"; "": none is compared with."""

    once_usd: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Paid once beside this machine's hours: data, training and evaluation elsewhere."""

    months: float = Field(12.0, gt=0, allow_inf_nan=False)
    """Until the procedure changes, and what was paid once is paid again."""


def read_terms(**numbers: Any) -> Terms:
    """The terms, checked before anything takes time.

    Example: read_terms(hour_usd=2.5, price_of="claude-sonnet-5-5@api.anthropic.com")

    Raises:
        CostError: a number cannot be, or the price table does not know the model.
        ReadingError: a price table is not one.
    """
    try:
        terms = Terms(**numbers)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise CostError(f"{name} = {first['input']!r} cannot be: {first['msg']}") from error
    choose_price(terms.price_of)
    return terms


def price_result(run: Run, result: dict[str, Any], terms: Terms) -> dict[str, Any]:
    """The result with its `dollars` and `calls`, written to `result.json` too.

    On empty terms it has no dollars, and no calls where no model was asked.

    Raises:
        CostError: the price table does not know the model.
    """
    priced = {name: part for name, part in result.items() if name not in ("dollars", "calls")}
    if calls := tally_calls(run):
        priced["calls"] = list(map(asdict, calls))
    if terms.hour_usd or terms.price_of:
        priced["dollars"] = count_dollars(priced, terms, choose_price(terms.price_of))
    run.write_text("result.json", json.dumps(priced, indent=2, ensure_ascii=False) + "\n")
    return priced


def sum_calls(result: Mapping[str, Any]) -> float:
    """Dollars of all calls of the run whose price is known: teacher, customer, judge, baselines."""
    return sum(call["cost_usd"] or 0.0 for call in result.get("calls", []))


def choose_price(name: str) -> Price | None:
    """The price of "model@host"; None for "".

    Raises:
        CostError: no table knows it; the message names the nearest that one does.
    """
    if not name:
        return None
    model, _, host = name.rpartition("@")
    price = find_price(model, host)
    if price is None:
        known = list_priced()
        raise CostError(
            f'no price table knows "{name}".{suggest(name, known)} There are: {", ".join(known)};'
            " add yours to prices.yaml in the folder you work in"
        )
    return price


def list_priced() -> list[str]:
    """All that `choose_price` knows, the user's own first."""
    found = [f"{p.model}@{p.host}" for file in list_tables() for p in read_prices(file)]
    return list(dict.fromkeys(found))


def count_dollars(result: Mapping[str, Any], terms: Terms, price: Price | None) -> dict[str, Any]:
    """Each condition's dollars a conversation, what was spent once, break-even and the multiple.

    own_usd is seconds / 3,600 × hour_usd / utilization, of the seconds that were measured, with
    the caches that were at work, and None of a model that ran elsewhere; beside it the same without
    a cache of prompts' beginnings and with one, see `count_own_seconds`. api_usd is what as many
    tokens would cost at the price, with the cache and without. What was spent once are this run's
    hours, its calls and `once_usd`.
    """
    remote = result.get("baselines", {})
    conditions = {
        name: _price_condition(name, cost, terms, price, name in remote)
        for name, cost in result["cost"].items()
        if not is_instrument(name) and not name.startswith("walker")
    }
    hours = sum(result["seconds"].values()) / 3600
    once = {
        "hours_usd": hours * terms.hour_usd,
        "calls_usd": sum_calls(result),
        "paid_usd": terms.once_usd,
    }
    own, rival = find_pair(result["cost"])
    found = {
        "terms": terms.model_dump(),
        "price": price.model_dump(mode="json") if price else None,
        "conditions": conditions,
        "once": once,
    }
    if terms.hour_usd and price and own and rival:
        found["rival"] = rival
        found["break_even"] = _break_even(result["cost"][own], conditions, own, rival, terms, once)
        small = conditions.get("in_context/base", {}).get("own_usd")
        found["multiple"] = _explain_multiple(conditions[own], conditions[rival], small)
    return found


def find_pair(costs: Mapping[str, Any]) -> tuple[str, str]:
    """The compiled model and the condition with the procedure in the prompt; "" where it is none.

    The compiled one is that before the same customers, where it met them alone; of the others a
    model over the API goes before the base model.
    """
    rivals = [name for name in costs if name.startswith("in_context")]
    rival = min(rivals, key=lambda name: name == "in_context/base", default="")
    own = AS_BASELINES if AS_BASELINES in costs else "compiled"
    return own if own in costs else "", rival


def tokens_of(cost: Mapping[str, float]) -> Tokens:
    """A condition's tokens in a mean conversation."""
    return Tokens(cost["prompt_tokens"], cost["reply_tokens"], cost["cached_tokens"])


def fleet_of(cost: Mapping[str, float], terms: Terms) -> Fleet:
    """Machines like the one that was measured."""
    return Fleet(terms.hour_usd, cost["seconds_per_conversation"], terms.utilization)


def count_own_seconds(name: str, cost: Mapping[str, Any], is_cached: bool) -> float | None:
    """Seconds of a condition's mean conversation here, with a cache of prompts or without.

    One of the two was measured. In the other the cached tokens are read, or not, at the speed at
    which prompts were read: seconds ± cached_tokens / read_per_s. None: this speed is not known.

    Example: 6 seconds with 9,000 tokens from the cache, read at 3,000 a second, are 9 without.
    """
    seconds, n_cached = cost["seconds_per_conversation"], cost["cached_tokens"]
    if is_cached == (name != READING_WHOLE) or not n_cached:
        return seconds
    if not cost.get("read_per_s"):
        return None
    reading_s = n_cached / cost["read_per_s"]
    return seconds - reading_s if is_cached else seconds + reading_s


def _price_condition(
    name: str, cost: Mapping[str, Any], terms: Terms, price: Price | None, is_remote: bool
) -> dict[str, float | None]:
    def price_seconds(seconds: float | None) -> float | None:
        if seconds is None or is_remote or not terms.hour_usd:
            return None
        return cost_seconds(seconds, terms.hour_usd, terms.utilization)

    tokens = tokens_of(cost)
    return {
        "own_usd": price_seconds(cost["seconds_per_conversation"]),
        "own_uncached_usd": price_seconds(count_own_seconds(name, cost, is_cached=False)),
        "own_cached_usd": price_seconds(count_own_seconds(name, cost, is_cached=True)),
        "api_usd": cost_api(tokens, price, is_cached=False) if price else None,
        "api_cached_usd": cost_api(tokens, price) if price else None,
    }


def _break_even(
    cost: Mapping[str, float],
    conditions: Mapping[str, Any],
    own: str,
    rival: str,
    terms: Terms,
    once: Mapping[str, float],
) -> dict[str, dict[str, int | None]]:
    fleet, spent = fleet_of(cost, terms), sum(once.values())
    return {
        kind: {
            "conversations": break_even(spent, usd, conditions[own]["own_usd"]),
            "a_month": break_even_load(fleet, usd, spent, terms.months),
        }
        for kind, usd in conditions[rival].items()
        if kind.startswith("api_")
    }


def _explain_multiple(
    own: Mapping[str, float], rival: Mapping[str, float], small_usd: float | None
) -> dict[str, float]:
    """What makes the compiled model cheaper, in this order: it matters, see `chain_ratios`.

    `small_usd` is what a conversation costs with the base model that has the procedure in its
    prompt, on the machine that the compiled model runs on.
    """
    costs = {
        "": rival["api_usd"],
        "prompt cache": rival["api_cached_usd"],
        "small model of one's own": small_usd,
        "procedure in the weights": own["own_usd"],
    }
    if small_usd is None:
        # it was not measured what a small model takes that has the procedure in its prompt
        del costs["small model of one's own"]
        costs["small model with the procedure in its weights"] = costs.pop(
            "procedure in the weights"
        )
    return chain_ratios(costs) if min(costs.values()) > 0 else {}
