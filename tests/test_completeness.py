"""What is still missing of a domain is told step by step, until nothing is."""

import shutil

import pytest
from conftest import COFFEE, PRINTER, edit

from workbench.__main__ import main
from workbench.completeness import measure_completeness
from workbench.design.coverage import measure_coverage
from workbench.design.plan import plan_paths
from workbench.domain import DomainError, read_design, read_domain
from workbench.run import Run
from workbench.show import draw_flowchart


@pytest.fixture
def make(tmp_path):
    """A folder with only some files of the toy domain."""

    def make(*names, toy=COFFEE):
        for name in names:
            (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(toy / name, tmp_path / "own" / name)
        return tmp_path / "own"

    return make


CHART, FACTS, PERSONAS = "flowchart.yaml", "facts.yaml", "personas.yaml"
AGENT, CUSTOMER, SLOTS = (f"phrases/{name}.yaml" for name in ("agent", "customer", "slots"))


def check(folder, capsys):
    """Exit code and what is printed."""
    return main(["check", str(folder)]), capsys.readouterr().out


def test_with_no_folder_the_way_out_is_a_new_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "own"]) == 2
    assert "python -m workbench new NAME" in capsys.readouterr().err


def test_with_a_flowchart_alone_facts_come_next(make, capsys):
    code, said = check(make(CHART), capsys)
    assert code == 1
    assert "facts.yaml: there is no such file.\n" in said
    assert "facts.yaml is missing: the least is two lines" in said
    assert "phrases" not in said


def test_with_facts_too_all_that_lacks_wordings_is_listed_and_nothing_is_wrong(make, capsys):
    code, said = check(make(CHART, FACTS), capsys)
    assert code == 0
    assert "error" not in said
    assert said.startswith("coffee: 9 nodes, 11 routes, 2 hubs, 2 ends, 9 paths")
    assert "usable with a model as teacher; the offline teacher needs phrases for:" in said
    assert f"{SLOTS} (missing): the slots drink, size\n" in said
    assert "the steps opening, take_order.missing, take_order.complete, take_order.leave," in said
    assert "the acts ask, confirm, leave, start, give(drink), revise(drink), drop(drink), " in said
    assert "the parts hello, restate, lead, tail;" in said
    assert f"{PERSONAS} (missing): one line is enough" in said


def test_with_phrases_partly_written_the_rest_is_an_error_at_its_line(make, capsys):
    folder = edit(make(CHART, FACTS, AGENT), AGENT, "[settle.paid]", "[pay]")
    code, said = check(folder, capsys)
    assert code == 1
    assert (
        'line 55, column 7: phrases/agent.yaml has no wordings for the step "settle.paid"' in said
    )
    assert "customer.yaml: there is no such file." in said
    assert f"{AGENT}: the step settle.paid\n" in said
    assert "take_order.missing" not in said


def test_what_a_flowchart_of_offers_needs_is_listed_too(make, capsys):
    _, said = check(make(CHART, FACTS, toy=PRINTER), capsys)
    assert "the part offer" in said
    assert "the facts callback, code_77" not in said
    assert "vague(printer)" in said


def test_when_all_is_there_nothing_is_said_to_be_missing(make, capsys):
    code, said = check(make(CHART, FACTS, AGENT, CUSTOMER, SLOTS, PERSONAS), capsys)
    assert (code, said.count("\n")) == (0, 1)
    assert measure_completeness(make()).is_complete


@pytest.mark.parametrize("name", [FACTS, AGENT, CUSTOMER, SLOTS, PERSONAS])
def test_whichever_file_is_absent_it_is_named_and_the_domain_is_not_read(make, name, capsys):
    folder = make(*{CHART, FACTS, AGENT, CUSTOMER, SLOTS, PERSONAS} - {name})
    code, said = check(folder, capsys)
    assert code == 1
    assert f"{name} is missing" in said or f"{name} (missing)" in said
    with pytest.raises(DomainError):
        read_domain(folder)


def test_flowchart_and_facts_are_enough_for_the_design(make, tmp_path):
    book = read_design(make(CHART, FACTS))
    (tmp_path / "run").mkdir()
    paths = plan_paths(Run(tmp_path / "run"), book, 7)
    coverage = measure_coverage([path.as_path() for path in paths], book.flowchart)
    assert all(coverage.routes.values())
    assert "9 nodes" in draw_flowchart(book.flowchart, coverage).text


@pytest.mark.parametrize("name", [CHART, FACTS])
def test_the_design_is_refused_where_flowchart_or_facts_are_wrong(make, name):
    folder = make(CHART, FACTS)
    (folder / name).write_text("a: [", "utf-8")
    with pytest.raises(DomainError, match="not YAML"):
        read_design(folder)


def test_wrong_phrases_do_not_stand_in_the_way_of_the_design(make):
    folder = make(CHART, FACTS, AGENT)
    (folder / AGENT).write_text("- {}", "utf-8")
    assert read_design(folder).facts


@pytest.mark.parametrize("act", ["give(size)", "revise(size)", "drop(size)"])
def test_every_slot_needs_its_own_acts(copy, act):
    edit(copy, CUSTOMER, f"- acts: [{act}]\n", "- acts: [deny]\n")
    said = measure_completeness(copy).describe()
    assert f"the act {act}\n" in said
    with pytest.raises(DomainError, match=f'no wordings for the act "{act[:4]}'):
        read_domain(copy)


def test_a_turn_that_decides_nothing_needs_an_act_of_its_own(copy):
    edit(copy, CHART, "next: take_order", "next: thank")
    edit(
        copy,
        CHART,
        "  take_order:",
        "  thank: {role: agent, say: Thank., next: take_order}\n  take_order:",
    )
    said = measure_completeness(copy).describe()
    assert "the step thank\n" in said
    assert "the act answer\n" in said


def test_an_act_of_its_own_is_no_slip_but_a_misspelt_one_is(make):
    folder = edit(make(CHART, FACTS), CHART, "[confirm]", "[pays_at_once]")
    assert measure_completeness(folder).problems == []
    edit(folder, CHART, "[pays_at_once]", "[confrim]")
    (slip,) = measure_completeness(folder).problems
    assert 'Did you mean "confirm"?' in slip.text


def test_plain_phrases_are_offered_until_some_are_written(make, capsys):
    offer = "or begin with plain ones: python -m workbench phrases own"
    assert offer in check(make(CHART, FACTS), capsys)[1]
    assert offer in check(make(SLOTS), capsys)[1]
    assert offer not in check(make(AGENT), capsys)[1]
