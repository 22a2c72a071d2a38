"""The notebooks: thin, stripped, parameterized, and run for real at size smoke."""

import ast
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from provider import Provider
from verdicts import answer_as_a_judge

from workbench.batch import run_notebooks
from workbench.evaluate.breakdown import PROMPTED
from workbench.evaluate.faults import is_instrument
from workbench.evaluate.simulation import STRATA
from workbench.listing import summarize
from workbench.run import STAGE_FILES, RunError, open_run
from workbench.web_page import has_exporter

FOLDER = Path(__file__).parents[1] / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
KEY, JUDGE_KEY, TOKEN = "canary-key-1234567", "canary-judge-1234567", "canary-token"
NAMES = ["1_design", "2_synthesize", "3_inspect", "4_train", "5_evaluate"]


def read_code(file):
    return [cell for cell in nbformat.read(file, 4).cells if cell.cell_type == "code"]


def test_there_are_five_notebooks_in_the_order_of_the_rooms():
    assert [file.stem for file in FILES] == NAMES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_notebook_is_committed_without_outputs_and_with_kernel_python3(file):
    notebook = nbformat.read(file, 4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(cell.outputs or cell.execution_count for cell in read_code(file))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_first_cell_is_the_bootstrap_and_the_next_has_the_parameters(file):
    bootstrap, parameters = read_code(file)[:2]
    assert "google.colab" in bootstrap.source
    assert parameters.metadata.tags == ["parameters"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_parameters_are_typed_literals_one_a_line_and_never_booleans(file):
    tree = ast.parse(read_code(file)[1].source)
    assert [node.target.id for node in tree.body][:4] == ["domain", "run", "seed", "size"]
    for node in tree.body:
        assert node.annotation.id in {"str", "int", "float"}
        assert type(ast.literal_eval(node.value)).__name__ == node.annotation.id


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_parameter_line_has_nothing_that_hides_it_from_papermill(file):
    for line in read_code(file)[1].source.splitlines():
        words = line.partition("#")[2]
        assert not re.search(r"[=|#]", words), line


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_cells_are_short_and_define_nothing(file):
    cells = read_code(file)
    assert len(cells) <= 16
    for cell in cells[2:]:
        assert len([line for line in cell.source.splitlines() if line.strip()]) <= 5, cell.source
        assert not re.search(r"^\s*(def|class|for|while|try|with)\b", cell.source, re.M)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_sentence_of_prose_is_read_in_one_breath(file):
    prose = [cell.source for cell in nbformat.read(file, 4).cells if cell.cell_type == "markdown"]
    for line in "\n".join(prose).splitlines():
        for sentence in re.split(r"(?<=[.?!])\s", line):
            assert len(sentence.split()) <= 33, sentence


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_parameter_of_a_notebook_is_read_in_it(file):
    _, parameters, *rest = read_code(file)
    names = [node.target.id for node in ast.parse(parameters.source).body][4:]
    read = {
        node.id
        for cell in rest
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(names) <= read


@pytest.fixture
def train_cells(tmp_path, monkeypatch):
    """Runs the cells of 4_train up to the training, which only notes what it is given."""
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    results = open_run("travel_booking", "demo")
    results.write("rows/train.jsonl", [{"messages": []}])
    cells = {cell.id: cell.source for cell in read_code(FOLDER / "4_train.ipynb")}
    seen = {}

    def run_cells(rows_cut, **given):
        results.record("train", rows_cut=rows_cut)
        names = {}
        exec(cells["train-02"], names)
        names |= given
        before = ("train-03", "train-04", "train-05", "train-start", "train-08")
        for name in (*before, "train-watch", "train-10"):
            exec(cells[name], names)
        seen["shown"] = str(eval(cells["train-10"].splitlines()[-1], names))
        return seen

    def train(*numbers, max_length, method, watcher, **going_on):
        seen["trained"] = max_length
        return {"loss": 0.2}

    monkeypatch.setattr("workbench.train.finetune.train", train)
    monkeypatch.setattr(
        "workbench.train.estimate.estimate_training",
        lambda *numbers: seen.update(estimated=numbers[4]),
    )
    return run_cells


def test_rows_are_estimated_and_trained_at_the_length_that_is_asked_for(train_cells):
    seen = train_cells(rows_cut=0, max_tokens=64)
    assert (seen["estimated"], seen["trained"]) == (64, 64)
    seen = train_cells(rows_cut=0)
    assert (seen["estimated"], seen["trained"]) == (1024, 1024)


def test_rows_that_training_cut_are_shown_if_there_are_any(train_cells):
    assert "rows_cut" not in train_cells(rows_cut=0)["shown"]
    assert "rows_cut" in train_cells(rows_cut=3)["shown"]


def test_rows_that_changed_are_refused_before_anything_is_tried_out(train_cells):
    results = open_run("travel_booking", "demo")
    results.claim("train", rows="others")
    results.write_text("model/model.safetensors", "")
    with pytest.raises(RunError, match="was begun with other rows than there are now"):
        train_cells(rows_cut=0)


def test_baselines_and_judges_are_named_by_parameters():
    cells = [cell.source for cell in read_code(FILES[4])]
    named = {"baseline": "api/one", "baseline_usd": 3.0, "judge": "api/two", "judge_usd": 4.0}
    seen, names = {}, {"results": "run", "book": "domain", "settings": "size"}
    exec(cells[1], names)
    names |= named | {"pricing": SimpleNamespace(read_terms=lambda **given: None)}
    names["evaluate"] = lambda *given, **more: seen.update(more) or "result"
    names["judging"] = SimpleNamespace(judge_run=lambda *given: seen.update(judged=given))
    exec(next(cell for cell in cells if "judge_run(" in cell), names)
    assert (seen["baseline"], seen["baseline_usd"]) == ("api/one", 3.0)
    assert seen["judged"] == ("run", "domain", "result", "api/two", 4.0)


def quote_keys(n, body):
    """Now and then a provider's answer has the key in it, or its error to a judge's question."""
    is_judge = "information_accuracy" in str(body["messages"])
    return "good" if n % 5 else "bad_request" if is_judge else "echo_key"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """All notebooks at size smoke, with a baseline and a judge, and then all once more."""
    provider, root = Provider(quote_keys), tmp_path_factory.mktemp("smoke")
    answer = provider.answer
    provider.answer = lambda body: (
        answer_as_a_judge(body) if "information_accuracy" in str(body) else answer(body)
    )
    address = f"{provider.url}?token={TOKEN}"
    given = {"API_URL": address, "API_KEY": KEY}
    given |= {f"JUDGE_{name}": text for name, text in given.items()} | {"JUDGE_API_KEY": JUDGE_KEY}
    asked = {"parameters": {"baseline": "api/toy", "judge": "api/judge"}, "progress": True}
    asked |= {"size": "smoke", "seed": 7, "root": root}
    printed, done, counts = io.StringIO(), [], []
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(printed),
        redirect_stderr(printed),
    ):
        for name, text in given.items():
            patch.setenv(f"WORKBENCH_{name}", text)
        for _ in range(2):
            done.append(run_notebooks("travel_booking", "smoke", **asked))
            counts.append(provider.n_requests)
    provider.close()
    run = open_run("travel_booking", "smoke", root=root)
    return SimpleNamespace(run=run, done=done, counts=counts, printed=printed.getvalue())


@pytest.mark.slow
def test_all_five_run_headless_at_size_smoke_and_a_second_run_skips_them(smoke):
    first, second = smoke.done
    assert [done.is_skipped for done in first] == [False] * 5
    check_result(json.loads(smoke.run.file("result.json").read_text()))
    assert summarize(smoke.run).stages == tuple(STAGE_FILES)
    assert [done.is_skipped for done in second] == [True] * 5
    assert smoke.counts[0] == smoke.counts[1] > 0


@pytest.mark.slow
def test_no_key_is_left_where_notebook_5_asked_a_baseline_and_a_judge(smoke):
    judge = json.loads(smoke.run.file("result.json").read_text())["judge"]
    assert 0 < judge["unscored"] < judge["asked"]
    left = {file.name: file.read_bytes() for file in smoke.run.folder.rglob("*") if file.is_file()}
    executed = {"5_evaluate.ipynb", *(["5_evaluate.html"] if has_exporter() else [])}
    assert executed | {"calls.sqlite", "judged.jsonl", "report.html"} <= set(left)
    # the provider has said it, in answers and in errors
    assert b"your key is [secret]" in left["in_context_toy.jsonl"]
    assert b"exceeded by [secret]" in left["judged.jsonl"]
    left["printed"] = smoke.printed.encode()
    secrets = [secret.encode() for secret in (KEY, JUDGE_KEY, TOKEN)]
    assert not [name for name, text in left.items() if any(secret in text for secret in secrets)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("domain", ["zoom_support", "insurance_claims"])
def test_the_other_domains_run_headless_at_size_smoke_too(tmp_path, domain):
    # conditions, and all that travel's run shows of them, are the same for every domain
    few = {"conditions": "walker", "test_scenarios": "1", "repeats": "1"}
    settings = {"size": "smoke", "seed": 7, "root": tmp_path, "progress": False}
    done = run_notebooks(domain, "smoke", **settings, parameters=few, stages=None)
    run = open_run(domain, "smoke", root=tmp_path)
    result = json.loads(run.file("result.json").read_text())
    assert len(done) == 5
    assert len(run.read("rows/train.jsonl")) > 20
    perfect = result["conditions"]["walker/true_labels"]
    assert set(perfect) == set(result["conditions"]["compiled"]) == set(STRATA)
    assert all(perfect[stratum]["ending_correct"]["mean"] == 1 for stratum in STRATA)
    assert run.file("report.html").exists()


def check_result(result):
    walker = result["conditions"]["walker/true_labels"]
    perfect = ("ending_correct", "fitness", "branch_correct", "facts_right")
    assert all(walker[s][m]["mean"] == 1 for s in STRATA for m in perfect)
    measured = {name for name in result["conditions"] if not is_instrument(name)}
    prompted = {f"{way}/{model}" for way in PROMPTED for model in ("base", "toy")}
    assert measured == {"walker/true_labels", "walker", "compiled", "floor/base", *prompted}
    assert set(result["savings"]) == prompted
    counts = {name: found["conversations"] for name, found in result["cost"].items()}
    assert counts["compiled/as_baselines"] == counts["in_context/base"] < counts["compiled"]
    assert counts["in_context/toy"] == counts["orchestrated/toy"] == counts["in_context/base"]
    assert result["baselines"]["in_context/toy"]["sampling"] == "greedy"
    assert result["broken_off"] == {}
    assert set(result["conditions"]["compiled"]) == set(STRATA)
    assert set(result["differences"]["compiled"]) == measured - {"compiled"}
    assert result["instruments"]["false_alarms"]["walker"]["n"] == 15
    # random weights cannot follow a procedure: a yardstick that says they can is broken
    assert result["conditions"]["compiled"]["seen"]["ending_correct"]["mean"] < 0.5
    assert result["teacher"] == "phrase_book"
    assert result["schema"] == 2
