"""What an edit of a procedure costs, and what its model is worth: by what has changed, and anew.

    python tests/bench/bench_recompile.py runs/travel_booking/demo --size demo

For each edit in `tests/edits.py` a copy of the domain, as the run was made from it, is edited and
compiled twice with the notebooks: going on from the run (named demo-since-a-changed-price) and from
nothing (demo-scratch-a-changed-price). Printed after each: conversations kept, redone, new and
gone, minutes of writing and training and tokens trained, both as shares of the whole compile.

Then test customers meet the model, and nobody else does, which is less than stage 5: `--changed` of
each sort on paths that the edit changed, where too few are planned some more, and `--unchanged` on
others, spread over all paths. Printed: right endings and facts of both kinds; on unchanged paths
the points more than the older model has before the same customers (by the run's own evaluation,
where it has met them, else here); and of the replies about a changed value those that state it, and
those that state the old one. An edit whose model is the older one as it is needs no customers.
Words are read by the recognizer of the run itself where the edit changed values alone or nothing,
with the encoder that its evaluation kept, which saves minutes; else by one fitted anew.

What was done is not done again, so it may be stopped and given again. The run itself is only read.
The edits are of the travel domain, so the run must be. From scratch takes as long as the run took,
for each edit; `--only price,opening` takes the edits with these words, `--no-scratch` goes on only
and compares with the run's own minutes, `--no-evaluation` lets nobody meet the model. With
`--in-a-row` each of ten edits is made on top of those before it, and goes on from the run before.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from edits import TEN, TRAVEL, Files  # noqa: E402

from workbench.adapting import Adaptation  # noqa: E402
from workbench.batch import run_notebooks  # noqa: E402
from workbench.design.changes import Changes, compare_domains  # noqa: E402
from workbench.design.plan import PlannedPath  # noqa: E402
from workbench.domain import Domain, read_domain  # noqa: E402
from workbench.evaluate.baselines import open_baseline  # noqa: E402
from workbench.evaluate.checks import write_gap  # noqa: E402
from workbench.evaluate.conditions import name_local  # noqa: E402
from workbench.evaluate.kept import KeptTalks  # noqa: E402
from workbench.evaluate.metrics import Score  # noqa: E402
from workbench.evaluate.regression import (  # noqa: E402
    Before,
    Kind,
    Pair,
    Regression,
    classify,
    read_before,
)
from workbench.evaluate.simulation import STRATA, Simulated, limit_replies  # noqa: E402
from workbench.evaluate.stage import (  # noqa: E402
    Condition,
    fit_agent,
    score_all,
    simulate_condition,
    spread_over_paths,
)
from workbench.evaluate.stale import find_copy  # noqa: E402
from workbench.evaluate.statistics import average  # noqa: E402
from workbench.recognizer import AgentRecognizer  # noqa: E402
from workbench.run import Run, find_run, open_run  # noqa: E402
from workbench.show import table  # noqa: E402
from workbench.sizes import size_of  # noqa: E402
from workbench.source import read_source  # noqa: E402
from workbench.synthesize.redoing import COUNTED  # noqa: E402
from workbench.synthesize.scenarios import Scenario, ScenarioError  # noqa: E402
from workbench.synthesize.writing import plan_apart  # noqa: E402

VALUES = {"fact", "offer"}
"""What may change without a word or a step that is read off the agent's messages."""

MEASURES = ("ending_correct", "facts_right")

FIRST_MORE = 1_000
"""Number of the first customer on a path who is planned beside those of the run."""

MOST_MORE = 100
"""Customers tried on each path to find more whom an edit concerns."""

ENCODER = "agent_encoder.safetensors"
"""In a run's folder, what its evaluation made of the sentence encoder."""


@dataclass(frozen=True)
class Value:
    """A value that is no longer so."""

    old: str
    new: str
    """"": there is none any more."""
    beside: str
    """What a reply that states it speaks of, by name; "": nothing in particular."""


def list_old_values(changes: Changes) -> Iterator[Value]:
    """Values of facts and offers that are no longer so."""
    old, new, renames = changes.old, changes.new, changes.renames
    for key in sorted(changes.touched):
        kind, _, name = key.partition(".")
        if kind == "fact":
            now = new.facts.get(renames.fact(name))
            said = now.spoken() if now else ""
            if said != old.facts[name].spoken():
                yield Value(old.facts[name].spoken(), said, "")
        if kind == "offer":
            now = new.offers.get(renames.offers.get(name, name))
            values = new.offer_values(now) if now else {}
            for name_, value in old.offer_values(old.offers[name]).items():
                if name_ in old.offer_units and values.get(name_) != value:
                    yield Value(value, values.get(name_, ""), old.offers[name].name)


@dataclass
class Stated:
    """Replies about what has changed."""

    could: int = 0
    """Those that speak of it at all."""
    new: int = 0
    old: int = 0

    def __str__(self) -> str:
        return f"new {self.new}, old {self.old} of {self.could}"


def count_old_values(changes: Changes, talks: Iterable[Simulated]) -> Stated:
    """Replies that state an old value, those that state today's, and those that could."""
    found, values = Stated(), [*list_old_values(changes)]
    for talk in talks:
        for message in talk.conversation.messages:
            near = [v for v in values if v.beside in message.content]
            if message.role == "assistant" and near:
                is_old = any(_states(message.content, v.old) for v in near)
                is_new = any(_states(message.content, v.new) for v in near)
                found.old += is_old
                found.new += is_new
                # of a fact every reply could speak, so that only those count that do
                found.could += is_old or is_new or any(v.beside for v in near)
    return found


def _states(text: str, value: str) -> bool:
    # "120 euros" is none of "1,120 euros", nor "2 day" of "2 days"
    return bool(value and re.search(rf"(?<![\w.,]){re.escape(value)}(?!\w)", text))


@dataclass(frozen=True)
class Customers:
    """Who meets a model."""

    scenarios: list[Scenario]
    kinds: dict[str, Kind]
    """Scenario to what the edit made of the procedure on its path."""
    limit: int
    """Replies after which a talk is broken off."""

    def of_kind(self, is_unchanged: bool) -> list[Scenario]:
        kinds = self.kinds
        return [s for s in self.scenarios if (kinds[s.scenario_id] == "unchanged") == is_unchanged]


def choose_customers(
    run: Run, domain: Domain, before: Before, given: argparse.Namespace
) -> Customers:
    """So many of each sort on paths that the edit changed, and on others."""
    sorts = {STRATA[stratum] for stratum in given.strata}
    every = run.read("scenarios.jsonl", Scenario)
    tests = [s for s in every if s.split == "test" and s.stratum in sorts]
    kinds = {s.scenario_id: classify(s, domain, before) for s in tests}
    changed = [s for s in tests if kinds[s.scenario_id] != "unchanged"]
    same = [s for s in tests if kinds[s.scenario_id] == "unchanged"]
    chosen = spread_over_paths(same, given.unchanged)
    for sort in sorted(sorts) if changed else ():
        own = spread_over_paths([s for s in changed if s.stratum == sort], given.changed)
        more = plan_more(run, every, domain, before, sort, given.changed - len(own), given.seed)
        chosen += [*own, *more]
        kinds |= {s.scenario_id: "changed" for s in more}
    # as in the run's evaluation, whoever is planned beside
    limit = limit_replies([s for s in every if s.split == "test"])
    return Customers(chosen, kinds, limit)


def plan_more(
    run: Run, every: list[Scenario], domain: Domain, before: Before, sort: str, n: int, seed: int
) -> list[Scenario]:
    """More test customers of a sort whom the edit concerns, on walks that training never took."""
    planned = run.read("paths.jsonl", PlannedPath)
    ours = {str(p.as_path().messages(domain.flowchart)) for p in planned if p.split != "test"}
    ours |= {str(s.steps) for s in every if s.split != "test"}
    paths = [p.as_path() for p in planned if p.split == "test"]
    found: dict[str, Scenario] = {}
    for number in range(FIRST_MORE, FIRST_MORE + MOST_MORE):
        for path in paths:
            if len(found) >= n:
                return [*found.values()]
            try:
                own = plan_apart(path, "test", domain, seed, number, sort, ours)
            except ScenarioError:
                continue
            if own and classify(own, domain, before) != "unchanged":
                found[own.scenario_id] = own
    return [*found.values()]


def fit_reader(run: Run, older: Run, changes: Changes, epochs: int) -> AgentRecognizer:
    """What reads the agent's words: the older run's, where all that is said stayed as it was."""
    kept, learnt = run.file(ENCODER), older.file(ENCODER)
    if not {change.what for change in changes.listed} <= VALUES:
        return fit_agent(run, changes.new, Adaptation(epochs, kept, progress=True))
    if learnt.exists() and not kept.exists():
        # the older run is only read
        shutil.copy2(learnt, kept)
    if older.folder not in _FITTED:
        before = read_domain(find_copy(older) or ROOT / "domains" / older.domain)
        adaptation = Adaptation(epochs, kept, progress=True)
        _FITTED[older.folder] = fit_agent(older, before, adaptation)
    return _FITTED[older.folder]


_FITTED: dict[Path, AgentRecognizer] = {}


def measure(
    run: Run, older: Run, folder: Path, is_paired: bool, given: argparse.Namespace
) -> dict[str, object]:
    """What comes of customers who meet the model, figure by figure.

    Where it `is_paired`, the older model meets those customers on unchanged paths whom its own
    evaluation did not show it.
    """
    size, domain = size_of(given.size), read_domain(folder)
    changes = compare_domains(read_source(older, domain), domain)
    customers = choose_customers(run, domain, read_before(older, domain), given)
    reader = fit_reader(run, older, changes, size.recognizer_epochs)

    def meet(model: Run, scenarios: list[Scenario]) -> tuple[KeptTalks, list[Score]]:
        agent = open_baseline(name_local(model), run, domain, size.max_new_tokens)
        condition = Condition(agent, scenarios, given.strata)
        talks = simulate_condition(run, condition, domain, reader, customers.limit)
        return talks, score_all(talks, scenarios, domain)

    talks, scores = meet(run, customers.scenarios)
    known = {
        (score.stratum, score.scenario_id): score
        for score in older.read("scores.jsonl", Score, missing_ok=True)
        if score.condition == "compiled"
    }
    unmet = {s.scenario_id for s in scores if (s.stratum, s.scenario_id) not in known}
    left = [s for s in customers.of_kind(is_unchanged=True) if s.scenario_id in unmet]
    if is_paired and left:
        known |= {(s.stratum, s.scenario_id): s for s in meet(older, left)[1]}
    found: dict[str, object] = {"talks": len(scores)}
    for name, is_unchanged in (("changed", False), ("others", True)):
        own = {s.scenario_id for s in customers.of_kind(is_unchanged)}
        for measured in MEASURES:
            found[f"{name}: {measured}"] = _average(
                [score for score in scores if score.scenario_id in own], measured
            )
    pairs = [
        Pair(score, known[score.stratum, score.scenario_id], "unchanged", "")
        for score in scores
        if customers.kinds[score.scenario_id] == "unchanged"
        and (score.stratum, score.scenario_id) in known
    ]
    gaps = Regression("", pairs, {}).compare()
    for measured in MEASURES:
        found[f"points more: {measured}"] = f"{write_gap(gaps[measured])}, n {gaps[measured].n}"
    return found | {"stated": str(count_old_values(changes, talks))}


def _average(scores: list[Score], measured: str) -> str | None:
    """Example: "98.0 % (92.0-99.5), n 50" """
    found = average([s.measures[measured] for s in scores], [s.path_id for s in scores])
    if found.mean is None:
        return None
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.mean:.1f} % ({low:.1f}-{high:.1f}), n {found.n}"


def minutes_of(run: Run, *stages: str) -> float:
    """What stages took."""
    return round(sum(run.manifest[stage].get("seconds", 0.0) for stage in stages) / 60, 1)


def compile_edit(first: Run, folder: Path, name: str, given: argparse.Namespace, since: str) -> Run:
    """A run of the edited domain by the notebooks 1 to 4, with the numbers of the first run."""
    asked = first.manifest["synthesize"]["inputs"]
    parameters = {n: str(asked[n]) for n in ("conversations", "test_scenarios")}
    trained = first.manifest["train"]["inputs"]
    if since:
        parameters |= {"since": since, "start_from": given.start_from, "budget": str(given.budget)}
    rate = given.learning_rate if since else trained["learning_rate"]
    parameters |= {"learning_rate": str(rate)}
    parameters |= {n: str(trained[n]) for n in ("base_model", "epochs", "batch_size")}
    root = first.folder.parent.parent
    run_notebooks(str(folder), name, given.size, given.seed, parameters, [1, 2, 3, 4], root)
    return open_run(first.domain, name, root)


def describe(edit: str, way: str, run: Run, whole: Run) -> dict:
    """What it took; shares are of what it took to compile `whole`."""
    carried = run.manifest["synthesize"].get("carried", {})
    trained = run.manifest["train"]
    tokens = 0 if is_kept(run) else trained["result"]["tokens"]
    row = {"edit": edit, "way": way, "starts from": trained.get("start", {}).get("from", "base")}
    row |= {what: carried.get(what) for what in COUNTED}
    row |= {"rows": 0 if is_kept(run) else trained["rows"], "tokens": tokens}
    row |= {"writing min": minutes_of(run, "synthesize"), "training min": minutes_of(run, "train")}
    minutes, most = (minutes_of(one, "synthesize", "train") for one in (run, whole))
    row["share of minutes"] = round(minutes / most, 3) if most else None
    row["share of tokens"] = round(tokens / whole.manifest["train"]["result"]["tokens"], 3)
    return row


def is_kept(run: Run) -> bool:
    """Whether the older model was taken over as it is; of it the rows it learnt are on record."""
    start = run.manifest["train"].get("start", {"from": "base"})
    return start["from"] == "older" and not start["n_trained"]


def edit_copy(made_from: Path, folder: Path, apply: Callable[[Files], None]) -> None:
    """An edited copy of a domain; it must stay: a run that is gone on with reads it again."""
    if not folder.exists():
        # one that was left half edited is begun anew
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(made_from, part)
        apply(Files(part))
        part.rename(folder)


def turn(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The table with a column for each row and a row for each column."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [
        {"figure": name} | {str(n): row.get(name) for n, row in enumerate(rows, start=1)}
        for name in names
    ]


def read_strata(text: str) -> tuple[str, ...]:
    """Sorts of customers, with commas."""
    names = tuple(name.strip() for name in text.split(","))
    if not {*names} <= {*STRATA}:
        raise argparse.ArgumentTypeError(f"there are {', '.join(STRATA)}")
    return names


def main() -> None:
    """Apply each edit, compile it both ways and print the tables as they grow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="a finished run of the travel domain, or its folder")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seed", default=7, type=int)
    parser.add_argument("--only", default="", help="words of the edits to take, with commas")
    parser.add_argument("--in-a-row", action="store_true", help="each edit on top of the others")
    parser.add_argument("--start-from", default="", help="base or older; empty: as fits the edit")
    parser.add_argument("--budget", default=0.0, type=float, help="as in notebook 4")
    parser.add_argument("--learning-rate", default=0.0, type=float, help="going on; as there")
    parser.add_argument("--no-scratch", action="store_true")
    parser.add_argument("--no-evaluation", action="store_true")
    parser.add_argument("--changed", default=34, type=int, help="customers of each sort")
    parser.add_argument("--unchanged", default=50, type=int, help="customers of each sort")
    parser.add_argument("--strata", default="seen,unseen,difficult", type=read_strata)
    given = parser.parse_args()
    first, words = find_run(given.run), [w for w in given.only.split(",") if w]
    every = TEN if given.in_a_row else TRAVEL
    edits = {n: e for n, e in every.items() if not words or any(w in n for w in words)}
    older, took, found = first, [], []
    for edit, apply in edits.items():
        slug, row = edit.replace(" ", "-"), "row-" * given.in_a_row
        folder = first.folder.parent / f"{first.name}-{row}edits" / slug / first.domain
        edit_copy(find_copy(older) or ROOT / "domains" / first.domain, folder, apply)
        ways = {"since": older.name} | ({} if given.no_scratch else {"scratch": ""})
        runs = {
            way: compile_edit(first, folder, f"{first.name}-{row}{way}-{slug}", given, since)
            for way, since in ways.items()
        }
        whole = runs.get("scratch", first)
        took += [describe(edit, way, run, whole) for way, run in runs.items()]
        if given.no_scratch:
            took.append(describe(edit, "the run itself", first, whole))
        print(f"\n{table(took)}\n", flush=True)
        for way, run in runs.items():
            if is_kept(run):
                figures = {"talks": f"none, the model is that of {older.name} as it is"}
            elif given.no_evaluation:
                continue
            else:
                figures = measure(run, older, folder, way == "since", given)
            found.append({"edit": edit, "way": way} | figures)
            # many figures: each has a line
            print(f"\n{table(turn(found))}\n", flush=True)
        older = runs["since"] if given.in_a_row else older


if __name__ == "__main__":
    main()
