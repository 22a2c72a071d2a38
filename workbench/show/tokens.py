"""A row as the trainer sees it: which tokens are learned."""

from itertools import groupby
from typing import TYPE_CHECKING

from workbench.show.escape import escape
from workbench.show.picture import Panel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# two shades of each kind, in turn, so that one sees where a token ends
_LOOK = {
    "trained": (
        "background-color:#BFE3D3;color:#0B3D2E;",
        "background-color:#A5D6C1;color:#0B3D2E;",
    ),
    "stop": ("background-color:#0B7A5B;color:#FFFFFF;font-weight:bold;",) * 2,
    "context": (
        "background-color:#FFFFFF;color:#5B6470;",
        "background-color:#F0F2F4;color:#5B6470;",
    ),
}


def draw_tokens(ids: list[int], mask: list[int], tokenizer: "PreTrainedTokenizerBase") -> Panel:
    """One row, token by token; green is trained, dark green is the stop token at a reply's end.

    `ids` and `mask` are (tokens,). In plain text what is trained stands between « and ».

    Raises:
        ValueError: `ids` and `mask` differ in length.
    """
    if len(ids) != len(mask):
        raise ValueError(f"ids has {len(ids)} tokens but mask has {len(mask)}")
    special = set(tokenizer.all_special_ids)
    kinds = [
        "context" if not said else "stop" if token in special else "trained"
        for token, said in zip(ids, mask, strict=True)
    ]
    pieces = [_spell(token, tokenizer) for token in ids]
    spans = [
        f'<span title="token {token}" style="{_LOOK[kind][index % 2]}">{_show(piece)}</span>'
        for index, (token, kind, piece) in enumerate(zip(ids, kinds, pieces, strict=True))
    ]
    stops, trained = kinds.count("stop"), len(ids) - kinds.count("context")
    told = f"{trained} of {len(ids)} tokens trained, {stops} of them stop tokens"
    if not stops:
        told += ": nothing here teaches when to stop"
    html = (
        '<div style="max-width:900px;padding:10px;background-color:#FFFFFF;color:#1F2933;'
        'border:1px solid #D5DAE0;border-radius:6px">'
        f'<div style="font:13px Helvetica,Arial,sans-serif;margin-bottom:8px">{escape(told)} '
        f"&nbsp; {_explain('trained')} {_explain('stop')} {_explain('context')}</div>"
        '<div style="font:13px/1.7 monospace;white-space:pre-wrap;overflow-wrap:anywhere">'
        f"{''.join(spans)}</div></div>"
    )
    runs = groupby(zip(kinds, pieces, strict=True), key=lambda pair: pair[0] != "context")
    text = "".join(
        "«" + "".join(piece for _, piece in run) + "»" if said else "".join(p for _, p in run)
        for said, run in runs
    )
    return Panel(html, f"{told}\n{text}")


def _spell(token: int, tokenizer: "PreTrainedTokenizerBase") -> str:
    piece = tokenizer.decode([token])
    # a part of a character decodes to nothing readable: show the tokenizer's own name for it
    return piece if piece and "\ufffd" not in piece else tokenizer.convert_ids_to_tokens(token)


def _show(piece: str) -> str:
    return escape(piece).replace("\n", "⏎\n")


def _explain(kind: str) -> str:
    words = {"trained": "trained", "stop": "stop token", "context": "only read"}[kind]
    return f'<span style="{_LOOK[kind][0]}padding:1px 6px;border:1px solid #D5DAE0">{words}</span>'
