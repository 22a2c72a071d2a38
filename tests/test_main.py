from workbench import batch
from workbench.__main__ import main


def test_a_domain_that_does_not_exist_is_wrong_usage(capsys):
    assert main(["run", "travel_boking"]) == 2
    assert 'Did you mean "travel_booking"?' in capsys.readouterr().err
    assert main(["check", "travel_boking"]) == 2


def test_a_run_name_that_no_folder_may_have_is_wrong_usage(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    assert main(["run", "travel_booking", "--run", "My run"]) == 2
    assert 'the run is called "My run", but a name is' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_exits_130_as_shells_expect(monkeypatch):
    def stop(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "run_notebooks", stop)
    assert main(["run", "toy"]) == 130
