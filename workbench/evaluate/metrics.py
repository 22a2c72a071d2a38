"""Measures of one conversation, and their means over many with intervals. No judge."""

from collections.abc import Iterable

from pydantic import BaseModel

from workbench.conformance import Aligner, Alignment
from workbench.conversation import Conversation, Label
from workbench.domain import Domain
from workbench.evaluate.reader import Reader
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import (
    RESAMPLES,
    Difference,
    Metric,
    adjust_holm,
    average,
    compare,
)
from workbench.synthesize.scenarios import Scenario

MEASURES = {
    "ending_correct": "the last reply reaches an ending that may be, none another before, and the"
    " customer has not lost patience",
    "premature_ending": "a reply ends the talk before the customer's closing act",
    "overrun": "the talk hits the limit of replies",
    "left_in_anger": "the customer loses patience and leaves",
    "invalid_moves": "share of consecutive steps that the flowchart does not have",
    "fitness": "1 - alignment cost / agent steps: 1 is a walk from start to an end",
    "branch_correct": "share of hub decisions that the customer's acts allow",
    "facts_right": "every number, name and date that is due is stated, and no other; claims in"
    " words are not checked",
    "reasked": "a detail already on record is asked for again",
    "slots_kept": "share of restated details that are those on record",
    "off_procedure": "share of a customer's turns off the procedure that are answered in place",
}
"""Names and meanings."""

PERFECT = dict.fromkeys(MEASURES, 1.0) | dict.fromkeys(
    ("premature_ending", "overrun", "left_in_anger", "invalid_moves", "reasked"), 0.0
)
"""What each measure is in a conversation with nothing wrong."""

HEADLINE = (
    "ending_correct",
    "premature_ending",
    "facts_right",
    "reasked",
    "fitness",
    "branch_correct",
)
"""The measures that are shown first; their differences are tested as families."""

ALL = "all"
"""Stands where a stratum does: customers of all strata together."""


class Score(BaseModel):
    """One conversation's measures: a line of `scores.jsonl`."""

    conversation_id: str
    scenario_id: str
    path_id: str
    condition: str
    stratum: str
    measures: dict[str, float | None]
    """None: the measure does not apply or could not be taken; it is counted as unscored."""
    faults: list[str]
    """Steps at which something went wrong, as "what: step"."""
    wrong: dict[int, str]
    """Index of a message to what is wrong with it."""
    hubs: dict[str, list[int]] = {}
    """Hub to [decisions right, decisions]."""
    ending: str = ""
    """The outcome that the last ending reply reaches; "" if none ends the talk."""
    forgiven: int = 0
    """Steps that the alignment forgave."""
    forgiven_kinds: dict[str, int] = {}
    """The same by kind: "side_trips", "answered", "unordered", "silent", "unopened"."""
    off_turns: dict[str, int] = {}
    """Customer turns off the procedure, by what the agent made of them."""

    @property
    def is_clean(self) -> bool:
        """Whether there are measures, and none finds anything wrong."""
        return any(v is not None for v in self.measures.values()) and all(
            v in (None, PERFECT[measure]) for measure, v in self.measures.items()
        )

    def right_at(self, hub: str) -> float | None:
        """Share of the decisions at a hub that are right; None if the talk never came there."""
        right, total = self.hubs.get(hub, (0, 0))
        return right / total if total else None


def score_conversation(
    talk: Simulated,
    scenario: Scenario,
    domain: Domain,
    aligner: Aligner,
    labels: list[Label] | None = None,
) -> Score:
    """All measures of one simulated conversation.

    `labels` replaces those read off the words, e.g. by what a scripted agent meant. Of a talk that
    was broken off nothing is known: it counts as unscored in every measure.
    """
    conversation = talk.conversation
    kept = {
        name: getattr(talk, name)
        for name in ("conversation_id", "scenario_id", "path_id", "condition", "stratum")
    }
    if talk.failure:
        return Score(**kept, measures=dict.fromkeys(MEASURES), faults=[], wrong={})
    if labels:
        conversation = conversation.model_copy(update={"labels": labels})
    score = score_transcript(
        conversation,
        domain,
        aligner,
        endings=scenario.endings,
        is_overrun=talk.is_overrun,
        has_left_in_anger=talk.has_left_in_anger,
    )
    return score.model_copy(update=kept)


def score_transcript(
    conversation: Conversation,
    domain: Domain,
    aligner: Aligner,
    endings: Iterable[str] | None = None,
    is_overrun: bool | None = None,
    has_left_in_anger: bool | None = None,
    condition: str = "",
    stratum: str = "",
) -> Score:
    """All measures of one labelled conversation, whoever held it.

    `endings` are the acceptable outcomes; without them no ending is right or wrong, without
    `is_overrun` it is not known whether there was a limit to hit, and without `has_left_in_anger`
    not whether the customer lost patience. Such measures are None.
    """
    reader = Reader(conversation, domain, conversation.labels)
    said, given = reader.said, reader.given_at_steps
    alignment = aligner.align(said, given, reader.agent_opens)
    invalid, moves = aligner.invalid_moves(said, given, reader.agent_opens)
    is_right, ending = _judge_ending(reader, None if endings is None else {*endings})
    if has_left_in_anger and is_right is not None:
        # whatever was said last: who is not understood, and goes, was not served
        is_right = 0.0
        if reader.places:
            reader.note(reader.places[reader.closing], "ending", "the customer lost patience")
    is_premature = _judge_premature(reader)
    left_out = _list_left_out(alignment)
    withheld = reader.find_withheld(left_out)
    return Score(
        conversation_id=conversation.conversation_id,
        scenario_id=conversation.scenario_id,
        path_id=conversation.path_id,
        condition=condition,
        stratum=stratum,
        measures={
            "ending_correct": is_right,
            "premature_ending": is_premature,
            "overrun": None if is_overrun is None else float(is_overrun),
            "invalid_moves": invalid / moves if moves else None,
            "fitness": alignment.fitness if said else 0.0,
            "branch_correct": reader.branch_correct,
            "left_in_anger": None if has_left_in_anger is None else float(has_left_in_anger),
            "facts_right": 0.0 if withheld else reader.facts_right,
            "reasked": float(reader.has_reasked),
            "slots_kept": reader.slots_kept,
            "off_procedure": reader.off_procedure,
        },
        faults=[
            *reader.faults,
            *(f"facts: {step}" for step in left_out if reader.find_withheld([step])),
            *(f"{kind}: {s}" for kind, s in alignment.moves if kind in ("extra", "missing")),
        ],
        wrong=reader.wrong,
        hubs=reader.hubs,
        ending=ending,
        forgiven=alignment.n_forgiven,
        forgiven_kinds=alignment.forgiven,
        off_turns=dict(reader.off_turns),
    )


def _list_left_out(alignment: Alignment) -> list[str]:
    """Steps passed over on the way to one that was taken: what comes after the last is open."""
    moves = [*alignment.moves]
    while moves and moves[-1][0] == "missing":
        moves.pop()
    return [step for kind, step in moves if kind == "missing"]


def _judge_ending(reader: Reader, acceptable: set[str] | None) -> tuple[float | None, str]:
    """Whether the talk ended as it may, and the outcome reached last.

    The closing reply must end it, and no reply may have ended it in what is not acceptable: who
    gives in to a demand has done so, however the talk went on.
    """
    found = [outcomes for endings in reader.endings for outcomes in endings]
    ending = min(found[-1], key=lambda o: (o not in (acceptable or ()), o)) if found else ""
    if acceptable is None:
        return None, ending
    is_right = bool(reader.places and reader.endings[reader.closing])
    for n, endings in enumerate(reader.endings):
        if any(not outcomes & acceptable for outcomes in endings):
            is_right = False
            reader.note(
                reader.places[n], "ending", "this reply ends the talk otherwise than it may"
            )
    if reader.places and not reader.endings[reader.closing]:
        reader.note(
            reader.places[reader.closing], "ending", "this reply should have ended the talk"
        )
    return float(is_right), ending


def _judge_premature(reader: Reader) -> float:
    """Whether a reply before the closing one ends the talk; each that does is marked."""
    early = [n for n in range(max(0, reader.closing)) if reader.endings[n]]
    for n in early:
        text = "this reply ends the talk before the customer does"
        reader.note(reader.places[n], "premature", text)
    return float(bool(early))


def average_scores(scores: Iterable[Score]) -> dict[str, dict[str, dict[str, Metric]]]:
    """Metrics by condition, stratum and measure."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.condition, score.stratum), []).append(score)
    averaged: dict[str, dict[str, dict[str, Metric]]] = {}
    for (condition, stratum), group in groups.items():
        averaged.setdefault(condition, {})[stratum] = {
            measure: average([s.measures.get(measure) for s in group], [s.path_id for s in group])
            for measure in MEASURES
        }
    return averaged


def compare_scores(
    scores: Iterable[Score], condition: str = "compiled"
) -> dict[str, dict[str, dict[str, Difference]]]:
    """What a condition has more than each other, on the customers that both met.

    By the other's name, stratum and measure; under "all" the customers of all strata together, if
    there are several. Where the two share no customer, there is nothing. P values of headline
    measures are adjusted in two families, each over all others: that of "all", and that of the
    strata, which are asked for where something lies.
    """
    groups: dict[tuple[str, str], dict[tuple[str, str], Score]] = {}
    for score in scores:
        for stratum in (score.stratum, ALL):
            group = groups.setdefault((score.condition, stratum), {})
            group[score.stratum, score.scenario_id] = score
    differences: dict[str, dict[str, dict[str, Difference]]] = {}
    for (other, stratum), theirs in sorted(groups.items(), key=lambda group: group[0][1] == ALL):
        own = groups.get((condition, stratum), {})
        shared = [customer for customer in own if customer in theirs]
        is_repeated = stratum == ALL and len({name for name, _ in shared}) == 1
        if other == condition or not shared or is_repeated:
            continue
        differences.setdefault(other, {})[stratum] = {
            measure: compare(
                [own[customer].measures.get(measure) for customer in shared],
                [theirs[customer].measures.get(measure) for customer in shared],
                [own[customer].path_id for customer in shared],
                RESAMPLES if stratum == ALL and measure in HEADLINE else 0,
            )
            for measure in MEASURES
        }
    for is_pooled in (True, False):
        family = {
            (other, stratum, measure): found[measure]
            for other, strata in differences.items()
            for stratum, found in strata.items()
            for measure in HEADLINE
            if (stratum == ALL) == is_pooled
        }
        p_values = {key: found.p for key, found in family.items() if found.p is not None}
        for key, p in adjust_holm(p_values).items():
            family[key].p_adjusted = p
    return differences
