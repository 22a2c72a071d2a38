"""The example workflow: its steps are run, one after the other, as a runner does."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import COFFEE, edit
from ruamel.yaml import YAML

from workbench.__main__ import make_parser
from workbench.current import read_pointer

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "workflows"
WORKFLOW = YAML(typ="safe").load((EXAMPLES / "recompile.yml").read_text("utf-8"))
JOB = WORKFLOW["jobs"]["recompile"]
BOUNDS = """
minimum: {seen: {n: 5, ending_correct: 95, facts_right: 90}}
loss: {all: {n: 4, ending_correct: 1}}
stale: {unknown: fail}
"""

# training takes minutes: in its place a scripted agent is evaluated for real
COMPILE = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from scripted import make_run
from workbench.__main__ import make_parser
from workbench.batch import NOTEBOOKS, check_parameters, choose_notebooks
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.run import runs_folder
given = make_parser().parse_args(sys.argv[1:])
known = dict(domain=given.domain, run=given.run, seed="7", size=given.size)
check_parameters(choose_notebooks(NOTEBOOKS, None), known, dict(given.parameter))
folder, taught = Path("domains", given.domain), os.environ.get("TAUGHT")
if not (runs_folder() / given.domain / given.run).exists():
    agent = Walker(read_domain(taught), has_true_ears=True) if taught else None
    make_run(runs_folder(), given.run, folder, agent, given=given.domain)
"""

PYTHON = """#!/bin/sh
export PYTHONPATH={root}
if [ "$2 $3" = "workbench run" ]; then shift 2; exec {python} {compile} "$@"; fi
exec {python} "$@"
"""

GH = """#!/bin/sh
# gh run download --name NAME --dir FOLDER; gh pr comment NUMBER --body-file -
if [ "$1 $2" = "pr comment" ]; then cat > {store}/comment-$3.md; exit 0; fi
[ -d "{store}/$4" ] || {{ echo "no artifact $4" >&2; exit 1; }}
mkdir -p "$6" && cp -r "{store}/$4/." "$6"
"""

MAKE = "#!/bin/sh\nmkdir -p .venv/bin\n"


@dataclass
class Runner:
    """What a machine of the hosting does: a fresh checkout, then step after step."""

    place: Path
    number: int = 0
    outputs: list[str] = field(default_factory=list)

    def __post_init__(self):
        tools = self.place / "tools"
        self.store = self.place / "store"
        tools.mkdir()
        self.store.mkdir()
        compiled = tools / "compile.py"
        compiled.write_text(COMPILE.format(tests=str(ROOT / "tests")), "utf-8")
        names = {"root": ROOT, "python": sys.executable, "compile": compiled, "store": self.store}
        for name, text in (("python", PYTHON), ("gh", GH)):
            (tools / name).write_text(text.format(**names), "utf-8")
        (tools / "make").write_text(MAKE, "utf-8")
        for tool in tools.iterdir():
            tool.chmod(0o755)

    def check_out(self, domain: Path) -> Path:
        self.number += 1
        checkout = self.place / f"checkout-{self.number}"
        shutil.copytree(domain, checkout / "domains" / "coffee")
        (checkout / "domains/coffee/gate.yaml").write_text(BOUNDS, "utf-8")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Edit"]):
            subprocess.run([*git, *words], cwd=checkout, check=True)
        return checkout

    def run(self, domain: Path, event: str, taught: Path | None = None) -> str:
        """Name of the step that failed, "" if none did."""
        checkout = self.check_out(domain)
        files = {name: checkout / f".{name}" for name in ("GITHUB_ENV", "GITHUB_PATH")}
        env = {
            "PATH": f"{self.place / 'tools'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "DOMAIN": "coffee",
            "SIZE": "smoke",
            "WORKBENCH_RUNS": str(checkout / "runs"),
            "PROMOTE": "--promote" if event == "push" else "",
            "PULL_REQUEST": "7" if event == "pull_request" else "",
            "GITHUB_STEP_SUMMARY": str(checkout / "summary.md"),
            "TAUGHT": str(taught or ""),
        } | {name: str(file) for name, file in files.items()}
        assert {*JOB["env"]} <= {*env, "GH_TOKEN"}
        failed = ""
        for step in JOB["steps"]:
            if not self.is_due(step, env, failed):
                continue
            if "run" in step:
                command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
                done = subprocess.run(
                    command, cwd=checkout, env=env, capture_output=True, text=True
                )
                self.outputs.append(f"{step['name']}: {done.stdout}{done.stderr}")
                failed = failed or (step["name"] if done.returncode else "")
                if files["GITHUB_ENV"].exists():
                    lines = files["GITHUB_ENV"].read_text().splitlines()
                    env |= dict(line.split("=", 1) for line in lines)
            elif "upload-artifact" in step["uses"]:
                self.upload(step["with"], env, checkout)
        return failed

    def is_due(self, step, env, failed):
        """What `if` says, of the few conditions that the file has."""
        condition = step.get("if", "success()")
        known = {
            "success()": not failed,
            "${{ !cancelled() }}": True,
            "env.OLD != ''": not failed and env.get("OLD", "") != "",
            "${{ success() && env.PROMOTE != '' }}": not failed and env["PROMOTE"] != "",
        }
        return known[condition]

    def upload(self, given, env, checkout):
        name, path = (
            re.sub(r"\$\{\{ env\.(\w+) \}\}", lambda found: env[found[1]], given[key])
            for key in ("name", "path")
        )
        target = self.store / name
        for place in [checkout / line for line in path.split()]:
            if place.is_dir():
                shutil.copytree(place, target, dirs_exist_ok=True)
            elif place.exists():
                target.mkdir(exist_ok=True)
                shutil.copy(place, target)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A runner that compiled the first of the domain: there was nothing to compare with."""
    runner = Runner(tmp_path_factory.mktemp("first"))
    assert runner.run(COFFEE, "push") == "", runner.outputs
    return runner


@pytest.fixture
def runner(tmp_path, first):
    """Another machine, which has nothing of that one's but what it uploaded."""
    runner = Runner(tmp_path)
    shutil.copytree(first.store, runner.store, dirs_exist_ok=True)
    return runner


@pytest.mark.slow
def test_a_change_is_compiled_gated_commented_on_and_put_to_use_once_merged(first, runner, copy):
    old = read_pointer("coffee", first.place / "checkout-1/runs").run
    assert (runner.store / "current-coffee/current.json").exists()

    # a pull request that changes the price, and whose model learnt it
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    assert runner.run(copy, "pull_request") == "", runner.outputs
    comment = (runner.store / "comment-7.md").read_text("utf-8")
    assert re.search(rf"## coffee/ci-\w{{12}} against {old}: passed", comment)
    assert (runner.place / "checkout-1/gate.xml").exists()
    # it is not in use yet, and nothing was uploaded that says so
    assert read_pointer("coffee", runner.place / "checkout-1/runs").run == old
    assert old in (runner.store / "current-coffee/current.json").read_text()

    # merged: on a fresh machine the run that passed is found, and promoted
    assert runner.run(copy, "push") == "", runner.outputs
    pointer = read_pointer("coffee", runner.place / "checkout-2/runs")
    assert (pointer.before, pointer.run) == (
        old,
        re.search(r"## coffee/(ci-\w{12}) against", comment)[1],
    )
    assert pointer.run in (runner.store / "current-coffee/current.json").read_text()

    # taken back: the sealed run of before is found, left alone, and used again
    assert runner.run(COFFEE, "push") == "", runner.outputs
    assert read_pointer("coffee", runner.place / "checkout-3/runs").run == old


@pytest.mark.slow
def test_a_change_that_the_model_did_not_learn_stops_at_the_gate_and_says_why(runner, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    assert runner.run(copy, "pull_request", taught=COFFEE) == "Gate"
    assert "old values stated" in (runner.store / "comment-7.md").read_text("utf-8")
    assert 'failures="0"' not in (runner.store / "gate/gate.xml").read_text("utf-8")
    # a fault in the flowchart stops earlier, before anything takes time
    edit(copy, "flowchart.yaml", "next: user_pay", "next: user_pya")
    assert runner.run(copy, "pull_request") == "Check"


def test_expressions_stand_in_the_environment_and_never_in_a_command():
    # what a pull request says must not become a part of a command
    for step in JOB["steps"]:
        assert "${{" not in step.get("run", "")


def test_it_runs_for_changes_of_domains_and_asks_for_no_more_rights_than_it_needs():
    # YAML 1.2 reads "on" as a word
    triggers = WORKFLOW["on"]
    assert triggers["pull_request"]["paths"] == triggers["push"]["paths"] == ["domains/**"]
    wanted = {"contents": "read", "actions": "read", "pull-requests": "write"}
    assert WORKFLOW["permissions"] == wanted


def test_what_it_calls_exists():
    makefile = (ROOT / "Makefile").read_text()
    assert "$(VENV)/.installed:" in makefile
    names = {"DOMAIN": "coffee", "OLD": "old", "NEW": "new", "SIZE": "demo"}
    names |= {"FIRST": "", "PROMOTE": "--promote"}
    for line in list_commands(EXAMPLES / "recompile.yml"):
        # the shell puts in what a variable holds, as it will
        words = line.removeprefix("python -m workbench ").partition(" > ")[0]
        told = subprocess.check_output(
            ["bash", "-c", f'printf "%s\\n" {words}'], env=names, text=True
        )
        make_parser().parse_args(told.splitlines())


def list_commands(file):
    """The calls of the workbench in a file, in order, as they stand there."""
    found = re.findall(r"python -m workbench [^\n]*", file.read_text("utf-8"))
    return [line.removesuffix(')"').removesuffix(" || true") for line in found]


def test_the_script_for_ones_own_machine_makes_the_same_calls_in_the_same_order():
    assert list_commands(EXAMPLES / "recompile.sh") == list_commands(EXAMPLES / "recompile.yml")


@pytest.mark.slow
def test_the_script_goes_from_an_edit_to_a_run_in_use(tmp_path):
    runner = Runner(tmp_path)
    checkout = runner.check_out(COFFEE)
    script = (EXAMPLES / "recompile.sh").read_text()
    env = os.environ | {
        "PATH": f"{runner.place / 'tools'}:{os.environ['PATH']}",
        "WORKBENCH_RUNS": str(checkout / "runs"),
        "PROMOTE": "--promote",
    }

    def call():
        command = ["bash", "-c", script, "recompile.sh", "coffee", "smoke"]
        return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True)

    first = call()
    assert first.returncode == 0, first.stdout + first.stderr
    old = read_pointer("coffee", checkout / "runs").run
    edit(checkout / "domains/coffee", "facts.yaml", "value: 3", "value: 4")
    edit(checkout / "domains/coffee", "facts.yaml", "costs 3 euros", "costs 4 euros")
    second = call()
    assert second.returncode == 0, second.stdout + second.stderr
    pointer = read_pointer("coffee", checkout / "runs")
    assert pointer.before == old != pointer.run
