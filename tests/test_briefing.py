"""Briefing: the teacher is told node, route and facts; the customer nothing of the flowchart."""

import pytest

from workbench.conversation import Act, seeded
from workbench.design.paths import enumerate_paths
from workbench.phrases import Voice
from workbench.synthesize.briefing import ask_anew, brief_customer, brief_teacher, choose_form
from workbench.synthesize.natural import find_code
from workbench.synthesize.plain_words import word_act
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import open_talk
from workbench.synthesize.teacher import PhraseBookAgent, find_steps, label_steps


def list_briefs(domain, path, index=0, stratum="plain"):
    """(role, messages, steps, acts) of each turn of a scripted talk, in its order."""
    scenario = plan_scenario(path, "train", domain, 7, index, stratum)
    talk = open_talk(domain, scenario, Voice(), 50)
    agent = PhraseBookAgent(domain, Voice(), seeded(0, "agent", scenario.seed))
    briefs, at, n_said = [], "", 0
    while not talk.is_over:
        record, acts = talk.record, talk.acts
        steps, at = find_steps(domain.flowchart, at, record, acts)
        label = label_steps(domain, steps, record, acts)
        is_last = domain.flowchart.nodes[at].role == "end"
        said = talk.messages[1:]
        brief = brief_teacher(domain, scenario, said, record, label, acts, is_last)
        briefs.append(("teacher", brief, steps, acts))
        talk.hear_agent(*agent.reply(record, acts))
        if talk.messages[-1].role == "user":
            rng = seeded(0, "form", str(n_said := n_said + 1))
            said = talk.messages[1:-1]
            brief = brief_customer(domain, scenario, said, talk.acts, False, rng)
            briefs.append(("customer", brief, [], talk.acts))
    return briefs


@pytest.fixture(scope="module")
def briefs(domain):
    paths = enumerate_paths(domain.flowchart)[::7]
    return [
        brief
        for index, path in enumerate(paths)
        for stratum in ("plain", "difficult")
        for brief in list_briefs(domain, path, index, stratum)
    ]


def tell(brief):
    return "\n".join(message["content"] for message in brief)


def test_no_brief_has_a_name_of_a_node_route_slot_or_fact(domain, briefs):
    for _, brief, _, _ in briefs:
        assert find_code(tell(brief), domain) == ""


def test_the_teacher_is_told_node_route_and_facts(domain, briefs):
    for role, brief, steps, _ in briefs:
        for step in steps if role == "teacher" else ():
            element = domain.flowchart.find_element(step)
            assert (element.say or element.when) in tell(brief)
            if getattr(element, "when", ""):
                assert element.when.rstrip(" .") in tell(brief)
            for fact in domain.cites(step):
                if fact in domain.facts and not domain.facts[fact].needs:
                    assert f"[{domain.facts[fact].spoken()}]" in tell(brief)


def test_the_customer_is_told_its_acts_and_nothing_of_the_flowchart(domain, briefs):
    chart = domain.flowchart
    says = [node.say for node in chart.nodes.values() if node.role == "agent"]
    says += [chart.find_element(step).say for step in chart.steps if "." in step]
    for role, brief, _, acts in briefs:
        if role == "customer":
            assert not [say for say in says if len(say) > 25 and say in tell(brief)]
            for act in acts:
                if act.kind not in {"give", "revise", "misspeak", "vague"}:
                    assert word_act(act, domain) in tell(brief)


def test_a_value_is_said_in_a_form_that_is_found_again(domain, briefs):
    for role, _, _, acts in briefs:
        for act in acts if role == "customer" else ():
            if act.kind in {"give", "revise"}:
                form = choose_form(act, domain, seeded(0, "", ""))
                assert domain.find_values(f"I say {form}.") == {act.target: [act.value]}


def test_the_last_message_is_told_to_close_and_no_other(domain, briefs):
    told = [tell(b) for role, b, _, _ in briefs if role == "teacher"]
    closing = [text for text in told if "closes the conversation" in text]
    n_talks = sum("You open the conversation" in text for text in told)
    assert len(closing) == n_talks > 0


def test_an_act_of_the_flowchart_s_own_is_put_in_its_words(coffee_domain):
    assert word_act(Act("confirm"), coffee_domain) == "Say clearly yes, go ahead."
    assert "fancies" in word_act(Act("fancies"), coffee_domain)


def test_who_writes_anew_is_told_why_and_what_it_wrote():
    brief = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    anew = ask_anew(brief, "It was 4 euros.", ["this is wrong: 4 euros", "this is wrong: 4 euros"])
    assert [message["role"] for message in anew] == ["system", "user", "assistant", "user"]
    assert anew[2]["content"] == "It was 4 euros."
    assert anew[3]["content"].count("this is wrong: 4 euros") == 1
