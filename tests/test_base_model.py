import json
import multiprocessing
import shutil

import pytest

from workbench.train.base_model import BaseModelError, load_tokenizer, resolve_base_model

ODD_TEXTS = ["a ▁ b", "  x  \n\n 12 ", "Zürich 漢字 🙂\t", "1. one\n2. two  3", "<|im_end|> it's"]


def resolve(cache):
    return resolve_base_model("tiny-random", cache=cache)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return resolve(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny.folder, tmp_path / "mine")


def test_the_tiny_model_is_the_same_on_every_machine(tiny, tmp_path):
    assert resolve(tmp_path).sha256 == tiny.sha256


def test_a_model_is_made_once(tiny):
    made_at = tiny.folder.stat().st_mtime_ns
    assert resolve(tiny.folder.parent.parent) == tiny
    assert tiny.folder.stat().st_mtime_ns == made_at


def test_processes_that_want_a_model_at_once_get_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(resolve, [tmp_path, tmp_path])
    assert first == second
    assert [one.name for one in (tmp_path / "models").iterdir() if one.is_dir()] == [
        "tiny-random-1"
    ]


def test_half_a_model_left_by_a_kill_is_not_taken_for_one(tmp_path):
    left = tmp_path / "models" / "tmpabc" / "model"
    left.mkdir(parents=True)
    assert (resolve(tmp_path).folder / "model.safetensors").exists()


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_survives_the_tokenizer(tiny, text):
    tokenizer = load_tokenizer(tiny.folder)
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert tokenizer.decode(ids) == text


def test_the_stop_token_is_one_and_the_same_everywhere(tiny):
    tokenizer = load_tokenizer(tiny.folder)
    generation = json.loads((tiny.folder / "generation_config.json").read_text())
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.encode("<|im_end|>") == [tokenizer.eos_token_id]
    assert generation["eos_token_id"] == tokenizer.eos_token_id != tokenizer.pad_token_id


def test_no_system_message_is_put_in(tiny):
    talk = [{"role": "user", "content": "Hi"}]
    text = load_tokenizer(tiny.folder).apply_chat_template(talk, tokenize=False)
    assert text == "<|im_start|>user\nHi<|im_end|>\n"


def test_a_folder_is_a_base_model(folder, tiny):
    base = resolve_base_model(str(folder))
    assert (base.folder, base.sha256) == (folder, tiny.sha256)


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match="no safetensors"):
        resolve_base_model(str(folder))


def test_code_of_a_model_is_refused(folder):
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}}')
    with pytest.raises(BaseModelError, match="code of its own"):
        resolve_base_model(str(folder))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(BaseModelError, match=r"no config\.json"):
        resolve_base_model(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("text", ODD_TEXTS)
def test_text_survives_the_tokenizer_of_the_default(text):
    tokenizer = load_tokenizer(resolve_base_model().folder)
    ids = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert tokenizer.decode(ids) == text
    # ids up to 16 are control tokens
    assert min(ids) > 16


@pytest.mark.slow
def test_the_default_splits_digits_and_joins_line_breaks_as_the_original_does():
    tokenizer = load_tokenizer(resolve_base_model().folder)
    assert tokenizer.tokenize("\n\n12") == ["ĊĊ", "1", "2"]
