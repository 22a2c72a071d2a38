import json
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from workbench import batch
from workbench.__main__ import main
from workbench.batch import BatchError, UsageError, headline, parse_stages, run_notebooks
from workbench.domain import DomainError
from workbench.run import RunError, open_run
from workbench.web_page import has_exporter, write_web_page

PARAMETERS = """\
domain: str = "toy"  # a folder under domains
run: str = "demo"
seed: int = 7
size: str = "demo"
"""

OPEN = "from workbench.run import open_run\nresults = open_run(domain, run)"

CODE = {
    1: ["results.write('paths.jsonl', [{'seed': seed}])\nprint('two paths')"],
    2: ["results.write('conversations.jsonl', results.read('paths.jsonl') * n)"],
    3: ["results.write('rows/train.jsonl', results.read('conversations.jsonl'))"],
    4: ["results.write_text('model/card.md', str(learning_rate))"],
    5: ["results.write_text('report.md', '# Report\\n\\n| n |\\n| - |\\n| 40 |\\n\\ntext')"],
}

OWN = {2: "n: int = 2\n", 4: "learning_rate: float = 0.5\n"}


def write_notebook(folder, number, *cells, parameters=None):
    own = PARAMETERS + OWN.get(number, "") if parameters is None else parameters
    first = nbformat.v4.new_code_cell(own, metadata={"tags": ["parameters"]})
    rest = [nbformat.v4.new_code_cell(code) for code in (OPEN, *(cells or CODE[number]))]
    notebook = nbformat.v4.new_notebook(cells=[first, *rest])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, folder / f"{number}_{batch.STAGES[number - 1]}.ipynb")


def make_place(folder, patch):
    (folder / "notebooks").mkdir()
    (folder / "toy").mkdir()
    (folder / "toy/flowchart.yaml").write_text("name: toy\n")
    for number in CODE:
        write_notebook(folder / "notebooks", number)
    domain = SimpleNamespace(folder=folder / "toy", name="toy")
    (folder / "package/room").mkdir(parents=True)
    (folder / "package/room/module.py").write_text("one = 1\n")
    patch.setattr(batch, "PACKAGE", folder / "package")
    for reader in ("read_domain", "read_design"):
        patch.setattr(f"workbench.domain.{reader}", lambda name: domain, raising=False)
    patch.setenv("JUPYTER_DATA_DIR", str(folder / "jupyter"))
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a domain and with notebooks that do next to nothing."""
    return make_place(tmp_path, monkeypatch)


def run(place, **given):
    given = {"progress": False, "notebooks": place / "notebooks", **given}
    return run_notebooks("toy", root=place / "runs", **given)


def skipped(finished):
    return [done.is_skipped for done in finished]


def test_the_design_alone_wants_no_phrases(place, monkeypatch):
    def refuse(name):
        raise DomainError("phrases/agent.yaml: there is no such file.")

    monkeypatch.setattr("workbench.domain.read_domain", refuse)
    assert skipped(run(place, stages=[1])) == [False]
    with pytest.raises(DomainError):
        run(place, stages=[1, 2])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A place where all five have run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_place(tmp_path_factory.mktemp("done"), patch)
        run(folder)
        yield folder


def test_five_notebooks_run_in_order_with_their_parameters(done):
    results = open_run("toy", "demo", root=done / "runs")
    assert results.read("rows/train.jsonl") == [{"seed": 7}] * 2
    kinds = ["html", "ipynb"] if has_exporter() else ["ipynb"]
    assert [file.name for file in sorted(results.file("notebooks").iterdir())] == [
        f"{number}_{stage}.{kind}"
        for number, stage in enumerate(batch.STAGES, start=1)
        for kind in kinds
    ]
    assert all(facts["seconds"] > 0 for facts in results.manifest["notebooks"].values())


def test_a_second_run_skips_everything_within_seconds(done):
    begun = time.monotonic()
    assert skipped(run(done)) == [True] * 5
    assert time.monotonic() - begun < 3


def test_another_parameter_reruns_its_notebook_and_those_that_read_its_files(place):
    run(place, stages=[1, 2])
    finished = run(place, stages=[1, 2, 3], parameters={"n": "3"})
    assert skipped(finished) == [True, False, False]
    assert len(open_run("toy", "demo", root=place / "runs").read("rows/train.jsonl")) == 3


def test_an_edited_domain_reruns_from_the_start(place):
    run(place, stages=[1])
    (place / "toy/flowchart.yaml").write_text("name: toy\ntitle: New\n")
    assert skipped(run(place, stages=[1])) == [False]
    # what a run must reach says nothing of how it is made
    (place / "toy/gate.yaml").write_text("minimum: {}\n")
    assert skipped(run(place, stages=[1])) == [True]


def test_the_results_of_a_sweep_rerun_the_evaluation_that_shows_them(place):
    run(place, stages=[4, 5])
    swept = open_run("toy", "demo-epochs-2", root=place / "runs")
    swept.write_text("result.json", "{}")
    assert skipped(run(place, stages=[4, 5])) == [True, False]
    assert skipped(run(place, stages=[5])) == [True]


def test_a_verdict_reruns_the_screening_and_nothing_before_it(place):
    run(place, stages=[1, 2, 3])
    results = open_run("toy", "demo", root=place / "runs")
    results.append("reviews.jsonl", [{"conversation_id": "a", "verdict": "accept"}])
    assert skipped(run(place, stages=[1, 2, 3])) == [True, True, False]
    assert skipped(run(place, stages=[1, 2, 3])) == [True] * 3


def test_edited_code_of_the_package_reruns_what_calls_it(place):
    run(place, stages=[1])
    (place / "package/room/module.py").write_text("one = 2\n")
    assert skipped(run(place, stages=[1])) == [False]


def test_compiled_code_does_not_count(place):
    run(place, stages=[1])
    (place / "package/room/module.cpython-311.pyc").write_bytes(b"x")
    assert skipped(run(place, stages=[1])) == [True]


def test_a_deleted_result_is_made_again(done):
    open_run("toy", "demo", root=done / "runs").file("report.md").unlink()
    assert skipped(run(done)) == [True, True, True, True, False]


def test_a_failure_names_notebook_cell_and_error_and_stops(place):
    write_notebook(place / "notebooks", 2, "x = 1", "# why\nresults.read('nowhere.jsonl')")
    message = r"2_synthesize\.ipynb .* cell \[5\] \(results\.read.*RunError: .*nowhere\.jsonl"
    with pytest.raises(BatchError, match=message):
        run(place)
    assert not (place / "runs/toy/demo/notebooks/3_inspect.ipynb").exists()


def test_after_a_failure_the_same_command_goes_on_from_there(place):
    write_notebook(place / "notebooks", 2, "1 / 0")
    with pytest.raises(BatchError, match="ZeroDivisionError"):
        run(place, stages=[1, 2])
    write_notebook(place / "notebooks", 2)
    assert skipped(run(place, stages=[1, 2])) == [True, False]


def test_a_dead_kernel_is_one_sentence(place):
    write_notebook(place / "notebooks", 1, "import os\nos._exit(1)")
    with pytest.raises(BatchError, match=r"1_design.*lost its kernel"):
        run(place, stages=[1])


def test_written_notebooks_are_trusted_in_jupyterlab(place):
    run(place, stages=[1])
    notebook = nbformat.read(place / "runs/toy/demo/notebooks/1_design.ipynb", as_version=4)
    assert NotebookNotary().check_signature(notebook)


def test_a_page_stands_beside_a_notebook_that_needs_no_network_and_no_kernel(place):
    pytest.importorskip("nbconvert", reason='no nbconvert: pip install -e ".[lab]"')
    widget = "import ipywidgets\nfrom workbench.show.widgets import refer_to\n"
    widget += "display(refer_to(ipywidgets.IntText()) | {'text/html': '<p>a still</p>'}, raw=True)"
    write_notebook(place / "notebooks", 1, *CODE[1], widget)
    (done,) = run(place, stages=[1])
    page = done.notebook.with_suffix(".html").read_text("utf-8")
    assert "two paths" in page
    assert "<p>a still</p>" in page
    assert "widget-view+json" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*', page)


def test_of_a_progress_bar_copy_and_page_have_the_last_state_alone(place):
    moves = "from tqdm import tqdm\nfor _ in tqdm(range(3), mininterval=0): pass"
    write_notebook(place / "notebooks", 1, *CODE[1], moves)
    (done,) = run(place, stages=[1])
    cells = nbformat.read(done.notebook, as_version=4).cells
    (bar,) = [o.text for c in cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert (bar.count("3/3"), bar.count("1/3")) == (1, 0)


def test_a_page_of_somebody_s_own_copy_has_the_last_state_of_a_bar_alone(tmp_path):
    pytest.importorskip("nbconvert", reason='no nbconvert: pip install -e ".[lab]"')
    texts = [f"\rat {n} of 3" for n in range(1, 4)]
    outputs = [nbformat.v4.new_output("stream", name="stderr", text=text) for text in texts]
    cell = nbformat.v4.new_code_cell("", outputs=outputs)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "own.ipynb")
    page = write_web_page(tmp_path / "own.ipynb", tmp_path / "own.html").read_text("utf-8")
    assert ("at 3 of 3" in page, "at 2 of 3" in page) == (True, False)


@pytest.mark.parametrize("has_page", [True, False])
def test_a_page_that_cannot_be_written_is_said_and_the_notebook_is_done(
    place, has_page, monkeypatch, capsys
):
    def fail(notebook, page):
        raise ValueError("no templates")

    monkeypatch.setattr(batch, "has_exporter", lambda: has_page)
    monkeypatch.setattr(batch, "write_web_page", fail)
    (done,) = run(place, stages=[1], progress=True)
    assert not done.is_skipped
    assert ("1_design.html was not written: no templates" in capsys.readouterr().out) == has_page


def test_the_kernel_is_this_python_whatever_python3_means_to_the_user(place):
    spec = place / "jupyter/kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    write_notebook(place / "notebooks", 1, "import sys\nresults.record('x', python=sys.executable)")
    run(place, stages=[1])
    manifest = open_run("toy", "demo", root=place / "runs").manifest
    assert manifest["x"]["python"] == sys.executable


def test_what_notebooks_print_is_shown_as_it_comes(place, capfd):
    run(place, stages=[1], progress=True)
    assert "two paths" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rat": "1"}, 'no notebook to run has a parameter "learning_rat". Did you mean'),
        ({"n": "1e3"}, 'n of 2_synthesize.ipynb is "1e3", but must be a whole number'),
        ({"n": "false"}, 'n of 2_synthesize.ipynb is "false", but must be a whole number'),
        ({"learning_rate": "high"}, 'is "high", but must be a number such as 0.5'),
        ({"learning_rate": "nan"}, 'is "nan", but must be a number such as 0.5'),
        ({"seed": "8"}, '"seed" is not set with -p'),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(place, parameters, message):
    with pytest.raises(UsageError) as error:
        run(place, parameters=parameters)
    assert message in str(error.value)
    assert not (place / "runs").exists()


def test_a_number_in_exponent_form_reaches_a_float_parameter(place):
    assert batch._convert("1e-4", "float", "x") == 1e-4
    assert batch._convert("007", "str", "x") == "007"


def test_a_notebook_without_a_common_parameter_is_refused(place):
    write_notebook(place / "notebooks", 3, parameters='domain: str = "toy"\n')
    with pytest.raises(UsageError, match=r'3_inspect\.ipynb has no parameter "run"'):
        run(place)


def test_a_yes_or_no_parameter_is_refused(place):
    write_notebook(place / "notebooks", 3, parameters=PARAMETERS + "strict: bool = True\n")
    with pytest.raises(UsageError, match="declares strict as bool; it must be int, float or str"):
        run(place)


def test_a_missing_notebook_is_named(place):
    (place / "notebooks/4_train.ipynb").unlink()
    with pytest.raises(UsageError, match=r"has no 4_train\.ipynb"):
        run(place)


def test_a_second_batch_on_the_same_run_is_refused(place):
    results = open_run("toy", "demo", root=place / "runs")
    code = (
        f"from workbench.run import open_run\n"
        f"with open_run('toy', 'demo', root={str(place / 'runs')!r}).lock('batch'): "
        f"print('held', flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(RunError, match=f"process {child.pid}"):
        run(place)
    child.communicate(b"\n")
    assert results.manifest == {}


def test_the_environment_is_left_as_it_was(place, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", "/somewhere")
    run(place, stages=[1])
    assert os.environ["WORKBENCH_RUNS"] == "/somewhere"


def test_the_headline_is_the_first_table_and_where_the_report_is(done):
    text = headline(open_run("toy", "demo", root=done / "runs"))
    assert "| n |\n| - |\n| 40 |" in text
    assert text.endswith("demo/report.md")


def test_stages_are_numbers_and_ranges():
    assert parse_stages("2-4") == [2, 3, 4]
    assert parse_stages("5, 1") == [1, 5]
    for text in ("0", "6", "3-2", "", "a", "1-", "1--2"):
        with pytest.raises(UsageError, match="must be like 3, 2-4 or 1,5"):
            parse_stages(text)


def test_wrong_usage_of_the_command_line_exits_2(place):
    assert main(["run", "toy", "--stages", "9"]) == 2
    assert main(["run", "toy", "-p", "n", "1", "-p", "n", "2"]) == 2
    with pytest.raises(SystemExit) as error:
        main(["run", "toy", "--size", "huge"])
    assert error.value.code == 2


def test_an_error_of_ours_is_one_sentence_without_a_traceback(monkeypatch, capsys):
    def fail(*given):
        raise BatchError("it failed")

    monkeypatch.setattr(batch, "run_notebooks", fail)
    assert main(["run", "toy"]) == 1
    assert capsys.readouterr().err == "workbench: it failed\n"


def test_the_version_comes_fast_and_loads_nothing_heavy():
    code = (
        "import sys; from workbench.__main__ import make_parser; make_parser(); print(*sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"pydantic", "papermill", "networkx", "torch"} & set(loaded)
