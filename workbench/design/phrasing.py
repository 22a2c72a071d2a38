"""A phrase book made of the flowchart's own words, for who has not written one yet.

It is plain: each step says its `say`, each route its `when`, and customers answer with the `when`
of the route they cause. It lets a procedure be tried through the whole loop before it is worded.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Template

from workbench.design.quoting import quote
from workbench.draft import Draft, find_path, read_draft
from workbench.flowchart import Route
from workbench.phrase_rules import TARGETS, list_gaps
from workbench.phrases import join_clauses
from workbench.quantities import UNITS, find_quantities, iterate_quantities, make_units
from workbench.reading import Problem, ReadingError, read_yaml

WORDINGS = Path(__file__).parent / "plain_wordings.yaml"

NOTE = "# Made of the flowchart's own words: reword it, the first wordings of each entry above all."

Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Training and test wordings of one entry."""


class PhrasingError(ReadingError):
    """No phrase book can be made; `problems` has every reason, and the message one a line."""


def write_phrases(folder: Path) -> list[Path]:
    """Write what a domain lacks of phrases and personas; returns the files.

    Raises:
        PhrasingError: there are phrases, or something that cannot be made up is missing.
    """
    texts = make_phrases(read_draft(folder))
    (folder / "phrases").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]


def make_phrases(draft: Draft) -> dict[str, str]:
    """The texts of the files that are absent, by name.

    Raises:
        PhrasingError: there are phrases, or something that cannot be made up is missing.
    """
    maker = _Maker(draft)
    if problems := [*maker.refuse()]:
        raise PhrasingError(problems)
    agent, customer = maker.word_agent(), maker.word_customer()
    if maker.problems:
        raise PhrasingError(maker.problems)
    trained = "\n".join(w.lower() for _, (train, _) in (*agent, *customer) for w in train)
    texts = {"phrases/agent.yaml": _write(agent, trained)}
    texts["phrases/customer.yaml"] = _write(customer, trained)
    personas = [
        "- {" + ", ".join(f"{key}: {quote(value)}" for key, value in persona.items()) + "}"
        for persona in maker.plain["personas"]
    ]
    others = {"phrases/slots.yaml": "{}  # there are no slots\n"}
    others["personas.yaml"] = "\n".join(["# Who the customers are.", *personas, ""])
    return texts | {name: text for name, text in others.items() if name in draft.absent}


def speak_as_customer(when: str) -> str:
    """A condition as the customer says it. Example: "the user is at home" -> "I am at home" """
    verbs = {"is": "am", "has": "have", "does": "do", "was": "was", "wants": "want"}
    found = re.match(r"(?:the )?(?:user|customer|caller|client)\s+(\w+)(.*)", when, re.I | re.S)
    if not found:
        return when[:1].upper() + when[1:]
    verb = found[1].lower()
    is_third = verb.endswith("s") and not verb.endswith(("ss", "us", "is", "as"))
    verb = verbs.get(verb) or (verb[:-1] if is_third else verb)
    rest = re.sub(r"\btheir\b", "my", found[2])
    return f"I {verb}{rest}"


def finish(text: str) -> str:
    """A sentence of a text: on one line, with an end, and nothing that means something else."""
    # what stands in quotes, and ways through menus, are names of facts where there are such
    plain = re.sub(r'["“”]', "'", re.sub(r"\s*(?:>|→)\s*", ", then ", text))
    plain = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    plain = plain or "…"
    return plain if plain[-1] in ".!?:;,…" else f"{plain}."


class _Maker:
    def __init__(self, draft: Draft):
        self.draft, self.chart, self.facts = draft, draft.flowchart, draft.facts
        self.plain = read_yaml(WORDINGS).data
        self.problems: list[Problem] = []

    def refuse(self) -> Iterator[Problem]:
        """Why nothing can be made."""
        chart = self.draft.files["flowchart.yaml"]
        for name, located in self.draft.files.items():
            is_book = name.startswith(("phrases/agent", "phrases/customer"))
            if is_book and name not in self.draft.absent:
                text = "phrases are begun; check says what they lack, or move the file away"
                yield Problem(located.file, 0, 0, "begun", text)
        blocking = [p for p in self.draft.problems if p.level == "error" and p.rule != "no_file"]
        yield from blocking
        if not blocking and not self.draft.is_whole:
            text = "there are no facts.yaml and flowchart.yaml that can be read; check says why"
            yield Problem(chart.file, 0, 0, "unread", text)
        elif not blocking:
            for gap in list_gaps(self.draft):
                if gap.kind in ("slot", "offer"):
                    reason = f"{gap.problem.text}; it cannot be made up, so write it first"
                    yield Problem(chart.file, gap.problem.line, 1, gap.problem.rule, reason)

    def word_agent(self) -> list[tuple[str, Sides]]:
        """Entries of the agent's book; steps that sound alike share one."""
        shared: dict[Sides, list[str]] = {}
        for step in self.chart.steps:
            shared.setdefault(self._word_step(step), []).append(step)
        entries = [(f"steps: [{', '.join(steps)}]", sides) for sides, steps in shared.items()]
        cited = {c for step in self.chart.steps for c in self.chart.find_element(step).cites}
        if "offers" in cited:
            fields = [set(offer.fields()) for offer in self.facts.offers]
            named = ", ".join(f"{{{name}}}" for name in sorted(set.intersection(*fields)))
            form = "{name}: " + named if named else "{name}"
            entries.append(("part: offer", ((form, f"there is {form}"), (f"how about {form}",))))
        entries += [(f"answers: {fact}", self._word_answer(fact)) for fact in self._list_answered()]
        return entries

    def _list_answered(self) -> list[str]:
        """Facts that are asked for, or are a reason for a step."""
        if "ask" in self.draft.causes:
            return list(self.facts.facts)
        return [name for name, fact in self.facts.facts.items() if fact.needs]

    def _word_step(self, step: str) -> Sides:
        element, hub = self.chart.find_element(step), step.partition(".")[0]
        acts = set(getattr(element, "acts", ()))
        if acts & {"slots_missing", "slots_vague"}:
            return tuple(self.plain["asking"]), tuple(self.plain["asking_test"])
        if "ask" in acts:
            return tuple(self.plain["answering"]), tuple(self.plain["answering_test"])
        text = element.say
        if isinstance(element, Route) and not text:
            when = element.when[:1].upper() + element.when[1:]
            text = f"{finish(self.chart.nodes[hub].say)} {when}"
        sentence = self._state(step, finish(text), element.cites)
        sentence += " {offers}" * ("offers" in element.cites)
        sentence += " {offer}." * ("offer" in element.cites)
        return self._frame("agent", sentence, self._has_reasons(element.cites))

    def _has_reasons(self, cites: Iterable[str]) -> bool:
        return any(c in self.facts.facts and self.facts.facts[c].needs for c in cites)

    def _frame(self, book: str, text: str, has_reasons: bool = False) -> Sides:
        frames = self.plain[book]
        sides = []
        for side in ("train", "test"):
            filled = [Template(frame).substitute(text=text) for frame in frames[side]]
            filled += [f"{one} {{reason}}" for one in filled] if has_reasons else []
            sides.append(tuple(filled))
        return tuple(sides)

    def _state(self, step: str, text: str, cites: Iterable[str]) -> str:
        """The text with its numbers as placeholders of facts, and all facts cited that it lacks."""
        known = {c: self.facts.facts[c] for c in cites if c in self.facts.facts}
        known = {name: fact for name, fact in known.items() if not fact.needs}
        units, numbers = self._units, {}
        for name, fact in known.items():
            for quantity in find_quantities(fact.spoken(), self._units):
                numbers.setdefault(quantity, name)
        parts, end, stated = [], 0, set()
        for match, quantity in iterate_quantities(text, units):
            name = numbers.get(quantity)
            if name is None:
                number = match.group()
                reason = f'"{step}" says {number}, which is no fact it cites; add it to facts.yaml'
                where = self.draft.files["flowchart.yaml"]
                self.problems.append(where.problem(find_path(step), "no_fact", reason, key=True))
                continue
            parts += [_escape(text[end : match.start()]), f"{{{name}}}"]
            stated.add(name)
            end = match.end()
        parts.append(_escape(text[end:]))
        parts += [f" {self._word_fact(name)}" for name in known if name not in stated]
        return "".join(parts)

    @property
    def _units(self) -> dict[str, str]:
        own = [fact.unit for fact in self.facts.facts.values()] + [*self.facts.offer_units.values()]
        return UNITS | make_units(*(unit for unit in own if unit.lower() not in {"", *UNITS}))

    def _word_fact(self, name: str, placeholder: str = "") -> str:
        """A fact's sentence with a placeholder for what it states."""
        fact, hole = self.facts.facts[name], f"{{{placeholder or name}}}"
        before, found, after = fact.text.partition(fact.spoken())
        if found and not find_quantities(before + after, self._units):
            return f"{_escape(before)}{hole}{_escape(after)}"
        return f"{hole}."

    def _word_answer(self, fact: str) -> Sides:
        return self._frame("agent", self._word_fact(fact, "value"))

    def word_customer(self) -> list[tuple[str, Sides]]:
        """Entries of the customer's book."""
        entries = []
        for gap in list_gaps(self.draft):
            if gap.file.startswith("phrases/customer") and gap.kind == "act":
                entries += self._word_act(gap.name, gap.problem)
        parts = {name: _sides(lists) for name, lists in self.plain["parts"].items()}
        return entries + [(f"part: {name}", sides) for name, sides in parts.items()]

    def _word_act(self, act: str, problem: Problem) -> Iterator[tuple[str, Sides]]:
        kind, _, slot = act.rstrip(")").partition("(")
        names = {"choose": ["choose", "choose_only"], "take_over": ["take_over(skip)"]}
        if slot:
            name = self.draft.slots[slot].name
            sides = (self.plain["slots"][kind], self.plain["slots"][f"{kind}_test"])
            filled = (tuple(Template(t).substitute(slot=slot, name=name) for t in s) for s in sides)
            yield f"acts: [{act}]", tuple(filled)
        elif act == "ask" and self.facts.facts:
            # what is so for some alone would be said to others
            general = [name for name, fact in self.facts.facts.items() if not fact.needs]
            for fact in general or self.facts.facts:
                name = join_clauses([fact.replace("_", " ")])
                sides = (self.plain["facts"], self.plain["facts_test"])
                filled = (tuple(Template(t).substitute(name=name) for t in s) for s in sides)
                yield f"acts: [ask({fact})]", tuple(filled)
        elif act in TARGETS and act not in names:
            about = "facts" if act == "ask" else "slots"
            reason = f'"{act}" is about {about}, but there are none; add some'
            self.problems.append(Problem(problem.file, problem.line, 1, "no_target", reason))
        elif act in self.plain["acts"] or act in names:
            for name in names.get(act, [act]):
                yield f"acts: [{name}]", _sides(self.plain["acts"][name])
        else:
            text = finish(speak_as_customer(self._find_when(act)))
            yield f"acts: [{act}]", self._frame("customer", _escape(text))

    def _find_when(self, act: str) -> str:
        """The condition of the first route or side trip that an act causes."""
        elements = map(self.chart.find_element, self.chart.steps)
        whens = (e.when for e in elements if act in getattr(e, "acts", ()))
        return next((when for when in whens if when), act.replace("_", " "))


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _sides(lists: list[list[str]]) -> Sides:
    return tuple(lists[0]), tuple(lists[1])


def _write(entries: list[tuple[str, Sides]], trained: str) -> str:
    """The text of a book; test wordings that training says too are left out."""
    lines = [NOTE]
    for head, (train, test) in entries:
        lines += [f"- {head}", f"  train: [{', '.join(map(quote, train))}]"]
        unseen = [text for text in test if text.lower() not in trained]
        lines += [f"  test: [{', '.join(map(quote, unseen))}]"] * bool(unseen)
    return "\n".join(lines) + "\n"
