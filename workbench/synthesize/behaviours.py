"""Behaviours of customers who are not easy: each changes what a customer does, or how it speaks.

A behaviour is put into the plan of a scenario where there is occasion for it; the walk that follows
is worked out anew, so its ending stays known. It never changes which endings are acceptable.
"""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from workbench.conversation import Act
from workbench.domain import Domain
from workbench.record import REACTIONS, Record
from workbench.synthesize.teacher import find_steps

DIFFICULT = {
    "vague": "says something too vague at first",
    "changes_mind": "changes a detail after the offers were made",
    "asks_why": "asks why a detail is needed before giving it",
    "answers_late": "answers one of several questions a message or two later",
    "corrects_itself": "gives a wrong detail and corrects it, at once or later",
    "said_already": "says that it said a detail already",
    "asks_before_confirming": "asks about a rule just when a confirmation is awaited",
    "impatient": "urges, and soon leaves an agent that does not get on",
    "curt": "answers in a word or two",
    "typos": "types carelessly",
}
"""Names and meanings; all are trained on, in other wordings than are tested."""

ADVERSARIAL = {
    "off_topic": "stray",
    "skips_steps": "take_over(skip)",
    "claims_authority": "take_over(authority)",
    "plays_a_part": "take_over(play)",
    "asks_for_procedure": "take_over(reveal)",
    "says_nothing": "silence",
    "writes_at_length": "flood",
    "pastes_instructions": "take_over(paste)",
    "control_tokens": "take_over(tokens)",
}
"""Names and the act that each does, once or twice in a talk."""

SPOKEN = {"impatient", "curt", "typos"}
"""Behaviours that change only how the customer speaks."""

_TRIES = 4


@dataclass(frozen=True)
class Turn:
    """One message of the customer as planned, and what is on record before it."""

    hub: str
    """The hub that its message leads to, "" if there is none."""
    acts: tuple[Act, ...]
    given: dict[str, str]
    state: str
    """State of the slots: slots_missing, slots_vague or slots_complete."""


@dataclass(frozen=True)
class Walk:
    """How a talk goes when both sides do what they should."""

    turns: list[Turn]
    steps: list[list[str]]
    """The steps of the agent's messages, side trips and messages without others left out."""
    outcome: str
    """"" if the plan does not lead to an end."""
    takes: list[str]
    """Ids of the offers that prove to be the right ones."""
    is_sound: bool
    """Whether each offer is planned to be right, or planned not to be, but never both, and no
    values come together that cannot."""


Plan = dict[str, list[list[str]]]
Edit = Callable[["_Editor", list[Turn]], list[Turn] | None]


def walk_plan(plan: Plan, domain: Domain) -> Walk:
    """The walk that a customer's plan causes, worked out without a word being said."""
    chart, record, at = domain.flowchart, domain.open_record(), ""
    left = {hub: list(visits) for hub, visits in plan.items()}
    turns: list[Turn] = []
    messages: list[list[str]] = []
    acts: list[Act] = []
    right: dict[str, None] = {}
    wrong: set[str] = set()
    is_odd = False

    def close(outcome: str) -> Walk:
        walked = [steps for steps in messages if steps]
        is_sound = wrong.isdisjoint(right) and not is_odd
        return Walk(turns, walked, outcome, [*right], is_sound)

    while True:
        steps, at = find_steps(chart, at, record, acts)
        messages.append([step for step in steps if not step.startswith("anywhere.")])
        if any("offers" in domain.cites(step) for step in steps):
            record.offer([offer.id for offer in domain.present(record)])
        node = chart.nodes[at]
        if node.role == "end":
            return close(node.outcome)
        hub = node.routes[""].to
        if not left.get(hub):
            return close("")
        planned = [Act.parse(act) for act in left[hub].pop(0)]
        turns.append(Turn(hub, tuple(planned), dict(record.given), record.state))
        acts = [found for act in planned if (found := aim(act, record, domain)) is not None]
        kinds = set() if record.has_reacted else {act.kind for act in acts}
        if kinds & {*REACTIONS}:
            right |= dict.fromkeys(record.offered[-1:])
        if kinds & {*REACTIONS.values()}:
            wrong |= {*record.offered}
        record.hear(acts)
        is_odd |= not domain.goes_together(record.given)


def aim(act: Act, record: Record, domain: Domain) -> Act | None:
    """A planned choice aimed at the offers made; None when there was none to choose from.

    Who chose before and wants a change chooses something else, if there is anything else.
    """
    if act.kind != "choose" or act.target in domain.offers:
        return act
    if not record.offered:
        return None
    others = [offer for offer in record.offered if offer != record.chosen] or record.offered
    return Act("choose", others[int(act.target) % len(others)])


def take_turn(
    visits: list[list[str]], record: Record, domain: Domain, takes: Collection[str]
) -> list[Act]:
    """What a customer does of what is planned for its visits to a hub; what is done is removed.

    Whether an offer is right is the scenario's hidden truth (`takes`), and is said whichever was
    planned next. Of one that is not, nothing planned is removed; of one that is right earlier than
    planned, all that was to come before.
    """
    planned = [Act.parse(act) for act in visits[0]]
    acts = [react(act, record, takes) for act in planned]
    changed = [act for act, before in zip(acts, planned, strict=True) if act != before]
    if not changed:
        del visits[0]
        return [found for act in acts if (found := aim(act, record, domain)) is not None]
    if changed[0].kind in REACTIONS:
        kinds = [{Act.parse(act).kind for act in acts} for acts in visits]
        last = next((n for n, own in enumerate(kinds) if changed[0].kind in own), 0)
        # what comes after a change of mind is about other offers
        is_near = not any(own & {"revise", "drop"} for own in kinds[:last])
        del visits[: last + 1 if is_near else 1]
    return changed


def react(act: Act, record: Record, takes: Collection[str]) -> Act:
    """A planned reaction to an offer as it comes out once the offer has been tried.

    One that was made before is not right; what is said of it a second time stays as planned.
    """
    pair = next((pair for pair in REACTIONS.items() if act.kind in pair), None)
    if pair is None or not record.offered or record.has_reacted:
        return act
    fresh = {offer for offer in record.offered if record.tried.count(offer) == 1}
    return Act(pair[0] if fresh & {*takes} else pair[1])


def list_behaviours(domain: Domain, stratum: str) -> list[str]:
    """Behaviours of a stratum that the domain's phrase book can word.

    difficult, adversarial (kinds that are trained on) or untrained (those of which the phrase book
    has no training wordings).
    """
    if stratum == "difficult":
        return [name for name in DIFFICULT if _is_worded(name, domain)]
    is_untrained = stratum == "untrained"
    return [
        name
        for name, act in ADVERSARIAL.items()
        if act in domain.customer and domain.is_trained(act) != is_untrained
    ]


def _is_worded(name: str, domain: Domain) -> bool:
    book = domain.customer
    parts = {"impatient": "hurry", "asks_before_confirming": "hang_on", "answers_late": "late"}
    keys = {"asks_why": "why", "said_already": f"remind({next(iter(domain.slots), '')})"}
    if name in parts:
        return f"part/{parts[name]}" in book
    if name in keys:
        return keys[name] in book
    if name == "curt":
        return any(wording.manner == "curt" for key in book.keys for wording in book.wordings(key))
    if name in {"vague", "changes_mind"}:
        kind = {"vague": "vague", "changes_mind": "revise"}[name]
        return any(f"{kind}({slot})" in book for slot in domain.slots)
    return name != "corrects_itself" or "part/slip" in book


def behave(
    plan: Plan,
    outcomes: list[str],
    stratum: str,
    domain: Domain,
    rng: random.Random,
    is_training: bool = False,
) -> tuple[Plan, list[str]]:
    """The plan with behaviours of a stratum put in, and their names.

    Difficult customers have two or three, one more to learn from in training; adversarial ones one
    or two. What would change the ending is left out; fewer may find an occasion, even none.
    """
    names = list_behaviours(domain, stratum)
    n = rng.randint(2, 3) + is_training if stratum == "difficult" else rng.randint(1, 2)
    n = min(n, len(names))
    done = []
    for name in rng.sample(names, len(names)):
        if len(done) == n:
            break
        if name in SPOKEN:
            done.append(name)
            continue
        for _ in range(_TRIES):
            edited = _put_in(name, plan, outcomes, domain, rng)
            if edited:
                plan = edited
                done.append(name)
                break
    return plan, sorted(done)


def _put_in(
    name: str, plan: Plan, outcomes: list[str], domain: Domain, rng: random.Random
) -> Plan | None:
    turns = walk_plan(plan, domain).turns
    editor = _Editor(domain, rng)
    edit = getattr(editor, f"_{name}", None)
    edited = edit(turns) if edit else editor.intrude(turns, ADVERSARIAL[name])
    if edited is None:
        return None
    changed: Plan = {}
    for turn in edited:
        changed.setdefault(turn.hub, []).append([str(act) for act in turn.acts])
    walk = walk_plan(changed, domain)
    # all that was planned must come to pass
    is_whole = len(walk.turns) == len(edited) and walk.is_sound
    return changed if is_whole and walk.outcome in outcomes else None


class _Editor:
    """Puts one behaviour into the turns of a talk; None where there is no occasion."""

    def __init__(self, domain: Domain, rng: random.Random):
        self.domain, self.rng = domain, rng

    def causes(self, hub: str) -> set[str]:
        """Acts and states that cause the routes of a hub."""
        if not hub:
            return set()
        routes = self.domain.flowchart.nodes[hub].routes.values()
        return {cause for route in routes for cause in route.acts}

    def is_collecting(self, hub: str) -> bool:
        """Whether the hub routes on the state of the slots."""
        return any(cause.startswith("slots_") for cause in self.causes(hub))

    def intrude(self, turns: list[Turn], act: str) -> list[Turn]:
        """Do `act`, which leads nowhere, once or twice; a flood goes with what is said anyway."""
        for _ in range(self.rng.randint(1, 2)):
            place = self.rng.randrange(len(turns))
            turn = turns[place]
            if act == "flood":
                both = (*turn.acts, Act("flood"))
                turns = _swap(turns, place, replace(turn, acts=both))
                break
            alone = replace(turn, acts=(Act.parse(act),))
            turns = [*turns[:place], alone, *turns[place:]]
        return turns

    def _vague(self, turns: list[Turn]) -> list[Turn] | None:
        found = self._find_act(turns, lambda act: f"vague({act.target})" in self.domain.customer)
        if found is None:
            return None
        place, give = found
        rest = tuple(a for a in turns[place].acts if a != give)
        vague = replace(turns[place], acts=(*rest, Act("vague", give.target)))
        return [*turns[:place], vague, replace(vague, acts=(give,)), *turns[place + 1 :]]

    def _changes_mind(self, turns: list[Turn]) -> list[Turn] | None:
        places = [i for i, turn in enumerate(turns) if "revise" in self.causes(turn.hub)]
        return self._insert_revision(turns, places, is_alone=True)

    def _corrects_itself(self, turns: list[Turn]) -> list[Turn] | None:
        if self.rng.random() < 0.5:
            places = [i for i, t in enumerate(turns) if i and self.is_collecting(t.hub)]
            return self._insert_revision(turns, places, is_alone=False)
        found = self._find_act(turns)
        if found is None:
            return None
        place, give = found
        wrong = self._other_value(give.target, {give.target: give.value})
        acts = tuple(
            part
            for act in turns[place].acts
            for part in ([Act("misspeak", give.target, wrong), act] if act == give else [act])
        )
        return _swap(turns, place, replace(turns[place], acts=acts))

    def _insert_revision(
        self, turns: list[Turn], places: list[int], is_alone: bool
    ) -> list[Turn] | None:
        places = [i for i in places if turns[i].given]
        if not places:
            return None
        place = self.rng.choice(places)
        turn = turns[place]
        slot = self.rng.choice(sorted(turn.given))
        revision = Act("revise", slot, self._other_value(slot, turn.given))
        if is_alone:
            return [*turns[:place], replace(turn, acts=(revision,)), *turns[place:]]
        if any(act.target == slot for act in turn.acts):
            return None
        return _swap(turns, place, replace(turn, acts=(*turn.acts, revision)))

    def _asks_why(self, turns: list[Turn]) -> list[Turn] | None:
        places = [
            i
            for i, turn in enumerate(turns)
            if i and self.is_collecting(turn.hub) and turn.state != "slots_complete"
        ]
        if not places:
            return None
        place = self.rng.choice(places)
        why = replace(turns[place], acts=(Act("why"),))
        return [*turns[:place], why, *turns[place:]]

    def _answers_late(self, turns: list[Turn]) -> list[Turn] | None:
        found = self._find_act(turns, is_one_of_several=True)
        if found is None:
            return None
        place, late = found
        turn = turns[place]
        early = [act for act in turn.acts if act != late]
        # a message later, or two when there is enough to say meanwhile; a slip and its correction
        # are said in one breath
        n_last = 2 if any(act.kind == "misspeak" for act in early[-2:-1]) else 1
        cut = len(early) - n_last if self.rng.random() < 0.5 else len(early)
        said = [acts for acts in (early[:cut], early[cut:], [late]) if acts]
        late_turns = [replace(turn, acts=tuple(acts)) for acts in said]
        return [*turns[:place], *late_turns, *turns[place + 1 :]]

    def _said_already(self, turns: list[Turn]) -> list[Turn] | None:
        places = [
            i
            for i, turn in enumerate(turns)
            if turn.given
            and self.is_collecting(turn.hub)
            and {a.kind for a in turn.acts} <= {"give"}
        ]
        if not places:
            return None
        place = self.rng.choice(places)
        turn = turns[place]
        remind = Act("remind", self.rng.choice(sorted(turn.given)))
        return _swap(turns, place, replace(turn, acts=(remind, *turn.acts)))

    def _asks_before_confirming(self, turns: list[Turn]) -> list[Turn] | None:
        places = [i for i, turn in enumerate(turns) if {"confirm", "ask"} <= self.causes(turn.hub)]
        if not places or not self.domain.askable:
            return None
        place = self.rng.choice(places)
        ask = Act("ask", self.rng.choice(self.domain.askable))
        return [*turns[:place], replace(turns[place], acts=(ask,)), *turns[place:]]

    def _find_act(
        self,
        turns: list[Turn],
        wanted: Callable[[Act], bool] = lambda act: True,
        is_one_of_several: bool = False,
    ) -> tuple[int, Act] | None:
        """A place where a detail is given, and the act. One that corrects a slip stays with it."""
        found = [
            (i, act)
            for i, turn in enumerate(turns)
            for gives in [[act for act in turn.acts if act.kind == "give"]]
            for act in gives
            if self.is_collecting(turn.hub) and wanted(act)
            if len(gives) > 1 or not is_one_of_several
            if not any(a.kind == "misspeak" and a.target == act.target for a in turn.acts)
        ]
        return self.rng.choice(found) if found else None

    def _other_value(self, slot: str, known: dict[str, str]) -> str:
        """Another value than the one known, within the customer's means if there is one."""
        others = self.domain.list_others(slot, known)
        within = [v for v in others if self.domain.is_within_means(known | {slot: v})]
        return self.rng.choice(within or others)


def _swap(turns: list[Turn], place: int, turn: Turn) -> list[Turn]:
    return [*turns[:place], turn, *turns[place + 1 :]]
