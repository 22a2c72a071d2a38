"""Models: something that replies."""

import ctypes
import os
import platform
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from workbench.chat_format import chat_format, prompt_ids
from workbench.conversation import Message
from workbench.decoding import Decoder

MAX_NEW_TOKENS = 160
"""Tokens after which a reply is cut, unless somebody says otherwise."""


STREAMED = 4
"""Tokens that are written before a reply under way is shown again."""


class ModelError(ValueError):
    """A model cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Reply:
    """What a model says next, and what it cost."""

    text: str

    prompt_tokens: int
    """Tokens of the conversation before it, whether read now or remembered."""

    reply_tokens: int
    """Tokens it wrote, the stop token included."""

    seconds: float
    """Its share of the time its batch took."""

    cached_tokens: int = 0
    """Of the prompt's tokens those not read for it: remembered from the conversation's earlier
    turns, or shared with other conversations, of which one alone counts them as read."""

    reading_s: float = 0.0
    """Of its seconds those in which prompts were read."""


class LocalModel:
    """A model in a folder, run on this machine. It always says the likeliest thing.

    Example: LocalModel(run.file("model")).reply([messages])[0].text
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not list(self.folder.glob("*.safetensors")):
            raise ModelError(f"{self.folder} holds no model; train one first, or name another")
        prepare_process()

    def load(self) -> "LocalModel":
        """Read the weights now, not in the time of the first reply."""
        _ = self._loaded
        return self

    def reply(
        self,
        batch: Sequence[Sequence[Message | dict[str, Any]]],
        max_new_tokens: int = MAX_NEW_TOKENS,
        names: Sequence[Hashable] = (),
    ) -> list[Reply]:
        """The agent's next message in each conversation, in their order.

        Of conversations that have names, one each, what was read is remembered until the next
        call. A control token that somebody typed is read as ordinary text. A reply that reaches
        `max_new_tokens` is cut there: its last token is then not the stop token.
        """
        tokenizer, decoder = self._loaded
        prompts = [prompt_ids(messages, tokenizer) for messages in batch]
        start = time.perf_counter()
        written = decoder.write(prompts, max_new_tokens, names)
        seconds = (time.perf_counter() - start) / max(1, len(prompts))
        reading_s = decoder.reading_s / max(1, len(prompts))
        release_memory()
        return [
            Reply(
                tokenizer.decode(tokens, skip_special_tokens=True).strip(),
                len(prompt),
                len(tokens),
                seconds,
                n_cached,
                reading_s,
            )
            for prompt, tokens, n_cached in zip(prompts, written, decoder.n_cached, strict=True)
        ]

    def stream(
        self,
        messages: Sequence[Message | dict[str, Any]],
        max_new_tokens: int = MAX_NEW_TOKENS,
        name: Hashable = "talk",
    ) -> Iterator[str]:
        """The agent's next message while it is written: all there is of it, again and again.

        The last is what `reply` gives. What was read is remembered under the name.
        """
        tokenizer, decoder = self._loaded
        prompt, written = prompt_ids(messages, tokenizer), []
        while len(written) < max_new_tokens and written[-1:] != [decoder.stop]:
            n = min(STREAMED, max_new_tokens - len(written))
            (more,) = decoder.write([[*prompt, *written]], n, [name])
            written += more
            # half of a letter is shown when the other half is there
            yield tokenizer.decode(written, skip_special_tokens=True).strip().rstrip("\ufffd")
        release_memory()

    def choose(
        self,
        batch: Sequence[Sequence[Message | dict[str, Any]]],
        options: Sequence[Sequence[str]],
    ) -> list[Reply]:
        """The reply in each conversation that is one of its options, chosen token by token.

        At each token the likeliest of those with which an option goes on, until one is left.
        Example: options=[["yes", "no"]] -> "no", and one token written

        Raises:
            ModelError: a conversation has no options, or two that are the same.
        """
        tokenizer, decoder = self._loaded
        prompts = [prompt_ids(messages, tokenizer) for messages in batch]
        tokens = [self._option_tokens(own) for own in options]
        longest = max((len(one) for own in tokens for one in own), default=1)
        start = time.perf_counter()
        written = decoder.write(prompts, longest, options=tokens)
        seconds = (time.perf_counter() - start) / max(1, len(prompts))
        reading_s = decoder.reading_s / max(1, len(prompts))
        release_memory()
        places = [
            [one[: len(begun)] for one in own].index(begun)
            for own, begun in zip(tokens, written, strict=True)
        ]
        return [
            Reply(own[place], len(prompt), len(begun), seconds, reading_s=reading_s)
            for own, place, prompt, begun in zip(options, places, prompts, written, strict=True)
        ]

    def encode(self, messages: Sequence[Message | dict[str, Any]]) -> list[int]:
        """The tokens of the prompt that it reads for a conversation."""
        return prompt_ids(messages, self._loaded[0])

    @property
    def most_tokens(self) -> int:
        """Tokens that a conversation may have, its next message among them."""
        return self._loaded[1].model.config.max_position_embeddings

    def _option_tokens(self, options: Sequence[str]) -> list[list[int]]:
        """Each option's tokens and the stop token, so that none is the beginning of another."""
        if not options or len(set(options)) < len(options):
            raise ModelError(f"a choice needs options that differ, not {list(options)}")
        tokenizer = self._loaded[0]
        encoded = [tokenizer.encode(option, add_special_tokens=False) for option in options]
        return [[*tokens, chat_format(tokenizer).stop_id] for tokens in encoded]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device, dtype = device_and_dtype()
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(self.folder, **options)
        with no_progress_bars():
            model = AutoModelForCausalLM.from_pretrained(
                self.folder, dtype=getattr(torch, dtype), use_safetensors=True, **options
            )
        return tokenizer, Decoder(model.to(device).eval(), chat_format(tokenizer).stop_id)


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Without the bars of transformers, which take hundreds of lines in a notebook's output."""
    from transformers.utils import logging

    is_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if is_shown:
            logging.enable_progress_bar()


@cache
def device_and_dtype() -> tuple[str, str]:
    """What this machine computes on, and in what: ("cpu", "bfloat16"), ("cuda", "float16"), ..."""
    prepare_process()
    import torch

    if torch.cuda.is_available():
        # before Ampere a GPU has no bfloat16, whatever torch emulates
        return "cuda", "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float16"
    if torch.backends.mps.is_available():
        return "mps", "float32"
    return "cpu", cpu_dtype()


def cpu_dtype() -> str:
    """What this machine's CPU computes products in: "bfloat16" where it is quicker at it."""
    return "bfloat16" if bfloat16_speedup() > 1.3 else "float32"


@cache
def bfloat16_speedup() -> float:
    """How many times as fast as float32 this CPU multiplies bfloat16; no flag tells reliably."""
    import torch

    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(1024, 576, dtype=dtype), torch.ones(576, 1536, dtype=dtype)
        times = []
        for _ in range(6):
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times)
    return seconds[torch.float32] / seconds[torch.bfloat16]


def describe_hardware() -> str:
    """What this machine computes with, e.g. "AMD EPYC, 2 cores, 23 GB, no GPU"."""
    import psutil
    import torch

    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(
            (line.partition(":")[2].strip() for line in lines if "model name" in line), name
        )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    memory = psutil.virtual_memory().total / 2**30
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GB, {gpu}"


@cache
def prepare_process() -> bool:
    """Set up this process for a CPU's work, before torch is imported; whether glibc obeyed.

    Threads that wait for each other sleep: if they spin, as they do by default, one other busy
    program on the machine makes all work several times slower. And freed memory is kept for the
    next step: by default the C library hands every large block back to the system, which then
    clears the same pages again, a sixth of a training step. Only glibc (Linux) needs and knows it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_max = -1, -4
    libc = ctypes.CDLL("libc.so.6")
    return bool(libc.mallopt(mmap_max, 0) and libc.mallopt(trim_threshold, 2**31 - 1))


def release_memory() -> None:
    """Hand kept memory back; where steps differ in size, what is kept grows over an hour."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
