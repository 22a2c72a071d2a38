"""What a gate found, as tables: the checks, what the new model gained and lost, and with whom."""

from collections.abc import Iterable, Sequence

from workbench.evaluate.checks import Check, write_gap
from workbench.evaluate.metrics import ALL
from workbench.evaluate.regression import BROKEN, Pair, Regression
from workbench.evaluate.stale import Staleness
from workbench.show.escape import reveal
from workbench.show.picture import Panel
from workbench.show.table import table

MOST_NAMED = 20
"""Customers that are named of those who were served better, or worse."""


def tabulate_checks(checks: Iterable[Check], has_reasons: bool = True) -> Panel:
    """A row for each check; reasons are long, and a terminal has them below."""
    columns = ["", "of", "what", "wanted", "found", "n", *(["why"] if has_reasons else [])]
    rows = [
        {
            "": "ok" if check.is_passed else "FAILED",
            "of": check.group,
            "what": check.name,
            "wanted": check.wanted,
            "found": check.found,
            "n": check.n,
            "why": check.why or "–",
        }
        for check in checks
    ]
    return table(rows, columns)


def list_reasons(checks: Iterable[Check]) -> str:
    """Why what failed has failed, a line each; "" if all has passed."""
    failed = (check for check in checks if not check.is_passed)
    return "\n".join(reveal(f"FAILED {c.group}, {c.name}: {c.why}") for c in failed)


def tabulate_kinds(regression: Regression) -> Panel:
    """Paths that are as they were, changed and new: how the new model does and what it gained."""
    rows = []
    for kind in ("unchanged", "changed", "new"):
        for stratum in dict.fromkeys([*(key[0] for key in regression.kinds), ALL]):
            if n := regression.count(kind, stratum):
                gaps = regression.compare(stratum, kind)
                row = {"paths": kind, "customers": stratum, "n": n}
                row |= {"pairs": gaps[BROKEN[0]].n}
                row |= {f"{measure}, points": write_gap(gaps[measure]) for measure in BROKEN}
                rows.append(row)
    return table(rows)


def tabulate_parts(regression: Regression) -> Panel:
    """Hub by hub and ending by ending what is more than before, on paths that are as they were."""
    return table(
        [
            {"part": name, "pairs": gap.n, "points": write_gap(gap), "p": gap.p_adjusted}
            for name, gap in regression.compare_parts().items()
        ],
        ["part", "pairs", "points", "p"],
    )


def tabulate_pairs(pairs: Sequence[Pair]) -> Panel:
    """Customers whose conversation went otherwise than before, and what is wrong with it now.

    The first of them; the caller says how many there are."""
    return table(
        [
            {
                "customers": pair.new.stratum,
                "scenario": pair.new.scenario_id,
                "conversation": pair.new.conversation_id,
                "what": ", ".join(pair.changes),
                "ending wanted": pair.wanted,
                "now": pair.new.ending or "none",
                "before": pair.old.ending or "none",
                "faults now": "; ".join(pair.new.faults[:3]) or None,
            }
            for pair in pairs[:MOST_NAMED]
        ]
    )


def describe_stale(stale: Staleness) -> str:
    """What was looked for, and what could not be."""
    if stale.unknown:
        return f"Not looked for: {stale.unknown}."
    if stale.is_same:
        return "Both runs were made of the same files: there is nothing to be out of date."
    said = ", ".join(stale.looked_for) or "nothing that numbers, names or steps would show"
    lines = [f"Looked for in {stale.talks} conversations: {said}."]
    if stale.shared:
        lines.append(f"Not told apart, as the value is another's today: {', '.join(stale.shared)}.")
    if stale.read_share is not None:
        lines.append(
            f"Steps are found in messages that are made up of wordings,"
            f" {100 * stale.read_share:.0f} % of all; in others they are not seen."
        )
    return " ".join(lines)
