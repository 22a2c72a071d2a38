"""The domain: what its files say is what it says, and what is missing is named."""

import pytest
from conftest import DOMAINS, edit

from workbench.conversation import Act
from workbench.domain import DomainError, check_domain, fill_prompt, find_domain, read_domain
from workbench.parts import FactsFile
from workbench.phrases import FOLDS, Voice
from workbench.reading import fit_model, read_yaml
from workbench.record import Record


def test_every_way_of_saying_a_value_is_understood_as_that_value(domain):
    for form, (slot, value) in domain.said_forms.items():
        for text in (form, f"Well, {form}, please.", form[:1].upper() + form[1:]):
            assert domain.find_values(text) == {slot: [value]}, text


def test_no_two_values_are_said_in_the_same_words(domain):
    forms = [
        form
        for talk in domain.slots.values()
        for value in talk.values
        for form in {*talk.forms(value), talk.on_record(value)}
    ]
    assert len(forms) == len({form.lower() for form in forms})


def test_asking_for_leave_names_no_month(travel):
    assert travel.find_values("May I ask something? May we?") == {}
    assert travel.find_values("For Madeira I have 400 euros.")["destination"] == ["Madeira"]
    assert travel.find_values("the two of us, in early June") == {
        "travellers": ["2"],
        "dates": ["early June"],
    }


def test_what_is_unlike_a_value_is_the_domain_s_to_say(copy):
    slots = "phrases/slots.yaml"
    assert read_domain(copy).find_values("Small talk aside")["size"] == ["small"]
    edit(copy, slots, "size:\n", 'size:\n  unlike: ["Small talk", "small (fry"]\n')
    quiet = read_domain(copy)
    assert quiet.find_values("Small talk aside, small (fry") == {}
    assert quiet.find_values("Small talks")["size"] == ["small"]
    edit(copy, slots, '"Small talk"', '""')
    with pytest.raises(DomainError, match=r"slots.yaml, line 10.*this text is empty"):
        read_domain(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trip: [a, b]", r"synonyms.yaml, line 1.*trip"),
        ("trip: ''", r"synonyms.yaml, line 1.*trip"),
        ("trip: Journey", r"synonyms.yaml, line 1.*trip"),
        ("- trip", r"synonyms.yaml, line 1"),
        ("", r"synonyms.yaml"),
    ],
)
def test_synonyms_are_words_of_a_file_that_may_be_missing(copy, text, message):
    assert read_domain(copy).synonyms == {}
    file = copy / "phrases" / "synonyms.yaml"
    file.write_text("cup: mug", "utf-8")
    assert read_domain(copy).synonyms == {"cup": "mug"}
    assert "file.synonyms.yaml" in read_domain(copy).hashes
    file.write_text(text, "utf-8")
    with pytest.raises(DomainError, match=message):
        read_domain(copy)


def test_masking_hides_which_value_it_was(domain):
    for slot, talk in domain.slots.items():
        masked = {domain.mask(f"So {talk.on_record(value)} then.") for value in talk.values}
        # one and many differ by more than a number: "1 person", "2 people"
        assert len(masked) <= (2 if slot == "travellers" else 1), masked


def test_masking_again_changes_nothing(travel):
    text = "The Fado and Custard Tarts in Lisbon, early June, 1,240 euros for 2."
    assert travel.mask(text) == travel.mask(travel.mask(text))
    assert not {"Fado", "Lisbon", "1,240"} & set(travel.mask(text).split())


def test_every_destination_has_offers_and_no_presentation_exceeds_three(travel):
    for value in travel.slots["destination"].values:
        record = travel.open_record()
        record.hear([Act("give", "destination", value)])
        shown = []
        for _ in range(4):
            shown.append(travel.present(record))
            record.offer([offer.id for offer in shown[-1]])
        assert all(1 <= len(offers) <= 3 for offers in shown)
        assert not set(map(id, shown[0])) & set(map(id, shown[1]))


def test_the_offer_slot_is_found_by_its_values(travel, coffee_domain):
    assert (travel.offer_slot, coffee_domain.offer_slot) == ("destination", "")


def test_facts_are_due_where_they_are_cited(travel):
    record = Record(travel.flowchart.slots)
    record.hear([Act("give", "destination", "Lisbon"), Act("choose", "lisbon_fado")])
    assert "lisbon_tram.price" in travel.due_facts("present_options", record, [])
    assert {"deposit", "lisbon_fado.price"} <= set(travel.due_facts("finalize", record, []))
    asked = [Act("ask", "visa")]
    assert travel.due_facts("handle_response.answered_question", record, asked) == ["visa"]


def test_only_steps_that_lack_a_slot_ask_for_slots(travel):
    asking = [step for step in travel.flowchart.steps if travel.asks_for_slots(step)]
    assert asking == ["assess.missing_info", "assess.needs_clarification"]


def test_the_system_prompt_is_one_line_and_tells_no_procedure(domain):
    prompt = domain.system_prompt()
    assert "\n" not in prompt
    assert domain.agency in prompt
    assert not [node for node in domain.flowchart.nodes.values() if node.say and node.say in prompt]


def test_an_edit_changes_the_hash_of_what_was_edited(copy):
    before = read_domain(copy).hashes
    after = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4")).hashes
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"fact.cup_price", "file.facts.yaml"}


def test_what_zoom_support_says_of_zoom_names_its_page_and_stands_in_its_sentence():
    facts, faults = fit_model(read_yaml(DOMAINS / "zoom_support" / "facts.yaml"), FactsFile)
    assert not faults
    assert [fact.text for fact in facts.facts.values() if fact.spoken() not in fact.text] == []
    own = [name for name, fact in facts.facts.items() if ", http" not in fact.source]
    assert own == ["callback", "case_open", "test_length"]


def test_a_source_is_read_and_touches_nothing_that_was_said(copy):
    before = read_domain(copy).hashes["fact.cup_price"]
    after = read_domain(edit(copy, "facts.yaml", "value: 3", 'source: "Menu, page 2", value: 3'))
    assert after.facts["cup_price"].source == "Menu, page 2"
    assert after.hashes["fact.cup_price"] == before


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("phrases/agent.yaml", "[settle.paid]", "[settle.payed]", 'the step "settle.paid"'),
        (
            "phrases/agent.yaml",
            "answers: cup",
            "answers: mug",
            'no answers for the fact "cup_price"',
        ),
        ("phrases/customer.yaml", "[confirm]", "[agree]", 'no wordings for the act "confirm"'),
        (
            "phrases/customer.yaml",
            "[leave]\n  train",
            "[leave]\n  train: []\n  test: [I go now.]\n- part: bye\n  train",
            'only test wordings for "leave"',
        ),
        ("phrases/slots.yaml", "\nsize:", "\nsizes:", 'has no "size", a slot'),
        ("facts.yaml", "agency:", "agencies:", r"facts.yaml, line 2.*agencies"),
        ("personas.yaml", "manner: terse, ", "", r"personas.yaml, line 1.*manner"),
    ],
)
def test_what_is_missing_is_named(copy, name, old, new, message):
    with pytest.raises(DomainError, match=message):
        read_domain(edit(copy, name, old, new))


def test_all_problems_of_all_files_come_at_once(copy):
    edit(copy, "facts.yaml", "agency:", "agencies:")
    with pytest.raises(DomainError, match=r"(?s)facts.yaml.*personas.yaml"):
        read_domain(edit(copy, "personas.yaml", "manner: terse, ", ""))


def test_an_unknown_domain_names_the_nearest_and_all_there_are():
    with pytest.raises(DomainError, match=r'Did you mean "travel_booking"\?.*There are:'):
        find_domain("travel_boking", DOMAINS)


def test_a_shipped_domain_has_no_problems(domain):
    assert check_domain(domain.folder) == []


def test_a_fact_that_does_not_exist_is_found_by_the_check(copy):
    problems = check_domain(edit(copy, "flowchart.yaml", "[cup_price]", "[cup_prize]"))
    assert any("cup_prize" in str(problem) for problem in problems)


@pytest.mark.parametrize("values", [{}, {"agency": "A"}, {"agency": "A", "title": "b", "x": "c"}])
def test_a_prompt_takes_exactly_its_names(values):
    with pytest.raises(DomainError, match=r"agent_system\.md wants"):
        fill_prompt("agent_system", **values)


@pytest.fixture(scope="module", params=["travel_booking", "insurance_claims"])
def worded(request):
    """Domains whose first wordings are what a model takes its steps by."""
    return read_domain(find_domain(request.param))


def first_words(domain, key):
    """With what the teacher begins most often, in each fold of the training wordings."""
    voices = [Voice("train", fold) for fold in range(FOLDS)]
    firsts = [domain.agent.wordings(key, voice)[0].text for voice in voices]
    return {text.split()[0].strip(",.:") for text in firsts}


def test_a_step_begins_alike_in_every_fold(worded):
    # a question that is put again may begin in any way
    keys = [key for key in worded.agent.keys if not key.startswith("pending/")]
    found = {key: first_words(worded, key) for key in keys}
    assert not {key: words for key, words in found.items() if len(words) > 1}


def test_steps_that_leave_one_hub_begin_otherwise(worded):
    for hub in worded.flowchart.hubs:
        steps = {f"{hub.id}.{name}" for name in hub.routes} & {*worded.agent.keys}
        openings = [word for step in steps for word in first_words(worded, step)]
        assert len(set(openings)) == len(openings)


def test_answers_to_different_questions_begin_otherwise(worded):
    openings = [first_words(worded, f"answers/{fact}") for fact in worded.askable]
    assert len(set.union(*openings)) == len(openings)
