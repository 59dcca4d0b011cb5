"""Threads for numeric work: each runs torch on one thread, so that a block stays in one core's cache."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")

MOST = 8
"""More threads than this wait for each other's turn at Python."""


class _Team:
    """Threads that were told once to run torch on one thread each."""

    def __init__(self, size: int) -> None:
        self.size = size
        # Twice as many, so that a quick request need not wait for a long one to end.
        self.pool = ThreadPoolExecutor(2 * size, thread_name_prefix="attnwidget-block")
        if (torch := sys.modules.get("torch")) is None:
            return
        ready, before = threading.Barrier(2 * size + 1), torch.get_num_threads()

        def begin() -> None:
            torch.set_num_threads(1)
            ready.wait()

        for _ in range(2 * size):
            self.pool.submit(begin)
        ready.wait()
        # Torch hands the last number that was set to threads that begin later.
        torch.set_num_threads(before)


_team: _Team | None = None
_alone = False
_lock = threading.Lock()


def share(
    work: Callable[[Item], None], items: Iterable[Item], stop: Callable[[], bool] = lambda: False
) -> None:
    """Do a piece of work for each item, on as many threads as torch would use.

    Parameters
    ----------
    work : callable
        Called with one item at a time, from several threads at once.
    items : iterable
        Taken one by one, in order.
    stop : callable
        Asked before each item; what has begun is finished.

    Raises
    ------
    Exception
        The first that `work` raised, when all threads have stopped.
    """
    source, taking, failed = iter(items), threading.Lock(), threading.Event()

    def labour() -> None:
        try:
            while not failed.is_set() and not stop():
                with taking:
                    item = next(source, _END)
                if item is _END:
                    return
                work(item)  # type: ignore[arg-type]
        except BaseException:
            failed.set()
            raise

    team = _find()
    if team is None:
        labour()
        return
    futures = [team.pool.submit(labour) for _ in range(team.size)]
    try:
        for future in futures:
            future.result()
    finally:
        failed.set()
        wait(futures)


_END = object()


def _find() -> _Team | None:
    """Return the threads; None without torch, on one core, and where there are no threads."""
    global _team, _alone
    torch = sys.modules.get("torch")
    if torch is None or _alone or threading.current_thread().name.startswith("attnwidget-block"):
        return None
    with _lock:
        if _team is None:
            size = min(MOST, int(torch.get_num_threads()))
            try:
                _team = _Team(size) if size > 1 else None
            except RuntimeError:
                _team = None
            _alone = _team is None
    return _team
