"""The report's section on cost: of the tested agent, in tokens, seconds and perhaps dollars."""

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.api.ledger import Tally
from workbench.show.calls import tabulate_calls
from workbench.show.costs import (
    draw_seconds,
    plot_load,
    tabulate_break_even,
    tabulate_dollars,
    tabulate_multiple,
    view_of,
)
from workbench.show.figures import tabulate_cost
from workbench.show.picture import Panel, Picture


def list_cost_parts(result: Mapping[str, Any]) -> Iterator[Picture | Panel | str]:
    """Headings, tables, pictures and what they mean, in the report's order.

    Seconds and tokens always; dollars where the result has some.
    """
    yield "## Cost"
    yield tabulate_cost(result)
    yield draw_seconds(result)
    yield (
        "Of the tested agent alone: customers and a judge are part of a test, not of a service."
        " Tokens are per conversation, seconds those of the agent, in batches on the hardware"
        " named above; compiled/as_baselines is the compiled model before the prompted baselines'"
        " customers alone. Where a provider was asked, seconds are those of waiting for it, each"
        " model counts tokens by its own vocabulary, and paid_usd is what the replies took, at the"
        " price of the day; those of no use that were paid for too are in calls.sqlite."
    )
    if result.get("calls"):
        yield "### Calls over the API"
        yield tabulate_calls(Tally(**call) for call in result["calls"])
        yield (
            "All of the run, whoever was asked for what. What was sent and had no reply is unknown:"
            " it may have been paid for, at most what was set aside for it."
        )
    if not result.get("dollars"):
        yield (
            "There are no dollars here: nobody said what an hour of this machine costs (hour_usd),"
            " and no model of the price table was named to compare with (price_of)."
        )
        return
    yield "### In dollars"
    yield tabulate_dollars(result)
    yield _explain_dollars(result["dollars"])
    if view := view_of(result):
        yield "### What a conversation costs at which load"
        # no script runs on the page, so it has the picture and not the figure
        yield plot_load(view).still
    if result["dollars"].get("break_even"):
        yield tabulate_break_even(result)
        yield tabulate_multiple(result)
        yield (
            "What was spent once is earned back after so many conversations while the machine is"
            " as busy as said; where idle hours are paid too, only from so many a month on (one"
            " machine more, just above, may cost more again). – means never. The ratios are taken"
            " in the order of the rows, which matters: what the weights save is less where prompts"
            " are cached."
        )


def _explain_dollars(dollars: Mapping[str, Any]) -> str:
    terms, price, once = dollars["terms"], dollars["price"], dollars["once"]
    hour = (
        f"This machine at ${terms['hour_usd']:g} an hour, at work in"
        f" {100 * terms['utilization']:.0f} % of its paid hours, as fast as it was measured. What"
        " was measured has a cache of what prompts begin with, the base model under an orchestrator"
        " none; in the other of the two columns the tokens that a cache has are read, or not, at"
        f" the speed at which the others were (read_per_s). Break-even is at what was measured."
        f" Spent once: ${once['hours_usd']:,.2f} for this run's hours,"
        f" ${once['calls_usd']:,.2f} for its calls and ${once['paid_usd']:,.2f} beside them, for"
        f" {terms['months']:g} months."
        if terms["hour_usd"]
        else "What an hour of this machine costs, nobody said."
    )
    if not price:
        return f"{hour} No model of the price table was named."
    return (
        f"{hour} API: what as many tokens would cost with {price['model']} at {price['host']}, by"
        f" the price of {price['date']} ({price['source']}). {_say_tokens(dollars)} A cache is"
        " taken to keep what it can."
    )


def _say_tokens(dollars: Mapping[str, Any]) -> str:
    rival = dollars.get("rival") or "in_context/base"
    if rival != "in_context/base":
        return f"The tokens of {rival} are those that its provider counted."
    return (
        "No such model was asked: it counts tokens otherwise, says more or less, and with the"
        " procedure in its prompt it would do better than the base model did."
    )
