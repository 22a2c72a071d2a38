"""Phrase books made of a flowchart's own words: any domain without one can be talked through."""

import shutil

import pytest
from conftest import COFFEE, DOMAINS, PRINTER, edit, talk_through

from workbench.__main__ import main
from workbench.completeness import measure_completeness
from workbench.design.layout import TEMPLATE
from workbench.design.paths import sample_paths
from workbench.design.phrasing import PhrasingError, finish, speak_as_customer, write_phrases
from workbench.domain import read_domain

WHOLE = [COFFEE, PRINTER, TEMPLATE, *sorted(DOMAINS.glob("*_*/"))]


def strip(folder, to, kept="slots.yaml"):
    """A copy of a domain that has no phrases but what its slots are called."""
    copied = shutil.copytree(folder, to / folder.name)
    (copied / "personas.yaml").unlink()
    for file in (copied / "phrases").glob("*.yaml"):
        if file.name != kept:
            file.unlink()
    return copied


@pytest.mark.parametrize("folder", WHOLE, ids=lambda folder: folder.name)
def test_any_domain_is_talked_through_in_its_flowchart_s_own_words(tmp_path, folder):
    own = strip(folder, tmp_path)
    names = [file.relative_to(own).as_posix() for file in write_phrases(own)]
    assert names == ["phrases/agent.yaml", "phrases/customer.yaml", "personas.yaml"]
    assert measure_completeness(own).problems == []
    domain = read_domain(own)
    for number, path in enumerate(sample_paths(domain.flowchart, 60, 7)):
        for split in ("train", "test"):
            talk_through(domain, path, number, split)


def test_a_step_says_its_say_and_a_customer_its_when(tmp_path):
    own = strip(COFFEE, tmp_path)
    edit(own, "flowchart.yaml", "acts: [confirm]", "acts: [pays_now]")
    write_phrases(own)
    domain = read_domain(own)
    said = domain.agent.wordings("pay")[0].text
    assert said == "Say the price and ask for it. A cup costs {cup_price}."
    assert domain.customer.wordings("pays_now")[0].text == "I pay."


def test_steps_that_sound_alike_share_their_wordings(tmp_path):
    write_phrases(strip(COFFEE, tmp_path))
    shared = read_domain(tmp_path / "coffee").agent.shared_steps()
    assert shared == [("take_order.leave", "settle.leave")]


def test_phrases_that_are_begun_are_not_overwritten(copy):
    before = {file: file.read_bytes() for file in copy.rglob("*.yaml")}
    with pytest.raises(PhrasingError, match=r"agent\.yaml: phrases are begun; check says what"):
        write_phrases(copy)
    assert before == {file: file.read_bytes() for file in copy.rglob("*.yaml")}


def test_values_of_slots_cannot_be_made_up(tmp_path):
    own = strip(COFFEE, tmp_path, kept="")
    with pytest.raises(PhrasingError, match=r'line 7.*no "drink".*cannot be made up, so write it'):
        write_phrases(own)
    assert not (own / "phrases" / "agent.yaml").exists()


def test_a_number_that_is_no_fact_is_named(tmp_path):
    own = edit(strip(COFFEE, tmp_path), "flowchart.yaml", "Repeat the order.", "Wait 5 minutes.")
    with pytest.raises(PhrasingError, match=r'line 28.*"take_order\.complete" says 5 minutes'):
        write_phrases(own)


def test_what_is_wrong_elsewhere_is_named_first(tmp_path):
    own = edit(strip(COFFEE, tmp_path), "flowchart.yaml", "to: served", "to: servd")
    with pytest.raises(PhrasingError, match='Did you mean "served"'):
        write_phrases(own)


def test_acts_about_what_there_is_not_are_named(tmp_path):
    own = edit(strip(COFFEE, tmp_path), "facts.yaml", "cup_price:", "# cup_price:")
    edit(own, "facts.yaml", "facts:", "facts: {}")
    edit(own, "flowchart.yaml", "cites: [cup_price]", "cites: []")
    with pytest.raises(PhrasingError, match='"ask" is about facts, but there are none'):
        write_phrases(own)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("the user gave all three", "I gave all three"),
        ("the customer is at their desk", "I am at my desk"),
        ("The caller wants a refund", "I want a refund"),
        ("customer has paid", "I have paid"),
        ("it is free", "It is free"),
        ("Due to Bill", "Due to Bill"),
    ],
)
def test_a_condition_is_said_as_the_customer_says_it(when, said):
    assert speak_as_customer(when) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('Press "Go"', "Press 'Go'."),
        ("File > Open", "File, then Open."),
        ("a\n b", "a b."),
        ("Why?", "Why?"),
        ("\u202e", "…"),
        ("", "…"),
    ],
)
def test_a_text_is_finished_as_a_sentence(text, said):
    assert finish(text) == said


def test_the_command_names_the_files_it_wrote(tmp_path, capsys):
    own = strip(COFFEE, tmp_path)
    assert main(["phrases", str(own)]) == 0
    assert capsys.readouterr().out.count("reword it") == 3
    assert main(["phrases", str(own)]) == 1
    assert "phrases are begun" in capsys.readouterr().err


def test_a_test_wording_that_training_says_too_is_left_out(tmp_path):
    own = strip(COFFEE, tmp_path)
    edit(own, "flowchart.yaml", "Repeat the order.", "Let us see, then. Accept the change.")
    write_phrases(own)
    assert measure_completeness(own).problems == []
    wordings = read_domain(own).agent.wordings("settle.changed")
    assert {wording.split for wording in wordings} == {"train"}
