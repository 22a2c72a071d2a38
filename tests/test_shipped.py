"""What is true of every domain that is shipped: it is whole, and talked through as planned."""

import re

import pytest

from workbench.conversation import seeded
from workbench.design.covering import cover_route_pairs
from workbench.design.paths import sample_paths
from workbench.domain import check_domain, find_domain, is_complete, list_domains, read_domain
from workbench.facts import check_facts
from workbench.phrases import Voice
from workbench.quantities import find_quantities
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import hold_talk, open_talk
from workbench.synthesize.teacher import PhraseBookAgent
from workbench.synthesize.writing import write_talk
from workbench.templates import TemplateReader


@pytest.fixture(scope="module", params=list_domains())
def shipped(request):
    return read_domain(find_domain(request.param))


@pytest.fixture(scope="module")
def paths(shipped):
    # all that travel and Zoom have; of more, as many as are talked through within minutes
    return [*sample_paths(shipped.flowchart, 90, 7), *cover_route_pairs(shipped.flowchart)]


def take_walk(labels):
    steps = [[s for s in label.steps if not s.startswith("anywhere.")] for label in labels]
    return [message for message in steps if message]


def test_nothing_is_wrong_with_its_files(shipped):
    assert is_complete(shipped.folder)
    assert [p for p in check_domain(shipped.folder) if p.level == "error"] == []


def test_no_wording_of_its_agent_brings_in_a_value_or_a_number_of_its_own(shipped):
    for wording in {w for key in shipped.agent.keys for w in shipped.agent.wordings(key)}:
        text = re.sub(r"\{\w+\}", "…", wording.text)
        assert shipped.find_values(text) == {}, text
        assert find_quantities(text, shipped.units) == [], text


def test_no_value_makes_the_patterns_of_its_wordings_long(shipped):
    # of which a million letters take seconds to compile
    parts = [part for t in TemplateReader(shipped).templates for part in t.parts]
    words = [part for part in parts if not isinstance(part, str)]
    after = [after for part in words for _, after in part.large]
    assert sum(map(len, [*(part.pattern for part in words), *after])) < 5_000_000


@pytest.mark.slow
def test_every_fact_is_stated_by_some_scenario(shipped, paths):
    left, number = set(shipped.facts), 0
    while left and number < 4000:
        # who is difficult asks more
        path, stratum = paths[number % len(paths)], ("plain", "difficult")[number % 2]
        scenario = plan_scenario(path, "train", shipped, 7, number, stratum)
        for label in write_talk(scenario, shipped, None, scenario.seed).agent_labels():
            left -= {*label.facts, *shipped.citable(label.facts)}
        number += 1
    assert left == set()


def test_nobody_who_reports_a_loss_is_cheered_at():
    agent = read_domain(find_domain("insurance_claims")).agent
    said = [w.text for key in agent.keys for w in agent.wordings(key)]
    cheers = r"\b(splendid|great!|wonderful|lovely|hooray|congrat\w*|good to hear|i am glad)\b"
    assert [text for text in said if re.search(cheers, text, re.IGNORECASE)] == []


@pytest.mark.parametrize("stratum", ["plain", "difficult", "adversarial"])
def test_training_talks_go_as_planned_and_state_what_is_right(shipped, paths, stratum):
    for number, path in enumerate(paths):
        scenario = plan_scenario(path, "train", shipped, 7, number, stratum)
        talk = write_talk(scenario, shipped, number % 3, scenario.seed)
        assert take_walk(talk.agent_labels()) == scenario.steps
        last = talk.labels[-1].steps[-1].split("|")[0]
        assert shipped.flowchart.outcome_of(last) in scenario.endings
        assert check_facts(talk, shipped) == []


@pytest.mark.parametrize("stratum", ["plain", "difficult", "adversarial", "untrained"])
def test_so_do_talks_in_wordings_kept_for_tests(shipped, paths, stratum):
    for number, path in enumerate(paths):
        scenario = plan_scenario(path, "test", shipped, 7, number, stratum)
        agent = PhraseBookAgent(shipped, Voice("test"), seeded(0, "agent", scenario.seed))
        talk = hold_talk(open_talk(shipped, scenario, Voice("test"), 100), agent)
        labels = [one for one in talk.labels if one.steps]
        assert take_walk(labels) == scenario.steps
        assert check_facts(talk, shipped) == []
