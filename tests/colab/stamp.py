"""Stamps where the project is public into the notebooks: Colab's badge and bootstrap.

Run it with `make colab` after a change of `repository` under [tool.workbench] in pyproject.toml.
Where that is empty there is no badge, and the bootstrap says on Colab what to set.
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]

EXTRAS = {"design": "", "train": "train"}
"""The extra of pyproject.toml that a notebook needs; those that are not here need "models"."""

ON_GPU = ("train", "evaluate")
"""Notebooks for which Colab is asked for a GPU."""

COLAB = "https://colab.research.google.com"

BADGE = Template(
    f"[![Open In Colab]({COLAB}/assets/colab-badge.svg)]"
    f"({COLAB}/github/$repository/blob/$ref/notebooks/$notebook.ipynb)"
)

BOOTSTRAP = Template("""\
import sys
from pathlib import Path

# for Colab alone: what git clones, and where to
URL, REF = "$url", "$ref"
HOME = Path("/content/workbench")
if "google.colab" in sys.modules:
    !test -d {HOME} || git -c advice.detachedHead=0 clone -q --depth 1 -b "{REF}" "{URL}" {HOME}
    assert HOME.exists(), "git cannot clone that: set URL and REF, and run this cell again"
    sys.path.insert(0, str(HOME))
    from workbench.colab import prepare

    prepare("$extra")""")


class SettingError(ValueError):
    """The setting in pyproject.toml cannot be what it says."""


class Address(NamedTuple):
    """Where the project is public."""

    repository: str
    """Owner and name on GitHub, the one host that Colab opens notebooks from."""

    ref: str
    """Tag or branch."""


def read_address(root: Path) -> Address | None:
    """The setting in `root`'s pyproject.toml; None if it is empty.

    Example: repository = "owner/name@v1.0" -> Address("owner/name", "v1.0")

    Raises:
        SettingError: it is not of that form.
    """
    tool = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    setting = tool["workbench"]["repository"]
    if not setting:
        return None
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([\w./-]+)", setting)
    if not found:
        raise SettingError(
            f'repository under [tool.workbench] in pyproject.toml is "{setting}", but must be like'
            " owner/name@v1.0: owner and name on GitHub, and a tag"
        )
    return Address(*found.groups())


def stamp(notebook: dict[str, Any], name: str, address: Address | None) -> dict[str, Any]:
    """A notebook with the badge and the bootstrap of an address, whatever it had before."""
    stage = name.partition("_")[2]
    badge = {"cell_type": "markdown", "id": f"{stage}-badge", "metadata": {}, "source": []}
    cells = [cell for cell in notebook["cells"] if cell["id"] != badge["id"]]
    at = next(i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
    cells[at] = cells[at] | {"source": write_bootstrap(stage, address).splitlines(keepends=True)}
    if address:
        badge["source"] = [BADGE.substitute(address._asdict(), notebook=name)]
        cells = [badge, *cells]
    asked = {"accelerator": "GPU"} if stage in ON_GPU else {}
    return notebook | {"cells": cells, "metadata": asked | notebook["metadata"]}


def write_bootstrap(stage: str, address: Address | None) -> str:
    """The code of a notebook's first cell."""
    url = f"https://github.com/{address.repository}" if address else ""
    ref = address.ref if address else ""
    extra = EXTRAS.get(stage, "models")
    return BOOTSTRAP.substitute(url=url, ref=ref, extra=extra)


def stamp_all(root: Path = ROOT) -> Address | None:
    """Stamp the notebooks of a checkout with its own setting, which is returned."""
    address = read_address(root)
    for file in sorted((root / "notebooks").glob("*.ipynb")):
        stamped = stamp(json.loads(file.read_text("utf-8")), file.stem, address)
        # as nbformat writes it, so that a diff shows the stamp alone
        file.write_text(json.dumps(stamped, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return address


def main() -> int:
    """Stamp this checkout and say what follows; returns the exit code."""
    try:
        address = stamp_all()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 1
    if address:
        print(f"The badges lead to {address.ref} of {address.repository}: commit, tag and push it.")
    else:
        print('No badges: set repository = "owner/name@tag" under [tool.workbench] first.')
    return 0


if __name__ == "__main__":
    sys.exit(main())
