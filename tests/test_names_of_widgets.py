"""What a screen reader calls the fields and lists of the notebooks' widgets."""

import ipywidgets
import pytest
from test_comparison import compare_some
from test_fault_chart import chart_some

from workbench.design.paths import enumerate_paths
from workbench.run import open_run
from workbench.show.browser import Browser
from workbench.show.editor import FlowchartEditor
from workbench.show.walks import Walks


def look_through(domain, folder):
    run = open_run(domain.name, "none", folder)
    run.write("scenarios.jsonl", [])
    run.write("conversations.jsonl", [])
    return Browser(run, domain.flowchart)


# buttons of which one is chosen have names of their own
NAMED = (
    ipywidgets.Text,
    ipywidgets.Textarea,
    ipywidgets.Dropdown,
    ipywidgets.Select,
    ipywidgets.IntSlider,
    ipywidgets.Button,
)
MADE = {
    "browser": look_through,
    "comparison": lambda domain, _: compare_some(domain),
    "faults": lambda domain, _: chart_some(domain),
    "walks": lambda domain, _: Walks(domain.flowchart, every=enumerate_paths(domain.flowchart)),
    "editor": lambda domain, _: FlowchartEditor(domain.folder),
}


@pytest.mark.parametrize("name", MADE)
def test_each_field_list_and_button_has_a_name(name, coffee_domain, tmp_path):
    shown = MADE[name](coffee_domain, tmp_path)
    shown._build()
    named = [widget for widget in shown._widgets.values() if isinstance(widget, NAMED)]
    assert named
    for widget in named:
        # a field without a hint has a space of no width for one
        hint = getattr(widget, "placeholder", "").strip("\u200b")
        assert widget.description or hint, type(widget).__name__
