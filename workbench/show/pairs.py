"""Two conversations with one customer, message beside message, and where they part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from workbench.conversation import Conversation, Label, Message
from workbench.flowchart import Flowchart
from workbench.show.escape import escape
from workbench.show.picture import Panel
from workbench.show.talk import NAMES, draw_message

_SIGN = (
    "display:inline-block;background-color:#B34F00;color:#FFFFFF;border-radius:10px;"
    "padding:2px 12px;font-size:12px;line-height:1.5;"
)
_CELL = "width:50%;text-align:left;vertical-align:top;padding:0 6px;white-space:normal;"

Turn = tuple[Message, Label]


@dataclass(frozen=True)
class Side:
    """One of the two conversations."""

    name: str
    """Who speaks as the agent, e.g. the condition "compiled"."""

    conversation: Conversation

    wrong: Mapping[int, str] = field(default_factory=dict)
    """Index of a message to what is wrong with it."""

    @property
    def turns(self) -> list[Turn]:
        return [*zip(self.conversation.messages, self.conversation.labels, strict=True)]


@dataclass(frozen=True)
class Parting:
    """Indices of the first messages that differ; None: there is none."""

    words: int | None
    """The first that is said in other words."""

    steps: int | None
    """The first reply that does something else; one that only one side has is among these."""


def find_parting(one: Conversation, other: Conversation) -> Parting:
    """Where two conversations part, in words and in what the agent does; prompts are not compared.

    Example: replies with the steps [opening], [ask] and [opening], [close] part at the second.
    """
    turns = [*zip_longest(*(Side("", talk).turns for talk in (one, other)))]
    at = [(n, left, right) for n, (left, right) in enumerate(turns) if _role(left, right) != SYSTEM]
    return Parting(
        next((n for n, left, right in at if _words(left) != _words(right)), None),
        next((n for n, left, right in at if _steps(left) != _steps(right)), None),
    )


SYSTEM = "system"


def _role(*turns: Turn | None) -> str:
    return next(turn[0].role for turn in turns if turn)


def _words(turn: Turn | None) -> list[str] | None:
    return turn and turn[0].content.split()


def _steps(turn: Turn | None) -> list[str] | None:
    # a customer takes no steps, so that only replies part
    return turn and turn[1].steps


def draw_pair(left: Side, right: Side, flowchart: Flowchart | None = None) -> Panel:
    """Two conversations in two columns; a sign stands where they part, first in words, then in
    what the agent does.

    System prompts are left out: what differs is whose answers they are.
    """
    parting = find_parting(left.conversation, right.conversation)
    signs = {
        n: _say_parting(n, parting, left, right)
        for n in (parting.words, parting.steps)
        if n is not None
    }
    head = "".join(
        f'<th style="{_CELL}font-size:13px;padding-bottom:4px">{escape(side.name)}</th>'
        for side in (left, right)
    )
    rows, said = [f"<tr>{head}</tr>"], [f"{left.name} beside {right.name}"]
    for n, pair in enumerate(zip_longest(left.turns, right.turns)):
        if _role(*pair) == SYSTEM:
            continue
        if n in signs:
            rows.append(_draw_sign(signs[n]))
            said.append(f"--- {signs[n]}")
        sides = [*zip((left, right), pair, strict=True)]
        cells = (_draw_cell(side, turn, n, flowchart) for side, turn in sides)
        rows.append(f'<tr style="background:none">{"".join(cells)}</tr>')
        said += [_say(side, turn, n) for side, turn in sides if turn]
    if not signs:
        rows.append(_draw_sign("they never part"))
        said.append("--- they never part")
    html = (
        '<table style="width:100%;max-width:1100px;table-layout:fixed;border-collapse:collapse;'
        f'overflow-wrap:anywhere;font-family:Helvetica,Arial,sans-serif">{"".join(rows)}</table>'
    )
    return Panel(html, "\n".join(said))


def _say_parting(n: int, parting: Parting, left: Side, right: Side) -> str:
    if n != parting.steps:
        return "from here they use other words"
    does = (f"{side.name} {_say_deed(side.turns[n : n + 1])}" for side in (left, right))
    return f"here they part: {', '.join(does)}"


def _say_deed(turn: Sequence[Turn]) -> str:
    if not turn:
        return "has ended"
    message, label = turn[0]
    if message.role == "user":
        return "goes on"
    return f"does {' and '.join(label.steps)}" if label.steps else "does nothing that is recognized"


def _draw_sign(text: str) -> str:
    return (
        '<tr style="background:none"><td colspan="2" style="text-align:center;padding:6px 0">'
        f'<span style="{_SIGN}">{escape(text)}</span></td></tr>'
    )


def _draw_cell(side: Side, turn: Turn | None, n: int, flowchart: Flowchart | None) -> str:
    bubble = draw_message(*turn, flowchart, n, side.wrong, widest=94) if turn else ""
    return f'<td style="{_CELL}">{bubble}</td>'


def _say(side: Side, turn: Turn, n: int) -> str:
    message, label = turn
    does = f" [{', '.join(label.steps + label.acts)}]" if label.steps or label.acts else ""
    fault = f" WRONG: {side.wrong[n]}" if n in side.wrong else ""
    return f"{side.name}, {NAMES[message.role]}{does}{fault}: {message.content}"
