"""Greedy decoding of many conversations at once, without reading anything twice.

What a model computed for a conversation, its keys and values, is kept for the conversation's next
message; what all prompts begin with, such as a long procedure, is kept once for all of them.
Conversations of any length share a batch without padding, and as they end others take their places.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

READ_AT_ONCE = 2048
"""Tokens that a model reads in one step, about."""

ATTEND_AT_ONCE = 16
"""Rows whose attention is computed together, each up to the end of the longest of them."""

REFILLED = 16
"""Places that must be free before others take them: reading a few costs as much as reading many."""

MOST_AT_ONCE = 4 * 2**30
"""Bytes of keys and values of the conversations that are continued together."""

MOST_REMEMBERED = 4 * 2**30
"""Bytes of keys and values that are kept from call to call; what is beyond is read again."""

FEW = 16
"""Queries of a row, all heads that share a key together, that are still few."""

SHARED_FROM = 64
"""Tokens that all prompts must begin with before they are kept once; less is not worth a pass."""


class DecodingError(ValueError):
    """A model that cannot be decoded here; the message says why."""


def find_uncomputed(config: Any, longest: int) -> list[str]:
    """What a model's attention does that is not computed here, by its configuration.

    Example: find_uncomputed(Gemma2Config(), 1024) is ["attn_logit_softcapping"]. A window that no
    conversation of `longest` tokens goes beyond hides nothing.
    """
    own = config.get_text_config()
    found = ["attn_logit_softcapping"] * bool(getattr(own, "attn_logit_softcapping", None))
    window = getattr(own, "sliding_window", None)
    return found + ["sliding_window"] * (window is not None and window < longest)


@dataclass(frozen=True)
class Memory:
    """What was read of one conversation, or of what all of them begin with."""

    ids: list[int]

    states: "Tensor"
    """Keys and values, of shape (layers, 2, groups, tokens, size); of a conversation that begins
    like all others only what comes after that."""


class Decoder:
    """Writes what a model holds likeliest, and remembers conversations that have a name.

    The model's attention is replaced for good; load another copy for anything else.
    """

    def __init__(self, model: Any, stop: int):
        name = _register_attention()
        model.set_attn_implementation(name)
        if model.config._attn_implementation != name:
            raise DecodingError(f"{model.name_or_path} does not let its attention be replaced")
        self.model, self.stop = model, stop
        self.memories: dict[Hashable, Memory] = {}
        self.shared: Memory | None = None
        """What all prompts begin with, if that is long; kept until a prompt begins otherwise."""
        self.n_cached: list[int] = []
        """Of each prompt of the last call, the tokens that were not read for it.

        What all begin with is read for the longest prompt of the call that reads it."""
        self.reading_s = 0.0
        """Seconds of the last call in which prompts were read; in the others it wrote."""

    def write(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        names: Sequence[Hashable] = (),
        batch_size: int = 128,
        options: Sequence[Sequence[list[int]]] = (),
    ) -> list[list[int]]:
        """Continue each prompt up to its stop token, or to `max_new_tokens`.

        What was read of a prompt that has a name is remembered until the next call, and of the
        prompt that then has this name only what is new is read. What all prompts begin with is read
        once, for this call and those after it, unless it is short.

        `batch_size` is how many are continued together at most; memory may allow fewer. With
        `options`, for each prompt the replies that are allowed, one of them is begun and broken off
        as soon as it differs from all others.

        Raises:
            DecodingError: the model's attention is of a kind that is not computed here.
            ValueError: a prompt is empty, nothing is to be written, or names are not one each.
        """
        import torch

        if max_new_tokens < 1 or not all(prompts):
            raise ValueError("a prompt has a token at least, and so has what is written after it")
        if names and len(set(names)) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts need as many different names, or none")
        # alike lengths side by side: a block attends up to the end of its longest row
        order = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        rows = [_Row(list(prompt), len(prompt), max_new_tokens) for prompt in prompts]
        for row, own in zip(rows, options, strict=bool(options)):
            row.options = list(own)
        # what no name asks for is forgotten before anything is read
        self.memories = {name: self.memories[name] for name in names if name in self.memories}
        self.reading_s = 0.0
        with torch.inference_mode():
            n_read_for_all = self._share(prompts)
            memories, self.memories = self.memories, {}
            n_bytes = self.shared.states.nbytes if self.shared else 0
            if rows:
                n_own = rows[order[0]].room - _length(self.shared)
                fitting = (MOST_AT_ONCE - n_bytes) // (n_own * _bytes_per_token(self.model))
                n_places = max(1, min(batch_size, fitting, len(rows)))
                # one by one, so that what is remembered of a row goes when the row has it
                waiting = (
                    (rows[place], memories.pop(names[place], None) if names else None)
                    for place in order
                )
                batch = _Batch(self.model, n_places, rows[order[0]].room, self.shared)
                batch.write(waiting, self.stop, MOST_REMEMBERED - n_bytes if names else 0)
                self.reading_s += batch.reading_s
            for name, row in zip(names, rows, strict=bool(names)):
                if row.memory:
                    self.memories[name] = row.memory
        self.n_cached = [row.n_cached for row in rows]
        if n_read_for_all:
            self.n_cached[order[0]] -= n_read_for_all
        return [row.ids[row.n_prompt :] for row in rows]

    def _share(self, prompts: Sequence[list[int]]) -> int:
        """Keep once what all prompts begin with; the tokens that were read for that now."""
        if not prompts:
            return 0
        # each prompt reads one token at least itself: what comes next is computed from it
        n_same = min(_count_same(prompts[0], prompt) for prompt in prompts)
        n_same = min(n_same, min(map(len, prompts)) - 1)
        if self.shared:
            if _count_same(self.shared.ids, prompts[0][:n_same]) == len(self.shared.ids):
                return 0
            # memories hold only what came after it
            self.shared, self.memories = None, {}
        # what is remembered of each conversation holds its beginning already
        if len(prompts) < 2 or n_same < SHARED_FROM or self.memories:
            return 0
        batch = _Batch(self.model, 1, n_same)
        self.shared = batch.read_one(prompts[0][:n_same])
        self.reading_s += batch.reading_s
        return n_same


@dataclass
class _Row:
    """A conversation that is being continued."""

    ids: list[int]
    n_prompt: int
    max_new_tokens: int
    n_read: int = 0
    """Tokens whose keys and values are there."""
    n_cached: int = 0
    """Tokens whose keys and values were there at the start."""
    memory: Memory | None = None
    options: list[list[int]] = field(default_factory=list)
    """The replies that are still open; empty: all."""

    @property
    def room(self) -> int:
        return self.n_prompt + self.max_new_tokens

    @property
    def unread(self) -> list[int]:
        return self.ids[self.n_read :]

    def choose(self, scores: "Tensor") -> int:
        """The likeliest token with which an open reply goes on; `scores` are (tokens,)."""
        place = len(self.ids) - self.n_prompt
        allowed = [option[place] for option in self.options]
        token = allowed[int(scores[allowed].argmax())]
        self.options = [option for option in self.options if option[place] == token]
        return token

    def has_ended(self, stop: int) -> bool:
        """Whether nothing is to be written any more."""
        return (
            len(self.ids) >= self.room
            or len(self.options) == 1
            or (len(self.ids) > self.n_prompt and self.ids[-1] == stop)
        )


class _Batch:
    """Conversations that are continued together, each in a row of the layers' tensors.

    All begin with what is `shared`; the tensors hold what comes after it.
    """

    def __init__(self, model: Any, n_places: int, room: int, shared: Memory | None = None):
        self.model, self.n_places, self.room, self.shared = model, n_places, room, shared
        self.n_shared = _length(shared)
        self.rows: list[_Row] = []
        self.layers: dict[int, Tensor] = {}
        """Keys and values by layer, each of shape (2, n_places, groups, room - n_shared, size)."""
        self.blocks: list[_Block] = []
        """Of the rows that are being read."""
        self.n_attended = 0
        """Layers that came to `attend` in this pass."""
        self.reading_s = 0.0
        """Seconds of the passes in which some row had more than one token unread."""

    def read_one(self, ids: list[int]) -> Memory:
        """Read these tokens, and keep them where the model is."""
        import torch

        self.rows = [_Row(list(ids), len(ids), 0)]
        self._read(0, 1)
        return Memory(ids, torch.stack([layer[:, 0] for layer in self.layers.values()]))

    def write(self, waiting: Iterator[tuple[_Row, Memory | None]], stop: int, budget: int) -> None:
        """Write until every row has ended; remember what was read, within `budget` bytes.

        As rows end, those that wait take their places: a row that writes much holds up no other.
        """
        while True:
            for place in reversed(range(len(self.rows))):
                if self.rows[place].has_ended(stop):
                    budget -= self._end(place, budget)
            n_free = self.n_places - len(self.rows)
            is_time = n_free >= REFILLED or not self.rows
            if is_time and self._take_in(islice(waiting, n_free)):
                continue
            if not self.rows:
                return
            self._read(0, len(self.rows))

    def _take_in(self, waiting: Iterable[tuple[_Row, Memory | None]]) -> bool:
        """Begin with these: what is remembered is put into their places, the rest is read.

        Returns whether there were any.
        """
        first = start = len(self.rows)
        for row, memory in waiting:
            row.n_read = self.n_shared
            if memory:
                # one token at least is read: what comes next is computed from it
                row.n_read = min(_count_same(memory.ids, row.ids), len(row.ids) - 1)
                own = slice(row.n_read - self.n_shared)
                for number, states in enumerate(memory.states):
                    layer = self._layer(number, states[0])
                    layer[:, len(self.rows), :, own] = states[:, :, own].to(layer.device)
            row.n_cached = row.n_read
            self.rows.append(row)
        n_unread = 0
        for stop, row in enumerate(self.rows[start:], start=start + 1):
            n_unread += len(row.unread)
            if n_unread >= READ_AT_ONCE or stop == len(self.rows):
                self._read(start, stop)
                start, n_unread = stop, 0
        return len(self.rows) > first

    def _read(self, start: int, stop: int) -> None:
        """Read what is unread in these rows, and write the likeliest token after each."""
        import torch

        begun_s = perf_counter()
        unread = [row.unread for row in self.rows[start:stop]]
        ids = torch.tensor([token for tokens in unread for token in tokens])
        self.blocks = _blocks(self.rows, start, stop, self.model, self.n_shared)
        positions = torch.cat([block.places for block in self.blocks]) + self.n_shared
        self.n_attended = 0
        states = self.model.base_model(
            input_ids=ids[None].to(self.model.device),
            position_ids=positions[None],
            use_cache=False,
            batch=self,
        ).last_hidden_state[0]
        if self.n_attended != self.model.config.num_hidden_layers:
            raise DecodingError(
                f"{self.model.name_or_path} has layers that are no plain attention;"
                f" they cannot be decoded here"
            )
        lasts = torch.tensor([len(tokens) for tokens in unread]).cumsum(0) - 1
        logits = self.model.get_output_embeddings()(states[lasts.to(states.device)])
        likeliest = logits.argmax(-1).tolist()
        for row, scores, token in zip(self.rows[start:stop], logits, likeliest, strict=True):
            row.n_read = len(row.ids)
            row.ids.append(row.choose(scores) if row.options else token)
        # what was chosen is here, so a GPU has done its work
        if len(ids) > len(unread):
            self.reading_s += perf_counter() - begun_s

    def attend(
        self, number: int, query: "Tensor", key: "Tensor", value: "Tensor", scale: float
    ) -> "Tensor":
        """Attention of one layer over all that was read; shapes are those of transformers.

        query is (1, heads, tokens, size), key and value (1, groups, tokens, size), the tokens of
        all rows one after the other; the result is (1, tokens, heads, size).
        """
        import torch

        layer = self._layer(number, key[0])
        shared = self.shared and self.shared.states[number]
        query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))
        outs, start = [], 0
        for block in self.blocks:
            stop = start + len(block.places)
            layer[0, block.rows, :, block.places] = key[start:stop]
            layer[1, block.rows, :, block.places] = value[start:stop]
            outs.append(block.attend(query[start:stop], layer, scale, shared))
            start = stop
        self.n_attended += 1
        return torch.cat(outs)[None]

    def _layer(self, number: int, like: "Tensor") -> "Tensor":
        """The keys and values of a layer; `like` is a tensor of shape (groups, any, size)."""
        if number not in self.layers:
            groups, _, size = like.shape
            shape = (2, self.n_places, groups, self.room - self.n_shared, size)
            self.layers[number] = like.new_zeros(shape, device=self.model.device)
        return self.layers[number]

    def _end(self, place: int, budget: int) -> int:
        """Take a row out, remembered if `budget` allows it; the bytes that its memory takes."""
        import torch

        row, last = self.rows[place], self.rows.pop()
        n_own = row.n_read - self.n_shared
        parts = [layer[:, place, :, :n_own] for layer in self.layers.values()]
        n_bytes = sum(part.nbytes for part in parts)
        if n_bytes <= budget:
            row.memory = Memory(row.ids[: row.n_read], torch.stack(parts).cpu())
        if row is not last:
            self.rows[place], n_own = last, last.n_read - self.n_shared
            for layer in self.layers.values():
                layer[:, place, :, :n_own] = layer[:, len(self.rows), :, :n_own]
        return n_bytes if row.memory else 0


class _Block:
    """Neighbouring rows whose attention is computed together."""

    def __init__(self, rows: list[_Row], first: int, model: Any, n_shared: int):
        import torch

        device = model.device
        counts = torch.tensor([len(row.unread) for row in rows])
        read = torch.tensor([row.n_read for row in rows]) - n_shared
        own = torch.arange(len(rows)).repeat_interleave(counts)
        offsets = torch.arange(len(own)) - (counts.cumsum(0) - counts)[own]
        self.span = slice(first, first + len(rows))
        self.width = int(counts.max())
        self.length = max(len(row.ids) for row in rows) - n_shared
        self.own, self.offsets = own.to(device), offsets.to(device)
        """Of each token its row in the block, and its place among the unread of that row."""
        self.rows, self.places = (own + first).to(device), (read[own] + offsets).to(device)
        """Of each token its row in the batch, and its place in that row's part of a layer."""
        asking = read[:, None] + torch.arange(self.width)
        is_hidden = torch.arange(self.length) > asking[..., None]
        mask = torch.zeros(is_hidden.shape, dtype=model.dtype).masked_fill(is_hidden, float("-inf"))
        config = model.config.get_text_config()
        lines = config.num_attention_heads // config.num_key_value_heads
        self.mask = mask[:, None].repeat(1, 1, lines, 1).to(device)
        """Added to the scores, of shape (rows, 1, lines * width, length); see `attend`."""

    def attend(
        self, query: "Tensor", layer: "Tensor", scale: float, shared: "Tensor | None" = None
    ) -> "Tensor":
        """What the block's tokens see; query and result are of shape (tokens, heads, size).

        `shared`, of shape (2, groups, tokens, size), is seen by all, before what `layer` holds.
        """
        key, value = layer[:, self.span, :, : self.length]
        n_rows, groups = key.shape[:2]
        _, heads, size = query.shape
        padded = query.new_zeros(n_rows, self.width, heads, size)
        padded[self.own, self.offsets] = query
        # heads that share keys and values stand in one line, as so many queries more
        lined = padded.unflatten(2, (groups, -1)).permute(0, 2, 3, 1, 4).flatten(2, 3)
        seen = _attend(lined, key, value, self.mask, scale, shared)
        apart = seen.unflatten(2, (-1, self.width)).permute(0, 3, 1, 2, 4).flatten(2, 3)
        return apart[self.own, self.offsets]


def _attend(
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    mask: "Tensor",
    scale: float,
    shared: "Tensor | None",
) -> "Tensor":
    """Attention of rows over their own keys and values, and over those that all rows share.

    All are (rows, groups, tokens, size) but for `shared`, which is (2, groups, tokens, size).
    """
    import torch

    if shared is None:
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, scale=scale
        )
    n_rows, n_shared = len(query), shared.shape[2]
    # scaled first, so that half precision does not overflow
    query = query * scale
    # what is shared is multiplied with the queries of all rows at once, and never copied
    asked = query.transpose(0, 1).flatten(1, 2) @ shared[0].mT
    # over few queries a CPU is three times as fast with the keys first
    own = (key @ query.mT).mT if query.shape[2] < FEW else query @ key.mT
    scores = torch.cat([asked.unflatten(1, (n_rows, -1)).transpose(0, 1), own], dim=-1)
    scores[..., n_shared:] += mask
    weights = scores.softmax(-1)
    told = weights[..., :n_shared].transpose(0, 1).flatten(1, 2) @ shared[1]
    return told.unflatten(1, (n_rows, -1)).transpose(0, 1) + weights[..., n_shared:] @ value


def _count_same(ids: Sequence[int], others: Sequence[int]) -> int:
    """Length of what both begin with. Example: [5, 6, 7], [5, 6, 8, 9] -> 2"""
    pairs = enumerate(zip(ids, others, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(ids), len(others)))


def _length(memory: Memory | None) -> int:
    return len(memory.ids) if memory else 0


def _blocks(rows: list[_Row], start: int, stop: int, model: Any, n_shared: int) -> list[_Block]:
    return [
        _Block(rows[first : min(first + ATTEND_AT_ONCE, stop)], first, model, n_shared)
        for first in range(start, stop, ATTEND_AT_ONCE)
    ]


def _bytes_per_token(model: Any) -> int:
    config = model.config.get_text_config()
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    groups = config.num_key_value_heads
    return 2 * config.num_hidden_layers * groups * size * model.dtype.itemsize


@cache
def _register_attention() -> str:
    """Make the attention of `_Batch` known to transformers; the name it is known by."""
    from transformers import AttentionInterface

    def attend(module, query, key, value, attention_mask, scaling, batch, **kind):
        special = [name for name in ("softcap", "s_aux") if kind.get(name) is not None]
        if attention_mask is not None:
            special.append("a mask of its own")
        # a window that is longer than the conversation hides nothing
        if (kind.get("sliding_window") or batch.room) < batch.room:
            special.append("sliding_window")
        if special:
            raise DecodingError(f"attention with {', '.join(special)} cannot be decoded here")
        return batch.attend(module.layer_idx, query, key, value, scaling), None

    AttentionInterface.register("workbench_decoding", attend)
    return "workbench_decoding"
