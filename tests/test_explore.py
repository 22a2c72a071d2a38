"""The flowchart to click through: all of a node is there, escaped, with or without scripts."""

import re

from conftest import edit

from workbench.domain import read_domain
from workbench.show.explore import SCRIPT, explore_flowchart

EVIL = "<img src=x onerror=alert(1)>"


def read_card(html, node_id):
    return re.search(rf'<details data-node="{node_id}".*?</details>', html, re.S)[0]


def test_every_node_and_side_trip_has_a_card(travel):
    html = explore_flowchart(travel).html
    chart = travel.flowchart
    trips = [f"anywhere.{name}" for name in chart.anywhere]
    assert re.findall(r'data-node="([^"]*)"', html) == [*chart.nodes, *trips]


def test_a_card_tells_text_routes_conditions_causes_and_facts(travel):
    card = read_card(explore_flowchart(travel).html, "final_routing")
    route = travel.flowchart.nodes["final_routing"].routes["confirmed"]
    for text in (route.when, route.say, "caused by confirm", travel.facts["confirmation"].text):
        assert text in card
    assert 'data-to="success"' in card
    assert "comes from" in card


def test_a_card_names_the_phase_of_its_node(copy):
    say = "say: Greet the customer and ask for the order."
    edit(copy, "flowchart.yaml", say, f"{say}\n    phase: beginning")
    html = explore_flowchart(read_domain(copy)).html
    assert "opening (agent, phase beginning)" in read_card(html, "opening")
    assert "phase" not in read_card(html, "take_order")


def test_evil_words_stay_words(copy):
    edit(copy, "flowchart.yaml", "Greet the customer and ask for the order.", f"'{EVIL}'")
    html = explore_flowchart(read_domain(copy)).html
    assert EVIL not in html
    assert "&lt;img src=x" in html


def test_without_scripts_the_picture_and_the_cards_are_there(coffee_domain):
    panel = explore_flowchart(coffee_domain)
    still = panel.html.partition("<script>")[0]
    assert "data:image/svg+xml;base64," in still
    assert still.count("<summary") == 10
    assert "take_order (hub)" in panel.text


def test_the_script_fetches_nothing_and_ends_where_it_should():
    script = SCRIPT.read_text("utf-8")
    assert not re.findall(r"https?:(?!//www\.w3\.org)|fetch\(|XMLHttp|innerHTML|eval\(", script)
    assert "</script" not in script
    assert script.count("KEY") == 1
