"""A run that goes on from an older one: what stays is carried over, and only the rest is planned.

Kept are scenarios and conversations that today's domain would have come by the same way. Redone are
those that a change touches, on the same path or on what it has become. New are conversations for
paths that nothing kept comes from. Gone are those whose path is no more.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from workbench.conversation import Conversation, hash_text, seeded
from workbench.design.covering import choose_covering
from workbench.design.older import Older, open_older
from workbench.design.paths import FlowPath
from workbench.design.plan import PlannedPath
from workbench.design.succession import Succession, trace_paths
from workbench.domain import Domain
from workbench.run import Run, RunError
from workbench.source import hash_domain, keep_source
from workbench.synthesize.behaviours import list_behaviours
from workbench.synthesize.carrying import Carrier
from workbench.synthesize.dealing import deal_wordings
from workbench.synthesize.drawing import draw_paths
from workbench.synthesize.rejections import FILE, GIVEN_UP, Rejection
from workbench.synthesize.scenarios import Scenario, list_plannable, plan_scenario
from workbench.synthesize.speakers import Cast
from workbench.synthesize.writing import (
    TEST_STRATA,
    draw_stratum,
    plan_apart,
    plan_scenarios,
    settle_shares,
)

NEW_SHARE = 0.2
"""Conversations for new paths, as a share of the older run's, at most; but always as many as take
every new step and pair of routes."""

CARRIED = ("conversations.jsonl", FILE, "reviews.jsonl")
"""Files of which lines are carried over."""


@dataclass
class Agenda:
    """What of an older run is kept, and what is to be written beside it."""

    scenarios: list[Scenario] = field(default_factory=list)
    """All of today's, those of the older run first and in its order."""

    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """File to the lines that are carried over into it."""

    counts: Counter[str] = field(default_factory=Counter)
    """Conversations that are kept, redone, new and gone."""

    reasons: Counter[str] = field(default_factory=Counter)
    """Why what is redone cannot be kept, and how often."""

    are_walks_changed: bool = False
    """Whether any path of training is new, gone or another."""

    def describe(self) -> str:
        """Example: "Kept 352, redone 40, new 8, gone 0." """
        told = ", ".join(f"{what} {self.counts[what]:,}" for what in COUNTED)
        return f"{told.capitalize()}."


COUNTED = ("kept", "redone", "new", "gone")


def plan_run(
    run: Run,
    domain: Domain,
    conversations: int,
    test_scenarios: int,
    seed: int,
    shares: str = "",
    since: str = "",
    cast: Cast | None = None,
) -> list[Scenario]:
    """Plan a run's scenarios: all of them, or what is missing since the older run called `since`.

    Of the older run, which is never written to, what still holds is carried over: scenarios, and
    conversations byte for byte. `write_conversations` then writes the rest. Another call carries
    over what a kill left out.

    Raises:
        ScenarioError: there are no test paths, or no customer was found for a path.
        RunError: `since` is no older run of this domain, or not the one that stage 1 went on from,
            or this run was begun otherwise.
    """
    if not since:
        _check_design(run, since)
        return plan_scenarios(run, domain, conversations, test_scenarios, seed, shares, cast)
    older = open_older(run, since, domain)
    _check_design(run, since)
    planned = run.read("paths.jsonl", PlannedPath)
    agenda = make_agenda(domain, older, planned, conversations, test_scenarios, seed, shares)
    with run.lock():
        run.claim(
            "synthesize",
            flowchart=domain.flowchart.content_hash(),
            data=hash_domain(domain),
            conversations=conversations,
            test_scenarios=test_scenarios,
            seed=seed,
            shares=settle_shares(shares, domain.flowchart),
            since=since,
            older=_hash_older(older.run),
            **(cast or Cast()).describe_inputs(domain),
        )
        keep_source(run, domain)
        for name in CARRIED:
            _carry(run, name, agenda.lines[name])
        # last, so that nothing can be written for a scenario whose conversation is to be carried
        run.write("scenarios.jsonl", agenda.scenarios)
        facts = {"since": since, "are_walks_changed": agenda.are_walks_changed}
        facts["is_something_gone"] = older.changes.is_something_gone
        run.record("synthesize", carried=facts | {what: agenda.counts[what] for what in COUNTED})
    return agenda.scenarios


def describe_carried(run: Run) -> list[dict[str, Any]]:
    """What a run kept of the older one, as a line of a table; [] if it is made from nothing."""
    carried = run.manifest.get("synthesize", {}).get("carried")
    return [{name: carried[name] for name in ("since", *COUNTED)}] if carried else []


def _check_design(run: Run, since: str) -> None:
    designed = run.manifest.get("design", {}).get("inputs", {}).get("since", "")
    if designed != since:
        raise RunError(
            f'stage 1 of {run.folder} had since "{designed}", and this stage has "{since}"; give'
            " both the same, or paths would change sides between training and tests"
        )


def _hash_older(older: Run) -> str:
    files = [older.file(name) for name in ("scenarios.jsonl", "conversations.jsonl")]
    found = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.exists()]
    return hash_text(*found)


def _carry(run: Run, name: str, lines: list[dict[str, Any]]) -> None:
    """Append those lines that are not there yet."""
    there = {hash_text(sorted(line.items())) for line in run.read(name, missing_ok=True)}
    run.append(name, (x for x in lines if hash_text(sorted(x.items())) not in there))


def make_agenda(
    domain: Domain,
    older: Older,
    planned: list[PlannedPath],
    conversations: int,
    test_scenarios: int,
    seed: int,
    shares: str = "",
) -> Agenda:
    """What is kept, redone, new and gone; nothing is written."""
    return _Planning(domain, older, planned, seed).make(conversations, test_scenarios, shares)


class _Planning:
    """The planning of one agenda."""

    def __init__(self, domain: Domain, older: Older, planned: list[PlannedPath], seed: int):
        self.domain, self.older, self.seed = domain, older, seed
        self.carrier = Carrier(older)
        self.paths = {path.path_id: path.as_path() for path in planned}
        self.splits = {path.path_id: path.split for path in planned}
        self.long = {path.path_id for path in planned if path.is_long}
        self.succession: Succession = trace_paths(older.paths, self.paths.values(), older.changes)
        self.agenda = Agenda(lines={name: [] for name in CARRIED})
        self.taken: set[str] = set()
        """Ids of scenarios."""
        self.walks: dict[bool, set[str]] = {True: set(), False: set()}
        """Walks of tests, and of training and validation: neither may take one of the other's."""

    def make(self, conversations: int, test_scenarios: int, shares: str) -> Agenda:
        """The agenda: what can be kept first, then what takes the place of the rest."""
        old = self.older.run.read("scenarios.jsonl", Scenario)
        carried = {s.scenario_id: self._carry_scenario(s) for s in old}
        for scenario in filter(None, carried.values()):
            self._take(scenario)
        for path in self.paths.values():
            is_test = self.splits[path.path_id] == "test"
            self.walks[is_test].add(str(path.messages(self.domain.flowchart)))
        written = self._judge_talks(old, carried)
        turns = Counter[str]()
        scenarios = []
        for scenario in old:
            own = carried[scenario.scenario_id] or self._replace(scenario, turns)
            scenarios += [own] if own else []
            if scenario.split != "test":
                is_new = carried[scenario.scenario_id] is None
                fate = "gone" if own is None else "redone" if is_new else written[own.scenario_id]
                self.agenda.counts[fate] += 1
        n_old = sum(scenario.split != "test" for scenario in old)
        fresh = [*self._cover(scenarios, n_old, max(0, conversations - n_old), shares)]
        self.agenda.counts["new"] += len(fresh)
        tests = [*self._add_tests(old, scenarios, test_scenarios, shares)]
        self.agenda.are_walks_changed = bool(
            fresh or self.agenda.counts["gone"] or self._count_moved(old)
        )
        kept = {s.scenario_id for s in carried.values() if s}
        dealt = deal_wordings(
            [s for s in [*scenarios, *fresh] if s.scenario_id not in kept], self.domain, self.seed
        )
        by_id = {s.scenario_id: s for s in dealt}
        everything = [*scenarios, *fresh, *tests]
        self.agenda.scenarios = [by_id.get(s.scenario_id, s) for s in everything]
        return self.agenda

    def _carry_scenario(self, scenario: Scenario) -> Scenario | None:
        carried = self.carrier.carry_scenario(scenario)
        if carried and self.splits.get(carried.path_id) == scenario.split:
            return carried
        # what was walked in training stays forbidden to tests, though it is planned anew
        steps = [[self.carrier.renames.step(s) for s in steps] for steps in scenario.steps]
        self.walks[scenario.split == "test"].add(str(steps))
        return None

    def _take(self, scenario: Scenario) -> None:
        self.taken.add(scenario.scenario_id)
        self.walks[scenario.split == "test"].add(str(scenario.steps))

    def _judge_talks(
        self, old: list[Scenario], carried: dict[str, Scenario | None]
    ) -> dict[str, str]:
        """Id of each carried scenario to what becomes of its conversation; what stays is noted."""
        run, scenarios = self.older.run, {s.scenario_id: s for s in old}
        fates, kept = {s: "redone" for s, own in carried.items() if own}, set()
        for line in run.read("conversations.jsonl", missing_ok=True):
            own = carried.get(line["scenario_id"])
            if own is None:
                continue
            talk = Conversation.model_validate(line)
            objections = self.carrier.find_objections(talk, scenarios[line["scenario_id"]])
            self.agenda.reasons.update(objections)
            if not objections:
                fates[own.scenario_id] = "kept"
                kept.add(talk.conversation_id)
                self.agenda.lines[CARRIED[0]].append(self.carrier.carry_talk(line, own))
        for line in run.read(FILE, Rejection, missing_ok=True):
            if line.reason == GIVEN_UP and fates.get(line.scenario_id) == "redone":
                # nothing was ever written for it, and nothing has changed for it
                fates[line.scenario_id] = GIVEN_UP
                self.agenda.lines[FILE].append(line.model_dump())
        self.agenda.lines["reviews.jsonl"] = [
            line
            for line in run.read("reviews.jsonl", missing_ok=True)
            if line["conversation_id"] in kept
        ]
        return fates

    def _replace(self, scenario: Scenario, turns: Counter[str]) -> Scenario | None:
        """Another customer of the same sort on what the path has become; None if that is gone."""
        became = [
            path
            for path in self.succession.became[scenario.path_id]
            if self.splits.get(path.path_id) == scenario.split
        ]
        if became and scenario.split != "test":
            self.agenda.reasons["its customer would come another way today"] += 1
        for _ in became:
            path = became[turns[scenario.path_id] % len(became)]
            turns[scenario.path_id] += 1
            if planned := self._plan(path, scenario.split, scenario.stratum):
                return planned
        return None

    def _plan(self, path: FlowPath, split: str, stratum: str) -> Scenario | None:
        """A scenario that there is not yet; None where no customer can take the path."""
        others = self.walks[split != "test"]
        for n in count():
            try:
                planned = plan_apart(path, split, self.domain, self.seed, n, stratum, others)
                if planned is None and split != "test":
                    # a path without occasion for any behaviour
                    planned = plan_scenario(path, split, self.domain, self.seed, n)
            except ValueError:
                return None
            if planned is None or planned.scenario_id not in self.taken:
                break
        if planned:
            self._take(planned)
        return planned

    def _cover(
        self, scenarios: list[Scenario], n_old: int, n_more: int, shares: str
    ) -> Iterator[Scenario]:
        """Scenarios for paths that nothing comes from, and as many more as are asked for."""
        used = {s.path_id for s in scenarios}
        drawn = []
        for split in ("train", "valid"):
            own = [p for i, p in self.paths.items() if self.splits[i] == split]
            bounded = [path for path in own if path.path_id not in self.long]
            new = [path for path in own if path.path_id not in used]
            new = [path for path in new if path.path_id not in self.succession.came_from]
            new = list_plannable(new, self.domain, self.seed) if new else []
            covering = self._choose_needed(new, own, used) if split == "train" else []
            per_path = sum(s.split == split for s in scenarios) / max(1, len(bounded) - len(new))
            room = max(NEW_SHARE * n_old * (split == "train"), len(covering))
            n = round(min(max(1, per_path) * len(new), room if split == "train" else len(new)))
            drawn += [(split, path) for path in self._draw(new, covering, n, shares)]
            if split == "train" and n_more:
                drawn += [(split, path) for path in self._draw(bounded, [], n_more, shares)]
        times = Counter[str]()
        for split, path in drawn:
            n = times[path.path_id]
            stratum = draw_stratum(path, n, self.seed) if split == "train" else "plain"
            times[path.path_id] += 1
            if planned := self._plan(path, split, stratum):
                yield planned

    def _choose_needed(
        self, new: list[FlowPath], own: list[FlowPath], used: set[str]
    ) -> list[FlowPath]:
        """Few of the new paths that take every step and pair of routes that no other takes."""
        known = [path for path in own if path.path_id in used]
        parts = {part for path in known for part in (*path.steps, *path.route_pairs)}
        return [
            path
            for path in choose_covering(new)
            if not parts.issuperset((*path.steps, *path.route_pairs))
        ]

    def _draw(
        self, paths: list[FlowPath], first: Iterable[FlowPath], n: int, shares: str
    ) -> list[FlowPath]:
        """`n` of the paths, the outcomes in their shares as far as the paths come to them."""
        chart = self.domain.flowchart
        outcomes = {path.outcome(chart) for path in paths}
        own = {o: s for o, s in settle_shares(shares, chart).items() if o in outcomes}
        if not own or not n:
            return []
        rng = seeded(self.seed, "draw since", chart.name)
        return draw_paths(paths, [*first], n, own, chart, rng)

    def _add_tests(
        self, old: list[Scenario], scenarios: list[Scenario], n_tests: int, shares: str
    ) -> Iterator[Scenario]:
        """Test customers for new test paths, and for those that are missing, of every sort."""
        asked = self.older.run.manifest["synthesize"]["inputs"]["test_scenarios"]
        before = Counter(s.stratum for s in old if s.split == "test")
        n_more = max(0, n_tests - asked)
        own = [path for i, path in self.paths.items() if self.splits[i] == "test"]
        for stratum in TEST_STRATA:
            there = [s for s in scenarios if s.split == "test" and s.stratum == stratum]
            if not own or (stratum != "plain" and not list_behaviours(self.domain, stratum)):
                continue
            used = {s.path_id for s in there}
            new = [p for p in own if p.path_id not in used]
            new = [p for p in new if p.path_id not in self.succession.came_from]
            missing = max(0, before[stratum] + n_more - len(there) - len(new))
            for path in [*new, *self._draw(own, [], missing, shares)]:
                if planned := self._plan(path, "test", stratum):
                    yield planned

    def _count_moved(self, old: list[Scenario]) -> int:
        """Training scenarios whose path is not what it was."""
        return sum(
            self.carrier.find_path(scenario) is None
            for scenario in old
            if scenario.split == "train"
        )
