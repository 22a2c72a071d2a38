"""A writing to watch: how far it is and how fast, what it costs, and the latest conversation."""

import time
from collections.abc import Callable, Iterator

from workbench.conversation import Conversation
from workbench.show.escape import clip, escape
from workbench.show.picture import Panel
from workbench.show.talk import NAMES
from workbench.show.watched import Watched
from workbench.synthesize.progress import WritingLog
from workbench.synthesize.rejections import Rejection

MOST_MESSAGES = 10
"""Messages that are shown of a conversation."""

MOST_LETTERS = 160
"""Letters that are shown of a message, or of a reason."""

_BOX = "max-width:760px;height:17em;overflow:auto;font-size:13px;line-height:1.5"
"""As high however long a conversation is: what stands below must not jump about."""


class LiveWriting(Watched):
    """What a writing has done so far. Made before it and given to it as `watcher`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self.log: WritingLog | None = None

    def show(self, log: WritingLog) -> None:
        """Take what is written so far, and draw it if it is over or the last drawing is old."""
        self.log = log
        self._take(log.is_over)

    def draw(self) -> Panel:
        """The latest conversation that was kept, and why the latest rejected one was not."""
        lines = [*_list_talk(self.log.talk), *_list_rejections(self.log.rejections)]
        html = "".join(
            f'<div style="overflow-wrap:anywhere"><b>{escape(head)}</b> {escape(text)}</div>'
            for head, text in lines
        )
        return Panel(html, "\n".join(f"{head} {text}" for head, text in lines))

    def describe(self) -> str:
        """Where it is, how fast, and how long it will take."""
        log = self.log
        if log is None:
            return "Nothing is written yet."
        counts, is_going = log.counts, not log.is_over
        anew = counts["mended"]
        parts = [
            f"{counts['kept']:,} of {counts['asked']:,} conversations kept",
            f"{counts['rejected']:,} rejected",
            f"{anew:,} message{'s' * (anew != 1)} written anew" if anew else "",
            f"{counts['given_up']:,} given up" if counts["given_up"] else "",
            f"{log.n_unanswered:,} unanswered" if log.n_unanswered else "",
            f"spent: {log.cost}" if log.cost else "",
            _say_speed(log) if is_going else "",
        ]
        said = ", ".join(filter(None, parts))
        if is_going:
            return said
        if log.n_left:
            return f"Stopped: {said}. Run the cell that writes again: it goes on from here."
        return f"Done: {said}."

    def _picture(self) -> Panel:
        drawn = self.draw() if self.log else Panel("", "")
        return Panel(drawn.html and f'<div style="{_BOX}">{drawn.html}</div>', drawn.text)


def _say_speed(log: WritingLog) -> str:
    if not log.per_minute:
        return "the first ones are under way"
    speed = f"{log.per_minute:,.{0 if log.per_minute >= 10 else 1}f} a minute"
    left = log.minutes_left
    return speed if left is None else f"{speed}, {left:.0f} minutes left"


def _list_talk(talk: Conversation | None) -> Iterator[tuple[str, str]]:
    if talk is None:
        return
    said = [message for message in talk.messages if message.role != "system"]
    yield "Kept:", f"conversation {talk.conversation_id}, {len(said)} messages"
    for message in said[:MOST_MESSAGES]:
        yield NAMES[message.role], clip(message.content, MOST_LETTERS)
    if len(said) > MOST_MESSAGES:
        yield "…", f"and {len(said) - MOST_MESSAGES} more"


def _list_rejections(rejections: list[Rejection]) -> Iterator[tuple[str, str]]:
    if not rejections:
        return
    last = rejections[-1]
    reasons = "; ".join(dict.fromkeys(line.reason for line in rejections if _is_about(line, last)))
    place = f" at {clip(last.step, MOST_LETTERS)}" if last.step else ""
    head = "Written anew" if last.is_mended else "Rejected"
    yield f"{head}{place}:", clip(reasons, MOST_LETTERS)
    # of what no model said, the message at fault is not known
    if last.role and "".join(last.text[-1:]):
        yield ("agent" if last.role == "teacher" else last.role), clip(last.text[-1], MOST_LETTERS)


def _is_about(line: Rejection, last: Rejection) -> bool:
    """Whether a line is about the same message as the last one."""
    return (line.step, line.is_mended, line.text) == (last.step, last.is_mended, last.text)
