"""Talking with a model in a notebook: what is said, what is seen, and what can be undone."""

from pathlib import Path

import pytest
from conftest import WordEncoder

from workbench.baseline import Baseline
from workbench.conversation import Message
from workbench.design.paths import sample_paths
from workbench.evaluate.labelling import Readers, fit_readers
from workbench.evaluate.watching import watch
from workbench.live import MYSELF, NOBODY, LiveTalk
from workbench.models import ModelError
from workbench.synthesize.scenarios import plan_scenario

OPENING = [Message(role="system", content="You sell coffee.")]
EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'


class Parrot:
    """A model that has its replies ready, and writes them in two parts."""

    def __init__(self, *replies):
        self.replies, self.heard = [*replies], []

    def stream(self, messages, max_new_tokens):
        self.heard.append([message.content for message in messages])
        text = self.replies.pop(0) if self.replies else "Good morning. What can I get you?"
        yield text[: len(text) // 2]
        yield text


class Mute:
    """A model that is broken off in its reply, whatever it hears."""

    def __init__(self, error):
        self.error = error

    def stream(self, messages, max_new_tokens):
        yield "Wel"
        raise self.error


@pytest.fixture(scope="module")
def readers(coffee_domain) -> Readers:
    """Readers that have learnt a little, by an encoder without weights."""
    encoder = WordEncoder(Path())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.recognizer.load_encoder", lambda: encoder)
        patch.setattr("workbench.evaluate.labelling.PRACTICE", 40)
        patch.setattr("workbench.evaluate.labelling.TRIALS", 1)
        yield fit_readers(coffee_domain)


@pytest.fixture
def scenarios(coffee_domain):
    paths = sample_paths(coffee_domain.flowchart, 6, 3)
    return [plan_scenario(path, "test", coffee_domain, 7, n) for n, path in enumerate(paths)]


def contents(live):
    return [message.content for message in live.messages]


def test_the_agent_opens_and_answers_what_is_said(readers):
    model = Parrot("Hello. Ready to order?", "Please tell me the size.")
    live = LiveTalk(model, readers, OPENING)
    live.say("A latte, please.")
    assert contents(live)[1:] == [
        "Hello. Ready to order?",
        "A latte, please.",
        "Please tell me the size.",
    ]
    assert model.heard[1] == contents(live)[:3]


def test_what_is_seen_is_read_off_the_words(readers):
    live = LiveTalk(
        Parrot("Hello. Ready to order?", "Could you tell me the size?"), readers, OPENING
    )
    live.say("I want a latte.")
    assert live.seen.walk[0] == "opening"
    assert live.seen.given.get("drink") == "latte"


def test_a_price_that_no_fact_has_is_wrong(readers):
    live = LiveTalk(
        Parrot("Hello. Ready to order?", "That will be 77 euros. Card or cash?"), readers, OPENING
    )
    live.say("A small latte.")
    assert "77" in "; ".join(live.seen.wrong.values())
    assert live.seen.stated == []


def test_a_move_that_the_flowchart_lacks_is_wrong(readers, coffee_domain):
    said = [
        *OPENING,
        Message(role="assistant", content="Hello. Ready to order?"),
        Message(role="user", content="A small latte."),
        Message(role="assistant", content="Hi there, what would you like today?"),
    ]
    seen = watch(said, readers)
    assert "does not have" in seen.wrong.get(3, "")
    assert seen.jumps == [len(seen.walk) - 1]


def test_a_jump_is_seen_on_the_flowchart_too(readers):
    model = Parrot("Hello. Ready to order?", "Hi there, what would you like today?")
    live = LiveTalk(model, readers, OPENING)
    live._build()
    assert "dasharray" not in live._widgets["chart"].svg
    live.say("A small latte.")
    assert "dasharray" in live._widgets["chart"].svg
    assert "(a jump)" in live._widgets["chart"].alt


def test_what_was_said_can_be_taken_back_down_to_the_opening(readers):
    live = LiveTalk(Parrot("Hello.", "Which size?", "Paid."), readers, OPENING)
    live.say("A latte.")
    live.say("Small.")
    live.take_back()
    assert contents(live)[-1] == "Which size?"
    for _ in range(3):
        live.take_back()
    assert contents(live) == ["You sell coffee.", "Hello."]


@pytest.fixture
def beside(readers):
    """A talk beside which a baseline answers."""
    other = Parrot("Hi.", "Nice weather.", "Bye.")
    baseline = Baseline("floor/base", lambda: other, [Message(role="system", content="A prompt.")])
    model = Parrot("Hello. Ready to order?", "Could you tell me the size?")
    return LiveTalk(model, readers, OPENING, baselines=[baseline]), other


def test_a_baseline_is_told_the_same_from_the_opening_on(beside):
    live, other = beside
    live.say("A latte.")
    assert other.heard == []
    live.compare_with("floor/base")
    assert other.heard == [["A prompt."], ["A prompt.", "Hi.", "A latte."]]
    live.say("Small.")
    assert other.heard[2][-2:] == ["Nice weather.", "Small."]
    shown = live._repr_mimebundle_()["text/plain"]
    assert "floor/base, agent" in shown
    assert "here they part" in shown
    assert "A prompt." not in shown


def test_what_is_taken_back_is_taken_back_of_the_baseline_too(beside):
    live, other = beside
    live.compare_with("floor/base")
    live.say("A latte.")
    live.take_back()
    assert [m.content for m in live.seen_beside.conversation.messages[1:]] == ["Hi."]
    live.say("A latte.")
    assert len(other.heard) == 2
    live.compare_with(NOBODY)
    assert live.seen_beside is None


def test_a_baseline_that_is_none_is_named_with_those_that_are(beside):
    with pytest.raises(ValueError, match=r'no "gpt"; there are floor/base'):
        beside[0].compare_with("gpt")


def test_the_list_beside_puts_the_baseline_into_the_talk(beside):
    live, _ = beside
    live._build()
    live._widgets["beside"].value = "floor/base"
    assert "from here they use other words" in live._widgets["talk"].value
    assert not live._widgets["send"].disabled
    live._widgets["beside"].value = NOBODY
    assert "from here they use other words" not in live._widgets["talk"].value


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no memory")])
def test_a_reply_that_is_broken_off_leaves_the_talk_as_it_was(readers, error):
    live = LiveTalk(Parrot("Hello."), readers, OPENING)
    live._build()
    live.model = Mute(error)
    with pytest.raises(type(error)):
        live.say("A latte.")
    assert contents(live) == ["You sell coffee.", "Hello."]
    assert not [name for name, made in live._widgets.items() if getattr(made, "disabled", False)]
    assert (str(error) or "KeyboardInterrupt") in live._widgets["facts"].value


def test_a_baseline_that_cannot_answer_leaves(readers):
    def load():
        raise RuntimeError("it cannot be loaded")

    baseline = Baseline("floor/base", load, OPENING)
    live = LiveTalk(Parrot("Hello.", "Which size?"), readers, OPENING, baselines=[baseline])
    live._build()
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        live.compare_with("floor/base")
    assert live._widgets["beside"].value == NOBODY
    assert "cannot be loaded" in live._widgets["facts"].value
    assert not live._widgets["beside"].disabled
    live.say("A latte.")
    assert contents(live)[-1] == "Which size?"


def test_a_talk_too_long_for_a_baselines_prompt_is_not_put_to_it(monkeypatch):
    monkeypatch.setattr("workbench.baseline.fits", lambda model, messages, n: len(messages) < 3)
    baseline = Baseline("in_context/base", lambda: Parrot("Hi."), OPENING)
    assert baseline.answer([], 9)[-1].content == "Hi."
    with pytest.raises(ModelError, match="in_context/base cannot read so long a talk"):
        baseline.answer(["A latte."], 9)


def test_a_talk_begun_anew_shows_nothing_of_the_old_one(beside):
    live, _ = beside
    live._build()
    live.compare_with("floor/base")
    live.say("A latte.")
    live.seen.wrong[1] = "an old fault"
    shown = []
    live._widgets["talk"].observe(lambda change: shown.append(change.new), "value")
    live.start_over()
    assert "an old fault" not in "".join(shown)
    assert "floor/base" not in shown[0]
    assert "floor/base" in shown[-1]


def test_a_customer_plays_its_part_until_a_person_speaks(readers, scenarios):
    live = LiveTalk(Parrot(), readers, OPENING, scenarios)
    live.start_over(0)
    live.let_customer_speak()
    assert live.messages[-2].role == "user"
    assert live.customer
    live.say("I take over now.")
    assert live.customer is None
    live.let_customer_speak()
    assert "choose one" in live.notice


def test_a_customer_who_has_left_says_no_more(readers, scenarios):
    live = LiveTalk(Parrot(), readers, OPENING, scenarios)
    live.start_over(0)
    for _ in range(100):
        live.let_customer_speak()
    assert live.customer.is_over
    assert "has left" in live.notice
    assert live.messages[-1].role == "assistant"


def test_widgets_follow_the_talk_and_are_locked_while_it_is_written(readers, scenarios):
    model = Parrot("Hello. Ready to order?", "Could you tell me the size?")
    live = LiveTalk(model, readers, OPENING, scenarios)
    box = live._build()
    shown = []
    live._widgets["talk"].observe(
        lambda change: shown.append((change.new, live._widgets["send"].disabled)), "value"
    )
    live._widgets["text"].value = "I want a latte."
    live._widgets["send"].click()
    assert [busy for _, busy in shown][:2] == [True, True]
    assert not live._widgets["send"].disabled
    assert "Could you tell me the size?" in shown[-1][0]
    assert live._widgets["text"].value == ""
    assert live._widgets["chart"].svg.startswith("<svg")
    assert "latte" in live._widgets["facts"].value
    assert live._build() is box


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_field_sends_nothing(readers, text):
    live = LiveTalk(Parrot("Hello. Ready to order?"), readers, OPENING)
    live._build()
    live._widgets["text"].value = text
    live._widgets["send"].click()
    assert contents(live)[1:] == ["Hello. Ready to order?"]
    assert "Nothing was said" in live._widgets["facts"].value


def test_a_customer_is_chosen_by_the_list(readers, scenarios):
    live = LiveTalk(Parrot(), readers, OPENING, scenarios)
    live._build()
    names = [name for name, _ in live._widgets["who"].options]
    assert names[0] == MYSELF
    assert "plain" in names[1]
    live._widgets["who"].value = 1
    assert live.customer.scenario == live.customers[1][1]
    live._widgets["who"].value = -1
    assert live.customer is None


def test_evil_words_stay_words(readers):
    live = LiveTalk(Parrot(EVIL, EVIL), readers, OPENING)
    live._build()
    live.say(EVIL)
    made = live._widgets
    for shown in (made["talk"].value, made["chart"].svg, made["facts"].value):
        assert "<script" not in shown
        assert "<img src=x" not in shown
    assert "&lt;script&gt;" in made["talk"].value


def test_without_widgets_the_talk_stays_as_a_picture_and_as_text(readers):
    bundle = LiveTalk(Parrot("Hello. Ready to order?"), readers, OPENING)._repr_mimebundle_()
    assert "Ready to order?" in bundle["text/html"]
    assert "Ready to order?" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
