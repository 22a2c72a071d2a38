"""How widgets stand beside each other, and what they leave in a notebook's output."""

from typing import Any

WRAPPED = {"flex_flow": "row wrap"}
"""Layout of a row whose parts go below each other where there is no room for them."""

UNSEEN_NAME = {"description_width": "0px"}
"""Style of a list whose name is read out and takes no room: what stands beside it says it too."""


def make_column(share: str, least: str, **more: str) -> dict[str, str]:
    """The layout of a part of a wrapped row: its share of the width, and the least it can do with.

    Shares together leave a little, which is divided among them.

    Example: make_column("52%", "380px")
    """
    return {"flex": f"1 1 {share}", "min_width": least, **more}


def refer_to(box: Any) -> dict[str, Any]:
    """The mime bundle by which a front end finds a widget; of ipywidgets 7 and 8 alike.

    Version 7, which Colab has, makes none itself.
    """
    model = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {"application/vnd.jupyter.widget-view+json": model}
