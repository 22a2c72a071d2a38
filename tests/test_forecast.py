"""Forecasts: what calls would take, counted before any is made."""

import pytest
from provider import Provider
from remote import COFFEE, STRATA, hold, plan_customers, start_provider

from workbench.__main__ import main
from workbench.evaluate.baselines import BaselineError
from workbench.evaluate.forecast import count_tokens, forecast_evaluation
from workbench.evaluate.judge import JudgeError
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.simulation import file_of
from workbench.run import open_run
from workbench.show.forecasts import describe_forecasts
from workbench.sizes import size_of

SMOKE = size_of("smoke")


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """No runs, no provider and no prices but those of a test."""
    for name in ("WORKBENCH_API_URL", "WORKBENCH_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))


def test_a_run_that_is_not_there_is_forecast_and_nothing_is_left_or_sent(
    coffee_domain, tmp_path, monkeypatch
):
    provider = Provider()
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    asked = (coffee_domain, "mine", SMOKE, 7)
    prompted, led = forecast_evaluation(*asked, baseline="api/toy")
    assert (prompted.what, led.what) == ("in_context/toy", "orchestrated/toy")
    assert prompted.talks == led.talks > 0
    # a router is asked besides, and each step speaks for itself
    assert led.calls > prompted.calls > prompted.talks
    assert led.prompt_tokens > led.calls
    # the procedure is in each prompt, and in a provider's cache
    system = count_tokens([{"content": write_procedure_prompt(coffee_domain)}])
    assert system * prompted.calls < prompted.prompt_tokens
    assert system * prompted.calls <= prompted.cached_tokens < prompted.prompt_tokens
    assert (prompted.usd, prompted.note) == (
        None,
        f"no price is known for toy at 127.0.0.1:{provider.port}",
    )
    assert provider.n_requests == 0
    assert not (tmp_path / "runs").exists()
    provider.close()


def test_without_a_provider_calls_and_tokens_are_said_all_the_same(coffee_domain):
    (found,) = forecast_evaluation(coffee_domain, "mine", SMOKE, 7, baseline="in_context/toy")
    assert found.calls > 0
    text = describe_forecasts([found])
    assert "in_context/toy: no provider is set, so no price is known." in text
    assert f"All together: {found.calls} calls, not all at a known price." in text
    assert "no call would be made" in describe_forecasts([])


def test_a_price_tells_dollars_with_and_without_a_cache(coffee_domain, tmp_path, monkeypatch):
    file = tmp_path / "prices.yaml"
    terms = "input: 10, cached: 1, output: 100, date: 2026-11-01, source: a test"
    file.write_text(f"- {{model: toy, host: localhost, {terms}}}")
    monkeypatch.setenv("WORKBENCH_PRICES", str(file))
    monkeypatch.setenv("WORKBENCH_API_URL", "http://localhost/v1")
    (found,) = forecast_evaluation(coffee_domain, "mine", SMOKE, 7, baseline="in_context/toy")
    fresh = found.prompt_tokens - found.cached_tokens
    paid = fresh * 10 + found.cached_tokens + found.reply_tokens * 100
    assert found.usd == pytest.approx(paid / 1e6)
    assert found.uncached_usd > found.usd


def test_a_judge_is_forecast_with_all_conditions_and_what_is_planted(coffee_domain):
    (few,) = forecast_evaluation(coffee_domain, "mine", SMOKE, 7, "compiled", judge="api/toy")
    more = forecast_evaluation(
        coffee_domain, "mine", SMOKE, 7, "compiled", "api/other", "api/toy, api/judge"
    )
    assert [found.what for found in more] == [
        "in_context/other", "orchestrated/other", "api/toy", "api/judge",
    ]  # fmt: skip
    assert more[2].calls > few.calls > 20
    # the second sees a share
    assert 0 < more[3].calls < more[2].calls / 4
    assert few.reply_tokens == few.calls * 1500


def test_talks_that_are_on_file_are_not_forecast(coffee_domain, tmp_path, monkeypatch):
    provider = start_provider(coffee_domain)
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    run = open_run("coffee", "mine", tmp_path / "runs")
    run.write("scenarios.jsonl", plan_customers(coffee_domain))
    asked = (coffee_domain, "mine", size_of("smoke", baseline_scenarios=99, test_scenarios=99), 7)
    (before,) = forecast_evaluation(*asked, baseline="in_context/toy")
    talks = hold(run, coffee_domain, "in_context/toy", times=2)
    run.write(file_of("in_context/toy"), talks[:3])
    (after,) = forecast_evaluation(*asked, baseline="in_context/toy")
    assert before.talks == len(talks) == len(STRATA) * len(plan_customers(coffee_domain))
    assert after.talks == before.talks - 3
    assert after.calls < before.calls
    provider.close()


def test_what_is_no_baseline_or_judge_is_refused(coffee_domain):
    with pytest.raises(BaselineError):
        forecast_evaluation(coffee_domain, "mine", SMOKE, 7, baseline="toy")
    with pytest.raises(JudgeError):
        forecast_evaluation(coffee_domain, "mine", SMOKE, 7, judge="toy")


def test_the_command_line_prints_it(capsys, tmp_path):
    asked = ["run", str(COFFEE), "--run", "mine", "--size", "smoke", "--dry-run"]
    assert main([*asked, "-p", "baseline", "api/toy", "-p", "baseline_scenarios", "1"]) == 0
    assert "orchestrated/toy" in capsys.readouterr().out
    assert main([*asked]) == 0
    assert "no call would be made" in capsys.readouterr().out
    assert main([*asked, "-p", "baselin", "api/toy"]) == 2
    assert main([*asked, "-p", "baseline", "toy"]) == 2
    assert not (tmp_path / "runs").exists()
