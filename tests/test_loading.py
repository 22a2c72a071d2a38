"""What is written of a trained model, beside its weights."""

import json

import pytest

from workbench.models import no_progress_bars
from workbench.train.base_model import load_tokenizer, resolve_base_model
from workbench.train.loading import save_model


@pytest.mark.parametrize("end", [None, 0, [0]])
def test_servers_take_the_likeliest_token_up_to_the_stop_token(tmp_path, end):
    from transformers import GenerationConfig, LlamaForCausalLM

    base = resolve_base_model("tiny-random", cache=tmp_path / "cache").folder
    model, tokenizer = LlamaForCausalLM.from_pretrained(base), load_tokenizer(base)
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=0.7, top_p=0.8, repetition_penalty=1.1, eos_token_id=end
    )
    (tmp_path / "model/checkpoints").mkdir(parents=True)
    with no_progress_bars():
        save_model(model, tokenizer, tmp_path / "model")
    kept = json.loads((tmp_path / "model/generation_config.json").read_text())
    assert not {"temperature", "top_p", "repetition_penalty"} & set(kept)
    stop = tokenizer.eos_token_id
    assert kept["eos_token_id"] == (stop if end is None else [stop, 0])
