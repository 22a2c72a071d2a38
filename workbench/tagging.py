"""What each sentence of a message is said for, and what the message does by its sentences together.

A message of several steps is one wording after another. Read as a whole it is understood only if
its steps were heard together before; sentence by sentence any of them may stand beside any other.
Words alone count here too: a sentence is seen beside its neighbours in the message, and no more.
"""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from workbench.adapting import Adaptation
from workbench.conversation import hash_text
from workbench.domain import Domain
from workbench.encoder import SentenceEncoder, split_sentences
from workbench.templates import TemplateReader, tag_sentences

FOLDS = 3
"""What a message does is learnt from tags that were read without having learnt the sentence."""

WIDTH = 128
"""Directions that are kept of a sentence's vector: more are slower to learn, and no better."""

C = 2.0
"""Inverse strength of the tags' regularization: little, for vectors that are adapted to what was
heard lie far apart as it is. tests/bench/bench_recognizer.py measures what comes of it."""

CARRIES_NOTHING = 0.9
"""A sentence that is likelier than this to be said for no step is left out of the whole."""

UNEXPLAINED = 0.3
"""A sentence that is said for what its message does with less chance than this is unexplained."""

EXPLAINS = 0.5
"""How likely another step must be to explain it."""

SLOT_FROM = 0.3
"""How likely a sentence must be a wording for one slot, to be taken for a question for it."""

SURE = 6.0
"""Log-odds beyond which a chance counts no more: about 0.998."""

Parsed = tuple[tuple[str, ...], tuple[str, ...]]
"""The sentences of a message, masked, and their tags."""


@dataclass(frozen=True)
class Tagged:
    """One message, read sentence by sentence."""

    chances: np.ndarray
    """Of each of the tagger's labels."""
    rest: str
    """The message, masked, without sentences that carry nothing."""
    tag_chances: np.ndarray
    """Of each of the tagger's tags, of shape (sentences, tags)."""


class _TagModel:
    """Chances of the tags of each sentence, by its vector and those of its neighbours."""

    def __init__(self, encoder: SentenceEncoder, rows: Collection[Parsed]):
        self.encoder = encoder
        self.tags = sorted({tag for _, tags in rows for tag in tags})
        self._fit_directions(rows)
        self._vectors = np.concatenate(self._features([sentences for sentences, _ in rows]))
        number = {tag: n for n, tag in enumerate(self.tags)}
        self._numbers = np.array([number[tag] for _, tags in rows for tag in tags])
        self.model = _fit(self._numbers, self._vectors, C)

    def read(self, split: Sequence[Sequence[str]]) -> np.ndarray:
        """Chances of each tag, of shape (sentences of all messages, tags)."""
        return _spread(self.model, np.concatenate(self._features(split)), len(self.tags))

    def cross_read(self, rows: Collection[Parsed]) -> np.ndarray:
        """The same for what it has learnt, each sentence by a model that has not learnt it."""
        vectors, numbers = self._vectors, self._numbers
        folds = np.array(
            [int(hash_text(s), 16) % FOLDS for sentences, _ in rows for s in sentences]
        )
        chances = np.zeros((len(vectors), len(self.tags)))
        for fold in sorted(set(folds)):
            others = folds != fold if (folds != fold).any() else folds == fold
            model = _fit(numbers[others], vectors[others], C)
            chances[folds == fold] = _spread(model, vectors[folds == fold], len(self.tags))
        return chances

    def _fit_directions(self, rows: Collection[Parsed]) -> None:
        """Keep the directions in which the sentences differ most."""
        vectors = self.encoder.encode(sorted({s for sentences, _ in rows for s in sentences}))
        self.mean = vectors.mean(0)
        _, _, directions = np.linalg.svd(vectors - self.mean, full_matrices=False)
        self.directions = directions[:WIDTH].T

    def _features(self, split: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """For each message an array with a row a sentence.

        A row has the sentence, the one before it, the one after it, the mean of all, and whether
        it is the first or the last.
        """
        every = self.encoder.encode([s for sentences in split for s in sentences])
        found = []
        for own in np.split((every - self.mean) @ self.directions, _ends(split)):
            none, ends = np.zeros((1, own.shape[1]), own.dtype), np.zeros((len(own), 2), own.dtype)
            ends[0, 0] = ends[-1, 1] = 1
            before, after = np.concatenate([none, own[:-1]]), np.concatenate([own[1:], none])
            mean = np.repeat(own.mean(0, keepdims=True), len(own), 0)
            found.append(np.concatenate([own, before, after, mean, ends], axis=1))
        return found


class SentenceTagger:
    """Learns from labelled messages that are made up of the phrase book's wordings.

    With an adaptation, an encoder that has been trained on the sentences is asked beside the one
    that has not; they err in different places, and their mean errs least.
    """

    def __init__(
        self, domain: Domain, encoder: SentenceEncoder, adaptation: Adaptation | None = None
    ):
        self.domain, self.encoder, self.adaptation = domain, encoder, adaptation
        self.labels: list[str] = []
        self.tags: list[str] = []
        self.models: list[_TagModel] = []

    @property
    def encoders(self) -> list[SentenceEncoder]:
        """What makes vectors of sentences for it."""
        return [self.encoder, *(model.encoder for model in self.models)]

    def fit(self, texts: Sequence[str], labels: Sequence[Set[str]]) -> "SentenceTagger":
        """Learn from messages and what each does; those in other words teach nothing."""
        reader, rows = TemplateReader(self.domain), {}
        pairs = zip(texts, labels, strict=True)
        new = {self.domain.mask(text): (text, found) for text, found in pairs}
        for text, found in new.values():
            if tagged := tag_sentences(reader, text):
                sentences = tuple(self.domain.mask(sentence) for sentence, _ in tagged)
                rows[sentences, tuple(tag for _, tag in tagged)] = found
        self.labels = sorted(set().union(*rows.values()))
        if not self.labels:
            return self
        self.together = {pair for found in rows.values() for pair in permutations(found, 2)}
        frozen = _TagModel(self.encoder, rows)
        self.models, self.tags = [frozen], frozen.tags
        # what an adapted encoder makes of sentences that it has learnt says little of others
        chances = np.split(frozen.cross_read(rows), _ends(s for s, _ in rows))
        pooled = np.stack([_pool(part) for part in chances])
        self.heads = [
            _fit([label in found for found in rows.values()], pooled, 1.0) for label in self.labels
        ]
        if self.adaptation:
            pairs = sorted({pair for own in rows for pair in zip(*own, strict=True)})
            sentences, tags = zip(*pairs, strict=True)
            adapted = self.adaptation.adapt(self.encoder, sentences, tags)
            if adapted is not self.encoder:
                self.models.append(_TagModel(adapted, rows))
        return self

    def read(self, texts: Sequence[str]) -> list[Tagged]:
        """What each message does, by its sentences."""
        split = [split_sentences(self.domain.mask(text)) for text in texts]
        if not texts:
            return []
        mean = np.mean([model.read(split) for model in self.models], axis=0)
        chances = np.split(mean, _ends(split))
        pooled = np.stack([_pool(part) for part in chances])
        labels = np.stack([_spread(head, pooled, 2)[:, 1] for head in self.heads], axis=1)
        return [
            Tagged(row, self._rest(sentences, part), part)
            for row, sentences, part in zip(labels, split, chances, strict=True)
        ]

    def _rest(self, sentences: list[str], chances: np.ndarray) -> str:
        if "" not in self.tags:
            return " ".join(sentences)
        nothing = chances[:, self.tags.index("")] > CARRIES_NOTHING
        left = [s for s, is_idle in zip(sentences, nothing, strict=True) if not is_idle]
        return " ".join(left or sentences)

    def unexplained(self, message: Tagged, found: Set[str]) -> set[str]:
        """What else sentences are said for that nothing in `found` explains, if that is clear.

        Only what has been heard beside each that is found: some sentence may be said anywhere.
        """
        of_tag = np.array([tag.partition("/")[0] for tag in self.tags])
        steps = np.stack(
            [message.tag_chances[:, of_tag == label].sum(1) for label in self.labels], axis=1
        )
        idle = message.tag_chances[:, ~np.isin(of_tag, self.labels)].sum(1)
        more: set[str] = set()
        for n in np.argsort(-steps.max(1)):
            known = [place for place, label in enumerate(self.labels) if label in found | more]
            best = int(steps[n].argmax())
            is_clear = steps[n, best] >= EXPLAINS and idle[n] + steps[n, known].sum() < UNEXPLAINED
            if is_clear and all((k, self.labels[best]) in self.together for k in found | more):
                more.add(self.labels[best])
        return more

    def is_idle(self, message: Tagged) -> bool:
        """Whether every sentence puts a pending question, or carries nothing."""
        idle = [n for n, tag in enumerate(self.tags) if not tag or tag.startswith("pending/")]
        return bool(idle) and bool((message.tag_chances[:, idle].sum(1) >= 0.5).all())

    def slot(self, message: Tagged, step: str) -> str:
        """The slot that a sentence asks for in a wording of the step that is for this slot alone.

        "" if no sentence clearly is such a wording.
        """
        chances = {
            tag.partition("/")[2]: float(row.max())
            for tag, row in zip(self.tags, message.tag_chances.T, strict=True)
            if tag == step or tag.startswith(f"{step}/")
        }
        return max(
            (slot for slot in chances if chances[slot] >= SLOT_FROM), key=chances.get, default=""
        )


def log_odds(chances: np.ndarray) -> np.ndarray:
    """Chances as log-odds, none of them surer than `SURE`."""
    least = 1 / (1 + np.exp(SURE))
    clipped = np.clip(chances, least, 1 - least)
    return np.log(clipped / (1 - clipped))


def _pool(chances: np.ndarray) -> np.ndarray:
    """What is said of a message by its sentences' tags: the surest, and about how many."""
    return np.concatenate([log_odds(chances.max(0)) / 3, np.minimum(chances.sum(0), 2)])


def _fit(wanted: Sequence, vectors: np.ndarray, strength: float):
    """A logistic regression; the class itself where there is only one."""
    from sklearn.linear_model import LogisticRegression

    wanted = np.asarray(wanted).astype(int)
    if len(set(wanted)) == 1:
        return int(wanted[0])
    return LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(vectors, wanted)


def _spread(model, vectors: np.ndarray, classes: int) -> np.ndarray:
    """Chances over all classes, 0 for those the model has not learnt."""
    chances = np.zeros((len(vectors), classes))
    if isinstance(model, int):
        chances[:, model] = 1
    else:
        chances[:, model.classes_] = model.predict_proba(vectors)
    return chances


def _ends(split) -> np.ndarray:
    """Where to cut the rows of all sentences into those of each message."""
    return np.cumsum([len(sentences) for sentences in split])[:-1]
