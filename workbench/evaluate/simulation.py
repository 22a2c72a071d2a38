"""Customers of the test split talk to an agent, all talks a message at a time, in large batches."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel
from tqdm import tqdm

from workbench.conversation import Conversation, Label, hash_text
from workbench.domain import Domain
from workbench.evaluate.conditions import Agent, Key, Reply
from workbench.phrases import Voice
from workbench.recognizer import AgentRecognizer
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.talk import Ears, Talk, open_talk, true_ears

STRATA = {
    "seen": "plain",
    "unseen": "plain",
    "difficult": "difficult",
    "adversarial": "adversarial",
    "untrained": "untrained",
}
"""Customers, and the sort of scenario that they play. Seen ones speak training wordings, all others
wordings that are never trained on."""


class Usage(BaseModel):
    """What one reply of the agent took."""

    prompt_tokens: int
    cached_tokens: int
    reply_tokens: int
    seconds: float
    calls: int = 1
    cost_usd: float | None = None
    is_counted: bool = True
    reading_s: float = 0.0
    """Of its seconds those in which prompts were read; 0: it is not known."""


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
    """Talks that the agent began with it: on this its seconds depend, and what a cache has. 0: it
    was asked over the network, where seconds are those of waiting."""
    usage: list[Usage] = []
    """Of each reply; what stands above is their sum."""
    cost_usd: float | None = None
    """What a provider takes for the replies; None: nobody, or a price is not known."""
    is_counted: bool = True
    """Whether all tokens are known; where not, the sums are of those that are."""
    unread: int = 0
    """Answers of an orchestrator's router that name no route."""
    failure: str = ""
    """Why the talk could not be held to its end; "" if it was. It is not scored then."""


def file_of(condition: str) -> str:
    """Where the talks of a condition lie in a run: as it is called, in letters that any disk takes.

    Example: "in_context/openai/gpt-6-sol" -> "simulated/in_context_openai%2Fgpt-6-sol.jsonl"
    """
    way, _, rest = condition.partition("/")
    name = "_".join(filter(None, (way, quote(rest, safe=""))))
    # a folder's whole path may be longer than a name can be
    name = name if len(name) <= 200 else f"{name[:180]}_{hash_text(condition)}"
    return f"simulated/{name}.jsonl"


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
    ears = true_ears if agent.has_true_ears else _ears(recognizer)
    talks = {
        (stratum, scenario.scenario_id): begin_talk(domain, stratum, scenario, max_replies, ears)
        for stratum, scenario in customers
    }
    replies: dict[Key, list[Reply]] = {key: [] for key in talks}
    by_id = {scenario.scenario_id: scenario for _, scenario in customers}
    open_keys = list(talks)
    agent.begin(talks)
    with tqdm(total=len(talks), desc=agent.name, disable=not progress, unit="talk") as bar:
        while open_keys:
            start = time.perf_counter()
            said = agent.reply({key: talks[key] for key in open_keys})
            share = (time.perf_counter() - start) / len(open_keys)
            recognizer.label([reply.text for reply in said.values()])
            for key, reply in said.items():
                replies[key].append(replace(reply, seconds=share))
                talks[key].hear_agent(reply.text, reply.label)
            for key in [key for key in open_keys if talks[key].is_over]:
                bar.update()
                talk = talks[key]
                read = [
                    recognizer.label([message.content])[0] if message.role == "assistant" else label
                    for message, label in zip(talk.messages, talk.labels, strict=True)
                ]
                found = finish_talk(agent.name, key[0], by_id[key[1]], talk, read, replies[key])
                more = {"at_once": len(talks)}
                more |= {"true_labels": talk.labels} if agent.is_scripted else {}
                yield found.model_copy(update=more)
            open_keys = [key for key in open_keys if not talks[key].is_over]


def begin_talk(
    domain: Domain, stratum: str, scenario: Scenario, max_replies: int, ears: Ears
) -> Talk:
    """A customer's talk at its start, in the wordings of its stratum."""
    manner = next(p.manner for p in domain.personas if p.id == scenario.persona)
    voice = Voice("train" if stratum == "seen" else "test", None, manner)
    return open_talk(domain, scenario, voice, max_replies, ears)


def finish_talk(
    condition: str,
    stratum: str,
    scenario: Scenario,
    talk: Talk,
    read: list[Label],
    replies: Sequence[Reply],
) -> Simulated:
    """The record of a talk that has ended, with what was read off the agent's words."""
    conversation = Conversation(
        conversation_id=hash_text(condition, stratum, scenario.scenario_id),
        scenario_id=scenario.scenario_id,
        path_id=scenario.path_id,
        split=scenario.split,
        teacher="",
        messages=talk.messages,
        labels=read,
    )
    costs = [reply.cost_usd for reply in replies]
    sums = ("prompt_tokens", "reply_tokens", "cached_tokens", "seconds", "unread")
    return Simulated(
        conversation_id=conversation.conversation_id,
        scenario_id=scenario.scenario_id,
        path_id=scenario.path_id,
        condition=condition,
        stratum=stratum,
        conversation=conversation,
        fault=next((reply.fault for reply in replies if reply.fault), ""),
        is_overrun=talk.is_overrun,
        has_left_in_anger=talk.customer.has_left_in_anger,
        replies=talk.replies,
        usage=[Usage(**{name: getattr(r, name) for name in Usage.model_fields}) for r in replies],
        cost_usd=None if None in costs or not costs else sum(costs),
        is_counted=all(reply.is_counted for reply in replies),
        **{name: sum(getattr(reply, name) for reply in replies) for name in sums},
    )


def _ears(recognizer: AgentRecognizer) -> Ears:
    def hear(text: str, label: Label) -> Label:
        return recognizer.label([text])[0]

    return hear
