"""Measures the heads of a site, block by block of queries, so that no whole n x n is held for all heads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import ShapeError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import Block, Doubles, HeadMetric, Metric, Sums
from attnwidget.metrics.registry import standard
from attnwidget.record import Pick, Site, Token

BLOCK_CELLS = 1 << 20
"""Heads x queries x keys that are measured at once; at least one query of every head."""

READ_CELLS = 1 << 22
"""Heads x queries x keys that are read at once, for queries share the work of fetching the keys."""


class Accumulator:
    """Adds up metrics over blocks of queries.

    The order and size of the blocks change results by no more than rounding in float64. Each query should be
    added once.

    Parameters
    ----------
    metrics : iterable of Metric
    axes : Axes
    heads : int
    """

    def __init__(self, metrics: Iterable[Metric], axes: Axes, heads: int) -> None:
        self._metrics = tuple(metrics)
        self._axes = axes
        self._heads = heads
        self._bound: list[Callable[[Block], Sums] | None] = [metric.bind(axes) for metric in self._metrics]
        self._sums: list[dict[str, Doubles]] = [{} for _ in self._metrics]
        self._undefined = np.zeros(heads, dtype=np.int64)
        self._queries = 0
        self.crops = all(metric.crops for metric in self._metrics)

    def add(self, block: Block) -> None:
        """Add a block; ShapeError if it does not fit the axes or the number of heads."""
        heads, _, keys = block.weights.shape
        whole = keys == len(self._axes.keys) or (keys < len(self._axes.keys) and self.crops)
        if heads != self._heads or not whole:
            raise ShapeError(
                f"The block has {heads} heads and {keys} keys, not {self._heads} and {len(self._axes.keys)}.",
                "Give blocks of the site whose tokens were given.",
            )
        if block.positions.size and not (
            int(block.positions.min()) >= 0 and int(block.positions.max()) < len(self._axes.queries)
        ):
            raise ShapeError(
                "The block has positions outside the prompt.",
                f"Give positions from 0 to {len(self._axes.queries) - 1}.",
            )
        self._queries += block.positions.size
        self._undefined += (~block.defined).sum(-1, dtype=np.int64)
        for held, sums in zip(self._sums, self._bound, strict=True):
            if sums is not None:
                _add(held, sums(block))

    @property
    def nbytes(self) -> int:
        """Bytes of the sums."""
        return sum(array.nbytes for sums in self._sums for array in sums.values())

    def merge(self, other: Accumulator) -> None:
        """Add what another accumulator of the same metrics, axes and heads holds; else ShapeError."""
        same = self._metrics == other._metrics and self._axes is other._axes and self._heads == other._heads
        if not same:
            raise ShapeError(
                "The accumulators are not of the same metrics, axes and heads.", "Make both from the same."
            )
        self._queries += other._queries
        self._undefined += other._undefined
        for held, sums in zip(self._sums, other._sums, strict=True):
            _add(held, sums)

    def result(self) -> dict[str, HeadMetric]:
        """Return each metric by name, over everything added so far; margins take it for a sample."""
        share = self._queries / max(1, len(self._axes.queries))
        found: dict[str, HeadMetric] = {}
        for metric, held in zip(self._metrics, self._sums, strict=True):
            undefined = self._undefined.copy()
            made = metric.finish(held, undefined) if held else HeadMetric.none(self._heads, undefined)
            found[metric.name] = made.of_share(share)
        return found


def measure(
    site: Site,
    tokens: Sequence[Token],
    metrics: Iterable[Metric] | None = None,
    rows: Pick | None = None,
    *,
    key_tokens: Sequence[Token] | None = None,
) -> dict[str, HeadMetric]:
    """Measure every head of a site.

    Parameters
    ----------
    site : Site
        Read in blocks of about `BLOCK_CELLS` cells.
    tokens : sequence of Token
        One per query.
    metrics : iterable of Metric, optional
        Such as a `Registry`; `standard()` if not given.
    rows : slice, int or sequence of int, optional
        Queries to read, each once; all by default.
    key_tokens : sequence of Token, optional
        One per key, for cross-attention.

    Returns
    -------
    dict of str to HeadMetric
        By the metrics' names, in their order.

    Raises
    ------
    ShapeError
        If the tokens do not fit the site.
    InputError
        If a query does not exist.
    """
    own = site.kind != "cross"
    keys = tokens if key_tokens is None and own else key_tokens
    if len(tokens) != site.queries or keys is None or len(keys) != site.keys:
        raise ShapeError(
            f"The {site.kind} site has {site.queries} queries and {site.keys} keys, for {len(tokens)} and "
            f"{'no' if keys is None else len(keys)} tokens.",
            "Give one token per query, and for cross-attention one per key as key_tokens.",
        )
    axes = Axes(tuple(tokens), tuple(keys), self_attention=own)
    return measure_rows(site, axes, standard() if metrics is None else metrics, rows)


def measure_rows(
    site: Site,
    axes: Axes,
    metrics: Iterable[Metric],
    rows: Pick | None = None,
    told: Callable[[int], None] = lambda queries: None,
) -> dict[str, HeadMetric]:
    """Measure every head of a site whose axes are known, as `measure` does.

    `told` hears how many more queries were measured, after each block.
    """
    total = Accumulator(metrics, axes, site.heads)
    chosen = np.unique(site.pick_queries(slice(None) if rows is None else rows))
    for block in blocks(site, chosen, crop=total.crops):
        total.add(block)
        told(block.positions.size)
    return total.result()


def blocks(site: Site, queries: NDArray[np.intp], *, crop: bool = False) -> Iterator[Block]:
    """Yield some queries of every head of a site in blocks of about `BLOCK_CELLS` cells.

    Parameters
    ----------
    site : Site
    queries : int array
        Ascending.
    crop : bool
        Whether blocks may end at the last key that their queries see.
    """
    cells = max(1, site.heads * site.keys)
    many, few = (max(1, some // cells) for some in (READ_CELLS, BLOCK_CELLS))
    for begin in range(0, len(queries), many):
        whole = read(site, queries[begin : begin + many])
        for first in range(0, len(whole.positions), few):
            rows = slice(first, first + few)
            positions = whole.positions[rows]
            last = int(positions[-1]) + 1 if crop and site.causal else site.keys
            yield replace(
                whole,
                weights=whole.weights[:, rows, :last],
                visible=whole.visible[..., rows, :last],
                positions=positions,
                sink=None if whole.sink is None else whole.sink[:, rows],
            )


def read(site: Site, queries: NDArray[np.intp]) -> Block:
    """Return some queries of every head of a site."""
    sink = site.sink(queries=queries) if site.has_sinks else None
    visible = site.visible(queries)
    if visible.ndim == 3 and visible.shape[0] == 1:
        visible = visible[0]
    return Block(site.weights(queries=queries), visible, queries, sink)


def measure_arrays(
    weights: NDArray[np.floating],
    visible: NDArray[np.bool_],
    axes: Axes,
    metrics: Iterable[Metric] | None = None,
    sink: NDArray[np.floating] | None = None,
) -> dict[str, HeadMetric]:
    """Measure heads whose whole patterns are at hand.

    Parameters
    ----------
    weights : float array [heads, queries, keys]
    visible : bool array [queries, keys] or [heads, queries, keys]
    axes : Axes
    metrics : iterable of Metric, optional
        `standard()` if not given.
    sink : float array [heads, queries], optional
        Mass of a learned sink.

    Returns
    -------
    dict of str to HeadMetric

    Raises
    ------
    ShapeError
        If the arrays and tokens do not fit each other.
    """
    block = Block(weights, visible, np.arange(len(axes.queries)), sink)
    total = Accumulator(standard() if metrics is None else metrics, axes, block.heads)
    total.add(block)
    return total.result()


def _add(held: dict[str, Doubles], sums: Sums) -> None:
    for name, values in sums.items():
        if name not in held:
            held[name] = np.array(values, dtype=np.float64)
        elif held[name].shape == values.shape:
            held[name] += values
        else:
            # One for all heads joins one of each, few diagonals join many: what is not there is 0.
            shape = tuple(map(max, held[name].shape, values.shape))
            held[name] = _filled(held[name], shape) + _filled(values, shape)


def _filled(values: Doubles, shape: tuple[int, ...]) -> Doubles:
    """Return sums for so many heads, with zeros after their last."""
    room = [(0, 0), *((0, wide - has) for wide, has in zip(shape[1:], values.shape[1:], strict=True))]
    return np.pad(np.broadcast_to(values, (shape[0], *values.shape[1:])), room)
