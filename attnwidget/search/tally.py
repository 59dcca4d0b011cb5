"""Adds up what was read of some heads of a layer, block by block of queries, and ranks it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from attnwidget.metrics.sampling import half_width
from attnwidget.search.mass import Cells, Masses, Places
from attnwidget.wire.schema import Searched


@dataclass(frozen=True)
class Candidate:
    """Something of one head that may be among the best.

    Parameters
    ----------
    value, baseline : float
        What it is ranked by, and the same of weights spread evenly over the keys that are seen.
    query : int
        The query with the largest mass (by key: the largest weight).
    key : int or None
        The key, where it is known yet.
    count : int
        Queries behind the value.
    margin : float
        Half width of the confidence interval of an estimated mean by head, at 95 % (see
        `metrics.sampling.half_width`); NaN where there is none.
    """

    value: float
    baseline: float
    query: int
    key: int | None
    count: int
    margin: float = math.nan


@dataclass(frozen=True)
class HeadResult:
    """What is known of one head.

    Parameters
    ----------
    layer, head : int
    best : tuple of Candidate
        At most k, best first; empty where nothing counts.
    read, of : int
        Queries that were read, of those that may count.
    """

    layer: int
    head: int
    best: tuple[Candidate, ...]
    read: int
    of: int

    @property
    def exact(self) -> bool:
        """Whether all queries were read."""
        return self.read == self.of

    @property
    def value(self) -> float:
        """The best value; minus infinity where nothing counts."""
        return self.best[0].value if self.best else -np.inf


class Tally:
    """Adds up blocks of queries of some heads.

    Parameters
    ----------
    by : {"head", "query", "key"}
    heads : int
    k : int
        How many queries, or keys, of a head are kept.
    keys : int array
        Positions of the keys in question.
    """

    def __init__(self, by: Searched, heads: int, k: int, keys: Places) -> None:
        self._by, self._heads, self._k, self._keys = by, heads, k, keys
        self._count = np.zeros(heads, dtype=np.int64)
        self._sum, self._squares, self._even = np.zeros(heads), np.zeros(heads), np.zeros(heads)
        kept = k if by == "query" else 1
        # The kept queries of each head: mass, what even weights give, position.
        self._best = np.full((heads, kept), -np.inf)
        self._best_even = np.zeros((heads, kept))
        self._best_row = np.full((heads, kept), -1, dtype=np.intp)
        if by == "key":
            shape = (heads, len(keys))
            self._key_sum, self._key_even = np.zeros(shape), np.zeros(shape)
            self._key_count = np.zeros(shape, dtype=np.int64)
            self._key_top = np.full(shape, -np.inf, dtype=np.float32)
            self._key_row = np.full(shape, -1, dtype=np.intp)

    def add(self, block: Masses, cells: Cells | None = None) -> None:
        """Add a block; `cells` are needed to rank keys."""
        counts = ~np.isnan(block.mass)
        mass = np.where(counts, block.mass, 0.0)
        even = np.where(counts, block.even, 0.0)
        self._count += counts.sum(-1)
        self._sum += mass.sum(-1)
        self._squares += (mass**2).sum(-1)
        self._even += even.sum(-1)
        if cells is not None:
            self._add_cells(cells, block.rows)
            return
        kept = self._best.shape[1]
        values = np.concatenate([self._best, np.where(counts, block.mass, -np.inf)], 1)
        evens = np.concatenate([self._best_even, even], 1)
        rows = np.concatenate([self._best_row, np.broadcast_to(block.rows, counts.shape)], 1)
        # Of equal ones the first query, whatever the blocks were.
        order = np.lexsort((rows, -values))[:, :kept]
        self._best = np.take_along_axis(values, order, 1)
        self._best_even = np.take_along_axis(evens, order, 1)
        self._best_row = np.take_along_axis(rows, order, 1)

    def best(self, head: int, share: float = 1.0) -> tuple[Candidate, ...]:
        """Return the best of a head, numbered as in the blocks; `share` of its queries were added."""
        if self._by == "key":
            return self._best_keys(head)
        if self._by == "query":
            return tuple(
                Candidate(float(value), float(even), int(row), None, 1)
                for value, even, row in zip(
                    self._best[head], self._best_even[head], self._best_row[head], strict=True
                )
                if np.isfinite(value)
            )
        count = int(self._count[head])
        if count == 0:
            return ()
        mean, even = float(self._sum[head] / count), float(self._even[head] / count)
        variance = max(0.0, float(self._squares[head]) - count * mean**2) / max(1, count - 1)
        width = float(half_width(np.array([variance]), np.array([float(count)]))[0])
        margin = width * math.sqrt(1 - share) if share < 1 else math.nan
        return (Candidate(mean, even, int(self._best_row[head, 0]), None, count, margin),)

    def _best_keys(self, head: int) -> tuple[Candidate, ...]:
        count = self._key_count[head]
        mean = np.divide(self._key_sum[head], count, out=np.full(len(count), -np.inf), where=count > 0)
        order = np.argsort(-mean, kind="stable")[: self._k]
        return tuple(
            Candidate(
                float(mean[at]),
                float(self._key_even[head, at] / count[at]),
                int(self._key_row[head, at]),
                int(self._keys[at]),
                int(count[at]),
            )
            for at in order
            if count[at] > 0
        )

    def _add_cells(self, cells: Cells, rows: Places) -> None:
        known = ~np.isnan(cells.weights)
        self._key_count += known.sum(1)
        self._key_sum += np.where(known, cells.weights, 0).sum(1, dtype=np.float64)
        self._key_even += np.where(known, cells.even[..., None], 0.0).sum(1)
        weights = np.where(known, cells.weights, -np.inf)
        place = weights.argmax(1)
        top = np.take_along_axis(weights, place[:, None], 1)[:, 0]
        row = np.asarray(rows)[place]
        better = (top > self._key_top) | ((top == self._key_top) & np.isfinite(top) & (row < self._key_row))
        self._key_top = np.where(better, top, self._key_top)
        self._key_row = np.where(better, row, self._key_row)
