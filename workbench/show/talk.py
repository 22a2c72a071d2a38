"""Conversations as people know them: bubbles, with what each message does beside it."""

from collections.abc import Iterable, Mapping

from workbench.conversation import Conversation, Label, Message
from workbench.flowchart import Flowchart
from workbench.show.escape import escape
from workbench.show.palette import NEVER, QUIET, write_in
from workbench.show.picture import Panel

# a message of many pages scrolls in its bubble
_BUBBLE = (
    "display:inline-block;max-height:26em;overflow:auto;padding:8px 13px;border-radius:14px;"
    "text-align:left;white-space:pre-wrap;overflow-wrap:anywhere;font-size:14px;line-height:1.4;"
)
_LOOK = {
    "assistant": ("left", "background-color:#E6F0FA;color:#14304D;border:1px solid #B9D2EA;"),
    "user": ("right", "background-color:#FFF3D9;color:#4A3508;border:1px solid #EBCF94;"),
}
_WRONG = "border:2px solid #C8102E;"
_MARKED = "box-shadow:inset 4px 0 0 #E8590C;padding-left:8px;"
_BELOW = "font-size:12px;margin:2px 6px 0 6px;"
_SMALL = f"{_BELOW}{write_in(QUIET)};"
NAMES = {"assistant": "agent", "user": "customer", "system": "system"}


def draw_conversation(
    conversation: Conversation,
    flowchart: Flowchart | None = None,
    wrong: Mapping[int, str] | None = None,
    marked: int | None = None,
) -> Panel:
    """One conversation: the agent on the left, the customer on the right, steps and acts below.

    `wrong` marks messages by their index in `conversation.messages` (the system's is 0) and says
    what is wrong, e.g. {3: "asks again for the dates"}. With `flowchart`, a step under the pointer
    tells what the node or route is meant to say. The message `marked` is framed.
    """
    wrong = wrong or {}
    head = f"conversation {conversation.conversation_id} ({conversation.split})"
    # a talk under way has no name yet
    heads = [head] if conversation.conversation_id else []
    drawn, said = [f'<div style="{_SMALL}">{escape(head)}</div>' for head in heads], [*heads]
    for index, (message, label) in enumerate(
        zip(conversation.messages, conversation.labels, strict=True)
    ):
        bubble = draw_message(message, label, flowchart, index, wrong)
        drawn.append(f'<div style="{_MARKED}">{bubble}</div>' if index == marked else bubble)
        does = f" [{', '.join(label.steps + label.acts)}]" if label.steps or label.acts else ""
        fault = f" WRONG: {wrong[index]}" if index in wrong else ""
        said.append(f"{NAMES[message.role]}{does}{fault}: {message.content}")
    html = (
        '<div style="max-width:760px;overflow-wrap:anywhere;'
        'font-family:Helvetica,Arial,sans-serif">'
        f"{''.join(drawn)}</div>"
    )
    return Panel(html, "\n".join(said))


def draw_conversations(
    conversations: Iterable[Conversation], flowchart: Flowchart | None = None
) -> Panel:
    """Several conversations to unfold one by one; the first is open."""
    panels = [(talk, draw_conversation(talk, flowchart)) for talk in conversations]
    folds = [
        fold(_sum_up(talk), panel.html, is_open=not index)
        for index, (talk, panel) in enumerate(panels)
    ]
    return Panel("".join(folds), "\n\n".join(panel.text for _, panel in panels))


def fold(head: str, html: str, is_open: bool = False) -> str:
    """HTML to unfold under a line of text."""
    return (
        f'<details{" open" * is_open} style="margin:6px 0"><summary style="cursor:pointer;'
        'overflow-wrap:anywhere;font-family:Helvetica,Arial,sans-serif;font-size:13px">'
        f"{escape(head)}</summary>"
        f"{html}</details>"
    )


def scroll(html: str, name: str, look: str) -> str:
    """HTML that scrolls by itself: the keys reach it, and a reader of screens hears its name."""
    return (
        f'<div tabindex="0" role="region" aria-label="{escape(name)}" style="{look}">{html}</div>'
    )


def _sum_up(talk: Conversation) -> str:
    steps = [step for label in talk.labels for step in label.steps]
    last = f", ends with {steps[-1]}" if steps else ""
    return f"{talk.conversation_id}: {len(talk.messages) - 1} messages{last}"


def draw_message(
    message: Message,
    label: Label,
    flowchart: Flowchart | None,
    index: int,
    wrong: Mapping[int, str],
    widest: int = 70,
) -> str:
    """HTML of one message as a bubble, `widest` percent of the room at most."""
    content = escape(message.content)
    if message.role == "system":
        return f'<div style="{_SMALL}font-style:italic;margin:6px">system: {content}</div>'
    side, look = _LOOK[message.role]
    below = [_draw_step(step, flowchart) for step in label.steps] + [*map(escape, label.acts)]
    meant = f'<span style="{write_in(QUIET)}">{" · ".join(below)}</span>'
    if index in wrong:
        look += _WRONG
        # beside what is quiet, not in it: each is mixed with what the page writes in
        mark = f'<b style="{write_in(NEVER)}">✗ {escape(wrong[index])}</b>'
        meant = f"{mark} · {meant}" if below else mark
    return (
        f'<div style="text-align:{side};margin:8px 0"><div style="{_BUBBLE}{look}'
        f'max-width:{widest}%" dir="auto">{content}</div>'
        f'<div style="{_BELOW}">{meant}</div></div>'
    )


def _draw_step(step: str, flowchart: Flowchart | None) -> str:
    if flowchart is None:
        return escape(step)
    node_id, _, name = step.partition(".")
    if node_id == "anywhere":
        place = flowchart.anywhere.get(name)
    else:
        node = flowchart.nodes.get(node_id)
        place = node.routes.get(name) if node and name else node
    meant = place.say if place else "not in the flowchart"
    return f'<span title="{escape(meant)}">{escape(step)}</span>'
