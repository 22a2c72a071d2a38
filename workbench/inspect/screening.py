"""Screening: which conversations become rows, and why the others do not."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from workbench.conversation import Conversation
from workbench.design.coverage import Coverage, measure_coverage
from workbench.design.paths import FlowPath
from workbench.design.plan import PlannedPath
from workbench.domain import Domain
from workbench.inspect.overlap import find_leaks, find_near_duplicates, list_test_wordings
from workbench.inspect.reviews import apply_fix, hash_reviews, read_reviews
from workbench.inspect.rows import encode_row
from workbench.run import Run
from workbench.synthesize.scenarios import Scenario


class Dropped(BaseModel):
    """One conversation that does not become a row: a line of `dropped.jsonl`."""

    conversation_id: str
    reason: str


class LeakError(ValueError):
    """Something that belongs to the test split would reach a training row."""


def screen(run: Run, domain: Domain, tokenizer: Any, max_tokens: int = 1024) -> dict[str, Any]:
    """Write `rows/train.jsonl`, `rows/valid.jsonl` and `dropped.jsonl`; returns counts.

    Dropped is what a person rejected, what is too long for the model and what nearly repeats an
    earlier conversation. What a person fixed is screened in the words of the fix.

    Raises:
        LeakError: a test path or a test-only wording occurs in the conversations.
    """
    start = time.perf_counter()
    # in the scenarios' order, however often the writing was interrupted
    scenarios = run.read("scenarios.jsonl")
    order = {s["scenario_id"]: i for i, s in enumerate(scenarios)}
    talks = run.read("conversations.jsonl", Conversation)
    talks.sort(key=lambda talk: order[talk.scenario_id])
    reviews = read_reviews(run)
    talks = [apply_fix(talk, reviews) for talk in talks]
    rejected = {id_: made for id_, made in reviews.items() if made.verdict == "reject"}
    tests = [s for s in scenarios if s["split"] == "test"]
    test_paths, test_walks = {s["path_id"] for s in tests}, [s["steps"] for s in tests]
    if leaks := find_leaks(talks, domain, test_paths, test_walks):
        raise LeakError("; ".join(leaks[:5]) + ". Write the conversations of this run anew")
    twins = find_near_duplicates([t for t in talks if t.conversation_id not in rejected])
    dropped, rows = [], {"train": [], "valid": []}
    tokens, why = Counter(), Counter()
    for talk in talks:
        row = encode_row(talk.messages, tokenizer)
        if talk.conversation_id in rejected:
            kind, reason = "rejected", f"rejected: {rejected[talk.conversation_id].reason}"
        elif talk.conversation_id in twins:
            kind, reason = "twin", f"nearly the same as {twins[talk.conversation_id]}"
        elif len(row.ids) > max_tokens:
            kind, reason = "too_long", f"{len(row.ids)} tokens, more than {max_tokens}"
        else:
            rows[talk.split].append({"messages": [m.model_dump() for m in talk.messages]})
            tokens[talk.split] += len(row.ids)
            continue
        why[kind] += 1
        dropped.append(Dropped(conversation_id=talk.conversation_id, reason=reason))
    with run.lock():
        for split, lines in rows.items():
            run.write(f"rows/{split}.jsonl", lines)
        run.write("dropped.jsonl", dropped)
        counts = {
            "train": len(rows["train"]),
            "valid": len(rows["valid"]),
            "dropped": len(dropped),
            "near_duplicates": why["twin"],
            "too_long": why["too_long"],
            "rejected": why["rejected"],
            "fixed": sum(
                bool(made.contents) and made.verdict != "reject" for made in reviews.values()
            ),
            "leaks": 0,
            "test_wordings_looked_for": len(list_test_wordings(domain)),
            "train_tokens": tokens["train"],
            "valid_tokens": tokens["valid"],
            "seconds": round(time.perf_counter() - start, 1),
        }
        run.record("inspect", reviews=hash_reviews(reviews), **counts)
    return counts


def measure_stages(run: Run, domain: Domain) -> dict[str, Coverage]:
    """What training takes of the flowchart, stage by stage: planned, asked for, written, kept.

    What is planned and never kept was lost on the way: `tabulate_choices` says where. Nothing is
    kept before the run was screened, so that stage is not there then.
    """
    chart = domain.flowchart
    planned = [p.as_path() for p in run.read("paths.jsonl", PlannedPath) if p.split == "train"]
    asked = [s.steps for s in run.read("scenarios.jsonl", Scenario) if s.split == "train"]
    written = list_walks(run, domain)
    walks = {
        "planned": planned,
        "asked for": [FlowPath.through((s for m in steps for s in m), chart) for steps in asked],
        "written": [*written.values()],
    }
    if run.file("dropped.jsonl").exists():
        dropped = _list_dropped(run)
        walks["kept"] = [walk for id_, walk in written.items() if id_ not in dropped]
    return {stage: measure_coverage(own, chart) for stage, own in walks.items()}


def measure_dropped(run: Run, domain: Domain) -> Coverage:
    """What the training conversations that screening dropped take of the flowchart."""
    dropped = _list_dropped(run)
    walks = [walk for id_, walk in list_walks(run, domain).items() if id_ in dropped]
    return replace(measure_coverage(walks, domain.flowchart), is_part=True)


def _list_dropped(run: Run) -> set[str]:
    return {one.conversation_id for one in run.read("dropped.jsonl", Dropped, missing_ok=True)}


def list_walks(run: Run, domain: Domain, split: str = "train") -> dict[str, FlowPath]:
    """The walk of each conversation of a split by the conversation's id, for coverage.

    It is the one that was talked: where a customer is difficult, its path with detours.
    """
    talks = run.read("conversations.jsonl", Conversation)
    return {
        talk.conversation_id: FlowPath.through(
            (step for steps in talk.walk() for step in steps), domain.flowchart
        )
        for talk in talks
        if talk.split == split
    }
