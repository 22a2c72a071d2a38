"""The rubric: five criteria, and one conversation as a judge is shown it.

A judge sees flowchart, facts, the hidden truth and the numbered turns; never the condition, the
model or the run. What was said is quoted, a line a turn, between boundaries it cannot forge.
"""

import json
import re
from collections.abc import Sequence
from string import Template
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workbench.conversation import Act, Message, hash_text
from workbench.domain import Domain, DomainError, fill_prompt
from workbench.evaluate.procedure_prompt import describe_procedure
from workbench.synthesize.behaviours import ADVERSARIAL, DIFFICULT, SPOKEN
from workbench.synthesize.briefing import MOST_PERSONA
from workbench.synthesize.fencing import shorten
from workbench.synthesize.scenarios import CHANGES, Scenario

CRITERIA = (
    "task_success",
    "information_accuracy",
    "consistency",
    "graceful_handling",
    "naturalness",
)
"""Names; the anchors of each stand in `prompts/judge_<name>.md`."""

GRACE = "graceful_handling"
"""The criterion that is scored only where the scenario holds a challenge."""

SPEAKERS = {"user": "customer", "assistant": "agent"}

MOST_CHARACTERS = 1500
"""Of one turn; what is longer is cut, and the cut is noted outside the quotation marks."""

MOST_TURNS = 120
"""Of one conversation; of a longer one the middle is left out, and that is noted."""

MOST_REMARKS = 6000
"""Characters of a domain's own remarks."""

_Points = Annotated[int, Field(ge=1, le=5)]
_MARKUP = re.compile(r"\*\*|__|`+|^#{1,6} ", re.M)


class Evidence(BaseModel):
    """What a score rests on."""

    model_config = ConfigDict(extra="forbid")

    turns: list[int] = Field(min_length=1)
    """Numbers of the turns that show it."""
    finding: str


class Findings(BaseModel):
    """Evidence for each criterion that is always scored."""

    model_config = ConfigDict(extra="forbid")

    task_success: Evidence
    information_accuracy: Evidence
    consistency: Evidence
    naturalness: Evidence


class ChallengedFindings(Findings):
    """The same where the customer made it hard."""

    graceful_handling: Evidence


class Points(BaseModel):
    """The scores, 1 to 5."""

    model_config = ConfigDict(extra="forbid")

    task_success: _Points
    information_accuracy: _Points
    consistency: _Points
    naturalness: _Points


class ChallengedPoints(Points):
    """The same where the customer made it hard."""

    graceful_handling: _Points


class Verdict(BaseModel):
    """A judge's answer: the evidence first, so that scores follow from it."""

    model_config = ConfigDict(extra="forbid")

    evidence: Findings
    scores: Points


class ChallengedVerdict(Verdict):
    """A judge's answer on a conversation that holds a challenge."""

    evidence: ChallengedFindings
    scores: ChallengedPoints


def holds_challenge(scenario: Scenario, domain: Domain) -> bool:
    """Whether the customer makes it hard: by its behaviours, a change of mind or an aside."""
    return bool(list_challenges(scenario, domain))


def list_challenges(scenario: Scenario, domain: Domain) -> list[str]:
    """What the customer makes hard. Example: ["changes_mind: changes a detail after ..."]"""
    meanings = DIFFICULT | {name: f"does {act}" for name, act in ADVERSARIAL.items()}
    found = [
        f"{name}: {meanings.get(name, name)}"
        for name in scenario.behaviours
        if name not in SPOKEN - {"impatient"}
    ]
    asides = {*domain.asides, *CHANGES}
    acts = [Act.parse(act) for hub in scenario.plan.values() for visit in hub for act in visit]
    hard = [act.name for act in acts if {act.name, act.kind} & asides]
    return found + [f"at some point does {name}" for name in dict.fromkeys(hard)]


class Rubric:
    """The criteria and what a domain's conversations are judged by; made once for many of them."""

    def __init__(self, domain: Domain):
        """
        Raises:
            DomainError: the domain's own remarks cannot be read.
        """
        self.domain = domain
        self.remarks = read_remarks(domain)
        self.procedure = describe_procedure(domain, agent="Agent", has_ids=True)
        self.anchors = {name: fill_prompt(f"judge_{name}") for name in CRITERIA}

    def write_request(self, messages: Sequence[Message], scenario: Scenario) -> list[Message]:
        """What a judge is sent: the rubric, one conversation, and all that it is judged by."""
        is_hard = holds_challenge(scenario, self.domain)
        anchors = [text for name, text in self.anchors.items() if is_hard or name != GRACE]
        system = fill_prompt(
            "judge_system",
            criteria="\n\n".join(anchors),
            remarks=f"\n{self.remarks}\n" if self.remarks else "",
        )
        shown = "\n".join(quote(messages))
        case = fill_prompt(
            "judge_conversation",
            **self.procedure,
            scenario=describe_scenario(scenario, self.domain),
            conversation=shown,
            boundary=make_boundary(shown),
            turns=str(sum(m.role in SPEAKERS for m in messages)),
        )
        return [Message(role="system", content=system), Message(role="user", content=case)]


def read_remarks(domain: Domain) -> str:
    """What `rubric.md` in the domain's folder adds; "" if there is none.

    It may name facts as $names, so that no price stands in it.

    Raises:
        DomainError: it is too long, or names a fact that there is not.
    """
    file = domain.folder / "rubric.md"
    if not file.exists():
        return ""
    text = file.read_text("utf-8-sig").strip()
    if len(text) > MOST_REMARKS:
        raise DomainError(f"{file} has {len(text):,} characters; keep it under {MOST_REMARKS:,}")
    try:
        return Template(text).substitute(domain.fact_values())
    except KeyError as error:
        raise DomainError(
            f"{file} names ${error.args[0]}, which is no fact; name one of facts.yaml"
        ) from None
    except ValueError as error:
        raise DomainError(f"{file}: {error}; write $$ for a dollar sign") from None


def describe_scenario(scenario: Scenario, domain: Domain) -> str:
    """The hidden truth in lines: who the customer is, what it does where, which endings may be."""
    persona = next((p for p in domain.personas if p.id == scenario.persona), None)
    who = shorten(persona.description or persona.manner, MOST_PERSONA) if persona else ""
    lines = [f"- customer: {who}"] if who else []
    lines += [
        f"- at step {hub}, time {number}, the customer does: {', '.join(acts) or 'nothing'}"
        for hub, visits in scenario.plan.items()
        for number, acts in enumerate(visits, start=1)
    ]
    lines.append(f"- endings that may be: {', '.join(scenario.endings)}")
    walk = " / ".join(", ".join(steps) for steps in scenario.steps)
    lines.append(f"- the agent's steps, message by message, if all goes as it should: {walk}")
    challenges = list_challenges(scenario, domain) or ["none"]
    return "\n".join([*lines, *(f"- challenge: {challenge}" for challenge in challenges)])


def quote(messages: Sequence[Message]) -> list[str]:
    """What was said, one line a turn, whatever is in it. System prompts are no turns.

    Example: ['1 agent: "Hello"', '2 customer: "A small one"']
    """
    said = [message for message in messages if message.role in SPEAKERS]
    lines = [f"{number} {_quote(message)}" for number, message in enumerate(said, start=1)]
    if len(lines) <= MOST_TURNS:
        return lines
    half = MOST_TURNS // 2
    gap = f"[turns {half + 1} to {len(lines) - half} are left out]"
    return [*lines[:half], gap, *lines[-half:]]


def _quote(message: Message) -> str:
    # markup tells conditions apart and is no part of what was said
    text = _MARKUP.sub("", message.content)
    left_out = len(text) - MOST_CHARACTERS
    note = f" [{left_out:,} more characters are left out]" if left_out > 0 else ""
    # no sign is left that some reader takes for the end of a line, or that hides what is there
    words = json.dumps(text[:MOST_CHARACTERS], ensure_ascii=False)
    if not words.isprintable():
        words = "".join(sign if sign.isprintable() else _escape(sign) for sign in words)
    return f"{SPEAKERS[message.role]}: {words}{note}"


def _escape(sign: str) -> str:
    return json.dumps(sign)[1:-1]


def make_boundary(text: str) -> str:
    """A line that does not occur in the text, and that nobody can know who has not all of it."""
    boundary = f"=== {hash_text('boundary', text, digits=16)} ==="
    while boundary in text:
        boundary = f"=== {hash_text(boundary, text, digits=16)} ==="
    return boundary
