import re

import pytest

from workbench import sweep
from workbench.__main__ import main
from workbench.batch import BatchError, UsageError
from workbench.domain import UnknownDomainError
from workbench.run import RunNameError, open_run
from workbench.sweep import find_grid, name_run, sweep_notebooks, tabulate_trials

GRID = {"epochs": "1,2", "learning_rate": "3e-4, 6e-4"}


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """The runs executed so far, with their parameters; nothing is really run."""
    calls = {}

    def run_notebooks(domain, run, size, seed, parameters, stages, root, *rest):
        calls[run] = parameters
        results = open_run("travel_booking", run, root)
        if parameters.get("epochs") == "2":
            raise BatchError(f"4_train.ipynb of {run} failed")
        (results.folder / "model").mkdir()
        results.record("train", result={}, seconds=60.5)

    monkeypatch.setattr(sweep, "run_notebooks", run_notebooks)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    return calls


def try_all(parameters, domain="travel_booking", run="demo", **given):
    given = {"progress": False, **given}
    return list(sweep_notebooks(domain, run, "smoke", 7, parameters, **given))


def test_numbers_may_be_lists_and_words_keep_their_commas():
    shares = "success 60, abandonment 25, escalation 15"
    given = {"epochs": "1,2", "batch_size": "4", "shares": shares, "base_model": "a,b"}
    assert find_grid(given) == {"epochs": ["1", "2"]}


def test_without_a_comma_no_notebook_is_read(tmp_path):
    assert find_grid({"epochs": "1"}, notebooks=tmp_path / "nowhere") == {}


def test_every_combination_is_a_run_of_its_own(executed):
    trials = try_all({**GRID, "batch_size": "4"})
    assert list(executed) == [trial.run for trial in trials]
    assert executed == {
        f"demo-epochs-{epochs}-learning_rate-{rate}": {
            "epochs": epochs,
            "learning_rate": rate,
            "batch_size": "4",
        }
        for epochs in ("1", "2")
        for rate in ("3e-4", "6e-4")
    }


@pytest.mark.parametrize("value", ["0.5", "1e+3", "3E-4", "-1", ".5", "1_000"])
def test_a_name_is_one_that_a_folder_may_have(value):
    assert re.fullmatch(r"[a-z0-9_-]{1,64}", name_run("demo", {"epochs": value}))


def test_numbers_that_differ_have_names_that_differ():
    values = ("1", "10", "0.1", "0.01", "1e3", "1e-3", "-1", "1_000", "1.000")
    assert len({name_run("demo", {"epochs": value}) for value in values}) == len(values)


def test_one_that_fails_does_not_stop_the_others(executed):
    trials = try_all({"epochs": "2,1"})
    assert [type(trial.error) for trial in trials] == [BatchError, type(None)]
    assert [trial.summary and trial.summary.train_seconds for trial in trials] == [None, 60.5]


def test_what_nobody_foresaw_does_not_stop_the_others_either(executed, monkeypatch):
    monkeypatch.setattr(sweep, "summarize", lambda run: 1 / 0)
    assert [type(trial.error) for trial in try_all({"epochs": "1,3"})] == [ZeroDivisionError] * 2


def test_ctrl_c_stops_the_whole_sweep(executed, monkeypatch):
    def stop(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_notebooks", stop)
    with pytest.raises(KeyboardInterrupt):
        try_all({"epochs": "1,2"})


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"parameters": {"epochs": "1,x"}}, UsageError, 'epochs of 4_train.ipynb is "x"'),
        ({"parameters": {"epochs": "1,"}}, UsageError, 'epochs of 4_train.ipynb is ""'),
        ({"parameters": {"epochs": "1,1.0"}}, UsageError, "the same value twice: 1, 1.0"),
        ({"parameters": {"seed": "7,8"}}, UsageError, '"seed" is not set with -p'),
        ({"parameters": GRID | {"epoch": "1"}}, UsageError, 'Did you mean "epochs"'),
        ({"parameters": GRID, "domain": "travel_boking"}, UnknownDomainError, "no domain"),
        ({"parameters": GRID, "run": "x" * 40}, RunNameError, "a name is 1 to 64"),
    ],
)
def test_what_is_wrong_with_any_combination_is_said_before_the_first_runs(
    executed, given, error, message
):
    with pytest.raises(error) as raised:
        try_all(**given)
    assert message in str(raised.value)
    assert executed == {}


def test_the_table_says_what_is_measured_and_what_failed(executed):
    _, _, done, failed = str(tabulate_trials(try_all({"epochs": "1,2"}))).splitlines()
    assert done.split() == ["demo-epochs-1", "1", "done", "–", "–", "60.5"]
    assert failed.split() == ["demo-epochs-2", "2", "failed", "–", "–", "–"]


def test_the_command_sweeps_and_exits_with_the_worst_code(executed, capsys):
    assert main(["run", "travel_booking", "-p", "epochs", "1,2"]) == 1
    shown = capsys.readouterr()
    assert "demo-epochs-2 (2 of 2)" in shown.out
    assert "training s" in shown.out
    assert shown.err == "workbench: 4_train.ipynb of demo-epochs-2 failed\n"
    assert main(["run", "travel_booking", "--run", "b", "-p", "epochs", "1,3"]) == 0
    assert main(["run", "travel_booking", "-p", "epochs", "1,x"]) == 2


def test_the_help_says_what_is_taken_apart(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "declare as words (str), such as shares, are never taken apart" in words
