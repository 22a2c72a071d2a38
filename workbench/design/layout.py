"""New domains: a folder laid out with files, from the template or from whoever has them."""

import re
from pathlib import Path

from workbench.run import project_folder

TEMPLATE = Path(__file__).parent / "template"
"""A small domain that works as it stands; its comments teach."""

TEMPLATE_NAME, TEMPLATE_TITLE = "my_procedure", "My procedure"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class LayoutError(ValueError):
    """A domain cannot be laid out there; nothing was written."""

    exit_code = 2


def lay_out_template(name: str, root: str | Path = "domains") -> Path:
    """A new domain under `root`, from the template; returns its folder.

    Raises:
        LayoutError: the name is none, or is taken.
    """
    files = {
        str(file.relative_to(TEMPLATE)): file.read_text("utf-8")
        .replace(TEMPLATE_NAME, name)
        .replace(TEMPLATE_TITLE, make_title(name))
        for file in sorted(TEMPLATE.rglob("*.yaml"))
    }
    return write_files(find_place(name, root), files)


def make_title(name: str) -> str:
    """The name for people. Example: "my_procedure" -> "My procedure" """
    words = " ".join(name.replace("_", " ").split())
    return words[:1].upper() + words[1:]


def find_place(name: str, root: str | Path = "domains") -> Path:
    """The folder that a new domain gets; nothing is there yet.

    Raises:
        LayoutError: the name is none, or is taken.
    """
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:64].strip("_")
        nearest = f', e.g. "{plain}"' if plain else ""
        raise LayoutError(
            f'"{name}" cannot name a domain: a name begins with a-z and has a-z, 0-9 and _, '
            f"64 at most{nearest}"
        )
    folder = project_folder() / root / name
    if folder.exists() or folder.is_symlink():
        raise LayoutError(f"{folder} exists already; choose another name, or move it away")
    return folder


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write a new folder of texts by their paths in it; returns the folder.

    Raises:
        LayoutError: the folder came to be meanwhile.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise LayoutError(f"{folder} exists already; choose another name") from None
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder
