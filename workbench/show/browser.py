"""Conversations of a run to look through: found by words or by what they are, read, and judged."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.conversation import Conversation
from workbench.flowchart import Flowchart
from workbench.inspect.reviews import (
    FILE,
    VERDICTS,
    ReviewError,
    apply_fix,
    read_reviews,
    review,
)
from workbench.inspect.rows import encode_row
from workbench.inspect.screening import Dropped
from workbench.run import Run
from workbench.show.escape import clip, escape
from workbench.show.palette import NEVER, write_in
from workbench.show.picture import Panel, make_bundle
from workbench.show.talk import draw_conversation, scroll
from workbench.show.tokens import draw_tokens
from workbench.show.widgets import UNSEEN_NAME, WRAPPED, make_column, refer_to
from workbench.synthesize.scenarios import Scenario

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ANY = "any"
PAGE = 200
"""Conversations that the list shows at a time."""


@dataclass(frozen=True)
class _Entry:
    """A conversation and what it can be found by."""

    talk: Conversation
    words: str
    walk: str
    """The agent's steps, each on a line of its own that a newline begins."""
    facets: dict[str, str]
    reason: str
    """Why it was dropped; "" if it was not."""


class Browser:
    """Filters over conversations, the list of those found, and one of them beside the flowchart.

    In a notebook it is shown by being a cell's last line. Without a kernel, or where widgets are
    not drawn, the first conversation that is found stands there.
    """

    facets = ("split", "outcome", "customer", "behaviour", "route", "fate", "verdict")
    """What conversations are filtered by, besides their words and their path."""

    def __init__(
        self, run: Run, flowchart: Flowchart, tokenizer: "PreTrainedTokenizerBase | None" = None
    ):
        self.run, self.flowchart, self.tokenizer = run, flowchart, tokenizer
        self.entries = _list_entries(run, flowchart)
        self.found: list[int] = []
        self.place = 0
        self.page = 0
        """Which of the pages of those found the list shows."""
        self.message = 0
        """Up to which message of the conversation its way is drawn."""
        self._widgets: dict[str, Any] = {}
        self.find()

    def find(self, words: str = "", path: str = "", **wanted: str) -> list[Conversation]:
        """The conversations with these words, in any case, and these facets, in the run's order.

        A path is the beginning of its id, or steps in their order with others between them, each by
        how it begins. What is no step of an agent in it, as a customer's node, is passed over.

        Example: browser.find("refund", "take_order.missing > pay", outcome="success", fate="kept")

        Raises:
            ValueError: there is no such facet.
        """
        if unknown := set(wanted) - set(self.facets):
            raise ValueError(f"{unknown.pop()} is no facet; there are {', '.join(self.facets)}")
        wanted = {facet: value for facet, value in wanted.items() if value and value != ANY}
        sought, steps = words.casefold(), self._read_path(path)
        self.found = [
            n
            for n, entry in enumerate(self.entries)
            if sought in entry.words
            and (_goes_by(entry.walk, steps) or _is_named(entry.talk.path_id, steps))
            and all(value in entry.facets[facet].split(", ") for facet, value in wanted.items())
        ]
        self.place, self.page = (self.found[0] if self.found else -1), 0
        return [self.entries[n].talk for n in self.found]

    def turn_to(self, page: int) -> list[Conversation]:
        """The conversations of a page of the list, of `PAGE` each; 0 is the first.

        Raises:
            ValueError: there is no such page.
        """
        if page not in range(self.n_pages):
            raise ValueError(f"there is no page {page}; there are 0 to {self.n_pages - 1}")
        self.page = page
        return [self.entries[n].talk for n in self._list_page()]

    @property
    def n_pages(self) -> int:
        """Pages of the list; one even where nothing is found."""
        return max(1, -(-len(self.found) // PAGE))

    def _list_page(self) -> list[int]:
        return self.found[self.page * PAGE : (self.page + 1) * PAGE]

    def _read_path(self, path: str) -> list[str]:
        parts = (part.strip().casefold() for part in path.split(">"))
        silent = {id_ for id_, node in self.flowchart.nodes.items() if node.role != "agent"}
        return [part for part in parts if part and part not in silent]

    @property
    def talk(self) -> Conversation | None:
        """The conversation that is shown, in the words of its fix if it has one."""
        if self.place < 0:
            return None
        return apply_fix(self.entries[self.place].talk, read_reviews(self.run))

    def judge(self, verdict: str, reason: str = "", contents: list[str] | None = None) -> None:
        """Keep a verdict on the conversation that is shown: see `inspect.reviews`.

        Raises:
            ReviewError: the verdict makes no sense.
        """
        if self.place < 0:
            raise ReviewError("no conversation is shown; find one first")
        entry = self.entries[self.place]
        review(self.run, entry.talk, verdict, reason, contents)
        entry.facets["verdict"] = verdict
        self.entries[self.place] = replace(entry, words=_list_words(self.talk))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none the first conversation that was found."""
        bundle = refer_to(self._build())
        panel = self._draw_talk(len(self.talk.messages) - 1 if self.talk else 0)
        html = escape(self._count()) + panel.html
        return bundle | make_bundle(html, f"{self._count()}\n{panel}")

    def _count(self) -> str:
        count = f"{len(self.found):,} of {len(self.entries):,} conversations"
        first = self.page * PAGE + 1
        last = first + len(self._list_page()) - 1
        return count + f", {first:,} to {last:,} listed" * (self.n_pages > 1)

    def _draw_talk(self, upto: int) -> Panel:
        talk = self.talk
        if talk is None:
            return Panel("<p>None is like that.</p>", "None is like that.")
        return draw_conversation(talk, self.flowchart, {}, marked=upto)

    def _build(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.keys import Keys
        from workbench.show.nodes import Nodes

        if self._widgets:
            return self._widgets["box"]
        wide = {"width": "auto"}
        made = self._widgets = {
            "words": widgets.Text(placeholder="words", continuous_update=True, layout=wide),
            "path": widgets.Text(
                placeholder="an id, or steps: a > b", description="path", layout=wide
            ),
            "same": widgets.Button(description="All on the path of this one", layout=wide),
            "list": widgets.Select(
                rows=18, description="conversations", style=UNSEEN_NAME, layout=wide
            ),
            "page": widgets.IntSlider(min=1, max=2, description="page", layout=wide),
            "count": widgets.HTML(),
            "talk": widgets.HTML(),
            "chart": Nodes(),
            "message": widgets.IntSlider(min=0, max=1, description="message", layout=wide),
            "view": widgets.ToggleButtons(options=["talk", "trained tokens"]),
            "reason": widgets.Text(placeholder="why", layout=wide | {"flex": "1 1 160px"}),
            "accept": widgets.Button(description="Accept"),
            "reject": widgets.Button(description="Reject"),
            "text": widgets.Textarea(
                placeholder="the words of this message", layout={"width": "auto", "height": "70px"}
            ),
            "fix": widgets.Button(description="Save these words", layout=wide),
            "said": widgets.HTML(),
        }
        filters = [self._build_filter(widgets, facet) for facet in self.facets]
        made["words"].observe(lambda _: self._search(), "value")
        made["path"].observe(lambda _: self._search(), "value")
        made["same"].on_click(lambda _: self._find_same())
        made["page"].observe(lambda _: self._turn(), "value")
        made["list"].observe(lambda _: self._choose(), "value")
        made["message"].observe(lambda _: self._move(), "value")
        made["view"].observe(lambda _: self._show_talk(), "value")
        made["accept"].on_click(lambda _: self._judge("accept"))
        made["reject"].on_click(lambda _: self._judge("reject"))
        made["fix"].on_click(lambda _: self._fix())
        judging = [
            widgets.HBox([made["accept"], made["reject"], made["reason"]], layout=WRAPPED),
            made["text"],
            widgets.HBox([made["fix"], made["said"]], layout=WRAPPED),
        ]
        if self.tokenizer is None:
            made["view"].layout.display = "none"
        sought = [made["words"], made["path"], made["same"], *filters]
        left = [*sought, made["count"], made["list"], made["page"]]
        middle = [made["view"], made["talk"], made["message"], *judging]
        made["box"] = widgets.HBox(
            [
                widgets.VBox(left, layout=make_column("24%", "220px")),
                widgets.VBox(middle, layout=make_column("42%", "380px", padding="0 10px")),
                widgets.VBox([made["chart"]], layout=make_column("30%", "320px")),
                Keys(),
            ],
            layout=WRAPPED,
        )
        self._list_found()
        return made["box"]

    def _build_filter(self, widgets: Any, facet: str) -> Any:
        values = {v for entry in self.entries for v in entry.facets[facet].split(", ")} - {""}
        # there may be none before somebody judges
        values |= {*VERDICTS} if facet == "verdict" else set()
        made = widgets.Dropdown(
            options=[(clip(value, 60), value) for value in (ANY, *sorted(values))],
            description=facet,
            layout={"width": "auto"},
        )
        made.observe(lambda _: self._search(), "value")
        self._widgets[facet] = made
        return made

    def _search(self) -> None:
        wanted = {facet: self._widgets[facet].value for facet in self.facets}
        self.find(self._widgets["words"].value, self._widgets["path"].value, **wanted)
        self._list_found()

    def _find_same(self) -> None:
        if self.talk:
            self._widgets["path"].value = self.talk.path_id

    def _turn(self) -> None:
        # told of too when it is set to where the list is already
        if (page := self._widgets["page"].value - 1) != self.page:
            self.turn_to(page)
            self._list_found()

    def _list_found(self) -> None:
        made, shown = self._widgets, self._list_page()
        # it must not be brought down to fewer pages before it is set, and tell of that
        made["page"].max = max(self.n_pages, made["page"].max)
        made["page"].value = self.page + 1
        made["page"].max = max(2, self.n_pages)
        made["page"].layout.display = None if self.n_pages > 1 else "none"
        made["count"].value = escape(self._count())
        # the list tells of its first line, which is drawn below
        self.place = shown[0] if shown else -1
        made["list"].options = [(self._name(n), n) for n in shown]
        made["list"].value = shown[0] if shown else None
        self._show_talk()

    def _name(self, n: int) -> str:
        facets = self.entries[n].facets
        parts = [facets[name] for name in ("outcome", "customer", "behaviour", "verdict")]
        name = f"{self.entries[n].talk.conversation_id[:6]} {' · '.join(filter(None, parts))}"
        return clip(name, 120)

    def _choose(self) -> None:
        chosen = self._widgets["list"].value
        if chosen is not None and chosen != self.place:
            self.place = chosen
            self._show_talk()

    def _show_talk(self) -> None:
        talk, slider = self.talk, self._widgets["message"]
        self._widgets["said"].value = ""
        self.message = len(talk.messages) - 1 if talk else 0
        slider.max = max(1, self.message)
        slider.value = self.message
        self._show_message()

    def _move(self) -> None:
        # told of too when it is set to the last message of a talk that is drawn next
        if (message := self._widgets["message"].value) != self.message:
            self.message = message
            self._show_message()

    def _show_message(self) -> None:
        talk, upto = self.talk, self.message
        panel = self._draw_talk(upto)
        if talk and self.tokenizer and self._widgets["view"].value != "talk":
            row = encode_row(talk.messages, self.tokenizer)
            panel = draw_tokens(row.ids, row.mask, self.tokenizer)
        reason = self.entries[self.place].reason if talk else ""
        look = f"{write_in(NEVER)};overflow-wrap:anywhere"
        why = f'<div style="{look}">dropped: {escape(reason)}</div>' if reason else ""
        look = "height:430px;overflow:auto"
        self._widgets["talk"].value = scroll(why + panel.html, "the conversation", look)
        self._widgets["text"].value = talk.messages[upto].content if talk else ""
        walk = [step for label in talk.labels[: upto + 1] for step in label.steps] if talk else []
        self._widgets["chart"].show_walk(self.flowchart, walk)

    def _judge(self, verdict: str, contents: list[str] | None = None) -> None:
        try:
            self.judge(verdict, self._widgets["reason"].value, contents)
            said, self._widgets["reason"].value = f"kept in {FILE}; screen the run again", ""
        except ReviewError as error:
            said = str(error)
        self._show_message()
        self._widgets["said"].value = escape(said)

    def _fix(self) -> None:
        talk, place = self.talk, self.message
        contents = [message.content for message in talk.messages] if talk else []
        contents[place : place + 1] = [self._widgets["text"].value]
        self._judge("fix", contents)


def _list_entries(run: Run, flowchart: Flowchart) -> list[_Entry]:
    talks = run.read("conversations.jsonl", Conversation)
    scenarios = {s.scenario_id: s for s in run.read("scenarios.jsonl", Scenario)}
    why = {one.conversation_id: one for one in run.read("dropped.jsonl", Dropped, missing_ok=True)}
    reviews, entries = read_reviews(run), []
    for talk in talks:
        scenario = scenarios.get(talk.scenario_id)
        steps = [step for label in talk.labels for step in label.steps]
        outcomes = [outcome for step in steps if (outcome := flowchart.outcome_of(step))]
        dropped = why.get(talk.conversation_id)
        facets = {
            "split": talk.split,
            "outcome": outcomes[-1] if outcomes else "",
            "customer": scenario.persona if scenario else "",
            "behaviour": ", ".join(scenario.behaviours) if scenario else "",
            "route": ", ".join(dict.fromkeys(steps)),
            "fate": "dropped" if dropped else "kept",
            "verdict": made.verdict if (made := reviews.get(talk.conversation_id)) else "",
        }
        words = _list_words(apply_fix(talk, reviews))
        walk = "".join(f"\n{step}" for step in steps).casefold()
        entries.append(_Entry(talk, words, walk, facets, dropped.reason if dropped else ""))
    return entries


def _list_words(talk: Conversation) -> str:
    return "\n".join(message.content for message in talk.messages).casefold()


def _goes_by(walk: str, steps: list[str]) -> bool:
    """Whether steps that begin like these are in a walk, one after the other."""
    place = 0
    for step in steps:
        # past the newline: the next step is a later one
        place = walk.find(f"\n{step}", place) + 1
        if not place:
            return False
    return True


def _is_named(path_id: str, steps: list[str]) -> bool:
    return len(steps) == 1 and path_id.casefold().startswith(steps[0])
