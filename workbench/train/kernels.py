"""Arithmetic that lets a CPU train twice as fast: a plain Llama's forward pass, and the loss.

The same numbers as the usual way, up to rounding; tests compare them.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

QUERY_BLOCK = 160
"""Queries that attention takes at a time; what they cannot see is then mostly never computed."""

LOSS_BLOCK = 64
"""Positions whose probabilities are computed at a time, few enough to stay in the CPU's cache."""


def is_plain_llama(config: "PretrainedConfig") -> bool:
    """Whether `last_states` computes what this model computes."""
    return (
        config.model_type == "llama"
        and config.hidden_act == "silu"
        and not (config.attention_dropout or config.attention_bias or config.mlp_bias)
    )


def last_states(model: "PreTrainedModel", input_ids: "Tensor", dtype: Any) -> "Tensor":
    """Hidden states after the last layer, (batch, tokens, size) in float32, of a plain Llama.

    Sums and norms are in float32, products in `dtype`. A position sees itself and those before it:
    no mask is needed where padding is on the right.
    """
    import torch

    llama, config = model.model, model.config
    groups = config.num_key_value_heads
    states = llama.embed_tokens(input_ids)
    places = torch.arange(input_ids.shape[1], device=states.device)
    cos, sin = (half.chunk(2, -1)[0] for half in llama.rotary_emb(states, places[None]))
    for layer in llama.layers:
        attention, mlp = layer.self_attn, layer.mlp
        queries_keys_values = [attention.q_proj, attention.k_proj, attention.v_proj]
        joined = normed_product(states, layer.input_layernorm, queries_keys_values, dtype)
        seen = causal_attention(joined, cos, sin, groups, attention.scaling)
        states = states + seen @ attention.o_proj.weight.to(dtype).T
        norm = layer.post_attention_layernorm
        joined = normed_product(states, norm, [mlp.gate_proj, mlp.up_proj], dtype)
        states = states + gated_product(joined, mlp.down_proj.weight)
    return llama.norm(states)


def normed_product(states: "Tensor", norm: Any, linears: list[Any], dtype: Any) -> "Tensor":
    """What the linear layers make of the normed states, side by side, in `dtype`."""
    weights = [linear.weight for linear in linears]
    return _normed_product().apply(states, norm.weight, norm.variance_epsilon, dtype, *weights)


def gated_product(joined: "Tensor", weight: "Tensor") -> "Tensor":
    """The second half of a gated feed-forward layer: (silu(gate) * up) @ weight.T.

    joined is (..., gate and up side by side), weight (size, half of that).
    """
    return _gated_product().apply(joined, weight)


def causal_attention(
    joined: "Tensor", cos: "Tensor", sin: "Tensor", groups: int, scaling: float
) -> "Tensor":
    """Attention with rotary positions, in which a position sees itself and those before it.

    joined is (batch, tokens, queries and keys and values side by side), with `groups` heads of
    keys and of values; cos and sin are (1, tokens, half a head). Returns (batch, tokens, queries).
    """
    return _causal_attention().apply(joined, cos, sin, groups, scaling)


def labelled_loss(hidden: "Tensor", head: "Tensor", targets: "Tensor") -> "Tensor":
    """Sum of the cross-entropy over positions, without keeping their probabilities in float32.

    hidden is (positions, size), head (vocabulary, size), targets (positions,).
    """
    return _labelled_loss().apply(hidden, head, targets)


@cache
def _normed_product() -> Any:
    import torch

    class NormedProduct(torch.autograd.Function):
        @staticmethod
        def forward(context, states, gain, epsilon, dtype, *weights):
            flat = states.flatten(0, -2)
            scale = torch.rsqrt(flat.square().mean(-1, keepdim=True) + epsilon)
            normed = ((flat * scale) * gain).to(dtype)
            context.sizes = [len(weight) for weight in weights]
            joined = torch.empty(sum(context.sizes), flat.shape[1], dtype=dtype, device=flat.device)
            for part, weight in zip(joined.split(context.sizes), weights, strict=True):
                part.copy_(weight)
            context.save_for_backward(states, gain, scale, normed, joined)
            return (normed @ joined.T).unflatten(0, states.shape[:-1])

        @staticmethod
        def backward(context, gradient):
            states, gain, scale, normed, joined = context.saved_tensors
            gradient = gradient.flatten(0, -2)
            of_weights = (gradient.T @ normed).split(context.sizes)
            of_normed = (gradient @ joined).to(states.dtype)
            unit = states.flatten(0, -2) * scale
            of_gain = torch.linalg.vecdot(of_normed, unit, dim=0)
            of_unit = of_normed.mul_(gain)
            along = torch.linalg.vecdot(of_unit, unit).div_(-states.shape[-1])
            of_states = of_unit.addcmul_(unit, along[:, None]).mul_(scale)
            of_weights = [weight.to(gain.dtype) for weight in of_weights]
            return of_states.view_as(states), of_gain, None, None, *of_weights

    return NormedProduct


@cache
def _gated_product() -> Any:
    import torch
    from torch.nn.functional import silu

    class GatedProduct(torch.autograd.Function):
        @staticmethod
        def forward(context, joined, weight):
            gate, up = joined.chunk(2, -1)
            cast = weight.to(joined.dtype)
            context.save_for_backward(joined, cast)
            context.dtype = weight.dtype
            return silu(gate).mul_(up) @ cast.T

        @staticmethod
        def backward(context, gradient):
            joined, weight = context.saved_tensors
            gradient = gradient.to(joined.dtype)
            of_joined = torch.empty_like(joined)
            (gate, up), (of_gate, of_up) = joined.chunk(2, -1), of_joined.chunk(2, -1)
            active = silu(gate)
            of_product = gradient @ weight
            torch.mul(of_product, active, out=of_up)
            of_gate.copy_(torch.ops.aten.silu_backward(of_product.mul_(up), gate))
            of_weight = gradient.flatten(0, -2).T @ active.mul_(up).flatten(0, -2)
            return of_joined, of_weight.to(context.dtype)

    return GatedProduct


@cache
def _causal_attention() -> Any:
    import torch

    def rotate(heads, cos, sin):
        """Turn each pair of numbers by its angle; heads is (batch, heads, tokens, size)."""
        first, second = heads.float().chunk(2, -1)
        turned = torch.empty(heads.shape, dtype=heads.dtype, device=heads.device)
        turned_first, turned_second = turned.chunk(2, -1)
        turned_first.copy_((first * cos).addcmul_(second, sin, value=-1))
        turned_second.copy_((second * cos).addcmul_(first, sin))
        return turned

    class CausalAttention(torch.autograd.Function):
        @staticmethod
        def forward(context, joined, cos, sin, groups, scaling):
            batch, length = joined.shape[:2]
            size = 2 * cos.shape[-1]
            heads = joined.unflatten(-1, (-1, size)).transpose(1, 2)
            n_queries = heads.shape[1] - 2 * groups
            query, key, value = heads.split([n_queries, groups, groups], 1)
            # the heads of a group stand one below the other: one matrix product for all of them
            query = rotate(query, cos * scaling, sin * scaling)
            query = query.view(batch * groups, -1, length, size)
            key = rotate(key, cos, sin).view(batch * groups, length, size)
            value = value.reshape(batch * groups, length, size)
            future = torch.ones(QUERY_BLOCK, QUERY_BLOCK, dtype=torch.bool, device=value.device)
            future.triu_(1)
            out, weights = torch.empty_like(query), []
            for start in range(0, length, QUERY_BLOCK):
                stop = min(start + QUERY_BLOCK, length)
                block = query[:, :, start:stop].flatten(1, 2)
                scores = torch.bmm(block, key[:, :stop].mT).unflatten(1, (-1, stop - start))
                hidden = future[: stop - start, : stop - start]
                scores[..., start:].masked_fill_(hidden, float("-inf"))
                weights.append(scores.softmax(-1).flatten(1, 2))
                seen = torch.bmm(weights[-1], value[:, :stop])
                out[:, :, start:stop] = seen.unflatten(1, (-1, stop - start))
            context.save_for_backward(query, key, value, cos, sin, *weights)
            context.scaling = scaling
            return out.view(batch, n_queries, length, size).transpose(1, 2).flatten(2)

        @staticmethod
        def backward(context, gradient):
            query, key, value, cos, sin, *weights = context.saved_tensors
            batch, length = gradient.shape[:2]
            size = query.shape[-1]
            gradient = gradient.unflatten(-1, (-1, size)).transpose(1, 2).reshape(query.shape)
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
            of_query, of_key, of_value = (
                one.view(batch, -1, length, size).to(value.dtype)
                for one in (of_query, of_key, of_value)
            )
            # back by the same angle
            scaled = context.scaling
            parts = [rotate(of_query, cos * scaled, -sin * scaled), rotate(of_key, cos, -sin)]
            joined = torch.cat([*parts, of_value], 1)
            return joined.transpose(1, 2).flatten(2), None, None, None, None

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
                logs = block.log_softmax(1, dtype=torch.float32)
                chosen = logs.gather(1, target)
                total -= chosen.sum()
                block.copy_(logs.exp_().scatter_add_(1, target, -torch.ones_like(chosen)))
            context.save_for_backward(logits, hidden, head)
            return total

        @staticmethod
        def backward(context, gradient):
            of_logits, hidden, head = context.saved_tensors
            scale = gradient.to(hidden.dtype)
            of_hidden = (of_logits @ head) * scale
            # beside adapters the output layer is frozen
            of_head = (of_logits.T @ hidden) * scale if context.needs_input_grad[1] else None
            return of_hidden, of_head, None

    return LabelledLoss
