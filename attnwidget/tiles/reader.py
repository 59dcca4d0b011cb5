"""Reads rows of one head: where they come from, and what is known of them so far."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.sites import Floats
from attnwidget.record.threads import share
from attnwidget.tiles.head import Base, Normalisers
from attnwidget.tiles.source import Source
from attnwidget.tiles.work import Work, parts, spacing

Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Reader:
    """One head, row by row.

    Parameters
    ----------
    site : Site
    head : int
    source : Source
    known : Normalisers
    """

    site: Site
    head: int
    source: Source
    known: Normalisers
    _adding: threading.Lock = field(default_factory=threading.Lock)

    def read(self, groups: Iterable[Ints], base: Base | None, work: Work) -> None:
        """Read rows that were not read yet, into `base` if there is one, group after group.

        Parameters
        ----------
        groups : iterable of int arrays
            Query positions, ascending each; the first group that is left is read however long it takes.
        base : Base or None
        work : Work
        """
        done = self.known.known if base is None else base.read
        left = [list(parts([group[~done[group]]], self.source.rows_at_once)) for group in groups]
        left = [group for group in left if group]
        if not left:
            return
        work.first = len(left[0])

        def measure(part: Ints) -> None:
            measured = self.source.measure(self.head, part, None if base is None else base.size)
            with self._adding:
                self.known.add(part, measured.lse)
                if base is not None:
                    base.add(part, measured)
            work.told()

        share(measure, chain.from_iterable(left), work.stopped)
        work.check()

    def normalise(self, rows: Ints) -> Floats:
        """Return what normalises some rows, which are read if need be: float32 [rows]."""
        unknown = rows[~self.known.known[rows]]
        if len(unknown):
            self.known.add(unknown, self.source.measure(self.head, unknown, None).lse)
        return self.known.lse[rows]

    def block(self, queries: Ints, first: int, last: int) -> Floats:
        """Return exact weights of ascending queries on a stretch of keys: float32 [queries, keys]."""
        out = np.zeros((len(queries), last - first), dtype=np.float32)

        def fill(part: Ints) -> None:
            rows = queries[part]
            out[part] = self.source.cells(self.head, rows, first, last, self.normalise(rows))

        share(fill, parts([np.arange(len(queries))], lambda _: self.source.rows_at_once(spacing(queries))))
        return out
