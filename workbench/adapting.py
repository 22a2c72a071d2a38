"""The sentence encoder trained on a domain's own wordings: what they are said for sets them apart.

A sentence that was never heard then lies nearer to those that are said for the same. What that
brings in reading agents is measured by tests/bench/bench_recognizer.py, on wordings left out of the
learning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from workbench.conversation import hash_text
from workbench.encoder import SHA256, SentenceEncoder
from workbench.models import cpu_dtype
from workbench.run import replace_file

LEARNING_RATE = 2e-4
HEAD_LEARNING_RATE = 1e-3
WARM_UP = 0.1
"""Share of the batches in which the learning rates rise; then they fall to 0."""

BATCH_SIZE = 32

MAX_TOKENS = 48
"""Longer sentences are lists of offers, which nothing else is like."""

LABEL_SMOOTHING = 0.05
"""Chance that is spread over the other classes: the encoder should not become too sure."""


@dataclass(frozen=True)
class Adaptation:
    """How long an encoder is adapted, and where the result is kept."""

    epochs: int
    """Times that it goes over the sentences; 0 leaves it as it is."""
    kept: Path | None = None
    """File that keeps the trained weights, for the same sentences are often learnt again."""
    progress: bool = False

    def adapt(
        self, encoder: SentenceEncoder, sentences: Sequence[str], tags: Sequence[str]
    ) -> SentenceEncoder:
        """A copy of the encoder that tells these tags apart.

        The same inputs give the same copy on the same machine. The embeddings stay as they are, so
        that words the sentences lack keep their meaning. With fewer than two tags there is nothing
        to learn, and it is the encoder itself.
        """
        if not self.epochs or len(set(tags)) < 2:
            return encoder
        settings = (LEARNING_RATE, HEAD_LEARNING_RATE, WARM_UP, BATCH_SIZE, MAX_TOKENS)
        used = (*settings, LABEL_SMOOTHING, self.epochs, encoder.folder.name, SHA256)
        key = hash_text(*used, *sentences, *tags, digits=32)
        model = encoder.copy_model()
        if not self._load(key, model):
            # rounded as they are kept: the same now as when they are loaded later
            weights = _free(self._train(encoder, sentences, tags).bfloat16())
            model.load_state_dict(weights, strict=False)
            self._keep(key, weights)
        return SentenceEncoder(encoder.folder, model.eval())

    def _train(self, encoder: SentenceEncoder, sentences: Sequence[str], tags: Sequence[str]):
        """The model behind the encoder, trained with a layer on top that tells the tags apart."""
        import torch
        from torch.nn import functional

        classes = sorted(set(tags))
        numbers = torch.tensor([classes.index(tag) for tag in tags])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = encoder.copy_model("float32").train()
            model.embeddings.requires_grad_(False)
            free = list(_free(model).values())
            head = _init_head(encoder.encode(sentences), numbers.numpy())
            optimizer = torch.optim.AdamW(
                [
                    {"params": free, "lr": LEARNING_RATE},
                    {"params": head.parameters(), "lr": HEAD_LEARNING_RATE},
                ]
            )
            batches = _batches(sentences, self.epochs)
            is_quick = cpu_dtype() == "bfloat16"
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rates(len(batches)))
            for batch in tqdm(batches, desc="recognizer", mininterval=5, disable=not self.progress):
                with torch.autocast("cpu", torch.bfloat16, enabled=is_quick):
                    vectors = encoder.embed(model, [sentences[i] for i in batch], MAX_TOKENS)
                loss = functional.cross_entropy(
                    head(vectors.float()), numbers[batch], label_smoothing=LABEL_SMOOTHING
                )
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(free, 1.0)
                optimizer.step()
                schedule.step()
        return model

    def _load(self, key: str, model) -> bool:
        """Put kept weights into the model, if they were learnt from the same and fit it."""
        from safetensors import SafetensorError, safe_open

        if not self.kept or not self.kept.exists():
            return False
        try:
            with safe_open(self.kept, framework="pt") as file:
                names = file.keys()
                if (file.metadata() or {}).get("learnt") != key or set(names) != set(_free(model)):
                    return False
                model.load_state_dict({n: file.get_tensor(n) for n in names}, strict=False)
        except (OSError, SafetensorError):
            # damaged: it is made anew
            return False
        return True

    def _keep(self, key: str, weights: dict[str, Any]) -> None:
        if self.kept:
            from safetensors.torch import save

            data = {name: parameter.data for name, parameter in weights.items()}
            replace_file(self.kept, save(data, {"learnt": key}))


def _free(model) -> dict[str, Any]:
    """The parameters that are trained, by name: all but the embeddings."""
    return {n: p for n, p in model.named_parameters() if not n.startswith("embeddings.")}


def _init_head(vectors: np.ndarray, numbers: np.ndarray):
    """A layer that tells the classes apart as well as the encoder's own vectors allow."""
    import torch
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0, max_iter=300).fit(vectors, numbers)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:
        # of two classes it has the odds of the second only
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    head = torch.nn.Linear(weight.shape[1], len(weight))
    with torch.no_grad():
        head.weight.copy_(torch.tensor(weight))
        head.bias.copy_(torch.tensor(bias))
    return head


def _rates(n: int) -> Callable[[int], float]:
    """Factor of the learning rates at each of n batches: up to 1, then down to 0."""
    rising = max(1, round(WARM_UP * n))
    return lambda batch: min((batch + 1) / rising, (n - batch) / max(1, n - rising), 1.0)


def _batches(sentences: Sequence[str], epochs: int) -> list[np.ndarray]:
    """Places of the sentences of each batch, which are about as long, for all epochs."""
    rng = np.random.default_rng(0)
    lengths = np.array([len(sentence) for sentence in sentences])
    batches = []
    for _ in range(epochs):
        order = np.argsort(lengths * rng.uniform(0.7, 1.4, len(lengths)))
        of_epoch = [order[i : i + BATCH_SIZE] for i in range(0, len(order), BATCH_SIZE)]
        batches += [of_epoch[i] for i in rng.permutation(len(of_epoch))]
    return batches
