"""Presets: how base models are trained, the paper's two by name and all others by their size."""

from dataclasses import dataclass

FUSED, EIGHT_BIT = "adamw_torch_fused", "adamw_8bit"
"""AdamW as transformers calls it: torch's own, and that of bitsandbytes with moments in 8 bits."""


@dataclass(frozen=True)
class Preset:
    """How a base model is trained. 0 means: as the size says."""

    epochs: float
    batch_size: int
    learning_rate: float
    """The highest of the schedule, for full fine-tuning."""

    optimizer: str
    """`FUSED` or `EIGHT_BIT`; the latter where bitsandbytes is installed and a GPU is there."""

    checkpointing: bool
    """Whether a GPU computes layers again when it goes back, instead of keeping what they made."""

    source: str
    """Whose numbers these are."""


PRESETS = {
    "Qwen/Qwen2.5-3B-Instruct": Preset(
        20, 16, 2e-5, EIGHT_BIT, True, "arXiv 2605.22502, on one RTX 5090"
    ),
    "Qwen/Qwen3-8B": Preset(10, 32, 2e-5, EIGHT_BIT, True, "arXiv 2605.22502, on eight A100"),
}
"""The paper's base models. Published: learning rate (cosine), batch, bfloat16, the budget of epochs
(of which it kept the fourth of the 3B's and the second of the 8B's; ours, too, ends when held-out
loss no longer falls), and 8-bit AdamW for the 3B and for an 8B on one GPU. Of its eight GPUs the 8B
had AdamW in full precision, as ours has on several. Gradient checkpointing is our choice."""

RULES = (
    (250e6, Preset(0, 0, 0, FUSED, False, "the size, measured with 135 million weights")),
    (1e9, Preset(0, 0, 1e-4, FUSED, False, "our choice, between the size's and the paper's")),
    (float("inf"), Preset(0, 16, 2e-5, EIGHT_BIT, True, "the paper's 3B, with the size's epochs")),
)
"""For all other models: the first whose number of weights is not exceeded."""


def find_preset(name: str, n_weights: int) -> Preset:
    """The preset of a base model, by its name or that of its folder, or else by its size.

    Example: find_preset("meta-llama/Llama-3.2-1B-Instruct", 1_235_814_400).learning_rate is 2e-5
    """
    by_size = next(preset for most, preset in RULES if n_weights <= most)
    by_name = {known.rpartition("/")[2]: preset for known, preset in PRESETS.items()}
    return by_name.get(name.rstrip("/").rpartition("/")[2], by_size)
