"""Arithmetic that lets a CPU train about half as fast again: attention and loss.

The same numbers as the usual way, up to rounding; tests compare them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

QUERY_BLOCK = 64
"""Queries that attention takes at a time; what they cannot see is then mostly never computed."""

LOSS_BLOCK = 64
"""Positions whose probabilities are computed at a time, few enough to stay in the CPU's cache."""


@cache
def register_attention() -> str:
    """Make `causal_attention` known to transformers; the name it is known by."""
    from transformers import AttentionInterface

    def attend(_module, query, key, value, attention_mask, scaling, **_):
        if attention_mask is not None:
            raise ValueError("this attention pads on the right and takes no attention_mask")
        return causal_attention(query, key, value, scaling).transpose(1, 2), None

    AttentionInterface.register("workbench_causal", attend)
    return "workbench_causal"


def causal_attention(query: "Tensor", key: "Tensor", value: "Tensor", scaling: float) -> "Tensor":
    """Attention in which a position sees itself and those before it, for training on a CPU.

    query is (batch, heads, tokens, size), key and value (batch, groups, tokens, size), where
    several heads share a group. Needs no mask if padding is on the right.
    """
    return _causal_attention().apply(query, key, value, scaling)


def labelled_loss(hidden: "Tensor", head: "Tensor", targets: "Tensor") -> "Tensor":
    """Sum of the cross-entropy over positions, without keeping their probabilities in float32.

    hidden is (positions, size), head (vocabulary, size), targets (positions,).
    """
    return _labelled_loss().apply(hidden, head, targets)


@cache
def _causal_attention() -> Any:
    import torch

    class CausalAttention(torch.autograd.Function):
        @staticmethod
        def forward(context, query, key, value, scaling):
            (batch, heads, length, size), groups = query.shape, key.shape[1]
            # the heads of a group stand one below the other: one matrix product for all of them
            query = (query * scaling).to(value.dtype)
            query = query.reshape(batch * groups, heads // groups, length, size)
            key = key.to(value.dtype).reshape(batch * groups, length, size)
            value = value.reshape(batch * groups, length, size)
            out, weights = torch.empty_like(query), []
            for start in range(0, length, QUERY_BLOCK):
                stop = min(start + QUERY_BLOCK, length)
                block = query[:, :, start:stop].flatten(1, 2)
                scores = torch.bmm(block, key[:, :stop].mT).unflatten(1, (-1, stop - start))
                future = torch.ones(stop - start, stop - start, dtype=torch.bool).triu_(1)
                scores[..., start:].masked_fill_(future.to(scores.device), float("-inf"))
                weights.append(scores.softmax(-1).flatten(1, 2))
                seen = torch.bmm(weights[-1], value[:, :stop])
                out[:, :, start:stop] = seen.unflatten(1, (-1, stop - start))
            context.save_for_backward(query, key, value, *weights)
            context.scaling, context.shapes = scaling, (batch, heads, groups)
            return out.reshape(batch, heads, length, size)

        @staticmethod
        def backward(context, gradient):
            query, key, value, *weights = context.saved_tensors
            batch, heads, groups = context.shapes
            length = query.shape[2]
            gradient = gradient.reshape(query.shape)
            of_query = torch.empty_like(query)
            of_key = torch.zeros_like(key, dtype=torch.float32)
            of_value = torch.zeros_like(of_key)
            for start, weight in zip(range(0, length, QUERY_BLOCK), weights, strict=True):
                stop = min(start + QUERY_BLOCK, length)
                block = gradient[:, :, start:stop].flatten(1, 2)
                of_value[:, :stop] += torch.bmm(weight.mT, block)
                of_weight = torch.bmm(block, value[:, :stop].mT)
                of_score = torch._softmax_backward_data(of_weight, weight, -1, weight.dtype)
                of_block = torch.bmm(of_score, key[:, :stop])
                of_query[:, :, start:stop] = of_block.unflatten(1, (-1, stop - start))
                of_key[:, :stop] += torch.bmm(of_score.mT, query[:, :, start:stop].flatten(1, 2))
            return (
                (of_query * context.scaling).reshape(batch, heads, length, -1),
                of_key.reshape(batch, groups, length, -1),
                of_value.reshape(batch, groups, length, -1),
                None,
            )

    return CausalAttention


@cache
def _labelled_loss() -> Any:
    import torch

    class LabelledLoss(torch.autograd.Function):
        @staticmethod
        def forward(context, hidden, head, targets):
            # logits, and then in their place the gradient of the loss with respect to them
            logits = hidden @ head.T
            total = torch.zeros((), device=hidden.device)
            for block, target in zip(
                logits.split(LOSS_BLOCK), targets.unsqueeze(1).split(LOSS_BLOCK), strict=True
            ):
                exact = block.float()
                norm = exact.logsumexp(1, keepdim=True)
                total += (norm - exact.gather(1, target)).sum()
                exact.sub_(norm).exp_()
                block.copy_(exact.scatter_add_(1, target, -torch.ones_like(norm)))
            context.save_for_backward(logits, hidden, head)
            return total

        @staticmethod
        def backward(context, gradient):
            of_logits, hidden, head = context.saved_tensors
            scale = gradient.to(hidden.dtype)
            return (of_logits @ head) * scale, (of_logits.T @ hidden) * scale, None

    return LabelledLoss
