"""Talks side by side, each at its own pace: for agents that are asked over the network."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from tqdm import tqdm

from workbench.api.call import CallError
from workbench.api.portal import run_all
from workbench.domain import Domain
from workbench.evaluate.remote import RemoteModel, Speak
from workbench.evaluate.simulation import Simulated, begin_talk, finish_talk
from workbench.recognizer import AgentRecognizer
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.talk import Talk, true_ears


class RemoteAgent(Protocol):
    """Something over the network that replies in many talks."""

    name: str
    model: RemoteModel

    def open(self, customer: str) -> Speak:
        """Begin a talk with a customer, by whose id it is known again."""


@dataclass
class Listener:
    """Lets customers hear and answer in a thread of its own, while others wait for the network.

    What has come meanwhile is taken together, and each message is read by itself: what a customer
    hears does not depend on who else was heard.
    """

    recognizer: AgentRecognizer
    waiting: list[tuple[Talk, str, asyncio.Future]] = field(default_factory=list)
    is_busy: bool = False

    def __post_init__(self):
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="customers")

    async def hear(self, talk: Talk, text: str) -> None:
        """Let the talk's customer hear the agent's message, and answer it."""
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((talk, text, done))
        if not self.is_busy:
            self.is_busy = True
            self.task = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # whoever was broken off waits no more
            while batch := [one for one in self.waiting if not one[2].done()]:
                self.waiting = []
                errors = await loop.run_in_executor(self.thread, self._hear_all, batch)
                for (_, _, done), error in zip(batch, errors, strict=True):
                    if not done.done():
                        done.set_exception(error) if error else done.set_result(None)
        finally:
            self.is_busy = False

    def _hear_all(self, batch: Sequence[tuple[Talk, str, Any]]) -> list[Exception | None]:
        errors: list[Exception | None] = []
        for talk, text, _ in batch:
            try:
                talk.hear_agent(text, self.recognizer.label_apart([text])[0])
                errors.append(None)
            # whatever it is, it is the one talk's that waits for it
            except Exception as error:
                errors.append(error)
        return errors


def hold_side_by_side(
    agent: RemoteAgent,
    customers: Sequence[tuple[str, Scenario]],
    domain: Domain,
    recognizer: AgentRecognizer,
    max_replies: int,
    progress: bool = True,
) -> Iterator[Simulated]:
    """Let every customer talk to the agent, many at once; each talk comes when it has ended.

    A talk in which a call has no answer, though others have, is broken off and says why. Talks are
    begun as others end, so that ten thousand take no more memory than a hundred.

    Raises:
        StoppedError: no call can be made for now, or the cap is reached. Talks that have ended have
            come by then, and what was answered of the others stands in the ledger.
    """
    listener = Listener(recognizer)

    async def hold(customer: tuple[str, Scenario]) -> Simulated:
        stratum, scenario = customer
        talk = begin_talk(domain, stratum, scenario, max_replies, true_ears)
        speak, replies, failure = agent.open(f"{stratum}/{scenario.scenario_id}"), [], ""
        while not talk.is_over:
            try:
                reply = await speak(talk.messages)
            except CallError as error:
                failure = str(error)
                break
            replies.append(reply)
            await listener.hear(talk, reply.text or "…")
        # what the customer heard is what was read
        found = finish_talk(agent.name, stratum, scenario, talk, talk.labels, replies)
        return found.model_copy(update={"at_once": 0, "failure": failure})

    line, at_once = agent.model.model.line, agent.model.places
    total, n_failed = len(customers), 0
    if progress:
        print(agent.model.model.describe())
    try:
        with tqdm(total=total, desc=agent.name, disable=not progress, unit="talk") as bar:
            for talk in run_all(hold, customers, at_once, in_order=False):
                n_failed += bool(talk.failure)
                said = f"{line.describe_cost()}, {n_failed} broken off"
                bar.set_postfix_str(said if n_failed else line.describe_cost(), refresh=False)
                bar.update()
                yield talk
    finally:
        listener.thread.shutdown(wait=False, cancel_futures=True)
