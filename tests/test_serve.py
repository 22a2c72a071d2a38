"""A compiled model behind an OpenAI endpoint, by real servers."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from workbench import serve as module
from workbench.__main__ import main
from workbench.inspect.rows import hash_rows
from workbench.models import ModelError
from workbench.run import find_run, open_run, read_jsonl
from workbench.serve import ServeError, check_port, choose_engine, serve

SYSTEM = {"role": "system", "content": 'You sell "coffee".'}
ROOT = Path(__file__).parents[1]


def make_run(folder):
    run = open_run("coffee", "mine", folder)
    run.write("rows/train.jsonl", [{"messages": [SYSTEM, {"role": "assistant", "content": "Hi."}]}])
    run.record("train", inputs={"rows": hash_rows(run)})
    return run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with what looks like a model."""
    # undone at the end
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    run = make_run(tmp_path / "runs")
    run.write_text("model/config.json", "{}")
    run.write_text("model/model.safetensors", "")
    return run


@pytest.fixture
def engines(monkeypatch):
    """Sets which engines are there."""

    def have(vllm=False, gpu=False, server=True):
        monkeypatch.setattr(module.shutil, "which", lambda _: "/bin/vllm" if vllm else None)
        monkeypatch.setattr(module, "_has_gpu", lambda: gpu)
        monkeypatch.setattr(
            module.importlib.util, "find_spec", lambda _: object() if server else None
        )

    return have


def find_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


@pytest.fixture
def port():
    return find_port()


def test_the_process_becomes_the_server_in_the_folder_of_the_run(run, engines, port):
    engines()
    told, became = [], []
    serve(run, port=port, tell=told.append, become=lambda *command: became.append(command))
    [(program, command)] = became
    assert program == command[0] == sys.executable
    assert command[command.index("serve") + 1 :] == [
        "model", "--host", "localhost", "--port", str(port),
    ]  # fmt: skip
    assert Path.cwd() == run.folder.resolve()
    # the server must ask nobody for anything
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert f"http://localhost:{port}/v1" in told[0]
    opening = told[0].split("messages = ")[1].splitlines()[0]
    assert json.loads(opening) == [SYSTEM]


def test_the_address_is_told_before_the_process_is_another(run, engines, port, monkeypatch):
    engines()
    # as a file or a pipe is, it is written to only when there is much
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written := BytesIO()))
    told = []
    serve(run, port=port, become=lambda *_: told.append(written.getvalue().decode()))
    assert f"http://localhost:{port}/v1" in told[0]


@pytest.mark.parametrize(
    ("asked", "there", "taken"),
    [
        ("auto", {}, "transformers"),
        ("auto", {"vllm": True}, "transformers"),
        ("auto", {"gpu": True}, "transformers"),
        ("auto", {"vllm": True, "gpu": True, "server": False}, "vllm"),
        ("transformers", {"vllm": True, "gpu": True}, "transformers"),
        ("vllm", {"vllm": True}, "vllm"),
    ],
)
def test_vllm_is_taken_where_it_and_a_gpu_are_there(engines, asked, there, taken):
    engines(**there)
    assert choose_engine(asked) == taken


def test_an_engine_that_is_not_there_is_refused_with_what_to_do(engines):
    engines(server=False)
    with pytest.raises(ServeError, match=r"fastapi and uvicorn.*\[serve\]"):
        choose_engine()
    with pytest.raises(ServeError, match="program vllm is not on the path"):
        choose_engine("vllm")
    with pytest.raises(ServeError, match='engine "ollama" does not exist; choose one of auto'):
        choose_engine("ollama")


def test_vllm_is_told_to_draw_nothing_by_lot():
    command = module.write_command("vllm", "localhost", 1)
    assert command[:3] == ["vllm", "serve", "./model"]
    given = command[command.index("--override-generation-config") + 1]
    assert json.loads(given) == {"temperature": 0}
    assert command[command.index("--served-model-name") + 1] == "model"


def test_a_port_that_is_taken_or_no_port_is_refused_before_anything_is_read():
    with socket.socket() as busy:
        busy.bind(("localhost", 0))
        busy.listen()
        with pytest.raises(ServeError, match=r"nothing can listen on .*choose another --port"):
            check_port("localhost", busy.getsockname()[1])
    with pytest.raises(ServeError, match="nothing can listen on no such host"):
        check_port("no such host", 8000)
    for number in (70_000, 0, -1):
        with pytest.raises(ServeError, match=f"--port is {number}, but ports are 1 to 65535"):
            check_port("localhost", number)


def test_what_cannot_be_served_is_said_in_a_sentence(run, engines, monkeypatch, capsys):
    engines()
    monkeypatch.setenv("WORKBENCH_RUNS", str(run.folder.parents[1]))
    assert main(["serve", "coffee/yours"]) == 2
    assert main(["serve", "coffee/mine", "--engine", "ollama"]) == 2
    run.file("model/config.json").write_text('{"auto_map": {}}')
    assert main(["serve", "coffee/mine"]) == 1
    shutil.rmtree(run.file("model"))
    with pytest.raises(ModelError, match="holds no model; train one first"):
        serve(run)
    errors = capsys.readouterr().err
    assert "run code of its own" in errors
    assert "Traceback" not in errors


@contextmanager
def serving(run, port, *options, seconds=120, log=subprocess.DEVNULL):
    """A client of OpenAI's for `python -m workbench serve`, which listens."""
    from openai import OpenAI

    command = [sys.executable, "-m", "workbench", "serve", str(run.folder), "--port", str(port)]
    server = subprocess.Popen([*command, *options], cwd=ROOT, stdout=log, stderr=log)
    client = OpenAI(base_url=f"http://localhost:{port}/v1", api_key="none", max_retries=0)
    until = time.monotonic() + seconds
    try:
        while True:
            try:
                urlopen(f"http://localhost:{port}/health").close()
                break
            except URLError:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.5)
        yield client
    finally:
        server.terminate()
        server.wait(30)


def ask(client, messages, **options):
    answer = client.chat.completions.create(
        model="model", messages=messages, temperature=0, **options
    )
    return answer.choices[0].message.content.strip()


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_a_plain_client_holds_a_whole_booking(engine, port, tmp_path):
    """Needs the run travel_booking/demo; for vLLM a folder with its program in VLLM_BIN."""
    from workbench.evaluate.metrics import Score
    from workbench.evaluate.simulation import Simulated

    try:
        run = find_run("travel_booking/demo")
        talks = read_jsonl(run.file("simulated/compiled.jsonl"), Simulated)
        scores = {score.conversation_id: score for score in run.read("scores.jsonl", Score)}
    except (ValueError, OSError):
        pytest.skip("there is no evaluated run travel_booking/demo")
    if engine == "vllm" and "VLLM_BIN" not in os.environ:
        pytest.skip("VLLM_BIN names no folder with the program vllm")
    talk = next(t for t in talks if scores[t.conversation_id].ending == "success")
    messages, alike = [], []
    with (
        pytest.MonkeyPatch.context() as patch,
        (tmp_path / "log").open("w") as log,
    ):
        if engine == "vllm":
            patch.setenv("PATH", os.environ["VLLM_BIN"], prepend=os.pathsep)
        with serving(run, port, "--engine", engine, seconds=600, log=log) as client:
            for message in talk.conversation.messages:
                if message.role == "assistant":
                    said = ask(client, messages, max_tokens=160)
                    alike.append(said == message.content)
                    messages.append({"role": "assistant", "content": said})
                else:
                    messages.append(message.model_dump())
    # engines round differently, and a word may turn out another; a booking is still a booking
    assert sum(alike) >= len(alike) - 1, messages
    assert alike[-1], messages
