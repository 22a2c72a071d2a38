"""What conversations take of a flowchart, stage by stage, and what they do not."""

from collections.abc import Mapping

from workbench.design.choices import list_uncovered
from workbench.design.coverage import Coverage
from workbench.flowchart import Flowchart
from workbench.show.escape import escape
from workbench.show.flow import draw_flowchart
from workbench.show.picture import Panel
from workbench.show.switch import switch

LISTED = 60
"""Names of a kind that are listed at most."""


def draw_coverage(
    stages: Mapping[str, Coverage], flowchart: Flowchart, dropped: Coverage | None = None
) -> Panel:
    """The flowchart as each stage takes it, one at a time, the last first; what it lacks below.

    `dropped` are the conversations that screening took out: what they do not take is no fault.
    """
    views = {name: _draw(coverage, flowchart) for name, coverage in stages.items()}
    last = [*views][-1]
    if dropped is not None:
        views["dropped"] = _draw(dropped, flowchart)
    return switch(views, last)


def _draw(coverage: Coverage, flowchart: Flowchart) -> Panel:
    picture = draw_flowchart(flowchart, coverage)
    said = [f"{coverage.paths.total():,} walks, {len(coverage.paths):,} of them different."]
    if not coverage.is_part:
        lacking = list_uncovered(coverage, flowchart)
        whole = [kind for kind, names in lacking.items() if not names]
        said += [f"All taken: {', '.join(whole)}."] if whole else []
        said += [f"Never taken, {kind}: {_list(n)}." for kind, n in lacking.items() if n]
    html = "".join(f"<p>{escape(line)}</p>" for line in said)
    return Panel(picture.html + html, "\n".join([str(picture), *said]))


def _list(names: list[str]) -> str:
    more = f", and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return f"{len(names):,}: {', '.join(names[:LISTED])}{more}"
