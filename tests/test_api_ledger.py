"""The ledger: written before a call is sent, settled after, and right after any end."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from workbench.api.ledger import _COLUMNS, Caller, Ledger, LedgerError
from workbench.api.prices import Usage
from workbench.run import open_run

WHO = Caller("teacher", "toy", "localhost")


@pytest.fixture
def run(tmp_path):
    return open_run("toy", "calls", tmp_path)


@pytest.fixture
def ledger(run):
    with Ledger(run).use() as ledger:
        yield ledger


def settle_answered(ledger, call="a", usd=0.5, cost=0.2):
    attempt = ledger.reserve(call, WHO, "in 1, out 2", usd)
    usage = Usage(10, 4, cached=3, reasoning=2)
    ledger.settle(call, attempt, "answered", usage=usage, cost_usd=cost, answer="yes", seconds=1.5)


def test_an_answered_call_is_found_again_with_all_that_is_known_of_it(ledger):
    settle_answered(ledger)
    found = ledger.find("a")
    assert (found.answer, found.cost_usd, found.seconds) == ("yes", 0.2, 1.5)
    assert found.usage == Usage(10, 4, cached=3, reasoning=2)
    assert ledger.find("b") is None


def test_what_is_set_aside_counts_until_the_true_cost_is_known(ledger):
    attempt = ledger.reserve("a", WHO, "in 1", 0.5)
    assert (ledger.committed_usd, ledger.in_flight) == (0.5, 1)
    ledger.settle("a", attempt, "answered", cost_usd=0.1, answer="yes")
    assert (pytest.approx(ledger.committed_usd), ledger.in_flight) == (0.1, 0)


@pytest.mark.parametrize(("state", "usd"), [("failed", 0.0), ("unknown", 0.5), ("unusable", 0.5)])
def test_without_a_count_of_tokens_the_worst_is_assumed_unless_nothing_was_written(
    ledger, state, usd
):
    ledger.settle("a", ledger.reserve("a", WHO, "in 1", 0.5), state)
    assert ledger.committed_usd == usd
    assert ledger.find("a") is None


def test_attempts_of_a_call_are_numbered(ledger):
    numbers = [ledger.reserve("a", WHO, None, None) for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert ledger.reserve("b", WHO, None, None) == 1


def test_what_a_killed_process_left_is_unknown_and_bounded(run, ledger):
    settle_answered(ledger)
    ledger.reserve("b", WHO, "in 1", 0.5)
    heir = Ledger(run)
    with heir.use():
        assert heir.committed_usd == 0.7
        (tally,) = heir.tally()
    assert tally.states == {"answered": 1, "unknown": 1}
    assert (tally.cost_usd, tally.unknown_usd) == (0.2, 0.5)


def test_reading_the_tally_settles_nothing_of_others(run, ledger):
    ledger.reserve("a", WHO, "in 1", 0.5)
    assert Ledger(run).tally()[0].states == {"reserved": 1}
    assert ledger.tally()[0].states == {"reserved": 1}


def test_the_tally_adds_up_tokens_and_dollars_by_role_and_model(ledger):
    settle_answered(ledger, "a")
    settle_answered(ledger, "b")
    ledger.settle("c", ledger.reserve("c", WHO, "in 1", 0.5), "failed", reason="turned away")
    (tally,) = ledger.tally()
    assert (tally.prompt_tokens, tally.cached_tokens) == (20, 6)
    assert (tally.reasoning_tokens, tally.output_tokens) == (4, 8)
    assert tally.cost_usd == pytest.approx(0.4)


def test_a_ledger_of_before_tokens_written_to_a_cache_were_kept_goes_on(run):
    with closing(sqlite3.connect(run.file("calls.sqlite"))) as old:
        kinds = ", ".join(f"{n} {k}" for n, k in _COLUMNS.items() if n != "written_tokens")
        old.execute(f"CREATE TABLE calls ({kinds}, PRIMARY KEY (call_id, attempt))")
        old.execute(
            "INSERT INTO calls (call_id, attempt, state, role, model, host, begun_at,"
            " prompt_tokens, output_tokens, cached_tokens, reasoning_tokens, answer)"
            " VALUES ('a', 1, 'answered',"
            " 'teacher', 'toy', 'localhost', '2026-11-01', 9, 4, 3, 2, 'yes')"
        )
        old.commit()
    ledger = Ledger(run)
    with ledger.use():
        assert ledger.find("a").usage == Usage(9, 4, cached=3, written=0, reasoning=2)
        usage = Usage(10, 4, cached=3, written=5)
        ledger.settle("b", ledger.reserve("b", WHO, "in 1", 0.5), "answered", usage=usage)
        assert ledger.find("b").usage == usage
        assert sum(tally.written_tokens for tally in ledger.tally()) == 5


def test_calls_without_a_price_have_no_cost_rather_than_none(ledger):
    ledger.settle("a", ledger.reserve("a", WHO, None, None), "answered", answer="yes")
    assert ledger.tally()[0].cost_usd is None
    assert ledger.find("a").cost_usd is None


def test_another_process_is_kept_out_while_calls_are_made(run, ledger):
    code = (
        "import sys, pathlib; from workbench.run import Run\n"
        "from workbench.api.ledger import Ledger\n"
        "Ledger(Run(pathlib.Path(sys.argv[1]))).use().__enter__()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.folder)], capture_output=True, text=True
    )
    assert "is being written by process" in done.stderr


def test_it_is_free_for_others_when_no_calls_are_made(run):
    ledger, heir = Ledger(run), Ledger(run)
    for each in (ledger, heir, ledger):
        with each.use(), each.use():
            settle_answered(each, f"call of {id(each)}")
        with run.lock("calls"):
            assert each._stack is None
    assert ledger.committed_usd == pytest.approx(0.6)


def test_a_tally_reads_as_one_line(ledger):
    settle_answered(ledger)
    ledger.settle("b", ledger.reserve("b", WHO, "in 1", 0.5), "unknown")
    assert str(ledger.tally()[0]) == (
        "teacher (toy at localhost): 1 answered, 1 unknown; 10 tokens of prompts (3 cached)"
        " and 4 of answers (2 of reasoning), $0.20, and at most $0.50 for calls whose reply"
        " never came"
    )


def test_a_file_that_is_no_ledger_says_what_to_do(run):
    run.file("calls.sqlite").write_bytes(b"something else entirely " * 50)
    with pytest.raises(LedgerError, match=r"not a database.*move it away"), Ledger(run).use():
        pass
    # the lock is free again
    with run.lock("calls"):
        pass


def test_a_full_disk_says_what_to_do(ledger):
    settle_answered(ledger)
    ledger._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(LedgerError, match=r"full.*free some space"):
        settle_answered(ledger, "a long name" * 9999)


def test_what_cannot_be_settled_stays_paid_for_and_keeps_nobody_waiting(run, ledger):
    attempt = ledger.reserve("a", WHO, "in 1", 0.5)
    ledger._connection.execute("PRAGMA query_only = 1")
    with pytest.raises(LedgerError, match="readonly"):
        ledger.settle("a", attempt, "answered", cost_usd=0.1, answer="yes")
    assert (ledger.committed_usd, ledger.in_flight) == (0.5, 0)


def test_a_ledger_that_was_deleted_is_begun_anew(run):
    ledger = Ledger(run)
    with ledger.use():
        settle_answered(ledger)
    for file in run.folder.glob("calls.sqlite*"):
        file.unlink()
    with ledger.use():
        assert (ledger.find("a"), ledger.committed_usd) == (None, 0.0)


def test_it_is_a_plain_sqlite_table_that_any_program_reads(run, ledger):
    settle_answered(ledger)
    rows = sqlite3.connect(run.file("calls.sqlite")).execute("SELECT role, answer FROM calls")
    assert rows.fetchall() == [("teacher", "yes")]
