"""Customers of the test split talk to an agent, all talks a message at a time, in large batches."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import BaseModel
from tqdm import tqdm

from workbench.conversation import Conversation, Label, hash_text
from workbench.domain import Domain
from workbench.evaluate.conditions import Agent, Key, Reply
from workbench.phrases import Voice
from workbench.recognizer import AgentRecognizer
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.talk import Talk, open_talk, true_ears

STRATA = {
    "seen": "plain",
    "unseen": "plain",
    "difficult": "difficult",
    "adversarial": "adversarial",
    "untrained": "untrained",
}
"""Customers, and the sort of scenario that they play. Seen ones speak training wordings, all others
wordings that are never trained on."""


class Simulated(BaseModel):
    """One conversation of one condition: a line of `simulated/<condition>.jsonl`."""

    conversation_id: str
    scenario_id: str
    path_id: str
    condition: str
    stratum: Literal["seen", "unseen", "difficult", "adversarial", "untrained"]
    conversation: Conversation
    """Its labels are what was read off the agent's words, and the customer's true acts."""
    true_labels: list[Label] | None = None
    """What a scripted agent meant; none for models."""
    fault: str = ""
    """What a scripted agent did wrong in it, on purpose."""
    is_overrun: bool = False
    """It hit the limit of replies before the customer's closing act."""
    has_left_in_anger: bool = False
    """The customer's patience ran out: whatever is said then, no ending is right."""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompts' tokens those that were remembered or shared, and not read again."""
    replies: int = 0
    seconds: float = 0.0
    """Of the agent alone; in a batch, its share of the batch."""
    at_once: int = 1
    """Talks that the agent began with it: on this its seconds depend, and what a cache has."""


def limit_replies(scenarios: Iterable[Scenario]) -> int:
    """Twice the agent messages of the longest walk."""
    return 2 * max(len(scenario.steps) for scenario in scenarios)


def of_stratum(scenarios: Iterable[Scenario], stratum: str) -> list[Scenario]:
    """The scenarios that customers of a stratum play."""
    return [scenario for scenario in scenarios if scenario.stratum == STRATA[stratum]]


def list_customers(
    scenarios: Iterable[Scenario], strata: Iterable[str]
) -> list[tuple[str, Scenario]]:
    """Each stratum with each scenario that its customers play."""
    scenarios = list(scenarios)
    return [(stratum, own) for stratum in strata for own in of_stratum(scenarios, stratum)]


def simulate(
    agent: Agent,
    customers: Sequence[tuple[str, Scenario]],
    domain: Domain,
    recognizer: AgentRecognizer,
    max_replies: int,
    progress: bool = True,
) -> Iterator[Simulated]:
    """Let every customer talk to the agent, all at once; each talk comes when it has ended.

    The customer hears through the recognizer: words only. Only an agent that asks for true ears
    (the walker on true labels) is understood without it.
    """
    talks: dict[Key, Talk] = {}
    for stratum, scenario in customers:
        ears = true_ears if agent.has_true_ears else _ears(recognizer)
        manner = next(p.manner for p in domain.personas if p.id == scenario.persona)
        voice = Voice("train" if stratum == "seen" else "test", None, manner)
        talks[stratum, scenario.scenario_id] = open_talk(domain, scenario, voice, max_replies, ears)
    costs = {key: Reply("", 0, 0, 0.0) for key in talks}
    by_id = {scenario.scenario_id: scenario for _, scenario in customers}
    open_keys = list(talks)
    agent.begin(talks)
    with tqdm(total=len(talks), desc=agent.name, disable=not progress, unit="talk") as bar:
        while open_keys:
            start = time.perf_counter()
            replies = agent.reply({key: talks[key] for key in open_keys})
            share = (time.perf_counter() - start) / len(open_keys)
            recognizer.label([reply.text for reply in replies.values()])
            for key, reply in replies.items():
                costs[key] = _add(costs[key], reply, share)
                talks[key].hear_agent(reply.text, reply.label)
            for key in [key for key in open_keys if talks[key].is_over]:
                bar.update()
                found = _finish(agent, key[0], by_id[key[1]], talks[key], costs[key], recognizer)
                yield found.model_copy(update={"at_once": len(talks)})
            open_keys = [key for key in open_keys if not talks[key].is_over]


def _add(total: Reply, reply: Reply, seconds: float) -> Reply:
    """What a talk cost with one reply more, which took the agent so long."""
    return Reply(
        "",
        total.prompt_tokens + reply.prompt_tokens,
        total.reply_tokens + reply.reply_tokens,
        total.seconds + seconds,
        fault=total.fault or reply.fault,
        cached_tokens=total.cached_tokens + reply.cached_tokens,
    )


def _ears(recognizer: AgentRecognizer):
    def hear(text: str, label: Label) -> Label:
        return recognizer.label([text])[0]

    return hear


def _finish(
    agent: Agent,
    stratum: str,
    scenario: Scenario,
    talk: Talk,
    cost: Reply,
    recognizer: AgentRecognizer,
) -> Simulated:
    read = [
        recognizer.label([message.content])[0] if message.role == "assistant" else label
        for message, label in zip(talk.messages, talk.labels, strict=True)
    ]
    conversation = Conversation(
        conversation_id=hash_text(agent.name, stratum, scenario.scenario_id),
        scenario_id=scenario.scenario_id,
        path_id=scenario.path_id,
        split=scenario.split,
        teacher="",
        messages=talk.messages,
        labels=read,
    )
    return Simulated(
        conversation_id=conversation.conversation_id,
        scenario_id=scenario.scenario_id,
        path_id=scenario.path_id,
        condition=agent.name,
        stratum=stratum,
        conversation=conversation,
        true_labels=talk.labels if agent.is_scripted else None,
        fault=cost.fault,
        is_overrun=talk.is_overrun,
        has_left_in_anger=talk.customer.has_left_in_anger,
        prompt_tokens=cost.prompt_tokens,
        reply_tokens=cost.reply_tokens,
        cached_tokens=cost.cached_tokens,
        replies=talk.replies,
        seconds=cost.seconds,
    )
