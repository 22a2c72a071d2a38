"""Scenarios: the hidden truth of each conversation, fixed before any text exists."""

import random
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from workbench.conversation import Act, hash_text, seeded
from workbench.design.paths import FlowPath
from workbench.domain import Domain
from workbench.flowchart import Flowchart
from workbench.record import Record
from workbench.synthesize.behaviours import behave, walk_plan

SIDE_TRIPS = {
    "train": {"plain": (0.6, 0.3), "difficult": (0.6,)},
    "valid": {"plain": (0.15,)},
    "test": {"plain": (0.15,)},
}
"""How probable a first and a second side trip are (small talk, a stray request or an attempt to
take over). There are more to learn from than will be met: each kind is rare, and comes in as many
words as any other."""


class Scenario(BaseModel):
    """What the customer wants, knows and will do, and which endings are right."""

    scenario_id: str
    path_id: str
    split: Literal["train", "valid", "test"]
    persona: str
    plan: dict[str, list[list[str]]]
    """For each hub, what the customer does each time the talk comes there: lists of acts."""
    endings: list[str]
    """Acceptable outcomes, from the customer's last intent."""
    steps: list[list[str]]
    """The steps of the agent's messages if it follows the flowchart."""
    seed: str
    stratum: Literal["plain", "difficult", "adversarial", "untrained"] = "plain"
    """What sort of customer it is; untrained: adversarial in a way that is never trained on."""
    behaviours: list[str] = []
    """What makes it difficult or adversarial: names in `synthesize.behaviours`."""
    wordings: dict[str, list[str]] = {}
    """Ids of the wordings it says, by the phrase book's key and in order; see `dealing`."""


def plan_scenario(
    path: FlowPath, split: str, domain: Domain, seed: int, index: int, stratum: str = "plain"
) -> Scenario:
    """A customer whose acts cause exactly the routes of `path`, and those of its behaviours."""
    item = f"{path.path_id}/{index}" + (f"/{stratum}" if stratum != "plain" else "")
    rng = seeded(seed, "scenario", item)
    plan, behaviours = _Planner(domain, rng).plan(path), []
    endings, steps = [path.outcome(domain.flowchart)], path.messages(domain.flowchart)
    if stratum != "plain":
        plan, behaviours = behave(plan, endings, stratum, domain, rng, split == "train")
        steps = walk_plan(plan, domain).steps if behaviours else steps
    content = {
        "path_id": path.path_id,
        "split": split,
        "persona": rng.choice(domain.personas).id,
        "plan": plan,
        "endings": endings,
        "steps": steps,
        "seed": hash_text(seed, item),
        "stratum": stratum,
        "behaviours": behaviours,
    }
    scenario = Scenario(scenario_id="", **content)
    for share in SIDE_TRIPS[split].get(stratum, ()):
        if rng.random() < share:
            scenario = strew_side_trip(scenario, domain, rng)
    content = scenario.model_dump(exclude={"scenario_id", "wordings"})
    return scenario.model_copy(update={"scenario_id": hash_text(sorted(content.items()))})


def draw_paths(
    paths: list[FlowPath],
    first: list[FlowPath],
    n: int,
    shares: dict[str, float],
    flowchart: Flowchart,
    rng: random.Random,
) -> list[FlowPath]:
    """`n` paths: all of `first` once, then so that the outcomes come in the stated shares.

    Within an outcome the least used path comes next, so that every path is used before any twice.
    """
    drawn = list(first[:n])
    by_outcome = {o: [p for p in paths if p.outcome(flowchart) == o] for o in shares}
    shares = {o: share for o, share in shares.items() if by_outcome[o]}
    used = Counter(path.path_id for path in drawn)
    outcomes = Counter(path.outcome(flowchart) for path in drawn)
    while len(drawn) < n:
        outcome = max(shares, key=lambda o: shares[o] / (outcomes[o] + 1))
        fewest = min(used[path.path_id] for path in by_outcome[outcome])
        path = rng.choice([p for p in by_outcome[outcome] if used[p.path_id] == fewest])
        drawn.append(path)
        used[path.path_id] += 1
        outcomes[outcome] += 1
    rng.shuffle(drawn)
    return drawn


class _Planner:
    """Chooses acts that cause each route of a path, and remembers what they put on record."""

    def __init__(self, domain: Domain, rng: random.Random):
        self.domain, self.rng = domain, rng
        self.record = Record(domain.flowchart.slots)

    def plan(self, path: FlowPath) -> dict[str, list[list[str]]]:
        """Acts for each visit to each hub."""
        chart = self.domain.flowchart
        turns: list[tuple[str, list[str]]] = []
        routes = list(zip(path.nodes, path.routes, strict=False))
        users = [i for i, (node, _) in enumerate(routes) if chart.nodes[node].role == "user"]
        for position, start in enumerate(users):
            end = users[position + 1] if position + 1 < len(users) else len(routes)
            hubs = [(node, route) for node, route in routes[start + 1 : end] if route]
            later = [routes[i] for i in range(end, len(routes)) if routes[i][1]]
            acts = self._cause(hubs, later)
            self.record.hear(acts)
            turns.append((hubs[0][0] if hubs else "", [str(act) for act in acts]))
        plan: dict[str, list[list[str]]] = {}
        for hub, acts in turns:
            plan.setdefault(hub, []).append(acts)
        return plan

    def _cause(self, hubs: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[Act]:
        acts: list[Act] = []
        for hub, name in hubs:
            causes = self._causes(hub, name)
            state = next((cause for cause in causes if cause.startswith("slots_")), "")
            if not state:
                acts += self._change(hubs, later) if "revise" in causes else self._act(causes[0])
            elif not acts:
                acts += self._details(state, self._still_open(later))
        return acts

    def _act(self, kind: str) -> list[Act]:
        if kind == "choose":
            return [Act("choose", str(self.rng.randrange(3)))]
        if kind == "ask":
            facts = [f for f in self.domain.askable if f not in self.record.asked]
            return [Act("ask", self.rng.choice(facts or self.domain.askable))]
        return [Act(kind)]

    def _change(self, hubs: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[Act]:
        """A change of requirements that leaves the slots as the next routes need them."""
        given = self.rng.sample(list(self.record.given), len(self.record.given))
        slot, *others = given or self.record.slots
        causes = {c for hub, name in hubs for c in self._causes(hub, name)}
        if not causes & {"slots_missing", "slots_vague"}:
            return [Act("revise", slot, self._value(slot, self.record.given))]
        drops = [Act("drop", other) for other in [slot, *others[: self._still_open(later)]]]
        return drops + ([Act("vague", slot)] if "slots_vague" in causes else [])

    def _details(self, state: str, still_open: int) -> list[Act]:
        """Details that leave the slots in `state`, and enough open for `still_open` visits."""
        unknown = [*sorted(self.record.vague), *self.record.missing]
        if state == "slots_complete":
            return self._give(unknown)
        vague = []
        if state == "slots_vague":
            vague = [self.rng.choice(self.record.missing or unknown)]
        clear = [slot for slot in unknown if slot not in vague]
        must = [slot for slot in self.record.vague if slot not in vague]
        keep = still_open if state == "slots_vague" else max(1, still_open)
        most = max(len(clear) - keep, len(must))
        n = self.rng.randint(min(most, max(len(must), 1 if self.record.given else 0)), most)
        rest = [slot for slot in clear if slot not in must]
        chosen = {*must, *self.rng.sample(rest, max(0, min(n - len(must), len(rest))))}
        acts = self._give(slot for slot in unknown if slot in chosen)
        acts += [Act("vague", slot) for slot in vague]
        first = not self.record.given and not self.record.vague
        return acts or ([Act("start")] if first else self._act("ask"))

    def _still_open(self, later: list[tuple[str, str]]) -> int:
        """How many more visits, before the slots are complete, must find something open."""
        n = 0
        for hub, name in later:
            causes = self._causes(hub, name)
            if not any(cause in {"slots_missing", "slots_vague"} for cause in causes):
                break
            n += 1
        return n

    def _give(self, slots: Iterable[str]) -> list[Act]:
        known, acts = dict(self.record.given), []
        for slot in slots:
            known[slot] = self._value(slot, known)
            acts.append(Act("give", slot, known[slot]))
        return acts

    def _value(self, slot: str, known: dict[str, str]) -> str:
        """Another value than the one known, within the customer's means if there is one."""
        others = [value for value in self.domain.wanted_values(slot) if value != known.get(slot)]
        within = [v for v in others if self.domain.is_within_means(known | {slot: v})]
        return self.rng.choice(within or others)

    def _causes(self, hub: str, name: str) -> tuple[str, ...]:
        return self.domain.flowchart.nodes[hub].routes[name].acts


def strew_side_trip(scenario: Scenario, domain: Domain, rng: random.Random) -> Scenario:
    """The scenario with a side trip put in, at a place where it does not change the walk."""
    strays = domain.asides
    hubs = [hub for hub in scenario.plan if hub]
    if not strays or not hubs:
        return scenario
    plan = {hub: [list(acts) for acts in visits] for hub, visits in scenario.plan.items()}
    hub, kind = rng.choice(hubs), rng.choice(strays)
    place = rng.randrange(len(plan[hub]))
    causes = {c for route in domain.flowchart.nodes[hub].routes.values() for c in route.acts}
    if not any(cause.startswith("slots_") for cause in causes):
        plan[hub].insert(place, [kind])
    elif kind != "silence" and all(act.startswith("give") for act in plan[hub][place]):
        plan[hub][place].append(kind)
    return scenario.model_copy(update={"plan": plan})
