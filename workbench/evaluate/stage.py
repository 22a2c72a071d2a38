"""The evaluation of a run: every condition meets the same customers, and all is scored and kept."""

import json
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.conformance import Aligner
from workbench.conversation import Conversation, hash_text
from workbench.domain import Domain
from workbench.evaluate.conditions import Agent, ModelAgent, Walker
from workbench.evaluate.faults import (
    is_instrument,
    make_instruments,
    measure_detection,
    write_faulty_practice,
)
from workbench.evaluate.metrics import (
    Score,
    average_scores,
    compare_scores,
    score_conversation,
)
from workbench.evaluate.simulation import STRATA, Simulated, limit_replies, simulate
from workbench.evaluate.statistics import Metric, average
from workbench.recognizer import AgentRecognizer
from workbench.run import Run
from workbench.synthesize.scenarios import Scenario
from workbench.train.base_model import BaseModel, resolve_base_model

STAGES = ("design", "synthesize", "inspect", "train", "evaluate")

FIT_CONVERSATIONS = 500
"""Conversations the recognizer learns from; more make it slower and hardly better."""


def fit_recognizer(run: Run, domain: Domain) -> AgentRecognizer:
    """A recognizer that has learnt from the run's training wordings, and from no others."""
    from workbench.synthesize.writing import write_practice

    talks = [t for t in run.read("conversations.jsonl", Conversation) if t.split == "train"]
    scenarios = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "train"]
    scenarios = scenarios[:FIT_CONVERSATIONS]
    practice = write_practice(domain, scenarios, seed=1)
    practice += write_faulty_practice(domain, scenarios, seed=2)
    return AgentRecognizer(domain).learn([*talks[:FIT_CONVERSATIONS], *practice])


def evaluate(
    run: Run,
    domain: Domain,
    test_scenarios: int,
    floor_scenarios: int,
    max_new_tokens: int = 160,
    size: str = "",
    progress: bool = True,
) -> dict[str, Any]:
    """Simulate and score all conditions; writes `simulated/`, `scores.jsonl` and `result.json`.

    Conditions already simulated with the same inputs are not run again. Returns the result.
    """
    start = time.perf_counter()
    with run.lock():
        counts = (test_scenarios, floor_scenarios, max_new_tokens)
        talks, scores, recognizer, base = _evaluate(run, domain, *counts, progress)
        if "seconds" not in run.manifest["evaluate"]:
            run.record("evaluate", seconds=round(time.perf_counter() - start, 1))
        result = _result(run, domain, base, talks, scores, recognizer) | {"size": size}
        run.write_text("result.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


def _evaluate(
    run: Run,
    domain: Domain,
    test_scenarios: int,
    floor_scenarios: int,
    max_new_tokens: int,
    progress: bool,
) -> tuple[list[Simulated], list[Score], AgentRecognizer, BaseModel]:
    every = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "test"]
    scenarios = every[:test_scenarios]
    trained = run.manifest["train"]
    run.claim(
        "evaluate",
        data=hash_text(sorted(domain.hashes.items())),
        model=hash_text(trained["inputs"], trained["result"]),
        test_scenarios=test_scenarios,
        floor_scenarios=floor_scenarios,
        max_new_tokens=max_new_tokens,
    )
    base = resolve_base_model(trained["inputs"]["base_model"])
    recognizer = fit_recognizer(run, domain)
    agents: list[tuple[Agent, list[Scenario]]] = [
        (Walker(domain, "walker/true_labels", has_true_ears=True), scenarios),
        (Walker(domain, "walker"), scenarios),
        (ModelAgent("compiled", run.file("model"), max_new_tokens), scenarios),
        (ModelAgent("floor/base", base.folder, max_new_tokens), scenarios[:floor_scenarios]),
    ]
    agents += [(agent, scenarios) for agent in make_instruments(domain)]
    limit = limit_replies(every)
    talks: list[Simulated] = []
    for agent, own in agents:
        talks += _simulate_once(run, agent, own, domain, recognizer, limit, progress)
    scores = score_all(talks, scenarios, domain)
    run.write("scores.jsonl", scores)
    return talks, scores, recognizer, base


def _simulate_once(
    run: Run,
    agent: Agent,
    scenarios: list[Scenario],
    domain: Domain,
    recognizer: AgentRecognizer,
    limit: int,
    progress: bool,
) -> list[Simulated]:
    name = f"simulated/{agent.name.replace('/', '_')}.jsonl"
    done = run.read(name, Simulated, missing_ok=True)
    wanted = {(stratum, s.scenario_id) for stratum in STRATA for s in scenarios}
    if {(talk.stratum, talk.scenario_id) for talk in done} == wanted:
        return done
    start = time.perf_counter()
    talks = simulate(agent, scenarios, STRATA, domain, recognizer, limit, progress)
    run.write(name, talks)
    seconds = run.manifest["evaluate"].get("seconds_by_condition", {})
    run.record(
        "evaluate",
        seconds_by_condition=seconds | {agent.name: round(time.perf_counter() - start, 1)},
    )
    return talks


def score_all(
    talks: Iterable[Simulated], scenarios: Iterable[Scenario], domain: Domain
) -> list[Score]:
    """Scores of all conversations; a scripted agent heard by true ears is scored by true labels."""
    by_id, aligner = {s.scenario_id: s for s in scenarios}, Aligner(domain.flowchart)
    return [
        score_conversation(
            talk,
            by_id[talk.scenario_id],
            domain,
            aligner,
            labels=talk.true_labels if talk.condition == "walker/true_labels" else None,
        )
        for talk in talks
    ]


def measure_recognizer(talks: Iterable[Simulated], recognizer: AgentRecognizer) -> Metric:
    """Share of the walker's messages read right, in wordings the recognizer never saw.

    Right means all steps, side trips and slots asked for.
    """
    rights, paths = [], []
    for talk in talks:
        if talk.condition != "walker/true_labels" or talk.true_labels is None:
            continue
        for i, message in enumerate(talk.conversation.messages):
            if message.role == "assistant":
                truth, read = talk.true_labels[i], recognizer.label([message.content])[0]
                is_right = recognizer.expected(truth) == recognizer.expected(read)
                rights.append(float(is_right and sorted(truth.asks) == sorted(read.asks)))
                paths.append(talk.path_id)
    return average(rights, paths)


def _result(
    run: Run,
    domain: Domain,
    base: Any,
    talks: list[Simulated],
    scores: list[Score],
    recognizer: AgentRecognizer,
) -> dict[str, Any]:
    conditions = average_scores(scores)
    accuracy = measure_recognizer(talks, recognizer)
    manifest = run.manifest
    return {
        "schema": 1,
        "domain": domain.name,
        "run": run.name,
        "size": "",
        "base_model": {
            "name": base.name,
            "source": base.source,
            "quantization": base.quantization,
            "sha256": base.sha256,
        },
        "teacher": manifest["synthesize"]["teacher"],
        "hardware": describe_hardware(),
        "seconds": {
            stage: manifest[stage]["seconds"]
            for stage in STAGES
            if "seconds" in manifest.get(stage, {})
        },
        "recognizer": {
            "accuracy": accuracy.mean,
            "n": accuracy.n,
            "low": accuracy.low,
            "high": accuracy.high,
        },
        "conditions": _dump(conditions),
        "differences": {
            "compiled": _dump(compare_scores(s for s in scores if not is_instrument(s.condition)))
        },
        "instruments": {
            name: {condition: metric.model_dump() for condition, metric in found.items()}
            for name, found in measure_detection(talks, scores).items()
        },
        "cost": {name: _cost([t for t in talks if t.condition == name]) for name in conditions},
    }


def _dump(found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Figures by condition, stratum and measure, as plain values."""
    return {
        condition: {
            stratum: {measure: figure.model_dump() for measure, figure in measures.items()}
            for stratum, measures in strata.items()
        }
        for condition, strata in found.items()
    }


def _cost(talks: list[Simulated]) -> dict[str, float]:
    """Tokens of a conversation and seconds of a reply, of the tested agent alone."""
    n, replies = len(talks), max(1, sum(talk.replies for talk in talks))
    return {
        "prompt_tokens": round(sum(talk.prompt_tokens for talk in talks) / n, 1),
        "reply_tokens": round(sum(talk.reply_tokens for talk in talks) / n, 1),
        "seconds_per_reply": round(sum(talk.seconds for talk in talks) / replies, 4),
        "seconds_per_conversation": round(sum(talk.seconds for talk in talks) / n, 3),
    }


def describe_hardware() -> str:
    """What this machine computes with, e.g. "AMD EPYC, 2 cores, 23 GB, no GPU"."""
    import psutil
    import torch

    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(
            (line.partition(":")[2].strip() for line in lines if "model name" in line), name
        )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    memory = psutil.virtual_memory().total / 2**30
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GB, {gpu}"
