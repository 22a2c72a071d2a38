"""The dry run: calls, tokens and dollars beforehand, and nothing sent or begun."""

import shutil

import pytest
from actors import Actors
from conftest import COFFEE
from provider import Provider

from workbench.__main__ import main
from workbench.batch import forecast
from workbench.domain import read_domain
from workbench.run import open_run


@pytest.fixture
def provider(monkeypatch, tmp_path):
    provider = Provider()
    provider.answer = Actors(read_domain(COFFEE))
    file = tmp_path / "prices.yaml"
    terms = "input: 2, output: 10, date: 2026-11-01, source: a test"
    file.write_text(f"- {{model: toy, host: '127.0.0.1:{provider.port}', {terms}}}")
    monkeypatch.setenv("WORKBENCH_PRICES", str(file))
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    yield provider
    provider.close()


ASKED = {"conversations": "10", "test_scenarios": "2"}


def test_a_dry_run_says_calls_tokens_and_dollars_and_sends_nothing(provider, tmp_path):
    found = forecast(
        str(COFFEE), "dry", "smoke", 7, ASKED | {"teacher": "api/toy", "customer": "api/toy"}
    )
    assert (found.asked, found.left, found.modelled) == (10, 10, 10)
    teacher, customer = found.parts
    # the agent opens and closes
    assert teacher.calls == customer.calls + 10
    assert teacher.prompt_tokens > 300 * teacher.calls
    usd = (teacher.prompt_tokens * 2 + teacher.output_tokens * 10) / 1e6
    assert teacher.cost_usd == pytest.approx(usd)
    assert teacher.most_usd > teacher.cost_usd
    assert "together about $" in str(found)
    assert provider.n_requests == 0
    run = open_run("coffee", "dry", tmp_path / "runs")
    assert run.manifest == {}
    assert not run.file("scenarios.jsonl").exists()


def test_the_command_prints_it_and_runs_nothing(provider, capsys, tmp_path):
    given = [str(COFFEE), "--size", "smoke", "--dry-run", "-p", "conversations", "6"]
    assert main(["run", *given, "-p", "teacher", "api/toy"]) == 0
    printed = capsys.readouterr().out
    assert "6 conversations, 6 of them to be written, 6 with models" in printed
    assert "teacher (api/toy): " in printed
    assert "customer (" not in printed
    assert main(["run", *given]) == 0
    assert "by the phrase book: no calls, no dollars" in capsys.readouterr().out
    assert main(["run", *given, "-p", "teacher", "somebody"]) == 2
    assert 'teacher is "somebody", but must be' in capsys.readouterr().err
    assert provider.n_requests == 0


def test_without_a_price_no_cap_can_be_kept(provider, monkeypatch, capsys):
    monkeypatch.delenv("WORKBENCH_PRICES")
    given = ["run", str(COFFEE), "--size", "smoke", "--dry-run", "-p", "conversations", "4"]
    given += ["-p", "teacher", "api/toy"]
    # a server on this machine needs none
    assert main(given) == 0
    monkeypatch.setenv("WORKBENCH_API_URL", "https://models.example/v1")
    assert main(given) == 1
    assert "nothing can be capped, as no price is known for toy" in capsys.readouterr().err
    assert main([*given, "-p", "cap_usd", "0"]) == 0
    assert "no price is known" in capsys.readouterr().out


def test_a_domain_without_phrases_is_forecast_where_models_say_everything(
    provider, tmp_path, capsys
):
    folder = shutil.copytree(COFFEE, tmp_path / "coffee")
    (folder / "phrases/agent.yaml").unlink()
    given = ["run", str(folder), "--size", "smoke", "--dry-run", "-p", "conversations", "4"]
    assert main([*given, "-p", "teacher", "api/toy"]) == 1
    assert "there is no such file" in capsys.readouterr().err
    assert main([*given, "-p", "teacher", "api/toy", "-p", "customer", "api/toy"]) == 0
    assert "4 with models" in capsys.readouterr().out
