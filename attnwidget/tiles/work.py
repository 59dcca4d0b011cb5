"""One piece of work on a record: until when, whether it is still wanted, and in which parts it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from attnwidget.tiles.turns import gone

Ints = NDArray[np.intp]
Asked = Callable[[], bool]


class Work:
    """How long to work, and whether the work is still wanted.

    Parameters
    ----------
    budget : float or None
        Seconds; None for as long as it takes.
    cancelled : callable or None
        Whether it is not wanted any more.

    Attributes
    ----------
    first : int
        Parts that are done however long they take.
    """

    def __init__(self, budget: float | None, cancelled: Asked | None) -> None:
        self.budget = budget
        self.begun = time.monotonic()
        self.cancelled: Asked = cancelled or (lambda: False)
        self.first = 1
        self._done = 0

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.budget is not None and time.monotonic() - self.begun >= self.budget

    @property
    def late(self) -> bool:
        """Whether twice the time is up: what was read is still drawn until then."""
        return self.budget is not None and time.monotonic() - self.begun >= 2 * self.budget

    def told(self) -> None:
        """Count one part."""
        self._done += 1

    def stopped(self) -> bool:
        """Whether to stop: it is not wanted, or time is up and the first parts are done."""
        return self.cancelled() or (self._done >= self.first and self.over)

    def check(self) -> None:
        """Raise CancelledError if it is not wanted any more."""
        if self.cancelled():
            raise gone()


def spacing(rows: Ints) -> int:
    """Return how far apart ascending positions are, on average and rounded down."""
    return 1 if len(rows) < 2 else max(1, int(rows[-1] - rows[0]) // (len(rows) - 1))


def parts(groups: Iterable[Ints], at_once: Callable[[int], int]) -> Iterator[Ints]:
    """Cut groups of rows into parts to read at a time.

    Parameters
    ----------
    groups : iterable of int arrays
        Ascending each.
    at_once : callable
        How many rows that are so far apart to read at a time.
    """
    for group in groups:
        if len(group):
            step = at_once(spacing(group))
            for begin in range(0, len(group), step):
                yield group[begin : begin + step]
