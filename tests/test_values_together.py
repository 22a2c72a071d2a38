"""Values of different slots that one customer cannot have at once."""

import shutil

import pytest
from conftest import PRINTER, edit
from customers import plan_customers

from workbench.design.paths import enumerate_paths
from workbench.domain import check_domain, read_domain
from workbench.synthesize.behaviours import walk_plan

ONLY = "  only: {shows error code 77: {printer: [Laseron]}}\n"
VALUES = "  values: [prints nothing, prints stripes, shows error code 77]\n"


@pytest.fixture
def toy(tmp_path):
    """The printers' domain, where error code 77 is one of Laserons alone."""
    folder = shutil.copytree(PRINTER, tmp_path / "printer")
    return edit(folder, "phrases/slots.yaml", VALUES, VALUES + ONLY)


def test_a_value_is_not_chosen_beside_one_that_excludes_it(toy):
    domain, code = read_domain(toy), "shows error code 77"
    assert code in domain.list_others("problem", {"printer": "Laseron"})
    assert code not in domain.list_others("problem", {"printer": "Inkwell"})
    assert domain.list_others("printer", {"problem": code}) == ["Laseron"]
    assert not any(
        values["printer"] == "Inkwell" and values["problem"] == code
        for values, _ in domain.offer_counts
    )


def test_no_customer_has_what_does_not_go_together(toy):
    domain = read_domain(toy)
    found = [*plan_customers(domain, enumerate_paths(domain.flowchart))]
    codes = [given for given in found if given.get("problem") == "shows error code 77"]
    assert {given.get("printer", "Laseron") for given in codes} == {"Laseron"}


def test_a_plan_in_which_it_comes_together_is_not_sound(toy, printer):
    plan = {"check": [["give(printer=Inkwell)", "give(problem=shows error code 77)"]]}
    assert walk_plan(plan, printer).is_sound
    assert not walk_plan(plan, read_domain(toy)).is_sound


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{shows error code 78: {printer: [Laseron]}}", 'no value "shows error code 78"'),
        ("{shows error code 77: {printr: [Laseron]}}", 'no slot "printr"'),
        ("{shows error code 77: {printer: [Laserin]}}", 'no value "Laserin"'),
    ],
)
def test_what_goes_together_is_named_as_it_is(toy, wrong, said):
    edit(toy, "phrases/slots.yaml", ONLY, f"  only: {wrong}\n")
    assert any(said in str(problem) for problem in check_domain(toy))
