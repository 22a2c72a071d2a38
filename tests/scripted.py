"""Runs whose compiled model is a scripted agent: evaluated for real in seconds, without weights."""

import json
import shutil
from pathlib import Path

from test_simulation import MuteRecognizer

from workbench.conformance import Aligner
from workbench.design.paths import enumerate_paths
from workbench.design.plan import plan_paths
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.faults import FAULTS
from workbench.evaluate.metrics import average_scores, score_conversation
from workbench.evaluate.result import plain
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.run import Run, open_run
from workbench.source import FOLDER, hash_domain
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_talk
from workbench.train.card import hash_model

STRATA = ("seen", "unseen")
ALL_RIGHT = {"mean": 1.0, "n": 100, "low": 0.96, "high": 1.0, "unscored": 0}
NO_ALARM = {"mean": 0.0, "n": 100, "low": 0.0, "high": 0.04, "unscored": 0}


def make_run(
    root: Path, name: str, folder: Path, agent=None, keeps_domain=True, given: str = ""
) -> Run:
    """A run of a domain's folder, trained and evaluated; `agent` is its compiled model.

    `given` is the domain as its notebooks were given it, else the folder.
    """
    domain = read_domain(folder)
    run = open_run(domain.name, name, root)
    paths = enumerate_paths(domain.flowchart)
    trained = [plan_scenario(path, "train", domain, 7, 0) for path in paths]
    tests = [plan_scenario(path, "test", domain, 7, 0) for path in paths]
    plan_paths(run, domain, 7)
    run.write("scenarios.jsonl", [*trained, *tests])
    run.write("conversations.jsonl", [write_talk(s, domain, None, s.seed) for s in trained])
    system = {"role": "system", "content": domain.system_prompt()}
    run.write("rows/train.jsonl", [{"messages": [system]}])
    data = hash_domain(domain)
    run.record("notebooks", **{"5_evaluate": {"parameters": {"domain": given or str(folder)}}})
    numbers = {"conversations": len(trained), "test_scenarios": len(tests), "seed": 7}
    run.record("synthesize", inputs={"data": data} | numbers)
    run.record("train", inputs={"run": name}, result={"loss": 0.1})
    run.write_text("model/model.safetensors", f"weights of {name}")
    model = hash_model(run.manifest["train"])
    inputs = {"data": data, "model": model, "test_scenarios": len(tests)}
    run.record("evaluate", inputs=inputs, seconds=1.0)
    if not keeps_domain:
        shutil.rmtree(run.file(FOLDER))
    meet(run, domain, tests, "compiled", agent or Walker(domain, has_true_ears=True))
    return run


def meet(run: Run, domain, tests, condition: str, agent) -> None:
    """Let an agent meet the customers, and keep talks, scores and the result."""
    agent.name, agent.has_true_ears = condition, True
    customers = list_customers(tests, STRATA)
    limit = limit_replies(tests)
    talks = list(simulate(agent, customers, domain, MuteRecognizer(), limit, progress=False))
    by_id, aligner = {s.scenario_id: s for s in tests}, Aligner(domain.flowchart)
    scores = [
        score_conversation(talk, by_id[talk.scenario_id], domain, aligner, talk.true_labels)
        for talk in talks
    ]
    run.write(f"simulated/{condition.replace('/', '_')}.jsonl", talks)
    run.append("scores.jsonl", scores)
    instruments = {
        "detected": {f"faulty/{kind}": ALL_RIGHT for kind in FAULTS},
        "false_alarms": {"walker": NO_ALARM},
    }
    result = {
        "conditions": average_scores(scores),
        "instruments": instruments,
        "recognizer": {"accuracy": 0.98, "n": 100, "low": 0.97, "high": 0.99},
    }
    run.write_text("result.json", json.dumps(plain(result)))
