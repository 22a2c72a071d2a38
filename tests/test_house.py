"""The plan of the house: who may import whom, and what may not exist."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "workbench"
ROOMS = ["design", "synthesize", "inspect", "train", "evaluate"]
HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "evaluate", "unsloth"}
HEAVY |= {"langgraph", "langchain_core", "openai"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
CELLARS = {"api"}
"""Folders that belong to the ground: what stands on it may import them."""
ON_TOP = {"batch", "chat", "diff", "gate", "listing", "live", "scoring", "serve", "sweep"}
ON_TOP |= {"__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(tree):
    """Full names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def place_of(name):
    """Room of a module by its full name. Example: "workbench.design.paths" -> "design" """
    first = name.split(".")[1]
    if (PACKAGE / first).is_dir() and first not in CELLARS:
        return first
    return "ground" if first not in ON_TOP else "on top"


def may_import(importer, imported):
    if importer == imported or imported == "ground" or importer == "on top":
        return True
    if importer == "ground" or imported in ("show", "on top"):
        return False
    return importer == "show" or ROOMS.index(imported) < ROOMS.index(importer)


def full_name(file):
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)


@pytest.mark.parametrize("file", MODULES, ids=full_name)
def test_a_room_imports_from_the_ground_and_from_rooms_before_it(file):
    name = full_name(file)
    ours = [found for found in imports(ast.parse(file.read_text())) if "workbench." in found]
    wrong = [found for found in ours if not may_import(place_of(name), place_of(found))]
    if name == "workbench.evaluate.report":
        wrong = [found for found in wrong if place_of(found) != "show"]
    assert not wrong, f"{name} must not import {wrong}"


@pytest.mark.parametrize("file", MODULES, ids=full_name)
def test_heavy_libraries_are_imported_inside_functions(file):
    # what stands under `if TYPE_CHECKING:` is never run
    outside = [
        statement
        for statement in ast.parse(file.read_text()).body
        if not isinstance(statement, FUNCTIONS)
        and not (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING")
    ]
    for statement in [found for found in outside if isinstance(found, ast.ClassDef)]:
        statement.body = [part for part in statement.body if not isinstance(part, FUNCTIONS)]
    found = {name.split(".")[0] for name in imports(ast.Module(outside, []))}
    assert not found & HEAVY


@pytest.mark.parametrize("file", MODULES, ids=full_name)
def test_imports_are_by_full_name(file):
    nodes = ast.walk(ast.parse(file.read_text()))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]


def test_no_module_is_a_drawer_for_everything():
    drawers = {"utils", "util", "common", "helpers", "config", "misc", "core", "base"}
    assert not drawers & {file.stem for file in MODULES}


def test_there_is_no_room_that_the_plan_does_not_have():
    rooms = {file.parent.name for file in MODULES if file.parent != PACKAGE}
    assert rooms <= {*ROOMS, *CELLARS, "show"}


def test_prompts_are_not_in_python_and_code_is_not_in_domains():
    assert not list((PACKAGE.parent / "domains").rglob("*.py"))
    assert not [file for file in MODULES if "prompts" in file.parts]


def test_importing_the_package_loads_nothing_of_others():
    code = (
        "import sys; before = set(sys.modules); import workbench; print(set(sys.modules) - before)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=PACKAGE.parent)
    assert ast.literal_eval(loaded) == {"workbench"}


def test_importing_the_ground_loads_nothing_heavy():
    ground = [full_name(file) for file in MODULES if place_of(full_name(file)) == "ground"]
    ground = [name.removesuffix(".__init__") for name in ground]
    code = f"import sys, {', '.join(ground)}; print(set(sys.modules) & {HEAVY})"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=PACKAGE.parent)
    assert loaded.strip() == "set()"


def test_whatever_show_offers_is_shown_somewhere():
    from workbench import show

    notebooks = [file.read_text("utf-8") for file in (PACKAGE.parent / "notebooks").glob("*.ipynb")]
    for name in show.__all__:
        home = Path(inspect.getsourcefile(inspect.unwrap(getattr(show, name))))
        others = [f for f in MODULES if f != home and f.name != "__init__.py"]
        used = [*notebooks, *(file.read_text("utf-8") for file in others)]
        assert any(re.search(rf"\b{name}\b", text) for text in used), name
