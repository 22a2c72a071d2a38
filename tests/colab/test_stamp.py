"""Badge and bootstrap: what is stamped, and what the bootstrap does in IPython."""

import json
import os
import re
import shutil
import subprocess
import sys
from inspect import signature

import nbformat
import pytest
import stamp
import test_notebooks
from packaging.requirements import Requirement
from stamp import Address, SettingError, read_address, stamp_all, write_bootstrap
from test_environment import EXTRAS, PROJECT, ROOT, plain

ADDRESS = Address("owner/name", "v1.2")
RULES = [
    rule
    for name, rule in vars(test_notebooks).items()
    if name.startswith("test_") and list(signature(rule).parameters) == ["file"]
]
COLAB = """
import os, sys, types
if sys.argv[2] == "colab":
    sys.modules["google.colab"] = types.ModuleType("google.colab")
from IPython.core.interactiveshell import InteractiveShell
done = InteractiveShell.instance().run_cell(open(sys.argv[1]).read())
print("works in", os.getcwd())
sys.exit(not done.success)
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the notebooks and the setting."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def stamped(checkout):
    """The copy after an address was set and stamped."""
    set_repository(checkout, "owner/name@v1.2")
    stamp_all(checkout)
    return checkout


def set_repository(checkout, setting):
    file = checkout / "pyproject.toml"
    line = f'repository = "{setting}"'
    text, n = re.subn(r'^repository = ".*"$', line, file.read_text(), flags=re.M)
    assert n == 1
    file.write_text(text)


def read_all(checkout):
    return {file.stem: file.read_text() for file in sorted(checkout.glob("notebooks/*.ipynb"))}


def test_the_committed_notebooks_are_what_the_committed_setting_makes_of_them(checkout):
    stamp_all(checkout)
    assert read_all(checkout) == read_all(ROOT)


def test_a_second_stamp_changes_nothing(stamped):
    once = read_all(stamped)
    stamp_all(stamped)
    assert read_all(stamped) == once != read_all(ROOT)


def test_an_emptied_setting_takes_the_stamp_off_again(stamped):
    set_repository(stamped, "")
    stamp_all(stamped)
    for file in (stamped / "notebooks").glob("*.ipynb"):
        stage = file.stem.partition("_")[2]
        assert test_notebooks.read_code(file)[0].source == write_bootstrap(stage, None)
        assert "Open In Colab" not in file.read_text()


def test_each_badge_leads_to_the_notebook_it_stands_in(stamped):
    for name in test_notebooks.NAMES:
        first = nbformat.read(stamped / f"notebooks/{name}.ipynb", 4).cells[0]
        links = re.findall(r"\]\((.*?)\)\]\((.*?)\)", first.source)
        where = f"github/owner/name/blob/v1.2/notebooks/{name}.ipynb"
        assert [link for _, link in links] == [f"https://colab.research.google.com/{where}"]


def test_each_bootstrap_has_the_address_and_asks_for_an_extra_that_exists(stamped):
    for file in (stamped / "notebooks").glob("*.ipynb"):
        source = test_notebooks.read_code(file)[0].source
        assert '"https://github.com/owner/name", "v1.2"' in source
        assert re.search(r'prepare\("(.*)"\)', source)[1] in {"", *EXTRAS}


@pytest.mark.parametrize("name", test_notebooks.NAMES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_stamped_notebooks_keep_the_rules_of_all_notebooks(rule, name, stamped):
    rule(stamped / f"notebooks/{name}.ipynb")


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_a_bootstrap_is_short(address):
    lines = write_bootstrap("train", address).splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) <= 10


def test_training_and_evaluation_ask_for_a_gpu(stamped):
    asked = {
        name: json.loads(text)["metadata"].get("accelerator")
        for name, text in read_all(stamped).items()
    }
    assert [name for name in asked if asked[name] == "GPU"] == ["4_train", "5_evaluate"]


@pytest.mark.parametrize("setting", ["owner/name", "https://github.com/owner/name", "name@v1"])
def test_a_setting_of_another_form_is_refused(checkout, setting):
    set_repository(checkout, setting)
    with pytest.raises(SettingError, match=f'is "{setting}", but must be like owner/name@v1.0'):
        read_address(checkout)
    assert read_all(checkout) == read_all(ROOT)


def test_a_wrong_setting_ends_the_command_with_1(checkout, monkeypatch, capsys):
    set_repository(checkout, "owner")
    monkeypatch.setattr(stamp.stamp_all, "__defaults__", (checkout,))
    assert stamp.main() == 1
    assert "but must be like" in capsys.readouterr().err


def test_our_bounds_take_the_versions_of_colab():
    colab = dict(
        line.split("==")
        for line in (ROOT / "tests/colab/versions.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    colab = {plain(name): version for name, version in colab.items()} | {"torch": "2.11.0"}
    groups = (PROJECT["dependencies"], EXTRAS["models"], EXTRAS["train"])
    bounds = [bound for group in groups for bound in map(Requirement, group)]
    held = [bound for bound in bounds if plain(bound.name) in colab]
    assert len(held) >= 15
    assert [str(b) for b in held if colab[plain(b.name)] not in b.specifier] == []


@pytest.fixture
def colab(tmp_path):
    """Runs a bootstrap as on a new machine of Colab's, with a pip that only notes."""
    public, content = tmp_path / "public", tmp_path / "content/workbench"
    for name in ("workbench/__init__.py", "workbench/colab.py", "notebooks/1_design.ipynb"):
        (public / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, public / name)
    me = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    commit = ["commit", "--quiet", "--no-gpg-sign", "--message", "All"]
    for words in (["init", "--quiet"], ["add", "."], commit, ["tag", "v1.2"]):
        subprocess.run(["git", *me, *words], cwd=public, check=True)
    (tmp_path / "fake/pip").mkdir(parents=True)
    (tmp_path / "fake/pip/__init__.py").touch()
    note = f"import sys; print(*sys.argv[1:], file=open({str(tmp_path / 'pip.log')!r}, 'a'))"
    (tmp_path / "fake/pip/__main__.py").write_text(note)

    def run(address=ADDRESS, place="colab"):
        source = write_bootstrap("train", address)
        source = source.replace("https://github.com/owner/name", public.as_uri())
        cell = tmp_path / "cell.py"
        cell.write_text(source.replace("/content/workbench", str(content)))
        env = {**os.environ, "PYTHONPATH": str(tmp_path / "fake"), "IPYTHONDIR": str(tmp_path)}
        command = [sys.executable, "-c", COLAB, str(cell), place]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)

    run.content, run.pip_log = content, tmp_path / "pip.log"
    return run


def test_the_bootstrap_clones_installs_and_works_in_the_notebooks_folder(colab):
    done = colab()
    assert done.returncode == 0, done.stdout
    assert f"works in {colab.content / 'notebooks'}" in done.stdout
    assert "detached" not in done.stdout
    assert colab.pip_log.read_text().endswith(f"--editable {colab.content}[train]\n")


def test_a_second_run_of_the_bootstrap_clones_and_installs_nothing(colab):
    colab()
    before = colab.pip_log.read_text(), (colab.content / "workbench").stat().st_ctime_ns
    again = colab()
    assert f"works in {colab.content / 'notebooks'}" in again.stdout
    assert before == (colab.pip_log.read_text(), (colab.content / "workbench").stat().st_ctime_ns)


@pytest.mark.parametrize(
    "address", [None, Address("owner/name", "v9"), Address("no/where", "v1.2")]
)
def test_the_bootstrap_says_what_to_set_where_git_cannot_clone(colab, address):
    done = colab(address)
    assert done.returncode == 1
    assert "set URL and REF" in done.stdout
    assert not colab.pip_log.exists()


def test_the_bootstrap_does_nothing_elsewhere(colab):
    done = colab(None, place="a desk")
    assert done.returncode == 0
    assert not colab.content.exists()
