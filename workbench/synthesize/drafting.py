"""Drafting: one conversation, turn by turn, in which a model speaks for the agent, the customer or
both.

What is said next is decided as ever: the agent's steps by the flowchart, the customer's acts by its
seeded plan. A model only words it. Each message is checked before the talk goes on; one that is
rejected is written anew once, with the reason, and if that is no better the conversation is set
aside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from workbench.api.call import Answer
from workbench.conversation import Act, Conversation, Label, Message, hash_text, seeded
from workbench.domain import Domain
from workbench.phrases import Voice
from workbench.synthesize.briefing import Messages, ask_anew, brief_customer, brief_teacher
from workbench.synthesize.checking import Checker, check_form, check_walk
from workbench.synthesize.dealing import house_voice, talk_seed
from workbench.synthesize.provenance import list_used
from workbench.synthesize.rejections import Rejection, give_up
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.speakers import Cast, hash_told
from workbench.synthesize.talk import Talk, open_talk
from workbench.synthesize.teacher import NAME, PhraseBookAgent, find_steps, label_steps
from workbench.synthesize.turns import Fault, TurnCheck

SCRIPTED = {"silence", "flood", "take_over"}
"""Acts that the phrase book words where it can, whoever speaks: no model is asked to attack another
or to write nothing, many would refuse, and an empty answer is none."""

MOST_REPLIES = 10
"""More messages of the agent than planned, after which a talk is set aside."""

Thought = TypeVar("Thought")

Ask = Callable[[Messages, int], Awaitable[Answer]]
"""Sends messages as the n-th question of that wording, and gives the answer."""


@dataclass
class Written:
    """What became of a scenario."""

    scenario_id: str
    talk: Conversation | None = None
    """The conversation, if it is to be kept."""
    rejections: list[Rejection] = field(default_factory=list)
    unanswered: str = ""
    """Why it is to be tried again, "" if it is done with: a call had no answer for now."""


class _SetAsideError(Exception):
    """The conversation cannot go on; `args` are step, role, reasons and the last message."""


class _UnansweredError(Exception):
    """A call had no answer, and may have one another time."""


class Drafter:
    """Writes conversations for scenarios, each by `write`."""

    def __init__(
        self,
        domain: Domain,
        cast: Cast,
        asks: Mapping[str, Ask],
        checkers: Sequence[Checker],
        seed: int,
        has_checks: bool = True,
    ):
        """`asks` reaches the model of each role that has one. `checkers` are one for each fold of
        wordings, or one for all, or none where there is no phrase book. Without `has_checks` all
        that is written is taken: to try out what will be asked."""
        self.domain, self.cast, self.asks, self.seed = domain, cast, asks, seed
        self.checkers, self.has_checks = checkers, has_checks
        self.told = hash_told(domain)
        self._readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")

    async def write(self, scenario: Scenario) -> Written:
        """The conversation of a scenario, or why there is none.

        Raises:
            StoppedError: no call can be made for now.
        """
        draft = await self.think(lambda: _Draft(self, scenario))
        try:
            while not draft.talk.is_over:
                await draft.reply()
                if not draft.talk.is_over:
                    await draft.answer()
        except _UnansweredError as error:
            return Written(scenario.scenario_id, unanswered=str(error))
        except _SetAsideError as error:
            return draft.set_aside(*error.args)
        return await self.think(draft.close)

    async def think(self, work: Callable[[], Thought]) -> Thought:
        """What a piece of work comes to that needs the processor: reading, above all.

        It is done in a thread of its own, one piece after the other: the loop goes on with the
        calls meanwhile, whose time would be up else.
        """
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


class _Draft:
    """One conversation under way."""

    def __init__(self, drafter: Drafter, scenario: Scenario):
        self.drafter, self.domain, self.scenario = drafter, drafter.domain, scenario
        id_, cast, domain = scenario.scenario_id, drafter.cast, drafter.domain
        own, fold = talk_seed(drafter.seed, id_)
        chosen = cast.choose(drafter.seed, id_)
        self.teacher, self.customer = chosen["teacher"], chosen["customer"]
        manner = next(p.manner for p in domain.personas if p.id == scenario.persona)
        again = scenario.model_copy(update={"seed": own})
        most = len(scenario.steps) + MOST_REPLIES
        self.talk: Talk = open_talk(domain, again, Voice("train", fold, manner), most)
        voice = house_voice(drafter.seed)
        self.agent = PhraseBookAgent(domain, voice, seeded(0, "agent", own))
        self.rng = seeded(0, "modelled customer", own)
        checkers = drafter.checkers
        self.checker = checkers[fold % len(checkers)] if checkers else None
        self.check = TurnCheck(domain, self.checker)
        self.repeat = int(hash_text("repeat", own), 16)
        """Of its calls: two conversations that begin alike are two."""
        self.mended: list[Rejection] = []
        self.at = ""
        """The user node at which the walk stands."""

    async def reply(self) -> None:
        """The agent's next message."""
        talk, domain = self.talk, self.domain
        record, acts = talk.record, talk.acts
        steps, self.at = find_steps(domain.flowchart, self.at, record, acts)
        label = label_steps(domain, steps, record, acts)
        is_last = domain.flowchart.nodes[self.at].role == "end"

        def check(text: str) -> list[Fault]:
            is_modelled = self.teacher != NAME
            return self.check.check_agent(text, label, record, is_last, is_modelled)

        if self.teacher == NAME:
            self.agent.at = self.at

            def say() -> str:
                return self.agent.say(steps, record, acts)[0]

            text = await self._script("teacher", say(), say, check, label)
        else:
            said = talk.messages[1:]
            brief = brief_teacher(domain, self.scenario, said, record, label, acts, is_last)
            text = await self._model("teacher", brief, check, label)
        talk.take_reply(text, label)
        if talk.is_overrun:
            raise _SetAsideError("", "teacher", ["it did not come to an end"], "")

    async def answer(self) -> None:
        """The customer's next message."""
        talk, domain = self.talk, self.domain
        heard = talk.labels[-1]
        place = talk.find_place(heard)
        customer, is_first = talk.customer, not talk.customer.last
        acts, is_again = customer.decide(talk.record, place, heard.asks)
        label = Label(acts=[str(act) for act in acts])
        is_modelled = self.customer != NAME and not self._is_scripted(acts)

        def say() -> str:
            return customer.say(acts, talk.record, is_again, is_first)

        if is_modelled:
            said = talk.messages[1:]
            brief = brief_customer(domain, self.scenario, said, acts, is_again, self.rng)
        words = "" if is_modelled else say()
        # the words change nothing of what the acts do: what they lead to is known before them
        talk.take_answer(words, label, place)
        steps, _ = find_steps(domain.flowchart, self.at, talk.record, acts)

        def check(text: str) -> list[Fault]:
            return self.check.check_customer(text, label, "".join(steps[:1]), is_modelled)

        led = Label(steps=steps)
        if is_modelled:
            text = await self._model("customer", brief, check, led)
        else:
            text = await self._script("customer", words, say, check, led)
        talk.messages[-1] = Message(role="user", content=text)
        self.check.take_customer(text, acts)

    def _is_scripted(self, acts: Sequence[Act]) -> bool:
        """Whether the phrase book words a message although a model speaks for the customer."""
        return any(act.kind in SCRIPTED and act.name in self.domain.customer for act in acts)

    async def _model(
        self, role: str, brief: Messages, check: Callable[[str], list[Fault]], label: Label
    ) -> str:
        """What a model writes, if it stands the check at the first or the second time."""
        text = await self._ask(role, brief, label)
        faults = await self._read(check, text)
        if not faults:
            return text
        anew = await self._ask(role, ask_anew(brief, text, (f.advice for f in faults)), label)
        self._judge(role, text, faults, anew, await self._read(check, anew), label)
        return anew

    async def _script(
        self,
        role: str,
        text: str,
        say: Callable[[], str],
        check: Callable[[str], list[Fault]],
        label: Label,
    ) -> str:
        """What the phrase book says, if it stands the check at the first or the second time."""
        faults = await self._read(check, text)
        if not faults:
            return text
        anew = say()
        self._judge(role, text, faults, anew, await self._read(check, anew), label)
        return anew

    async def _read(self, check: Callable[[str], list[Fault]], text: str) -> list[Fault]:
        """What is wrong with a message."""
        if not self.drafter.has_checks:
            return []
        return await self.drafter.think(partial(check, text))

    def _judge(
        self,
        role: str,
        text: str,
        faults: list[Fault],
        anew: str,
        left: list[Fault],
        label: Label,
    ) -> None:
        """Take down a message that was written anew, or set the conversation aside."""
        step = _name_step(role, label)
        if left:
            raise _SetAsideError(step, role, [fault.reason for fault in left], anew)
        self.mended += [self._reject("", step, role, f.reason, [text], True) for f in faults]

    async def _ask(self, role: str, messages: Messages, label: Label) -> str:
        answer = await self.drafter.asks[role](messages, self.repeat)
        if answer.is_lasting:
            raise _SetAsideError(_name_step(role, label), role, [answer.failure], "")
        if answer.failure:
            raise _UnansweredError(answer.failure)
        return answer.text.strip()

    def close(self) -> Written:
        """The conversation as a whole, unless reading it as one finds fault with it."""
        talk = self._make_conversation()
        if not self.drafter.has_checks:
            return Written(self.scenario.scenario_id, talk)
        if self.checker:
            problems = self.checker.problems(talk, self.scenario)
        else:
            problems = [*check_form(talk), *check_walk(talk, self.scenario)]
        if problems:
            id_, text = talk.conversation_id, [m.content for m in talk.messages]
            lines = [self._reject(id_, step, "", reason, text) for step, reason in problems]
            return self._give_up(lines)
        id_ = talk.conversation_id
        mended = [r.model_copy(update={"conversation_id": id_}) for r in self.mended]
        return Written(self.scenario.scenario_id, talk, mended)

    def set_aside(self, step: str, role: str, reasons: Sequence[str], last: str) -> Written:
        """The record of a conversation that was broken off at a message, `last` as it was then."""
        text = [message.content for message in self.talk.messages]
        # of the customer's message the place is taken already
        text = [*(text if role == "teacher" else text[:-1]), last]
        id_ = hash_text(*text)
        return self._give_up([self._reject(id_, step, role, reason, text) for reason in reasons])

    def _give_up(self, lines: list[Rejection]) -> Written:
        id_ = lines[0].conversation_id
        mended = [r.model_copy(update={"conversation_id": id_}) for r in self.mended]
        own = self.scenario.scenario_id
        return Written(own, None, [*mended, *lines, give_up(own)])

    def _reject(
        self,
        conversation_id: str,
        step: str,
        role: str,
        reason: str,
        text: list[str],
        is_mended: bool = False,
    ) -> Rejection:
        return Rejection(
            conversation_id=conversation_id,
            scenario_id=self.scenario.scenario_id,
            step=step,
            reason=reason,
            text=text,
            role=role,
            is_mended=is_mended,
        )

    def _make_conversation(self) -> Conversation:
        talk, told = self.talk, self.drafter.told
        roles = {"teacher": self.teacher, "customer": self.customer}
        spoken = [role for role, who in roles.items() if who != NAME]
        names = [n for role in spoken for n in told if n.startswith(f"prompt.{role}_")]
        names += ["prompt.rewrite_message"] * bool(spoken)
        return Conversation.model_construct(
            conversation_id=hash_text(*(message.content for message in talk.messages)),
            scenario_id=self.scenario.scenario_id,
            path_id=self.scenario.path_id,
            split=self.scenario.split,
            teacher=self.teacher,
            customer=self.customer,
            messages=talk.messages,
            labels=talk.labels,
            hashes=list_used(talk.labels, self.domain) | {name: told[name] for name in names},
        )


def _name_step(role: str, label: Label) -> str:
    """What a message is known by: an agent's last step, the first that a customer's leads to."""
    steps = label.steps or [""]
    return steps[-1] if role == "teacher" else steps[0]
