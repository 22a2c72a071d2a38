"""What a training will take on this machine, from a short trial; other methods by a formula."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.models import prepare_process
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import load_tokenizer, resolve_base_model
from workbench.train.choosing import choose_recipe
from workbench.train.finetune import Encoded, TrainError, choose_part, encode_rows, loss_sum
from workbench.train.loading import load_model
from workbench.train.memory import (
    GPU_SLACK,
    SHARE,
    Shape,
    bytes_at_rest,
    bytes_needed,
    device_bytes,
    free_memory,
    is_out_of_memory,
    measure_shape,
)
from workbench.train.presets import find_preset
from workbench.train.recipes import METHODS, WARNING, Recipe, check_method, list_recipes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SLACK = {"cpu": 2.4, "mps": 2.4, "cuda": GPU_SLACK}
"""Memory held for each byte that a step keeps: sizes differ, and freed memory is kept between them.
Measured on a CPU, eight rows a step: 8.8 GB estimated, 9.6 at the peak, 0.8 of it there before."""

OPERATIONS = {"full": 6, "lora": 4, "qlora": 4}
"""Of a weight and token: two forwards, two back to the states, two more to weights not frozen."""

OPERATIONS_AGAIN = 2
"""On top, where layers are computed again when going back."""


@dataclass(frozen=True)
class Option:
    """A way in which the base model could be trained on this machine."""

    recipe: Recipe

    rows_at_a_time: int
    """Of a batch: what memory is reckoned for."""

    memory_bytes: int
    """At its peak: measured and scaled up if it was tried out, by the formula otherwise."""

    seconds: float | None
    """Tried out, or by its number of operations from what was; None if nothing could be."""

    fits: bool

    is_taken: bool
    """Whether it is the one that training will take."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take, from a short trial on this machine."""

    tokens: int
    """Over all epochs, without padding."""

    tokens_per_s: float | None
    """None where the trial itself was more than memory holds."""

    seconds: float | None

    memory_bytes: int
    """At its peak, this program's other memory not counted."""

    available_bytes: int

    longest: int
    """Tokens of the longest row."""

    options: list[Option]
    """The one that is taken among them, the best first."""

    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        speed = "could not be tried out: memory was full"
        if self.tokens_per_s:
            speed = f"at {self.tokens_per_s:,.0f} a second: {self.seconds / 60:.0f} minutes"
        return "\n".join(
            [
                f"{self.tokens:,} tokens {speed},"
                f" {self.memory_bytes / 1e9:.1f} GB of {self.available_bytes / 1e9:.1f} GB memory",
                *self.warnings,
            ]
        )

    def tabulate(self) -> list[dict[str, Any]]:
        """A row for each way in which the base model could be trained here."""
        return [
            {
                "method": option.recipe.method,
                "weights": option.recipe.weights,
                "optimizer": option.recipe.optimizer,
                "rows at a time": option.rows_at_a_time,
                "tokens of a row": self.longest,
                "memory GB": round(option.memory_bytes / 1e9, 1),
                "minutes": None if option.seconds is None else round(option.seconds / 60),
                "fits": "yes" if option.fits else "no",
                "from": "a trial" if option.is_taken and option.seconds else "a formula",
                "taken": "yes" if option.is_taken else "",
            }
            for option in self.options
        ]


def estimate_training(
    rows: Sequence[dict[str, Any]],
    epochs: float = 3,
    base_model: str = "smollm2",
    batch_size: int = 8,
    max_length: int = 1024,
    method: str = "full",
) -> Estimate:
    """What training on these rows will take; a few thousand tokens are tried out (seconds).

    Tried is the method that is asked for; of the others it says what a formula says. The
    optimizer's steps, held-out loss and saving come on top: about a sixth.

    Raises:
        TrainError: there is nothing to learn in the rows, or the method cannot be done here.
    """
    prepare_process()
    backend = choose_backend()
    check_method(method, backend)
    base = resolve_base_model(base_model)
    encoded, _ = encode_rows(rows, load_tokenizer(base.folder), max_length)
    if not encoded:
        raise TrainError(
            f"no row has anything to learn within {max_length} tokens; raise max_tokens"
        )
    shape = measure_shape(base.folder)
    recipe = choose_recipe(base, shape, backend, max_length, method)
    lengths = sorted(len(row.input_ids) for row in encoded)
    longest, tokens = lengths[-1], round(sum(lengths) * epochs)
    part = choose_part(batch_size, longest, backend, shape, recipe)
    typical = next(row for row in encoded if len(row.input_ids) == lengths[len(lengths) // 2])
    available = device_bytes(backend.device)
    try:
        model = load_model(base, backend, recipe)
        tokens_per_s, bytes_per_token = _try_out(model, backend, recipe, typical, part)
        seconds = tokens / tokens_per_s
        at_rest = bytes_at_rest(shape, recipe, backend.dtype)
        memory = int(at_rest + longest * part * bytes_per_token * SLACK[backend.device])
        del model
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        tokens_per_s = seconds = None
        memory = bytes_needed(shape, recipe, backend.dtype, longest * part)
    free_memory()
    taken = Option(recipe, part, memory, seconds, memory <= SHARE * available, is_taken=True)
    options = [
        taken if one == recipe else _reckon(one, taken, shape, backend, batch_size, longest)
        for one in list_recipes(backend, find_preset(base.name, shape.n_weights))
    ]
    warnings = list(_find_warnings(taken, shape, backend, available))
    return Estimate(tokens, tokens_per_s, seconds, memory, available, longest, options, warnings)


def _find_warnings(taken: Option, shape: Shape, backend: Backend, available: int) -> Iterator[str]:
    """What one would want to know before the training begins."""
    method, seconds, final_bytes = taken.recipe.method, taken.seconds, 2 * shape.n_weights
    if method != "full":
        yield f"{METHODS[method]}. {WARNING}."
    if seconds and seconds > 3600:
        yield f"this takes {seconds / 3600:.1f} hours; fewer epochs or rows, or a GPU, make it less"
    if not taken.fits:
        yield "this may not fit the memory; close other programs or lower max_length"
    if backend.device == "cuda" and final_bytes > SHARE * available:
        yield (
            f"the compiled model will take {final_bytes / 1e9:.1f} GB in 16 bits, more than this"
            " GPU has: talk with it and evaluate it on another, or choose a smaller base_model"
        )


def _reckon(
    recipe: Recipe, taken: Option, shape: Shape, backend: Backend, batch_size: int, longest: int
) -> Option:
    """What another recipe would take, by the formulas, and by the time of the one that is taken."""
    part = choose_part(batch_size, longest, backend, shape, recipe)
    memory = bytes_needed(shape, recipe, backend.dtype, longest * part)
    seconds = taken.seconds
    if seconds is not None:
        seconds *= _count_operations(recipe) / _count_operations(taken.recipe)
    available = device_bytes(backend.device)
    return Option(recipe, part, memory, seconds, memory <= SHARE * available, is_taken=False)


def _count_operations(recipe: Recipe) -> int:
    return OPERATIONS[recipe.method] + (OPERATIONS_AGAIN if recipe.checkpointing else 0)


def _try_out(
    model: "PreTrainedModel", backend: Backend, recipe: Recipe, row: Encoded, part: int
) -> tuple[float, float]:
    """Tokens a second, and bytes that each token more keeps for going back, from three steps.

    A row stands `part` times in a step; the first step takes it once, or half of it.
    """
    import torch

    is_cuda = backend.device == "cuda"
    if recipe.checkpointing and backend.name == "transformers":
        model.train()
        model.gradient_checkpointing_enable()
    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def step(n_rows: int, length: int) -> tuple[float, int]:
        kept.clear()
        ids = torch.tensor([row.input_ids[:length]] * n_rows, device=backend.device)
        labels = torch.tensor([row.labels[:length]] * n_rows, device=backend.device)
        if is_cuda:
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            total, count = loss_sum(model, ids, labels, backend.dtype)
        (total / count).backward()
        model.zero_grad()
        if is_cuda:
            torch.cuda.synchronize()
            # layers that are computed again keep what no hook is told of
            return time.perf_counter() - start, torch.cuda.max_memory_allocated()
        return time.perf_counter() - start, sum(kept.values())

    length = len(row.input_ids)
    # on a GPU that holds one row, two would be too many
    more = part if is_cuda else max(2, part)
    fewer = length if more > 1 else length // 2
    _, fewer_bytes = step(1, fewer)
    steps = [step(more, length), step(more, length)]
    seconds, n_bytes = min(seconds for seconds, _ in steps), steps[-1][1]
    return more * length / seconds, (n_bytes - fewer_bytes) / (more * length - fewer)
