"""What each sentence of a message is said for, and what the message does by its sentences together.

A message of several steps is one wording after another. Read as a whole it is understood only if
its steps were heard together before; sentence by sentence any of them may stand beside any other.
Words alone count here too: a sentence is seen beside its neighbours in the message, and no more.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from workbench.conversation import hash_text
from workbench.domain import Domain
from workbench.encoder import SentenceEncoder, split_sentences
from workbench.templates import TemplateReader, tag_sentences

FOLDS = 3
"""What a message does is learnt from tags that were read without having learnt the sentence."""

WIDTH = 128
"""Directions that are kept of a sentence's vector: more are slower to learn, and no better."""

CARRIES_NOTHING = 0.9
"""A sentence that is likelier than this to be said for no step is left out of the whole."""

SURE = 6.0
"""Log-odds beyond which a chance counts no more: about 0.998."""


@dataclass(frozen=True)
class Tagged:
    """One message, read sentence by sentence."""

    chances: np.ndarray
    """Of each of the tagger's labels."""
    rest: str
    """The message, masked, without sentences that carry nothing."""
    is_reminder: bool
    """It puts a pending question, which is no step."""


class SentenceTagger:
    """Learns from labelled messages that are made up of the phrase book's wordings."""

    def __init__(self, domain: Domain, encoder: SentenceEncoder):
        self.domain, self.encoder = domain, encoder
        self.labels: list[str] = []
        self.tags: list[str] = []

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
        self._fit_directions([s for sentences, _ in rows for s in sentences])
        self._fit_tags(list(rows))
        chances = np.split(self._cross_read(list(rows)), _ends(s for s, _ in rows))
        pooled = np.stack([_pool(part) for part in chances])
        self.heads = [
            _fit([label in found for found in rows.values()], pooled, 1.0) for label in self.labels
        ]
        return self

    def read(self, texts: Sequence[str]) -> list[Tagged]:
        """What each message does, by its sentences."""
        split = [split_sentences(self.domain.mask(text)) for text in texts]
        if not texts:
            return []
        vectors = np.concatenate(self._features(split))
        chances = np.split(_spread(self.model, vectors, len(self.tags)), _ends(split))
        pooled = np.stack([_pool(part) for part in chances])
        labels = np.stack([_spread(head, pooled, 2)[:, 1] for head in self.heads], axis=1)
        return [
            Tagged(row, self._rest(sentences, part), self._is_reminder(part))
            for row, sentences, part in zip(labels, split, chances, strict=True)
        ]

    def _rest(self, sentences: list[str], chances: np.ndarray) -> str:
        if "" not in self.tags:
            return " ".join(sentences)
        nothing = chances[:, self.tags.index("")] > CARRIES_NOTHING
        left = [s for s, is_idle in zip(sentences, nothing, strict=True) if not is_idle]
        return " ".join(left or sentences)

    def _is_reminder(self, chances: np.ndarray) -> bool:
        pending = [n for n, tag in enumerate(self.tags) if tag.startswith("pending/")]
        return bool(pending) and chances[:, pending].sum(1).max() >= 0.5

    def _fit_directions(self, sentences: Sequence[str]) -> None:
        """Keep the directions in which the sentences differ most."""
        vectors = self.encoder.encode(sorted(set(sentences)))
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

    def _fit_tags(self, rows: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
        self.tags = sorted({tag for _, tags in rows for tag in tags})
        self.model = _fit(self._numbers(rows), self._vectors(rows))

    def _cross_read(self, rows: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> np.ndarray:
        """Chances of the tags of all sentences, each by a model that has not learnt it."""
        vectors, numbers = self._vectors(rows), self._numbers(rows)
        folds = np.array(
            [int(hash_text(s), 16) % FOLDS for sentences, _ in rows for s in sentences]
        )
        chances = np.zeros((len(vectors), len(self.tags)))
        for fold in sorted(set(folds)):
            others = folds != fold if (folds != fold).any() else folds == fold
            model = _fit(numbers[others], vectors[others])
            chances[folds == fold] = _spread(model, vectors[folds == fold], len(self.tags))
        return chances

    def _vectors(self, rows: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> np.ndarray:
        return np.concatenate(self._features([sentences for sentences, _ in rows]))

    def _numbers(self, rows: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> np.ndarray:
        number = {tag: n for n, tag in enumerate(self.tags)}
        return np.array([number[tag] for _, tags in rows for tag in tags])


def log_odds(chances: np.ndarray) -> np.ndarray:
    """Chances as log-odds, none of them surer than `SURE`."""
    least = 1 / (1 + np.exp(SURE))
    clipped = np.clip(chances, least, 1 - least)
    return np.log(clipped / (1 - clipped))


def _pool(chances: np.ndarray) -> np.ndarray:
    """What is said of a message by its sentences' tags: the surest, and about how many."""
    return np.concatenate([log_odds(chances.max(0)) / 3, np.minimum(chances.sum(0), 2)])


def _fit(wanted: Sequence, vectors: np.ndarray, strength: float = 10.0):
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
