"""The judging of a run: what a judge says of its conversations, and whether to believe it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.api.spending import raise_cap
from workbench.conversation import hash_text
from workbench.domain import Domain
from workbench.evaluate.agreement import (
    FAILURE,
    compare_failures,
    correlate,
    is_failure,
    measure_agreement,
    measure_repeatability,
)
from workbench.evaluate.defects import EDITS, NoOccasionError, plant
from workbench.evaluate.faults import is_measured
from workbench.evaluate.judge import (
    Item,
    Judge,
    Judged,
    find_family,
    judge_items,
    open_judges,
)
from workbench.evaluate.metrics import Score
from workbench.evaluate.result import plain
from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.sight import Pair, tabulate_drops, validate
from workbench.evaluate.simulation import Simulated, file_of
from workbench.evaluate.statistics import RESAMPLES, Metric, adjust_holm, average, compare
from workbench.run import Run
from workbench.synthesize.scenarios import Scenario

TRUE_LABELS = "walker/true_labels"
"""The scripted agent whose labels are known: clean conversations come from it too."""

_WORST, _SPAN = 1, 4
"""The lowest score, and how far the highest lies above it."""


@dataclass(frozen=True)
class Scope:
    """How much is judged."""

    per_condition: int = 100
    """Conversations of each condition, at most; with the same customers where they can be."""
    pairs: int = 40
    """Clean conversations that each defect is planted in, at most."""
    repeated: int = 40
    """Conversations that are judged again."""
    times: int = 3
    """How often those are judged in all."""
    second_share: float = 0.2
    """Share of the conversations that a second judge sees too."""


@dataclass
class Sample:
    """What is to be judged, and what it is."""

    talks: dict[Item, Simulated] = field(default_factory=dict)
    """The conversations of the conditions."""
    again: list[Item] = field(default_factory=list)
    """Those of them that are judged again, once for each further time."""
    second: list[Item] = field(default_factory=list)
    """Those that the second judge sees too."""
    twins: list[tuple[Item, Item]] = field(default_factory=list)
    """Clean conversations and the same with an edit."""
    no_occasion: dict[str, Counter] = field(default_factory=dict)
    """By edit, why conversations had no place for it, and how many."""


def judge_run(
    run: Run,
    domain: Domain,
    result: Mapping[str, Any],
    judge: str = "",
    cap_usd: float = 0.0,
    scope: Scope | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """The result with what judges say of the run under "judge"; without a judge, without that.

    `judge` names one model over the API, or two of different families. Verdicts are kept in
    `judged.jsonl` as they come, and what was judged before is not asked again. `cap_usd` is what
    judging may cost at most, whatever other roles have cost; 0: there is no cap.

    Raises:
        JudgeError: no such judge can be asked.
        ModelError: there is a cap, but no price of the model is known.
        CapError: the cap is reached; what was judged is kept.
    """
    if not judge.strip():
        return {name: part for name, part in result.items() if name != "judge"}
    judges = open_judges(judge, run, progress, raise_cap(run, ["judge"], cap_usd))
    return judge_with(judges, run, domain, result, scope)


def judge_with(
    judges: Sequence[Judge],
    run: Run,
    domain: Domain,
    result: Mapping[str, Any],
    scope: Scope | None = None,
) -> dict[str, Any]:
    """The same with judges that are open; writes `result.json`."""
    with run.lock():
        scores = run.read("scores.jsonl", Score)
        scenarios = {s.scenario_id: s for s in run.read("scenarios.jsonl", Scenario)}
        files = sorted({file_of(s.condition) for s in scores if is_measured(s.condition)})
        talks = [t for file in files for t in run.read(file, Simulated) if not t.failure]
        sample = draw_sample(talks, scores, scenarios, domain, scope or Scope())
        items = [*sample.talks, *sample.again, *(item for twin in sample.twins for item in twin)]
        first = judge_items(run, domain, judges[0], items)
        second = judge_items(run, domain, judges[1], sample.second) if len(judges) > 1 else {}
        found = describe_judging(judges, sample, first, second, scores)
        found["kin"] = list_kin(judges, run, result)
        result = {**result, "judge": plain(found)}
        run.write_text("result.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def list_kin(judges: Sequence[Judge], run: Run, result: Mapping[str, Any]) -> list[str]:
    """Who of a judge's family wrote what it judges: it may like its own ways.

    Example: ["api/gpt-6-sol judges in_context/gpt-6-luna"]
    """
    written = run.manifest.get("synthesize", {})
    authors = {str(written.get(role, "")) for role in ("teacher", "customer")}
    # of a mixed teacher both are named
    names = [part for name in sorted(authors) for part in name.split("+") if "/" in part]
    names += result.get("baselines", {})
    return [
        f"{judge.name} judges {name}"
        for judge in judges
        for name in names
        if find_family(name) == find_family(judge.name)
    ]


def draw_sample(
    talks: Iterable[Simulated],
    scores: Iterable[Score],
    scenarios: Mapping[str, Scenario],
    domain: Domain,
    scope: Scope,
) -> Sample:
    """What is judged, the same each time; customers whom all conditions met come first."""
    talks = [talk for talk in talks if is_measured(talk.condition)]
    met = Counter((talk.stratum, talk.scenario_id) for talk in talks)

    def rank(talk: Simulated) -> tuple[int, str]:
        key = (talk.stratum, talk.scenario_id)
        return -met[key], hash_text("judged", *key)

    sample, taken = Sample(), Counter[str]()
    for talk in sorted(talks, key=rank):
        if talk.condition != TRUE_LABELS and taken[talk.condition] < scope.per_condition:
            taken[talk.condition] += 1
            sample.talks[_make_item(talk, scenarios)] = talk
    mixed = sorted(sample.talks, key=lambda item: hash_text("mixed", item.conversation_id))
    sample.again = [
        Item(item.conversation_id, item.messages, item.scenario, repeat=number)
        for item in mixed[: scope.repeated]
        for number in range(1, scope.times)
    ]
    sample.second = mixed[: round(scope.second_share * len(mixed))]
    _plant_all(sample, talks, scores, scenarios, domain, scope.pairs)
    return sample


def _make_item(talk: Simulated, scenarios: Mapping[str, Scenario]) -> Item:
    messages = tuple(talk.conversation.messages)
    return Item(talk.conversation_id, messages, scenarios[talk.scenario_id])


def _plant_all(
    sample: Sample,
    talks: Iterable[Simulated],
    scores: Iterable[Score],
    scenarios: Mapping[str, Scenario],
    domain: Domain,
    most: int,
) -> None:
    """Plant each edit in conversations that no measure finds anything wrong with."""
    clean = {score.conversation_id for score in scores if score.is_clean}
    usable = [t for t in talks if t.conversation_id in clean and t.condition in _CLEAN]
    # the compiled model's first: it is what the judge is asked about
    usable.sort(key=lambda t: (_CLEAN.index(t.condition), hash_text("planted", t.conversation_id)))
    for edit in EDITS:
        n, lacking = 0, Counter[str]()
        for talk in usable:
            if n == most:
                break
            conversation = talk.conversation
            if talk.true_labels:
                conversation = conversation.model_copy(update={"labels": talk.true_labels})
            scenario = scenarios[talk.scenario_id]
            try:
                messages = plant(edit, conversation, scenario, domain)
            except NoOccasionError as error:
                lacking[str(error)] += 1
                continue
            n += 1
            broken = Item(talk.conversation_id, tuple(messages), scenario, edit)
            sample.twins.append((_make_item(talk, scenarios), broken))
        sample.no_occasion[edit] = lacking


_CLEAN = ("compiled", TRUE_LABELS)
"""Conditions that defects are planted in conversations of."""


def describe_judging(
    judges: Sequence[Judge],
    sample: Sample,
    first: Mapping[Item, Judged],
    second: Mapping[Item, Judged],
    scores: Iterable[Score],
) -> dict[str, Any]:
    """All figures of a judging, as plain values: the part "judge" of a result."""
    every = {record.judged_id: record for record in [*first.values(), *second.values()]}
    pairs = [
        Pair(broken.edit, clean.scenario.path_id, first[clean].scores, first[broken].scores)
        for clean, broken in sample.twins
    ]
    own = [(talk, first[item].scores) for item, talk in sample.talks.items()]
    return {
        "judges": [judge.name for judge in judges],
        "asked": len(every),
        "unscored": sum(record.scores is None for record in every.values()),
        "failures_to_score": dict(
            Counter(record.failure for record in every.values() if record.failure).most_common(10)
        ),
        "scores": average_points(own),
        "histograms": count_points(own),
        "differences": {"compiled": compare_points(own)},
        "length": {name: _correlate_length(own, name) for name in CRITERIA},
        "validation": validate(pairs),
        "defects": tabulate_drops(pairs),
        "no_occasion": {edit: dict(why) for edit, why in sample.no_occasion.items() if why},
        "agreement": {
            name: measure_agreement(_pair_up(sample.second, first, second, name))
            for name in CRITERIA
        }
        if second
        else {},
        "repeatability": {name: _repeat(sample, first, name) for name in CRITERIA},
        "failure_at_most": FAILURE,
        "failures": _compare_endings(own, scores),
    }


Scored = Sequence[tuple[Simulated, Mapping[str, int] | None]]
"""Conversations and their scores; None: it could not be scored."""


def average_points(own: Scored) -> dict[str, dict[str, Metric]]:
    """By condition and criterion the mean score with its interval, clustered by path."""
    return {
        condition: {
            name: _rescale(average(values, [path for path, _ in found]))
            for name in CRITERIA
            if (found := _asked(group, name)) and (values := [value for _, value in found])
        }
        for condition, group in _by_condition(own).items()
    }


def _asked(group: Scored, criterion: str) -> list[tuple[str, float | None]]:
    """Path and score as a share of the span, of those that the criterion belongs to."""
    return [
        (talk.path_id, None if scores is None else (scores[criterion] - _WORST) / _SPAN)
        for talk, scores in group
        if scores is None or criterion in scores
    ]


def _rescale(metric: Metric) -> Metric:
    """Shares of the span as scores."""
    ends = {
        name: None if value is None else _WORST + _SPAN * value
        for name, value in metric.model_dump(include={"mean", "low", "high"}).items()
    }
    return metric.model_copy(update=ends)


def count_points(own: Scored) -> dict[str, dict[str, list[int]]]:
    """By condition and criterion how often each score was given, 1 first: a mean may hide much."""
    return {
        condition: {
            name: [
                sum(scores is not None and scores.get(name) == points for _, scores in group)
                for points in range(1, 6)
            ]
            for name in CRITERIA
        }
        for condition, group in _by_condition(own).items()
    }


def compare_points(own: Scored, condition: str = "compiled") -> dict[str, dict[str, Any]]:
    """What a condition scores more than each other, with the customers that both met.

    P values are adjusted by Holm over all criteria and conditions: one family.
    """
    groups = {
        name: {(talk.stratum, talk.scenario_id): (talk, scores) for talk, scores in group}
        for name, group in _by_condition(own).items()
    }
    ours, found = groups.pop(condition, {}), {}
    for other, theirs in groups.items():
        shared = [key for key in ours if key in theirs]
        for name in CRITERIA if shared else ():
            columns = [[_share_of(side[key][1], name) for key in shared] for side in (ours, theirs)]
            gap = compare(*columns, [ours[key][0].path_id for key in shared], RESAMPLES)
            ends = {"mean", "low", "high", "bca_low", "bca_high"}
            points = {
                end: None if value is None else _SPAN * value
                for end, value in gap.model_dump(include=ends).items()
            }
            found.setdefault(other, {})[name] = gap.model_copy(update=points)
    family = {(o, name): gap for o, by_name in found.items() for name, gap in by_name.items()}
    p_values = {key: gap.p for key, gap in family.items() if gap.p is not None}
    for key, p in adjust_holm(p_values).items():
        family[key].p_adjusted = p
    return found


def _share_of(scores: Mapping[str, int] | None, criterion: str) -> float | None:
    if scores is None or criterion not in scores:
        return None
    return (scores[criterion] - _WORST) / _SPAN


def _by_condition(own: Scored) -> dict[str, list]:
    groups: dict[str, list] = {}
    for talk, scores in own:
        groups.setdefault(talk.condition, []).append((talk, scores))
    return groups


def _correlate_length(own: Scored, criterion: str) -> float | None:
    """Rank correlation of the score with the agent's words a message."""
    scored = [(talk, scores[criterion]) for talk, scores in own if scores and criterion in scores]
    lengths = []
    for talk, _ in scored:
        said = [m.content for m in talk.conversation.messages if m.role == "assistant"]
        lengths.append(sum(len(text.split()) for text in said) / max(1, len(said)))
    return correlate(lengths, [points for _, points in scored])


def _pair_up(
    items: Iterable[Item], first: Mapping[Item, Judged], second: Mapping[Item, Judged], name: str
) -> list[tuple[int, int]]:
    both = [(first[item].scores, second[item].scores) for item in items]
    return [(a[name], b[name]) for a, b in both if a and b and name in a and name in b]


def _repeat(sample: Sample, first: Mapping[Item, Judged], name: str) -> dict[str, Any]:
    groups: dict[str, list[int]] = {}
    for item in [*sample.talks, *sample.again]:
        scores = first[item].scores
        if scores and name in scores:
            groups.setdefault(item.conversation_id, []).append(scores[name])
    return measure_repeatability([*groups.values()])


def _compare_endings(own: Scored, scores: Iterable[Score]) -> dict[str, dict[str, Any]]:
    """By condition the judged failures beside the computed endings."""
    endings = {score.conversation_id: score.measures["ending_correct"] for score in scores}
    return {
        condition: compare_failures(
            [
                (is_failure(judged["task_success"]), not endings[talk.conversation_id])
                for talk, judged in group
                if judged is not None and endings.get(talk.conversation_id) is not None
            ]
        )
        for condition, group in _by_condition(own).items()
    }
