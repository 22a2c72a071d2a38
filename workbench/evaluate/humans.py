"""How far people keep to a procedure: human dialogues, scored by the code that scores models.

People are not 100 % conformant. How far they are depends on what is forgiven, so each figure names
its rules. Only labelled turns are read: where agents typed their own words, nobody says what they
meant, and under the strict rules such a turn counts against them.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workbench.conformance import Alignment
from workbench.design.plain_chart import Chart, read_chart
from workbench.evaluate.dialogues import Dialogue, read_dialogues
from workbench.evaluate.human_walks import HumanAligner, label_of, list_rules

VARIABLE = "WORKBENCH_CASES"
"""Names the folder of outside charts and dialogues; where it is not set, no people are scored."""


def find_cases() -> Path | None:
    """The folder of outside charts and dialogues that the environment names; None if it names none.

    Raises:
        ValueError: it names a folder that does not exist.
    """
    named = os.environ.get(VARIABLE, "")
    if named and not Path(named).is_dir():
        raise ValueError(f"{VARIABLE} names {named}, which is no folder; mend it or unset it")
    return Path(named) if named else None


def measure_humans(folder: Path) -> dict:
    """What people do with a procedure: the first `<name>.yaml` beside a `<name>_dialogues.jsonl`.

    Raises:
        ValueError: the folder has no such pair of files, or one of them is malformed.
    """
    files = sorted(Path(folder).glob("*_dialogues.jsonl"))
    pairs = [
        (file.with_name(file.name.replace("_dialogues.jsonl", ".yaml")), file) for file in files
    ]
    chart_file, file = next((pair for pair in pairs if pair[0].is_file()), (None, None))
    if chart_file is None:
        raise ValueError(f"{folder} has no <name>.yaml beside a <name>_dialogues.jsonl; add both")
    chart, dialogues = read_chart(chart_file), read_dialogues(file)
    if not dialogues:
        raise ValueError(f"{file} has no dialogue; add one a line")
    return measure_dialogues(chart, dialogues)


def measure_dialogues(chart: Chart, dialogues: Sequence[Dialogue]) -> dict:
    """Clean walks under each set of rules, endings, and how customers talk: `result["humans"]`.

    "happy", "unhappy" and "labelled" (every turn of the agent has a label) are parts of all. A
    clean walk is one that costs nothing to align. "faults" are those that the most generous rules
    leave. "asks" are customers' turns with a question mark after the agent's first. Intervals are
    Wilson's, 95 %.
    """
    aligner = HumanAligner(chart, dialogues)
    walks = {n: [aligner.align(d, r) for d in dialogues] for n, r in list_rules().items()}
    turns = [turn for dialogue in dialogues for turn in dialogue.turns]
    words = [len(turn.text.split()) for turn in turns if turn.speaker == "user"]
    asks = [_list_asks(dialogue) for dialogue in dialogues]
    endings = [_find_ending(chart, dialogue) for dialogue in dialogues]
    outcomes = [*dict.fromkeys(chart.endings.values()), "none"]
    return {
        "source": chart.source,
        "n": len(dialogues),
        "unlabelled_turns": _share([t.label is None for t in turns if t.speaker == "agent"]),
        "rules": [
            {"rule": name, "fitness": sum(walk.fitness for walk in found) / len(found)}
            | _share_of_parts(dialogues, [walk.cost == 0 for walk in found])
            for name, found in walks.items()
        ],
        "faults": _count_faults(walks[list(walks)[-1]]),
        "endings": {
            outcome: _share_of_parts(dialogues, [ending == outcome for ending in endings])
            for outcome in outcomes
        },
        "skipped_first_step": _share([not _opens_at_start(chart, d) for d in dialogues])["share"],
        "words_per_turn": [float(p) for p in np.percentile(words, [10, 50, 90])] if words else [],
        "asks": {
            "turns": _share([is_ask for found in asks for is_ask in found])["share"],
            "dialogues": _share([any(found) for found in asks])["share"],
        },
    }


def _share(values: Sequence[bool]) -> dict:
    """Share of True with Wilson's interval; without any value, None."""
    from scipy import stats

    if not values:
        return {"n": 0, "share": None, "low": None, "high": None}
    k, n = sum(values), len(values)
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    return {"n": n, "share": k / n, "low": float(interval.low), "high": float(interval.high)}


def _share_of_parts(dialogues: Sequence[Dialogue], values: Sequence[bool]) -> dict:
    """The share over all dialogues, and over each part of them."""
    pairs = list(zip(dialogues, values, strict=True))
    return _share(values) | {
        "happy": _share([value for d, value in pairs if d.happy]),
        "unhappy": _share([value for d, value in pairs if not d.happy]),
        "labelled": _share([value for d, value in pairs if d.is_labelled]),
    }


def _count_faults(walks: Iterable[Alignment]) -> dict[str, int]:
    """How often each step is missing or extra. Example: {"missing: ask_days": 3}"""
    faults = Counter(
        f"{kind}: {label_of(step)}"
        for walk in walks
        for kind, step in walk.moves
        if kind in ("missing", "extra")
    )
    return dict(faults.most_common())


def _find_ending(chart: Chart, dialogue: Dialogue) -> str:
    told = [chart.endings[label] for label in dialogue.labels if label in chart.endings]
    return told[-1] if told else "none"


def _opens_at_start(chart: Chart, dialogue: Dialogue) -> bool:
    steps = {label for node_id in chart.nodes for label in chart.labels(node_id)}
    heard = [label for label in dialogue.labels if label in steps]
    return heard[:1] != [] and heard[0] in chart.labels(chart.start)


def _list_asks(dialogue: Dialogue) -> list[bool]:
    """Whether each of the customer's turns after the agent's first asks something."""
    speakers = [turn.speaker for turn in dialogue.turns]
    first = speakers.index("agent") if "agent" in speakers else len(speakers)
    return ["?" in turn.text for turn in dialogue.turns[first:] if turn.speaker == "user"]
