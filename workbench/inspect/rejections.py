"""Where writing went wrong: at each route, how many messages were not taken at first."""

from collections import defaultdict
from typing import Any

from workbench.conversation import Conversation
from workbench.domain import Domain
from workbench.run import Run
from workbench.synthesize.rejections import read_rejections

WHOSE = {"teacher": "the agent's", "customer": "the customer's", "": "either's"}

NONE = "(none in particular)"


def tabulate_rejections(run: Run, domain: Domain) -> list[dict[str, Any]]:
    """A row for each step that was written, the most often rejected first.

    `taken` are messages of kept conversations that take the step, `written anew` those that were
    not taken at first (an agent's at the step, or a customer's that leads to it), `set aside` the
    conversations that were rejected there, and `rejected %` both as a share of all that was
    written for it. Of a rejected conversation only the step at which it failed counts.

    Example: {"node": "settle", "step": "settle.paid", "taken": 40, "written anew": 3,
    "set aside": 1, "rejected %": 9.8, "mostly": "agent reads as settle.leave (0.61)"}
    """
    taken: dict[str, int] = defaultdict(int)
    for talk in run.iterate("conversations.jsonl", Conversation):
        for label in talk.agent_labels():
            for step in label.steps:
                taken[step] += 1
    anew: dict[str, set] = defaultdict(set)
    aside: dict[str, set] = defaultdict(set)
    why: dict[str, list[str]] = defaultdict(list)
    for line in read_rejections(run):
        if not line.conversation_id:
            continue
        if line.is_mended:
            anew[line.step].add((line.conversation_id, line.role, *line.text))
        else:
            aside[line.step].add(line.conversation_id)
        why[line.step].append(f"{WHOSE[line.role]}: {line.reason}" if line.role else line.reason)
    rows = []
    for step in [*domain.flowchart.steps, ""]:
        rejected = len(anew[step]) + len(aside[step])
        if not taken[step] and not rejected:
            continue
        counts = {"taken": taken[step], "written anew": len(anew[step])}
        rows.append(
            {
                "node": step.partition(".")[0],
                "step": step or NONE,
                **counts,
                "set aside": len(aside[step]),
            }
            | {"rejected %": round(100 * rejected / (taken[step] + len(aside[step])), 1)}
            | {"mostly": max(why[step], key=why[step].count, default="")}
        )
    return sorted(rows, key=lambda row: -row["rejected %"])
