"""The report: what its tables say, and that nothing in a conversation gets out of its place."""

import json
import re
from pathlib import Path

import pytest

from workbench.conversation import Conversation, Label, Message
from workbench.evaluate.agreement import (
    compare_failures,
    measure_agreement,
    measure_repeatability,
)
from workbench.evaluate.breakdown import QUANTITIES
from workbench.evaluate.defects import EDITS
from workbench.evaluate.faults import FAULTS, HARMLESS
from workbench.evaluate.metrics import MEASURES, PERFECT, Score
from workbench.evaluate.pricing import Terms, choose_price, count_dollars
from workbench.evaluate.report import (
    chart_faults,
    explain_words,
    find_worst,
    pick_worst,
    read_sweep,
    write_report,
)
from workbench.evaluate.result import plain
from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.sight import Pair, tabulate_drops, validate
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average, compare, compare_ratio
from workbench.run import open_run
from workbench.show.details import (
    tabulate_audit,
    tabulate_behaviours,
    tabulate_customers,
    tabulate_endings,
    tabulate_forgiveness,
    tabulate_hubs,
    tabulate_humans,
    tabulate_reading,
)
from workbench.show.figures import (
    tabulate,
    tabulate_differences,
    tabulate_instruments,
    tabulate_parts,
    tabulate_savings,
    tabulate_verdict,
    write_difference,
    write_metric,
    write_ratio,
)
from workbench.show.judged import (
    tabulate_defects,
    tabulate_judged,
    tabulate_judged_differences,
    tabulate_reliability,
    tabulate_validation,
)

PATHS = [f"p{i}" for i in range(50)]


def metrics(**means):
    """A metric for each measure; `means` says which share of 50 conversations is 1."""
    shares = PERFECT | means
    return {
        measure: average([float(i < 50 * share) for i in range(50)], PATHS).model_dump()
        for measure, share in shares.items()
    }


def differences(**gaps):
    """The first condition is always 1; `gaps` says how often the other is not."""
    found = {}
    for measure, share in (dict.fromkeys(MEASURES, 0.0) | gaps).items():
        one = compare([1.0] * 50, [float(i >= 50 * share) for i in range(50)], PATHS)
        found[measure] = one.model_dump() | {"p_adjusted": one.p}
    return found


def test_a_metric_is_written_with_its_interval_and_what_is_unscored():
    metric = {"mean": 0.98, "low": 0.941, "high": 0.994, "n": 100, "unscored": 0}
    assert write_metric("ending_correct", metric) == "98.0 % (94.1-99.4)"
    assert write_metric("fitness", metric | {"unscored": 3}) == "0.980 (0.941-0.994), 3 unscored"
    nothing = {"mean": None, "low": None, "high": None, "n": 0, "unscored": 7}
    assert write_metric("facts_right", nothing) == "not scored (7)"


def test_a_difference_is_written_with_its_sign_and_chance():
    difference = {"mean": 0.79, "low": 0.612, "high": 0.93, "p_adjusted": 0.0001, "n": 20}
    written = "+79.0 points (61.2 to 93.0), p < 0.001"
    assert write_difference("ending_correct", difference, 20) == written
    # of some pairs one or the other was not scored
    assert write_difference("ending_correct", difference, 21) == written + ", n 20"
    difference = {"mean": -0.02, "low": -0.05, "high": 0.01, "p_adjusted": 0.5, "n": 20}
    assert write_difference("fitness", difference) == "-0.020 (-0.050 to 0.010), p = 0.500"
    assert write_difference("fitness", difference | {"mean": None}) == "no pair scored"


def test_the_tables_have_a_row_for_each_condition_and_stratum():
    result = {
        "conditions": {"compiled": {"seen": metrics(), "unseen": metrics(ending_correct=0.9)}},
        "differences": {"compiled": {"floor/base": {"seen": differences(ending_correct=0.8)}}},
    }
    table = tabulate(result).markdown
    assert "| compiled | unseen | 50 | not measured | 90.0 % (" in table
    table = tabulate_differences(result).markdown
    assert "| floor/base | seen | 50 | better | +80.0 points (" in table
    assert table.count("0.001") == 1
    assert table.count("p = 1.000") == 5


def test_a_row_for_each_hub_and_ending_says_what_the_compiled_model_has_more(result):
    rows = tabulate_parts(result).markdown.split("\n")
    assert rows[0] == "| hub or ending | floor/base | in_context/base |"
    assert rows[2].startswith("| hub assess | +80.0 points (")
    assert rows[2].endswith(r"p \< 0.001, n 50 | – |")
    assert rows[3].startswith("| ending success | – | +0.0 points (")


def test_differences_at_hubs_and_endings_are_folded_in_the_report(run, result, coffee_domain):
    html = Path(write_report(run, coffee_domain, result)).read_text()
    told = html.split("The same, hub by hub and ending by ending</summary>")[1]
    assert "hub assess" in told.split("</details>")[0]
    assert "fewer than 6 paths" in told
    result["differences_by_part"] = {"compiled": {}}
    write_report(run, coffee_domain, result)
    assert "The same, hub by hub" not in run.file("report.md").read_text()


def make_score(name, ending=1, n_wrong=0, condition="compiled", stratum=None):
    measures = dict.fromkeys(MEASURES, 1.0) | {"ending_correct": ending}
    names = dict.fromkeys(["conversation_id", "scenario_id", "path_id"], name)
    wrong = dict.fromkeys(range(n_wrong), "something")
    return Score(
        **names,
        stratum=stratum or name,
        condition=condition,
        measures=measures,
        faults=[],
        wrong=wrong,
    )


def test_the_worst_conversations_are_those_with_wrong_endings_first():
    given = [("a", 1, 3), ("b", 0, 1), ("c", 1, 0), ("d", 0, 2), ("e", 1, 1)]
    scores = [make_score(*one) for one in given]
    scores.append(make_score("f", 0, 9, condition="floor/base"))
    assert [score.scenario_id for score in find_worst(scores)] == ["d", "b", "a", "e"]
    assert [score.scenario_id for score in find_worst(scores, most=1)] == ["d"]


def test_the_worst_of_each_stratum_come_before_the_next_worst_of_all():
    scores = [make_score(f"s{i}", 0, 9 - i, stratum="seen") for i in range(8)]
    scores += [make_score("u1", 1, 1, stratum="unseen"), make_score("u2", 1, 2, stratum="unseen")]
    worst = [score.scenario_id for score in pick_worst(scores)]
    assert worst == ["s0", "u2", "s1", "s2", "s3", "s4"]


COST = ("prompt_tokens", "cached_tokens", "reply_tokens", "seconds_per_conversation")
STRATA = ("seen", "unseen", "difficult", "adversarial", "untrained")


@pytest.fixture
def result():
    """A result with every part that a report can have."""
    share = metrics()["ending_correct"]
    spoilt = {"n": 50, "tainted": 2, "share": 0.04, "low": 0.01, "high": 0.13}
    measured = ("walker/true_labels", "walker", "compiled", "floor/base", "in_context/base")
    strata = {stratum: metrics(ending_correct=0.9) for stratum in STRATA}
    words = {"words_10": 3, "words_50": 9, "words_90": 21, "talks_that_ask": 0.4}
    ratio = compare_ratio([float(i % 7 + 20) for i in range(50)], [4.0] * 50, PATHS).model_dump()
    return {
        "schema": 2,
        "margin": 0.05,
        "base_model": {"source": "a wheel", "quantization": "none"},
        "teacher": "phrase_book",
        "hardware": "2 cores",
        "seconds": {"train": 60.0},
        "recognizer": {"accuracy": 0.982, "n": 700, "low": 0.97, "high": 0.99},
        "recognizer_by_condition": {"compiled": share | {"mean": 0.96, "low": 0.9}},
        "parsed_by_condition": {"compiled": share | {"mean": 0.62, "low": 0.5, "high": 0.7}},
        "empty_by_condition": {"compiled": share | {"mean": 0.02, "low": 0.01, "high": 0.03}},
        "untrained_kinds": ["refund_by_threat", "forged_message"],
        "conditions": dict.fromkeys(measured, strata),
        "differences": {
            "compiled": {
                "floor/base": {stratum: differences(ending_correct=0.8) for stratum in STRATA},
                "in_context/base": {stratum: differences() for stratum in STRATA},
            }
        },
        "differences_by_part": {
            "compiled": {
                "floor/base": {"hub assess": differences(fitness=0.8)["fitness"]},
                "in_context/base": {"ending success": differences()["fitness"]},
            }
        },
        "savings": {"in_context/base": dict.fromkeys(QUANTITIES, ratio)},
        "cost": {
            "compiled": dict.fromkeys(COST, 90.0),
            "in_context/base": dict.fromkeys(COST, 900.0),
        },
        "by_hub": {"compiled": {"seen": {"assess": share}, "unseen": {"confirm": share}}},
        "by_ending": {"seen": {"success": {"success": 48, "": 2}, "escalation": {"escalation": 9}}},
        "by_behaviour": {"asks_why": metrics(), "typos": metrics(ending_correct=0.5)},
        "instruments": {
            "detected": {f"faulty/{kind}": share for kind in FAULTS},
            "detected_by_its_measure": {"faulty/jump": share | {"mean": 0.9, "low": 0.8}},
            "false_alarms": {"walker": share} | {f"walker/{kind}": share for kind in HARMLESS},
        },
        "forgiveness": {
            "compiled": {
                "seen": {"fitness_without": {"side_trips": share}, "forgiven": {"side_trips": 0.25}}
            }
        },
        "audit": dict.fromkeys(STRATA, spoilt),
        "audit_swaps": {"seen": {"n": 50, "share": 0.96, "low": 0.9, "high": 0.99}},
        "tainted": {},
        "only_tainted": {"compiled": {"seen": metrics(ending_correct=0.5)}},
        "untainted": {"compiled": {stratum: metrics() for stratum in STRATA}},
        "customers": {"seen": words | {"asks_share_of_turns": 0.0, "volunteers": None}},
        "humans": {
            "n": 300,
            "conformant": share | {"mean": 0.7, "low": 0.6, "high": 0.8},
            "rules": [
                {"rule": "asks for the name first", "share": 0.8, "low": 0.7, "high": 0.9}
                | {"fitness": 0.9123}
            ],
        },
    }


def test_the_bars_say_what_was_reached_and_what_was_not_measured(result):
    lines = tabulate_verdict(result).text.split("\n")
    assert lines[2].split()[:2] == ["right", "endings,"]
    assert "at least 98 %  90.0 % (" in lines[2]
    assert lines[2].endswith("no")
    del result["instruments"]["detected"]
    assert "not measured" in tabulate_verdict(result).text


def test_beside_each_figure_stands_how_well_its_messages_were_read(result):
    lines = tabulate(result).text.split("\n")
    read = {line.split()[0]: line for line in lines[2:]}
    assert "96.0 % (90.0-" in read["compiled"]
    assert "98.2 % of the walker's" in read["floor/base"]
    assert "not read" in read["walker/true_labels"]


def test_as_good_as_is_said_only_within_the_margin(result):
    # all 50 pairs are equal, which still leaves seven points open
    assert tabulate_differences(result).text.count("  open") == 5
    result["margin"] = 0.1
    assert tabulate_differences(result).text.count("  as good") == 5
    assert tabulate_differences(result).text.count("  better") == 5


def test_savings_are_written_as_times_with_their_intervals(result):
    assert write_ratio({"mean": 2.314, "low": 2.2, "high": 2.43}) == "2.31 (2.20-2.43)"
    assert write_ratio({"mean": 2, "low": 2, "high": 2, "n": 3}, 5) == "2.00 (2.00-2.00), n 3"
    assert write_ratio({"mean": 2.314, "low": None, "high": None}) == "2.31"
    assert write_ratio({"mean": None, "low": None, "high": None}) == "nothing to compare"
    assert (
        tabulate_savings(result).markdown.split("\n")[2].startswith("| in_context/base | 50 | 5.7")
    )


def test_hubs_are_columns_and_a_hub_without_decisions_is_a_dash(result):
    lines = tabulate_hubs(result).markdown.split("\n")
    assert lines[0] == "| condition | customers | assess | confirm |"
    assert lines[2].startswith("| compiled | seen | 100.0 % (92.9-100.0), n 50 | –")


def test_endings_are_a_table_of_what_should_be_and_what_was(result):
    assert tabulate_endings(result).markdown.split("\n")[0::2] == [
        "| customers | should end in | talks | in escalation | in success | in none |",
        "| seen | success | 50 | 0 | 48 | 2 |",
    ]


def test_behaviours_are_rows(result):
    lines = tabulate_behaviours(result).text.split("\n")
    assert [line.split("  ")[0] for line in lines[2:]] == ["asks why", "typos"]


def test_customers_stand_beside_people_and_nothing_seen_is_no_bare_zero(result):
    lines = tabulate_customers(result).markdown.split("\n")
    assert lines[2] == "| seen | 3 / 9 / 21 | none seen | 40 % | – |"
    assert "6 / 12 / 30 | 9 % | 41 % | 18 % |" in lines[3]
    assert "1 / 7 / 19" in lines[4]


def test_endings_are_told_with_and_without_spoilt_talks(result):
    row = tabulate_audit(result).markdown.split("\n")[2]
    assert row.startswith("| seen | 50 | 2 | 4.0 % (1.0-13.0) | 96.0 % (90.0-99.0) | 90.0 % (")
    assert "| 100.0 % (" in row
    assert "| 50.0 % (" in row


def test_fitness_is_told_with_each_kind_not_forgiven(result):
    head, _, row = tabulate_forgiveness(result).markdown.split("\n")
    assert "| without side trips |" in head
    assert row.startswith("| compiled | seen | 1.000 (")
    assert row.endswith("| side trips 0.25 |")


def test_of_a_fault_it_is_told_what_its_own_measure_sees(result):
    rows = tabulate_instruments(result).markdown.split("\n")[2:]
    assert len(rows) == len(FAULTS) + 1 + len(HARMLESS)
    (jump,) = [row for row in rows if row.startswith("| jump |")]
    assert "| all | 90.0 % (80.0-" in jump
    assert all(row.endswith("| – |") for row in rows if row != jump)


def test_of_each_condition_it_is_told_how_many_messages_were_checked(result):
    (row,) = tabulate_reading(result).markdown.split("\n")[2:]
    assert row.startswith("| compiled | 50 | 62.0 % (50.0-70.0) | 96.0 % (90.0-")
    assert row.endswith("| 2.0 % (1.0-3.0) |")


def test_how_little_can_be_seen_is_told_for_each_number_of_pairs(run, result, coffee_domain):
    few = result["differences"]["compiled"]["in_context/base"]["seen"]
    few["ending_correct"] |= {"n": 12}
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "12 independent customers show a drop of 44 points; 50 independent customers" in text


def test_one_spoilt_talk_of_each_stratum_is_shown(run, result, coffee_domain):
    result["tainted"] = {"evil": {"2": "customer reads as leave"}}
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    (shown,) = re.findall(r"### Spoilt, seen: one of 2\n\n`+\n(.*?)\n`````", text, re.DOTALL)
    assert "WRONG: customer reads as leave" in shown


def test_a_run_whose_checkers_practised_less_says_so(run, result, coffee_domain):
    write_report(run, coffee_domain, result)
    assert "practised in" not in run.file("report.md").read_text()
    run.record("synthesize", practice=0.5)
    write_report(run, coffee_domain, result)
    assert "practised in 50 % of the rounds" in run.file("report.md").read_text()


def test_people_keep_to_rules_less_than_always(result):
    lines = tabulate_humans(result).markdown.split("\n")
    assert lines[2:] == [
        "| all | 70.0 % (60.0-80.0) | – |",
        "| asks for the name first | 80.0 % (70.0-90.0) | 0.912 |",
    ]
    del result["humans"]["conformant"]
    assert tabulate_humans(result).markdown.split("\n")[2:] == lines[3:]


def test_people_who_were_scored_here_stand_beside_the_customers(result):
    talk = {"words_per_turn": [6.0, 12.0, 30.0], "skipped_first_step": 0.18}
    result["humans"] |= talk | {"asks": {"turns": 0.09, "dialogues": 0.41}}
    last = tabulate_customers(result).markdown.split("\n")[-1]
    assert last == "| people, scored here | 6 / 12 / 30 | 9 % | 41 % | 18 % |"


EVIL = "<script>alert(1)</script>\n```\n## no heading\n````"


@pytest.fixture
def run(tmp_path, coffee_domain):
    """An evaluated run with one compiled conversation, whose customer says something evil."""
    run = open_run("coffee", "demo", root=tmp_path)
    run.record("inspect", train=900)
    trained = {"valid_loss": 0.2, "steps": 10, "tokens": 1000, "tokens_per_s": 99.0}
    run.record("train", result=trained)
    score = make_score("evil", 0, 2, stratum="seen")
    talk = Conversation(
        conversation_id="evil",
        scenario_id="evil",
        path_id="evil",
        split="test",
        teacher="",
        messages=[Message(role=r, content=EVIL) for r in ("system", "assistant", "user")],
        labels=[Label()] * 3,
    )
    names = {"scenario_id": "evil", "path_id": "evil", "condition": "compiled", "stratum": "seen"}
    simulated = Simulated(conversation_id="evil", conversation=talk, **names)
    run.write("scores.jsonl", [score.model_copy(update={"faults": ["skipped: greet"]})])
    run.write("simulated/compiled.jsonl", [simulated])
    return run


def plant_sweep(root, result):
    for name, number in (("demo-conversations-90", 90), ("demo-epochs-2", 900), ("demo2", 5)):
        swept = open_run("coffee", name, root=root)
        swept.record("inspect", train=number)
        swept.claim("train", epochs=1)
        swept.write_text("result.json", json.dumps(result))


def test_a_report_has_its_parts_in_order_and_no_script(run, result, coffee_domain, tmp_path):
    plant_sweep(tmp_path, result)
    html = Path(write_report(run, coffee_domain, result)).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    heads = [line.split("<")[1].split(">")[1] for line in html.split("\n") if line[:4] == "<h2>"]
    assert [head.split(",")[0] for head in heads] == [
        "What was wished",
        "All conditions",
        "Beside the other conditions",
        "What compiling saves",
        "Cost",
        "Hub by hub",
        "Ending by ending",
        "Behaviour by behaviour",
        "What is forgiven",
        "What the measures see",
        "The customers",
        "People by the same measure",
        "How much training it takes",
        "Where conversations went wrong",
        "The worst 1 conversations of the compiled model",
        "Judge",
    ]


def test_what_went_wrong_is_drawn_of_a_run_and_in_its_report(run, result, coffee_domain):
    chart = chart_faults(run, coffee_domain)
    assert [score.conversation_id for score in chart.find("greet")] == ["evil"]
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "compiled, all customers: something wrong in 1 of 1 conversations" in text


def test_two_answers_to_one_customer_stand_folded_side_by_side(run, result, coffee_domain):
    (own,), (talk,) = (
        run.read("scores.jsonl", Score),
        run.read("simulated/compiled.jsonl", Simulated),
    )
    other = own.model_copy(update={"condition": "floor/base", "conversation_id": "other"})
    said = {"condition": "floor/base", "conversation_id": "other"}
    run.append("scores.jsonl", [other])
    run.write("simulated/floor_base.jsonl", [talk.model_copy(update=said)])
    html = Path(write_report(run, coffee_domain, result)).read_text()
    section = html.split("The same customer, two answers")[1].split("<h2>")[0]
    assert section.count("<details ") == section.count("they never part") == 1
    assert "<details open" not in section
    assert "floor/base, customer: " in run.file("report.md").read_text()


def test_costs_have_seconds_without_a_price_and_say_why_no_dollars(run, result, coffee_domain):
    write_report(run, coffee_domain, result)
    section = run.file("report.md").read_text().split("## Cost")[1].split("\n## ")[0]
    assert "Seconds of the agent in a conversation" in section
    assert "nobody said what an hour of this machine costs" in section
    assert not re.search(r"\$\d", section)


def test_costs_have_dollars_by_dated_price_and_a_still_curve(run, result, coffee_domain):
    name = "claude-sonnet-5-5@api.anthropic.com"
    terms = Terms(hour_usd=0.001, price_of=name, utilization=1)
    result["dollars"] = count_dollars(result, terms, choose_price(name))
    html = Path(write_report(run, coffee_domain, result)).read_text()
    section = run.file("report.md").read_text().split("## Cost")[1].split("\n## ")[0]
    assert "by the price of 2026-09-28 (release notes" in section
    assert "beside claude-sonnet-5-5, cached at $0.00918" in section
    assert "| all together |" in section
    assert "What a conversation costs, idle machines paid</title>" in html
    assert "<script" not in html


def test_terms_without_a_price_of_one_kind_say_so(run, result, coffee_domain):
    result["dollars"] = count_dollars(result, Terms(hour_usd=2), None)
    write_report(run, coffee_domain, result)
    assert "No model of the price table was named." in run.file("report.md").read_text()
    name = "claude-sonnet-5-5@api.anthropic.com"
    result["dollars"] = count_dollars(result, Terms(price_of=name), choose_price(name))
    write_report(run, coffee_domain, result)
    assert "What an hour of this machine costs, nobody said." in run.file("report.md").read_text()


def test_the_curve_is_of_the_runs_that_were_swept(run, result, tmp_path):
    plant_sweep(tmp_path, result)
    assert {point["conversations"] for point in read_sweep(run)} == {90, 900}


def test_in_markdown_a_conversation_stays_in_its_block(run, result, coffee_domain):
    write_report(run, coffee_domain, result)
    lines = run.file("report.md").read_text().split("\n")
    start = lines.index("`````")
    assert lines.index("## no heading") > start
    assert lines.index("`````", start + 1) < lines.index("## Judge")


def test_parts_that_a_result_lacks_are_left_out(run, result, coffee_domain):
    for part in ("savings", "audit", "customers", "humans", "untrained_kinds", "margin"):
        del result[part]
    for part in ("by_hub", "by_ending", "by_behaviour", "recognizer_by_condition", "untainted"):
        del result[part]
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "Hub by hub" not in text
    assert "The customers" not in text
    assert "a loss of 5 points" in text


def test_every_sort_of_customers_and_every_measure_is_explained():
    words = explain_words()
    assert all(f">{name}</td>" in words.html for name in (*STRATA, *MEASURES))
    assert words.html.startswith("<details")


def test_a_report_names_the_kinds_of_customers_that_training_never_shows(
    run, result, coffee_domain
):
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "Kinds that training never shows: refund_by_threat, forged_message." in text
    assert "- untrained: the same in kinds that training never shows" in text


def test_a_report_says_what_its_figures_do_not_show(run, result, coffee_domain):
    result["baselines"] = {"in_context/toy": {"model": "toy", "host": "here", "max_tokens": 9}}
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "The recognizer has practised some of it" in text
    assert "what another seed or other words would change is in no interval" in text
    assert "which counts tokens in its own way" in text
    assert "columns are of other mixes of customers" in text
    assert "a turn with a question mark counts as one that asks" in text
    assert "All met the same customers" not in text


def test_only_the_phrase_book_is_called_one(run, result, coffee_domain):
    for teacher, is_book in (("phrase_book", True), ("api/big", False)):
        write_report(run, coffee_domain, result | {"teacher": teacher})
        text = run.file("report.md").read_text()
        assert f"by the teacher {teacher}" in text
        assert ("a small, real phrase book" in text) is is_book


def test_the_reading_error_stands_in_every_part_that_rests_on_it(run, result, coffee_domain):
    result["pass_k"] = {1: metrics()["ending_correct"]}
    write_report(run, coffee_domain, result)
    sections = run.file("report.md").read_text().split("\n## ")[1:]
    error = "reads 98.2 % (97.0-99.0) of"
    # no step is read in these: bars and costs are taken from the parts that say it
    others = ("What was wished", "What compiling saves", "Cost", "People by", "Judge")
    shown = ("How much training", "Where conversations went", "The worst", "no heading")
    without = [section for section in sections if error not in section]
    assert [section for section in without if not section.startswith((*others, *shown))] == []
    assert any(section.startswith("The same customers again") for section in sections)


@pytest.fixture
def judged(result):
    """A result of which a judge was asked that sees nothing in naturalness."""
    pairs = [
        Pair(edit, f"p{n}", dict.fromkeys(CRITERIA, 5), fall_to(2, edit))
        for edit in EDITS
        for n in range(40)
    ]
    points = {"mean": 4.5, "low": 4.2, "high": 4.7, "n": 98, "unscored": 2}
    again = measure_repeatability([[5, 5, 4]] * 40)
    judge = {
        "judges": ["api/one", "api/other"],
        "asked": 700,
        "unscored": 3,
        "failures_to_score": {EVIL: 3},
        "scores": {"compiled": dict.fromkeys(CRITERIA, points)},
        "histograms": {"compiled": {name: [0, 1, 4, 26, 67] for name in CRITERIA}},
        "differences": {"compiled": {"floor/base": differences()}},
        "length": dict.fromkeys(CRITERIA, 0.1),
        "validation": validate(pairs),
        "defects": tabulate_drops(pairs),
        "no_occasion": {"obey": {"the customer gives no order to obey": 9}},
        "agreement": dict.fromkeys(CRITERIA, measure_agreement([(5, 4), (3, 3), (1, 2)])),
        "repeatability": dict.fromkeys(CRITERIA, again),
        "failure_at_most": 3,
        "failures": {"compiled": compare_failures([(True, True), (False, True)] * 5)},
    }
    return result | {"judge": plain(judge)}


def fall_to(points, edit):
    seen = {*EDITS[edit].falls} - {"naturalness"}
    return dict.fromkeys(CRITERIA, 5) | dict.fromkeys(seen, points)


def test_without_a_judge_the_place_is_empty_and_says_so(run, result, coffee_domain):
    write_report(run, coffee_domain, result)
    text = run.file("report.md").read_text()
    assert "## Judge\n\nNo judge was asked in this run" in text
    assert "What the judge says" not in text
    assert str(tabulate_validation(result)) == "not measured"


def test_what_the_judge_says_stands_after_whether_to_believe_it(run, judged, coffee_domain):
    html = Path(write_report(run, coffee_domain, judged)).read_text()
    text = run.file("report.md").read_text()
    assert "No judge was asked" not in text
    heads = ["## What the judge says", "### Whether to believe it", "### Scores"]
    heads += ["### How steady it is", "### Failures, judged and computed"]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert "700 verdicts, of which 3 could not be had" in text
    # what a provider says of a failure is a cell, and no markup
    assert EVIL not in html


def test_kin_of_a_judge_are_named_in_the_report(run, judged, coffee_domain):
    kin = "Of one family, so that it may like its own ways: api/one judges in_context/one-small."
    for found, is_said in (({"kin": ["api/one judges in_context/one-small"]}, True), ({}, False)):
        write_report(run, coffee_domain, judged | {"judge": judged["judge"] | found})
        assert (kin in run.file("report.md").read_text()) is is_said


def test_an_unvalidated_criterion_is_printed_as_such_wherever_it_stands(judged):
    rows = str(tabulate_validation(judged)).splitlines()
    assert [row.startswith("naturalness") for row in rows if "unvalidated" in row] == [True]
    assert "sees 0% of its defects, not 80%" in rows[-1]
    head = str(tabulate_judged(judged)).splitlines()[0]
    assert head.count("unvalidated") == 1
    assert "naturalness (unvalidated)" in head


def test_a_defect_says_what_must_fall_and_what_must_not(judged):
    text = tabulate_defects(judged).markdown
    row = next(line for line in text.splitlines() if line.startswith("| obey"))
    assert row.count("must: 100 %") == 2
    assert "not: 0 %" in row


def test_a_score_has_its_interval_its_n_and_how_often_each_was_given(judged):
    text = tabulate_judged(judged).markdown
    assert "4.50 (4.20-4.70), n 98; 1 to 5: 0 1 4 26 67, 2 unscored" in text
    assert "0.00" in tabulate_reliability(judged).markdown


def test_a_judged_difference_says_what_it_shows_and_what_would_be_seen(judged):
    gap = {"mean": -0.1, "low": -0.2, "high": 0.0, "p": 0.04, "p_adjusted": 0.2, "n": 98}
    gap |= {"cliffs_delta": -0.05, "unscored": 0, "bca_low": -0.21, "bca_high": 0.01}
    found = {"task_success": gap, "consistency": gap | {"low": -0.3}}
    judged["judge"]["differences"] = {"compiled": {"in_context/toy": found}}
    lines = tabulate_judged_differences(judged).markdown.splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    shown = ["-0.10 (-0.20 to 0.00)", "98", "0.200", "yes", "0.14", "-0.21 to 0.01", "-0.05"]
    assert cells[0][2:] == shown
    assert cells[1][5] == "not shown"
