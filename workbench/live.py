"""A person talks with a compiled model in a notebook, and sees on the flowchart where it stands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from workbench.baseline import Baseline, Speaker, fits
from workbench.conversation import Conversation, Label, Message
from workbench.domain import Domain
from workbench.evaluate.labelling import Readers
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.simulation import STRATA, list_customers
from workbench.evaluate.stage import fit_recognizers
from workbench.evaluate.watching import Seen, watch
from workbench.inspect.rows import read_system
from workbench.models import MAX_NEW_TOKENS, LocalModel
from workbench.phrases import Voice
from workbench.run import Run
from workbench.show import Panel, draw_conversation
from workbench.show.escape import clip, escape
from workbench.show.pairs import Side, draw_pair
from workbench.show.palette import NEVER, write_in
from workbench.show.talk import scroll
from workbench.show.widgets import WRAPPED, make_column, refer_to
from workbench.sizes import Size
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.talk import Talk, open_talk
from workbench.train.base_model import resolve_base_model

MOST_REPLIES = 40
"""Replies after which a simulated customer gives up."""

MYSELF = "I talk myself"

NOBODY = "nobody"


class LiveTalk:
    """A talk with a model: what is said on the left, and on the right what the readers make of it.

    In a notebook it is shown by being a cell's last line. Without a kernel, or where widgets are
    not drawn, what was said last stays as a picture and as text.
    """

    def __init__(
        self,
        model: Speaker,
        readers: Readers,
        opening: Sequence[Message],
        scenarios: Sequence[Scenario] = (),
        max_new_tokens: int = MAX_NEW_TOKENS,
        baselines: Sequence[Baseline] = (),
    ):
        self.model, self.readers, self.opening = model, readers, list(opening)
        self.baselines = {baseline.name: baseline for baseline in baselines}
        self.max_new_tokens = max_new_tokens
        # the seen ones are the unseen ones in words of the training
        strata = [stratum for stratum in STRATA if stratum != "seen"]
        self.customers = list_customers(scenarios, strata)
        self.messages: list[Message] = []
        self.customer: Talk | None = None
        self.notice = ""
        self.seen = watch(self.opening, readers)
        """What the readers make of the talk, up to the last reply."""
        self.beside = ""
        """The baseline that is told the same; empty: none."""
        self.seen_beside: Seen | None = None
        """What the readers make of its talk."""
        self._widgets: dict[str, Any] = {}
        self.start_over()

    @property
    def domain(self) -> Domain:
        return self.readers.domain

    def start_over(self, customer: int | None = None) -> None:
        """Begin again: the agent opens. `customer` is a place in `customers`; None: a person."""
        self.messages, self.customer, self.notice = list(self.opening), None, ""
        # what was seen is of the old talk
        self.seen, self.seen_beside = watch(self.opening, self.readers), None
        if customer is not None:
            _, scenario = self.customers[customer]
            manner = next(p.manner for p in self.domain.personas if p.id == scenario.persona)
            voice = Voice("test", None, manner)
            self.customer = open_talk(self.domain, scenario, voice, MOST_REPLIES, self._hear)
        self._reply()

    def say(self, text: str) -> None:
        """Say something to the agent, which replies. A simulated customer leaves then."""
        self.customer = None
        self._say(text)

    def let_customer_speak(self) -> None:
        """The simulated customer says what it would say now, and the agent replies."""
        if self.customer is None:
            self.notice = "There is no customer here; choose one above."
        elif self.customer.is_over:
            self.notice = "The customer has left; start over for another talk."
        else:
            self._say(self.customer.messages[-1].content)
        self._show()

    def take_back(self) -> None:
        """Undo the last thing said to the agent, and its reply to it."""
        if any(message.role == "user" for message in self.messages):
            while self.messages.pop().role != "user":
                pass
            # what the customer remembers cannot be taken back
            self.customer, self.notice = None, ""
            self.seen = watch(self.messages, self.readers)
            with self._busy():
                self._ask_beside()
        self._show()

    def compare_with(self, name: str) -> None:
        """Let a baseline answer the same, from the opening on; "" or "nobody" is none.

        Raises:
            ValueError: there is no such baseline, or the talk is too long for it.
        """
        name = "" if name == NOBODY else name
        if name and name not in self.baselines:
            known = ", ".join(self.baselines) or "none"
            raise ValueError(f'there is no "{name}"; there are {known}')
        self.beside, self.notice = name, ""
        with self._busy():
            self._ask_beside()

    def _ask_beside(self) -> None:
        # one that cannot answer now leaves, so that the talk goes on without it
        name, self.beside, self.seen_beside = self.beside, "", None
        if name:
            said = [message.content for message in self.messages if message.role == "user"]
            talk = self.baselines[name].answer(said, self.max_new_tokens)
            self.beside = name
            self.seen_beside = watch([*self.opening[:1], *talk[1:]], self.readers)

    def _hear(self, text: str, _: Label) -> Label:
        return self.readers.agent.label([text])[0]

    def _say(self, text: str) -> None:
        said = Message(role="user", content=text)
        if not fits(self.model, [*self.messages, said], self.max_new_tokens):
            self.notice = "That is more than the model can read; say less, or start over."
            self._show()
            return
        self.notice = ""
        self._reply(said)

    def _reply(self, *said: Message) -> None:
        """The agent's reply to the talk and this; broken off, it leaves the talk as it was."""
        with self._busy():
            text, heard = "", [*self.messages, *said]
            for text in self.model.stream(heard, self.max_new_tokens):
                self._show_words(*said, Message(role="assistant", content=f"{text} …"))
            self.messages = [*heard, Message(role="assistant", content=text)]
            if self.customer:
                self.customer.hear_agent(text)
            self.seen = watch(self.messages, self.readers)
            self._ask_beside()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """While models write: the fields are locked, and not for longer, whatever happens."""
        self._lock(True)
        try:
            yield
        except BaseException as error:
            # a notebook shows nowhere what is raised by a button
            self.notice = f"It was broken off: {str(error) or type(error).__name__}"
            raise
        finally:
            self._lock(False)
            self._show()

    # what follows is what is to be seen of it

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none the talk as it was when this was shown."""
        bundle = refer_to(self._build())
        return bundle | self._draw(self.seen.conversation)._repr_mimebundle_()

    def _draw(self, talk: Conversation) -> Panel:
        """The talk, and that of the baseline beside it if there is one."""
        chart, beside = self.domain.flowchart, self.seen_beside
        if not beside:
            return draw_conversation(talk, chart, self.seen.wrong)
        own = Side("compiled", talk, self.seen.wrong)
        return draw_pair(own, Side(self.beside, beside.conversation, beside.wrong), chart)

    def _build(self) -> Any:
        """The widgets; ipywidgets 7.7, which Colab has, and 8 both do."""
        import ipywidgets as widgets

        from workbench.show.keys import Keys
        from workbench.show.nodes import Nodes

        if self._widgets:
            return self._widgets["box"]
        names = [MYSELF, *(_name_customer(*customer) for customer in self.customers)]
        made = self._widgets = {
            "talk": widgets.HTML(),
            "chart": Nodes(),
            "facts": widgets.HTML(),
            "text": widgets.Text(placeholder="Say something, and press Enter"),
            "who": widgets.Dropdown(
                options=[(name, n - 1) for n, name in enumerate(names)], description="customer"
            ),
            "beside": widgets.Dropdown(options=[NOBODY, *self.baselines], description="beside"),
            "send": widgets.Button(description="Send", button_style="primary"),
            "back": widgets.Button(description="Take back"),
            "anew": widgets.Button(description="Start over"),
            "next": widgets.Button(description="Customer, go on"),
        }
        # what Enter sends; the method for it is deprecated in 8, and its successor sends on leaving
        made["text"].on_msg(
            lambda _, content, __: self._send() if content.get("event") == "submit" else None
        )
        made["send"].on_click(lambda _: self._send())
        made["back"].on_click(lambda _: self.take_back())
        made["anew"].on_click(lambda _: self._choose())
        made["next"].on_click(lambda _: self._go_on())
        made["who"].observe(lambda _: self._choose(), "value")
        made["beside"].observe(lambda change: self._compare(change.new), "value")
        wide = {"text": "auto", "who": "auto", "talk": "auto"}
        for name, width in wide.items():
            made[name].layout.width = width
        made["text"].layout.flex = made["who"].layout.flex = "1 1 auto"
        # the customers' names are long: their list gives way, and not the button beside it
        made["who"].layout.min_width = "0"
        made["next"].layout.flex = "0 0 auto"
        above = [made["who"], made["next"]] if self.customers else []
        below = [made["beside"]] if self.baselines else []
        left = widgets.VBox(
            [
                widgets.HBox(above),
                made["talk"],
                widgets.HBox([made["text"], made["send"]]),
                widgets.HBox([made["back"], made["anew"], *below], layout=WRAPPED),
            ],
            layout=make_column("52%", "380px", padding="0 12px 0 0"),
        )
        right = widgets.VBox([made["chart"], made["facts"]], layout=make_column("44%", "340px"))
        made["box"] = widgets.HBox([left, right, Keys()], layout=WRAPPED)
        self._show()
        return made["box"]

    def _send(self) -> None:
        field = self._widgets["text"]
        text, field.value = field.value, ""
        if text.strip():
            self.say(text)
        else:
            self.notice = "Nothing was said; write something first."
            self._show()
        self._focus("text")

    def _go_on(self) -> None:
        self.let_customer_speak()
        self._focus("next")

    def _choose(self) -> None:
        place = self._widgets["who"].value
        self.start_over(None if place < 0 else place)

    def _compare(self, name: str) -> None:
        # the list is also set to what is
        if name != (self.beside or NOBODY):
            self.compare_with(name)

    def _lock(self, is_busy: bool) -> None:
        for name in ("text", "who", "send", "back", "anew", "next", "beside"):
            if name in self._widgets:
                self._widgets[name].disabled = is_busy

    def _focus(self, name: str) -> None:
        """Give a widget the keys again that it lost when it was locked."""
        # ipywidgets 7 cannot
        if hasattr(self._widgets[name], "focus"):
            self._widgets[name].focus()

    def _show(self) -> None:
        if self._widgets:
            self._show_words()
            seen = self.seen
            self._widgets["chart"].show_walk(self.domain.flowchart, seen.walk, seen.jumps)
            self._widgets["facts"].value = _list_seen(self.seen, self.notice)
            self._widgets["beside"].value = self.beside or NOBODY

    def _show_words(self, *unfinished: Message) -> None:
        if self._widgets:
            messages = [*self.messages, *unfinished]
            read = self.seen.conversation.labels[: len(messages)]
            labels = [*read, *(Label() for _ in messages[len(read) :])]
            shown = self.seen.conversation.model_copy(
                update={"messages": messages, "labels": labels}
            )
            self._widgets["talk"].value = _scroll_to_end(self._draw(shown))


def talk_live(run: Run, domain: Domain, settings: Size) -> LiveTalk:
    """A talk with the compiled model of a run; its test customers are at hand to play their part.

    The readers are those of the evaluation. Where there was none in this process they are fitted
    now, which takes minutes.

    Raises:
        ModelError: the run has no trained model.
        RunError: its rows are gone, and the system prompt with them, or others than it learnt.
    """
    model = LocalModel(run.file("model")).load()
    tests = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "test"]
    readers = Readers(domain, *fit_recognizers(run, domain, settings.recognizer_epochs), {})
    opening = read_system(run)
    baselines = _list_baselines(run, domain, opening)
    return LiveTalk(model, readers, opening, tests, settings.max_new_tokens, baselines)


def _list_baselines(run: Run, domain: Domain, opening: Sequence[Message]) -> list[Baseline]:
    """The untuned base model, without and with the procedure in its prompt."""

    @cache
    def load() -> LocalModel:
        base = resolve_base_model(run.manifest["train"]["inputs"]["base_model"])
        return LocalModel(base.folder).load()

    procedure = [Message(role="system", content=write_procedure_prompt(domain))]
    return [
        Baseline("floor/base", load, opening),
        Baseline("in_context/base", load, procedure),
    ]


def _name_customer(stratum: str, scenario: Scenario) -> str:
    does = ", ".join(scenario.behaviours) or "plain"
    name = f"{stratum} customer {scenario.scenario_id[:6]}: {does}, for {scenario.endings[0]}"
    return clip(name, 120)


def _scroll_to_end(panel: Panel) -> str:
    """The talk, scrolled to its end."""
    # what is laid out upwards stays at its end as it grows
    look = "display:flex;flex-direction:column-reverse;height:460px;overflow-y:auto;"
    look += "border:1px solid #D5DAE0;border-radius:6px;padding:4px"
    return scroll(panel.html, "the talk", look)


def _list_seen(seen: Seen, notice: str) -> str:
    lines = {
        "on record": ", ".join(f"{slot}: {value}" for slot, value in seen.given.items()),
        "facts stated": ", ".join(seen.stated),
        "wrong": "; ".join(seen.wrong.values()) or "nothing seen",
        "ended with": seen.ending,
    }
    said = "".join(
        f"<div><b>{name}</b> {escape(text)}</div>" for name, text in lines.items() if text
    )
    warned = f'<div style="{write_in(NEVER)}">{escape(notice)}</div>' if notice else ""
    look = "font-size:13px;line-height:1.5;overflow-wrap:anywhere"
    return f'<div style="{look}">{warned}{said}</div>'
