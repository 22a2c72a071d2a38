"""Talking with a compiled model in the terminal."""

import shutil
import subprocess
import sys

import pytest

from workbench import chat as module
from workbench.__main__ import main
from workbench.chat import chat
from workbench.inspect.rows import hash_rows
from workbench.models import LocalModel, ModelError, Reply
from workbench.run import RunError, open_run
from workbench.train.base_model import resolve_base_model

SYSTEM = {"role": "system", "content": "You sell coffee."}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    run = open_run("coffee", "mine")
    rows = [{"messages": [SYSTEM, {"role": "assistant", "content": "Hello."}]}]
    run.write("rows/train.jsonl", rows)
    run.record("train", inputs={"rows": hash_rows(run)})
    shutil.copytree(resolve_base_model("tiny-random").folder, run.file("model"))
    return run


def hold(run, monkeypatch, said, replies=()):
    """What the model was asked to continue, and what was shown, in a talk with these lines."""
    asked, shown, lines, left = [], [], iter(said), iter(replies)

    def ask(_):
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    def reply(self, batch, *_):
        asked.append([(one.role, one.content) for one in batch[0]])
        return [Reply(next(left, "Yes."), 1, 1, 0.1)]

    monkeypatch.setattr(LocalModel, "reply", reply)
    chat(run, ask, shown.append)
    return asked, "\n".join(shown)


def test_the_agent_opens_and_hears_all_that_was_said(run, monkeypatch):
    asked, shown = hold(run, monkeypatch, ["A latte", ""], ["Hi!", "A big one?", "Hm?"])
    system = ("system", "You sell coffee.")
    assert asked[0] == [system]
    talk = [("assistant", "Hi!"), ("user", "A latte"), ("assistant", "A big one?"), ("user", "")]
    assert asked[-1] == [system, *talk]
    assert [line for line in shown.splitlines() if line.startswith("agent")] == [
        "agent: Hi!",
        "agent: A big one?",
        "agent: Hm?",
    ]


def test_a_talk_is_started_over(run, monkeypatch):
    asked, _ = hold(run, monkeypatch, ["A latte", " /new", "Tea"])
    assert [len(talk) for talk in asked] == [1, 3, 1, 3]
    assert asked[-1][-1] == ("user", "Tea")


def test_what_is_too_long_is_not_said(run, monkeypatch):
    asked, shown = hold(run, monkeypatch, ["ha " * 9000, "Tea"])
    assert "more than the model can read" in shown
    assert [talk[-1] for talk in asked[1:]] == [("user", "Tea")]


def test_a_terminal_is_told_nothing_it_would_obey(run, monkeypatch):
    _, shown = hold(run, monkeypatch, [], ["\x1b[2J\rgone\u202e\nnext"])
    assert "agent: \ufffd[2J\ufffdgone\ufffd\nnext" in shown


def test_ctrl_c_ends_it_quietly(run, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalModel, "reply", lambda *_: [Reply("Hi", 1, 1, 0.1)])
        chat(run, stop, lambda _: None)
    # in the middle of a reply too
    monkeypatch.setattr(LocalModel, "reply", stop)
    chat(run, input, lambda _: None)


def test_without_rows_or_model_it_is_said_what_to_do(run):
    run.write("rows/valid.jsonl", [{"messages": [SYSTEM]}])
    with pytest.raises(RunError, match="not those its model was trained on"):
        chat(run)
    run.write("rows/train.jsonl", [])
    with pytest.raises(RunError, match="inspect and train"):
        chat(run)
    shutil.rmtree(run.file("model"))
    with pytest.raises(ModelError, match="train one first"):
        chat(run)


def test_a_run_is_found_by_its_name_or_its_folder(run, monkeypatch, capsys):
    found = []
    monkeypatch.setattr(module, "chat", lambda run: found.append(run.folder))
    assert main(["chat", "coffee/mine"]) == main(["chat", str(run.folder)]) == 0
    assert found == [run.folder, run.folder]
    for name in ("coffee/mini", "", "../..", "tea", "\0", "x" * 5000):
        assert main(["chat", name]) == 2
        assert f'there is no run "{name}"' in capsys.readouterr().err
    # a domain's name alone stands for its current run, of which there is none
    assert main(["chat", "coffee"]) == 2
    assert "no run of coffee is current" in capsys.readouterr().err
    shutil.copytree(run.folder, run.folder.parent / "Mine Too")
    assert main(["chat", "coffee/Mine Too"]) == 2
    assert 'the run is called "Mine Too"' in capsys.readouterr().err
    main(["chat", "coffee/mini"])
    assert 'Did you mean "coffee/mine"?' in capsys.readouterr().err
    assert not (run.folder.parent / "mini").exists()


@pytest.mark.slow
def test_a_whole_talk_in_a_process_of_its_own(run):
    command = [sys.executable, "-m", "workbench", "chat", "coffee/mine"]
    # a byte that is no letter among them
    done = subprocess.run(command, input=b"Hi \xff\n/new\n", capture_output=True, check=True)
    shown = done.stdout.decode()
    assert shown.startswith("coffee, run mine. /new starts over, Ctrl-D ends.\n")
    assert shown.count("agent: ") == 3
    assert done.stderr == b""
