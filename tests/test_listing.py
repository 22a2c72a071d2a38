import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from conftest import COFFEE

from workbench import domain as domains
from workbench.__main__ import main
from workbench.domain import UnknownDomainError
from workbench.listing import LAST_FACTS, list_runs, summarize, tabulate_runs
from workbench.run import STAGE_FILES, RunError, open_run

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEEN = {"mean": 0.89, "n": 100, "low": 0.761, "high": 0.951, "unscored": 0}
UNSEEN = {"mean": None, "n": 0, "low": None, "high": None, "unscored": 100}


def write_run(root, name, *stages, domain="toy", begun_at=NOON):
    """A run that has done `stages`, the first at noon and each next an hour later."""
    run = open_run(domain, name, root=root)
    for hour, stage in enumerate(stages):
        for file in STAGE_FILES[stage]:
            run.write_text(file, "{}")
        facts = {LAST_FACTS[stage]: 1, "seconds": 60.5}
        run.record(stage, begun_at=begun_at + timedelta(hours=hour), **facts)
    measured = {"seen": {"ending_correct": SEEN}, "unseen": {"ending_correct": UNSEEN}}
    if "evaluate" in stages:
        result = {"size": "demo", "conditions": {"compiled": measured}}
        run.write_text("result.json", json.dumps(result))
    return run


def test_a_finished_run_in_one_line(tmp_path):
    found = summarize(write_run(tmp_path, "a", *STAGE_FILES))
    assert (found.domain, found.run, found.size) == ("toy", "a", "demo")
    assert found.stages == tuple(STAGE_FILES)
    assert found.last_at == "2026-11-22 16:00"
    assert found.train_seconds == 60.5
    assert found.write_ending("seen") == "89.0 % (76.1-95.1), n 100"


def test_what_was_not_scored_is_not_a_zero(tmp_path):
    found = summarize(write_run(tmp_path, "a", *STAGE_FILES))
    assert found.write_ending("unseen") == "not scored (100), n 0"


def test_a_new_run_has_done_nothing_and_has_no_figures(tmp_path):
    found = summarize(open_run("toy", "a", root=tmp_path))
    assert (found.stages, found.last_at, found.write_ending("seen")) == ((), "", None)


@pytest.mark.parametrize("stage", STAGE_FILES)
def test_a_stage_that_was_only_begun_is_not_done(tmp_path, stage):
    run = open_run("toy", "a", root=tmp_path)
    run.claim(stage, seed=7)
    for file in STAGE_FILES[stage]:
        run.write_text(file, "{}")
    assert summarize(run).stages == ()


@pytest.mark.parametrize("stage", STAGE_FILES)
def test_a_stage_whose_files_are_gone_is_not_done(tmp_path, stage):
    run = write_run(tmp_path, "a", *STAGE_FILES)
    run.file(STAGE_FILES[stage][0]).unlink()
    assert set(STAGE_FILES) - set(summarize(run).stages) == {stage}


def test_figures_of_a_model_that_was_trained_anew_since_are_not_shown(tmp_path):
    run = write_run(tmp_path, "a", *STAGE_FILES)
    run.record("train", begun_at=NOON + timedelta(days=1))
    assert summarize(run).stages == ("design", "synthesize", "inspect", "train")
    assert summarize(run).endings == {}


def test_size_and_time_of_headless_notebooks_are_known_before_the_evaluation(tmp_path):
    run = write_run(tmp_path, "a", "design")
    facts = {"parameters": {"size": "smoke"}, "finished_at": "2026-11-22T15:30:00+01:00"}
    run.record("notebooks", **{"1_design": facts, "2_synthesize": {}})
    assert summarize(run).size == "smoke"
    assert summarize(run).last_at == "2026-11-22 14:30"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", '{"design": ', "manifest.json: not JSON"),
        ("manifest.json", '{"design": 5}', "manifest.json must hold an object for each stage"),
        ("manifest.json", '{"design": {"begun_at": "noon"}}', "manifest.json: design.begun_at: "),
        ("manifest.json", '{"notebooks": {"1_design": 5}}', "manifest.json: 1_design: "),
        ("result.json", '{"conditions": 5}', "result.json: conditions: "),
        ("result.json", "", "result.json: the file: Invalid JSON"),
    ],
)
def test_a_broken_run_is_named_and_the_others_are_listed(tmp_path, file, content, message):
    write_run(tmp_path, "a", *STAGE_FILES).write_text(file, content)
    write_run(tmp_path, "b", "design")
    found, broken = list_runs(root=tmp_path)
    assert [summary.run for summary in found] == ["b"]
    assert f"toy/a/{message}" in str(broken[0])
    assert isinstance(broken[0], RunError)


def test_runs_come_by_name_and_only_those_of_a_domain_if_one_is_given(tmp_path):
    for domain, name in (("toy", "b"), ("toy", "a"), ("other", "c")):
        write_run(tmp_path, name, domain=domain)
    (tmp_path / "toy/.ipynb_checkpoints").mkdir()
    (tmp_path / "toy/notes.txt").write_text("not a run")
    assert [summary.run for summary in list_runs(root=tmp_path)[0]] == ["c", "a", "b"]
    assert [summary.run for summary in list_runs("toy", tmp_path)[0]] == ["a", "b"]


def test_a_domain_without_runs_has_none_and_an_unknown_one_is_refused(tmp_path):
    assert list_runs("travel_booking", tmp_path) == ([], [])
    with pytest.raises(UnknownDomainError, match='no domain "toy"'):
        list_runs("toy", tmp_path)


def test_the_table_has_a_row_for_each_run(tmp_path):
    write_run(tmp_path, "a", *STAGE_FILES)
    write_run(tmp_path, "b", "design")
    _, _, first, second = str(tabulate_runs(list_runs(root=tmp_path)[0])).splitlines()
    assert "1,2,3,4,5  2026-11-22 16:00  89.0 % (76.1-95.1), n 100" in first
    assert second.split() == ["toy", "b", "–", "1", "2026-11-22", "12:00", "–", "–"]


def test_the_command_lists_runs_and_then_domains(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    assert main(["list"]) == 0
    assert f"There are no runs in {tmp_path}" in capsys.readouterr().out
    write_run(tmp_path, "a", "design")
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert out.index("toy") < out.index("Domains that can be run: ")


def test_a_domain_that_lacks_files_is_not_called_runnable(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(domains, "project_folder", lambda: tmp_path)
    shutil.copytree(COFFEE, tmp_path / "domains" / "whole")
    shutil.copytree(COFFEE, tmp_path / "domains" / "half")
    (tmp_path / "domains" / "half" / "phrases" / "customer.yaml").unlink()
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "Domains that can be run: whole\n" in out
    assert '"half" is not complete and cannot be run yet; python -m workbench check half' in out
    assert main(["check", "half"]) == 1
    assert "customer.yaml: there is no such file." in capsys.readouterr().out


def test_the_command_names_a_broken_run_and_exits_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    write_run(tmp_path, "a", "design").write_text("manifest.json", "oh")
    assert main(["list", "toy"]) == 1
    assert "manifest.json: not JSON" in capsys.readouterr().err
