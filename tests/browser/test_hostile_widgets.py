"""Hostile text in what notebooks show of widgets, on pages without a kernel: it stays text."""

import json

import pytest
from hostile import HOSTILE, LONG
from test_fault_chart import hold
from test_hostile import EVIL, assert_it_fits, evil_talk, look  # noqa: F401 (a fixture)
from test_jupyterlab import keep_picture, page  # noqa: F401 (a fixture)
from test_live import OPENING, Parrot, readers  # noqa: F401 (a fixture)
from test_pairs import talk
from test_report import make_score
from test_writing_watched import make_talk, reject

from workbench.design.paths import enumerate_paths
from workbench.inspect.screening import Dropped
from workbench.live import LiveTalk
from workbench.run import open_run
from workbench.show import LiveTraining, LiveWriting
from workbench.show.browser import Browser
from workbench.show.editor import FlowchartEditor
from workbench.show.escape import escape
from workbench.show.fault_chart import FaultChart
from workbench.show.nodes import SCRIPT
from workbench.show.tokens import draw_tokens
from workbench.show.walks import Walks
from workbench.synthesize.progress import WritingLog
from workbench.synthesize.scenarios import plan_scenario

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HARM = "h1, h2, a, iframe, form, [onload], [onerror], [onmouseover], img:not([src^='data:'])"
UNSEEN = """/[\\u001b\\u0007\\u200b\\u202a-\\u202e\\u2066-\\u2069\\ufeff\\u{e0000}-\\u{e007f}]/u
    .test(document.body.innerText)"""


def assert_it_is_text(shown):
    """Nothing of it became part of the page or ran, and nothing of it cannot be seen."""
    assert shown.locator(HARM).count() == 0
    assert shown.evaluate("window.taken") is None
    assert not shown.evaluate(UNSEEN)
    assert shown.get_by_text("<script>window.taken").count() > 0
    assert_it_fits(shown)


def write_widgets(thing):
    """HTML of what is shown where there are no widgets, and of all that its widgets draw."""
    fallback = thing._repr_mimebundle_()["text/html"]
    thing._build()
    parts = [_write_widget(widget) for widget in thing._widgets.values()]
    return f"<section>{fallback}</section>{''.join(parts)}"


def _write_widget(widget):
    kind = type(widget).__name__
    if kind == "HTML":
        return f"<div>{widget.value}</div>"
    if kind in ("Select", "Dropdown"):
        # a front end makes text of them; what hides or reorders letters is left to us
        return "".join(f"<div>{escape(name)}</div>" for name in _labels(widget))
    return _write_chart(widget) if kind == "Nodes" else ""


def _labels(widget):
    names = [one if isinstance(one, str) else one[0] for one in widget.options]
    assert not any("\u202e" in name or "\x1b" in name for name in names)
    return names


def _write_chart(drawn):
    names = ("svg", "looks", "alt", "names", "chosen", "here")
    state = {name: getattr(drawn, name) for name in names}
    safe = json.dumps(state).replace("<", "\\u003c")
    return (
        f"<div class=chart></div><script type=module>{SCRIPT.read_text('utf-8')}"
        f"const state = {safe};"
        "const model = { get: (name) => state[name], set: () => {}, save_changes: () => {},"
        " on: () => {} };"
        "const places = document.querySelectorAll('.chart');"
        "render({ model, el: [...places].find((one) => !one.firstChild) });</script>"
    )


@pytest.fixture
def evil_chart(coffee):
    """The toy chart in which all that can be text is hostile."""
    nodes = {
        id_: node.model_copy(
            update={"say": EVIL} | ({"outcome": EVIL} if node.role == "end" else {})
        )
        for id_, node in coffee.nodes.items()
    }
    return coffee.model_copy(update={"title": EVIL, "nodes": nodes})


def test_the_browser_shows_hostile_text_as_text(look, tmp_path, coffee_domain, evil_chart):  # noqa: F811
    plan = plan_scenario(enumerate_paths(coffee_domain.flowchart)[0], "train", coffee_domain, 7, 0)
    plan = plan.model_copy(update={"scenario_id": "c", "persona": EVIL, "behaviours": [EVIL]})
    run = open_run("coffee", "evil", tmp_path)
    run.write("scenarios.jsonl", [plan])
    said = talk((EVIL, ["opening"]), (LONG, []), (EVIL, ["take_order.leave"]), prompt=EVIL)
    run.write("conversations.jsonl", [said.model_copy(update={"conversation_id": EVIL})])
    run.write("dropped.jsonl", [Dropped(conversation_id=EVIL, reason=EVIL)])
    browser = Browser(run, evil_chart)
    browser.judge("reject", EVIL)
    shown = look(write_widgets(browser))
    assert_it_is_text(shown)
    assert shown.locator(".chart svg").count() == 1
    keep_picture(shown, "hostile_browser")


def test_paths_to_step_through_show_hostile_text_as_text(look, evil_chart):  # noqa: F811
    walks = Walks(evil_chart, every=enumerate_paths(evil_chart))
    walks.find(EVIL)
    shown = look(write_widgets(walks))
    assert_it_is_text(shown)
    assert shown.locator(".chart svg").count() == 1


def test_the_editor_shows_hostile_text_as_text(look, copy):  # noqa: F811
    editor = FlowchartEditor(copy)
    sound = editor.text
    title = json.dumps(EVIL, ensure_ascii=False)
    editor.write(sound.replace("title: Coffee order", f"title: {title}"))
    titled = write_widgets(editor)
    wrong = [sound.replace("to: pay", f"to: {title}", 1), EVIL, f"{title}: 1", LONG]
    pages = [titled]
    for text in wrong:
        editor.write(text)
        assert editor.has_errors
        pages.append(editor._repr_mimebundle_()["text/html"])
    assert_it_is_text(look("".join(pages)))


class EvilTokens:
    """A tokenizer each of whose tokens is a hostile text."""

    all_special_ids = (0,)
    pieces = ("<stop>", *HOSTILE.values(), LONG)

    def decode(self, ids):
        return self.pieces[ids[0]]


def test_trained_tokens_show_hostile_text_as_text(look):  # noqa: F811
    ids = [*range(len(EvilTokens.pieces)), 0]
    panel = draw_tokens(ids, [0, *[1] * (len(ids) - 1)], EvilTokens())
    # a row as long as this one is scrolled where it is shown
    shown = look(f'<div style="height:430px;overflow:auto">{panel.html}</div>')
    assert_it_is_text(shown)
    assert shown.locator("span[title^=token]").count() == len(ids)


def test_what_is_watched_shows_hostile_text_as_text(look, tmp_path):  # noqa: F811
    writing = LiveWriting()
    log = WritingLog(open_run("any", "evil", tmp_path), 5, progress=False, watcher=writing)
    log.add(make_talk(EVIL, LONG, EVIL), [reject(EVIL, step=EVIL, role="teacher", text=[EVIL])])
    training = LiveTraining()
    numbers = {"loss": 2.5, "tokens_per_s": 100.0, "eta_s": 600.0}
    training.show([{"step": 1, EVIL: EVIL, "note": EVIL} | numbers])
    shown = look("".join(one._repr_mimebundle_()["text/html"] for one in (writing, training)))
    assert_it_is_text(shown)
    assert shown.locator("img").count() == 1


def test_the_chart_of_faults_shows_hostile_text_as_text(look, evil_chart):  # noqa: F811
    faults = [f"{EVIL}: {EVIL}", "missing: pay"]
    scores = [
        make_score(EVIL, 0, 2, condition, "seen").model_copy(
            update={"conversation_id": f"{n}", "faults": faults, "wrong": {1: EVIL}, "ending": EVIL}
        )
        for n, condition in enumerate(("compiled", EVIL))
    ]
    chart = FaultChart(
        evil_chart, scores, {s.conversation_id: hold(s, evil_talk()) for s in scores}
    )
    chart.choose(EVIL)
    shown = look(write_widgets(chart))
    assert shown.locator(HARM).count() == 0
    shown.locator(".chart g[role=button]").first.focus()
    shown.keyboard.press("Enter")
    assert_it_is_text(shown)


def test_a_talk_with_a_model_shows_hostile_text_as_text(look, readers):  # noqa: F811
    live = LiveTalk(Parrot(EVIL, EVIL, LONG), readers, OPENING)
    live._build()
    live.say(EVIL)
    live.say(LONG)
    live.notice = EVIL
    live._show()
    shown = look(write_widgets(live))
    assert_it_is_text(shown)
    assert shown.locator(".chart svg").count() == 1
    keep_picture(shown, "hostile_live")
