"""What a head metric is: a description for readers, and partial sums over blocks of queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import ShapeError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.sampling import half_width

Doubles: TypeAlias = NDArray[np.float64]
Sums: TypeAlias = Mapping[str, Doubles]
"""Named arrays, heads first (or one for all heads), that add up over blocks of queries."""

# Below this share of the mean square, variance is the rounding of float32 weights.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Block:
    """Some queries of every head.

    Parameters
    ----------
    weights : float array [heads, queries, keys]
        Whatever masked cells hold is ignored. NaN in a visible cell leaves out that head's query. There may
        be fewer keys than in the prompt: those after them are masked, for all of these queries.
    visible : bool array [queries, keys] or [heads, queries, keys]
        False is masked.
    positions : int array [queries]
        Position of each query in the prompt.
    sink : float array [heads, queries] or None
        Mass of the learned sink; None where the model has none.

    Raises
    ------
    ShapeError
        If the arrays do not fit each other.
    """

    weights: NDArray[np.floating]
    visible: NDArray[np.bool_]
    positions: NDArray[np.integer]
    sink: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        shape = self.weights.shape
        if len(shape) != 3:
            raise ShapeError(
                f"Metrics need weights [heads, queries, keys], not {len(shape)} axes.",
                "Pass one layer's weights.",
            )
        if self.visible.shape not in (shape, shape[1:]):
            raise ShapeError(
                f"Visible cells {self.visible.shape} do not fit weights {shape}.",
                f"Give them as {shape[1:]}, or as {shape} where heads differ.",
            )
        if self.positions.shape != shape[1:2]:
            raise ShapeError(
                f"There are {self.positions.size} positions for {shape[1]} queries.",
                "Give one position per query.",
            )
        if self.sink is not None and self.sink.shape != shape[:2]:
            raise ShapeError(
                f"The sink's mass {self.sink.shape} does not fit weights {shape}.",
                f"Give it as {shape[:2]}.",
            )

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.weights.shape[0])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Visible cells with a head axis: bool [1 or heads, queries, keys]."""
        return self.visible if self.visible.ndim == 3 else self.visible[None]

    @cached_property
    def seen(self) -> Doubles:
        """Number of visible keys: float64 [1 or heads, queries]."""
        return np.asarray(self.mask.sum(-1), dtype=np.float64)

    @cached_property
    def defined(self) -> NDArray[np.bool_]:
        """Queries of which no visible weight, nor the sink's mass, is NaN: bool [heads, queries]."""
        # The largest of many is NaN if any is, and soon found; most blocks have none.
        undefined = np.zeros(self.weights.shape[:2], dtype=np.bool_)
        if self.weights.size and np.isnan(self.weights.max()):
            undefined = (np.isnan(self.weights) & self.mask).any(-1)
        if self.sink is not None:
            undefined = undefined | np.isnan(self.sink)
        return np.asarray(~undefined)

    @cached_property
    def everything(self) -> bool:
        """Whether every cell is visible."""
        return bool(self.visible.all())

    @cached_property
    def values(self) -> Doubles:
        """Weights with 0 in masked cells and undefined queries: float64 [heads, queries, keys]."""
        values = self.weights.astype(np.float64)
        if not self.everything:
            np.copyto(values, 0.0, where=~self.mask)
        if not self.defined.all():
            values[~self.defined] = 0.0
        return values

    @cached_property
    def sink_mass(self) -> Doubles | None:
        """The sink's mass, 0 in undefined queries: float64 [heads, queries], or None."""
        return None if self.sink is None else np.where(self.defined, self.sink, 0.0).astype(np.float64)

    @cached_property
    def uniform(self) -> Doubles:
        """A weight spread evenly over the visible keys: float64 [1 or heads, queries]; 0 if none is."""
        return np.divide(1.0, self.seen, out=np.zeros_like(self.seen), where=self.seen > 0)


@dataclass(frozen=True, eq=False)
class HeadMetric:
    """One metric of every head of a site.

    Parameters
    ----------
    values : float64 array [heads]
        NaN where nothing is eligible.
    counts : int64 array [heads]
        How many queries (or cells, see the metric's `counted`) the value is over.
    baselines : float64 array [heads]
        The same metric, on the same queries, of weights spread evenly over the visible keys; NaN where
        nothing is eligible.
    undefined : int64 array [heads]
        Queries left out because a weight is NaN.
    margins : float64 array [heads]
        Half width of a value's 95 % confidence interval, as a value of all queries; 0 where all were read,
        NaN where there is none. See `attnwidget.metrics.sampling.half_width`.
    """

    values: Doubles
    counts: NDArray[np.int64]
    baselines: Doubles
    undefined: NDArray[np.int64]
    margins: Doubles

    @classmethod
    def none(cls, heads: int, undefined: NDArray[np.int64]) -> HeadMetric:
        """Return what a metric is that does not apply."""
        nan = np.full(heads, np.nan)
        return cls(nan, np.zeros(heads, dtype=np.int64), nan.copy(), undefined, nan.copy())

    @classmethod
    def joined(cls, parts: Sequence[HeadMetric]) -> HeadMetric:
        """Return one metric of the heads of several sites, one after another."""
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.baselines for part in parts]),
            np.concatenate([part.undefined for part in parts]),
            np.concatenate([part.margins for part in parts]),
        )

    def of_share(self, share: float) -> HeadMetric:
        """Return the metric with margins for a prompt of which this share of the queries was read."""
        if share >= 1:
            return replace(self, margins=np.where(np.isnan(self.values), np.nan, 0.0))
        return replace(self, margins=self.margins * np.sqrt(1 - share))


@dataclass(frozen=True, kw_only=True)
class Metric(ABC):
    """A number per head, with what a reader must know of it.

    Parameters
    ----------
    name : str
        Stable key.
    title : str
        What the screen calls it.
    formula : str
        One line of text; w(q, k) is the weight of query q on key k.
    eligible : str
        Which queries or cells count.
    source : str
        The paper that it follows, or "attnwidget" for a definition of this package.
    sinks : str
        What becomes of the mass of a learned sink.
    unit : str
        "share", "tokens", ...
    low, high : float or None
        Range for rows that sum to at most 1, sink included; None is unbounded.
    counted : str
        What the counts count: "queries" or "cells".
    """

    name: str
    title: str
    formula: str
    eligible: str
    source: str = "attnwidget"
    sinks: str = "Adds nothing; weights are not renormalised."
    unit: str = "share"
    low: float | None = 0.0
    high: float | None = 1.0
    counted: str = "queries"
    crops: ClassVar[bool] = False
    """Whether it can measure blocks without the keys that none of their queries sees; see `Block`."""

    @abstractmethod
    def bind(self, axes: Axes) -> Callable[[Block], Sums] | None:
        """Return what computes the partial sums of a block; None where the metric does not apply."""

    def finish(self, sums: Sums, undefined: NDArray[np.int64]) -> HeadMetric:
        """Turn sums over all blocks into means."""
        return means(sums, undefined)


def means(sums: Sums, undefined: NDArray[np.int64]) -> HeadMetric:
    """Divide the sums "value" and "baseline" by "count"; NaN where it is 0.

    Margins are those of an endless prompt; see `HeadMetric.of_share`.
    """
    count = sums["count"]
    value, baseline, square = (
        np.divide(sums[name], count, out=np.full(count.shape, np.nan), where=count > 0)
        for name in ("value", "baseline", "square")
    )
    spread = variance_of(square, value**2, count)
    return HeadMetric(value, np.rint(count).astype(np.int64), baseline, undefined, half_width(spread, count))


def variance_of(square: Doubles, level: Doubles, count: Doubles) -> Doubles:
    """Return a sample's variance from its mean square and its squared mean; 0 where that is rounding."""
    apart = square - level
    apart = np.where(apart > _NO_VARIANCE * square, apart, 0.0)
    return np.asarray(apart * count / np.maximum(count - 1, 1), dtype=np.float64)


def mean_over_queries(value: Doubles, baseline: Doubles, eligible: NDArray[np.bool_]) -> Sums:
    """Return partial sums of a mean over eligible queries.

    Parameters
    ----------
    value : float64 [heads, queries]
    baseline : float64, broadcastable to `value`
    eligible : bool [heads, queries]
    """
    value = np.where(eligible, value, 0.0)
    return {
        "value": value.sum(-1),
        "square": (value**2).sum(-1),
        "baseline": np.where(eligible, baseline, 0.0).sum(-1),
        "count": eligible.sum(-1, dtype=np.float64),
    }
