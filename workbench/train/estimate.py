"""What a training will take on this machine, from a short trial."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.models import prepare_process
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import resolve_base_model
from workbench.train.finetune import (
    Encoded,
    TrainError,
    encode_rows,
    load_model,
    loss_sum,
    part_of_batch,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SLACK = 2.4
"""Memory held for each byte that a step keeps: sizes differ, and freed memory is kept between them.
Measured over the demo's training: 8.8 GB estimated, 9.6 at the peak, 0.8 of it there before."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take, from a short trial on this machine."""

    tokens: int
    """Over all epochs, without padding."""

    tokens_per_s: float
    seconds: float

    memory_bytes: int
    """At its peak, this program's other memory not counted."""

    available_bytes: int
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.tokens:,} tokens at {self.tokens_per_s:,.0f} a second:"
                f" {self.seconds / 60:.0f} minutes,"
                f" {self.memory_bytes / 1e9:.1f} GB of {self.available_bytes / 1e9:.1f} GB memory",
                *self.warnings,
            ]
        )


def estimate_training(
    rows: Sequence[dict[str, Any]],
    epochs: float = 3,
    base_model: str = "smollm2",
    batch_size: int = 8,
    max_length: int = 1024,
) -> Estimate:
    """What training on these rows will take; a few thousand tokens are tried out (seconds).

    The optimizer's steps, held-out loss and saving come on top: about a sixth.

    Raises:
        TrainError: there is nothing to learn in the rows.
    """
    import psutil

    prepare_process()
    backend = choose_backend()
    model, tokenizer = load_model(resolve_base_model(base_model), backend)
    encoded, _ = encode_rows(rows, tokenizer, max_length)
    if not encoded:
        raise TrainError(
            f"no row has anything to learn within {max_length} tokens; raise max_tokens"
        )
    lengths = sorted(len(row.input_ids) for row in encoded)
    tokens = round(sum(lengths) * epochs)
    part = part_of_batch(batch_size, lengths[-1], backend.device)
    typical = next(row for row in encoded if len(row.input_ids) == lengths[len(lengths) // 2])
    tokens_per_s, bytes_per_token = _try_out(model, backend, typical, part)
    # weights, gradients and two moments in float32, and a copy in the dtype of the products
    at_rest = sum(weight.numel() for weight in model.parameters()) * 18
    memory = at_rest + lengths[-1] * part * bytes_per_token * SLACK
    available = psutil.virtual_memory().available
    if backend.device == "cuda":
        available = _free_gpu_bytes()
    seconds = tokens / tokens_per_s
    warnings = []
    if seconds > 3600:
        warnings.append(
            f"this takes {seconds / 3600:.1f} hours; fewer epochs or rows, or a GPU, make it less"
        )
    if memory > 0.9 * available:
        warnings.append("this may not fit the memory; close other programs or lower max_length")
    return Estimate(tokens, tokens_per_s, seconds, int(memory), available, warnings)


def _try_out(
    model: "PreTrainedModel", backend: Backend, row: Encoded, part: int
) -> tuple[float, float]:
    """Tokens a second, and bytes that each token more keeps for going back, from three steps.

    A row stands `part` times in a step; the first step takes it once.
    """
    import torch

    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def step(n_rows: int) -> tuple[float, int]:
        kept.clear()
        ids = torch.tensor([row.input_ids] * n_rows, device=backend.device)
        labels = torch.tensor([row.labels] * n_rows, device=backend.device)
        start = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            total, count = loss_sum(model, ids, labels, backend.dtype)
        (total / count).backward()
        model.zero_grad()
        return time.perf_counter() - start, sum(kept.values())

    length, more = len(row.input_ids), max(2, part)
    _, fewer_bytes = step(1)
    steps = [step(more), step(more)]
    seconds, n_bytes = min(seconds for seconds, _ in steps), steps[-1][1]
    return more * length / seconds, (n_bytes - fewer_bytes) / ((more - 1) * length)


def _free_gpu_bytes() -> int:
    import torch

    return torch.cuda.mem_get_info()[0]
