"""Whether an agent keeps its place when the customer leaves the procedure.

Off the procedure are acts that no route allows, and acts that call for a side trip other than the
answer to a question. The agent should answer in place: take the side trip, put the pending question
again, or go on as the rest of the message allows; and neither be pushed into a route nor make up a
step.
"""

import re
from collections.abc import Sequence

from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.record import Record

TURNS = {
    "answered": "took the side trip, put the pending question again or went on as it may",
    "forced": "took a route that the customer's acts do not allow",
    "invented": "took a step that cannot be taken there, or that the flowchart does not have",
    "ignored": "did nothing of the kind",
}
"""What an agent does when the customer goes off the procedure; the first is right."""


def judge_turn(
    domain: Domain, at: str, record: Record, acts: Sequence[Act], text: str, label: Label
) -> str:
    """One of `TURNS`, or "" where the customer kept to the procedure or its place is unknown.

    `at` is the user node at which the customer spoke, `record` what stands on record since.
    """
    chart = domain.flowchart
    if not at or not acts:
        return ""
    node, kinds = chart.nodes[chart.nodes[at].routes[""].to], {act.kind for act in acts}
    calling = kinds - {kind for route in node.routes.values() for kind in route.acts}
    trips = {f"anywhere.{n}" for n, trip in chart.anywhere.items() if calling & set(trip.acts)}
    due = {trip for trip in trips if domain.causes(trip) & (calling - {"ask"})}
    allowed = record.allowed_routes(node, acts) if node.is_hub else [""]
    if not due and (allowed or trips):
        return ""
    walk = [step for step in label.steps if not step.startswith("anywhere.")]
    wrong = _find_wrong(domain, at, record, acts, walk)
    if wrong or any(step not in chart.steps for s in label.steps for step in s.split("|")):
        return wrong or "invented"
    is_trip_taken = not due.isdisjoint(label.steps)
    is_asked = bool({*record.missing, *record.vague} & {*label.asks})
    if walk or is_trip_taken or is_asked or puts_again(text, at, domain):
        return "answered"
    return "ignored"


def puts_again(text: str, at: str, domain: Domain) -> bool:
    """Whether a text puts the question that is pending at user node `at`, judged by its words.

    It is a wording of the phrase book, or a question that shares half its longer words with those.
    Where the book has none, any question counts.
    """
    sentences = re.split(r"(?<=[.!?:;])\s+", text.strip())
    questions = [sentence for sentence in sentences if sentence.endswith("?")]
    key = f"pending/{at}"
    if key not in domain.agent:
        return bool(questions)
    wordings = [wording.text for wording in domain.agent.wordings(key)]
    known = {word for wording in wordings for word in _longer_words(wording)}
    shares = [(len(own & known), len(own)) for own in map(_longer_words, questions) if own]
    return any(wording in text for wording in wordings) or any(
        2 * shared >= n for shared, n in shares
    )


def _longer_words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text.lower()))


def _find_wrong(
    domain: Domain, at: str, record: Record, acts: Sequence[Act], walk: Sequence[str]
) -> str:
    """What is wrong with the steps of an answer to what was said at `at`: "" if nothing."""
    chart = domain.flowchart
    node = chart.nodes[chart.nodes[at].routes[""].to]
    for labels in walk:
        here = [step for step in labels.split("|") if step in node.steps]
        again = [s for s in labels.split("|") if s in chart.steps and chart.step_target(s) == at]
        if not here and again:
            continue
        if not here:
            return "invented"
        allowed = record.allowed_routes(node, acts) if node.is_hub else [""]
        right = [step for step in here if step.partition(".")[2] in allowed]
        if not right:
            return "forced"
        node = chart.nodes[chart.step_target(right[0])]
    return ""
