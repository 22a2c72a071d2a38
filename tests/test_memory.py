import numpy as np
import pytest
from safetensors.numpy import save_file

from workbench.train.backend import Backend
from workbench.train.choosing import first_that_fits
from workbench.train.memory import (
    Shape,
    bytes_at_rest,
    bytes_needed,
    is_out_of_memory,
    measure_shape,
    tokens_that_fit,
)
from workbench.train.presets import EIGHT_BIT, find_preset
from workbench.train.progress import TrainError
from workbench.train.recipes import FULL, RANK, Recipe, check_method, list_recipes

GB = 2**30
T4, RTX_5090, A100 = 15 * GB, 32 * GB, 80 * GB
NAMES = {3: "Qwen/Qwen2.5-3B-Instruct", 8: "Qwen/Qwen3-8B", 0: "smollm2"}
SHAPES = {
    0: Shape(134_515_008, 28_311_552, 305_280, 30, 576, 380_160, 49_152),
    3: Shape(3_085_938_688, 311_164_928, 1_870_848, 36, 2048, 2_359_296, 151_936),
    8: Shape(8_190_735_360, 1_244_659_712, 2_727_936, 36, 4096, 3_391_488, 151_936),
}


def gpu(dtype="bfloat16"):
    return Backend("transformers", "a test", "cuda", dtype)


@pytest.fixture(autouse=True)
def bitsandbytes(monkeypatch):
    monkeypatch.setattr("workbench.train.recipes.has_bitsandbytes", lambda: True)


def choose(size, n_bytes, dtype="bfloat16", method="", tokens=1024):
    shape = SHAPES[size]
    recipes = list_recipes(gpu(dtype), find_preset(NAMES[size], shape.n_weights))
    asked = [recipe for recipe in recipes if method in ("", recipe.method)]
    return first_that_fits(asked, shape, dtype, tokens, n_bytes)


def test_a_shape_is_read_off_the_weights(tmp_path):
    def zeros(*shape):
        return np.zeros(shape, np.float16)

    layer = {"self_attn.q_proj": (6, 4), "mlp.down_proj": (4, 8), "input_layernorm": (4,)}
    weights = {
        f"model.layers.{number}.{name}.weight": zeros(*shape)
        for number in range(2)
        for name, shape in layer.items()
    }
    save_file(weights, tmp_path / "model-1.safetensors")
    save_file({"model.embed_tokens.weight": zeros(10, 4)}, tmp_path / "model-2.safetensors")
    shape = measure_shape(tmp_path)
    assert (shape.n_weights, shape.n_outside) == (2 * (24 + 32 + 4) + 40, 40)
    assert (shape.n_layers, shape.size, shape.vocabulary) == (2, 4, 10)
    assert shape.n_adapters == 2 * (6 + 4 + 4 + 8)


def test_bytes_at_rest_are_those_one_counts_by_hand():
    shape = Shape(1000, 100, 5, 2, 4, 50, 10)
    assert bytes_at_rest(shape, FULL, "bfloat16") == 18_000
    assert bytes_at_rest(shape, FULL, "float32") == 16_000
    assert bytes_at_rest(shape, Recipe("full", "bfloat16", EIGHT_BIT, True), "bfloat16") == 6_000
    adapters = 5 * RANK * 16
    assert bytes_at_rest(shape, Recipe("lora", "bfloat16"), "bfloat16") == 2_000 + adapters
    quantized = bytes_at_rest(shape, Recipe("qlora", "nf4"), "float16")
    assert quantized == pytest.approx(900 * 0.516 + 100 * 2 + adapters)


def test_the_papers_3b_fits_the_papers_gpu_by_the_papers_method():
    recipe = choose(3, RTX_5090)
    assert recipe == Recipe("full", "bfloat16", EIGHT_BIT, checkpointing=True)


def test_the_papers_8b_fits_one_gpu_of_80_gb_in_bfloat16_only():
    assert choose(8, A100) == Recipe("full", "bfloat16", EIGHT_BIT, checkpointing=True)
    assert choose(3, A100) == Recipe("full", "float32", EIGHT_BIT, checkpointing=True)


def test_a_t4_trains_a_small_model_in_full_and_an_8b_by_qlora():
    assert choose(0, T4, "float16") == FULL
    assert choose(3, T4, "float16").method == "lora"
    assert choose(8, T4, "float16").method == "qlora"


def test_a_t4_is_offered_no_bfloat16():
    recipes = list_recipes(gpu("float16"), find_preset(NAMES[8], SHAPES[8].n_weights))
    assert "bfloat16" not in {recipe.weights for recipe in recipes}


def test_where_nothing_fits_the_last_is_tried():
    assert choose(8, GB).method == "qlora"
    assert choose(8, GB, method="full").weights == "bfloat16"


def test_several_gpus_share_out_what_is_at_rest():
    (recipe,) = list_recipes(gpu(), find_preset(NAMES[8], SHAPES[8].n_weights), n_processes=8)
    assert (recipe.method, recipe.weights) == ("full", "float32")
    assert tokens_that_fit(SHAPES[8], recipe, "bfloat16", A100) < 1
    assert tokens_that_fit(SHAPES[8], recipe, "bfloat16", A100, n_processes=8) > 1024


def test_what_fits_is_what_the_formula_says_is_needed():
    for size, shape in SHAPES.items():
        recipe = choose(size, A100)
        tokens = tokens_that_fit(shape, recipe, "bfloat16", A100)
        assert bytes_needed(shape, recipe, "bfloat16", tokens) <= 0.9 * A100
        assert bytes_needed(shape, recipe, "bfloat16", tokens + 1) > 0.9 * A100


def test_without_bitsandbytes_nothing_in_few_bits_is_offered(monkeypatch):
    monkeypatch.setattr("workbench.train.recipes.has_bitsandbytes", lambda: False)
    recipes = list_recipes(gpu(), find_preset(NAMES[8], SHAPES[8].n_weights))
    assert {(recipe.weights, recipe.optimizer) for recipe in recipes} == {
        ("float32", "adamw_torch_fused"),
        ("bfloat16", "adamw_torch_fused"),
    }
    with pytest.raises(TrainError, match="needs the package bitsandbytes"):
        check_method("qlora", gpu())


def test_a_cpu_does_what_it_always_did_first():
    cpu = Backend("transformers", "a test", "cpu", "bfloat16")
    recipes = list_recipes(cpu, find_preset(NAMES[8], SHAPES[8].n_weights))
    assert recipes == [FULL, Recipe("lora", "float32")]


def test_a_method_that_cannot_be_done_is_refused():
    cpu = Backend("transformers", "a test", "cpu", "bfloat16")
    with pytest.raises(TrainError, match='method "qlora" needs an NVIDIA GPU; take "lora"'):
        check_method("qlora", cpu)
    with pytest.raises(TrainError, match="choose one of full, lora, qlora"):
        check_method("dora", cpu)
    with pytest.raises(TrainError, match="without accelerate launch"):
        check_method("lora", gpu(), n_processes=2)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_full_memory_is_told_from_other_errors(error, expected):
    import torch

    assert is_out_of_memory(error) is expected
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
