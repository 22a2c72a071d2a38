"""Pictures for notebooks and reports; each shows live, reopened, exported and in a log."""

from workbench.show.browse import browse
from workbench.show.browser import Browser
from workbench.show.changed import draw_changes, tabulate_changes
from workbench.show.charts import Interval, bars, histogram, intervals, line
from workbench.show.coverage import draw_coverage
from workbench.show.curves import CurvePoint, curves
from workbench.show.dot import render_svg
from workbench.show.editor import FlowchartEditor
from workbench.show.escape import escape
from workbench.show.explore import explore_flowchart
from workbench.show.flow import draw_flowchart
from workbench.show.page import page
from workbench.show.picture import Panel, Picture
from workbench.show.switch import switch
from workbench.show.table import table
from workbench.show.talk import draw_conversation, draw_conversations
from workbench.show.tokens import draw_tokens
from workbench.show.training import LiveTraining
from workbench.show.walks import Walks
from workbench.show.writing import LiveWriting

__all__ = [
    "Browser",
    "CurvePoint",
    "FlowchartEditor",
    "Interval",
    "LiveTraining",
    "LiveWriting",
    "Panel",
    "Picture",
    "Walks",
    "bars",
    "browse",
    "curves",
    "draw_changes",
    "draw_conversation",
    "draw_conversations",
    "draw_coverage",
    "draw_flowchart",
    "draw_tokens",
    "escape",
    "explore_flowchart",
    "histogram",
    "intervals",
    "line",
    "page",
    "render_svg",
    "switch",
    "table",
    "tabulate_changes",
]
