"""A run that goes on from an older one: what holds is kept byte for byte, the rest is redone."""

import hashlib
import shutil

import pytest
from conftest import COFFEE, edit
from test_changes import rename

from workbench.conversation import Conversation
from workbench.design.plan import PlannedPath, plan_paths
from workbench.domain import WORDS, hash_prompts, read_domain
from workbench.inspect.overlap import find_leaks
from workbench.run import Run, RunError, UnknownRunError, open_run
from workbench.source import FOLDER
from workbench.synthesize import writing
from workbench.synthesize.dealing import house_voice
from workbench.synthesize.redoing import describe_carried, plan_run
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.writing import Rejection, write_conversations
from workbench.train.continuing import choose_start

N, N_TEST = 40, 6


class Trusting:
    """A checker that keeps all: what is rejected is the matter of other tests."""

    def prepare(self, talks):
        pass

    def problems(self, talk, scenario):
        return []


@pytest.fixture(autouse=True)
def trust(monkeypatch):
    monkeypatch.setattr(writing, "fit_checkers", lambda *_: [Trusting()] * 3)


@pytest.fixture
def runs(tmp_path, coffee_domain):
    """Where runs lie; there is one, called older."""
    folder = tmp_path / "runs"
    run = open_run("coffee", "older", folder)
    plan_paths(run, coffee_domain, 7)
    plan_run(run, coffee_domain, N, N_TEST, 7)
    write_conversations(run, coffee_domain, 7, progress=False)
    return folder


def go_on(runs, domain, name="newer", is_written=True):
    run = open_run("coffee", name, runs)
    plan_paths(run, domain, 7, since="older")
    plan_run(run, domain, N, N_TEST, 7, since="older")
    if is_written:
        write_conversations(run, domain, 7, progress=False)
    return run


def count(run):
    (counts,) = describe_carried(run)
    return [counts[what] for what in ("kept", "redone", "new", "gone")]


def lines_of(run, name="conversations.jsonl"):
    return run.file(name).read_bytes().splitlines()


def fingerprint(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_where_nothing_has_changed_nothing_is_redone(runs, coffee_domain, monkeypatch):
    monkeypatch.setattr(writing, "write_talk", None)
    run, older = go_on(runs, coffee_domain), open_run("coffee", "older", runs)
    for name in ("paths.jsonl", "scenarios.jsonl", "conversations.jsonl"):
        assert run.file(name).read_bytes() == older.file(name).read_bytes()
    assert count(run)[1:] == [0, 0, 0]


def test_comments_and_order_redo_nothing(runs, copy, monkeypatch):
    end = "  left: {role: end, outcome: left}\n"
    text = (copy / "flowchart.yaml").read_text().replace(end, "")
    (copy / "flowchart.yaml").write_text(text.replace("nodes:\n", f"nodes:  # all of them\n{end}"))
    monkeypatch.setattr(writing, "write_talk", None)
    run, older = go_on(runs, read_domain(copy)), open_run("coffee", "older", runs)
    assert lines_of(run) == lines_of(older)
    assert lines_of(run, "scenarios.jsonl") == lines_of(older, "scenarios.jsonl")


def test_the_older_run_is_never_written_to(runs, copy):
    before = fingerprint(runs / "coffee" / "older")
    go_on(runs, read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4")))
    assert fingerprint(runs / "coffee" / "older") == before


def test_a_changed_fact_is_stated_anew_and_the_rest_is_kept_byte_for_byte(runs, copy):
    edit(copy, "facts.yaml", "A cup costs 3 euros", "A cup costs 4 euros")
    domain = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    run, older = go_on(runs, domain), open_run("coffee", "older", runs)
    kept, redone, new, gone = count(run)
    before, after = lines_of(older), lines_of(run)
    states = [line for line in before if b"3 euros" in line]
    assert (redone, new, gone) == (len(states), 0, 0)
    assert after[:kept] == [line for line in before if line not in states]
    assert not [line for line in after if b"3 euros" in line]
    assert len([line for line in after if b"4 euros" in line]) == redone > 0


def test_a_renamed_node_redoes_nothing_and_no_word_is_another(runs, copy, monkeypatch):
    monkeypatch.setattr(writing, "write_talk", None)
    run = go_on(runs, read_domain(rename(copy, "pay", "till")))
    talks = run.read("conversations.jsonl", Conversation)
    older = open_run("coffee", "older", runs).read("conversations.jsonl", Conversation)
    assert [talk.messages for talk in talks] == [talk.messages for talk in older]
    assert count(run) == [len(older), 0, 0, 0]
    said = {step for talk in talks for label in talk.labels for step in label.steps}
    assert "till" in said
    assert "pay" not in said
    paths = {path.path_id for path in run.read("paths.jsonl", PlannedPath)}
    assert {talk.path_id for talk in talks} <= paths
    assert talks[0].hashes.items() <= read_domain(copy).hashes.items()


def test_a_renamed_run_can_be_gone_on_from(runs, copy, monkeypatch):
    domain = read_domain(rename(copy, "pay", "till"))
    go_on(runs, domain)
    monkeypatch.setattr(writing, "write_talk", None)
    run = open_run("coffee", "third", runs)
    plan_paths(run, domain, 7, since="newer")
    plan_run(run, domain, N, N_TEST, 7, since="newer")
    assert lines_of(run) == lines_of(open_run("coffee", "newer", runs))


def test_who_says_what_is_no_longer_said_is_redone(runs, copy):
    gone = read_domain(copy).agent.wordings("settle.leave", house_voice(7))[0].text
    run = go_on(runs, read_domain(edit(copy, "phrases/agent.yaml", gone, "Until then, farewell.")))
    older = lines_of(open_run("coffee", "older", runs))
    said = [line for line in older if gone.encode() in line]
    assert count(run)[1] == len(said) > 0
    assert len(said) < len(older)
    assert not [line for line in lines_of(run) if gone.encode() in line]


def test_what_a_model_was_told_in_other_words_is_redone(runs, coffee_domain):
    older = open_run("coffee", "older", runs)
    talks = older.read("conversations.jsonl")
    told = coffee_domain.hashes["prompt.customer_words"]
    talks[0]["hashes"]["prompt.customer_words"] = told
    older.write("conversations.jsonl", talks)
    assert count(go_on(runs, coffee_domain, "same"))[1] == 0
    words = older.file(f"{FOLDER}/prompts/{WORDS}")
    words.write_text(words.read_text("utf-8").replace("Speak of", "Talk of"), "utf-8")
    talks[0]["hashes"]["prompt.customer_words"] = hash_prompts(words.parent)["prompt.teacher_words"]
    older.write("conversations.jsonl", talks)
    run = go_on(runs, coffee_domain)
    assert count(run)[1] == 1
    assert talks[0]["conversation_id"] not in str(lines_of(run)[: count(run)[0]])


def test_a_node_put_in_is_walked_by_the_same_sort_of_customers(runs, copy):
    edit(copy, "flowchart.yaml", "        to: pay\n", "        to: smile\n")
    node = "  smile: {role: agent, say: Say something nice., next: pay}\n"
    edit(copy, "flowchart.yaml", "  pay:\n", f"{node}  pay:\n")
    with (copy / "phrases" / "agent.yaml").open("a") as stream:
        stream.write(
            '- steps: [smile]\n  train: ["A fine choice.", "How nice."]\n  test: [Bravo.]\n'
        )
    run, older = go_on(runs, read_domain(copy)), open_run("coffee", "older", runs)
    _, redone, new, gone = count(run)
    before = older.read("scenarios.jsonl", Scenario)
    passing = [s for s in before if any("take_order.complete" in steps for steps in s.steps)]
    assert redone == sum(s.split != "test" for s in passing)
    assert (new, gone) == (0, 0)
    after = run.read("scenarios.jsonl", Scenario)
    assert [(s.split, s.stratum) for s in after] == [(s.split, s.stratum) for s in before]
    talks = run.read("conversations.jsonl", Conversation)
    assert sum("smile" in str(talk.walk()) for talk in talks) >= 0.9 * redone


def test_a_route_that_is_gone_takes_its_conversations_with_it(runs, copy):
    chart = (copy / "flowchart.yaml").read_text()
    route = chart.split("      changed:\n")[1].split("      leave:")[0]
    edit(copy, "flowchart.yaml", f"      changed:\n{route}", "")
    agent = copy / "phrases" / "agent.yaml"
    entry = agent.read_text().split("- steps: [settle.changed]\n")[1].split("\n- ")[0]
    edit(copy, "phrases/agent.yaml", f"- steps: [settle.changed]\n{entry}\n", "")
    run = go_on(runs, read_domain(copy))
    kept, redone, new, gone = count(run)
    assert new == 0
    assert gone > 0
    assert not [line for line in lines_of(run) if b"settle.changed" in line]
    assert len(lines_of(run)) == kept + redone


@pytest.mark.parametrize("n_left", [0, 30])
def test_a_killed_stage_goes_on_to_the_same_conversations(runs, copy, n_left):
    domain = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    run = go_on(runs, domain)
    whole = sorted(lines_of(run))
    content = run.file("conversations.jsonl").read_bytes().splitlines(keepends=True)
    # killed while it wrote a line
    run.file("conversations.jsonl").write_bytes(b"".join(content[:n_left]) + content[n_left][:40])
    assert sorted(lines_of(go_on(runs, domain))) == whole


@pytest.mark.slow
def test_stopped_before_any_write_it_goes_on_to_the_same_and_the_older_run_stays(
    runs, copy, monkeypatch
):
    domain = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    before = fingerprint(runs / "coffee" / "older")
    whole = go_on(runs, domain)
    n_writes = n_stopped = 0

    def stop_at(method):
        def write(run, *given, **facts):
            nonlocal n_writes
            n_writes += 1
            if n_writes == n_stopped:
                raise KeyboardInterrupt
            return method(run, *given, **facts)

        return write

    # what is planned and carried over, and the first conversations
    for n_stopped in range(1, 15):
        name, n_writes = f"stopped-{n_stopped}", 0
        with monkeypatch.context() as patch:
            for own in ("write", "append", "_put"):
                patch.setattr(Run, own, stop_at(getattr(Run, own)))
            with pytest.raises(KeyboardInterrupt):
                go_on(runs, domain, name)
        run = go_on(runs, domain, name)
        for file in ("paths.jsonl", "scenarios.jsonl", "conversations.jsonl"):
            assert sorted(lines_of(run, file)) == sorted(lines_of(whole, file)), (n_stopped, file)
        assert count(run) == count(whole)
    assert fingerprint(runs / "coffee" / "older") == before


def test_what_was_given_up_is_not_tried_again(tmp_path, coffee_domain, monkeypatch):
    run = open_run("coffee", "older", tmp_path / "runs")
    plan_paths(run, coffee_domain, 7)
    scenarios = plan_run(run, coffee_domain, N, N_TEST, 7)
    lost = next(s.scenario_id for s in scenarios if s.split == "train")
    line = Rejection(conversation_id="", scenario_id=lost, step="", reason="given up", text=[])
    run.append("rejected.jsonl", [line])
    write_conversations(run, coffee_domain, 7, progress=False)
    monkeypatch.setattr(writing, "write_talk", None)
    newer = go_on(tmp_path / "runs", coffee_domain)
    assert count(newer)[1:] == [0, 0, 0]
    assert lost in {r.scenario_id for r in newer.read("rejected.jsonl", Rejection)}


def test_verdicts_of_people_go_with_the_conversations(runs, coffee_domain):
    older = open_run("coffee", "older", runs)
    kept = older.read("conversations.jsonl")[0]["conversation_id"]
    verdicts = [{"conversation_id": id_, "verdict": "accept"} for id_ in (kept, "another")]
    older.write("reviews.jsonl", verdicts)
    assert go_on(runs, coffee_domain, is_written=False).read("reviews.jsonl") == verdicts[:1]


def test_nothing_of_the_tests_is_in_training(runs, copy):
    run = go_on(runs, read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4")))
    scenarios = run.read("scenarios.jsonl", Scenario)
    tests = [s for s in scenarios if s.split == "test"]
    paths, walks = {s.path_id for s in tests}, [s.steps for s in tests]
    talks = run.read("conversations.jsonl", Conversation)
    assert find_leaks(talks, read_domain(copy), paths, walks) == []


def test_stages_must_go_on_from_the_same_run(runs, coffee_domain):
    run = open_run("coffee", "newer", runs)
    plan_paths(run, coffee_domain, 7)
    with pytest.raises(RunError, match='had since "", and this stage has "older"'):
        plan_run(run, coffee_domain, N, N_TEST, 7, since="older")
    plan_paths(open_run("coffee", "third", runs), coffee_domain, 7, since="older")
    with pytest.raises(RunError, match='had since "older", and this stage has ""'):
        plan_run(open_run("coffee", "third", runs), coffee_domain, N, N_TEST, 7)


@pytest.mark.parametrize("since", ["oldr", "newer"])
def test_a_run_goes_on_from_another_one_that_there_is(runs, coffee_domain, since):
    with pytest.raises(UnknownRunError, match="there are: older"):
        plan_paths(open_run("coffee", "newer", runs), coffee_domain, 7, since=since)


def test_training_starts_from_the_base_where_something_is_gone(runs, copy):
    older = open_run("coffee", "older", runs)
    older.record("train", result={"loss": 1}, base={"name": "tiny-random"})
    older.write_text("model/model.safetensors", "")
    run = go_on(runs, read_domain(shutil.copytree(COFFEE, copy / "coffee")), is_written=False)
    assert choose_start(run, "tiny-random", "older").is_older
    run.record("synthesize", carried={"since": "older", "is_something_gone": True})
    start = choose_start(run, "tiny-random", "older")
    assert (start.kind, start.why[:12]) == ("base", "what is gone")
