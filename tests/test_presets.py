import pytest

from workbench.train.presets import EIGHT_BIT, FUSED, find_preset


def test_the_papers_base_models_have_the_papers_numbers():
    small = find_preset("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688)
    large = find_preset("Qwen/Qwen3-8B", 8_190_735_360)
    assert (small.learning_rate, small.batch_size, small.epochs) == (2e-5, 16, 20)
    assert (large.learning_rate, large.batch_size, large.epochs) == (2e-5, 32, 10)
    assert small.optimizer == large.optimizer == EIGHT_BIT
    # carried in, where there is no hub
    assert find_preset("/models/Qwen3-8B/", 8_190_735_360) == large


@pytest.mark.parametrize(
    ("n_weights", "learning_rate", "optimizer"),
    [(134_515_008, 0, FUSED), (494_032_768, 1e-4, FUSED), (14_768_307_200, 2e-5, EIGHT_BIT)],
)
def test_other_models_go_by_their_size(n_weights, learning_rate, optimizer):
    preset = find_preset("somebody/model", n_weights)
    assert (preset.learning_rate, preset.optimizer) == (learning_rate, optimizer)
