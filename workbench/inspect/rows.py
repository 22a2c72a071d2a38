"""Rows: what the trainer sees of a conversation, and the mask that says where the agent speaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat_format import chat_format
from workbench.conversation import Message, hash_text
from workbench.run import Run, RunError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Row:
    """One conversation as a model reads it. Both lists are (tokens,)."""

    ids: list[int]

    mask: list[int]
    """1 on what the agent says and on the stop token that ends it; 0 elsewhere."""


def encode_row(
    messages: Sequence[Message | dict[str, Any]], tokenizer: "PreTrainedTokenizerBase"
) -> Row:
    """Encode a conversation and mark what the agent says.

    The ids are those of the tokenizer's own chat template, except that a control token typed
    by somebody stays ordinary text.

    Raises:
        ChatFormatError: the template cannot write this conversation.
    """
    row, before = Row([], []), ""
    for piece in chat_format(tokenizer).pieces(messages):
        said = piece.stop_length if before == "assistant" else 0
        if piece.role == "assistant":
            said = len(piece.ids)
        row.ids.extend(piece.ids)
        row.mask.extend([1] * said + [0] * (len(piece.ids) - said))
        before = piece.role
    return row


def mask_labels(ids: list[int], mask: list[int]) -> list[int]:
    """Hide from the loss what the agent did not say.

    All lists are (tokens,). `mask` is 1 where the agent speaks; labels are -100 elsewhere, the
    value the cross-entropy loss skips. Example: ids=[5, 6, 7], mask=[0, 1, 1] -> [-100, 6, 7]

    Raises:
        ValueError: `ids` and `mask` differ in length, or nothing at all is left to learn.
    """
    if len(ids) != len(mask):
        raise ValueError(f"ids has {len(ids)} tokens but mask has {len(mask)}")
    if not any(mask):
        raise ValueError(
            "the agent says nothing in this row; drop its conversation while screening"
        )
    return [token if said else -100 for token, said in zip(ids, mask, strict=True)]


def hash_rows(run: Run) -> str:
    """Hash of all rows, by which a training knows them again."""
    return hash_text(run.read("rows/train.jsonl"), run.read("rows/valid.jsonl", missing_ok=True))


def read_system(run: Run) -> list[Message]:
    """What stood before the talk in each row that the model was trained on.

    Raises:
        RunError: there are no rows, or others than the model was trained on.
    """
    rows = run.read("rows/train.jsonl")
    if not rows:
        raise RunError(f"{run.file('rows/train.jsonl')} has no rows; inspect and train this run")
    if hash_rows(run) != run.manifest.get("train", {}).get("inputs", {}).get("rows"):
        raise RunError(
            f"the rows of {run.folder} are not those its model was trained on; run its stage 4"
            " under a new name, or stage 3 again with the parameters of then"
        )
    return [Message(**one) for one in rows[0]["messages"] if one["role"] == "system"]


def load_rows(run: Run) -> Any:
    """The rows of a run as a `datasets.DatasetDict` with the splits train and valid."""
    from datasets import DatasetDict, disable_progress_bars, load_dataset

    disable_progress_bars()
    files = {split: str(run.file(f"rows/{split}.jsonl")) for split in ("train", "valid")}
    files = {split: file for split, file in files.items() if Path(file).stat().st_size}
    loaded = {
        s: load_dataset("json", data_files=f, split="train", keep_in_memory=True)
        for s, f in files.items()
    }
    return DatasetDict(loaded)
