"""How dependable an agent is: the chance that it serves the same customer well k times in a row.

pass^k after Yao et al. (2024), tau-bench: https://arxiv.org/abs/2406.12045.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import comb

from workbench.evaluate.metrics import Score
from workbench.evaluate.statistics import Metric, average


class RepeatsError(ValueError):
    """Scores that are no repeats of each other; the message says what to do."""


def is_success(score: Score) -> bool | None:
    """Whether a customer was served well; None if that is not known.

    Ending right and not before its time, facts right where any were due, and every hub decision
    one that the customer's acts allow.
    """
    found = score.measures
    if found.get("ending_correct") is None:
        return None
    return (
        found["ending_correct"] == 1
        and found.get("premature_ending") in (None, 0)
        and found.get("facts_right") in (None, 1)
        and found.get("branch_correct") in (None, 1)
    )


def pass_k(
    successes: Mapping[str, Sequence[bool]], k: int, paths: Mapping[str, str] | None = None
) -> Metric:
    """Mean over scenarios of C(c, k) / C(n, k), where c of the scenario's n talks succeeded.

    The interval is that of `average`, clustered by the scenarios' paths (each its own without
    `paths`). A scenario with fewer than `k` talks is unscored. Example: of {"a": [True, True],
    "b": [True, False]} pass^1 is 0.75 and pass^2 is 0.5

    Raises:
        RepeatsError: `k` is less than 1.
    """
    if k < 1:
        raise RepeatsError(f"k is {k}, but a customer is served at least once; give 1 or more")
    values = [
        comb(sum(found), k) / comb(len(found), k) if len(found) >= k else None
        for found in successes.values()
    ]
    return average(values, [(paths or {}).get(scenario, scenario) for scenario in successes])


def measure_pass_k(scores: Iterable[Score], ks: Iterable[int]) -> dict[int, Metric]:
    """pass^k for each k, of one condition's talks with repeated customers of one stratum.

    Talks of one scenario are its repeats. Those of which it is not known whether they succeeded
    do not count.

    Raises:
        RepeatsError: the scores are of several conditions or strata.
    """
    successes: dict[str, list[bool]] = {}
    paths, groups = {}, set()
    for score in scores:
        groups.add((score.condition, score.stratum))
        paths[score.scenario_id] = score.path_id
        success = is_success(score)
        successes.setdefault(score.scenario_id, []).extend([] if success is None else [success])
    if len(groups) > 1:
        names = " and ".join(sorted(f"{c or 'no condition'}, {s}" for c, s in groups)[:2])
        raise RepeatsError(
            f"repeats must be of one condition and one stratum, but some are of {names}; "
            "measure each group by itself"
        )
    return {k: pass_k(successes, k, paths) for k in ks}
