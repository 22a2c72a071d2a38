"""What of an older run's conversations is still so: each is looked at before it is carried over.

A conversation stays if every part of the domain that it used is what it was, if nothing it says is
out of the phrase book, and if today's procedure would go the same way and owe the same facts.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from workbench.conversation import Act, Conversation
from workbench.design.changes import ABOUT, Changes
from workbench.design.older import Older
from workbench.design.paths import FlowPath
from workbench.design.renames import Renames
from workbench.design.succession import thread_path
from workbench.domain import Domain
from workbench.facts import check_facts, offers_named
from workbench.synthesize.behaviours import walk_plan
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.teacher import find_steps, label_steps

ALWAYS_USED = (f"{ABOUT}agency", f"{ABOUT}title", f"{ABOUT}start", "prompt.agent_system")
"""Parts that stand in the system prompt, or before everything else."""


class Carrier:
    """Looks at scenarios and conversations of an older run with the eyes of today's domain."""

    def __init__(self, older: Older):
        self.changes: Changes = older.changes
        self.domain: Domain = older.changes.new
        self.renames: Renames = older.changes.renames
        self._paths = {path.path_id: path for path in older.paths}

    @cached_property
    def is_same(self) -> bool:
        """Whether nothing needs to be looked at."""
        return self.changes.are_names_all

    def find_path(self, scenario: Scenario) -> FlowPath | None:
        """The scenario's path under today's names; None where it leads another way today."""
        old = self._paths[scenario.path_id]
        path = thread_path(old, self.changes)
        return path if path and path.steps == tuple(map(self.renames.step, old.steps)) else None

    def carry_scenario(self, scenario: Scenario) -> Scenario | None:
        """The scenario under today's names; None if its customer would come another way today."""
        path = self.find_path(scenario)
        if path is None:
            return None
        renamed = rename_scenario(scenario, self.renames, path.path_id)
        return renamed if self.is_same or is_possible(renamed, self.domain) else None

    def find_objections(self, talk: Conversation, scenario: Scenario) -> list[str]:
        """Reasons why a conversation cannot stay, none if it can. `scenario` is the old one."""
        if self.is_same:
            return []
        used = find_parts(talk, scenario, self.changes.old)
        gone = sorted(used & self.changes.touched)
        if gone:
            return [f"uses {name}, which has changed" for name in gone]
        unlike = [n for n, h in talk.hashes.items() if self.changes.old.hashes.get(n, h) != h]
        if unlike:
            return [f"was made from another {name}" for name in unlike]
        renamed = rename_talk(talk, self.renames, self.domain, talk.path_id)
        said = [s.text for s in self.changes.unsaid if _is_said(s, renamed)]
        if said:
            return [f'says "{text}", which is no longer said' for text in said]
        if renamed.messages[0].content != self.domain.system_prompt():
            return ["has another system prompt"]
        # who writes otherwise than by the steps could not be read so before either
        if not repeats(renamed, self.domain) and repeats(talk, self.changes.old):
            return ["would go on otherwise, or state something else, today"]
        wrong = check_facts(renamed, self.domain)
        return [f"states what is not so: {text}" for _, text in wrong[:1]]

    def carry_talk(self, record: Mapping[str, Any], scenario: Scenario) -> dict[str, Any]:
        """The record of a conversation that stays; `scenario` is its own, as it is today.

        What is said is never touched, and without renames nothing at all is.
        """
        talk = Conversation.model_validate(record)
        renamed = rename_talk(talk, self.renames, self.domain, scenario.path_id)
        return dict(record) if renamed == talk else renamed.model_dump()


def rename_scenario(scenario: Scenario, renames: Renames, path_id: str) -> Scenario:
    """The scenario under today's names. It keeps its id: it is the same customer."""
    plan = {
        renames.node(hub): [[renames.act(act) for act in acts] for acts in visits]
        for hub, visits in scenario.plan.items()
    }
    return scenario.model_copy(
        update={
            "path_id": path_id,
            "persona": renames.personas.get(scenario.persona, scenario.persona),
            "plan": plan,
            "takes": [renames.offers.get(offer, offer) for offer in scenario.takes],
            "steps": [[renames.step(step) for step in steps] for steps in scenario.steps],
            "wordings": {
                "+".join(sorted(map(renames.act, key.split("+")))): ids
                for key, ids in scenario.wordings.items()
            },
        }
    )


def rename_talk(talk: Conversation, renames: Renames, domain: Domain, path_id: str) -> Conversation:
    """The conversation with today's names beside what is said."""
    if not renames:
        return talk.model_copy(update={"path_id": path_id})
    labels = [
        label.model_copy(
            update={
                "steps": [renames.step(step) for step in label.steps],
                "facts": [renames.fact(fact) for fact in label.facts],
                "acts": [renames.act(act) for act in label.acts],
            }
        )
        for label in talk.labels
    ]
    names = {renames.part(name): own for name, own in talk.hashes.items()}
    hashes = {name: domain.hashes.get(name, own) for name, own in names.items()}
    return talk.model_copy(update={"path_id": path_id, "labels": labels, "hashes": hashes})


def find_parts(talk: Conversation, scenario: Scenario, domain: Domain) -> set[str]:
    """Keys of the parts that a conversation was made of, under its own names."""
    used = {*talk.hashes, *ALWAYS_USED, f"persona.{scenario.persona}"}
    if any(name.startswith("offer.") for name in talk.hashes):
        used.add(f"{ABOUT}offering")
    for label in talk.labels:
        given = {Act.parse(act).target for act in label.acts}
        used |= {f"slot.{slot}" for slot in {*label.asks, *given} if slot in domain.slots}
    steps = [step for steps in talk.walk() for step in steps]
    return used | {*FlowPath.through(steps, domain.flowchart).nodes}


def _is_said(saying, talk: Conversation) -> bool:
    return any(
        saying.is_in(message.role, message.content, label)
        for message, label in zip(talk.messages, talk.labels, strict=True)
    )


def is_possible(scenario: Scenario, domain: Domain) -> bool:
    """Whether a customer knows only what there is, and its plan leads where it is to lead."""
    if scenario.persona not in {persona.id for persona in domain.personas}:
        return False
    acts = [Act.parse(a) for visits in scenario.plan.values() for turn in visits for a in turn]
    if not all(_is_known(act, domain) for act in acts):
        return False
    if not all(hub in domain.flowchart.nodes for hub in scenario.plan):
        return False
    walk = walk_plan(scenario.plan, domain)
    return (
        walk.is_sound
        and walk.steps == scenario.steps
        and walk.outcome in scenario.endings
        and walk.takes == scenario.takes
    )


def _is_known(act: Act, domain: Domain) -> bool:
    """Whether there is what an act is about, and training has words for it."""
    if act.kind == "ask":
        return act.target in domain.askable
    if act.kind == "choose":
        return act.target.isdigit() or act.target in domain.offers
    if act.target and act.kind != "take_over":
        talk = domain.slots.get(act.target)
        return talk is not None and (not act.value or act.value in talk.values)
    return True


def repeats(talk: Conversation, domain: Domain) -> bool:
    """Whether the agent would take these very steps, ask this and owe this, after these acts."""
    record, at = domain.open_record(), ""
    acts: list[Act] = []
    for message, label in zip(talk.messages, talk.labels, strict=True):
        if message.role == "user":
            acts = label.parsed_acts()
            record.hear(acts)
        if message.role != "assistant":
            continue
        if at and domain.flowchart.nodes[at].role == "end":
            return False
        steps, at = find_steps(domain.flowchart, at, record, acts)
        due = label_steps(domain, steps, record, acts)
        if (steps, due.asks, due.facts) != (label.steps, label.asks, label.facts):
            return False
        offered = offers_named(message.content, domain, record.given)
        if offered and any("offers" in domain.cites(step) for step in steps):
            record.offer(offered)
    return True
