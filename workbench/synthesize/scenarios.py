"""Scenarios: the hidden truth of each conversation, fixed before any text exists."""

import math
import random
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from workbench.conversation import Act, hash_text, seeded
from workbench.design.paths import FlowPath
from workbench.domain import Domain
from workbench.record import fits
from workbench.rules import ANSWER, SLOT_STATES, STATES, Needs
from workbench.synthesize.behaviours import behave, walk_plan

SIDE_TRIPS = {
    "train": {"plain": (0.6, 0.3), "difficult": (0.6,)},
    "valid": {"plain": (0.15,)},
    "test": {"plain": (0.15,)},
}
"""How probable a first and a second side trip are (small talk, a stray request or an attempt to
take over). There are more to learn from than will be met: each kind is rare, and comes in as many
words as any other."""

QUESTION_SHARE = 0.5
"""Share of side trips of their own that are questions, where a fact is told to those alone who ask
for it."""

MOST_PLANS = 50
"""Plans drawn for one path before it is given up."""


class ScenarioError(ValueError):
    """A path that no customer can be planned for."""


class Scenario(BaseModel):
    """What the customer wants, knows and will do, and which endings are right."""

    scenario_id: str
    path_id: str
    split: Literal["train", "valid", "test"]
    persona: str
    plan: dict[str, list[list[str]]]
    """For each hub, or agent node that a turn leads to, what the customer does each time the talk
    comes there: lists of acts."""
    takes: list[str] = []
    """Ids of the offers that are right for it, which only trying shows."""
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

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict:
        # a customer who tries nothing keeps the id that it had before any did
        return {name: part for name, part in write(self).items() if part or name != "takes"}


def plan_scenario(
    path: FlowPath, split: str, domain: Domain, seed: int, index: int, stratum: str = "plain"
) -> Scenario:
    """A customer whose acts cause exactly the routes of `path`, and those of its behaviours.

    Raises:
        ScenarioError: no customer was found that does.
    """
    item = f"{path.path_id}/{index}" + (f"/{stratum}" if stratum != "plain" else "")
    rng = seeded(seed, "scenario", item)
    plan, behaviours = _plan_path(path, domain, rng), []
    endings = [path.outcome(domain.flowchart)]
    if stratum != "plain":
        plan, behaviours = behave(plan, endings, stratum, domain, rng, split == "train")
    walk = walk_plan(plan, domain)
    content = {
        "path_id": path.path_id,
        "split": split,
        "persona": rng.choice(domain.personas).id,
        "plan": plan,
        "takes": walk.takes,
        "endings": endings,
        "steps": walk.steps,
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


def _plan_path(path: FlowPath, domain: Domain, rng: random.Random) -> dict[str, list[list[str]]]:
    """A plan that takes exactly `path`; the first drawn mostly does."""
    for _ in range(MOST_PLANS):
        plan = _Planner(domain, rng).plan(path)
        walk = walk_plan(plan, domain)
        if walk.is_sound and walk.steps == path.messages(domain.flowchart):
            return plan
    raise ScenarioError(
        f"no customer was found who takes the path {' '.join(path.hub_routes)}; are there values "
        "with as many offers as it makes, and with no more where it leaves none?"
    )


def list_plannable(paths: Iterable[FlowPath], domain: Domain, seed: int) -> list[FlowPath]:
    """The paths that a customer can take. Long ones may make more offers than there are."""
    plannable = []
    for path in paths:
        with suppress(ScenarioError):
            _plan_path(path, domain, seeded(seed, "plannable", path.path_id))
            plannable.append(path)
    return plannable


OPEN = {"slots_missing", "slots_vague"}
"""States of the slots in which something is to be asked for."""

CHANGES = {"revise", "drop"}
"""Acts after which other offers may fit."""


@dataclass(frozen=True)
class _Aim:
    """What must be so of the values on record, up to the next change of them."""

    least: int = 0
    """Offers that there must be for them."""
    most: float = math.inf
    needs: tuple[Needs, ...] = ()
    """What the routes taken are for."""


class _Planner:
    """Chooses acts that cause each route of a path, and remembers what they put on record."""

    def __init__(self, domain: Domain, rng: random.Random):
        self.domain, self.rng = domain, rng
        self.record = domain.open_record()
        self.ahead: list[tuple[str, str]] = []
        """Nodes to come, each with the route taken there."""
        self.aim = _Aim()
        self.offer_slots = {slot for values, _ in domain.offer_counts for slot in values}

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
            self.ahead = routes[start + 1 :]
            self.aim = self._look_ahead(self.ahead, self.record.state == "slots_complete")
            # where whatever is said leads on, something is said all the same
            free = [Act(ANSWER if position else "start")]
            acts = self._cause(hubs, later) if hubs else free
            self.record.hear(acts)
            turns.append((routes[start + 1][0], [str(act) for act in acts]))
        plan: dict[str, list[list[str]]] = {}
        for hub, acts in turns:
            plan.setdefault(hub, []).append(acts)
        return plan

    def _cause(self, hubs: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[Act]:
        acts: list[Act] = []
        for hub, name in hubs:
            causes = self._causes(hub, name)
            states = [cause for cause in causes if cause in SLOT_STATES]
            kinds = [cause for cause in causes if cause not in STATES]
            if "give" in kinds:
                acts += self._tell(hubs, later)
            elif kinds:
                acts += self._change(hubs, later) if "revise" in causes else self._act(kinds[0])
            elif states and not acts:
                state = states[0] if len(states) == 1 else self.rng.choice(states)
                acts += self._details(state, self._still_open(later))
            elif self.record.state == "slots_complete" and not CHANGES & {a.kind for a in acts}:
                # who has told all, and is led on as if not, must have changed something
                if OPEN & {*states}:
                    acts += self._drop([*self.record.given], states, later)
                acts += self._meet(self.domain.flowchart.nodes[hub].routes[name].needs)
        return acts

    def _tell(self, hubs: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[Act]:
        """The details that a route is for which is caused by giving them, and others as the hubs
        after it need them; often a few more if they need none.

        Those come first: what else is asked for may rest on them.
        """
        routes = [self.domain.flowchart.nodes[hub].routes[name] for hub, name in hubs]
        needed = [slot for route in routes if "give" in route.acts for slot in route.needs]
        acts = self._give(slot for slot in needed if slot not in self.record.given)
        self.record.hear(acts)
        states = sorted({state for route in routes for state in route.acts} & SLOT_STATES)
        if states or self.rng.random() < 0.5:
            state = self.rng.choice(states or ["slots_missing"])
            further = self._details(state, self._still_open(later))
            acts += [act for act in further if act.kind in {"give", "vague"}]
        return acts

    def _meet(self, needs: Needs) -> list[Act]:
        """Changes that put on record what a route is for."""
        given = self.record.given
        unmet = [slot for slot, values in needs.items() if given.get(slot) not in values]
        return [Act("revise", slot, self._value(slot, given)) for slot in unmet]

    def _look_ahead(self, routes: list[tuple[str, str]], is_fixed: bool = False) -> _Aim:
        """What the values that are chosen next are for: all up to the change after them.

        `is_fixed`: all is told, so that what is asked for again has been changed.
        """
        chart, least, most, made, needs = self.domain.flowchart, 0, math.inf, 0, []
        for place, (node, name) in enumerate(routes):
            causes = {*self._causes(node, name)} if name else set()
            own = chart.nodes[node].routes[name].needs if name else {}
            is_apart = any(
                {*own[slot]}.isdisjoint(before[slot])
                for before in needs
                for slot in own
                if slot in before
            )
            if place and (causes & CHANGES or is_apart or (is_fixed and causes & OPEN)):
                break
            is_fixed |= "slots_complete" in causes
            needs.append(own)
            cites = {*chart.nodes[node].cites, *(chart.nodes[node].routes[name].cites)}
            if "offers_left" in causes or "offers" in cites:
                least = max(least, made + 1)
            if "offers_spent" in causes:
                most = min(most, made)
            if "offers" in cites and not self.domain.offering.again:
                made += self.domain.offering.at_once
        return _Aim(least, most, tuple(filter(None, needs)))

    def _is_aimed(self, known: dict[str, str]) -> bool:
        """Whether what is known can be completed to what the routes ahead are for."""
        aim, own = self.aim, self.offer_slots.intersection(known)
        return any(
            aim.least <= n <= aim.most
            and all(_may_fit(needs, known | values) for needs in aim.needs)
            for values, n in self.domain.offer_counts
            if own <= values.keys()
            if all(known.get(slot, value) == value for slot, value in values.items())
        )

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
        slots = given or self.record.slots
        causes = {c for hub, name in hubs for c in self._causes(hub, name)}
        if not causes & OPEN:
            known = self.record.given
            slot = next((s for s in slots if self._aimed_values(s, known)), None)
            if slot is None and self.aim.needs and (both := self._change_two(slots)):
                return both
            slot = slot or slots[0]
            return [Act("revise", slot, self._value(slot, known))]
        return self._drop(slots, causes, later)

    def _change_two(self, slots: list[str]) -> list[Act]:
        """Two values changed so that they lead where the path goes; [] if no two do."""
        given = self.record.given
        for one, two in permutations(slots, 2):
            for value in self._other_values(one, given):
                if values := self._aimed_values(two, given | {one: value}):
                    return [Act("revise", one, value), Act("revise", two, self.rng.choice(values))]
        return []

    def _drop(
        self, slots: list[str], causes: Collection[str], later: list[tuple[str, str]]
    ) -> list[Act]:
        """Take back details, as many as the next routes need; the first is vague where one must."""
        places = (n for n, (hub, name) in enumerate(self.ahead) if name)
        opened = next((n for n in places if OPEN & {*self._causes(*self.ahead[n])}), 0)
        self.aim = self._look_ahead(self.ahead[opened + 1 :])
        given = self.record.given
        slots = sorted(
            slots, key=lambda slot: not self._is_aimed({s: given[s] for s in given if s != slot})
        )
        drops = [Act("drop", slot) for slot in slots[: 1 + self._still_open(later)]]
        return drops + ([Act("vague", slots[0])] if OPEN & {*causes} == {"slots_vague"} else [])

    def _details(self, state: str, still_open: int) -> list[Act]:
        """Details that leave the slots in `state`, and enough open for `still_open` visits."""
        unknown = [*sorted(self.record.vague), *self.record.missing]
        if state == "slots_complete":
            return self._give_all(unknown)
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
            if not OPEN & {*causes}:
                break
            n += 1
        return n

    def _give(self, slots: Iterable[str]) -> list[Act]:
        known, acts = dict(self.record.given), []
        for slot in slots:
            known[slot] = self._value(slot, known)
            acts.append(Act("give", slot, known[slot]))
        return acts

    def _give_all(self, unknown: list[str]) -> list[Act]:
        """These, and what is asked for once they are known."""
        acts, known = self._give(unknown), dict(self.record.given)
        known |= {act.target: act.value for act in acts}
        for slot in self.record.slots:
            if slot not in known and fits(self.record.needs.get(slot, {}), known):
                known[slot] = self._value(slot, known)
                acts.append(Act("give", slot, known[slot]))
        return acts

    def _value(self, slot: str, known: dict[str, str]) -> str:
        """Another value than the one known, within the customer's means if there is one."""
        others = self._aimed_values(slot, known) or self._other_values(slot, known)
        within = [v for v in others if self.domain.is_within_means(known | {slot: v})]
        return self.rng.choice(within or others)

    def _other_values(self, slot: str, known: dict[str, str]) -> list[str]:
        return self.domain.list_others(slot, known)

    def _aimed_values(self, slot: str, known: dict[str, str]) -> list[str]:
        """Other values, as far as they lead where the path goes."""
        others = self._other_values(slot, known)
        return [value for value in others if self._is_aimed(known | {slot: value})]

    def _causes(self, hub: str, name: str) -> tuple[str, ...]:
        return self.domain.flowchart.nodes[hub].routes[name].acts


def _may_fit(needs: Needs, known: dict[str, str]) -> bool:
    """Whether what is needed is known, or may still become known."""
    return fits({slot: (None, *values) for slot, values in needs.items()}, known)


def strew_side_trip(scenario: Scenario, domain: Domain, rng: random.Random) -> Scenario:
    """The scenario with a side trip put in, at a place where it does not change the walk."""
    strays = domain.asides
    hubs = [hub for hub in scenario.plan if domain.flowchart.nodes[hub].is_hub]
    if not strays or not hubs:
        return scenario
    plan = {hub: [list(acts) for acts in visits] for hub, visits in scenario.plan.items()}
    hub, kind = rng.choice(hubs), rng.choice(strays)
    place = rng.randrange(len(plan[hub]))
    causes = {c for route in domain.flowchart.nodes[hub].routes.values() for c in route.acts}
    if not any(cause.startswith("slots_") for cause in causes):
        if domain.told_if_asked and rng.random() < QUESTION_SHARE:
            kind = str(Act("ask", rng.choice(domain.told_if_asked)))
        plan[hub].insert(place, [kind])
    elif kind != "silence" and all(act.startswith("give") for act in plan[hub][place]):
        plan[hub][place].append(kind)
    return scenario.model_copy(update={"plan": plan})
