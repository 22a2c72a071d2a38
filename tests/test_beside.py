"""Conditions in the shape of the paper's tables, and its own numbers as what they are."""

import json

import pytest

from workbench.domain import list_domains
from workbench.evaluate.metrics import ALL, MEASURES
from workbench.evaluate.published_costs import PROCEDURES
from workbench.evaluate.published_results import list_published, read_published
from workbench.evaluate.rubric import CRITERIA
from workbench.show.beside import (
    plot_differences,
    plot_quality,
    tabulate_broken,
    tabulate_effort,
    tabulate_quality,
)
from workbench.show.plots import PLOTLY

EVIL = "in_context/<script>alert(1)</script>"


def metric(mean, n=20):
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": n, "unscored": 0}


def cost(seconds, calls, usd):
    tokens = {"prompt_tokens": 900.0, "cached_tokens": 100.0, "reply_tokens": 100.0}
    return tokens | {
        "conversations": 20,
        "replies": 6.0,
        "seconds_per_conversation": seconds,
        "calls": calls,
        "paid_usd": usd,
    }


@pytest.fixture
def result():
    measures = dict.fromkeys(MEASURES, metric(0.8))
    gap = {"mean": 0.3, "low": 0.1, "high": 0.5, "n": 20}
    scores = dict.fromkeys(CRITERIA, metric(4.4))
    return {
        "domain": "travel_booking",
        "conditions": {
            "walker": {"seen": measures},
            "compiled": {"seen": measures, "unseen": dict.fromkeys(MEASURES, metric(0.6))},
            EVIL: {"seen": measures},
            "faulty/jump": {"seen": measures},
        },
        "cost": {"compiled": cost(2.0, None, None), EVIL: cost(9.0, 6.0, 0.05)},
        "differences": {
            "compiled": {
                EVIL: {ALL: dict.fromkeys(MEASURES, gap)},
                "walker": {ALL: dict.fromkeys(MEASURES, gap)},
            }
        },
        "judge": {
            "scores": {"compiled": scores},
            "failures": {"compiled": {"judged": 0.25}},
        },
    }


def cells(panel, name):
    line = next(line for line in panel.markdown.split("\n") if line.startswith(f"| {name}"))
    return [cell.strip().replace("\\$", "$") for cell in line.strip("|").split("|")]


def test_scores_stand_beside_those_that_the_paper_prints(result):
    heads = cells(tabulate_quality(result), "criterion")
    assert heads[1] == "compiled"
    assert heads[3:] == [
        "paper: compiled (Qwen2.5 3B)",
        "paper: orchestrated (same 3B)",
        "paper: LangGraph (Claude Sonnet 4.5)",
        "paper: in context (Claude Sonnet 4.5)",
    ]
    row = cells(tabulate_quality(result), "task success")
    assert row[1:4] == ["4.40 (4.30-4.50), n 20", "–", "4.11 (4.01-4.19)"]
    # one that is printed without an interval gets none
    assert cells(tabulate_quality(result), "naturalness")[-1] == "5.00"


def test_what_a_conversation_takes_stands_beside_the_paper_s(result):
    table = tabulate_effort(result)
    # columns need not be of the same customers
    assert cells(table, "conversations")[1:4] == ["20", "20", "–"]
    assert cells(table, "messages of both")[1:3] == ["11.0", "11.0"]
    assert cells(table, "messages of both")[3] == "22.6"
    assert cells(table, "calls")[1:3] == ["–", "6.0"]
    assert cells(table, "dollars paid")[1:3] == ["–", "$0.05"]
    assert cells(table, "dollars paid")[-1] == "$0.133"
    assert cells(table, "judged failures")[1:4] == ["25.0 %", "–", "5.5 %"]
    # of both sorts of customers together
    assert cells(table, "wrong endings")[1] == "30.0 %, n 40"


def test_a_domain_that_the_paper_has_not_is_shown_by_itself(result):
    result["domain"] = "coffee"
    assert "paper" not in tabulate_quality(result).text + tabulate_effort(result).text
    assert "paper" not in str(plot_quality(result)).split("\n", 1)[1]


def test_without_a_judge_nothing_is_scored_and_nothing_breaks(result):
    del result["judge"]
    assert cells(tabulate_quality(result), "consistency")[1] == "–"
    assert "paper: compiled (Qwen2.5 3B)" in str(plot_quality(result))


@pytest.mark.parametrize("draw", [plot_quality, plot_differences])
def test_a_figure_and_its_picture_say_the_same_and_escape_what_is_named(result, draw):
    plot = draw(result)
    figure = plot._repr_mimebundle_()[PLOTLY]
    names = {trace["name"] for trace in figure["data"]}
    assert "walker" not in str(plot)
    for name in names:
        assert name.replace("&lt;", "<").replace("&gt;", ">") in str(plot)
    assert "<script>alert" not in json.dumps(figure) + plot.still._repr_mimebundle_()["text/html"]
    assert all(len(trace["x"]) == len(trace["error_x"]["array"]) for trace in figure["data"])


def test_why_talks_were_broken_off_is_said(result):
    result["broken_off"] = {"in_context/toy": {"was refused": 3}}
    assert cells(tabulate_broken(result), "in_context/toy")[1:] == ["was refused", "3"]


def test_what_is_published_is_of_the_domains_here_and_agrees_with_its_costs():
    assert set(read_published()) == {"travel_booking", "zoom_support", "insurance_claims"}
    assert set(read_published()) <= set(list_domains())
    for procedure, rows in zip(PROCEDURES, read_published().values(), strict=True):
        usd = [row.usd for row in rows.values() if row.usd]
        assert usd == [
            {
                "travel": 0.001, "zoom": 0.0003, "insurance": 0.0007,
            }[procedure.name],
            procedure.langgraph_usd,
            procedure.in_context_usd,
        ]  # fmt: skip
        for row in rows.values():
            assert set(row.scores) == set(CRITERIA)
            for mean, *ends in row.scores.values():
                assert not ends or ends[0] <= mean <= ends[1]
    assert list_published("coffee") == {}
