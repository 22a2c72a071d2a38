"""What another program needs to run a compiled model."""

import json
import shutil

import pytest
from go_templates import write_by_go

from workbench.__main__ import main
from workbench.inspect.rows import hash_rows
from workbench.models import LocalModel
from workbench.run import RunError, find_run, open_run
from workbench.train import export as module
from workbench.train.base_model import (
    CHAT_TEMPLATE,
    load_tokenizer,
    reading_gguf,
    resolve_base_model,
)
from workbench.train.card import hash_model, make_card
from workbench.train.export import ExportError, export, parse_kinds, write_quantized

SYSTEM = {"role": "system", "content": 'You sell """coffee""".'}
ROW = {"messages": [SYSTEM, {"role": "assistant", "content": "Hello."}]}
FACTS = {
    "inputs": {"epochs": 1, "max_length": 1024, "base_sha256": "abc"},
    "begun_at": "2026-01-02T03:04:05+00:00",
    "versions": {"torch": "2.0"},
    "hardware": "an abacus",
    "base": {"name": "smollm2", "source": "somewhere", "quantization": "Q4_1", "sha256": "abc"},
    "result": dict.fromkeys(("valid_loss", "loss", "steps", "tokens", "tokens_per_s"), 1)
    | {"seconds": 60},
    "rows": 1,
    "rows_cut": 0,
    "backend": {"device": "cpu", "dtype": "float32", "why": "no GPU"},
}


def make_run(folder, base):
    run = open_run("coffee_shop", "mine", folder / "runs")
    run.write("rows/train.jsonl", [ROW, ROW])
    run.write("rows/valid.jsonl", [ROW])
    run.record("synthesize", inputs={"flowchart": "f00d", "data": "cafe"}, teacher="phrase_book")
    inputs = FACTS["inputs"] | {"rows": hash_rows(run)}
    run.record("train", **FACTS | {"inputs": inputs})
    shutil.copytree(resolve_base_model(base).folder, run.file("model"))
    (run.file("model") / "checkpoints").mkdir()
    return run


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path, "tiny-random")


def test_model_and_dataset_are_loaded_from_it(run):
    from datasets import load_dataset

    folder = export(run, kinds=[])
    assert folder == run.file("export")
    assert LocalModel(folder / "model").reply([[SYSTEM]], 4)[0].reply_tokens
    assert not (folder / "model" / "checkpoints").exists()
    data = load_dataset(str(folder / "dataset"), cache_dir=str(run.folder / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 2, "validation": 1}
    assert data["train"][0] == ROW
    # nothing to run it with Ollama, and so no word of it
    assert not (folder / "Modelfile").exists()
    assert "ollama" not in (folder / "README.md").read_text()


def test_the_agent_speaks_first_wherever_it_runs(run):
    folder = export(run, kinds=[])
    block = (folder / "README.md").read_text().split("```json\n")[1].split("\n```")[0]
    system, opening = json.loads(block)
    assert system == SYSTEM
    said = LocalModel(run.file("model")).reply([[SYSTEM]], module.MAX_NEW_TOKENS)[0].text
    assert opening == {"role": "assistant", "content": said}


def test_its_card_says_where_it_is_from_and_what_it_was_measured_to_do(run):
    text = (export(run, kinds=[]) / "model/README.md").read_text()
    assert "license: apache-2.0" in text
    assert "| hash of the flowchart | f00d |" in text
    assert "an abacus" in text
    assert "torch 2.0" in text
    assert text.count("| rows |") == 1
    assert "not evaluated" in text


def test_a_card_says_which_models_wrote_what_it_learnt(tmp_path):
    run = open_run("coffee", "taught", tmp_path)
    assert "No large model wrote or judged them" in make_card(run, FACTS)
    run.record("synthesize", teacher="phrase_book+api/large", customer="phrase_book")
    text = make_card(run, FACTS)
    assert "written by phrase_book+api/large as the agent and phrase_book as the" in text
    assert "No large model" not in text


def test_its_card_quotes_what_was_measured_of_this_model_and_of_no_other(run):
    metric = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 8, "unscored": 2}
    unscored = {"mean": None, "low": None, "high": None, "n": 0, "unscored": 8}
    measured = {"seen": {"ending_correct": metric, "facts_right": unscored}}
    read = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 40}
    found = {"conditions": {"compiled": measured, "walker": measured}, "recognizer": read}
    run.write_text("result.json", json.dumps(found))
    run.record("evaluate", inputs={"model": hash_model(run.manifest["train"])})
    text = (export(run, kinds=[]) / "model/README.md").read_text()
    row = "| compiled | seen | 50.0 (25.0-75.0), n 8, 2 not scored | not measured |"
    assert row in text
    assert "it reads right, in %: 90.0 (80.0-95.0), n 40." in text
    assert "walker" not in text
    run.record("evaluate", inputs={"model": "another"})
    assert row not in (export(run, kinds=[]) / "model/README.md").read_text()


def test_rows_that_are_not_those_of_the_training_are_not_passed_off_as_them(run):
    run.write("rows/valid.jsonl", [ROW, ROW])
    with pytest.raises(RunError, match="are not those its model was trained on"):
        export(run, kinds=[])


def test_only_an_earlier_export_is_replaced(run, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    export(run, other, [])
    (other / "README.md").write_text("an earlier one")
    export(run, other, [])
    assert (other / "README.md").read_text() != "an earlier one"
    (other / "model" / "notes.txt").touch()
    with pytest.raises(ExportError, match=r"no export wrote \(model/notes\.txt\)"):
        export(run, other, [])
    assert (other / "model" / "notes.txt").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": []}', "\xff"])
def test_a_file_that_has_the_name_of_our_mark_by_chance_is_left_alone(tmp_path, content):
    (tmp_path / module.MARK).write_text(content, "latin-1")
    with pytest.raises(ExportError, match=r"no export wrote \(export\.json\)"):
        module._check_replaceable(tmp_path)


def test_where_it_cannot_be_written_is_said_in_a_sentence(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="is a file; name a folder"):
        export(run, tmp_path / "file", [])
    with pytest.raises(ExportError, match="within the model"):
        export(run, run.file("model") / "gguf", [])
    with pytest.raises(ExportError, match="cannot be written"):
        export(run, tmp_path / "file" / "below", [])
    with pytest.raises(ExportError, match="is no folder"):
        export(run, "~nobody-of-that-name/x", [])


def test_what_a_killed_export_left_is_cleared_away(run):
    left = run.folder / f".export.coffee_shop.{run.name}.draft"
    (left / "model").mkdir(parents=True)
    export(run, kinds=[])
    assert not list(run.folder.glob(".export*"))


def test_what_fails_leaves_the_earlier_export_as_it_was(run, monkeypatch):
    export(run, kinds=[])
    (run.file("export") / "README.md").write_text("the earlier one")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(module, "_write_dataset", fail)
    with pytest.raises(ExportError, match="disk full"):
        export(run, kinds=[])
    assert (run.file("export") / "README.md").read_text() == "the earlier one"
    assert not list(run.folder.glob(".export*"))


def test_a_run_that_is_not_trained_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    open_run("coffee", "new").record("inspect", seconds=1)
    assert main(["export", "coffee/new"]) == 2
    assert "is not trained to the end; run its stage 4 first" in capsys.readouterr().err
    assert main(["export", "coffee/none"]) == 2
    assert main(["export", "coffee/new", "--gguf", "q4_k"]) == 2
    assert 'of the kind "q4_k" are not written here' in capsys.readouterr().err


def test_kinds_of_gguf_are_read():
    assert parse_kinds(" q8_0,f16,q8_0") == ["q8_0", "f16"]
    assert parse_kinds("none") == parse_kinds("") == []


def test_what_gguf_needs_is_said(run, monkeypatch):
    monkeypatch.setattr(module, "CONVERTER", "no_such_converter")
    with pytest.raises(ExportError, match=r'pip install -e "\.\[export\]"'):
        export(run)
    assert not run.file("export").exists()


def test_ollama_gets_prompt_opening_and_stop_token(run):
    tokenizer = load_tokenizer(run.file("model"))
    text = module.write_modelfile("a.gguf", module._open_talk(run), tokenizer, 2000)
    assert text.startswith("FROM ./a.gguf\n")
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert "PARAMETER num_ctx 2000" in text
    assert "SYSTEM \"\"\"You sell '''coffee'''.\"\"\"\nMESSAGE assistant" in text
    assert "{{ .Role }}" in text


def test_ollama_gets_the_template_of_any_model_in_its_own_language(run):
    tokenizer = load_tokenizer(run.file("model"))
    tokenizer.chat_template = CHAT_TEMPLATE.replace("\\n", "\\n\\n")
    text = module.write_modelfile("a.gguf", [], tokenizer, 2000)
    template = text.split('TEMPLATE """')[1].split('"""')[0]
    talk = [SYSTEM, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi."}]
    options = {"tokenize": False, "add_generation_prompt": True}
    assert write_by_go(template, talk) == tokenizer.apply_chat_template(talk, **options)


def test_ollama_keeps_room_for_long_talks_and_not_for_all_that_a_large_model_could_read(run):
    assert module.count_context(run) == 4096
    file = run.file("model/config.json")
    config = json.loads(file.read_text()) | {"max_position_embeddings": 131_072}
    file.write_text(json.dumps(config))
    assert module.count_context(run) == 8192


@pytest.mark.slow
def test_a_tokenizer_that_the_converter_does_not_know_is_named(run):
    with pytest.raises(ExportError, match=r"f16\.gguf could not be written: .*--gguf none"):
        export(run, kinds=["f16"])


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A model of random weights with the default's tokenizer, which the converter knows.

    A large stop token among them, so that it stops sooner or later.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder, base = tmp_path_factory.mktemp("small"), resolve_base_model("smollm2").folder
    tokenizer = load_tokenizer(base)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2} | heads
    shape = LlamaConfig.from_pretrained(base, **sizes, initializer_range=0.2)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(7)
        model = LlamaForCausalLM(shape).to(torch.bfloat16)
        model.model.embed_tokens.weight[tokenizer.eos_token_id] *= 4
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["small", pytest.param("smollm2", marks=pytest.mark.exhaustive)])
def test_gguf_says_what_the_model_says_and_stops(tmp_path, request, monkeypatch, base):
    import torch
    from gguf import GGUFReader
    from transformers import AutoModelForCausalLM, modeling_gguf_pytorch_utils

    run = make_run(tmp_path, request.getfixturevalue(base) if base == "small" else base)
    folder = export(run)
    name = "coffee_shop-f16.gguf"
    assert (folder / "Modelfile").read_text().startswith("FROM ./coffee_shop-q8_0.gguf\n")
    sizes = [(folder / f"coffee_shop-{kind}.gguf").stat().st_size for kind in ("f16", "q8_0")]
    assert sizes[1] < 0.7 * sizes[0]
    ours, theirs = load_tokenizer(folder / "model"), GGUFReader(folder / name).fields
    assert theirs["tokenizer.chat_template"].contents() == ours.chat_template
    stops = [ours.eos_token_id, int(theirs["tokenizer.ggml.eos_token_id"].contents())]
    # the template's own argument of that name is not heeded
    ours.padding_side = "left"
    questions = [f"What is {n} plus {n}? Answer with a number." for n in range(20)]
    asked = ours.apply_chat_template(
        [[{"role": "user", "content": question}] for question in questions],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
        padding=True,
    )
    n_asked = asked["input_ids"].shape[1]
    # nobody draws a bar, which in a notebook would remain
    monkeypatch.setattr(modeling_gguf_pytorch_utils, "tqdm", None)
    options = {"dtype": torch.float32}
    with reading_gguf():
        other = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, **options)
    models = (AutoModelForCausalLM.from_pretrained(folder / "model", **options), other)
    greedy = {"max_new_tokens": 24, "do_sample": False, "pad_token_id": ours.pad_token_id}
    own, others = (
        model.generate(**asked, **greedy, eos_token_id=stop)[:, n_asked:]
        for model, stop in zip(models, stops, strict=True)
    )
    assert own.tolist() == others.tolist()
    assert any(ours.eos_token_id in answer for answer in own.tolist())
    assert len({tuple(answer) for answer in own.tolist()}) > 5


@pytest.mark.exhaustive
def test_gguf_of_a_compiled_model_serves_customers_as_it_does_and_stops_by_itself(tmp_path):
    """Needs the run travel_booking/demo; 20 of its customers' talks, up to their second message."""
    import torch
    from transformers import AutoModelForCausalLM

    from workbench.evaluate.simulation import Simulated

    try:
        run = find_run("travel_booking/demo")
        run.file("simulated/compiled.jsonl").stat()
    except (ValueError, OSError):
        pytest.skip("there is no evaluated run travel_booking/demo")
    talks = [*run.read("simulated/compiled.jsonl", Simulated)][::25][:20]
    assert len(talks) == 20
    tokenizer = load_tokenizer(run.file("model"))
    folder, options = export(run, tmp_path / "taken", ["f16"]), {"dtype": torch.float32}
    (file,) = folder.glob("*.gguf")
    with reading_gguf():
        other = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, **options)
    models = AutoModelForCausalLM.from_pretrained(run.file("model"), **options), other
    for talk in talks:
        messages = [message.model_dump() for message in talk.conversation.messages]
        turns = [n for n, message in enumerate(messages) if message["role"] == "user"]
        asked = tokenizer.apply_chat_template(
            messages[: turns[:2][-1] + 1],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        own, theirs = (
            model.generate(**asked, max_new_tokens=160, do_sample=False)[0] for model in models
        )
        assert own.tolist() == theirs.tolist()
        assert own[-1] == tokenizer.eos_token_id


@pytest.mark.exhaustive
def test_what_quantizing_does_to_the_weights_can_be_measured(tmp_path):
    from safetensors.torch import load_file

    run = make_run(tmp_path, "smollm2")
    folder = write_quantized(run, "q8_0")
    assert folder == run.file("quantized/q8_0")
    ours, theirs = (
        load_file(one / "model.safetensors")["model.layers.0.mlp.up_proj.weight"].float()
        for one in (run.file("model"), folder)
    )
    off = (ours - theirs).abs().max() / ours.abs().max()
    # eight bits a weight: not the same, and not far from it
    assert 0.0001 < off < 0.02
    assert LocalModel(folder).reply([[SYSTEM]], 4)[0].reply_tokens
    assert not list(folder.glob("*.gguf"))
    begun = folder.stat().st_ctime_ns
    assert write_quantized(run, "q8_0").stat().st_ctime_ns == begun
    run.record("train", result=FACTS["result"] | {"loss": 2})
    assert write_quantized(run, "q8_0").stat().st_ctime_ns > begun
