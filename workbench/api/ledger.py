"""The ledger: every call of a run to a model over the API, in one SQLite table."""

import sqlite3
import weakref
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.api.prices import Usage, dollars
from workbench.run import Run

FILE = "calls.sqlite"
"""The ledger's file in the run folder."""

STATES = {
    "reserved": "is being sent; what it may cost at most is set aside",
    "answered": "has an answer, and is never sent again",
    "refused": "the model declined to answer; never sent again either",
    "unusable": "a reply came that holds no answer: empty, cut off, not JSON",
    "failed": "nothing was written for it: not reached, or turned away",
    "unknown": "was sent and no reply came: it may have been paid for, at most what was set aside",
}
"""What an attempt's state says. The first is left for one of the others, which is final."""

_COLUMNS = {
    "call_id": "TEXT NOT NULL",
    "attempt": "INTEGER NOT NULL",
    "state": "TEXT NOT NULL",
    "role": "TEXT NOT NULL",
    "model": "TEXT NOT NULL",
    "host": "TEXT NOT NULL",
    "price": "TEXT",
    "reserved_usd": "REAL",
    "cost_usd": "REAL",
    "prompt_tokens": "INTEGER",
    "cached_tokens": "INTEGER",
    "reasoning_tokens": "INTEGER",
    "output_tokens": "INTEGER",
    "seconds": "REAL",
    "answered_by": "TEXT",
    "answer": "TEXT",
    "reason": "TEXT",
    "begun_at": "TEXT NOT NULL",
    "written_tokens": "INTEGER",
}
_TABLE = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())


class LedgerError(ValueError):
    """The ledger cannot be used as asked; the message says what to do."""


@dataclass(frozen=True)
class Caller:
    """Who asks whom: what all calls of one model in one role have in common."""

    role: str
    """teacher, customer, agent or judge."""
    model: str
    host: str


@dataclass(frozen=True)
class Entry:
    """A call that is on record with its answer."""

    state: str
    answer: str
    """What the model said; of a refused call, why it would not."""
    usage: Usage | None
    """None: the provider did not count."""
    cost_usd: float | None
    seconds: float


@dataclass(frozen=True)
class Tally:
    """What the ledger says of one role and model."""

    role: str
    model: str
    host: str
    states: dict[str, int]
    """How many attempts are in which state. Example: {"answered": 300, "failed": 41}"""
    prompt_tokens: int
    cached_tokens: int
    written_tokens: int
    """Of the prompts' those written to a provider's cache, which some charge more for."""
    reasoning_tokens: int
    output_tokens: int
    cost_usd: float | None
    """Of all replies that came; None: one of them has no price."""
    unknown_usd: float
    """What those without a reply may have cost besides, at most."""

    def __str__(self) -> str:
        states = ", ".join(f"{n:,} {state}" for state, n in self.states.items())
        cost = "at an unknown price" if self.cost_usd is None else dollars(self.cost_usd)
        if self.unknown_usd:
            cost += f", and at most {dollars(self.unknown_usd)} for calls whose reply never came"
        return (
            f"{self.role} ({self.model} at {self.host}): {states}; {self.prompt_tokens:,} tokens of"
            f" prompts ({self.cached_tokens:,} cached) and {self.output_tokens:,} of answers"
            f" ({self.reasoning_tokens:,} of reasoning), {cost}"
        )


class Ledger:
    """The calls of a run. `use` it while reading and writing; other processes are kept out then.

    An attempt is written as reserved before it is sent, and settled when its outcome is known.
    What a killed process left reserved is unknown to the next one.
    """

    def __init__(self, run: Run):
        self.run = run
        self.file = run.file(FILE)
        self._connection: sqlite3.Connection | None = None
        self._stack: ExitStack | None = None
        self._n_users = 0
        self._version = 0
        self._settled_usd = 0.0
        self._held: dict[tuple[str, int], float] = {}

    @contextmanager
    def use(self) -> Iterator["Ledger"]:
        """Keep other processes away until the block ends; within one process it may be nested.

        Raises:
            RunError: another process is making calls for this run.
            LedgerError: the file is no ledger, or cannot be written.
        """
        if not self._n_users:
            stack = ExitStack()
            stack.enter_context(self.run.lock("calls"))
            try:
                self._open()
            except BaseException:
                stack.close()
                raise
            self._stack = stack
        self._n_users += 1
        try:
            yield self
        finally:
            self._n_users -= 1
            if not self._n_users:
                self._stack.close()
                self._stack = None

    @property
    def committed_usd(self) -> float:
        """Dollars that the run has cost so far, at most: paid, unknown and set aside."""
        return self._settled_usd + sum(self._held.values())

    @property
    def in_flight(self) -> int:
        """Attempts of this process that have been sent and are not settled."""
        return len(self._held)

    def find(self, call_id: str) -> Entry | None:
        """The call's answer, if it has one."""
        row = self._do(
            "SELECT state, answer, prompt_tokens, output_tokens, cached_tokens,"
            " coalesce(written_tokens, 0), reasoning_tokens, cost_usd, seconds FROM calls"
            " WHERE call_id = ? AND state IN ('answered', 'refused')",
            (call_id,),
        ).fetchone()
        if row is None:
            return None
        state, answer, *tokens, cost_usd, seconds = row
        usage = None if tokens[0] is None else Usage(*tokens)
        return Entry(state, answer or "", usage, cost_usd, seconds)

    def reserve(self, call_id: str, caller: Caller, price: str | None, usd: float | None) -> int:
        """Write down an attempt before it is sent, and what it may cost at most; its number."""
        attempt = self._do(
            "INSERT INTO calls (call_id, attempt, state, role, model, host, price, reserved_usd,"
            " begun_at) SELECT ?, coalesce(max(attempt), 0) + 1, 'reserved', ?, ?, ?, ?, ?, ?"
            " FROM calls WHERE call_id = ? RETURNING attempt",
            (call_id, caller.role, caller.model, caller.host, price, usd, _now(), call_id),
        ).fetchall()[0][0]
        self._held[call_id, attempt] = usd or 0.0
        return attempt

    def settle(
        self,
        call_id: str,
        attempt: int,
        state: str,
        *,
        usage: Usage | None = None,
        cost_usd: float | None = None,
        seconds: float = 0.0,
        answer: str | None = None,
        answered_by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Write down what became of an attempt. Its cost is None where it is not known.

        What came back without a count of tokens is taken to have cost all that was set aside.
        """
        held = self._held.pop((call_id, attempt))
        # counts in full until what is known of it is written
        self._settled_usd += held
        is_free = state == "failed"
        spent = 0.0 if is_free else held if cost_usd is None else cost_usd
        tokens = (None,) * 5
        if usage:
            tokens = (usage.prompt, usage.cached, usage.written, usage.reasoning, usage.output)
        self._do(
            "UPDATE calls SET state = ?, cost_usd = CASE WHEN reserved_usd IS NULL THEN NULL"
            " ELSE ? END, prompt_tokens = ?, cached_tokens = ?, written_tokens = ?,"
            " reasoning_tokens = ?, output_tokens = ?, seconds = ?, answer = ?, answered_by = ?,"
            " reason = ?"
            " WHERE call_id = ? AND attempt = ?",
            (state, spent, *tokens, seconds, answer, answered_by, reason, call_id, attempt),
        )
        self._settled_usd += spent - held

    def count_spent(self, roles: Collection[str]) -> float:
        """Dollars that the calls in these roles have cost so far, at most."""
        marks = ", ".join("?" * len(roles))
        return self._do(
            f"SELECT total(cost_usd) FROM calls WHERE role IN ({marks})", tuple(roles)
        ).fetchone()[0]

    def list_answering(self, caller: Caller) -> list[str]:
        """Names by which those who answered a caller called themselves, e.g. of versions."""
        rows = self._do(
            "SELECT DISTINCT answered_by FROM calls WHERE role = ? AND model = ? AND host = ?"
            " AND answered_by IS NOT NULL ORDER BY answered_by",
            (caller.role, caller.model, caller.host),
        )
        return [name for (name,) in rows]

    def list_terms(self, caller: Caller) -> set[str | None]:
        """Prices at which calls of a model have been made; None among them: some had no price."""
        rows = self._do(
            "SELECT DISTINCT price FROM calls WHERE model = ? AND host = ? AND state != 'failed'",
            (caller.model, caller.host),
        )
        return {price for (price,) in rows}

    def tally(self) -> list[Tally]:
        """Counts, tokens and dollars by role and model."""
        rows = self._do(
            "SELECT role, model, host, state, count(*), total(prompt_tokens), total(cached_tokens),"
            " total(written_tokens), total(reasoning_tokens), total(output_tokens),"
            " total(cost_usd), sum(reserved_usd IS NULL) FROM calls"
            " GROUP BY role, model, host, state ORDER BY role, model, host, state"
        ).fetchall()
        groups: dict[tuple[str, str, str], list[Any]] = {}
        for row in rows:
            groups.setdefault(row[:3], []).append(row[3:])
        return [_add_up(*who, states) for who, states in groups.items()]

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _open(self) -> None:
        # a ledger that was deleted meanwhile is begun anew, not written to a file without a name
        if self._connection and not self.file.exists():
            self.close()
        # other processes may have written since
        version = self._do("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._take_stock()
            self._version = version

    def _take_stock(self) -> None:
        self._do(
            "UPDATE calls SET state = 'unknown', cost_usd = reserved_usd,"
            " reason = 'the program ended before the reply came' WHERE state = 'reserved'"
        )
        self._settled_usd = self._do("SELECT total(cost_usd) FROM calls").fetchone()[0]

    def _do(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            if self._connection is None:
                self._connection, self._version = _connect(self.file), 0
                weakref.finalize(self, self._connection.close)
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(
            f"{self.file} cannot be used ({error}); if the disk is full free some space, if the"
            " file is damaged move it away (its answers are then paid for again), and go on"
        )


def _connect(file: Any) -> sqlite3.Connection:
    # used from the thread that talks to the network and, between calls, from the notebook's
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=20)
    # what was written stays written when the process is killed, not when the power fails
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS calls ({_TABLE}, PRIMARY KEY (call_id, attempt))"
    )
    there = {name for _, name, *_ in connection.execute("PRAGMA table_info(calls)")}
    if "call_id" in there and "written_tokens" not in there:
        # runs begun before it was kept apart go on
        connection.execute("ALTER TABLE calls ADD COLUMN written_tokens INTEGER")
    return connection


def _add_up(role: str, model: str, host: str, rows: list[tuple]) -> Tally:
    replies = [row for row in rows if row[0] in ("answered", "refused", "unusable")]
    tokens = [int(sum(row[column] for row in replies)) for column in range(2, 7)]
    is_priced = not any(row[8] for row in replies)
    return Tally(
        role,
        model,
        host,
        {row[0]: row[1] for row in rows},
        *tokens,
        sum(row[7] for row in replies) if is_priced else None,
        sum(row[7] for row in rows if row[0] == "unknown"),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
