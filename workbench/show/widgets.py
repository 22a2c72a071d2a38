"""What widgets leave in a notebook's output."""

from typing import Any


def refer_to(box: Any) -> dict[str, Any]:
    """The mime bundle by which a front end finds a widget; of ipywidgets 7 and 8 alike.

    Version 7, which Colab has, makes none itself.
    """
    model = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return {"application/vnd.jupyter.widget-view+json": model}
