"""The sentence encoder trained on a domain's own wordings: what they are said for sets them apart.

A sentence that was never heard then lies nearer to those that are said for the same: on the travel
domain a frozen encoder and a linear classifier put 84 % of unheard sentences to the right step, an
adapted one 90 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.conversation import hash_text
from workbench.encoder import WHEEL, SentenceEncoder
from workbench.run import replace_file

LEARNING_RATE = 2e-4
HEAD_LEARNING_RATE = 1e-3

BATCH_SIZE = 32

MAX_TOKENS = 48
"""Longer sentences are lists of offers, which nothing else is like."""

SMOOTHING = 0.05
"""Chance that is spread over the other classes: the encoder should not become too sure."""


@dataclass(frozen=True)
class Adaptation:
    """How long an encoder is adapted, and where the result is kept."""

    epochs: int
    """Times that it goes over the sentences; 0 leaves it as it is."""
    kept: Path | None = None
    """File that keeps the trained weights, for the same sentences are often learnt again."""

    def adapt(
        self, encoder: SentenceEncoder, sentences: Sequence[str], tags: Sequence[str]
    ) -> SentenceEncoder:
        """A copy of the encoder that tells these tags apart; the same inputs give the same copy.

        Its word vectors stay as they are, so that words the sentences lack keep their meaning.
        With fewer than two tags there is nothing to learn, and it is the encoder itself.
        """
        if not self.epochs or len(set(tags)) < 2:
            return encoder
        import torch

        key = hash_text(self.epochs, WHEEL, *sentences, *tags, digits=32)
        if weights := self._kept_weights(key):
            _, model = encoder.load(torch.bfloat16)
            model.load_state_dict(weights, strict=False)
        else:
            model = _train(encoder, sentences, tags, self.epochs).to(torch.bfloat16)
            self._keep(key, model)
        return SentenceEncoder(encoder.folder, model.eval())

    def _kept_weights(self, key: str) -> dict[str, Any]:
        """{} if nothing is kept, or what is kept was learnt from something else or is damaged."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.kept or "", framework="pt") as file:
                if (file.metadata() or {}).get("learnt") == key:
                    names = file.keys()
                    return {name: file.get_tensor(name) for name in names}
        except (OSError, SafetensorError):
            pass
        return {}

    def _keep(self, key: str, model) -> None:
        if self.kept:
            from safetensors.torch import save

            trained = {name: p.data for name, p in model.named_parameters() if p.requires_grad}
            replace_file(self.kept, save(trained, {"learnt": key}))


def _train(encoder: SentenceEncoder, sentences: Sequence[str], tags: Sequence[str], epochs: int):
    """The model behind the encoder, trained with a layer on top that tells the tags apart."""
    import torch
    from torch.nn import functional

    names = sorted(set(tags))
    numbers = torch.tensor([names.index(tag) for tag in tags])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tokenizer, model = encoder.load(torch.float32)
        model.train().embeddings.requires_grad_(False)
        head = _first_guess(encoder.encode(sentences), numbers.numpy(), len(names))
        own = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            [
                {"params": own, "lr": LEARNING_RATE},
                {"params": head.parameters(), "lr": HEAD_LEARNING_RATE},
            ]
        )
        batches = _batches(sentences, epochs)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [LEARNING_RATE, HEAD_LEARNING_RATE], len(batches), pct_start=0.1
        )
        for batch in batches:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                vectors = encoder.embed(tokenizer, model, [sentences[i] for i in batch], MAX_TOKENS)
            loss = functional.cross_entropy(
                head(vectors.float()), numbers[batch], label_smoothing=SMOOTHING
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(own, 1.0)
            optimizer.step()
            schedule.step()
    return model


def _first_guess(vectors: np.ndarray, numbers: np.ndarray, classes: int):
    """A layer that tells the tags apart as well as the encoder's own vectors allow."""
    import torch
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0, max_iter=300).fit(vectors, numbers)
    head = torch.nn.Linear(vectors.shape[1], classes)
    if classes > 2:
        with torch.no_grad():
            head.weight.copy_(torch.tensor(fitted.coef_))
            head.bias.copy_(torch.tensor(fitted.intercept_))
    return head


def _batches(sentences: Sequence[str], epochs: int) -> list[np.ndarray]:
    """Rows of each step, of about the same length, for all epochs."""
    rng = np.random.default_rng(0)
    lengths = np.array([len(sentence) for sentence in sentences])
    batches = []
    for _ in range(epochs):
        order = np.argsort(lengths * rng.uniform(0.7, 1.4, len(lengths)))
        own = [order[i : i + BATCH_SIZE] for i in range(0, len(order), BATCH_SIZE)]
        batches += [own[i] for i in rng.permutation(len(own))]
    return batches
