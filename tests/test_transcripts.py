"""Transcripts: every wrong input of a user is one sentence with the place and the way out."""

import json

import pytest

from workbench.__main__ import main
from workbench.evaluate import transcripts
from workbench.evaluate.transcripts import TranscriptError, read_transcripts

HELLO = {"role": "assistant", "content": "Hello!"}
ORDER = {"role": "user", "content": "A latte."}


@pytest.fixture
def read(tmp_path, coffee_domain):
    """Reads a file with these lines; what is no text is written as JSON."""

    def reads(*lines):
        texts = [line if isinstance(line, str | bytes) else json.dumps(line) for line in lines]
        raw = [text if isinstance(text, bytes) else text.encode() for text in texts]
        file = tmp_path / "own.jsonl"
        file.write_bytes(b"\n".join(raw))
        return read_transcripts(file, coffee_domain)

    return reads


def labelled(*labels, **more):
    return {"messages": [HELLO, ORDER], "labels": list(labels)} | more


def test_a_line_needs_messages_alone(read):
    (found,) = read({"messages": [HELLO, ORDER]})
    assert [message.role for message in found.messages] == ["assistant", "user"]
    assert (found.endings, found.is_overrun, found.condition) == (None, None, "transcripts")
    assert found.conversation_id == found.scenario_id == found.path_id == "line 1"
    assert all(label.steps is label.acts is None for label in found.labels)


def test_labels_stand_beside_the_messages_and_may_be_short_or_absent(read):
    long = labelled({"steps": ["opening"], "asks": []}, {"acts": ["give(drink=latte)"]})
    short = labelled(["opening"], ["give(drink=latte)"])
    for found in read(long, short):
        assert found.labels[0].steps == ["opening"]
        assert found.labels[1].acts == ["give(drink=latte)"]
    (found,) = read(labelled(None, {}))
    assert found.labels[0].steps is found.labels[1].acts is None


def test_ids_endings_and_condition_are_kept(read):
    (found,) = read(
        {"messages": [HELLO], "endings": ["served"], "path_id": 7, "condition": "b", "more": 1}
    )
    assert (found.endings, found.path_id, found.condition) == (["served"], "7", "b")


def test_empty_lines_and_a_byte_order_mark_do_no_harm(read):
    line = json.dumps({"messages": [HELLO]})
    found = read(b"\xef\xbb\xbf" + line.encode(), "", "  ", line + "\r")
    assert [talk.conversation_id for talk in found] == ["line 1", "line 4"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"messages": [', r"line 1, column 15: is not JSON \(Expecting value\); write one"),
        ("[" * 100_000, "line 1: is not JSON"),
        ("1" * 5000, "line 1: is not JSON"),
        ([HELLO], 'is a list, but must be an object with "messages"'),
        ("null", 'is null, but must be an object with "messages"'),
        ({"text": "hi"}, '"messages" is missing or empty; write'),
        ({"messages": []}, '"messages" is missing or empty; write'),
        ({"messages": "hi"}, '"messages" is no list of messages; write'),
        ({"messages": ["hi"]}, 'message 1: must be an object with "role" and "content"'),
        ({"messages": [HELLO, {"content": "x"}]}, "message 2: has no role; write one of system,"),
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            r'message 1: has the role "bot"; write one of .* Did you mean "assistant"\?',
        ),
        (
            {"messages": [{"role": "asistant", "content": "x"}]},
            r'has the role "asistant".* Did you mean "assistant"\?',
        ),
        ({"messages": [{"role": ["user"], "content": "x"}]}, r'has the role \["user"\]'),
        ({"messages": [HELLO, {"role": "user"}]}, 'message 2: "content" is missing; write what'),
        ({"messages": [HELLO, ORDER | {"content": None}]}, '"content" is missing'),
        ({"messages": [HELLO, ORDER | {"content": [1]}]}, '"content" is a list; write what was'),
        ({"messages": [HELLO | {"content": "\ud83d"}]}, "message 1: .* half a character"),
        ({"messages": [ORDER]}, r"the agent \(assistant\) never speaks; leave the line out"),
        (labelled(["opening"]), '"labels" are 1, but there are 2 messages; give a list of one'),
        ({"messages": [HELLO], "labels": {}}, '"labels" are an object, but there are 1 messages'),
        (labelled("opening", None), "label 1: must be an object such as"),
        (labelled({"steps": "opening"}, None), 'label 1: "steps" must be a list of texts'),
        (labelled(["openin"], None), r'"openin" is no step of coffee. Did you mean "opening"\?'),
        (labelled(["pay|payy"], None), '"payy" is no step of coffee'),
        (labelled({"asks": ["sise"]}, None), r'"sise" is no slot of coffee. Did you mean "size"'),
        (labelled(None, ["give drink"]), 'label 2: "give drink" is not an act such as "leave"'),
        (labelled(None, ["give(drnk=tea)"]), r"names no slot of coffee. Did you mean \"drink\"\?"),
        (labelled(None, ["give(drink)"]), r'gives no value; write it as "give\(drink=...\)"'),
        (labelled(None, ["ask(cup_prise)"]), r"names no fact of coffee. Did you mean"),
        ({"messages": [HELLO], "endings": "served"}, '"endings" must be a list of acceptable'),
        ({"messages": [HELLO], "endings": []}, '"endings" must be a list of acceptable'),
        (
            {"messages": [HELLO], "endings": ["serve"]},
            r'"serve" is no outcome of coffee, which has served, left. Did you mean "served"\?',
        ),
        ({"messages": [HELLO], "path_id": ["a"]}, '"path_id" is a list, but must be a text'),
        ({"messages": [HELLO], "is_overrun": 1}, '"is_overrun" is 1, but must be true or false'),
        ({"messages": [HELLO], "has_left_in_anger": "no"}, '"has_left_in_anger" is "no", but must'),
        (b'{"messages": "\xff"}', "byte 15 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong_and_the_way_out(read, line, error):
    with pytest.raises(TranscriptError, match=error) as caught:
        read(line)
    assert "own.jsonl, line 1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_later_line_is_named_by_its_number(read):
    with pytest.raises(TranscriptError, match=r"own.jsonl, line 3: "):
        read({"messages": [HELLO]}, "", "[]")


def test_a_huge_line_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr(transcripts, "MOST_BYTES", 1000)
    with pytest.raises(TranscriptError, match="line 2: is longer than 1,000 bytes; write one"):
        read({"messages": [HELLO]}, {"messages": [HELLO | {"content": "x" * 1000}]})


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_conversations_says_how_one_looks(tmp_path, coffee_domain, content):
    file = tmp_path / "own.jsonl"
    file.write_bytes(content)
    with pytest.raises(
        TranscriptError, match=r'has no conversation in it; write one a line, as \{"'
    ):
        read_transcripts(file, coffee_domain)


def test_a_file_that_is_not_there_or_is_a_folder_is_wrong_usage(tmp_path, capsys):
    for file in (tmp_path / "none.jsonl", tmp_path):
        assert main(["score", str(file), "--domain", "travel_booking"]) == 2
        error = capsys.readouterr().err
        assert f"{file} cannot be read (" in error
        assert error.count("\n") == 1
