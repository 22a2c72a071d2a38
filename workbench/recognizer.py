"""Which steps or acts a message carries, judged from its words alone.

Sentence vectors and small classifiers, fitted on labelled conversations. They never see the
flowchart's routes, the message before, or where the talk is believed to stand: a decoder that
trusts the flowchart hides the very faults a measurement looks for.

An agent's message is read twice, as a whole and sentence by sentence, and what the two make of it
is weighed alike: each errs where the other seldom does.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.adapting import Adaptation
from workbench.conversation import Conversation, Label
from workbench.domain import Domain
from workbench.encoder import (
    MOST_KNOWN,
    SentenceEncoder,
    load_encoder,
    split_clauses,
    split_sentences,
)
from workbench.tagging import SentenceTagger, log_odds

ABSTAIN_BELOW = 0.2
"""A reading less likely than this is none."""

GUESS_FROM = 0.1
"""A message with a sentence that is neither idle nor a question put again does something: its
likeliest label, unless less likely."""

UNLIKELY = 0.05
"""A label less likely than this is contradicted, if something else is at all likely."""

CONTRADICTS = 0.25
"""How likely something else must be for that."""

HALF_CONTRADICTS = 0.6
"""The same for something that shares a label with it: half of it is heard at least."""


GIVING = {"give", "misspeak"}
"""Acts that do nothing but give details, which are looked for as values."""


@dataclass(frozen=True)
class Reading:
    """What a message was read as."""

    labels: tuple[str, ...]
    """Steps or acts, sorted; empty if it carries none, or if the reader abstains."""

    chance: float
    """How likely the classifier holds it to be, 0 to 1."""


class Classifier:
    """Softmax over the sets of labels that were seen together, on vectors of messages.

    `boldness` is scikit-learn's C: the higher, the surer of what it has not heard word for word.
    """

    def __init__(self, boldness: float = 10.0):
        self.boldness = boldness

    def fit(self, vectors: np.ndarray, labels: Sequence[tuple[str, ...]]) -> "Classifier":
        """Learn from vectors of shape (messages, width) and one set of labels per message."""
        from sklearn.linear_model import LogisticRegression

        self.sets = sorted(set(labels))
        numbers = [self.sets.index(found) for found in labels]
        self.model = None
        if len(self.sets) > 1:
            self.model = LogisticRegression(C=self.boldness, max_iter=300).fit(vectors, numbers)
        return self

    def chances(self, vectors: np.ndarray) -> np.ndarray:
        """Chance of each set of labels, of shape (messages, sets)."""
        if self.model is None:
            return np.ones((len(vectors), 1))
        return self.model.predict_proba(vectors)

    def rival(self, chances: np.ndarray, wanted: tuple[str, ...]) -> Reading | None:
        """What a message is read as instead of `wanted`, if that is clear; chances of each set.

        A set that was never seen together is as likely as those that share a label with it.
        """
        own = sum(c for c, s in zip(chances, self.sets, strict=True) if s == wanted)
        if wanted not in self.sets:
            own = sum(c for c, s in zip(chances, self.sets, strict=True) if set(s) & set(wanted))
        best = int(chances.argmax())
        least = HALF_CONTRADICTS if set(self.sets[best]) & set(wanted) else CONTRADICTS
        is_clear = own < UNLIKELY and chances[best] >= least
        return Reading(self.sets[best], float(chances[best])) if is_clear else None

    def rival_of_sentence(
        self, chances: np.ndarray, wanted: tuple[str, ...], doubt: float
    ) -> Reading | None:
        """The same for one sentence, which need not say all that its message does.

        All readings that have nothing in common with `wanted` must leave less than `doubt`.
        """
        others = {
            n: chance
            for n, chance in enumerate(chances)
            if self.sets[n] and not set(self.sets[n]) & set(wanted)
        }
        # a label may be likely in several sets together and in none of them alone
        mass = Counter[str]()
        for n, chance in others.items():
            mass.update(dict.fromkeys(self.sets[n], float(chance)))
        heard = tuple(sorted(label for label, chance in mass.items() if chance >= 0.5))
        if not heard or sum(others.values()) < 1 - doubt:
            return None
        return Reading(heard, min(mass[label] for label in heard))


class Recognizer:
    """Reads messages of one role. `fit` it on (text, labels); several heads read several things.

    A head is a name and a function that says which of a message's labels it is about, e.g. steps
    on the walk, side trips, slots asked for.
    """

    doubt = 0.07
    """Chance that a sentence fits its message after all, below which it speaks against it."""

    boldness = 10.0
    """Of its classifiers."""

    def __init__(self, domain: Domain, heads: Sequence[str]):
        self.domain = domain
        self.heads = {head: Classifier(self.boldness) for head in heads}
        self.sentence_heads = {head: Classifier(self.boldness) for head in heads}

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """What makes vectors of sentences for the heads."""
        return load_encoder()

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of the texts with names and numbers masked, of shape (messages, width)."""
        return self.encoder.encode_messages([self.domain.mask(text) for text in texts])

    def prepare(self, texts: Iterable[str]) -> None:
        """Encode the sentences of many messages at once; reading them is then quick."""
        sentences = {s for text in texts for s in split_sentences(self.domain.mask(text))}
        if sentences:
            self.encoder.encode(sorted(sentences))

    def fit(self, texts: Sequence[str], labels: Sequence[dict[str, tuple[str, ...]]]) -> None:
        """Learn each head's labels. Both have one item per message."""
        rows = {
            (self.domain.mask(text), tuple(sorted(found.items()))): found
            for text, found in zip(texts, labels, strict=True)
        }
        vectors = self.vectors([text for text, _ in rows])
        for head, classifier in self.heads.items():
            classifier.fit(vectors, [found[head] for found in rows.values()])
        for head, classifier in self.sentence_heads.items():
            # a sentence is taken to say what its message says; what occurs with all says nothing
            pairs = sorted(
                {
                    (s, found[head])
                    for (text, _), found in rows.items()
                    for s in split_sentences(text)
                }
            )
            vectors = self.encoder.encode([sentence for sentence, _ in pairs])
            classifier.fit(vectors, [found for _, found in pairs])

    def read(self, texts: Sequence[str]) -> list[dict[str, Reading]]:
        """For each message, what each head reads in it."""
        if not texts:
            return []
        vectors = self.vectors(texts)
        readings: list[dict[str, Reading]] = [{} for _ in texts]
        for head, classifier in self.heads.items():
            for i, row in enumerate(classifier.chances(vectors)):
                best = int(row.argmax())
                labels = classifier.sets[best] if row[best] >= ABSTAIN_BELOW else ()
                readings[i][head] = Reading(labels, float(row[best]))
        return readings

    def contradicts(
        self, texts: Sequence[str], labels: Sequence[dict[str, tuple[str, ...]]]
    ) -> list[dict[str, Reading]]:
        """For each message the readings that speak against its labels, by head; {} if none.

        Both the message as a whole and each of its sentences may speak against them.
        """
        against: list[dict[str, Reading]] = [{} for _ in texts]
        if not texts:
            return against
        vectors = self.vectors(texts)
        split = [split_sentences(self.domain.mask(text)) for text in texts]
        sentences = self.encoder.encode([sentence for parts in split for sentence in parts])
        ends = np.cumsum([len(parts) for parts in split])[:-1]
        for head, classifier in self.heads.items():
            of_sentence = self.sentence_heads[head]
            wholes = classifier.chances(vectors)
            by_message = np.split(of_sentence.chances(sentences), ends)
            for i, (whole, parts) in enumerate(zip(wholes, by_message, strict=True)):
                wanted = labels[i][head]
                rivals = [
                    classifier.rival(whole, wanted),
                    *(of_sentence.rival_of_sentence(part, wanted, self.doubt) for part in parts),
                ]
                if rival := next(filter(None, rivals), None):
                    against[i][head] = rival
        return against


class SlotEar:
    """Hears which slots a message asks for, clause by clause: one message may ask for several."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.prototypes = {
            slot: load_encoder().encode(talk.ask.train) for slot, talk in domain.slots.items()
        }

    def fit(self, texts: Sequence[str], asks: Sequence[Iterable[str]]) -> None:
        """Learn from messages and the slots each asks for.

        Of a message that asks, the clause most like the wordings for a slot is taken to ask for
        it, and the other clauses teach nothing; those of a message that does not ask teach that.
        """
        self.prepare(texts)
        rows: dict[str, tuple[str, ...]] = {}
        for text, slots in zip(texts, asks, strict=True):
            clauses = split_clauses(self.domain.mask(text))
            for slot in slots:
                likeness = load_encoder().encode(clauses) @ self.prototypes[slot].T
                rows[clauses[int(likeness.max(1).argmax())]] = (slot,)
            if not slots:
                rows |= {clause: () for clause in clauses if clause not in rows}
        self.classifier = Classifier().fit(load_encoder().encode(list(rows)), list(rows.values()))

    def prepare(self, texts: Sequence[str]) -> None:
        """Encode the clauses of many messages at once; `hear` is then quick."""
        load_encoder().encode([c for text in texts for c in split_clauses(self.domain.mask(text))])

    def hear(self, text: str, is_asking: bool = False) -> list[str]:
        """Slots asked for, in the flowchart's order.

        With `is_asking`, for a message already read as one that asks: at least the likeliest.
        """
        clauses = split_clauses(self.domain.mask(text))
        chances = self.classifier.chances(load_encoder().encode(clauses))
        sets = self.classifier.sets
        heard = {slot for row in chances for slot in sets[int(row.argmax())]}
        if is_asking and not heard and any(sets):
            likeliest = max(range(len(sets)), key=lambda i: bool(sets[i]) * chances[:, i].max())
            heard = set(sets[likeliest])
        return [slot for slot in self.domain.flowchart.slots if slot in heard]


class AgentRecognizer(Recognizer):
    """Reads the agent's messages: steps on the walk, side trips, and slots asked for."""

    doubt = 0.02
    """Many of its sentences, read alone, could be said at several steps."""

    def __init__(self, domain: Domain, adaptation: Adaptation | None = None):
        super().__init__(domain, ["steps", "trips"])
        self.adaptation = adaptation
        self.ear = SlotEar(domain)
        self._known: dict[str, Label] = {}
        self._known_apart: dict[str, Label] = {}

    def learn(self, conversations: Iterable[Conversation]) -> "AgentRecognizer":
        """Fit on what the agent says in labelled conversations."""
        texts, labels = split_pairs("assistant", conversations)
        self._heard = texts, [self.expected(label) for label in labels]
        self.fit(*self._heard)
        self.ear.fit(texts, [label.asks for label in labels])
        return self

    @cached_property
    def tagger(self) -> SentenceTagger:
        """Reads sentence by sentence; fitted when first used, for checking does without it."""
        texts, expected = self._heard
        does = [{*found["steps"], *found["trips"]} for found in expected]
        tagger = SentenceTagger(self.domain, self.encoder, self.adaptation)
        return tagger.fit(texts, does)

    def expected(self, label: Label) -> dict[str, tuple[str, ...]]:
        """What each head should read in a message so labelled."""
        shared = self.domain.shared_steps
        steps = {shared.get(step, step) for step in label.steps}
        trips = {step for step in steps if step.startswith("anywhere.")}
        return {"steps": tuple(sorted(steps - trips)), "trips": tuple(sorted(trips))}

    def label(self, texts: Sequence[str]) -> list[Label]:
        """Labels read off the words; steps that cannot be told apart are joined by "|"."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for text, (steps, slot) in zip(new, self._read_steps(new), strict=True):
            trips = [step for step in steps if step.startswith("anywhere.")]
            walk = self._ordered(step for step in steps if step not in trips)
            # what sounds like a question for a slot is one only in a message that asks for slots
            is_asking = any(self.domain.asks_for_slots(step) for step in walk)
            asks = ([slot] if slot else self.ear.hear(text, is_asking)) if is_asking else []
            self._known[text] = Label(steps=[*trips, *walk], asks=asks)
        found = [self._known[text] for text in texts]
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        return found

    def label_apart(self, texts: Sequence[str]) -> list[Label]:
        """The same, each text read by itself: whatever else is read, and in whatever order."""
        encoders = {id(e): e for e in (load_encoder(), self.encoder, *self.tagger.encoders)}
        known, self._known = self._known, self._known_apart
        try:
            with ExitStack() as stack:
                for encoder in encoders.values():
                    stack.enter_context(encoder.apart())
                return [self.label([text])[0] for text in texts]
        finally:
            self._known = known

    def _read_steps(self, texts: Sequence[str]) -> list[tuple[list[str], str]]:
        """The steps and side trips of each message, in no order, and the one slot asked for.

        "" where the step's wordings are not for one slot each.
        """
        if not texts:
            return []
        labels = self.tagger.labels
        if not labels:
            # it was taught in other words than the phrase book's: only wholes can be read
            readings = self.read(texts)
            return [([*r["trips"].labels, *r["steps"].labels], "") for r in readings]
        tagged = self.tagger.read(texts)
        wholes = self._chances([message.rest for message in tagged])
        odds = (log_odds(np.stack([message.chances for message in tagged])) + log_odds(wholes)) / 2
        read: list[tuple[list[str], str]] = []
        for text, message, row in zip(texts, tagged, 1 / (1 + np.exp(-odds)), strict=True):
            found = {label for label, chance in zip(labels, row, strict=True) if chance >= 0.5}
            found |= self.tagger.unexplained(message, found)
            if not found and not self.tagger.is_idle(message) and row.max() >= GUESS_FROM:
                found = {labels[int(row.argmax())]}
            if not any(sign.isalnum() for sign in text):
                found = set()
            slots = [self.tagger.slot(message, step) for step in sorted(found)]
            read.append((sorted(found), next(filter(None, slots), "")))
        return read

    def _chances(self, masked: Sequence[str]) -> np.ndarray:
        """Chance of each of the tagger's labels, by each message as a whole."""
        vectors = self.encoder.encode_messages(masked)
        chances = np.zeros((len(masked), len(self.tagger.labels)))
        for classifier in self.heads.values():
            by_set = classifier.chances(vectors)
            for n, label in enumerate(self.tagger.labels):
                with_it = [i for i, labels in enumerate(classifier.sets) if label in labels]
                chances[:, n] += by_set[:, with_it].sum(1)
        return chances

    def _ordered(self, steps: Iterable[str]) -> list[str]:
        """The order in which one message can carry them: each before the one it leads to."""
        chart, left, ordered = self.domain.flowchart, list(steps), []
        while left:
            led_to = {chart.step_target(step.split("|")[0]) for step in left}
            first = [step for step in left if step.partition(".")[0] not in led_to] or left
            ordered.append(first[0])
            left.remove(first[0])
        return ordered


class CustomerRecognizer(Recognizer):
    """Reads the customer's messages: acts by their words; details are looked for as values.

    With an adaptation, its encoder is trained beforehand on the sentences it learns from.
    """

    boldness = 5.0
    """Customers talk in thousands of ways. As bold as the agent's, it rejected 65 of 178 sound
    talks in `tests/test_writing.py`, which holds it under 35 %; at 3.0 it passes over a planted
    talk of `tests/test_checking.py`."""

    def __init__(self, domain: Domain, adaptation: Adaptation | None = None):
        super().__init__(domain, ["acts"])
        self.adaptation = adaptation

    def learn(self, conversations: Iterable[Conversation]) -> "CustomerRecognizer":
        """Fit on what the customer says in labelled conversations."""
        texts, labels = split_pairs("user", conversations)
        if self.adaptation:
            tagged = self._tag_sentences(texts, labels)
            self.encoder = self.adaptation.adapt(load_encoder(), [*tagged], [*tagged.values()])
        self.fit(texts, [self.expected(label) for label in labels])
        return self

    def _tag_sentences(self, texts: Sequence[str], labels: Sequence[Label]) -> dict[str, str]:
        """Sentences that are heard for one act alone, and the act; "" is giving details."""
        heard: dict[str, set[str]] = {}
        for text, label in zip(texts, labels, strict=True):
            acts = self.expected(label)["acts"]
            # of a message that does several things it is not known which sentence is for which
            if len(acts) + any(act.kind in GIVING for act in label.parsed_acts()) == 1:
                for sentence in split_sentences(self.domain.mask(text)):
                    heard.setdefault(sentence, set()).add("".join(acts))
        return {s: tags.pop() for s, tags in sorted(heard.items()) if len(tags) == 1}

    def expected(self, label: Label) -> dict[str, tuple[str, ...]]:
        """Acts other than giving, without values.

        Which offer is chosen, what is demanded and what was said before does not matter.
        """
        acts = {
            act.kind if act.kind in {"choose", "take_over", "remind"} else act.name
            for act in label.parsed_acts()
            if act.kind not in GIVING
        }
        return {"acts": tuple(sorted(acts))}


def split_pairs(role: str, conversations: Iterable[Conversation]) -> tuple[list[str], list[Label]]:
    """Texts and labels of all messages of one role."""
    pairs = [
        (message.content, label)
        for talk in conversations
        for message, label in zip(talk.messages, talk.labels, strict=True)
        if message.role == role
    ]
    return [text for text, _ in pairs], [label for _, label in pairs]
