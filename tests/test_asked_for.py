"""Slots that are asked for only where others say so, and routes that are caused by telling."""

import shutil

import pytest
from conftest import DOMAINS, PRINTER, edit

from workbench.conversation import Act, seeded
from workbench.design.covering import cover_route_pairs
from workbench.design.paths import enumerate_paths, sample_paths
from workbench.domain import check_domain, read_domain
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.flowchart import check_flowchart
from workbench.record import Record
from workbench.synthesize.behaviours import walk_plan
from workbench.synthesize.scenarios import _Aim, _Planner, plan_scenario
from workbench.synthesize.writing import write_talk

INK = """ink:
  name: the ink
  ask: {train: ["which ink it holds"]}
  values: [blue, black]
  vague: {train: ["dark"]}
"""

CUSTOMER = "".join(
    f'- acts: [{kind}(ink)]\n  train: ["It holds {word} ink."]\n'
    for kind, word in [("give", "{ink}"), ("revise", "now {ink}"), ("vague", "{vague}")]
)


@pytest.fixture
def toy(tmp_path):
    """The printers' domain, where the ink of an Inkwell is asked for too, and of no other."""
    folder = shutil.copytree(PRINTER, tmp_path / "printer")
    ink = "  problem: {ask: What does it do?}\n  ink: {ask: Which ink?, for: {printer: [Inkwell]}}"
    edit(folder, "flowchart.yaml", "  problem: {ask: What does it do?}", ink)
    texts = {
        "slots.yaml": INK,
        "customer.yaml": f'{CUSTOMER}- acts: [drop(ink)]\n  train: ["No."]\n',
    }
    for name, text in texts.items():
        file = folder / "phrases" / name
        file.write_text(file.read_text("utf-8") + text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def claims():
    return read_domain(DOMAINS / "insurance_claims")


def hear(domain, *acts):
    record = domain.open_record()
    record.hear([Act.parse(act) for act in acts])
    return record


def test_a_slot_is_missing_only_where_it_is_asked_for(toy):
    inkwell = hear(read_domain(toy), "give(printer=Inkwell)", "give(problem=prints stripes)")
    assert (inkwell.missing, inkwell.state) == (["ink"], "slots_missing")
    inkwell.hear([Act("revise", "printer", "Laseron")])
    assert (inkwell.missing, inkwell.state) == ([], "slots_complete")
    assert hear(read_domain(toy)).missing == ["printer", "problem"]


def test_what_is_vague_but_no_longer_asked_for_holds_nothing_up(toy):
    record = hear(read_domain(toy), "give(printer=Inkwell)", "vague(ink)")
    assert record.state == "slots_vague"
    record.hear([Act("revise", "printer", "Laseron"), Act("give", "problem", "prints stripes")])
    assert record.state == "slots_complete"


def test_a_slot_that_is_not_asked_for_is_settled(toy):
    record = hear(read_domain(toy), "give(printer=Laseron)")
    assert record.settled == {"printer", "ink"}
    record.hear([Act("revise", "printer", "Inkwell")])
    assert record.settled == {"printer"}
    assert Record(["a", "b"]).settled == set()


def test_all_walks_are_planned_and_talked_through_with_such_a_slot(toy):
    domain = read_domain(toy)
    for i, path in enumerate(
        [*enumerate_paths(domain.flowchart), *cover_route_pairs(domain.flowchart)]
    ):
        scenario = plan_scenario(path, "train", domain, 7, i)
        talk = write_talk(scenario, domain, i % 3, scenario.seed)
        assert talk.walk() == scenario.steps
        given = {act.target for label in talk.labels for act in label.parsed_acts()}
        assert "ink" not in given or any("Inkwell" in str(v) for v in scenario.plan.values())


def test_a_slot_rests_on_slots_before_it_and_on_their_values(toy):
    file = toy / "flowchart.yaml"
    for wrong in ("{ink: [blue]}", "{colour: [blue]}"):
        text = file.read_text("utf-8").replace("{printer: [Inkwell]}}\n", wrong + "}\n", 1)
        (toy / "other.yaml").write_text(text, "utf-8")
        assert "slot_order" in {problem.rule for problem in check_flowchart(toy / "other.yaml")}
    problems = check_domain(
        edit(toy, "flowchart.yaml", "{printer: [Inkwell]}}", "{printer: [Inky]}}")
    )
    assert any('no value "Inky"' in str(problem) for problem in problems)


def test_the_procedure_in_the_prompt_says_what_slots_and_routes_are_for(toy, travel):
    assert "is an Oldjet (only for Oldjet): Say" in write_procedure_prompt(read_domain(toy))
    assert "- ink: Which ink? (only for Inkwell)" in write_procedure_prompt(read_domain(toy))
    assert "(only for" not in write_procedure_prompt(travel)


def test_offers_for_such_a_slot_may_do_without_it(claims):
    assert {"plan": "Gold", "tenure": "older", "relation": "spouse"} in [
        v for v, _ in claims.offer_counts
    ]
    counts = {tuple(sorted(values.items())): n for values, n in claims.offer_counts}
    for plan, n in (("Bronze", 1), ("Silver", 2), ("Gold", 3)):
        assert counts[("amount", "1200"), ("plan", plan), ("tenure", "older")] == n


@pytest.mark.parametrize(
    ("event", "own"),
    [
        ("a collision", ["amount", "drivable"]),
        ("a flood", ["amount", "habitable"]),
        ("an operation", ["amount", "provider"]),
        ("a death abroad", ["relation"]),
    ],
)
def test_each_kind_of_claim_has_questions_of_its_own(event, own, claims):
    assert hear(claims, f"give(event={event})").missing == ["plan", "tenure", *own, "papers"]


def test_who_corrects_what_happened_stays_with_the_kind_of_claim(claims):
    others = claims.list_others("event", {"event": "a collision", "drivable": "stands still"})
    assert set(others) == {"a vandalised car", "hail damage", "a car fire", "worn brakes"}
    assert "a collision" in claims.list_others("event", {"drivable": "drives"})
    assert "a flood" not in claims.list_others("event", {"drivable": "drives"})
    assert len(claims.list_others("event", {})) == len(claims.slots["event"].values)


def test_a_route_that_telling_causes_is_taken_once_it_is_told(claims):
    hub = claims.flowchart.nodes["claim_type"]
    record = hear(claims, "give(event=a flood)")
    assert record.allowed_routes(hub, [Act("give", "event", "a flood")]) == ["home"]
    assert hear(claims).allowed_routes(hub, [Act("give", "plan", "Gold")]) == []


def test_claims_are_planned_so_that_what_happened_comes_first(claims):
    for i, path in enumerate(sample_paths(claims.flowchart, 60, 7)):
        scenario = plan_scenario(path, "train", claims, 7, i)
        walk = walk_plan(scenario.plan, claims)
        told = [act.target for turn in walk.turns for act in turn.acts if act.kind == "give"]
        assert told[:1] == ["event"] or "user_details" not in path.nodes


def test_two_details_are_corrected_at_once_where_one_does_not_lead_on(claims):
    planner = _Planner(claims, seeded(7, "test", "two"))
    values = {"event": "a burst pipe", "plan": "Gold", "tenure": "older", "amount": "1200"}
    values |= {"habitable": "is habitable", "papers": "at hand"}
    planner.record.hear([Act("give", slot, value) for slot, value in values.items()])
    planner.aim = _Aim(most=1, needs=({"papers": ("to follow",)},))
    changed = {act.target: act.value for act in planner._change_two([*values])}
    assert changed == {"plan": "Bronze", "papers": "to follow"}


def test_the_claims_procedure_has_the_published_size(claims):
    chart = claims.flowchart
    assert (len(chart.nodes), len(chart.hubs), len(chart.ends)) == (55, 6, 5)
    assert [len(nodes) for nodes in chart.phases.values()] == [10, 8, 9, 10, 18]
    lengths = [len(path.nodes) for path in enumerate_paths(chart)]
    assert (len(lengths), min(lengths), max(lengths)) == (2603, 7, 35)
