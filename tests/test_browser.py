"""Looking through conversations: what is found, shown and judged."""

import json

import pytest

from workbench.conversation import Conversation, seeded
from workbench.design.paths import enumerate_paths
from workbench.inspect.reviews import ReviewError, read_reviews
from workbench.inspect.screening import Dropped
from workbench.run import open_run
from workbench.show.browser import PAGE, Browser
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_talk

EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def write_some(folder, domain):
    """A run of six conversations, of which one is dropped."""
    run = open_run("coffee", "look", folder)
    plans = [plan_scenario(walk, "train", domain, 7, 0) for walk in draw_walks(domain.flowchart)]
    talks = [write_talk(plan, domain, 0, str(n)) for n, plan in enumerate(plans)]
    run.write("scenarios.jsonl", plans)
    run.write("conversations.jsonl", talks)
    run.write("dropped.jsonl", [Dropped(conversation_id=talks[0].conversation_id, reason="odd")])
    return run


def draw_walks(flowchart):
    return seeded(1, "walks", "coffee").sample(enumerate_paths(flowchart), 6)


@pytest.fixture
def run(tmp_path, coffee_domain):
    return write_some(tmp_path, coffee_domain)


@pytest.fixture
def browser(run, coffee):
    return Browser(run, coffee)


def test_conversations_are_found_by_their_words_in_any_case(browser):
    words = browser.entries[2].talk.messages[2].content
    found = browser.find(words.upper())
    assert browser.entries[2].talk in found
    assert all(words.lower() in "\n".join(m.content for m in t.messages).lower() for t in found)


def test_conversations_are_found_by_what_they_are(browser):
    assert browser.find(fate="dropped") == [browser.entries[0].talk]
    for talk in browser.find(route="take_order.missing"):
        assert any("take_order.missing" in label.steps for label in talk.labels)
    n = {outcome: len(browser.find(outcome=outcome)) for outcome in browser.flowchart.outcomes}
    assert sum(n.values()) == len(browser.entries)


def test_conversations_are_found_by_the_path_they_were_written_for(browser):
    path_id = browser.entries[1].talk.path_id
    assert browser.entries[1].talk in browser.find(path=path_id[:8])
    assert {talk.path_id for talk in browser.find(path=path_id)} == {path_id}
    assert browser.find(path="no such path") == []


def test_conversations_are_found_by_steps_in_their_order_as_far_as_they_are_typed(browser):
    for entry in browser.entries:
        steps = [step for label in entry.talk.labels for step in label.steps]
        assert entry.talk in browser.find(path=" > ".join(steps))
        assert entry.talk in browser.find(path=f"{steps[0]}>{steps[-1].upper()[:5]}")
        assert entry.talk not in browser.find(path=f"{' > '.join(steps)} > opening")
    assert len(browser.find(path=" > ")) == len(browser.entries)


def test_a_walk_is_found_with_the_customers_nodes_and_the_end_in_it(browser, coffee):
    for walk in draw_walks(coffee):
        found = browser.find(path=" > ".join([*walk.steps, walk.nodes[-1]]))
        assert walk.path_id in {talk.path_id for talk in found}


def test_a_button_finds_all_on_the_path_of_the_one_that_is_shown(browser):
    browser._build()
    made, path_id = browser._widgets, browser.entries[2].talk.path_id
    made["list"].value = 2
    made["same"].click()
    assert made["path"].value == path_id
    assert {browser.entries[n].talk.path_id for n in browser.found} == {path_id}
    made["path"].value = "nowhere"
    made["same"].click()
    assert browser.found == []


def test_an_unknown_facet_is_named(browser):
    with pytest.raises(ValueError, match="mood is no facet; there are split"):
        browser.find(mood="good")


def test_where_nothing_is_found_nothing_is_shown_or_judged(browser):
    assert browser.find("no such words anywhere") == []
    assert browser.talk is None
    browser._build()
    browser._widgets["words"].value = "no such words anywhere"
    assert "0 of 6" in browser._widgets["count"].value
    assert "None is like that" in browser._widgets["talk"].value
    with pytest.raises(ReviewError, match="find one first"):
        browser.judge("accept")


def test_the_widgets_follow_filters_list_and_slider(browser):
    browser._build()
    made = browser._widgets
    assert "dropped: odd" in made["talk"].value
    made["fate"].value = "kept"
    assert "dropped" not in made["talk"].value
    assert "5 of 6" in made["count"].value
    assert len(made["list"].options) == 5
    made["list"].value = made["list"].options[3][1]
    assert browser.place == made["list"].options[3][1]
    made["message"].value = 1
    assert made["text"].value == browser.talk.messages[1].content
    assert made["chart"].alt.endswith("the talk went by opening")


def test_whatever_is_chosen_is_drawn_once(browser, monkeypatch):
    browser._build()
    made, drawn = browser._widgets, []
    monkeypatch.setattr(browser, "_show_message", lambda: drawn.append(browser.message))
    lengths = [len(browser.entries[n].talk.messages) for n in browser.found]
    # from the longest to the shortest and back: the slider's value is brought down with its end
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    assert lengths[order[0]] < lengths[order[-1]]
    for place in (order[-1], order[0], order[-1]):
        drawn.clear()
        if place != browser.place:
            made["list"].value = browser.found[place]
            assert drawn == [lengths[place] - 1] == [made["message"].value]
    for name, value in (("fate", "kept"), ("words", "a"), ("message", 1)):
        drawn.clear()
        made[name].value = value
        assert len(drawn) == 1, name


def test_a_verdict_is_kept_and_one_without_a_reason_is_refused_on_screen(browser):
    browser._build()
    browser._widgets["reject"].click()
    assert "needs a reason" in browser._widgets["said"].value
    browser._widgets["reason"].value = "too short"
    browser._widgets["reject"].click()
    assert read_reviews(browser.run)[browser.talk.conversation_id].reason == "too short"


def test_conversations_are_found_by_their_verdict_now_and_later(browser, run, coffee):
    judged = browser.talk
    browser.judge("accept")
    assert browser.find(verdict="accept") == [judged]
    assert browser.find(verdict="reject") == []
    assert Browser(run, coffee).find(verdict="accept") == [judged]


def test_a_fix_is_shown_in_its_new_words(browser):
    browser._build()
    browser._widgets["message"].value = 1
    browser._widgets["text"].value = EVIL
    browser._widgets["fix"].click()
    assert browser.talk.messages[1].content == EVIL
    assert "&lt;script&gt;" in browser._widgets["talk"].value
    assert "<script" not in browser._widgets["talk"].value


def test_a_conversation_is_found_by_the_words_of_its_fix_alone(browser, run, coffee):
    before = browser.talk.messages[1].content
    contents = [message.content for message in browser.talk.messages]
    browser.judge("fix", contents=[contents[0], "Salutations!", *contents[2:]])
    browser.judge("accept")
    for found in (browser, Browser(run, coffee)):
        assert [talk.conversation_id for talk in found.find("salutations")] == [
            browser.entries[0].talk.conversation_id
        ]
        assert browser.entries[0].talk not in found.find("\n".join([contents[0], before]))


def test_without_widgets_the_first_that_is_found_stands_there(browser):
    browser.find(fate="dropped")
    bundle = browser._repr_mimebundle_()
    assert browser.talk.messages[-1].content in bundle["text/plain"]
    assert ">1 of 6 conversations" in bundle["text/html"]


@pytest.fixture
def large(run, coffee, browser):
    """Ten thousand conversations."""
    one = json.loads(browser.entries[0].talk.model_dump_json())
    many = [Conversation(**one | {"conversation_id": f"{n:05d}"}) for n in range(10_000)]
    run.write("conversations.jsonl", many)
    return Browser(run, coffee)


def test_of_ten_thousand_conversations_a_page_is_listed_and_all_are_searched(large):
    facets = large.entries[0].facets
    assert len(large.find(path="opening > ", outcome=facets["outcome"])) == 10_000
    assert large.find("not said by anyone") == []
    large._build()
    assert large._widgets["page"].layout.display == "none"
    large.find()
    large._list_found()
    assert len(large._widgets["list"].options) == PAGE


def test_pages_are_turned_to_until_each_conversation_was_listed(large):
    seen = [talk.conversation_id for page in range(large.n_pages) for talk in large.turn_to(page)]
    assert seen == [entry.talk.conversation_id for entry in large.entries]
    with pytest.raises(ValueError, match="no page 50; there are 0 to 49"):
        large.turn_to(50)


def test_the_list_the_count_and_the_talk_follow_the_page(large):
    large._build()
    made = large._widgets
    assert made["count"].value == "10,000 of 10,000 conversations, 1 to 200 listed"
    made["page"].value = 50
    assert made["count"].value.endswith("9,801 to 10,000 listed")
    assert large.talk.conversation_id == "09800"
    assert made["list"].value == 9800
    made["words"].value = "not said by anyone"
    assert (made["page"].value, large.page, large.talk) == (1, 0, None)
    made["words"].value = ""
    assert made["page"].max == 50
    assert large.talk.conversation_id == "00000"
