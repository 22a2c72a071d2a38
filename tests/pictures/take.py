"""Takes the pictures in README.md from a finished run, in headless Chromium: `make pictures`.

The run's executed notebooks are exported as HTML, offline, and their outputs photographed as they
stand there; the report is opened as it is. Nothing is drawn for the pictures: what a run does not
have is said, and its picture stays as it was.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.web_page import write_web_page

ROOT = Path(__file__).parents[2]
HERE = ROOT / "notebooks" / "pictures"
WIDE, HIGH = 1200, 900
MOST = 1300
"""Pixels that a picture is high at most: what is longer is cut there."""


class PictureError(RuntimeError):
    """A picture cannot be taken; the message says what is missing."""


@dataclass(frozen=True)
class Shot:
    """One picture: where it is found, and what is done before it is taken."""

    file: str
    """Within the run's folder: a notebook, or a page."""

    found: str
    """CSS selector of what is photographed; empty: the top of the page."""

    prepare: Callable[[Any], None] | None = None
    """Is given the Playwright page."""


def cell(id_: str, inside: str = "") -> str:
    """Selector of a cell's output in an exported notebook."""
    return f'[id="cell-id={id_}"] .jp-OutputArea-output {inside}'.rstrip()


def choose_hub(page: Any) -> None:
    """Click the first hub of the flowchart: its card tells what stands there."""
    card = page.locator("[data-explore] summary", has_text="(hub)").first
    hub = card.inner_text().removesuffix(" (hub)")
    page.locator("[data-explore] g.node", has=page.get_by_text(hub, exact=True)).first.click()


SHOTS = {
    "flowchart": Shot("notebooks/1_design.ipynb", "[data-explore]", choose_hub),
    "coverage": Shot("notebooks/3_inspect.ipynb", "[data-switch]"),
    # the cell's first output is another table
    "sides": Shot(
        "notebooks/5_evaluate.ipynb", cell("evaluate-08", "table[style*='table-layout:fixed']")
    ),
    "conversation": Shot(
        "notebooks/5_evaluate.ipynb", cell("evaluate-15", "div[style*=max-width]")
    ),
    "report": Shot("report.html", ""),
}
"""By the picture's name."""


def take(run: Path, to: Path, names: list[str]) -> list[str]:
    """Take pictures of a run into a folder; returns what could not be taken and why."""
    left = []
    with tempfile.TemporaryDirectory() as kept, open_browser() as browser:
        for name in names:
            try:
                photograph(browser, SHOTS[name], run, Path(kept), to / f"{name}.png")
                print(f"{to / name}.png")
            except PictureError as error:
                left.append(f"{name}: {error}")
    return left


def photograph(browser: Any, shot: Shot, run: Path, kept: Path, to: Path) -> None:
    """Take one picture.

    Raises:
        PictureError: the run does not have it.
    """
    file = run / shot.file
    if not file.exists():
        raise PictureError(f"{file} is not there; run that stage first")
    page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, device_scale_factor=1.5)
    page.context.set_offline(True)
    page.goto(export(file, kept).as_uri(), wait_until="domcontentloaded")
    try:
        if not shot.found:
            page.screenshot(path=to)
            return
        found = page.locator(shot.found).first
        if not found.count():
            raise PictureError(f"{file} has no output where {shot.found} would be; run it again")
        if shot.prepare:
            shot.prepare(page)
        page.mouse.move(0, 0)
        box = found.bounding_box()
        page.screenshot(path=to, full_page=True, clip=box | {"height": min(box["height"], MOST)})
    finally:
        page.close()


def export(file: Path, kept: Path) -> Path:
    """The file as a page: a notebook as HTML, code left out."""
    if file.suffix != ".ipynb":
        return file.resolve()
    page = kept / f"{file.stem}.html"
    return page if page.exists() else write_web_page(file, page, has_code=False)


@contextmanager
def open_browser() -> Iterator[Any]:
    """Headless Chromium.

    Raises:
        PictureError: there is none.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise PictureError("no Chromium on the PATH: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield browser
        finally:
            browser.close()


def main(words: list[str] | None = None) -> int:
    """Exits with 1 if a picture could not be taken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a finished run, runs/DOMAIN/NAME")
    parser.add_argument("--to", type=Path, default=HERE, help="folder of the pictures")
    parser.add_argument("--only", nargs="*", choices=SHOTS, default=[*SHOTS])
    given = parser.parse_args(words)
    given.to.mkdir(parents=True, exist_ok=True)
    try:
        left = take(given.run, given.to, given.only)
    except PictureError as error:
        left = [str(error)]
    for line in left:
        print(f"not taken: {line}", file=sys.stderr)
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
