"""Metrics of a pattern's form: how spread, how sparse, how much of it is position alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import (
    Block,
    Doubles,
    HeadMetric,
    Metric,
    Sums,
    mean_over_queries,
    variance_of,
)
from attnwidget.metrics.sampling import half_width

# Below this share of the sum of squares, variance is the rounding of float32 weights.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True, kw_only=True)
class BlockMetric(Metric):
    """A metric of weights alone: it asks nothing of the tokens."""

    crops: ClassVar[bool] = True

    def bind(self, axes: Axes) -> Callable[[Block], Sums] | None:
        """Return what computes the partial sums of a block."""
        return self.sums

    @abstractmethod
    def sums(self, block: Block) -> Sums:
        """Return the partial sums of a block."""


@dataclass(frozen=True, kw_only=True)
class Entropy(BlockMetric):
    """Shannon entropy of a query's weights, as a share of the largest possible."""

    def sums(self, block: Block) -> Sums:
        """Return the partial sums of a block."""
        eligible = (block.seen >= 2) & block.defined
        entropy = _surprise(block.values).sum(-1)
        outcomes = block.seen
        if block.sink_mass is not None:
            entropy = entropy + _surprise(block.sink_mass)
            outcomes = outcomes + 1
        most = np.log(np.maximum(outcomes, 2))
        uniform = np.log(np.maximum(block.seen, 1)) / most
        return mean_over_queries(entropy / most, uniform, eligible)


@dataclass(frozen=True, kw_only=True)
class Uniformity(BlockMetric):
    """How near a query's weights are to an even spread over its visible keys."""

    def sums(self, block: Block) -> Sums:
        """Return the partial sums of a block."""
        difference = block.values - block.uniform[..., None]
        np.abs(difference, out=difference)
        if not block.everything:
            np.copyto(difference, 0.0, where=~block.mask)
        apart = difference.sum(-1)
        if block.sink_mass is not None:
            apart = apart + block.sink_mass
        eligible = (block.seen >= 2) & block.defined
        return mean_over_queries(1 - apart / 2, np.ones_like(block.seen), eligible)


@dataclass(frozen=True, kw_only=True)
class Sparsity(BlockMetric):
    """Share of visible weights below a threshold.

    Parameters
    ----------
    threshold : float
        A weight below it counts as sparse.
    """

    threshold: float
    counted: str = "cells"

    def sums(self, block: Block) -> Sums:
        """Return the partial sums of a block."""
        eligible = (block.seen >= 2) & block.defined
        limit = np.float32(self.threshold)  # float32 like the weights, or 1/100 would be below 0.01
        below = block.weights.astype(np.float32, copy=False) < limit
        small = (below if block.everything else below & block.mask).sum(-1)
        even = block.uniform.astype(np.float32) < limit
        value, count = np.where(eligible, small, 0.0), np.where(eligible, block.seen, 0.0)
        return {
            "value": value.sum(-1),
            "baseline": np.where(eligible & even, block.seen, 0.0).sum(-1),
            "count": count.sum(-1),
            "queries": eligible.sum(-1, dtype=np.float64),
            "square": (value**2).sum(-1),
            "product": (value * count).sum(-1),
            "count square": (count**2).sum(-1),
        }

    def finish(self, sums: Sums, undefined: NDArray[np.int64]) -> HeadMetric:
        """Turn sums into a share of cells.

        Its margin is that of a ratio of two sums over queries (the delta method; Cochran 1977, section 2.11):
        of the mean of what each query has above the share, divided by the mean number of cells.
        """
        cells, queries = sums["count"], np.maximum(sums["queries"], 1)
        value, baseline = (
            np.divide(sums[name], cells, out=np.full(cells.shape, np.nan), where=cells > 0)
            for name in ("value", "baseline")
        )
        residual = sums["square"] - 2 * value * sums["product"] + value**2 * sums["count square"]
        spread = variance_of(sums["square"] / queries, (sums["square"] - residual) / queries, queries)
        margins = half_width(spread, sums["queries"]) * queries / np.maximum(cells, 1)
        return HeadMetric(value, np.rint(cells).astype(np.int64), baseline, undefined, margins)


@dataclass(frozen=True, kw_only=True)
class SinkShare(BlockMetric):
    """Mass that goes to a learned sink, which is no token."""

    def sums(self, block: Block) -> Sums:
        """Return the partial sums of a block."""
        eligible = (block.seen >= 1) & block.defined
        mass = block.sink_mass
        if mass is None:
            mass, eligible = np.zeros(eligible.shape), np.zeros_like(eligible)
        return mean_over_queries(mass, np.zeros_like(block.seen), eligible)


@dataclass(frozen=True, kw_only=True)
class Positional(Metric):
    """Share of the weights' variance that the mean of each diagonal explains (coefficient of determination).

    Over the visible cells of queries with at least two visible keys that share their diagonal (offset k - q)
    with another such cell: sum over diagonals of n_d (mean_d - mean)^2, divided by the sum over cells of
    (w - mean)^2. 1 is a pattern that depends on the offset alone. A pattern without any structure still gets
    about diagonals / cells, which is much when few queries are read. NaN, with a count of 0, where the cells'
    weights are all equal; the baseline is NaN where that is so for the even spread. There is no margin: it is
    no mean over queries, which share diagonals.
    """

    crops: ClassVar[bool] = True
    counted: str = "cells"

    def bind(self, axes: Axes) -> Callable[[Block], Sums] | None:
        """Return what computes the partial sums of a block; None in cross-attention."""
        if not axes.self_attention:
            return None
        return lambda block: self._sums(block, len(axes.queries))

    @staticmethod
    def _sums(block: Block, queries: int) -> Sums:
        keys = block.mask.shape[-1]
        firsts = queries - 1 - block.positions.astype(np.intp)
        # Under a causal mask only the first half of the diagonals has cells.
        ahead = any(block.mask[:, at, place + 1 :].any() for at, place in enumerate(block.positions))
        length = 2 * queries - 1 if ahead else queries
        rows = (block.seen >= 2) & block.defined
        if block.mask.shape[0] == 1 and bool((rows == rows[:1]).all()):
            rows = rows[:1]  # no head differs: count cells and the even spread once
        cells = (block.mask & rows[..., None]).astype(np.float64)
        even = cells * block.uniform[..., None]
        values = block.values if rows.all() else block.values * rows[..., None]

        def add(what: Doubles) -> Doubles:
            found = np.zeros((len(what), length))
            for at, first in enumerate(firsts):
                room = min(keys, length - first)
                found[:, first : first + room] += what[:, at, :room]
            return found

        return {
            "cells": add(cells),
            "sum": add(values),
            "squares": add(np.square(values)),
            "even sum": add(even),
            "even squares": add(even**2),
        }

    def finish(self, sums: Sums, undefined: NDArray[np.int64]) -> HeadMetric:
        """Turn sums per diagonal into the explained share."""
        cells = np.where(sums["cells"] >= 1.5, sums["cells"], 0.0)
        value = _explained(cells, sums["sum"], sums["squares"])
        baseline = _explained(cells, sums["even sum"], sums["even squares"])
        baseline = np.broadcast_to(baseline, value.shape)
        count = np.where(np.isnan(value), 0.0, cells.sum(-1))
        baseline = np.where(np.isnan(value), np.nan, baseline)
        none = np.full(value.shape, np.nan)
        return HeadMetric(value, np.rint(count).astype(np.int64), baseline, undefined, none)


def _surprise(share: Doubles) -> Doubles:
    """-p ln p, and 0 for p = 0."""
    found = np.maximum(share, np.finfo(np.float64).tiny)
    np.log(found, out=found)
    found *= share
    return np.negative(found, out=found)


def _explained(cells: Doubles, total: Doubles, squares: Doubles) -> Doubles:
    """Explained share of the variance per head from sums per diagonal, [heads, diagonals] each."""
    kept = cells > 0
    total, squares = np.where(kept, total, 0.0), np.where(kept, squares, 0.0)
    count = np.broadcast_to(cells.sum(-1), total.shape[:1])
    level = total.sum(-1) ** 2 / np.maximum(count, 1)
    within = (total**2 / np.maximum(cells, 1)).sum(-1)
    whole = squares.sum(-1)
    variance = whole - level
    varies = variance > _NO_VARIANCE * whole
    share = np.divide(within - level, variance, out=np.full(count.shape, np.nan), where=varies)
    return np.asarray(share.clip(0.0, 1.0), dtype=np.float64)
