"""Recipes: which weights are trained, and how they are held in memory meanwhile.

Full fine-tuning trains all weights. LoRA trains small adapters beside frozen weights, QLoRA the
same beside weights in four bits; both end up in the weights of a model like any other.
"""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.train.backend import Backend
from workbench.train.presets import EIGHT_BIT, FUSED, Preset
from workbench.train.progress import TrainError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

METHODS = {
    "full": "Full fine-tuning",
    "lora": "LoRA on all linear layers, merged into the weights",
    "qlora": "QLoRA (LoRA beside 4-bit weights) on all linear layers, merged into the weights",
}
"""Method to what it is, the best first."""

RANK, ALPHA, LORA_LEARNING_RATE = 64, 16, 2e-4
"""Of LoRA and QLoRA, as in arXiv 2305.14314 (appendix B.2, up to 13 billion weights); what the
study in `WARNING` trained with is known of the rank alone, 16 to 128."""

WARNING = (
    "LoRA is published to lose procedures at 3 to 8 billion weights: conversations end, but the"
    " procedure is kept worse than after full fine-tuning, at higher ranks too (arXiv 2607.21612)"
)
"""Shown when LoRA or QLoRA is taken, and on the card of what they trained."""

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""The linear layers, for unsloth, which wants their names."""


@dataclass(frozen=True)
class Recipe:
    """How a base model is held in memory while it is trained."""

    method: str
    """full, lora or qlora."""

    weights: str
    """What the base model's weights are kept in: float32, bfloat16, float16 or nf4 (4 bits)."""

    optimizer: str = FUSED
    """By its name in transformers."""

    checkpointing: bool = False
    """Whether layers are computed again when going back, instead of kept."""


FULL = Recipe("full", "float32")
"""What a CPU does, and any device with a small model."""


def list_recipes(backend: Backend, preset: Preset, n_processes: int = 1) -> list[Recipe]:
    """What can be done on this machine, the best first.

    Full fine-tuning keeps its weights in float32 where they fit: a step of a bfloat16 weight is
    rounded away if it is under a 256th of it. In bfloat16 with 8-bit AdamW, 6 bytes a weight, an
    8B fits a GPU of 80 GB; the paper trained so. A GPU before Ampere has no bfloat16, so none of
    that, but adapters. On several GPUs weights are shared out, and only full fine-tuning is done.
    """
    if n_processes > 1:
        return [Recipe("full", "float32", FUSED, preset.checkpointing)]
    if backend.device != "cuda":
        return [FULL, Recipe("lora", "float32")]
    has_bits = has_bitsandbytes()
    optimizer = preset.optimizer if has_bits else FUSED
    recipes = [Recipe("full", "float32", optimizer, preset.checkpointing)]
    if has_bits:
        recipes.append(Recipe("full", "float32", EIGHT_BIT, True))
    if has_bits and backend.dtype == "bfloat16":
        recipes.append(Recipe("full", "bfloat16", EIGHT_BIT, True))
    recipes.append(Recipe("lora", backend.dtype, FUSED, preset.checkpointing))
    if has_bits:
        recipes.append(Recipe("qlora", "nf4", FUSED, True))
    return list(dict.fromkeys(recipes))


def has_bitsandbytes() -> bool:
    """Whether weights in four bits and moments in eight can be had."""
    return importlib.util.find_spec("bitsandbytes") is not None


def check_method(method: str, backend: Backend, n_processes: int = 1) -> None:
    """Make sure that a method can be done here.

    Raises:
        TrainError: there is no such method, or it needs what is not here.
    """
    if method not in METHODS:
        raise TrainError(f'method "{method}" does not exist; choose one of {", ".join(METHODS)}')
    if method == "qlora" and not (backend.device == "cuda" and has_bitsandbytes()):
        lack = "the package bitsandbytes" if backend.device == "cuda" else "an NVIDIA GPU"
        raise TrainError(f'method "qlora" needs {lack}; take "lora" or "full", or provide it')
    if method != "full" and n_processes > 1:
        raise TrainError(
            f"several processes train by full fine-tuning only; method {method} needs one GPU, so"
            " start it without accelerate launch"
        )


def add_adapters(model: "PreTrainedModel", seed: int) -> "PeftModel":
    """The model, frozen, with adapters beside all its linear layers but the output layer."""
    import torch
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        task_type="CAUSAL_LM", target_modules="all-linear", r=RANK, lora_alpha=ALPHA
    )
    # half of each adapter begins with random numbers
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, settings)
