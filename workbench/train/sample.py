"""Replies of a model under training to a customer it does not learn from, to read meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from workbench.chat_format import chat_format, prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SAMPLED_TOKENS = 60
"""Tokens after which a sample is cut: what it costs beside measuring held-out loss stays small."""


@dataclass(frozen=True)
class Sampler:
    """The place in a held-out conversation at which a model is asked again and again."""

    heard: list[dict[str, Any]]
    """Messages up to the customer's, which is the last."""

    taught: str
    """What the teacher said there."""

    tokenizer: "PreTrainedTokenizerBase"

    def write(self, model: "PreTrainedModel") -> dict[str, str]:
        """The customer's message, the likeliest reply of the model as it is, and the teacher's.

        The model's weights, its mode and all random generators stay as they are.
        """
        import torch

        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                reply = self._reply(model)
        finally:
            model.train(was_training)
        return {"heard": self.heard[-1]["content"], "reply": reply, "taught": self.taught}

    def _reply(self, model: "PreTrainedModel") -> str:
        import torch

        # a `Decoder` would replace the attention that is being trained
        stop, read, written = chat_format(self.tokenizer).stop_id, None, list[int]()
        unread = prompt_ids(self.heard, self.tokenizer)
        while len(written) < SAMPLED_TOKENS and written[-1:] != [stop]:
            ids = torch.tensor([unread], device=model.device)
            out = model(input_ids=ids, past_key_values=read, use_cache=True, logits_to_keep=1)
            unread, read = [int(out.logits[0, -1].argmax())], out.past_key_values
            written += unread
        text = self.tokenizer.decode(written, skip_special_tokens=True).strip()
        return text if written[-1] == stop else f"{text} …"


def make_sampler(
    rows: Sequence[dict[str, Any]], tokenizer: "PreTrainedTokenizerBase"
) -> Sampler | None:
    """The first reply to a customer in the first row that has one; None: no row has."""
    for messages in (row["messages"] for row in rows):
        for n, pair in enumerate(pairwise(messages), start=1):
            if [message["role"] for message in pair] == ["user", "assistant"]:
                return Sampler(messages[:n], pair[1]["content"], tokenizer)
    return None
