"""What conversations share: sentences, near-duplicates, and leaks from one split to another."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.conversation import Conversation
from workbench.domain import Domain
from workbench.encoder import split_sentences

_PLACEHOLDER = re.compile(r"\{\w+\}")

NEAR = 0.8
"""Conversations that share this much of their word triples are near-duplicates."""


@dataclass(frozen=True)
class Variety:
    """How much of what is said is said once."""

    n_sentences: int
    n_distinct: int
    most_common: list[tuple[str, int]]

    @property
    def distinct_share(self) -> float:
        """Distinct sentences among all, 0 to 1."""
        return self.n_distinct / max(1, self.n_sentences)


def measure_variety(talks: Sequence[Conversation], role: str) -> Variety:
    """Whole sentences of one role over all conversations."""
    spoken = Counter(
        sentence
        for talk in talks
        for message in talk.messages
        if message.role == role
        for sentence in split_sentences(message.content)
    )
    return Variety(spoken.total(), len(spoken), spoken.most_common(10))


def count_heard(talks: Iterable[Conversation], domain: Domain) -> dict[str, tuple[int, int]]:
    """Of the customers' training wordings, how many training says and how many there are, by act.

    The least heard come first. A wording counts as said where its longest run between placeholders
    is; a short one may be there by chance. Example: {"leave": (313, 335), "confirm": (319, 319)}
    """
    said = "\n".join(
        message.content.lower()
        for talk in talks
        if talk.split == "train"
        for message in talk.messages
        if message.role == "user"
    )
    known, heard = Counter[str](), Counter[str]()
    for key in domain.customer.keys:
        act = key.partition("(")[0]
        for wording in domain.customer.wordings(key):
            # a full stop goes where the sentence leads another, or is the last
            run = _longest_run(wording.text).rstrip(".")
            if wording.split == "train":
                known[act] += 1
                heard[act] += bool(run) and run in said
    return {
        act: (heard[act], known[act]) for act in sorted(known, key=lambda a: heard[a] / known[a])
    }


def find_near_duplicates(talks: Sequence[Conversation], near: float = NEAR) -> dict[str, str]:
    """Conversation id to that of an earlier one whose words are nearly the same.

    Likeness is the Jaccard index of word triples, compared only where a rare triple is shared.
    """
    triples = {talk.conversation_id: _triples(talk) for talk in talks}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    found: dict[str, str] = {}
    for talk in talks:
        own = triples[talk.conversation_id]
        rivals = Counter(other for triple in own for other in holders[triple])
        for other, shared in rivals.most_common(1):
            likeness = shared / (len(own) + len(triples[other]) - shared)
            if likeness >= near:
                found[talk.conversation_id] = other
        if talk.conversation_id not in found:
            for triple in own:
                # a triple that everybody uses tells nothing, and would make this slow
                if len(holders[triple]) < 50:
                    holders[triple].append(talk.conversation_id)
    return found


def find_leaks(
    talks: Sequence[Conversation],
    domain: Domain,
    test_paths: Iterable[str] = (),
    test_walks: Iterable[list[list[str]]] = (),
) -> list[str]:
    """Reasons why training has seen what it should not, one sentence each; [] is what we want.

    A leak is a training path that is a test path too, or a wording kept for tests in a row.
    `test_paths` are the ids of those that models are tested on: they have no conversations yet.
    `test_walks` are the steps of the tests' messages: what a difficult customer makes of its path.
    """
    leaks = []
    paths: dict[str, set[str]] = defaultdict(set, test=set(test_paths))
    for talk in talks:
        paths[talk.split].add(talk.path_id)
    for split in ("test", "valid"):
        shared = paths["train"] & paths[split]
        if shared:
            leaks.append(
                f"{len(shared)} paths stand in training and in {split}:"
                f" {', '.join(sorted(shared)[:5])}"
            )
    walks = {str(walk) for walk in test_walks}
    taken = [talk for talk in talks if talk.split == "train" and str(talk.walk()) in walks]
    if taken:
        ids = ", ".join(talk.conversation_id for talk in taken[:5])
        leaks.append(f"{len(taken)} training conversations take the walk of a test: {ids}")
    said = list({message.content.lower() for talk in talks for message in talk.messages})
    forms = _forms(domain)
    for wording in list_test_wordings(domain):
        if _is_said(wording, said, forms):
            leaks.append(f'the test wording "{wording}" is said in training')
    return leaks


def list_test_wordings(domain: Domain) -> list[str]:
    """Test wordings with a run of at least four words of their own: short ones occur by chance."""
    wordings = dict.fromkeys(
        wording.text
        for book in (domain.agent, domain.customer)
        for key in book.keys
        for wording in book.wordings(key)
        if wording.split == "test" and len(_longest_run(wording.text).split()) >= 4
    )
    forms = (form for talk in domain.slots.values() for form in talk.test_forms)
    return [*wordings, *(form for form in forms if len(form.split()) >= 4)]


def _is_said(wording: str, said: list[str], forms: dict[str, str]) -> bool:
    """Whether a message holds a wording, its placeholders filled by any of their forms."""
    run = _longest_run(wording)
    lines = [line for line in said if run in line]
    if not lines:
        return False
    # list, "{name}", list, ...: literal text and placeholders take turns
    parts = re.split(r"\{(\w+)\}", wording.lower().strip())
    pattern = "".join(
        forms.get(part, ".*?") if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    return any(re.search(pattern, line) for line in lines)


def _forms(domain: Domain) -> dict[str, str]:
    """For each name that a wording may hold in braces, a pattern of all that it can stand for."""
    found: dict[str, list[str]] = defaultdict(list)
    for form, (slot, _) in domain.said_forms.items():
        found[slot].append(form)
    found["vague"] = [v for t in domain.slots.values() for v in (*t.vague.train, *t.vague.test)]
    found["offer"] = [offer.name for offer in domain.offers.values()]
    return {
        name: f"(?:{'|'.join(sorted(map(re.escape, map(str.lower, forms)), reverse=True))})"
        for name, forms in found.items()
        if forms
    }


def _longest_run(wording: str) -> str:
    return max(_PLACEHOLDER.split(wording.lower()), key=len).strip()


def _triples(talk: Conversation) -> set[tuple[str, ...]]:
    words = " ".join(m.content for m in talk.messages if m.role != "system").lower().split()
    return set(zip(words, words[1:], words[2:], strict=False))
