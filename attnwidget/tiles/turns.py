"""One at a time, the newest first: what a viewer looks at now goes before what they looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attnwidget.errors import CancelledError

PATIENCE = 0.02
"""Seconds after which one who waits looks whether it is still wanted."""


class Turns:
    """A lock that is handed to whoever came last."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[object] = []
        self._busy = False

    @contextmanager
    def take(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn and hold it; CancelledError if it is not wanted any more."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._busy or self._waiting[-1] is not ticket:
                    if cancelled():
                        raise gone()
                    self._changed.wait(PATIENCE)
                self._busy = True
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


def gone() -> CancelledError:
    """Return the error of work that is not wanted any more."""
    return CancelledError("The request was cancelled.", "Ask again.")
