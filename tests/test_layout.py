"""New domains: what is laid out works, and nothing is overwritten."""

import tomllib
from pathlib import Path

import pytest
from conftest import talk_through

import workbench
from workbench.__main__ import main
from workbench.design.covering import cover_route_pairs
from workbench.design.layout import TEMPLATE, LayoutError, lay_out_template, make_title
from workbench.design.paths import enumerate_paths
from workbench.domain import check_domain, read_domain


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    return read_domain(lay_out_template("tea_house", tmp_path_factory.mktemp("domains")))


def test_what_is_laid_out_has_no_problems_and_its_own_name(laid_out):
    assert check_domain(laid_out.folder) == []
    assert (laid_out.name, laid_out.flowchart.title) == ("tea_house", "Tea house")
    texts = [file.read_text("utf-8") for file in laid_out.folder.rglob("*.yaml")]
    assert not [text for text in texts if "y_procedure" in text or "y procedure" in text]


@pytest.mark.parametrize("split", ["train", "test"])
def test_it_is_talked_through_as_planned(laid_out, split):
    chart = laid_out.flowchart
    for number, path in enumerate([*enumerate_paths(chart), *cover_route_pairs(chart)]):
        talk_through(laid_out, path, number, split)


def test_every_file_of_the_template_teaches_in_comments():
    files = sorted(TEMPLATE.rglob("*.yaml"))
    assert len(files) == 7
    assert not [file for file in files if not file.read_text("utf-8").startswith("#")]


def test_the_command_says_what_to_do_next_and_that_passes(project, capsys):
    assert main(["new", "tea_house"]) == 0
    assert "python -m workbench check tea_house" in capsys.readouterr().out
    assert main(["check", "tea_house"]) == 0


def test_nothing_is_overwritten(project, capsys):
    (project / "domains" / "tea_house").mkdir(parents=True)
    assert main(["new", "tea_house"]) == 2
    assert "tea_house exists already; choose another name" in capsys.readouterr().err
    assert not list((project / "domains" / "tea_house").iterdir())


def test_nor_is_what_a_link_leads_to(project):
    (project / "domains").mkdir()
    (project / "domains" / "tea").symlink_to(project / "nowhere")
    with pytest.raises(LayoutError, match="exists already"):
        lay_out_template("tea")


@pytest.mark.parametrize(
    "name", ["", "Tea", "1tea", "tea-house", "../tea", "a/b", "tée", "a" * 65, ".", "a\n", "_"]
)
def test_a_name_that_no_domain_may_have_is_refused(project, name):
    with pytest.raises(LayoutError, match="a name begins with a-z"):
        lay_out_template(name)
    assert not list(project.iterdir())


def test_a_refused_name_comes_with_one_that_is_good():
    with pytest.raises(LayoutError, match=r'e\.g\. "my_tea_house"'):
        lay_out_template("My tea-house!")


def test_a_title_is_made_of_a_name():
    assert make_title("my_tea__house_2_") == "My tea house 2"


def test_every_file_of_the_package_that_is_no_code_is_installed_with_it():

    package = Path(workbench.__file__).parent
    project = tomllib.loads((package.parent / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["workbench"]
    installed = {file for pattern in patterns for file in package.glob(pattern)}
    others = {f for f in package.rglob("*") if f.suffix in (".yaml", ".md", ".json")}
    assert others <= installed
