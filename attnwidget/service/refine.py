"""Long prompts whose queries are read a slice at a time: what was read of the records shown lately."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from attnwidget.errors import CancelledError
from attnwidget.metrics.refine import Refinement, SampledPicture
from attnwidget.metrics.registry import Registry
from attnwidget.record import AttentionRecord
from attnwidget.wire.schema import SiteKind

SLICE_SECONDS = 0.4
"""How long a request for more reads, about; it is over sooner, after a layer, if it is cancelled."""

LAYER_QUERIES = 16
"""Queries behind the thumbnails of one layer while nothing else was read."""

KEPT = 2
"""Records whose readings are kept: they hold sums per diagonal of each head, tens of megabytes if long."""


class Readings:
    """What was read of long prompts; each is worked on by one thread at a time.

    A reading holds its record's queries and keys, and goes with the record.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[AttentionRecord, dict[SiteKind, _Reading]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        with self._lock:
            readings = [one for of in self._kept.values() for one in of.values()]
        return sum(reading.refined.nbytes for reading in readings)

    def read(
        self,
        record: AttentionRecord,
        site: SiteKind,
        metrics: Registry,
        first: int,
        pixels: int,
        *,
        more: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Refinement:
        """Return what was read; the first queries at least.

        Parameters
        ----------
        record, site
            Of what.
        metrics : Registry
            Where some of them were not measured so far, reading starts over with these; pictures stay.
        first : int
            Queries that are read before anything is answered.
        pixels : int
            Most rows and columns of a picture.
        more : bool
            Read further for about `SLICE_SECONDS`.
        cancelled : callable
            True ends reading.

        Raises
        ------
        CancelledError
            If it was cancelled before the first queries were read.
        """
        reading = self._reading(record, site, pixels)
        with reading.lock:
            refined = reading.refined
            if any(metric not in refined.metrics.metrics for metric in metrics):
                refined = Refinement(record, site, metrics, pixels, pictures=refined.pictures)
                reading.refined = refined
            try:
                if more and refined.sampled >= first:
                    refined.read(refined.sampled + 1, SLICE_SECONDS, cancelled=cancelled)
                else:
                    refined.read(first, cancelled=cancelled)
            except BaseException:
                # A layer that broke off has some of its queries and not others.
                self._forget(record, site)
                raise
            if refined.sampled < min(first, refined.queries):
                raise CancelledError("Reading the heads was cancelled.", "Nothing to do.")
        return refined

    def picture(
        self, record: AttentionRecord, site: SiteKind, layer: int, pixels: int, *, more: bool = False
    ) -> SampledPicture:
        """Return the picture of one layer's heads, of a few queries if nothing was read yet."""
        reading = self._reading(record, site, pixels)
        picture = reading.refined.pictures[record.layers(site).index(layer)]
        picture.read_to(max(LAYER_QUERIES, picture.read + LAYER_QUERIES * more))
        return picture

    def _reading(self, record: AttentionRecord, site: SiteKind, pixels: int) -> _Reading:
        with self._lock:
            of = self._kept.pop(record, {})
            # The one that was used last stands last.
            self._kept[record] = of
            for oldest in list(self._kept)[:-KEPT]:
                del self._kept[oldest]
            if site not in of:
                of[site] = _Reading(Refinement(record, site, Registry(()), pixels))
            return of[site]

    def _forget(self, record: AttentionRecord, site: SiteKind) -> None:
        with self._lock:
            self._kept.get(record, {}).pop(site, None)


class _Reading:
    def __init__(self, refined: Refinement) -> None:
        self.refined = refined
        self.lock = threading.Lock()
