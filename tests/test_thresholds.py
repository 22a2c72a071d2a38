import re
from pathlib import Path

import pytest

from workbench.__main__ import main
from workbench.domain import list_domains, read_domain
from workbench.evaluate.metrics import PERFECT
from workbench.evaluate.thresholds import Least, Loss, Most, ThresholdError, read_thresholds

LEAST = "minimum: {seen: {n: 50, ending_correct: 95}}\nloss: {all: {n: 100, facts_right: 2.5}}\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "gate.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


def test_the_least_that_a_file_can_say_is_strict_in_all_else(write):
    found = read_thresholds(write(LEAST))
    assert found.minimum["seen"].measures == {"ending_correct": 95}
    assert found.loss["all"].measures == {"facts_right": 2.5}
    assert (found.worse, found.stale.facts, found.stale.routes, found.stale.untested) == (0,) * 4
    assert found.stale.unknown == "fail"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("minimum: {}\n" + LEAST.splitlines()[1], "line 1, column 10: minimum is"),
        (LEAST.splitlines()[0], 'line 1, column 1: the file has no "loss"; add it'),
        (LEAST + "los: {}", 'line 3, column 1: the file has the unknown field "los".*"loss"'),
        (LEAST.replace("seen", "sen"), 'line 1, column 11: minimum.sen .*Did you mean "seen"'),
        (LEAST.replace("95", "101"), "line 1, column 41: minimum.seen.ending_correct"),
        (LEAST.replace("95", "many"), "line 1, column 41: minimum.seen.ending_correct"),
        (LEAST.replace("n: 50, ", ""), 'minimum.seen has no "n"; add it'),
        (LEAST.replace("n: 50", "n: 0"), "line 1, column 21: minimum.seen.n"),
        (LEAST.replace(", ending_correct: 95", ""), "minimum.seen is a mapping; name a measure"),
        (LEAST + "touched: {n: 10}", "line 3, column 10: touched is a mapping; name a measure"),
        (LEAST.replace("ending_correct", "reasked"), 'minimum.seen has the unknown field "reas'),
        (LEAST.replace("facts_right", "fact_right"), 'Did you mean "facts_right"'),
        (LEAST + "stale: {unknown: maybe}", "line 3, column 18: .*one of fail, pass"),
        (LEAST + "worse: -1", "line 3, column 8: worse"),
        (LEAST + "worse: 0\nworse: 1", 'line 4, column 1: "worse" stands here a second time'),
        ("minimum: [", "line 1, column 1"),
        ("", "the file is empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write, text, message):
    with pytest.raises(ThresholdError, match=rf"gate\.yaml.*{message}"):
        read_thresholds(write(text))


def test_all_errors_come_at_once(write):
    with pytest.raises(ThresholdError) as caught:
        read_thresholds(write(LEAST.replace("95", "101") + "worse: -1\nextra: 3"))
    assert len(caught.value.problems) == 3


def test_a_missing_file_says_what_the_least_is(tmp_path):
    with pytest.raises(ThresholdError, match=r"gate\.yaml: there is no such file; .*minimum"):
        read_thresholds(tmp_path / "gate.yaml")


def test_every_measure_can_be_bounded_on_its_own_side():
    fields = [{*model.model_fields} - {"n"} for model in (Least, Most, Loss)]
    assert fields[0] | fields[1] == fields[2] == {*PERFECT}
    assert not fields[0] & fields[1]


@pytest.mark.parametrize("name", list_domains())
def test_each_domain_has_thresholds_that_ask_for_endings_facts_and_no_loss(name):
    domain = read_domain(name)
    found = read_thresholds(domain.folder / "gate.yaml")
    assert {"seen", "unseen"} <= {*found.minimum}
    for bound in found.minimum.values():
        assert "ending_correct" in bound.measures
        assert bound.n >= 50
    assert {"ending_correct", "facts_right"} <= {*found.loss["all"].measures}
    assert found.stale.unknown == "fail"


def test_what_a_run_must_reach_changes_nothing_of_how_it_is_made(copy):
    before = read_domain(copy).hashes
    (copy / "gate.yaml").write_text(LEAST, "utf-8")
    assert read_domain(copy).hashes == before


def test_the_command_that_checks_a_domain_reads_them_too(copy, capsys):
    assert main(["check", str(copy)]) == 0
    (copy / "gate.yaml").write_text(LEAST.replace("95", "195"), "utf-8")
    assert main(["check", str(copy)]) == 1
    assert "gate.yaml, line 1, column 41: minimum.seen.ending_correct" in capsys.readouterr().out


def test_the_page_of_domains_shows_a_file_that_can_be_read(write):
    page = (Path(__file__).parents[1] / "domains" / "README.md").read_text("utf-8")
    shown = re.search(r"```yaml\n(minimum:.*?)```", page, re.S)[1]
    found = read_thresholds(write(shown))
    assert (found.minimum["seen"].n, found.touched.n, found.stale.unknown) == (50, 10, "fail")
