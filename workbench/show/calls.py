"""What the calls of a run took: how they ended, tokens and dollars, by role and model."""

from collections.abc import Iterable

from workbench.api.ledger import Tally
from workbench.show.picture import Panel
from workbench.show.table import table


def tabulate_calls(tallies: Iterable[Tally]) -> Panel:
    """A row for each role and model. Example: tabulate_calls(tally_calls(run))"""
    rows = [
        {
            "role": call.role,
            "model": f"{call.model} at {call.host}",
            "calls": ", ".join(f"{n:,} {state}" for state, n in call.states.items()),
            "prompt tokens": call.prompt_tokens,
            "of them cached": call.cached_tokens,
            "written to a cache": call.written_tokens,
            "answer tokens": call.output_tokens,
            "of them reasoning": call.reasoning_tokens,
            "dollars": None if call.cost_usd is None else round(call.cost_usd, 4),
            "of unknown calls, at most": round(call.unknown_usd, 4),
        }
        for call in tallies
    ]
    return table(rows or [{"calls": "no model was asked over the API"}])
