"""What README.md says is there."""

import re
import shlex
from pathlib import Path

import pytest

from workbench.__main__ import main, make_parser

ROOT = Path(__file__).parent.parent
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)


@pytest.fixture
def readme():
    return (ROOT / "README.md").read_text("utf-8")


def commands(readme):
    """Lines that a reader would type: in fences, or indented, or in backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", readme, re.M | re.S)
    indented = re.findall(r"^ {4}(\S.*)$", readme, re.M)
    quoted = re.findall(r"`([^`\n]+)`", readme)
    lines = [line.strip() for block in fenced for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in (*lines, *indented, *quoted)]


def test_it_is_read_in_one_sitting(readme):
    assert len(readme.splitlines()) <= 160


def test_what_was_measured_names_scripts_that_are_there():
    page = (ROOT / "tests/bench/README.md").read_text("utf-8")
    scripts = set(re.findall(r"bench_\w+\.py", page))
    assert len(scripts) > 4
    assert all((ROOT / "tests/bench" / name).exists() for name in scripts)
    lines = [line for line in commands(page) if line.startswith("python -m workbench ")]
    assert lines
    for line in lines:
        make_parser().parse_args(shlex.split(line)[3:])


def test_its_make_commands_exist(readme):
    used = [line.split()[1] for line in commands(readme) if re.match(r"make [a-z]", line)]
    assert used
    assert set(used) <= set(TARGETS)


def test_its_workbench_commands_can_be_parsed(readme):
    lines = [line for line in commands(readme) if line.startswith("python -m workbench ")]
    for line in lines:
        words = shlex.split(line, comments=True)[3:]
        # DOMAIN, NAME and the like stand for something
        if not any(word.isupper() or "..." in word for word in words):
            make_parser().parse_args(words)


def test_its_links_lead_somewhere(readme):
    links = re.findall(r"\]\(([^)\s]+)\)", readme) + re.findall(r'(?:src|href)="([^"]+)"', readme)
    local = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:", link)]
    assert not [link for link in local if link and not (ROOT / link).exists()]


def test_its_links_within_the_page_lead_to_headings(readme):
    headings = re.findall(r"^#+ (.+)$", readme, re.M)
    anchors = {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", readme)) <= anchors


@pytest.mark.parametrize("name", ["my_domain", "refund"])
def test_what_the_page_of_domains_shows_does_what_it_says(tmp_path, monkeypatch, capsys, name):
    page = (ROOT / "domains" / "README.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    mermaid = re.search(r"```\n(flowchart TD.*?)```", page, re.S)[1]
    plain = re.search(r"```yaml\n(name: refund.*?)```", page, re.S)[1]
    Path("refund.mmd").write_text(mermaid, "utf-8")
    Path("refund.yaml").write_text(plain, "utf-8")
    file = "refund.yaml" if name == "refund" else "refund.mmd"
    assert main(["import", file, "--name", name, "--phrases"]) == 0
    assert capsys.readouterr().out.endswith("It is complete.\n")
    assert main(["check", name]) == 0


def test_the_commands_of_the_page_of_domains_can_be_parsed():
    page = (ROOT / "domains" / "README.md").read_text("utf-8")
    lines = [line for line in commands(page) if line.startswith("python -m workbench ")]
    assert len(lines) > 6
    for line in lines:
        words = shlex.split(line.split("|")[0], comments=True)[3:]
        if not any(word.isupper() for word in words):
            make_parser().parse_args(words)
