"""What a training takes of a device's memory: by a formula before, by the device's count after."""

import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from workbench.train.presets import EIGHT_BIT, FUSED
from workbench.train.recipes import RANK, Recipe

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "nf4": 0.516}
"""Of a number. 4-bit weights have constants beside them: 4.127 bits in all (arXiv 2305.14314)."""

MOMENTS = {FUSED: 8.0, EIGHT_BIT: 2.0}
"""Bytes that the optimizer keeps of a trained weight."""

ADAPTER_BYTES = 16
"""Of a weight of an adapter: itself, its gradient and two moments, all in float32."""

GPU_SLACK = 1.3
"""Memory held for each byte that a step keeps. Our guess for GPUs, where nothing was measured."""

SHARE = 0.9
"""Of a device's memory: what a training may be planned to take."""


@dataclass(frozen=True)
class Shape:
    """What a base model's memory depends on."""

    n_weights: int

    n_outside: int
    """Of them those of the embeddings and of the output layer, which QLoRA leaves in 16 bits."""

    n_adapters: int
    """Weights that adapters of all linear layers add for each rank."""

    n_layers: int

    size: int
    """Numbers that stand for a token between two layers."""

    kept: int
    """Numbers that all layers keep of a token for going back."""

    vocabulary: int


def measure_shape(folder: Path) -> Shape:
    """The shape of a model, read off its weights' names and sizes; the weights are not loaded."""
    from safetensors import safe_open

    shapes: dict[str, list[int]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="np") as weights:
            shapes |= {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
    tables = {n: s for n, s in shapes.items() if "embed" in n or "lm_head" in n}
    linears = [s for n, s in shapes.items() if len(s) == 2 and n not in tables]
    vocabulary, size = max((s for s in tables.values() if len(s) == 2), default=[0, 0])
    layers = {number for name in shapes for number in re.findall(r"\.(\d+)\.", name)[:1]}
    n_layers = max(1, len(layers))
    return Shape(
        n_weights=sum(map(math.prod, shapes.values())),
        n_outside=sum(map(math.prod, tables.values())),
        n_adapters=sum(sum(shape) for shape in linears),
        n_layers=n_layers,
        size=size,
        # what a linear layer makes is kept, and so is what is made of it; norms keep their inputs
        kept=2 * sum(shape[0] for shape in linears) + 4 * size * n_layers,
        vocabulary=vocabulary,
    )


def bytes_at_rest(shape: Shape, recipe: Recipe, dtype: str) -> float:
    """Memory for weights, gradients and moments, before any row is read; products are in `dtype`.

    Example: 18 bytes a weight for full fine-tuning in float32 with products in bfloat16 (weight 4,
    gradient 4, two moments 8, copy for the products 2), 6 in bfloat16 with 8-bit AdamW.
    """
    weight = BYTES[recipe.weights]
    copy = 2.0 if recipe.weights == "float32" != dtype else 0.0
    if recipe.method == "full":
        return shape.n_weights * (2 * weight + copy + MOMENTS[recipe.optimizer])
    outside = weight + copy if recipe.method == "lora" else 2.0
    inside = shape.n_weights - shape.n_outside
    adapters = shape.n_adapters * RANK * ADAPTER_BYTES
    return inside * (weight + copy) + shape.n_outside * outside + adapters


def bytes_per_token(shape: Shape, recipe: Recipe, dtype: str, n_processes: int = 1) -> float:
    """Memory that each token of those worked through together takes on top.

    What layers keep (with checkpointing: what stands between them, and one layer's at a time), and
    the logits, as if every token were learned. Several processes compute the loss in the usual way,
    with logits in 16 and in 32 bits, their softmax and its gradient.
    """
    kept, each = shape.kept, BYTES[dtype]
    if recipe.checkpointing:
        # between layers numbers are as wide as the embeddings
        between = 4.0 if recipe.weights == "float32" else 2.0
        layers = shape.n_layers * shape.size * between + kept / shape.n_layers * each
    else:
        layers = kept * each
    logits = each if n_processes == 1 else 14.0
    return GPU_SLACK * (layers + shape.vocabulary * logits)


def bytes_needed(
    shape: Shape, recipe: Recipe, dtype: str, tokens: int, n_processes: int = 1
) -> int:
    """Memory of a training that works through so many tokens together, of each GPU if several."""
    at_rest = bytes_at_rest(shape, recipe, dtype) / n_processes
    return int(at_rest + tokens * bytes_per_token(shape, recipe, dtype, n_processes))


def tokens_that_fit(
    shape: Shape, recipe: Recipe, dtype: str, n_bytes: int, n_processes: int = 1
) -> int:
    """Tokens that a device of `n_bytes` can work through together; below 1 if weights do not fit.

    Several processes share weights, gradients and moments out among them.
    """
    left = SHARE * n_bytes - bytes_at_rest(shape, recipe, dtype) / n_processes
    return int(left / bytes_per_token(shape, recipe, dtype, n_processes))


def device_bytes(device: str) -> int:
    """Memory of the GPU as it was built; without one, of this machine as much as is free now."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    import psutil

    return psutil.virtual_memory().available


def peak_bytes(device: str) -> int:
    """The most memory that this process has held: of the GPU, or of the machine without one."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_reserved()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts in bytes, Linux in kilobytes
    return peak if sys.platform == "darwin" else peak * 1024


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is full: of a GPU of any make, or of the machine."""
    if isinstance(error, MemoryError):
        return True
    import torch
    from accelerate.utils.memory import should_reduce_batch_size

    return isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(error)


def free_memory() -> None:
    """Give back what nobody holds any more, on the GPU too."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
