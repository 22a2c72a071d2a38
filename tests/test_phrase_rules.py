"""The files beside the flowchart: each fault is named with its rule, its line and a way out."""

import pytest
from conftest import COFFEE, edit

from workbench.__main__ import main
from workbench.domain import DomainError, check_domain, read_domain
from workbench.draft import read_draft

AGENT, CUSTOMER = "phrases/agent.yaml", "phrases/customer.yaml"
SLOTS, PERSONAS, CHART = "phrases/slots.yaml", "personas.yaml", "flowchart.yaml"
TAIL = '["Thanks.", "Thank you."]\n  test: ["Many thanks."]'
THANKS = '["Thanks.", "Thank you."]'
STUDENT, GARDENER = (COFFEE / PERSONAS).read_text("utf-8").splitlines(keepends=True)
SIZES = '["which size you would like", "how big the cup shall be", "what size of cup you take"]'

# the toy with one edit: (rule, file, old text, new text, line, words of the message)
FAULTS = [
    ("unknown_placeholder", AGENT, "{agency}", "{nme}", 5, 'no placeholder "nme" here. There are'),
    ("unknown_placeholder", AGENT, "{asks}", "{askz}", 19, 'Did you mean "asks"?'),
    ("unknown_placeholder", AGENT, "That makes {cup_price}", "{asks}", 61, "agency, cup_price, d"),
    ("unknown_placeholder", AGENT, "Shall I charge", "{value}", 105, "There are: none"),
    ("unknown_placeholder", AGENT, "costs {value}", "costs {price}", 108, 'mean "cup_price"?'),
    ("unknown_placeholder", CUSTOMER, "A {drink}.", "A {size}.", 8, "There are: drink"),
    ("unknown_placeholder", CUSTOMER, "Many thanks", "{agency}", 53, "There are: none"),
    ("unknown_placeholder", SLOTS, "how big", "how {value}", 12, "There are: none"),
    ("unknown_placeholder", SLOTS, "{value}", "{valu}", 8, 'Did you mean "value"?'),
    ("bad_braces", AGENT, "{agency}", "{,", 5, "braces hold one name"),
    ("bad_braces", AGENT, "{agency}", "{}", 5, "braces hold one name"),
    ("bad_braces", AGENT, "{agency}", "agency}", 5, "braces hold one name"),
    ("bad_braces", AGENT, "{agency}", "{agency:d}", 5, "braces hold one name"),
    ("bad_braces", SLOTS, "{value}", "{value.x}", 8, "braces hold one name"),
    ("empty_text", CUSTOMER, "Coffee, please.", "", 4, "this text is empty"),
    ("unknown_step", AGENT, "[opening]", "[openning]", 3, 'Did you mean "opening"?'),
    ("unknown_user_node", AGENT, "user_pay", "user_pya", 104, 'Did you mean "user_pay"?'),
    ("unknown_user_node", AGENT, "user_pay", "pay", 104, "user_order, user_pay"),
    ("unknown_fact", AGENT, "answers: cup_price", "answers: price", 107, '"cup_price"?'),
    ("unknown_slot", AGENT, "[pay]", "[pay]\n  slot: drnk", 60, 'Did you mean "drink"?'),
    ("unknown_act", CUSTOMER, "[start]", "[strat]", 3, 'Did you mean "start"?'),
    ("unknown_act", CUSTOMER, "[leave]", "[slots_missing]", 33, 'no act "slots_missing"'),
    ("unknown_slot", CUSTOMER, "give(drink)", "give(drnk)", 6, 'Did you mean "drink"?'),
    ("unknown_fact", CUSTOMER, "ask(cup_price)", "ask(cup)", 39, 'no fact "cup"'),
    ("bad_act", CUSTOMER, "[give(drink)]", "[give drink]", 6, '"give drink" is not an act'),
    ("bad_act", CUSTOMER, "give(drink)", "give(drink=latte)", 6, 'the form "give(slot)"'),
    ("bad_act", CUSTOMER, "[give(drink)]", "[give]", 6, 'the form "give(slot)"'),
    ("bad_act", CUSTOMER, "[leave]", "[leave(now)]", 33, 'the form "leave"'),
    ("unknown_part", CUSTOMER, "part: hello", "part: helo", 42, 'Did you mean "hello"?'),
    ("unknown_part", AGENT, "pending: user_pay", "part: lead", 104, 'no part "lead"'),
    ("entry_kind", AGENT, "- pending: user_pay\n  train", "- train", 104, "has none"),
    ("entry_kind", AGENT, "[pay]", "[pay]\n  part: offer", 59, "has steps and part"),
    ("entry_kind", CUSTOMER, "acts: [leave]", "steps: [leave]", 33, "acts, part; this one has st"),
    ("unknown_manner", CUSTOMER, "    terse:", "    trese:", 8, 'Did you mean "terse"?'),
    ("unknown_manner", PERSONAS, "terse", "trese", 1, 'Did you mean "terse"?'),
    ("no_personas", PERSONAS, STUDENT + GARDENER, "[]", 1, "there are no personas; add one"),
    ("empty_list", SLOTS, SIZES, "[]", 12, "size.ask.train is empty; write at least one"),
    ("empty_list", SLOTS, "[small, large]", "[]", 14, "size.values is empty"),
    ("empty_list", SLOTS, "[small, large]", "offers", 14, "size.values is empty"),
    ("empty_list", SLOTS, '["{value}"]', "[]", 8, "drink.say is empty"),
    (
        "no_value",
        SLOTS,
        'large]\n  say: ["{value}"]',
        "large]\n  say: {small: [tiny]}",
        15,
        "large",
    ),
    ("unknown_value", SLOTS, '["{value}"]', "{moccha: [mocha]}", 8, 'Did you mean "mocha"?'),
    ("unknown_slot", SLOTS, "\nsize:", "\nsizes:", 9, 'Did you mean "size"?'),
    ("unknown_offer_field", SLOTS, "\nsize:", "\nsize:\n  covers: price", 10, '"price" here'),
    ("no_training_wordings", CUSTOMER, TAIL, "[]\n  test: []", 52, 'no wordings for "part/tail"'),
    ("no_training_wordings", CUSTOMER, THANKS, "[]", 52, "only test wordings"),
    ("on_both_sides", CUSTOMER, '["Many thanks."]', '["thank you."]', 53, "in one place"),
    (
        "on_both_sides",
        AGENT,
        "Then I wish you a pleasant day, goodbye.",
        "have a good day.",
        57,
        'within the training wording "I understand. Have a good day."; reword one',
    ),
]

# the same, with the file where the problem stands before its line
GAPS = [
    ("no_wordings", AGENT, "[settle.paid]", "[pay]", CHART, 55, 'the step "settle.paid"'),
    ("no_wordings", AGENT, "[anywhere.question]", "[pay]", CHART, 74, '"anywhere.question"'),
    ("no_wordings", CUSTOMER, "[confirm]", "[agree]", CHART, 58, 'the act "confirm"'),
    ("no_wordings", CUSTOMER, "[start]", "[agree]", CHART, 11, 'the act "start"'),
    ("no_wordings", CUSTOMER, "part: lead", "part: tail", CHART, 11, 'the part "lead"'),
    ("no_wordings", CHART, "cites: [cup_price]", "cites: [offers]", CHART, 45, 'no part "offer"'),
    ("no_answers", AGENT, "answers: cup_price", "answers: cup", CUSTOMER, 39, "customers ask"),
    ("no_slot", SLOTS, "\nsize:", "\nsizes:", CHART, 8, 'has no "size", a slot of the flowchart'),
    (
        "empty_list",
        CHART,
        "[slots_missing]",
        "[slots_vague]",
        SLOTS,
        2,
        "drink.vague.train is empty",
    ),
    ("unknown_fact", CHART, "[cup_price]", "[cup_prize]", CHART, 45, 'Did you mean "cup_price"?'),
]


@pytest.mark.parametrize(("rule", "name", "old", "new", "line", "words"), FAULTS)
def test_a_fault_is_named_where_it_stands(copy, rule, name, old, new, line, words):
    assert_named(edit(copy, name, old, new), rule, name, line, words)


@pytest.mark.parametrize(("rule", "name", "old", "new", "file", "line", "words"), GAPS)
def test_what_is_lacking_is_named_where_it_is_called_for(
    copy, rule, name, old, new, file, line, words
):
    assert_named(edit(copy, name, old, new), rule, file, line, words)


def assert_named(folder, rule, name, line, words):
    """That the fault is among the problems, and that nothing is read in spite of it."""
    problems = [p for p in check_domain(folder) if p.file == folder / name and p.line == line]
    found = [problem for problem in problems if problem.rule == rule and words in problem.text]
    assert [problem.level for problem in found] == ["error"], check_domain(folder)
    with pytest.raises(DomainError) as refused:
        read_domain(folder)
    assert str(found[0]) in str(refused.value).splitlines()


def test_faults_of_all_files_come_at_once_and_in_their_order(copy, capsys):
    edit(copy, CHART, "to: served", "to: servd")
    edit(copy, "facts.yaml", "agency:", "agencies:")
    edit(copy, SLOTS, "[small, large]", "[]")
    edit(copy, AGENT, "[opening]", "[openning]")
    edit(copy, CUSTOMER, "[start]", "[strat]")
    edit(copy, PERSONAS, "terse", "trese")
    named = list(dict.fromkeys(problem.file.name for problem in check_domain(copy)))
    files = ["flowchart", "facts", "slots", "agent", "customer", "personas"]
    assert named == [f"{file}.yaml" for file in files]
    assert main(["check", str(copy)]) == 1
    assert capsys.readouterr().out.count("error: ") == len(check_domain(copy))


@pytest.mark.parametrize("within", ["good day.", "Have a good d"])
def test_few_words_or_parts_of_words_may_stand_within_a_training_wording(copy, within):
    edit(copy, AGENT, "Then I wish you a pleasant day, goodbye.", within)
    assert check_domain(copy) == []


def test_one_slip_in_a_name_does_not_make_its_wordings_wrong(copy):
    problems = check_domain(edit(copy, CUSTOMER, "give(drink)", "give(drnk)"))
    assert [problem.rule for problem in problems] == ["unknown_slot"]


@pytest.mark.parametrize("name", [CHART, "facts.yaml", AGENT, CUSTOMER, SLOTS, PERSONAS])
@pytest.mark.parametrize("content", ["", "[]", "{}", "a: b", "- a", "- {a: [b]}", "a: [", "x"])
def test_no_content_of_a_file_raises_anything_but_a_refusal(copy, name, content):
    (copy / name).write_text(content, "utf-8")
    assert any(problem.level == "error" for problem in check_domain(copy))
    with pytest.raises(DomainError):
        read_domain(copy)


def test_every_placeholder_that_a_domain_uses_is_known(domain):
    draft = read_draft(domain.folder)
    for entry in (written.entry for written in draft.entries):
        used = set().union(*(wording.placeholders for wording in entry.wordings()))
        assert used <= draft.list_placeholders(entry), entry.list_keys()
