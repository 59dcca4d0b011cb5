"""Keeps an explorer's snapshot in step with what it shows, for the notebook that will be saved."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from attnwidget.errors import InputError
from attnwidget.service import Service
from attnwidget.snapshot import encode
from attnwidget.snapshot.budget import budget_of
from attnwidget.wire.schema import HeadRef

EMPTY = {
    "_model_module": "@jupyter-widgets/base",
    "_model_module_version": "2.0.0",
    "_model_name": "LayoutModel",
    "_view_name": None,
    "_esm": "",
}
"""State in place of a closed explorer's: of a model that every host knows, and that shows nothing."""

QUIET_SECONDS = 1.0
"""A snapshot is made anew once nothing has changed, and the page has asked for nothing, for so long."""

OPENING_SECONDS = 2.0
"""What opens on screen goes first for so long."""

MOST_SECONDS = 10.0
"""A page that keeps asking puts a snapshot off by no more than this."""

QUICK_CELLS = 250_000
"""Patterns of all heads with no more cells than this are encoded before the cell ends: some 50 ms."""


def check_option(option: object) -> int | str | bool:
    """Return a snapshot option: "auto", "full", False, or bytes that it may take in a notebook.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if option is False:
        return False
    if isinstance(option, int | str) and not isinstance(option, bool):
        with suppress(InputError):
            budget_of(option)
            return option
    raise InputError(
        f"{option!r} is not how much of a record a notebook can keep.",
        'Set snapshot to "auto", a size such as "500 kB", "full" or False.',
    )


@dataclass(frozen=True)
class Held:
    """What matters most where not all fits: heads, and the query that is held."""

    heads: tuple[HeadRef, ...]
    query: int | None


class Saver:
    """One explorer's snapshot.

    It is encoded when asked for (`save`), and on a thread some time after what it holds has changed, as long
    as the explorer is visible.

    Parameters
    ----------
    service : Service
        What to encode.
    held : callable
        Returns what is held.
    store : callable
        Takes the bytes; called from any thread.
    """

    def __init__(self, service: Service, held: Callable[[], Held], store: Callable[[bytes], None]) -> None:
        self._service, self._held, self._store = service, held, store
        self.option: int | str | bool = "auto"
        self.visible = False
        # Whether what is held decides about what the snapshot keeps.
        self._selective = False
        self._wanted, self._made = 1, 0
        self._dropped = threading.Event()
        self._making = threading.RLock()
        self._timer: threading.Timer | None = None
        self._latest = 0.0

    @property
    def stale(self) -> bool:
        """Whether what the snapshot holds has changed since it was made."""
        return self._made != self._wanted

    @property
    def quick(self) -> bool:
        """Whether it takes no time worth speaking of."""
        record = self._service.shown
        return record is None or sum(s.heads * s.queries * s.keys for s in record.sites) <= QUICK_CELLS

    def changed(self, *, held_only: bool = False) -> None:
        """Take note of a change of the record or, which matters where not all fits, of what is held."""
        if held_only and not self._selective:
            return
        self._wanted += 1
        self.save_later(QUIET_SECONDS)

    def save_later(self, seconds: float) -> None:
        """Make a snapshot on a thread, unless something changes meanwhile or nobody sees the explorer."""
        self._latest = time.monotonic() + MOST_SECONDS
        self._wait(seconds)

    def asked(self) -> None:
        """Let what the page asks for go first."""
        timer = self._timer
        if timer is not None and timer.is_alive() and time.monotonic() < self._latest:
            self._wait(QUIET_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        if not (self.visible and self.stale):
            return
        timer = threading.Timer(seconds, self._save_if_visible)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            # Hosts without threads (Pyodide): the end of the next cell makes it.
            return
        self._timer = timer

    def save(self) -> None:
        """Make a snapshot of what is shown now, unless there is one.

        Nothing is raised: an explorer works without, and a warning says why there is none.
        """
        self._stop_waiting()
        self._dropped.clear()
        with self._making:
            while self.stale and not self._dropped.is_set():
                wanted = self._wanted
                data = self._encoded()
                self._made = wanted
                # What was overtaken is not sent.
                if wanted == self._wanted and not self._dropped.is_set():
                    self._store(data)
            if self._dropped.is_set():
                self._clear()

    def drop(self) -> None:
        """Keep no snapshot, until it is asked for again."""
        self._stop_waiting()
        self._dropped.set()
        # A thread that is making one drops it.
        if self._making.acquire(blocking=False):
            try:
                self._clear()
            finally:
                self._making.release()

    def _clear(self) -> None:
        self._made = 0
        self._store(b"")

    def _encoded(self) -> bytes:
        if isinstance(self.option, bool) or self._service.shown is None:
            return b""
        held = self._held()
        try:
            snapshot = encode(self._service, budget=budget_of(self.option), held=held.heads, query=held.query)
        except Exception as error:
            self._selective = False
            warnings.warn(f"A saved notebook will not keep this explorer's record: {error}", stacklevel=2)
            return b""
        precision = snapshot.precision
        # Otherwise the rows of the held query, and what belongs to the held heads, are kept more exactly.
        self._selective = precision["form"] != "exact" and precision["terms"] != "all"
        return snapshot.data

    def _save_if_visible(self) -> None:
        self._timer = None
        if self.visible:
            self.save()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
