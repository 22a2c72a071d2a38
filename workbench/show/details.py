"""The finer figures of `result.json`: by hub, ending and behaviour; customers and people."""

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.evaluate.faults import is_instrument
from workbench.evaluate.metrics import HEADLINE
from workbench.show.figures import write_metric
from workbench.show.picture import Panel
from workbench.show.table import table


def tabulate_hubs(result: dict[str, Any]) -> Panel:
    """Share of decisions right at each hub, by condition and stratum; n counts decisions."""
    rows = [
        {"condition": condition, "customers": stratum}
        | {hub: f"{write_metric('hub', m)}, n {m['n']}" for hub, m in sorted(found.items())}
        for condition, strata in result.get("by_hub", {}).items()
        if not is_instrument(condition)
        for stratum, found in strata.items()
    ]
    hubs = sorted({key for row in rows for key in row} - {"condition", "customers"})
    return table(rows, ["condition", "customers", *hubs])


def tabulate_endings(result: dict[str, Any]) -> Panel:
    """For each ending that should be reached, how often the compiled model reached which."""
    every = [counts for rows in result.get("by_ending", {}).values() for counts in rows.values()]
    names = sorted({name for counts in every for name in counts}, key=lambda n: (not n, n))
    return table(
        [
            {"customers": stratum, "should end in": wanted, "talks": sum(counts.values())}
            | {f"in {name or 'none'}": counts.get(name, 0) for name in names}
            for stratum, rows in result.get("by_ending", {}).items()
            for wanted, counts in rows.items()
        ]
    )


def tabulate_behaviours(result: dict[str, Any], measures: Iterable[str] = HEADLINE) -> Panel:
    """How the compiled model does with customers of each behaviour."""
    return table(
        [
            {"the customer": behaviour.replace("_", " "), "n": max(m["n"] for m in found.values())}
            | {name: write_metric(name, found[name]) for name in measures if name in found}
            for behaviour, found in result.get("by_behaviour", {}).items()
        ]
    )


def tabulate_forgiveness(result: dict[str, Any]) -> Panel:
    """Fitness with all, all but one kind, and nothing forgiven, and what was forgiven in a talk."""
    return table(
        [
            {
                "condition": condition,
                "customers": stratum,
                "fitness": write_metric(
                    "fitness", result["conditions"][condition][stratum]["fitness"]
                ),
                **{
                    f"without {kind.replace('_', ' ')}": write_metric("fitness", metric)
                    for kind, metric in found["fitness_without"].items()
                },
                "forgiven in a talk": ", ".join(
                    f"{kind.replace('_', ' ')} {n:.2f}" for kind, n in found["forgiven"].items()
                )
                or "nothing",
            }
            for condition, strata in result.get("forgiveness", {}).items()
            for stratum, found in strata.items()
        ]
    )


def tabulate_pass_k(result: dict[str, Any]) -> Panel:
    """The share of customers whom the compiled model serves well k times in a row."""
    return table(
        [
            {"k": k, "customers": m["n"], "served well each time": write_metric("share", m)}
            for k, m in result.get("pass_k", {}).items()
        ]
    )


def tabulate_reading(result: dict[str, Any]) -> Panel:
    """How the recognizer reads each condition's messages, where it is certain what they say."""
    sure, empty = result.get("parsed_by_condition", {}), result.get("empty_by_condition", {})
    return table(
        [
            {
                "condition": condition,
                "messages": sure.get(condition, {}).get("n"),
                "of those certain what they say": write_metric("share", sure.get(condition, {})),
                "of these read right": write_metric("read", found),
                "of all, nothing heard in": (
                    write_metric("share", empty[condition]) if condition in empty else None
                ),
            }
            for condition, found in result.get("recognizer_by_condition", {}).items()
        ]
    )


def tabulate_audit(result: dict[str, Any]) -> Panel:
    """Talks spoilt by the simulated customer, and the compiled model's endings without them.

    Beside them, how often the check finds words that were put in for others on purpose.
    """
    every = result["conditions"].get("compiled", {})
    clean = result.get("untainted", {}).get("compiled", {})
    rest = result.get("only_tainted", {}).get("compiled", {})
    return table(
        [
            {
                "customers": stratum,
                "talks": found["n"],
                "spoilt": found["tainted"],
                "share": write_metric("share", {"mean": found["share"], **found}),
                "swapped words found": _say_swaps(result, stratum),
                "endings right, all": _say_ending(every, stratum),
                "endings right, without the spoilt": _say_ending(clean, stratum),
                "endings right, the spoilt": _say_ending(rest, stratum),
            }
            for stratum, found in result.get("audit", {}).items()
        ]
    )


def _say_swaps(result: dict[str, Any], stratum: str) -> str | None:
    found = result.get("audit_swaps", {}).get(stratum)
    return found and write_metric("share", {"mean": found["share"], **found})


def _say_ending(strata: Mapping[str, Any], stratum: str) -> str | None:
    metric = strata.get(stratum, {}).get("ending_correct")
    return metric and f"{write_metric('ending_correct', metric)}, n {metric['n']}"


PEOPLE = {
    "people, one set of dialogues": ("6 / 12 / 30", "9 %", "41 %", "18 %"),
    "people, STAR": ("1 / 7 / 19", None, None, "at least 35 %"),
}
"""How people talk, as measured on two public sets of dialogues: the columns of the table below."""


def tabulate_customers(result: dict[str, Any]) -> Panel:
    """How the simulated customers talk, beside people."""
    heads = (
        "words a turn (10 / 50 / 90 of 100)",
        "turns that ask how, why or about a rule",
        "talks that do",
        "talks that skip the first question",
    )
    rows = [
        {
            "customers": stratum,
            heads[0]: " / ".join(f"{found[f'words_{k}']:g}" for k in (10, 50, 90)),
            heads[1]: _say_share(found["asks_share_of_turns"]),
            heads[2]: _say_share(found["talks_that_ask"]),
            heads[3]: _say_share(found["volunteers"]),
        }
        for stratum, found in result.get("customers", {}).items()
    ]
    people = PEOPLE | _list_people(result.get("humans", {}))
    rows += [
        {"customers": name} | dict(zip(heads, cells, strict=True)) for name, cells in people.items()
    ]
    return table(rows)


def _list_people(humans: Mapping[str, Any]) -> dict[str, tuple[str | None, ...]]:
    """How the people talk whose dialogues were scored in this run, if that was counted."""
    if not humans.get("words_per_turn"):
        return {}
    shares = (humans["asks"]["turns"], humans["asks"]["dialogues"], humans["skipped_first_step"])
    words = " / ".join(f"{number:g}" for number in humans["words_per_turn"])
    return {"people, scored here": (words, *map(_say_share, shares))}


def _say_share(found: float | Mapping[str, Any] | None) -> str | None:
    if isinstance(found, Mapping):
        return write_metric("share", found)
    # a bare 0 % would say more than was seen
    return found if found is None else f"{100 * found:.0f} %" if found else "none seen"


def tabulate_humans(result: dict[str, Any]) -> Panel:
    """In how many of their dialogues people keep to a procedure, by what the rules ask of them."""
    humans, rows = result.get("humans", {}), []
    if every := humans.get("conformant"):
        rows.append({"rules": "all", "dialogues that keep them": write_metric("share", every)})
    for rule in humans.get("rules", ()):
        share = write_metric("share", {"mean": rule["share"], **rule})
        fitness = {"fitness": round(rule["fitness"], 3)} if "fitness" in rule else {}
        rows.append({"rules": rule["rule"], "dialogues that keep them": share} | fitness)
    return table(rows)
