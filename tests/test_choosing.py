import pytest

from workbench.run import open_run
from workbench.sizes import size_of
from workbench.train import choosing
from workbench.train.backend import Backend
from workbench.train.base_model import BaseModel
from workbench.train.choosing import settle
from workbench.train.memory import Shape

EIGHT_B = Shape(8_190_735_360, 1_244_659_712, 2_727_936, 36, 4096, 3_391_488, 151_936)


@pytest.fixture
def run(tmp_path):
    return open_run("toy", "demo", root=tmp_path)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A GPU of so many GB with an 8B of the paper's on it, none of which is there."""

    def pretend(gigabytes, dtype="bfloat16"):
        backend = Backend("transformers", "a test", "cuda", dtype)
        monkeypatch.setattr(choosing, "choose_backend", lambda: backend)
        monkeypatch.setattr(choosing, "device_bytes", lambda device: gigabytes * 2**30)

    def resolve(name):
        return BaseModel(tmp_path, name, "the hub", "none", "")

    monkeypatch.setattr(choosing, "resolve_base_model", resolve)
    monkeypatch.setattr(choosing, "measure_shape", lambda folder: EIGHT_B)
    monkeypatch.setattr("workbench.train.recipes.has_bitsandbytes", lambda: True)
    return pretend


@pytest.mark.parametrize("base", ["smollm2", "tiny-random", ""])
@pytest.mark.parametrize("size", ["smoke", "demo", "full"])
def test_embedded_models_have_the_numbers_of_the_size(run, size, base):
    assert settle(run, size, base_model=base) == (size_of(size, base_model=base), "full")


def test_the_paper_s_model_has_the_paper_s_numbers_where_nothing_is_given(run, machine):
    machine(80)
    settings, method = settle(run, "full", base_model="Qwen/Qwen3-8B")
    assert (settings.learning_rate, settings.batch_size, settings.epochs) == (2e-5, 32, 10)
    assert method == "full"
    assert settings.test_scenarios == size_of("full").test_scenarios


def test_what_is_given_wins(run, machine):
    machine(80)
    given = {"base_model": "Qwen/Qwen3-8B", "epochs": 2.0, "learning_rate": 1e-5, "batch_size": 0}
    settings, _ = settle(run, "full", **given)
    assert (settings.learning_rate, settings.batch_size, settings.epochs) == (1e-5, 32, 2)


def test_where_full_fine_tuning_does_not_fit_adapters_are_trained_faster(run, machine):
    machine(24)
    settings, method = settle(run, "full", base_model="Qwen/Qwen3-8B")
    assert (method, settings.learning_rate) == ("lora", 2e-4)
    machine(15, "float16")
    assert settle(run, "full", base_model="Qwen/Qwen3-8B")[1] == "qlora"


def test_a_run_goes_on_by_the_method_it_was_begun_with(run, machine):
    machine(80)
    run.claim("train", method="lora")
    run.file("model").mkdir()
    assert settle(run, "full", base_model="Qwen/Qwen3-8B")[1] == "lora"
