"""Two conversations side by side: what stands beside what, and where they part."""

import pytest
from test_show import EVIL, SCRIPT

from workbench.conversation import Conversation, Label, Message
from workbench.show.pairs import Parting, Side, draw_pair, find_parting


def talk(*turns, prompt="You sell coffee."):
    """A conversation of (text, steps) by turns, the agent first."""
    roles = ["assistant", "user"] * len(turns)
    messages = [Message(role=r, content=t) for r, (t, _) in zip(roles, turns, strict=False)]
    labels = [Label(steps=steps) for _, steps in turns]
    return Conversation(
        **dict.fromkeys(("conversation_id", "scenario_id", "path_id", "teacher"), "c"),
        split="test",
        messages=[Message(role="system", content=prompt), *messages],
        labels=[Label(), *labels],
    )


GREET, ASK, LEAVE = ("Hello.", ["opening"]), ("A latte.", []), ("Bye.", ["take_order.leave"])
SIZE = ("Which size?", ["take_order.missing"])


def test_talks_part_first_in_words_then_in_what_the_agent_does():
    one = talk(GREET, ASK, SIZE)
    assert find_parting(one, talk(("Hi!", ["opening"]), ASK, LEAVE)) == Parting(words=1, steps=3)
    assert find_parting(one, talk(GREET, ASK, LEAVE)) == Parting(words=3, steps=3)
    assert find_parting(one, talk(GREET, ("Tea.", []), SIZE)) == Parting(words=2, steps=None)


def test_the_same_words_under_another_prompt_or_with_other_spaces_do_not_part():
    one, other = talk(GREET, ASK), talk(("Hello. ", ["opening"]), ASK, prompt="Another.")
    assert find_parting(one, other) == Parting(None, None)
    panel = draw_pair(Side("a", one), Side("b", other))
    assert "they never part" in panel.html
    assert "You sell coffee." not in panel.html + panel.text


def test_a_talk_that_ends_parts_from_one_that_goes_on():
    short, long = talk(GREET), talk(GREET, ASK, SIZE)
    assert find_parting(short, long) == Parting(2, 2)
    panel = draw_pair(Side("floor", short), Side("compiled", long))
    assert "here they part: floor has ended, compiled goes on" in panel.text
    assert "Which size?" in panel.html


@pytest.fixture
def panel():
    """Two talks that part in words at the opening, and in deeds at the second reply."""
    left = Side("compiled", talk(GREET, ASK, SIZE), {3: "asks again"})
    right = Side("floor", talk(("Hi!", ["opening"]), ASK, LEAVE))
    return draw_pair(left, right)


def test_one_sign_stands_before_each_parting(panel):
    words, deeds = (
        "from here they use other words",
        ("here they part: compiled does take_order.missing, floor does take_order.leave"),
    )
    assert panel.html.index(words) < panel.html.index("Hi!") < panel.html.index(deeds)
    assert panel.html.index(deeds) < panel.html.index("Which size?")
    assert panel.text.count("---") == 2


def test_both_say_each_message_with_what_is_wrong_where_it_is_wrong(panel):
    assert panel.html.count("✗ asks again") == 1
    assert panel.html.count("A latte.") == 2
    lines = panel.text.split("\n")
    assert "compiled, agent [take_order.missing] WRONG: asks again: Which size?" in lines
    assert "floor, agent [take_order.leave]: Bye." in lines


def test_evil_words_and_names_stay_words():
    side = Side(EVIL, talk((EVIL, [EVIL]), (EVIL, []), (EVIL, [])), {1: EVIL})
    html = draw_pair(side, Side(EVIL, talk((EVIL, [])))).html
    assert SCRIPT not in html
    assert "\u202e" not in html
