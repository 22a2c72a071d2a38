import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.conversation import Message
from workbench.run import RunError, open_run

APPENDS_FOREVER = """
from workbench.run import open_run
run = open_run("toy", "a", root="{root}")
with run.lock():
    number = len(run.read("paths.jsonl", missing_ok=True))
    print("begun", flush=True)
    while True:
        run.append("paths.jsonl", [{{"number": number, "text": "x" * 5000}}])
        number += 1
"""


@pytest.fixture
def run(tmp_path):
    return open_run("toy", "a", root=tmp_path)


def start_writer(root):
    code = APPENDS_FOREVER.format(root=root)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"begun\n"
    return child


def fill_disk_after(monkeypatch, n_bytes):
    really_write = os.write

    def write(descriptor, content):
        really_write(descriptor, content[:n_bytes])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)


def test_what_is_appended_is_read_back(run):
    run.append("rows/train.jsonl", [{"text": "Zürich\u2028"}])
    run.append("rows/train.jsonl", [Message(role="user", content="hi")])
    assert run.read("rows/train.jsonl") == [
        {"text": "Zürich\u2028"},
        {"role": "user", "content": "hi"},
    ]


def test_records_are_read_as_a_model(run):
    run.append("m.jsonl", [Message(role="user", content="hi")])
    assert run.read("m.jsonl", Message) == [Message(role="user", content="hi")]


@given(cut=st.integers(min_value=0, max_value=60))
def test_wherever_a_kill_cuts_the_file_whole_records_stay_and_appending_goes_on(
    tmp_path_factory, cut
):
    run = open_run("toy", "a", root=tmp_path_factory.mktemp("runs"))
    run.append("p.jsonl", [{"number": number} for number in range(5)])
    content = run.file("p.jsonl").read_bytes()
    run.file("p.jsonl").write_bytes(content[:cut])
    kept = run.read("p.jsonl")
    assert kept == [{"number": number} for number in range(len(kept))]
    run.append("p.jsonl", [{"number": 99}])
    assert run.read("p.jsonl") == [*kept, {"number": 99}]


def test_a_broken_line_in_the_middle_is_an_error_with_its_number(run):
    run.file("p.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(RunError, match=r"p\.jsonl, line 2: not JSON"):
        run.read("p.jsonl")


def test_records_are_read_one_after_the_other(run):
    run.file("p.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n{"a": \n{"a": 4}')
    records = run.iterate("p.jsonl")
    assert [next(records), next(records)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(RunError, match="line 4"):
        next(records)
    with pytest.raises(RunError, match="does not exist yet"):
        next(run.iterate("q.jsonl"))
    assert [*run.iterate("q.jsonl", missing_ok=True)] == []


def test_records_are_put_in_another_order_as_they_stand(run):
    run.file("p.jsonl").write_bytes(b'{"a": 1}\n\n{"a":2}\n{"a": 3}')
    run.reorder("p.jsonl", [2, 0])
    assert run.file("p.jsonl").read_bytes() == b'{"a": 3}\n{"a": 1}\n'
    run.reorder("p.jsonl", [])
    assert run.read("p.jsonl") == []


def test_a_record_that_does_not_fit_the_model_names_line_and_field(run):
    run.file("m.jsonl").write_text('{"role": "agent", "content": "hi"}\n')
    with pytest.raises(RunError, match=r"m\.jsonl, line 1: role: "):
        run.read("m.jsonl", Message)


def test_a_missing_file_names_the_notebook_that_writes_it(run):
    with pytest.raises(RunError, match="the notebook 3_inspect writes it"):
        run.read("rows/train.jsonl")
    with pytest.raises(RunError, match="the notebook 2_synthesize writes it"):
        run.read("rejected.jsonl")
    assert run.read("rows/train.jsonl", missing_ok=True) == []


def test_a_killed_writer_leaves_whole_records_and_a_free_lock(tmp_path):
    child = start_writer(tmp_path)
    time.sleep(0.2)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    run = open_run("toy", "a", root=tmp_path)
    with run.lock():
        before = run.read("paths.jsonl")
        run.append("paths.jsonl", [{"number": len(before)}])
    numbers = [record["number"] for record in run.read("paths.jsonl")]
    assert numbers == list(range(len(before) + 1))


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path):
    child = start_writer(tmp_path)
    run = open_run("toy", "a", root=tmp_path)
    with pytest.raises(RunError, match=f"written by process {child.pid}"), run.lock():
        pass
    child.kill()
    child.wait()


def test_a_stage_may_call_another_that_locks_too(tmp_path, run):
    with run.lock(), open_run("toy", "a", root=tmp_path).lock():
        pass
    with run.lock():
        pass


@pytest.mark.parametrize("name", ["../x", "/etc", "", ".", "A", "a b", "a/b", "x" * 65, "é", "a\n"])
def test_a_name_that_is_no_slug_is_refused(tmp_path, name):
    with pytest.raises(RunError, match="a name is 1 to 64 of"):
        open_run("toy", name, root=tmp_path)
    with pytest.raises(RunError, match="a name is 1 to 64 of"):
        open_run(name, "a", root=tmp_path)


@pytest.mark.parametrize("name", ["../b/p.jsonl", "/etc/passwd", "rows/../../b", ".."])
def test_a_file_outside_the_run_folder_is_refused(run, name):
    with pytest.raises(RunError, match="leads out of the run folder"):
        run.append(name, [{}])


def test_a_link_out_of_the_runs_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/toy").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link to"):
        open_run("toy", "a", root=tmp_path / "runs")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_linked_file_in_the_run_folder_is_refused(tmp_path, run):
    (tmp_path / "secret").write_text("{}\n")
    (run.folder / "p.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(RunError, match="leads out of the run folder"):
        run.read("p.jsonl")


def test_the_runs_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    open_run("toy", "a", root=tmp_path / "runs").append("p.jsonl", [{"a": 1}])
    assert (tmp_path / "disk/toy/a/p.jsonl").exists()


def test_notebooks_and_headless_runs_share_the_runs_folder(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.delenv("WORKBENCH_RUNS", raising=False)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert open_run("toy", "a").folder == tmp_path / "runs/toy/a"
    monkeypatch.chdir(tmp_path)
    assert open_run("toy", "a").folder == tmp_path / "runs/toy/a"


def test_recording_keeps_what_is_there(run):
    run.record("train", seconds=1.5, steps=(1, 2))
    run.record("train", loss=0.2)
    run.record("design", paths=86)
    assert run.manifest == {
        "train": {"seconds": 1.5, "steps": [1, 2], "loss": 0.2},
        "design": {"paths": 86},
    }


def test_a_replaced_file_is_the_old_one_or_the_new_one(run, monkeypatch):
    run.record("design", paths=86)
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.record("design", paths=5)
    assert run.manifest == {"design": {"paths": 86}}


def test_a_full_disk_is_one_sentence_and_the_file_is_as_before(run, monkeypatch):
    run.append("p.jsonl", [{"number": 0}])
    fill_disk_after(monkeypatch, n_bytes=7)
    with pytest.raises(RunError, match=r"p\.jsonl cannot be written: the disk is full"):
        run.append("p.jsonl", [{"number": 1}])
    assert run.file("p.jsonl").read_bytes() == b'{"number":0}\n'


def test_a_full_disk_leaves_the_old_manifest_and_no_draft(run, monkeypatch):
    run.record("design", paths=86)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(full))
    with pytest.raises(RunError, match=r"manifest\.json cannot be written: the disk is full"):
        run.record("design", paths=5)
    assert run.manifest == {"design": {"paths": 86}}
    assert not list(run.folder.glob(".*.tmp"))


def test_a_damaged_manifest_is_named(run):
    run.file("manifest.json").write_text('{"design": ')
    with pytest.raises(RunError, match=r"manifest\.json: not JSON"):
        run.record("train", loss=0.2)


def test_a_stage_with_the_same_inputs_continues(run):
    assert not run.claim("design", seed=7, hashes={"flowchart": "ab"})
    run.append("paths.jsonl", [{"number": 0}])
    assert run.claim("design", seed=7, hashes={"flowchart": "ab"})
    assert run.manifest["design"]["versions"]["python"]


def test_a_stage_with_other_inputs_is_refused_by_what_differs(run):
    run.claim("design", seed=7, size="demo")
    run.append("paths.jsonl", [{"number": 0}])
    message = r"seed was 7, now 8\. Give the run a new name, or delete paths\.jsonl there"
    with pytest.raises(RunError, match=message):
        run.claim("design", seed=8, size="demo")


def test_rejected_conversations_go_with_the_inputs_they_were_rejected_for(run):
    run.claim("synthesize", seed=7)
    run.append("rejected.jsonl", [{"reason": "given up"}])
    with pytest.raises(RunError, match=r"seed was 7, now 8.* delete rejected\.jsonl there"):
        run.claim("synthesize", seed=8)


def test_a_stage_whose_files_are_gone_begins_anew(run):
    run.claim("design", seed=7)
    run.record("design", paths=86)
    assert not run.claim("design", seed=8)
    assert run.manifest["design"]["inputs"] == {"seed": 8}
    assert "paths" not in run.manifest["design"]


def test_a_stage_of_unknown_files_is_never_claimed_twice(run):
    run.claim("serve", seed=7)
    with pytest.raises(RunError, match="seed was 7, now not given"):
        run.claim("serve", port=80)


def test_the_manifest_can_be_opened_by_a_person(run):
    run.record("design", paths=86)
    text = run.file("manifest.json").read_text()
    assert json.loads(text) == {"design": {"paths": 86}}
    assert text.count("\n") > 3
