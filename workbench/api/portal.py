"""The portal: an event loop in a thread of its own, so that notebooks make plain calls.

A notebook has a loop already, which no cell may block; this one is beside it. Attempts at calls
are tasks of the portal's: whoever stops waiting for one does not keep it from being settled.
"""

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_futures
from queue import SimpleQueue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GRACE_S = 30
"""Seconds for which replies that are under way are waited for when work is broken off."""

_AHEAD = 4
"""Times as many items may be done or under way as run at once, where order is to be kept."""


class PortalError(ValueError):
    """Work was asked for where it can never be done; the message says how to ask for it."""


_loops: dict[int, asyncio.AbstractEventLoop] = {}
# a line that is thrown away while the loop begins hangs up in the same thread
_starting = threading.RLock()
_attempts: set[asyncio.Task] = set()


def open_portal() -> asyncio.AbstractEventLoop:
    """The loop of this process, begun when it is first asked for; a fork has one of its own."""
    with _starting:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            _attempts.clear()
            threading.Thread(target=loop.run_forever, name="workbench-api", daemon=True).start()
        return loop


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Do one piece of work in the portal and wait for it.

    Raises:
        PortalError: this is called in the portal, which cannot wait for itself.
    """
    _check_outside()
    future = asyncio.run_coroutine_threadsafe(work, open_portal())
    try:
        return future.result()
    finally:
        if not future.done():
            _break_off([future])


async def visit(work: Coroutine[Any, Any, Result]) -> Result:
    """Do one piece of work in the portal, from whatever loop this is awaited in."""
    portal = open_portal()
    if asyncio.get_running_loop() is portal:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, portal))


def run_all(
    function: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item],
    at_once: int = 64,
    in_order: bool = True,
) -> Iterator[Result]:
    """What an asynchronous function makes of each item, many at once, as an iterator.

    Items are taken and results handed on while the work goes on, so that it takes no more memory
    for many. Without `in_order` results come as they are done. What the function raises ends the
    work; what was sent by then is waited for and kept, as it is after Ctrl-C.

    Example: for conversation in run_all(write_conversation, scenarios): ...

    Raises:
        PortalError: this is called in the portal, which cannot wait for itself.
    """
    _check_outside()
    portal = open_portal()
    items = iter(items)
    pending: deque[Future[Result]] = deque()
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    n_running, is_more = 0, True
    try:
        while True:
            while is_more and n_running < at_once and len(pending) < _AHEAD * at_once:
                try:
                    item = next(items)
                except StopIteration:
                    is_more = False
                    break
                future = asyncio.run_coroutine_threadsafe(_call(function, item), portal)
                pending.append(future)
                future.add_done_callback(finished.put)
                n_running += 1
            if not n_running:
                return
            future = finished.get()
            n_running -= 1
            future.result()
            if not in_order:
                pending.remove(future)
                yield future.result()
            while in_order and pending and pending[0].done():
                yield pending.popleft().result()
    except KeyboardInterrupt:
        print("Waiting for the replies under way; interrupt again to leave them.", file=sys.stderr)
        raise
    finally:
        if n_running:
            _break_off(pending)


def _check_outside() -> None:
    try:
        is_inside = asyncio.get_running_loop() is _loops.get(os.getpid())
    except RuntimeError:
        return
    if is_inside:
        raise PortalError(
            "an asynchronous function that runs in the portal cannot wait in plain calls; use"
            " await model.ask(...) there"
        )


async def _call(function: Callable[[Item], Awaitable[Result]], item: Item) -> Result:
    return await function(item)


def start_attempt(work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """Begin what must come to its end even if nobody waits for it any more. In the portal only."""
    task = asyncio.get_running_loop().create_task(work)
    _attempts.add(task)
    task.add_done_callback(_attempts.discard)
    return task


def hang_up(client: Any) -> None:
    """Close the connections of an asynchronous client that worked in the portal."""
    asyncio.run_coroutine_threadsafe(client.close(), open_portal())


def _break_off(futures: Iterable[Future]) -> None:
    """Begin nothing new, and wait a while for what has been sent."""
    futures = list(futures)
    for future in futures:
        future.cancel()
    asyncio.run_coroutine_threadsafe(_finish(), open_portal()).result()
    wait_for_futures(futures, timeout=1)


async def _finish() -> None:
    # those cancelled just now must not begin another attempt meanwhile
    await asyncio.sleep(0)
    if attempts := list(_attempts):
        _, late = await asyncio.wait(attempts, timeout=GRACE_S)
        for attempt in late:
            attempt.cancel()
        if late:
            await asyncio.wait(late)
