"""Weights in and out of a training: loaded as a recipe wants them, saved as one plain model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat_format import chat_format, with_system
from workbench.models import no_progress_bars
from workbench.train.backend import Backend
from workbench.train.base_model import BaseModel
from workbench.train.processes import count_processes
from workbench.train.recipes import ALPHA, LINEARS, RANK, Recipe, add_adapters

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTTrainer


def load_model(
    base: BaseModel, backend: Backend, recipe: Recipe, seed: int = 7
) -> "PreTrainedModel | PeftModel":
    """The base model, ready to be trained by the recipe: on its device, with adapters or without.

    Several processes get it in main memory: what shares it out puts it on their devices.
    """
    if backend.name == "unsloth":
        return _load_unsloth(base, recipe, seed)
    import torch

    if recipe.weights == "nf4":
        from transformers import BitsAndBytesConfig

        dtype = getattr(torch, backend.dtype)
        options = {"dtype": dtype, "device_map": {"": torch.cuda.current_device()}}
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    else:
        options = {"dtype": getattr(torch, recipe.weights)}
    model = _load(base.folder, attn_implementation="sdpa", **options)
    if recipe.weights != "nf4" and count_processes() == 1:
        model = model.to(backend.device)
    return model if recipe.method == "full" else add_adapters(model, seed)


def merge_adapters(model: "PeftModel", base: BaseModel, draft: Path) -> "PreTrainedModel":
    """The base model, as it was before it was quantized, with the adapters in its weights.

    `draft` is a folder for the adapters. Added to weights in four bits they would be rounded to
    four bits, so those are not what they are added to.
    """
    from peft import PeftModel

    model.save_pretrained(str(draft))
    plain = _load(base.folder, dtype="auto")
    return PeftModel.from_pretrained(plain, str(draft)).merge_and_unload()


def gather_weights(trainer: "SFTTrainer", draft: Path) -> "PreTrainedModel | None":
    """The model whose weights are spread over processes, in the main one; None in the others."""
    import torch

    # every process has to take part in this
    trainer.save_model(str(draft))
    return _load(draft, dtype=torch.bfloat16) if trainer.is_world_process_zero() else None


def save_model(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    folder: Path,
    system: str = "",
) -> None:
    """Write model and tokenizer, the weights last: where they are, all is there.

    The chat template is one by which whoever serves the folder writes what was trained on: with
    the system prompt `system` where the messages have none.
    """
    import torch

    written = chat_format(tokenizer)
    if written.is_altered or not isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = written.write_template()
    if system:
        tokenizer.chat_template = with_system(tokenizer.chat_template, system)
    _set_greedy(model, written.stop_id)
    draft = folder / "checkpoints" / "final"
    model.to(torch.bfloat16).save_pretrained(draft, max_shard_size="1TB")
    tokenizer.save_pretrained(draft)
    for file in sorted(draft.iterdir(), key=lambda file: file.suffix == ".safetensors"):
        file.replace(folder / file.name)


def _set_greedy(model: "PreTrainedModel", stop_id: int) -> None:
    """Have servers of the model take the likeliest token, up to the stop token, as it is evaluated.

    Base models bring settings that servers obey where a request is silent: a temperature, say, or a
    penalty on words that were said before.
    """
    from transformers import GenerationConfig

    old = model.generation_config
    ends = old.eos_token_id if isinstance(old.eos_token_id, list) else [old.eos_token_id]
    stops = list(dict.fromkeys([stop_id, *(one for one in ends if one is not None)]))
    model.generation_config = GenerationConfig(
        do_sample=False,
        bos_token_id=old.bos_token_id,
        pad_token_id=old.pad_token_id,
        eos_token_id=stops if len(stops) > 1 else stop_id,
    )


def _load(folder: Path, **options: Any) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM

    with no_progress_bars():
        return AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, **options
        )


def _load_unsloth(base: BaseModel, recipe: Recipe, seed: int) -> "PreTrainedModel | PeftModel":
    """The same by unsloth. Written after its documentation and never run."""
    import torch
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        str(base.folder),
        dtype=None if recipe.weights == "nf4" else getattr(torch, recipe.weights),
        load_in_4bit=recipe.weights == "nf4",
        full_finetuning=recipe.method == "full",
    )
    if recipe.method == "full":
        return model
    return FastLanguageModel.get_peft_model(
        model,
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0,
        target_modules=LINEARS,
        use_gradient_checkpointing="unsloth" if recipe.checkpointing else False,
        random_state=seed,
    )
