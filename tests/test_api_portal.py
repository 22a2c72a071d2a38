"""The portal: many things at once from plain code, in a notebook too; and the breaker by itself."""

import asyncio
import os
import signal
import threading
import time

import nbformat
import papermill
import pytest
from provider import Provider

from workbench.api import portal
from workbench.api.breaker import Breaker, Patience, StoppedError
from workbench.api.model import ask_all, open_model
from workbench.api.portal import PortalError, run_all
from workbench.run import open_run


async def double(number):
    await asyncio.sleep(0.01 * (number % 3))
    return 2 * number


def test_results_come_in_the_order_of_the_items():
    assert list(run_all(double, range(50), at_once=8)) == [2 * n for n in range(50)]


def test_without_order_results_come_as_they_are_done():
    found = list(run_all(double, [2, 0, 1], in_order=False))
    assert (found[0], sorted(found)) == (0, [0, 2, 4])


def test_nothing_gives_nothing():
    assert list(run_all(double, [])) == []


def test_items_are_taken_only_as_they_are_needed():
    taken = []

    async def work(number):
        # while the first is waited for the others do not run away
        await asyncio.sleep(0.2 if number == 0 else 0)

    results = run_all(work, (taken.append(n) or n for n in range(1000)), at_once=5)
    next(results)
    assert len(taken) == 4 * 5
    results.close()


@pytest.mark.parametrize("in_order", [True, False])
def test_one_item_that_takes_long_does_not_keep_many_others_waiting(in_order):
    running = most = 0

    async def work(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2 if number == 0 else 0.001)
        running -= 1
        return number

    start = time.perf_counter()
    found = list(run_all(work, range(13), at_once=4, in_order=in_order))
    assert time.perf_counter() - start < 0.4
    assert (sorted(found), most) == (list(range(13)), 4)


def test_what_is_raised_ends_the_work():
    begun = []

    async def fail(number):
        begun.append(number)
        await asyncio.sleep(0.01)
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        list(run_all(fail, range(1000), at_once=4))
    assert len(begun) <= 8


def test_one_piece_of_work_is_done_from_plain_code():
    assert portal.run(double(4)) == 8


def test_plain_calls_in_the_portal_are_refused_rather_than_waited_for_for_ever():
    async def wait_for_itself(number):
        return list(run_all(double, [number]))

    with pytest.raises(PortalError, match=r"use await model.ask\(...\) there"):
        list(run_all(wait_for_itself, [1]))


def test_talks_of_several_calls_run_beside_each_other(tmp_path, monkeypatch):
    provider = Provider(delay_s=0.05)
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    model = open_model("api/toy", open_run("toy", "talks", tmp_path), "teacher")

    async def talk(number):
        messages = [{"role": "user", "content": f"talk {number}"}]
        for _ in range(3):
            answer = await model.ask(messages)
            messages += [{"role": "assistant", "content": answer.text}]
        return len(messages)

    start = time.perf_counter()
    assert list(run_all(talk, range(20))) == [4] * 20
    assert time.perf_counter() - start < 20 * 3 * 0.05
    assert provider.n_requests == 60


def test_ctrl_c_keeps_what_was_sent_and_begins_nothing_new(tmp_path, monkeypatch):
    provider = Provider(delay_s=0.3)
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    model = open_model("api/toy", open_run("toy", "calls", tmp_path), "teacher", at_once=5)
    questions = [[{"role": "user", "content": str(n)}] for n in range(100)]
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(ask_all(model, questions, progress=False))
    states = model.line.spending.ledger.tally()[0].states
    assert states == {"answered": provider.n_requests}
    assert provider.n_requests <= 20


@pytest.mark.slow
def test_it_works_in_a_notebook_whose_loop_is_running(tmp_path, monkeypatch):
    provider = Provider()
    monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
    cells = [
        "from workbench.api.model import ask_all, open_model\nfrom workbench.run import open_run\n"
        f"model = open_model('api/toy', open_run('toy', 'book', {str(tmp_path)!r}), 'teacher')\n"
        "question = [{'role': 'user', 'content': 'plain'}]",
        "[answer.text for answer in ask_all(model, [question] * 3)]",
        "(await model.ask([{'role': 'user', 'content': 'awaited'}])).text",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(book, tmp_path / "book.ipynb")
    done = papermill.execute_notebook(
        tmp_path / "book.ipynb", tmp_path / "done.ipynb", kernel_name="python3", progress_bar=False
    )
    shown = str(done.cells)
    assert "echo plain" in shown
    assert "echo awaited" in shown
    assert "3/3" in shown


QUICK = Patience(outage_s=0.1, first_delay_s=0.02, longest_delay_s=0.04)


async def fail(breaker, n):
    for _ in range(n):
        await breaker.admit(breaker.round)
        breaker.report(is_reply=False, is_useful=False, trouble="broke off")


def test_after_many_failures_only_one_at_a_time_is_let_through():
    async def main():
        breaker = Breaker(QUICK)
        await fail(breaker, breaker.MANY)
        waiting = [asyncio.create_task(breaker.admit(0)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert sum(task.done() for task in waiting) == 1
        breaker.report(is_reply=True, is_useful=True)
        await asyncio.wait_for(asyncio.gather(*waiting), 1)

    asyncio.run(main())


def test_an_attempt_that_was_not_sent_after_all_blocks_nobody():
    async def main():
        breaker = Breaker(QUICK)
        await fail(breaker, breaker.MANY)
        await breaker.admit(0)
        breaker.release()
        await asyncio.wait_for(breaker.admit(0), 1)

    asyncio.run(main())


def test_a_stop_reaches_those_who_wait_and_not_those_who_come_later():
    async def main():
        breaker = Breaker(QUICK, "it is over: {}".format)
        breaker.pause(60)
        waiting = asyncio.create_task(breaker.admit(breaker.round))
        await asyncio.sleep(0)
        breaker.stop("no key")
        with pytest.raises(StoppedError, match="it is over: no key"):
            await waiting
        await asyncio.wait_for(breaker.admit(breaker.round), 1)

    asyncio.run(main())


def test_failures_among_replies_stop_nothing_however_long():
    async def main():
        breaker = Breaker(QUICK)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            await fail(breaker, 3)
            breaker.report(is_reply=True, is_useful=True)
            await asyncio.sleep(0.01)
        assert breaker.round == 0

    asyncio.run(main())


def test_a_pause_is_kept():
    async def main():
        breaker = Breaker(QUICK)
        breaker.pause(0.1)
        breaker.pause(0.01)
        start = time.monotonic()
        await breaker.admit(0)
        assert time.monotonic() - start >= 0.09

    asyncio.run(main())


def test_delays_double_up_to_a_longest_one():
    delays = [Patience().delay_s(n) for n in (1, 2, 3, 5, 9, 10**6)]
    assert delays == [0.5, 1, 2, 8, 8, 8]
