"""What the files beside a flowchart may say, and what may not be lacking in them.

All are errors. What is written: unknown_step, unknown_user_node, unknown_slot, unknown_fact,
unknown_act, unknown_part, unknown_manner, unknown_value, unknown_placeholder, unknown_offer_field,
bad_braces, bad_act, entry_kind, empty_text, empty_list, no_number, on_both_sides. What is lacking:
no_value, no_training_wordings, no_personas and, where all files can be read, no_slot, no_offers,
no_wordings, no_answers.
"""

import re
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from workbench.conversation import Act
from workbench.draft import NEEDED, PARTS, Draft, Written, find_path
from workbench.parts import SlotTalk, Wordings
from workbench.reading import KeyPath, Located, Problem, list_texts, suggest
from workbench.rules import ANSWER, OFFER_STATES, STATES, Needs

MAX_SHOWN = 30

KINDS = {"agent": ("steps", "part", "pending", "answers"), "customer": ("acts", "part")}
"""What an entry of each book is for: one of these."""

TARGETS = {"ask": "fact", "take_over": "demand"} | dict.fromkeys(
    ("give", "vague", "revise", "drop", "remind"), "slot"
)
"""What acts are about, e.g. ask(deposit), give(size). All others are about nothing."""

SLOT_CAUSES = {"slots_vague": "vague", "revise": "revise", "drop": "drop"}
"""What causes a route, to the act about a slot that a customer then does."""

SLOT_ACTS = {"give", *SLOT_CAUSES.values()}

WORDS_APART = 4
"""A test wording of so many words may not stand within a training wording."""

TEST_ONLY = "take_over"
"""Acts of this kind may lack training wordings: they show how a model meets what is new to it."""


def check_draft(draft: Draft) -> list[Problem]:
    """Every error and warning of a domain, in the order of its files and their lines."""
    problems = [*draft.problems]
    for written in draft.entries:
        problems += _check_entry(draft, written)
    for rule in (_check_training, _check_sides, _check_needs, _check_slots, _check_personas):
        problems += rule(draft)
    problems += [gap.problem for gap in list_gaps(draft)]
    order = [located.file for located in draft.files.values()]
    return sorted(dict.fromkeys(problems), key=lambda p: (order.index(p.file), p.line, p.column))


def _check_name(
    located: Located,
    path: KeyPath,
    kind: str,
    name: str,
    known: Collection[str] | None,
    key: bool = False,
) -> Iterator[Problem]:
    """Nothing if `known` is None: then the file that has the names is blamed already."""
    if known is not None and name not in known:
        shown = sorted(known)[:MAX_SHOWN] + ["..."] * (len(known) > MAX_SHOWN)
        way_out = suggest(name, known) or f" There are: {', '.join(shown) or 'none'}"
        text = f'there is no {kind} "{name}" here.{way_out}'
        yield located.problem(path, f"unknown_{kind.replace(' ', '_')}", text, key=key)


def _check_text(
    located: Located, path: KeyPath, text: str, known: Collection[str] | None
) -> Iterator[Problem]:
    """That a text can be filled: there is one, and only known names stand in its braces."""
    if not text.strip():
        yield located.problem(path, "empty_text", "this text is empty; write it or remove it")
    try:
        fields = [parts[1:] for parts in string.Formatter().parse(text) if parts[1] is not None]
    except ValueError:
        fields = [("", "", "")]
    for name, form, conversion in fields:
        if not name.isidentifier() or form or conversion:
            reason = 'braces hold one name, as in "{name}"; write a brace of the text twice, "{{"'
            yield located.problem(path, "bad_braces", reason)
        else:
            yield from _check_name(located, path, "placeholder", name, known)


def _check_entry(draft: Draft, written: Written) -> Iterator[Problem]:
    entry, located, place = written.entry, written.located, written.place
    faults = [*_check_kind(written)] or [*_check_names(draft, written)]
    yield from faults
    # what can be filled depends on what the entry is for
    known = None if faults else draft.list_placeholders(entry)
    for field in ("train", "test"):
        for manner in filter(None, getattr(entry, field)):
            path = (place, field, manner)
            yield from _check_name(located, path, "manner", manner, draft.names["manner"], key=True)
        for path, text, is_key in list_texts(located.data[place].get(field, []), (place, field)):
            # a customer who says nothing writes an empty message
            if not is_key and not (entry.acts == ("silence",) and not text.strip()):
                yield from _check_text(located, path, text, known)


def _check_kind(written: Written) -> Iterator[Problem]:
    every = dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds)
    kinds = [kind for kind in every if getattr(written.entry, kind)]
    if len(kinds) != 1 or kinds[0] not in KINDS[written.book]:
        wanted, has = ", ".join(KINDS[written.book]), " and ".join(kinds) or "none"
        text = f"an entry of the {written.book} has exactly one of {wanted}; this one has {has}"
        yield written.problem((), "entry_kind", text)


def _check_names(draft: Draft, written: Written) -> Iterator[Problem]:
    """What the entry is for exists."""
    entry, located, place = written.entry, written.located, written.place
    names = draft.names | {"part": PARTS[written.book]}
    named = [("part", "part", entry.part), ("slot", "slot", entry.slot)]
    named += [("pending", "user node", entry.pending), ("answers", "fact", entry.answers)]
    for field, kind, name in named:
        if name:
            yield from _check_name(located, (place, field), kind, name, names.get(kind))
    for n, step in enumerate(entry.steps):
        yield from _check_name(located, (place, "steps", n), "step", step, names.get("step"))
    for n, act in enumerate(entry.acts):
        yield from _check_act(draft, located, (place, "acts", n), act)


def _check_act(draft: Draft, located: Located, path: KeyPath, text: str) -> Iterator[Problem]:
    try:
        act = Act.parse(text)
    except ValueError:
        reason = f'"{text}" is not an act such as "leave" or "give(size)"'
        yield located.problem(path, "bad_act", reason)
        return
    unknown = [*_check_name(located, path, "act", act.kind, draft.names.get("act"))]
    yield from unknown
    kind = TARGETS.get(act.kind, "")
    if not unknown and (act.name != text or bool(act.target) != bool(kind)):
        form = f"{act.kind}({kind})" if kind else act.kind
        yield located.problem(path, "bad_act", f'"{text}" must have the form "{form}" here')
    elif kind:
        yield from _check_name(located, path, kind, act.target, draft.names.get(kind))


def _check_training(draft: Draft) -> Iterator[Problem]:
    for entries in draft.by_key.values():
        for key, written in entries.items():
            wordings = [wording for w in written for wording in w.entry.wordings()]
            if any(wording.split == "train" for wording in wordings):
                continue
            if wordings and key.startswith(TEST_ONLY):
                continue
            text = f'there are no wordings for "{key}"; write some under "train"'
            if wordings:
                text = f'there are only test wordings for "{key}"; training needs some too'
            yield written[0].problem(("train",), "no_training_wordings", text, key=True)


def _check_sides(draft: Draft) -> Iterator[Problem]:
    """On a test wording that training says too, nothing unseen could be measured."""
    wordings = [w for written in draft.entries for w in written.entry.wordings()]
    trained = {w.text.lower().strip(): w.text for w in wordings if w.split == "train"}
    every = "\n".join(trained)
    for written in draft.entries:
        located, start = written.located, (written.place, "test")
        for path, text, is_key in list_texts(located.data[written.place].get("test", []), start):
            own = text.lower().strip()
            if is_key or not own:
                continue
            # few words stand within others by chance
            is_long = sum("{" not in word for word in own.split()) >= WORDS_APART
            alone = rf"(?<!\w){re.escape(own)}(?!\w)"
            # most stand nowhere, which is seen at once
            is_near = is_long and own in every
            within = [
                shown for said, shown in trained.items() if is_near and re.search(alone, said)
            ]
            if own in trained:
                reason = f'"{text}" stands among the training wordings too; keep it in one place'
                yield located.problem(path, "on_both_sides", reason)
            elif within:
                reason = f'"{text}" stands within the training wording "{within[0]}"; reword one'
                yield located.problem(path, "on_both_sides", reason)


def _check_needs(draft: Draft) -> Iterator[Problem]:
    """That all `for` and `only` name values there are, and offers name facts there are."""
    needs: list[tuple[str, KeyPath, Needs]] = []
    if facts := draft.facts:
        located = draft.files["facts.yaml"]
        needs += [
            ("facts.yaml", ("facts", n, "for"), fact.needs) for n, fact in facts.facts.items()
        ]
        for place, offer in enumerate(facts.offers):
            is_plain = isinstance(offer.value, str)
            needs.append(("facts.yaml", ("offers", place, "for"), {} if is_plain else offer.value))
            for name, text in offer.fields().items():
                yield from _check_text(located, ("offers", place, name), text, facts.facts)
    if chart := draft.flowchart:
        for step in chart.steps:
            own = getattr(chart.find_element(step), "needs", {})
            needs.append(("flowchart.yaml", (*find_path(step), "for"), own))
        for name, slot in chart.slots.items():
            needs.append(("flowchart.yaml", ("slots", name, "for"), slot.needs))
    for name, talk in draft.slots.items():
        for value, own in talk.only.items():
            needs.append(("phrases/slots.yaml", (name, "only", value), own))
    for file, path, slots in needs:
        for slot, values in slots.items():
            where = (*path, slot)
            located = draft.files[file]
            if file != "flowchart.yaml":
                known = draft.names.get("slot")
                yield from _check_name(located, where, "slot", slot, known, key=True)
            talk = draft.slots.get(slot)
            for n, value in enumerate(values if talk else ()):
                yield from _check_name(located, (*where, n), "value", value, talk.values)


def _check_slots(draft: Draft) -> Iterator[Problem]:
    located = draft.files["phrases/slots.yaml"]
    for slot, talk in draft.slots.items():
        yield from _check_name(located, (slot,), "slot", slot, draft.names.get("slot"), key=True)
        lists = {("values",): talk.values, ("ask", "train"): talk.ask.train, ("say",): talk.say}
        if "slots_vague" in draft.causes:
            lists["vague", "train"] = talk.vague.train
        if isinstance(talk.say, dict):
            for value, forms in talk.say.items():
                is_split = isinstance(forms, Wordings)
                lists |= {("say", value, "train"): forms.train} if is_split else {}
                lists |= {} if is_split else {("say", value): forms}
        for path, items in lists.items():
            if not items:
                text = f"{'.'.join((slot, *path))} is empty; write at least one"
                yield located.problem((slot, *path), "empty_list", text, key=True)
        yield from _check_values(located, slot, talk)
        yield from _check_covers(draft, located, slot, talk)
        for path, text, is_key in list_texts(located.data[slot], (slot,)):
            if not is_key:
                known = {"value"} if path[1] in ("standard", "say") else set()
                yield from _check_text(located, path, text, known)


def _check_values(located: Located, slot: str, talk: SlotTalk) -> Iterator[Problem]:
    """That forms written per value are there for each value, and what is per value for no other."""
    for field in ("standard", "say", "only"):
        forms = getattr(talk, field)
        if not isinstance(forms, dict) or not isinstance(talk.values, list):
            continue
        for value in forms:
            path = (slot, field, value)
            yield from _check_name(located, path, "value", value, talk.values, key=True)
        for value in talk.values if field != "only" else ():
            if value not in forms:
                text = f'{slot}.{field} has no "{value}", a value of the slot; add it'
                yield located.problem((slot, field), "no_value", text, key=True)


def _check_covers(draft: Draft, located: Located, slot: str, talk: SlotTalk) -> Iterator[Problem]:
    """That a slot covers a field that all offers have, and that both are numbers."""
    if not talk.covers or draft.facts is None:
        return
    offers = [offer.fields() for offer in draft.facts.offers]
    path, fields = (slot, "covers"), set.intersection(*map(set, offers)) if offers else set()
    unknown = [*_check_name(located, path, "offer field", talk.covers, fields)]
    yield from unknown
    amounts = [] if unknown else [*talk.values, *(offer[talk.covers] for offer in offers)]
    for amount in amounts:
        if not amount.replace(".", "", 1).isdigit():
            text = f'"{amount}" is no number, so whether {slot} covers {talk.covers} is unknown'
            yield located.problem(path, "no_number", text)


def _check_personas(draft: Draft) -> Iterator[Problem]:
    located = draft.files["personas.yaml"]
    if located.data == []:
        yield located.problem((), "no_personas", "there are no personas; add one")
    for place, persona in draft.personas.items():
        path, known = (place, "manner"), draft.names["manner"]
        yield from _check_name(located, path, "manner", persona.manner, known)


@dataclass(frozen=True)
class Gap:
    """Something that the offline teacher needs and nobody has written yet."""

    problem: Problem
    """Where the flowchart calls for it."""
    file: str
    """Where it is to be written, e.g. "phrases/agent.yaml"."""
    kind: str
    """step, act, part, slot, fact or offer."""
    name: str


def list_gaps(draft: Draft) -> list[Gap]:
    """What the phrase book lacks for this flowchart; nothing while a file hides what there is."""
    if not draft.is_whole:
        return []
    return [*_list_slot_gaps(draft), *_list_step_gaps(draft), *_list_customer_gaps(draft)]


def _list_slot_gaps(draft: Draft) -> Iterator[Gap]:
    located, name = draft.files["flowchart.yaml"], "phrases/slots.yaml"
    for slot in draft.flowchart.slots:
        if slot not in draft.slots:
            text = f'{name} has no "{slot}", a slot of the flowchart'
            problem = located.problem(("slots", slot), "no_slot", text, key=True)
            yield Gap(problem, name, "slot", slot)


def _list_step_gaps(draft: Draft) -> Iterator[Gap]:
    """What the agent cannot say."""
    chart, located, name = draft.flowchart, draft.files["flowchart.yaml"], "phrases/agent.yaml"
    agent, customer = draft.by_key["agent"], draft.by_key["customer"]
    for step in chart.steps:
        per_slot = all(f"{step}/{slot}" in agent for slot in chart.slots)
        if step not in agent and not (chart.slots and per_slot):
            text = f'{name} has no wordings for the step "{step}"'
            problem = located.problem(find_path(step), "no_wordings", text, key=True)
            yield Gap(problem, name, "step", step)
        yield from _list_reason_gaps(draft, step)
        if "offers" in chart.find_element(step).cites and "part/offer" not in agent:
            text = f'{name} has no part "offer" to say the offers of "{step}" with'
            problem = located.problem((*find_path(step), "cites"), "no_wordings", text, key=True)
            yield Gap(problem, name, "part", "offer")
    for fact in draft.facts.facts:
        if f"ask({fact})" in customer and f"answers/{fact}" not in agent:
            text = f'{name} has no answers for the fact "{fact}", which customers ask'
            problem = customer[f"ask({fact})"][0].problem(("acts",), "no_answers", text)
            yield Gap(problem, name, "fact", fact)


def _list_reason_gaps(draft: Draft, step: str) -> Iterator[Gap]:
    """What is lacking to state facts that a step cites for some values only."""
    located, agent, name = (
        draft.files["flowchart.yaml"],
        draft.by_key["agent"],
        "phrases/agent.yaml",
    )
    cites = draft.flowchart.find_element(step).cites
    path = (*find_path(step), "cites")
    reasons = [c for c in cites if c in draft.facts.facts and draft.facts.facts[c].needs]
    for fact in reasons:
        if f"answers/{fact}" not in agent:
            text = f'{name} has no answers for the fact "{fact}", a reason of "{step}"'
            yield Gap(located.problem(path, "no_answers", text), name, "fact", fact)
    entries = [written.entry for written in agent.get(step, ())] if reasons else []
    wordings = [w for entry in entries for w in entry.wordings() if w.split == "train"]
    if wordings and not any("reason" in wording.placeholders for wording in wordings):
        text = f'no training wording of "{step}" has {{reason}}, where it states the facts it cites'
        yield Gap(located.problem(path, "no_wordings", text), name, "step", step)


def _list_customer_gaps(draft: Draft) -> Iterator[Gap]:
    """What customers cannot say, and offers that there are not."""
    chart, located, name = draft.flowchart, draft.files["flowchart.yaml"], "phrases/customer*.yaml"
    customer = draft.by_key["customer"]
    for state in sorted(draft.causes.keys() & OFFER_STATES if not draft.facts.offers else ()):
        text = f'"{state}" causes a route, but facts.yaml has no offers; add some'
        problem = located.problem(draft.causes[state], "no_offers", text)
        yield Gap(problem, "facts.yaml", "offer", state)
    # customers say these whatever the flowchart is: "start" when they give nothing at first
    opening = ("nodes", chart.start)
    for part in NEEDED:
        if f"part/{part}" not in customer:
            text = f'{name} has no wordings for the part "{part}"'
            problem = located.problem(opening, "no_wordings", text, key=True)
            yield Gap(problem, name, "part", part)
    causes = {"start": opening} | draft.causes
    for user in draft.flowchart.nodes.values():
        leads = [chart.nodes[to] for _, to in chart.successors(user.id) if to in chart.nodes]
        if user.role == "user" and not any(node.is_hub for node in leads):
            causes.setdefault(ANSWER, ("nodes", user.id))
    said = {act.partition("(")[0] for key in customer for act in key.split("+")}
    lacking = {kind: causes[kind] for kind in sorted(causes.keys() - said - STATES)}
    lacking |= {act: path for act, path in _list_slot_acts(draft) if act not in customer}
    for act, path in lacking.items():
        # of an act that is about a slot each slot has its own
        if act not in SLOT_ACTS or not chart.slots:
            text = f'{name} has no wordings for the act "{act}"'
            problem = located.problem(path, "no_wordings", text, key=act in ("start", ANSWER))
            yield Gap(problem, name, "act", act)


def _list_slot_acts(draft: Draft) -> Iterator[tuple[str, KeyPath]]:
    """Acts about slots that customers of this flowchart do, e.g. "give(size)", and where from."""
    slots = draft.flowchart.slots
    acts = [act.partition("(") for key in draft.by_key["customer"] for act in key.split("+")]
    # a slip in the name of a slot is named where it stands
    slips = {kind for kind, _, slot in acts if slot.rstrip(")") not in slots}
    causes = {
        kind: draft.causes[cause] for cause, kind in SLOT_CAUSES.items() if cause in draft.causes
    }
    for slot in slots:
        for kind, path in ({"give": ("slots", slot)} | causes).items():
            if kind not in slips:
                yield f"{kind}({slot})", path
