"""Where rows come from: the two questions that the engine asks of a site, and answers for any site."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.norms import NormSite
from attnwidget.record.sites import Floats
from attnwidget.wire.schema import Pool

Ints = NDArray[np.intp]

BLOCK_CELLS = 1 << 20
"""Cells that a site is asked for at a time."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What whole rows of a head say.

    Parameters
    ----------
    lse : float32 array [rows]
        Log of the sum of exp(score) over the visible keys and the sink; +inf where there is none of either,
        so that exp(score - lse) is the weight of every row. 0 where only weights are known.
    first : int
        Key stretch that the arrays below begin with.
    peaks, sums : float32 arrays [rows, stretches] or None
        Largest weight, and sum of the weights, of each stretch of keys; None if not asked for.
    """

    lse: Floats
    first: int = 0
    peaks: Floats | None = None
    sums: Floats | None = None


class Source(Protocol):
    """Answers for rows of a site, some at a time; called from several threads at once."""

    def rows_at_once(self, spacing: int) -> int:
        """Return how many queries, that far apart, to ask for at a time."""

    def measure(self, head: int, rows: Ints, size: int | None) -> Measured:
        """Read whole rows: what normalises them and, if `size` is given, their weights by stretches.

        Parameters
        ----------
        head : int
        rows : int array [rows]
            Ascending query positions.
        size : int or None
            Keys of a stretch.
        """

    def cells(
        self,
        head: int,
        rows: Ints,
        first: int,
        last: int,
        lse: Floats,
        size: int = 1,
        pool: Pool = "max",
    ) -> Floats:
        """Return weights of a block.

        Parameters
        ----------
        head : int
        rows : int array [rows]
            Ascending query positions.
        first, last : int
            Key range, half open.
        lse : float32 array [rows]
            What `measure` found.
        size : int
            Keys of a stretch.
        pool : {"max", "mean"}
            The largest weight of a stretch, or the sum of its weights.

        Returns
        -------
        float32 array [rows, stretches]
            Masked cells count 0.
        """


class AnySource:
    """Asks the site itself, which computes whole rows.

    Parameters
    ----------
    site : Site
        Of any kind: given weights, words, norms, half precision, a snapshot.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    def rows_at_once(self, spacing: int) -> int:
        """Return how many queries to ask for at a time, however far apart."""
        return max(1, BLOCK_CELLS // max(1, self.site.keys))

    def measure(self, head: int, rows: Ints, size: int | None) -> Measured:
        """See `Source.measure`."""
        none = np.zeros(len(rows), dtype=np.float32)
        if size is None:
            return Measured(none)
        weights = self.site.weights(head, rows)[0]
        begins = np.arange(0, self.site.keys, size)
        return Measured(
            none, 0, np.maximum.reduceat(weights, begins, axis=1), np.add.reduceat(weights, begins, axis=1)
        )

    def cells(
        self,
        head: int,
        rows: Ints,
        first: int,
        last: int,
        lse: Floats,
        size: int = 1,
        pool: Pool = "max",
    ) -> Floats:
        """See `Source.cells`."""
        weights = self.site.weights(head, rows)[0, :, first:last]
        if size == 1:
            return weights
        reduce = np.maximum if pool == "max" else np.add
        pooled: Floats = reduce.reduceat(weights, np.arange(0, last - first, size), axis=1)
        return pooled


def sources_of(sites: Iterable[Site]) -> dict[int, Source]:
    """Return the fastest source of rows of each site of one kind, by layer."""
    # Without torch there is no site with queries and keys: its module is not loaded for given weights.
    if "attnwidget.record.qk" not in sys.modules:
        return {site.layer: AnySource(site) for site in sites}
    from attnwidget.record.qk import QKSite
    from attnwidget.tiles.qk import Converted, QKSource, by_norms

    converted, found = Converted(), dict[int, Source]()
    for site in sites:
        held: Site | None = site
        if isinstance(site, NormSite) and isinstance(site.weighed, QKSite):
            held = by_norms(site.weighed, site.norms)
        if isinstance(held, QKSite) and not held.half_precision:
            found[site.layer] = QKSource(held, converted)
        else:
            found[site.layer] = AnySource(site)
    return found
