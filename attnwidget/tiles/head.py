"""What is known of one head so far: what normalises its rows, and its pattern at the zoom of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.sites import Floats
from attnwidget.tiles.reach import rule_of, seen, seen_in_blocks
from attnwidget.tiles.source import Measured
from attnwidget.wire.schema import Pool

Ints = NDArray[np.intp]


class Normalisers:
    """Log of the sum of exp(score) of each row of a head, as far as it is known.

    Parameters
    ----------
    queries : int

    Attributes
    ----------
    lse : float32 array [queries]
    known : bool array [queries]
    """

    def __init__(self, queries: int) -> None:
        self.lse: Floats = np.zeros(queries, dtype=np.float32)
        self.known: NDArray[np.bool_] = np.zeros(queries, dtype=np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.lse.nbytes + self.known.nbytes

    def add(self, rows: Ints, lse: Floats) -> None:
        """Keep what normalises some rows."""
        self.lse[rows] = lse
        self.known[rows] = True


class Base:
    """A head's pattern at the finest zoom at which all of it is held; coarser ones are pooled from it.

    Parameters
    ----------
    site : Site
    head : int
    level : int
        A pixel stands for 2**level queries by 2**level keys.

    Attributes
    ----------
    read : bool array [queries]
        Rows that are in it.
    """

    def __init__(self, site: Site, head: int, level: int) -> None:
        self.site, self.head, self.level, self.size = site, head, level, 1 << level
        shape = -(-site.queries >> level), -(-site.keys >> level)
        self.peaks: Floats = np.zeros(shape, dtype=np.float32)
        self.sums: Floats = np.zeros(shape, dtype=np.float32)
        self.rule = rule_of(site)
        # What a rule says need not be counted.
        self.seen = None if self.rule is not None else np.zeros(shape, dtype=np.int32)
        self.edges = np.append(np.arange(0, site.keys, self.size), site.keys)
        self.read: NDArray[np.bool_] = np.zeros(site.queries, dtype=np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        counted = 0 if self.seen is None else self.seen.nbytes
        return self.peaks.nbytes + self.sums.nbytes + counted + self.read.nbytes

    def add(self, rows: Ints, measured: Measured) -> None:
        """Add whole rows that are not in it yet, ascending."""
        if measured.peaks is None or measured.sums is None:
            return
        stretches = slice(measured.first, measured.first + measured.peaks.shape[1])
        pixels, begins = np.unique(rows >> self.level, return_index=True)
        peaks, sums = measured.peaks, measured.sums
        if len(pixels) < len(rows):
            peaks, sums = np.maximum.reduceat(peaks, begins), np.add.reduceat(sums, begins)
        into = _slice_of(pixels)
        self.peaks[into, stretches] = np.maximum(self.peaks[into, stretches], peaks)
        self.sums[into, stretches] += sums
        if self.seen is not None:
            counts = np.add.reduceat(seen(self.site, self.head, rows, self.edges), begins)
            self.seen[into] += counts.astype(np.int32)
        self.read[rows] = True

    def pooled(self, row_edges: Ints, key_edges: Ints, pool: Pool) -> tuple[Floats, NDArray[np.bool_]]:
        """Return pixels from the rows that were read, and which of them see anything.

        Parameters
        ----------
        row_edges, key_edges : int arrays [r + 1], [k + 1]
            Where pixels begin and end, in queries and keys: multiples of 2**level, or the prompt's end.
        pool : {"max", "mean"}

        Returns
        -------
        float32 array [r, k], bool array [r, k]
        """
        rows = slice(int(row_edges[0]) >> self.level, -(-int(row_edges[-1]) >> self.level))
        keys = slice(int(key_edges[0]) >> self.level, -(-int(key_edges[-1]) >> self.level))
        begins = (row_edges[:-1] >> self.level) - rows.start, (key_edges[:-1] >> self.level) - keys.start
        if self.seen is not None:
            counts = _reduced(np.add, self.seen[rows, keys].astype(np.int64), *begins)
        else:
            read = np.flatnonzero(self.read[row_edges[0] : row_edges[-1]]) + row_edges[0]
            counts = counted(self.site, self.head, read, row_edges, key_edges)
        if pool == "max":
            return _reduced(np.maximum, self.peaks[rows, keys], *begins), counts > 0
        sums = _reduced(np.add, self.sums[rows, keys], *begins)
        return (sums / np.maximum(counts, 1)).astype(np.float32), counts > 0


def counted(site: Site, head: int, rows: Ints, row_edges: Ints, key_edges: Ints) -> NDArray[np.int64]:
    """Return how many cells of each pixel some of its rows see: int64 [r, k].

    Parameters
    ----------
    site : Site
    head : int
    rows : int array
        Those that count, ascending, within the edges.
    row_edges, key_edges : int arrays [r + 1], [k + 1]
        Where pixels begin and end.
    """
    rule = rule_of(site)
    if rule is not None and len(rows) == row_edges[-1] - row_edges[0]:
        return seen_in_blocks(rule, row_edges, key_edges)
    counts = np.zeros((len(row_edges) - 1, len(key_edges) - 1), dtype=np.int64)
    if len(rows):
        pixels = np.searchsorted(row_edges, rows, side="right") - 1
        step = max(
            1, COUNTED // max(1, int(key_edges[-1] - key_edges[0]) if rule is None else len(key_edges))
        )
        for begin in range(0, len(rows), step):
            part = slice(begin, begin + step)
            into, begins = np.unique(pixels[part], return_index=True)
            counts[into] += np.add.reduceat(seen(site, head, rows[part], key_edges), begins)
    return counts


COUNTED = 1 << 20
"""Numbers that are counted at a time."""


def _reduced(ufunc: np.ufunc, values: NDArray[Any], rows: Ints, keys: Ints) -> NDArray[Any]:
    by_row: NDArray[Any] = values if len(rows) == values.shape[0] else ufunc.reduceat(values, rows, axis=0)
    return by_row if len(keys) == values.shape[1] else ufunc.reduceat(by_row, keys, axis=1)


def _slice_of(places: Ints) -> Ints | slice:
    """Return evenly spaced places as a slice, which needs no copy."""
    if len(places) == 1:
        return slice(int(places[0]), int(places[0]) + 1)
    step = int(places[1] - places[0])
    even = bool((np.diff(places) == step).all())
    return slice(int(places[0]), int(places[-1]) + 1, step) if even else places
