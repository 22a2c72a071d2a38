"""The embedded base model, for real: fetched, dequantized, fine-tuned a few steps, talked to."""

import pytest

from workbench.conversation import Message
from workbench.domain import read_domain
from workbench.models import LocalModel
from workbench.run import open_run
from workbench.train.base_model import load_tokenizer, resolve_base_model
from workbench.train.finetune import train

pytestmark = pytest.mark.slow

OPENING = "Hello, this is Larkmoor Travel. Which trip may I plan for you?"


@pytest.fixture(scope="module")
def base():
    return resolve_base_model("smollm2")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    run = open_run("travel_booking", "few_steps", root=tmp_path_factory.mktemp("runs"))
    system = read_domain("travel_booking").system_prompt()
    messages = [{"role": "system", "content": system}, {"role": "assistant", "content": OPENING}]
    # more of the same in a step would teach nothing else
    run.write("rows/train.jsonl", [{"messages": messages}] * 12)
    run.write("rows/valid.jsonl", [{"messages": messages}])
    return run, train(run, "smollm2", epochs=1, learning_rate=5e-4, batch_size=1)


def test_its_source_quantization_and_checksum_are_known(base):
    assert base.quantization == "Q4_1"
    assert len(base.sha256) == 64
    assert "SmolLM2-135M-Instruct" in base.source


def test_its_tokenizer_stops_at_the_end_of_a_message_and_gives_text_back(base):
    tokenizer = load_tokenizer(base.folder)
    ids = tokenizer.encode("Two nights, 420 euros.", add_special_tokens=False)
    assert tokenizer.decode(ids) == "Two nights, 420 euros."
    assert tokenizer.eos_token == "<|im_end|>"


def test_untuned_it_answers_in_words(base):
    roles, said = ("system", "assistant", "user"), ("Be helpful.", "Hello.", "What is Paris?")
    asked = [Message(role=role, content=text) for role, text in zip(roles, said, strict=True)]
    reply = LocalModel(base.folder).reply([asked], max_new_tokens=40)[0].text
    assert len([word for word in reply.split() if word.strip(".,!?").isalpha()]) >= 3


def test_a_few_steps_teach_it_one_opening(trained, base):
    run, result = trained
    assert result["steps"] == 12
    assert result["valid_loss"] < 0.5
    prompt = [Message(role="system", content=read_domain("travel_booking").system_prompt())]
    reply = LocalModel(run.file("model")).reply([prompt], max_new_tokens=40)[0]
    assert reply.text == OPENING
