"""How far a domain has come, step by step: what is wrong, what is missing, what comes next."""

from dataclasses import dataclass
from pathlib import Path

from workbench.draft import Draft, read_draft
from workbench.phrase_rules import Gap, check_draft, list_gaps
from workbench.reading import Problem

WAYS_OUT = {
    "facts.yaml": 'the least is two lines, \'agency: "Who the agent speaks for"\' and "facts: {}"',
    "personas.yaml": 'one line is enough: - {id: anybody, manner: terse, description: "Anybody."}',
}
"""How to begin a file that does not exist."""

MOST_NAMED = 40
"""Names that are listed of one kind."""


@dataclass(frozen=True)
class Completeness:
    """What a domain has, and what it lacks."""

    draft: Draft
    problems: list[Problem]
    """Errors and warnings, but for what was not begun."""
    gaps: list[Gap]
    """What the offline teacher needs and nobody has written."""

    @property
    def is_designed(self) -> bool:
        """Whether flowchart and facts are sound, so that notebook 1 runs."""
        designed = {self.draft.files[name].file for name in ("flowchart.yaml", "facts.yaml")}
        found = {p for p in self.problems if p.level == "error" and p.file in designed}
        is_read = self.draft.flowchart is not None and self.draft.facts is not None
        return is_read and not found - {gap.problem for gap in self.gaps}

    @property
    def is_complete(self) -> bool:
        """Whether there are no errors, and the offline teacher can write its conversations."""
        is_lacking = bool(self.gaps or self.draft.absent)
        return not is_lacking and not any(p.level == "error" for p in self.problems)

    @property
    def is_sound(self) -> bool:
        """Whether what is there has no errors, be it enough for the offline teacher or not."""
        return not any(problem.level == "error" for problem in self.problems)

    def describe(self) -> str:
        """What is missing and what comes next, a step a line; "" if nothing is."""
        if self.is_complete:
            return ""
        files = self.draft.files
        if not self.is_designed:
            absent = [name for name in WAYS_OUT if name in self.draft.absent]
            lines = [f"{files[name].file} is missing: {WAYS_OUT[name]}" for name in absent[:1]]
            return "\n".join([*lines, "Next: mend flowchart.yaml and facts.yaml, then check again"])
        lines = ["Flowchart and facts are whole: notebook 1 runs (--stages 1)."]
        if not self.draft.is_whole:
            return "\n".join([*lines, "Next: mend what is named above, then check again"])
        if self.gaps or self.draft.absent:
            lines.append(
                "It is usable with a model as teacher; the offline teacher needs phrases for:"
            )
            lines += [f"  {line}" for line in self._list_needs()]
            lines.append(
                "With models as teacher and customer (-p teacher api/MODEL -p customer api/MODEL)"
                " stages 1 to 4 need of this the slots alone."
            )
            books = {"phrases/agent.yaml", "phrases/customer.yaml"}
            is_free = books <= {*self.draft.absent}
            way = f", or begin with plain ones: {self._way()}" if is_free else ""
            lines.append(f"Next: write them as domains/README.md says{way}")
        return "\n".join(lines)

    def _way(self) -> str:
        """The command that makes phrases."""
        return f"python -m workbench phrases {self.draft.files['flowchart.yaml'].file.parent.name}"

    def _list_needs(self) -> list[str]:
        """What each file lacks. Example: "phrases/customer.yaml (missing): the acts ..." """
        needs: dict[str, dict[str, list[str]]] = {name: {} for name in self.draft.absent}
        for gap in self.gaps:
            # where there are several files for customers, it is any of them
            file = next((n for n in needs if gap.file.replace("*", "") == n), gap.file)
            needs.setdefault(file, {}).setdefault(gap.kind, []).append(gap.name)
        lines = []
        for file, kinds in needs.items():
            parts = [_name_all(kind, names) for kind, names in kinds.items()]
            said = "; ".join(parts) or WAYS_OUT.get(file, "it may be []")
            said = "{} may stand in it: there are no slots" if _is_empty(file, parts) else said
            lines.append(f"{file}{' (missing)' * (file in self.draft.absent)}: {said}")
        return lines


def _is_empty(file: str, parts: list[str]) -> bool:
    return file == "phrases/slots.yaml" and not parts


def _name_all(kind: str, names: list[str]) -> str:
    """Example: "the acts leave, give(size)" """
    names = list(dict.fromkeys(names))
    rest = len(names) - MOST_NAMED
    shown = [*names[:MOST_NAMED], *([f"and {rest} more"] if rest > 0 else [])]
    return f"the {kind}{'s' * (len(names) > 1)} {', '.join(shown)}"


def measure_completeness(folder: Path) -> Completeness:
    """How far a domain's folder has come; bad content never raises."""
    draft = read_draft(folder)
    problems, gaps = check_draft(draft), list_gaps(draft)
    if not draft.is_begun:
        # who has written no phrases yet has made no error
        absent = {draft.files[name].file for name in draft.absent if name != "facts.yaml"}
        lacking = {gap.problem for gap in gaps}
        problems = [p for p in problems if p.file not in absent and p not in lacking]
        # acts of its own are listed among what needs wordings; slips have a nearest name
        is_slip = {p: p.rule != "unknown_act" or "Did you mean" in p.text for p in problems}
        problems = [problem for problem in problems if is_slip[problem]]
    return Completeness(draft, problems, gaps)
