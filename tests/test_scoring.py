"""Scoring of one's own transcripts: from a file to a table, with labels or without."""

import json

import pytest
from conftest import COFFEE
from test_measures import TALK, WRONG

from workbench import scoring
from workbench.__main__ import main
from workbench.conformance import KINDS
from workbench.conversation import Act, Label, Message
from workbench.evaluate.labelling import (
    CLEAR,
    _is_told_alike,
    find_choice,
    fit_readers,
    read_acts,
)
from workbench.evaluate.transcripts import TranscriptError, join_messages
from workbench.recognizer import Reading
from workbench.record import Record
from workbench.scoring import score_file

FULL = TALK | {"labels": [label | {"asks": []} for label in TALK["labels"]]}


@pytest.fixture
def write(tmp_path):
    """Writes a file of conversations."""

    def writes(*talks):
        file = tmp_path / "own.jsonl"
        file.write_text("\n".join(map(json.dumps, talks)))
        return file

    return writes


@pytest.fixture
def unread(monkeypatch):
    """Fails the test if anything has to be read."""
    monkeypatch.setattr(scoring, "fit_readers", lambda domain: pytest.fail("read the words"))


@pytest.mark.usefixtures("unread")
def test_a_labelled_file_is_scored_without_any_reading(write, tmp_path, capsys):
    out = tmp_path / "scores.json"
    file = write(FULL, FULL | {"labels": WRONG["labels"]})
    assert main(["score", str(file), "--domain", str(COFFEE), "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "2 conversations, domain coffee" in shown
    assert "Read off" not in shown
    (row,) = (line.split() for line in shown.splitlines() if "branch_correct" in line)
    assert row[1] == "0.750"
    assert row[-2:] == ["2", "0"]
    found = json.loads(out.read_text())
    assert found["measures"]["transcripts"]["ending_correct"]["mean"] == 0.5
    assert [score["ending"] for score in found["scores"]] == ["served", "left"]


def test_who_left_in_anger_was_not_served(write):
    calm, angry = (FULL | {"has_left_in_anger": is_angry} for is_angry in (False, True))
    scores = score_file(write(calm, angry, FULL), COFFEE).scores
    assert [score.measures["ending_correct"] for score in scores] == [1, 0, 1]
    assert [score.measures["left_in_anger"] for score in scores] == [0, 1, None]


@pytest.mark.usefixtures("unread")
def test_what_cannot_be_known_is_unscored_and_counted(write):
    bare = {name: part for name, part in FULL.items() if name != "endings"}
    scored = score_file(write(bare, FULL), COFFEE)
    assert [s.measures["ending_correct"] for s in scored.scores] == [None, 1]
    assert [s.measures["overrun"] for s in scored.scores] == [None, None]
    (row,) = (line.split() for line in str(scored.tabulate()).splitlines() if "ending_c" in line)
    assert row[-2:] == ["1", "1"]


@pytest.mark.usefixtures("unread")
def test_labels_that_do_not_say_what_is_asked_leave_open_whether_it_is_asked_again(write):
    scored = score_file(write(TALK, FULL), COFFEE)
    assert [score.measures["reasked"] for score in scored.scores] == [None, 0]


@pytest.mark.usefixtures("unread")
def test_the_customer_may_speak_first(write):
    later = FULL | {"messages": FULL["messages"][1:], "labels": FULL["labels"][1:]}
    (score,) = score_file(write(later), COFFEE).scores
    assert score.is_clean
    assert score.forgiven_kinds == {"unopened": 1}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(("kinds", "forgiven"), [(["silent"], 1), (["unopened"], 0), (["all"], 0)])
def test_what_is_not_to_be_forgiven_is_named(write, capsys, kinds, forgiven):
    later = FULL | {"messages": FULL["messages"][1:], "labels": FULL["labels"][1:]}
    options = [part for kind in kinds for part in ("--unforgiven", kind)]
    assert main(["score", str(write(later)), "--domain", str(COFFEE), *options]) == 0
    assert f"Steps forgiven per conversation: {forgiven:.2f}" in capsys.readouterr().out
    assert main(["score", str(write(later)), "--domain", str(COFFEE), "--unforgiven", "x"]) == 2
    assert '"x" is nothing to forgive' in capsys.readouterr().err


def test_the_help_names_all_that_may_be_unforgiven(capsys):
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    shown = capsys.readouterr().out
    assert all(kind in shown for kind in KINDS)


@pytest.mark.usefixtures("unread")
def test_each_condition_has_its_rows(write):
    scored = score_file(write(FULL, FULL | {"condition": "other"}), COFFEE)
    rows = [line for line in str(scored.tabulate()).splitlines() if " fitness" in line]
    assert [row.split()[0] for row in rows] == ["transcripts", "other"]


@pytest.mark.usefixtures("unread")
def test_the_output_is_refused_before_anything_is_scored(write, tmp_path):
    file = write(FULL)
    before = file.read_bytes()
    for out, why in (
        (file, "it is the file of transcripts itself"),
        (tmp_path, "it is a folder"),
        (tmp_path / "none" / "out.json", "there is no such folder"),
    ):
        with pytest.raises(TranscriptError, match=f"cannot be written to .* \\({why}\\)"):
            score_file(file, COFFEE, out)
    assert file.read_bytes() == before


def test_wrong_usage_of_the_command_exits_with_2(write, capsys):
    assert main(["score", str(write("x")), "--domain", str(COFFEE)]) == 2
    assert "line 1: is a text" in capsys.readouterr().err
    assert main(["score", str(write(FULL)), "--domain", "travel_boking"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["score", "own.jsonl"])


def test_what_is_not_labelled_is_read_and_the_screen_says_so(write, word_encoder):
    bare = {"messages": TALK["messages"], "endings": ["served"]}
    scored = score_file(write(bare, FULL), COFFEE)
    assert scored.read == {"assistant": (3, 6), "user": (2, 4)}
    text = scored.describe()
    assert "labels of 3 of the agent's 6 messages" in text
    assert "labels of 2 of the customers' 4 messages" in text
    assert "The reading errs: in the phrase book's wordings that it had not learnt" in text
    assert scored.scores[1].is_clean


def test_readers_read_most_of_what_they_have_not_learnt(coffee_domain, word_encoder):
    readers = fit_readers(coffee_domain)
    assert readers.accuracy["assistant"].mean > 0.6
    assert readers.accuracy["user"].mean > 0.6
    assert readers.accuracy["user"].unscored > 0


@pytest.mark.parametrize(
    ("text", "labels", "acts"),
    [
        ("Lisbon, for 2 people", (), ["give(destination=Lisbon)", "give(travellers=2)"]),
        ("Porto instead", ("revise(destination)",), ["revise(destination=Porto)"]),
        ("Not there", ("revise(destination)",), ["drop(destination)"]),
        ("Porto, no, Lisbon", (), ["give(destination=Lisbon)"]),
        (
            "Porto, no, Lisbon",
            ("misspeak(destination)",),
            ["give(destination=Lisbon)", "misspeak(destination=Porto)"],
        ),
        ("I go to Lisbon in spring, roughly", ("vague(dates)",), None),
        ("The second one", ("choose",), ["choose(lisbon_fado)"]),
        ("I am off", ("leave",), ["leave"]),
    ],
)
def test_acts_are_what_was_read_with_the_details_in_the_words(travel, text, labels, acts):
    record = Record(travel.flowchart.slots)
    record.offer(["lisbon_tram", "lisbon_fado"])
    found = [str(act) for act in read_acts(text, Reading(labels, 1.0), record, travel)]
    assert found == (acts or ["give(destination=Lisbon)", "vague(dates)"])


@pytest.mark.parametrize(
    ("told", "heard", "is_alike"),
    [
        (["give(size=large)"], ["give(size=large)"], True),
        (["give(size=large)"], [], False),
        (["give(size=large)"], ["give(size=small)"], False),
        (["drop(size)"], ["vague(size)"], True),
        (["remind(drink)"], ["give(drink=mocha)"], True),
        (["leave"], ["leave", "give(drink=latte)"], False),
    ],
)
def test_a_message_is_read_right_only_with_its_details(told, heard, is_alike):
    record = Record(["drink", "size"])
    record.hear([Act("give", "drink", "mocha"), *map(Act.parse, told)])
    assert _is_told_alike(Label(acts=told), Label(acts=heard), record) is is_alike


def test_a_message_without_a_word_is_silence(travel, coffee_domain):
    for domain in (travel, coffee_domain):
        has_silence = any("silence" in trip.acts for trip in domain.flowchart.anywhere.values())
        found = read_acts("...", Reading(("leave",), 1.0), Record(domain.flowchart.slots), domain)
        assert found == [Act("silence")] * has_silence


def test_of_an_unclear_message_only_the_details_count(travel):
    record = Record(travel.flowchart.slots)
    found = read_acts("Lisbon", Reading(("leave",), CLEAR - 0.01), record, travel)
    assert found == [Act("give", "destination", "Lisbon"), Act("unclear")]


@pytest.mark.parametrize(
    ("text", "offered", "choice"),
    [
        ("the first", ["lisbon_tram", "lisbon_fado"], "lisbon_tram"),
        ("the third", ["lisbon_tram", "lisbon_fado"], ""),
        ("Fado and Custard Tarts, please", ["lisbon_tram", "lisbon_fado"], "lisbon_fado"),
        ("Valley of Vines", ["lisbon_tram", "lisbon_fado"], ""),
        ("that one", ["lisbon_tram"], "lisbon_tram"),
        ("that one", ["lisbon_tram", "lisbon_fado"], ""),
        ("that one", [], ""),
    ],
)
def test_a_choice_is_among_the_offers_made(travel, text, offered, choice):
    assert find_choice(text, offered, travel) == choice


def test_messages_of_one_speaker_in_a_row_are_one():
    messages = [Message(role=role, content=role) for role in ("assistant", "assistant", "user")]
    labels = [Label(steps=["a"]), Label(steps=["b"], asks=["c"]), Label(acts=["leave"])]
    joined, found = join_messages(messages, labels)
    assert [message.content for message in joined] == ["assistant\nassistant", "user"]
    assert found == [Label(steps=["a", "b"], asks=["c"]), Label(acts=["leave"])]
