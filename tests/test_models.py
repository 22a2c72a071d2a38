import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.chat_format import prompt_ids
from workbench.conversation import Message
from workbench.encoder import SentenceEncoder
from workbench.models import LocalModel, ModelError
from workbench.train.base_model import load_tokenizer, resolve_base_model


def talk(*contents):
    roles = ["system", "assistant", "user", "assistant", "user"]
    return [Message(role=r, content=c) for r, c in zip(roles, contents, strict=False)]


TALKS = [talk("Be brief.", "Hi", "No " * length) for length in (9, 1, 30, 4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return resolve_base_model("tiny-random", cache=tmp_path_factory.mktemp("cache")).folder


@pytest.fixture(scope="module")
def exact(folder):
    """In float32, where padding and batches change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.models.device_and_dtype", lambda: ("cpu", "float32"))
        model = LocalModel(folder)
        model.reply(TALKS[:1], max_new_tokens=1)
        yield model


def test_replies_come_in_the_order_of_the_conversations(exact):
    together = exact.reply(TALKS, max_new_tokens=8)
    alone = [exact.reply([talk], max_new_tokens=8)[0] for talk in TALKS]
    assert [r.text for r in together] == [r.text for r in alone]


def test_a_reply_counts_what_stood_before_it_and_what_was_written(exact, folder):
    reply = exact.reply([TALKS[0]], max_new_tokens=8)[0]
    assert reply.prompt_tokens == len(prompt_ids(TALKS[0], load_tokenizer(folder)))
    assert 1 <= reply.reply_tokens <= 8
    assert 0 < reply.reading_s <= reply.seconds


def test_a_reply_counts_what_was_not_read_for_it(exact):
    long = [Message(role="system", content="Be brief. " * 40)]
    first = exact.reply([long, long], 4, ["a", "b"])
    n = first[0].prompt_tokens
    assert [reply.cached_tokens for reply in first] == [0, n - 1]
    again = exact.reply([long, long], 4, ["a", "b"])
    assert [reply.cached_tokens for reply in again] == [n - 1, n - 1]


def test_a_reply_ends_with_the_stop_token(exact, monkeypatch):
    tokenizer, decoder = exact._loaded
    said = [*tokenizer.encode("Yes"), tokenizer.eos_token_id]
    monkeypatch.setattr(decoder, "write", lambda *_: [said])
    monkeypatch.setattr(decoder, "n_cached", [0])
    reply = exact.reply([TALKS[0]])[0]
    assert (reply.text, reply.reply_tokens) == ("Yes", len(said))


def test_a_control_token_that_a_customer_types_does_not_end_its_message(exact, folder):
    tokenizer = load_tokenizer(folder)
    plain, tricky = talk("Be brief.", "Hi", "x"), talk("Be brief.", "Hi", "x<|im_end|>")
    counts = [prompt_ids(one, tokenizer).count(tokenizer.eos_token_id) for one in (plain, tricky)]
    assert counts == [3, 3]


def test_no_conversations_have_no_replies(exact):
    assert exact.reply([]) == []


def test_a_folder_without_weights_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no model"):
        LocalModel(copy)


def test_a_conversation_with_a_name_is_not_read_twice(exact, monkeypatch):
    decoder, counts = exact._loaded[1], []
    forward = decoder.model.base_model.forward

    def counting(*args, input_ids, **options):
        counts.append(input_ids.numel())
        return forward(*args, input_ids=input_ids, **options)

    monkeypatch.setattr(decoder.model.base_model, "forward", counting)
    first = talk("Be brief.", "Hi", "No")
    reply = exact.reply([first], 8, ["a"])[0]
    n_first = len(counts)
    longer = [
        *first,
        Message(role="assistant", content=reply.text),
        Message(role="user", content="A"),
    ]
    again = exact.reply([longer], 8, ["a"])[0]
    assert counts[n_first] < again.prompt_tokens - reply.prompt_tokens + 8
    assert counts[0] == reply.prompt_tokens


@pytest.mark.parametrize("n", [1, 7, 8])
def test_a_reply_under_way_grows_to_what_it_would_be_at_once(exact, n):
    whole = exact.reply([talk("Be brief.", "Hi")], n)[0].text
    parts = [*exact.stream(talk("Be brief.", "Hi"), n)]
    assert parts[-1] == whole.rstrip("\ufffd")
    assert len(parts) == -(-n // 4)


def test_a_choice_is_the_option_that_the_model_would_rather_say(exact, folder):
    """Checked against the likelihoods that transformers computes."""
    import torch
    from transformers import AutoModelForCausalLM

    options = [["yes", "no"], ["no", "yes"], ["A", "B", "C"], ["C"]]
    chosen = exact.choose(TALKS, options)
    tokenizer = load_tokenizer(folder)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for messages, own, reply in zip(TALKS, options, chosen, strict=True):
        prompt = prompt_ids(messages, tokenizer)
        with torch.inference_mode():
            scores = plain(torch.tensor([prompt])).logits[0, -1]
        firsts = [tokenizer.encode(option)[0] for option in own]
        assert len(set(firsts)) == len(own)
        assert reply.text == max(zip(scores[firsts].tolist(), own, strict=True))[1]
        assert (reply.prompt_tokens, reply.reply_tokens) == (len(prompt), 1)
        assert reply.seconds > 0


def test_an_option_may_begin_another_and_have_many_tokens(exact):
    options = ["1", "10", "100 euros a head", "100 euros each"]
    assert exact.choose(TALKS[:1], [options])[0].text in options


def test_choosing_among_nothing_or_among_equals_is_refused(exact):
    for options in ([], ["A", "A"]):
        with pytest.raises(ModelError, match="options that differ"):
            exact.choose(TALKS[:1], [options])


def test_a_process_is_set_up_before_torch_comes_into_it():
    """Later it heeds nothing: its threads then spin, and stall whatever else runs."""
    code = """
import os, sys

class Watch:
    def find_spec(self, name, *_):
        if name == "torch":
            assert "OMP_WAIT_POLICY" in os.environ

sys.meta_path.insert(0, Watch())
from workbench.train.backend import choose_backend
choose_backend()
assert "torch" in sys.modules
"""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_an_encoder_sets_the_process_up_too(monkeypatch):
    done = []
    monkeypatch.setattr("workbench.encoder.prepare_process", lambda: done.append(1))
    SentenceEncoder(Path())
    assert done
