"""What calls would take, as a table for the terminal."""

from collections.abc import Sequence

from workbench.api.prices import dollars
from workbench.evaluate.forecast import Outlay
from workbench.show.table import table


def describe_forecasts(found: Sequence[Outlay]) -> str:
    """A row for each condition and judge, and what all would cost together.

    Example: "... All together: 812 calls, about $1.20 where prompts are cached, else $4.71."
    """
    if not found:
        return "No model over the API is named for the evaluation: no call would be made."
    rows = [
        {
            "asked": one.what,
            "talks": one.talks,
            "calls": one.calls,
            "prompt tokens": one.prompt_tokens,
            "of them cacheable": one.cached_tokens,
            "reply tokens": one.reply_tokens,
            "cost": _say_cost(one),
        }
        for one in found
    ]
    notes = [f"{one.what}: {one.note}." for one in found if one.note]
    return "\n".join([str(table(rows)), "", *notes, _say_all(found)])


def _say_cost(one: Outlay) -> str | None:
    if one.usd is None:
        return None
    return f"{dollars(one.usd)} cached, else {dollars(one.uncached_usd)}"


def _say_all(found: Sequence[Outlay]) -> str:
    calls = f"All together: {sum(one.calls for one in found):,} calls"
    explained = (
        "Tokens are counted off a scripted agent that walks the flowchart before the same"
        " customers, one for each four letters; of a judge's answers nothing is known, and each is"
        " taken to use all its room. Attempts that fail and are paid for come on top, and thoughts."
    )
    priced = [one for one in found if one.usd is not None]
    if len(priced) < len(found):
        return f"{calls}, not all at a known price. {explained}"
    usd, uncached = (sum(getattr(one, n) for one in priced) for n in ("usd", "uncached_usd"))
    cost = f"about {dollars(usd)} if prompts are cached, else {dollars(uncached)}"
    return f"{calls}, {cost}. {explained}"
