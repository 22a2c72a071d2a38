"""Screening: what becomes a row, what does not and why, and that no test reaches a row."""

import pytest
from test_overlap import TEXT, talk

from workbench.design.choices import tabulate_choices
from workbench.design.plan import plan_paths
from workbench.inspect import screening
from workbench.inspect.rows import Row
from workbench.inspect.screening import (
    Dropped,
    LeakError,
    list_walks,
    measure_dropped,
    measure_stages,
    screen,
)
from workbench.run import open_run
from workbench.synthesize.writing import plan_scenarios


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run in whose rows every word is a token."""

    def count_words(messages, tokenizer):
        n = sum(len(message.content.split()) for message in messages)
        return Row(ids=[0] * n, mask=[1] * n)

    monkeypatch.setattr(screening, "encode_row", count_words)
    return open_run("coffee", "screen", tmp_path)


def write(run, *talks):
    """Put conversations into the run, their scenarios before them, and one to test on."""
    plans = [{"scenario_id": t.scenario_id, "split": t.split, "path_id": t.path_id} for t in talks]
    tested = {"scenario_id": "t", "split": "test", "path_id": "p9", "steps": [["opening"]]}
    run.append("scenarios.jsonl", [*plans, tested])
    run.append("conversations.jsonl", talks)


def test_every_conversation_becomes_a_row_or_is_dropped_with_a_reason(run, coffee_domain):
    long = " ".join(str(i) for i in range(60))
    talks = [
        talk("a", TEXT),
        talk("b", TEXT),
        talk("c", long),
        talk("d", "Hi.", split="valid", path="p2"),
    ]
    write(run, *talks)
    counts = screen(run, coffee_domain, None, max_tokens=50)
    reasons = {d["conversation_id"]: d["reason"] for d in run.read("dropped.jsonl")}
    assert reasons == {"b": "nearly the same as a", "c": "60 tokens, more than 50"}
    assert (counts["train"], counts["valid"], counts["dropped"], counts["train_tokens"]) == (
        1,
        1,
        2,
        15,
    )


def test_a_row_holds_messages_and_nothing_of_the_labels(run, coffee_domain):
    write(run, talk("a", TEXT, "Hi."))
    screen(run, coffee_domain, None)
    expected = [{"role": "assistant", "content": TEXT}, {"role": "user", "content": "Hi."}]
    assert run.read("rows/train.jsonl") == [{"messages": expected}]


def test_rows_stand_in_the_order_of_the_scenarios(run, coffee_domain):
    write(run, talk("a", "One."), talk("b", "Two."))
    run.write("conversations.jsonl", reversed(run.read("conversations.jsonl")))
    screen(run, coffee_domain, None)
    assert [r["messages"][0]["content"] for r in run.read("rows/train.jsonl")] == ["One.", "Two."]


@pytest.mark.parametrize(
    "leak",
    [
        talk("b", "Something.", split="valid"),
        talk("b", "Something.", path="p9"),
        talk("b", "A very good morning to you. What shall I make?", path="p2"),
    ],
)
def test_a_leak_stops_the_screening_before_a_row_is_written(run, coffee_domain, leak):
    write(run, talk("a", TEXT), leak)
    with pytest.raises(LeakError, match="Write the conversations of this run anew"):
        screen(run, coffee_domain, None)
    assert not run.file("rows").exists()


def test_walks_are_those_that_were_talked(run, coffee_domain):
    planned = plan_paths(run, coffee_domain, seed=7)
    train = [path.as_path() for path in planned if path.split == "train"][:3]
    for path in train:
        messages = path.messages(coffee_domain.flowchart)
        found = talk(path.path_id, *["Hi."] * (2 * len(messages) - 1))
        for place, steps in enumerate(messages):
            found.labels[2 * place].steps = ["anywhere.question", *steps]
        run.append("conversations.jsonl", [found])
    assert [*list_walks(run, coffee_domain).values()] == train
    assert list_walks(run, coffee_domain, "valid") == {}


def test_the_stages_say_where_a_route_was_lost(run, coffee_domain):
    planned = plan_paths(run, coffee_domain, seed=7)
    scenarios = plan_scenarios(run, coffee_domain, 40, 5, seed=7)
    asked = [s for s in scenarios if s.split == "train"]
    kept = talk("a", *["Hi."] * (2 * len(asked[0].steps) - 1))
    for place, steps in enumerate(asked[0].steps):
        kept.labels[2 * place].steps = steps
    run.append("conversations.jsonl", [kept])
    stages = measure_stages(run, coffee_domain)
    assert {name: sum(own.paths.values()) for name, own in stages.items()} == {
        **{"planned": sum(p.split == "train" for p in planned), "asked for": len(asked)},
        "written": 1,
    }
    rows = tabulate_choices(stages, coffee_domain.flowchart)
    lost = {row["route"] for row in rows if row["why not"].startswith("none of the conversations")}
    taken = {step.partition(".")[2] for steps in asked[0].steps for step in steps}
    assert lost
    assert not lost & taken


def test_what_was_kept_and_what_was_dropped_are_stages_of_their_own(run, coffee_domain):
    plan_paths(run, coffee_domain, seed=7)
    steps = plan_scenarios(run, coffee_domain, 40, 5, seed=7)[0].steps
    for name in "ab":
        found = talk(name, *["Hi."] * (2 * len(steps) - 1))
        for place, own in enumerate(steps):
            found.labels[2 * place].steps = own
        run.append("conversations.jsonl", [found])
    assert "kept" not in measure_stages(run, coffee_domain)
    run.write("dropped.jsonl", [Dropped(conversation_id="b", reason="odd")])
    kept, dropped = measure_stages(run, coffee_domain)["kept"], measure_dropped(run, coffee_domain)
    assert kept.routes == dropped.routes
    assert (kept.paths.total(), kept.is_part, dropped.is_part) == (1, False, True)


def test_a_training_talk_that_takes_a_test_s_walk_is_a_leak(run, coffee_domain):
    leak = talk("a", TEXT)
    leak.labels[0].steps = ["opening"]
    write(run, leak)
    with pytest.raises(LeakError, match="1 training conversations take the walk of a test: a"):
        screen(run, coffee_domain, None)
