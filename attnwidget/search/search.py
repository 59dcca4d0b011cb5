"""A search in slices: all heads from a few queries, then one by one exactly, the promising ones first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import CancelledError
from attnwidget.metrics.sampling import order
from attnwidget.record import AttentionRecord, Site
from attnwidget.search.mass import Places, Reader, positions, reachable, strongest
from attnwidget.search.question import Question
from attnwidget.search.tally import HeadResult, Tally
from attnwidget.tiles import Engine, engine_of

BLOCK_CELLS = 1 << 21
"""Heads x queries x keys that are read at once; at least one query of one head."""

ENGINE_CELLS = 1 << 24
"""The same where the engine of long prompts reads, with all cores."""

AT_ONCE_CELLS = 1 << 26
"""Searches of up to this many cells, a second's work, read everything at once; larger ones sample first."""

ROWS = 32
"""Queries of several heads that are read together, rather than more queries of one."""

SAMPLE = 64
"""Queries of each head that are read first."""

Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Found:
    """The best of a search so far, best first.

    Parameters
    ----------
    hits : tuple of (HeadResult, place)
        Each the head that it is of, and which of that head's candidates it is.
    sampled, done, total : int
        Heads of which some queries were read, those that were read whole, and all.
    """

    hits: tuple[tuple[HeadResult, int], ...]
    sampled: int
    done: int
    total: int


class Search:
    """Answers a question, a slice of work at a time.

    Parameters
    ----------
    record : AttentionRecord
    question : Question
    k : int
        How many hits are wanted.
    sample : int or None
        Read only as many evenly spread queries of each head, so that results are estimates. None reads all.
    provisional : bool
        Whether a long search begins with estimates for all heads; otherwise it reads them whole, in order.
    """

    def __init__(
        self,
        record: AttentionRecord,
        question: Question,
        k: int = 10,
        *,
        sample: int | None = None,
        provisional: bool = True,
    ) -> None:
        self.question, self.k = question, k
        self._sites = {layer: record.site(layer, question.kind) for layer in question.layers}
        self._keys = positions(question.keys)
        self._results: dict[tuple[int, int], HeadResult] = {}
        self._rows = {
            layer: reachable(site, question.queries, question.keys) for layer, site in self._sites.items()
        }
        self.total = sum(len(site.known) for site in self._sites.values())
        self._estimate = sample is not None
        self._limit = SAMPLE if sample is None else sample
        cells = sum(
            len(site.known) * len(self._rows[layer]) * site.keys for layer, site in self._sites.items()
        )
        long = cells > AT_ONCE_CELLS
        engine: Engine | None = engine_of(record) if long else None
        self._readers = {layer: Reader(site, engine) for layer, site in self._sites.items()}
        self._most = ENGINE_CELLS if long else BLOCK_CELLS
        self._work = self._steps(self._estimate or (provisional and long))
        self._strongest: dict[tuple[int, int, int], int] = {}
        self._lock = threading.RLock()
        self.finished = False

    @property
    def results(self) -> tuple[HeadResult, ...]:
        """What is known so far of each head, layer after layer."""
        with self._lock:
            return tuple(self._results[place] for place in sorted(self._results))

    @property
    def known(self) -> int:
        """Number of heads of which something is known."""
        return len(self._results)

    def site(self, layer: int) -> Site:
        """Return the attention that is searched in a layer."""
        return self._sites[layer]

    def step(self, budget: float | None = None, cancelled: Cancelled | None = None) -> bool:
        """Work on for about `budget` seconds, or to the end; return whether it is at its end.

        Raises
        ------
        CancelledError
            If `cancelled` says so between two blocks; what was read is kept, and the next call goes on.
        """
        with self._lock:
            ends = None if budget is None else time.monotonic() + budget
            while not self.finished:
                if cancelled is not None and cancelled():
                    raise CancelledError("The search was cancelled.", "Search again to go on.")
                if next(self._work, None) is None or self._is_complete():
                    self.finished = True
                elif ends is not None and time.monotonic() >= ends:
                    break
            return self.finished

    def found(self) -> Found:
        """Return the best so far."""
        results = self.results
        ranked = sorted(
            ((one, place) for one in results for place in range(len(one.best))),
            key=lambda item: -item[0].best[item[1]].value,
        )
        done = sum(one.exact for one in results)
        return Found(tuple(ranked[: self.k]), len(results), done, self.total)

    def key_of(self, layer: int, head: int, query: int) -> int:
        """Return the key in question with a query's largest weight."""
        place = layer, head, query
        if place not in self._strongest:
            self._strongest[place] = strongest(self._sites[layer], head, query, self.question.keys)[0]
        return self._strongest[place]

    def _is_complete(self) -> bool:
        if self._estimate:
            return len(self._results) == self.total
        return len(self._results) == self.total and all(one.exact for one in self._results.values())

    def _steps(self, sampled: bool) -> Iterator[bool]:
        """Yield after each block of work."""
        if sampled:
            for layer, site in self._sites.items():
                yield from self._read(layer, site.known, self._sample(layer))
            if self._estimate:
                return
        for layer, heads in self._exactly(sampled):
            yield from self._read(layer, heads, self._rows[layer])

    def _exactly(self, ranked: bool) -> Iterator[tuple[int, Places]]:
        """Yield which heads of which layer are read whole together: one by one once they have a rank."""
        if not ranked:
            for layer, site in self._sites.items():
                yield layer, site.known
            return
        best = sorted(self._results.values(), key=lambda one: (-one.value, one.layer, one.head))
        for one in best:
            if not one.exact:
                yield one.layer, np.array([one.head], dtype=np.intp)

    def _sample(self, layer: int) -> Places:
        """Return evenly spread queries of those that may count."""
        rows = self._rows[layer]
        if len(rows) <= self._limit:
            return rows
        wanted = np.zeros(self._sites[layer].queries, dtype=np.bool_)
        wanted[rows] = True
        spread = order(len(wanted))
        return np.sort(spread[wanted[spread]][: self._limit])

    def _read(self, layer: int, heads: NDArray[np.intp], rows: Places) -> Iterator[bool]:
        """Read some queries of some heads, block by block, and note what came out."""
        site, question = self._sites[layer], self.question
        reader, most = self._readers[layer], self._most
        together = max(1, min(len(heads), most // (site.keys * max(1, min(len(rows), ROWS)))))
        step = max(1, most // (site.keys * together))
        for start in range(0, len(heads), together):
            group = heads[start : start + together]
            tally = Tally(question.by, len(group), self.k, self._keys)
            for begin in range(0, len(rows), step):
                block = rows[begin : begin + step]
                if question.by == "key":
                    tally.add(*reader.cells(group, block, question.keys))
                else:
                    tally.add(reader.masses(group, block, question.keys))
                if begin + step < len(rows):
                    yield True
            self._note(layer, group, tally, len(rows))
            yield True

    def _note(self, layer: int, heads: Places, tally: Tally, read: int) -> None:
        """Note what came out of reading so many queries of some heads."""
        of = len(self._rows[layer])
        for place, head in enumerate(heads):
            self._results[layer, int(head)] = HeadResult(
                layer, int(head), tally.best(place, read / max(1, of)), read, of
            )
