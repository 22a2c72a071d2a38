"""Talks on file: one after the other, or by their ids, and never all at once."""

import weakref

import pytest
from test_breakdown import make_talk

from workbench.evaluate.kept import KeptTalks, TalksById
from workbench.evaluate.simulation import file_of
from workbench.run import RunError, open_run


@pytest.fixture
def run(tmp_path):
    """Three talks of each of two conditions, one of them broken off."""
    run = open_run("coffee", "kept", tmp_path)
    for condition in ("compiled", "in_context/toy"):
        talks = [make_talk(number, condition) for number in range(3)]
        talks[1].failure = "no answer" if condition != "compiled" else ""
        run.write(file_of(condition), talks)
    return run


def names(talks):
    return [talk.conversation_id for talk in talks]


def test_talks_come_condition_by_condition_as_often_as_one_looks(run):
    talks = KeptTalks(run, ["in_context/toy", "compiled"])
    whole = ["in_context/toy0", "in_context/toy2", "compiled0", "compiled1", "compiled2"]
    assert names(talks) == names(talks) == whole
    assert names(talks.only("compiled".__eq__)) == whole[2:]
    every = KeptTalks(run, ["in_context/toy"], has_broken=True)
    assert names(every) == ["in_context/toy0", "in_context/toy1", "in_context/toy2"]
    assert names(KeptTalks(run, ["of nobody"])) == []


def test_one_talk_is_there_at_a_time(run):
    begun = []
    for talk in KeptTalks(run, ["compiled", "in_context/toy"]):
        begun.append(weakref.ref(talk))
        # this one, and the one before it until the loop lets go of it
        assert sum(one() is not None for one in begun) <= 2
    assert len(begun) == 5


def test_a_talk_is_found_by_its_id_and_nothing_is_held_of_it(run):
    talks = TalksById(run)
    assert set(talks) == {
        *names(KeptTalks(run, ["compiled"])),
        *map("in_context/toy{}".format, "012"),
    }
    assert [talks[name].conversation_id for name in talks] == [*talks]
    assert talks["in_context/toy1"].failure == "no answer"
    assert talks["compiled0"] is not talks["compiled0"]
    with pytest.raises(KeyError):
        talks["nobody"]


def test_a_file_that_was_written_meanwhile_is_not_read_at_old_places(run):
    talks = TalksById(run)
    run.write(file_of("compiled"), [make_talk(9, "compiled")])
    with pytest.raises(RunError, match="has been written since its talks were looked up"):
        talks["compiled2"]
    assert TalksById(run)["compiled9"].scenario_id == "s9"
