import pytest

from workbench.train.kernels import is_plain_llama, labelled_loss, last_states

SHAPE = {
    "vocab_size": 90,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}


def small_llama(**changes):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE | changes))
    for weight in model.parameters():
        # norms' weights start at 1, where a forgotten one would not be noticed
        weight.data += 0.1 * torch.randn_like(weight)
    return model


@pytest.mark.parametrize("length", [1, 7, 160, 350])
@pytest.mark.parametrize("changes", [{}, {"head_dim": 16}, {"num_key_value_heads": 6}])
def test_states_and_gradients_are_the_usual_ones(length, changes):
    import torch

    model = small_llama(**changes)
    ids, direction = torch.randint(0, 90, (3, length)), torch.randn(3, length, 48)
    ours = last_states(model, ids, torch.float32)
    usual = model.model(input_ids=ids).last_hidden_state
    torch.testing.assert_close(ours, usual, rtol=1e-4, atol=1e-5)
    weights = list(model.model.parameters())
    expected = torch.autograd.grad((usual * direction).sum(), weights)
    found = torch.autograd.grad((ours * direction).sum(), weights)
    # of what is nothing but rounding, as of queries that see one key, no digit need be the same
    rounding = torch.finfo(torch.float32).eps * max(float(one.abs().max()) for one in expected)
    for one, other in zip(found, expected, strict=True):
        if (largest := float(other.abs().max())) < rounding:
            assert float(one.abs().max()) < rounding
        else:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * largest)


def test_bfloat16_products_change_the_states_by_rounding_only():
    import torch

    model = small_llama()
    ids = torch.randint(0, 90, (2, 200))
    exact, rounded = (last_states(model, ids, kind) for kind in (torch.float32, torch.bfloat16))
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).norm() / exact.norm() < 0.02


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"attention_bias": True}, False),
        ({"mlp_bias": True}, False),
        ({"attention_dropout": 0.1}, False),
        ({"hidden_act": "gelu"}, False),
    ],
)
def test_other_models_take_the_usual_way(changes, expected):
    from transformers import LlamaConfig, MistralConfig

    assert is_plain_llama(LlamaConfig(**SHAPE | changes)) is expected
    assert not is_plain_llama(MistralConfig(**SHAPE))


def test_the_loss_is_the_usual_one():
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(0)
    hidden, head = (torch.randn(n, 16, requires_grad=True) for n in (150, 300))
    targets = torch.randint(0, 300, (150,))
    ours = labelled_loss(hidden, head, targets) / 150
    usual = cross_entropy(hidden @ head.T, targets)
    torch.testing.assert_close(ours, usual)
    expected = torch.autograd.grad(usual, (hidden, head))
    torch.testing.assert_close(torch.autograd.grad(ours, (hidden, head)), expected)
