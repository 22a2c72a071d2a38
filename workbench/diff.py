"""What has changed since a run was made, what of it still holds, and what the rest will take."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.api.spending import tally_calls
from workbench.design.changes import Changes, compare_domains
from workbench.design.older import Older, find_older
from workbench.design.plan import PlannedPath, choose_paths
from workbench.design.succession import trace_paths
from workbench.domain import Domain, read_design, read_domain
from workbench.run import Run
from workbench.show import Panel, draw_changes, escape, table, tabulate_changes
from workbench.show.picture import make_bundle
from workbench.source import find_place, read_source
from workbench.synthesize.redoing import COUNTED, Agenda, make_agenda
from workbench.train.continuing import BUDGETS, share_out

SAME, CHANGED = 0, 3
"""Exit codes: nothing is to be redone; something is. 1 and 2 are failures, as everywhere."""

MOST_REASONS = 8


@dataclass(frozen=True)
class Diff:
    """A run beside its domain as it is today."""

    older: Older
    planned: list[PlannedPath]
    """The paths that a run made since would use."""
    agenda: Agenda | None
    """None: the run has no conversations, or today's domain lacks what is needed to write any."""
    lacking: str = ""
    """Why there is no agenda."""

    @property
    def changes(self) -> Changes:
        """What has changed."""
        return self.older.changes

    @property
    def exit_code(self) -> int:
        """0 where nothing is to be redone, else 3."""
        if self.agenda is None:
            # what a new route, say, would ask for is not known until it can be written
            return SAME if self.changes.are_names_all else CHANGED
        return CHANGED if any(self.agenda.counts[what] for what in COUNTED[1:]) else SAME

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Path id of today to what it is: same, touched, other (what an old one became) or new."""
        today = [path.as_path() for path in self.planned]
        found = trace_paths(self.older.paths, today, self.changes)
        renames, old = self.changes.renames, {path.path_id: path for path in self.older.paths}
        parts = {renames.part(key) for key in self.changes.touched}
        kinds = {}
        for path in today:
            come_from = [old[i] for i in found.came_from.get(path.path_id, ())]
            is_same = any(tuple(map(renames.step, p.steps)) == path.steps for p in come_from)
            is_touched = parts.intersection((*path.nodes, *path.steps)) or self._states(path)
            kind = "new" if not come_from else "touched" if is_touched else "same"
            kinds[path.path_id] = kind if is_same or not come_from else "other"
        return kinds

    @cached_property
    def paths(self) -> dict[str, int]:
        """How many of the planned paths are of which kind, and how many old ones are gone."""
        today = [path.as_path() for path in self.planned]
        became = trace_paths(self.older.paths, today, self.changes).became
        counts = Counter(self.kinds.values())
        counts["gone"] = sum(not paths for paths in became.values())
        return {kind: counts[kind] for kind in ("same", "touched", "other", "new", "gone")}

    def _states(self, path) -> bool:
        """Whether a path states a fact or an offer that has changed."""
        renames, chart = self.changes.renames, self.changes.new.flowchart
        cited = {
            cite
            for step, node in zip(path.steps, path.nodes, strict=False)
            for cite in (*chart.nodes[node].cites, *chart.find_element(step).cites)
        }
        names = {renames.part(key) for key in self.changes.touched}
        offers = any(name.startswith("offer.") for name in names) and cited & {"offer", "offers"}
        return bool(offers) or any(f"fact.{cite}" in names for cite in cited)

    def tabulate_work(self) -> list[dict[str, object]]:
        """What is to be done, and what it will take by what the run took; "–" is not known."""
        if self.agenda is None:
            return []
        manifest, n_write = self.older.run.manifest, self.agenda.counts["redone"]
        n_write += self.agenda.counts["new"]
        written, trained = manifest.get("synthesize", {}), manifest.get("train", {})
        asked = written.get("asked") or 0
        calls, usd = _count_calls(self.older.run, asked)
        n_rows = manifest.get("inspect", {}).get("train") or 0
        # some of the conversations are for validation, or were given up
        share = self._share_to_train(round(n_write * n_rows / (asked or n_rows or 1)), n_rows)
        start = "base" if self.changes.is_something_gone else "older model"
        return [
            {
                "stage": "conversations",
                "to do": n_write,
                "of": asked or None,
                "minutes": _forecast_minutes(written, n_write),
                "calls": round(calls * n_write),
                "dollars": None if usd is None else round(usd * n_write, 2),
            },
            {
                "stage": f"rows to train, from the {start}",
                "to do": round(share * n_rows) if n_rows else None,
                "of": n_rows or None,
                "minutes": round(share * trained["seconds"] / 60, 1)
                if "seconds" in trained
                else None,
                "calls": 0,
                "dollars": 0.0,
            },
        ]

    def _share_to_train(self, n_changed: int, n_rows: int) -> float:
        """Rows trained, repeats counted, as a share of all."""
        if self.agenda is None or not n_rows:
            return 0.0
        if self.changes.is_something_gone:
            return 1.0
        if not n_changed:
            return 0.0
        n_changed = min(n_changed, n_rows)
        n, repeats, n_replayed = share_out(
            BUDGETS[self.agenda.are_walks_changed], n_rows, n_changed
        )
        return (repeats * n + min(n_replayed, n_rows - n_changed)) / n_rows

    def _say(self) -> list[str]:
        """What stands between the tables, a line each."""
        paths = self.paths
        said = [
            f"Paths and longer walks that are planned: {paths['same']:,} as they were,"
            f" {paths['touched']:,} pass something that has changed, {paths['other']:,} have become"
            f" others, {paths['new']:,} are new, {paths['gone']:,} are gone."
        ]
        if self.agenda is None:
            return [*said, self.lacking]
        said.append(f"Conversations: {self.agenda.describe()}")
        if self.changes.is_something_gone:
            said.append(
                "What is gone from the procedure is unlearnt only by a training from the base."
            )
        return said

    def _head(self) -> str:
        run, n = self.older.run, len(self.changes.listed)
        return f"{run.domain}/{run.name} and the files of today: {n or 'no'} change{'s' * (n != 1)}"

    def _list_reasons(self) -> list[dict[str, object]]:
        common = self.agenda.reasons.most_common(MOST_REASONS) if self.agenda else []
        return [{"conversations": n, "cannot stay, as each": why} for why, n in common]

    def _list_parts(self) -> list[Panel | str]:
        parts: list[Panel | str] = [self._head()]
        if self.changes:
            parts.append(tabulate_changes(self.changes))
        parts += self._say()
        if reasons := self._list_reasons():
            parts.append(table(reasons))
        if work := self.tabulate_work():
            parts.append(table(work))
        return parts

    def __str__(self) -> str:
        return "\n\n".join(map(str, self._list_parts()))

    def write_markdown(self) -> str:
        """For a comment on a pull request."""
        head, *parts = self._list_parts()
        shown = [part if isinstance(part, str) else part.markdown for part in parts]
        return "\n\n".join([f"### {head}", *shown]) + "\n"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        picture = draw_changes(self.changes).html
        parts = [f"<p>{escape(p)}</p>" if isinstance(p, str) else p.html
                 for p in self._list_parts()]  # fmt: skip
        return make_bundle("".join([picture, *parts]), self)


@dataclass(frozen=True)
class NoDiff:
    """What is shown where there is nothing to compare with."""

    def __str__(self) -> str:
        return (
            "This run goes on from no other; name an older one in `since` to see what has changed."
        )

    __repr__ = __str__


def compare_run(run: Run, domain: str = "") -> Diff:
    """A run beside the domain that it was made from, or beside the one named, as it is today.

    Raises:
        SourceError: what the run was made from is not known.
        DomainError: the domain's flowchart or facts are wrong or missing.
    """
    return _compare(run, read_design(domain or find_place(run)))


def compare_since(run: Run, since: str, domain: Domain) -> Diff | NoDiff:
    """The older run called `since` beside today's domain; of "" only that there is none.

    Raises:
        UnknownRunError: there is no such run.
        SourceError: what it was made from is not known.
    """
    older = find_older(run, since)
    return _compare(older, domain) if older else NoDiff()


def _compare(run: Run, today: Domain) -> Diff:
    older = Older(run, compare_domains(read_source(run, today), today))
    designed = run.manifest.get("design", {}).get("inputs", {})
    planned = choose_paths(
        today.flowchart, designed.get("seed", 7), designed.get("max_visits", 2), older
    )
    made = run.manifest.get("synthesize", {}).get("inputs", {})
    if not made or not run.file("scenarios.jsonl").exists():
        return Diff(older, planned, None, "The run has no conversations yet.")
    try:
        whole = read_domain(today.folder)
    except ValueError as error:
        lacking = f"No conversation can be written of what is there today: {error}"
        return Diff(older, planned, None, lacking)
    numbers = (made["conversations"], made["test_scenarios"], made["seed"])
    return Diff(older, planned, make_agenda(whole, older, planned, *numbers))


def _forecast_minutes(written: Mapping[str, Any], n: int) -> float | None:
    """What n conversations will take: some of it, what reads them, is the same for few and many."""
    seconds, asked = written.get("seconds"), written.get("asked")
    if not seconds or not asked:
        return None
    fitting = written.get("fitting_seconds", 0.0)
    return round((fitting + (seconds - fitting) * n / asked) / 60, 1) if n else 0.0


def _count_calls(run: Run, n_conversations: int) -> tuple[float, float | None]:
    """Calls and dollars that a conversation took; a phrase book takes none."""
    tallies = [t for t in tally_calls(run) if t.role in {"teacher", "customer"}]
    if not tallies or not n_conversations:
        return 0.0, 0.0
    calls = sum(sum(tally.states.values()) for tally in tallies)
    costs = [tally.cost_usd for tally in tallies]
    usd = None if None in costs else sum(costs) / n_conversations
    return calls / n_conversations, usd
