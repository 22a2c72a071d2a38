"""What conversations take of a flowchart, stage by stage, and what they do not."""

from collections.abc import Mapping

from workbench.design.choices import list_uncovered
from workbench.design.coverage import Coverage
from workbench.flowchart import Flowchart
from workbench.show.escape import escape
from workbench.show.flow import draw_flowchart
from workbench.show.picture import Panel
from workbench.show.switch import switch
from workbench.show.talk import fold

LISTED = 12
"""Names of a kind that are seen at once; where they are more, they are to be unfolded."""


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
    lacking = {} if coverage.is_part else list_uncovered(coverage, flowchart)
    if whole := [kind for kind, names in lacking.items() if not names]:
        said.append(f"All taken: {', '.join(whole)}.")
    html = picture.html + "".join(map(_write, said))
    for kind, names in lacking.items():
        if names:
            head, every = f"Never taken, {kind}: {len(names):,}", ", ".join(names)
            said.append(f"{head}: {every}.")
            html += _write(said[-1]) if len(names) <= LISTED else fold(head, _write(every))
    return Panel(html, "\n".join([str(picture), *said]))


def _write(line: str) -> str:
    return f"<p>{escape(line)}</p>"
