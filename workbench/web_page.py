"""An executed notebook as a page of HTML that needs neither a kernel nor a network."""

from importlib.util import find_spec
from pathlib import Path

from workbench.run import replace_file


def has_exporter() -> bool:
    """Whether nbconvert is here, which comes with JupyterLab: extra "lab"."""
    return find_spec("nbconvert") is not None


def write_web_page(notebook: Path, page: Path, has_code: bool = True) -> Path:
    """Write a notebook with its outputs as a page, and say where it lies.

    The state of widgets is left out: a page with it draws them by scripts from the network, where
    one without has what stands in their place. Nor are formulas drawn, of which there are none.

    Raises:
        ValueError, OSError: nbconvert's, which lacks its templates, or the notebook's.
    """
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    # of a progress bar only the last state is shown, whoever executed the notebook
    steps = ("ClearMetadataPreprocessor", "CoalesceStreamsPreprocessor")
    config = Config({step: {"enabled": True} for step in steps})
    nowhere = {"mathjax_url": "", "require_js_url": ""}
    exporter = HTMLExporter(exclude_input=not has_code, config=config, **nowhere)
    text, _ = exporter.from_filename(str(notebook))
    replace_file(page, text.encode())
    return page
