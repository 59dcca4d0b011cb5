"""Metrics and small pictures of every head from queries that are read a slice at a time, until all are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.measure import Accumulator, blocks
from attnwidget.metrics.metric import Block, HeadMetric
from attnwidget.metrics.registry import Registry
from attnwidget.metrics.sampling import gap, order
from attnwidget.metrics.table import HeadTable
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Kind, Site
from attnwidget.record.threads import share

MOST_QUERIES = 16
"""Queries that are read of each layer before the next: several share the work of fetching its keys."""


class SampledPicture:
    """The largest weight of each block of cells of a site's heads, over the queries that were read.

    Parameters
    ----------
    site : Site
    pixels : int
        At most so many rows and columns.
    """

    def __init__(self, site: Site, pixels: int) -> None:
        self.site = site
        self.size = block_size(site.queries, site.keys, pixels)
        """Keys that a pixel stands for; and queries, once there is one of each block."""
        shape = (site.heads, -(-site.queries // self.size), -(-site.keys // self.size))
        self._largest = np.full(shape, -1.0, dtype=np.float32)
        self._places = order(site.queries)
        self._lock = threading.Lock()
        self.read = 0
        """How many queries of `order` were read, from its first."""

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return self._largest.nbytes + self._places.nbytes

    def add(self, block: Block) -> None:
        """Take some queries in; those that were read before change nothing."""
        weights, mask = block.weights.astype(np.float32, copy=False), block.mask
        pooled, reached = block_max(weights, mask, (1, self.size))
        pooled = np.where(reached, pooled, np.float32(-1))
        columns = pooled.shape[-1]
        with self._lock:
            for at, row in enumerate(block.positions // self.size):
                held = self._largest[:, row, :columns]
                np.maximum(held, pooled[:, at], out=held)

    def read_to(self, count: int) -> None:
        """Read on until so many queries are read."""
        rows = self._places[self.read : count]
        if rows.size:
            for block in blocks(self.site, np.sort(rows), crop=True):
                self.add(block)
            self.read = max(self.read, min(count, self.site.queries))

    def pixels(self, read: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
        """Return the picture.

        Parameters
        ----------
        read : int, optional
            How many queries of `order` were added; those of `read_to` if not given.

        Returns
        -------
        largest : float32 array [heads, rows, columns]
            Not a number where a weight is.
        reached : bool array, same shape
            Whether any cell that was read is visible.
        tall : int
            Queries that a row of pixels stands for; as many as its keys, or, while few are read, as many more
            that at least one of them was.
        """
        apart = gap(self.site.queries, max(1, self.read if read is None else read))
        several = max(1, -(-apart // self.size))
        with self._lock:
            largest = self._largest.copy()
        rows = np.arange(0, largest.shape[1], several)
        merged = np.maximum.reduceat(largest, rows, axis=1)
        reached = ~(merged == -1)
        return np.where(reached, merged, np.float32(0)), reached, several * self.size


class Refinement:
    """What is known of the heads of one kind of attention, from the queries that were read so far.

    Queries are read in the order of `attnwidget.metrics.sampling.order`, each once and of all heads, so that
    metrics and pictures are always of the same ones. Only one thread at a time may read.

    Parameters
    ----------
    record : AttentionRecord
    kind : {"encoder", "decoder", "cross"}
    metrics : Registry
    pixels : int
        Pictures have at most so many rows and columns.
    pictures : tuple of SampledPicture, optional
        Those of an earlier reading of the same, to go on with.
    """

    def __init__(
        self,
        record: AttentionRecord,
        kind: Kind,
        metrics: Registry,
        pixels: int,
        pictures: tuple[SampledPicture, ...] | None = None,
    ) -> None:
        self.kind, self.metrics = kind, metrics
        self.layers = record.layers(kind)
        self.sites: tuple[Site, ...] = tuple(record.site(layer, kind) for layer in self.layers)
        axes = Axes.of_record(record, kind)
        self.pictures = pictures or tuple(SampledPicture(site, pixels) for site in self.sites)
        self._sums = [Accumulator(metrics, axes, site.heads) for site in self.sites]
        self._order = order(self.queries)
        self._seconds = 0.0
        self._rows = self._order[:0]
        self._left: list[int] = []
        """Layers that the round under way has not come to; a cancelled one is gone on with."""
        self.sampled = 0
        """Queries that were read of all heads."""
        self._table = self._made()

    @property
    def queries(self) -> int:
        """Queries of the prompt."""
        return self.sites[0].queries

    @property
    def complete(self) -> bool:
        """Whether all queries were read."""
        return self.sampled == self.queries

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return sum(picture.nbytes for picture in self.pictures) + sum(sums.nbytes for sums in self._sums)

    def read(
        self, count: int, seconds: float = 0.0, *, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Read on.

        Parameters
        ----------
        count : int
            Until at least so many queries are read,
        seconds : float
            and for at least about so long.
        cancelled : callable
            Asked between the layers of a round, which is some queries of all heads; True ends it, and the
            next call goes on from there.
        """
        end = time.monotonic() + seconds
        while not self.complete and not cancelled():
            left, missing = end - time.monotonic(), count - self.sampled
            if not self._left and missing <= 0 and left <= self._seconds / 2:
                break
            if not self._left:
                fits = int(left / self._seconds) if self._seconds > 0 else 0
                step = min(max(1, missing, fits), MOST_QUERIES)
                self._rows = np.sort(self._order[self.sampled : self.sampled + step])
                self._left = list(range(len(self.sites)))
            self._round(cancelled)
        if not self._left and self._table.sampled != self.sampled:
            self._table = self._made()

    def table(self) -> HeadTable:
        """Return the metrics of the queries that were read of all heads, whatever is being read."""
        return self._table

    def _made(self) -> HeadTable:
        parts = [sums.result() for sums in self._sums]
        return HeadTable(
            site=self.kind,
            layers=self.layers,
            heads=tuple(site.heads for site in self.sites),
            metrics=self.metrics,
            measured={name: HeadMetric.joined([part[name] for part in parts]) for name in self.metrics.names},
            queries=self.queries,
            sampled=self.sampled,
        )

    def _round(self, cancelled: Callable[[], bool]) -> None:
        """Read the queries of a round in the layers that are left, on all cores."""
        began, many = time.monotonic(), len(self._left)

        def layers() -> Iterator[int]:
            while self._left:
                yield self._left.pop(0)

        def add(at: int) -> None:
            sums, picture = self._sums[at], self.pictures[at]
            for block in blocks(self.sites[at], self._rows, crop=sums.crops):
                sums.add(block)
                picture.add(block)

        share(add, layers(), cancelled)
        if self._left:
            return
        self.sampled += len(self._rows)
        for picture in self.pictures:
            picture.read = max(picture.read, self.sampled)
        if many == len(self.sites):
            self._seconds = (time.monotonic() - began) / len(self._rows)
