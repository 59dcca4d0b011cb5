"""Rows of a prompt too long for patterns: the largest weights of some queries, exactly, in every head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.sites import Floats, Lost
from attnwidget.snapshot.frame import Key
from attnwidget.snapshot.parts import Heads, Part, Stored

ENOUGH = 0.999
"""A row keeps no more of its largest weights than hold this share of its mass."""


Limits: TypeAlias = tuple[int, int, int]
"""How many weights a row keeps at most; see `Ranked.cut`."""


@dataclass(frozen=True, eq=False)
class Peaks:
    """Rows as they are kept; see `StoredPeaks`.

    Parameters
    ----------
    queries : int array
        Those of which rows are kept, ascending.
    counts : int array [queries, heads]
        How many weights each row keeps.
    keys : int array [cells]
        Where they are, ascending in each row.
    weights : float32 array [cells]
        What they are, exactly.
    rest : float32 array [queries, heads]
        Mass of what was left out; not a number where the row's weights are none.
    sinks : float32 array [queries, heads] or None
        What goes to the learned sink.
    """

    queries: NDArray[np.intp]
    counts: NDArray[np.int32]
    keys: NDArray[np.int32]
    weights: Floats
    rest: Floats
    sinks: Floats | None = None

    def place(self, queries: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """Return where queries are in `queries`; None if one is not kept."""
        places = np.searchsorted(self.queries, queries)
        if places.size and (
            places.max() == len(self.queries) or bool((self.queries[places] != queries).any())
        ):
            return None
        return places

    def row(self, head: int, place: int, keys: int) -> tuple[Floats, float, float]:
        """Return a row, the mass that it leaves out, and the most that a weight left out can be.

        Parameters
        ----------
        head, place : int
            The row's head, and where its query is in `queries`.
        keys : int

        Returns
        -------
        float32 array [keys], float, float
            What was left out is 0.
        """
        heads = self.counts.shape[1]
        rest = float(self.rest[place, head])
        if np.isnan(rest):
            return np.full(keys, np.nan, dtype=np.float32), 0.0, 0.0
        at = place * heads + head
        ends = np.cumsum(self.counts.reshape(-1), dtype=np.int64)
        part = slice(int(ends[at] - self.counts[place, head]), int(ends[at]))
        out = np.zeros(keys, dtype=np.float32)
        out[self.keys[part]] = self.weights[part]
        return out, rest, min(rest, float(self.weights[part].min(initial=np.inf)))

    def lost(self, head: int, queries: int) -> Lost:
        """Return what was lost of each row of a head; of rows that are not kept, all."""
        rest, floor = np.ones(queries, dtype=np.float32), np.ones(queries, dtype=np.float32)
        for place, query in enumerate(self.queries.tolist()):
            _, rest[query], floor[query] = self.row(head, place, int(self.keys.max(initial=0)) + 1)
        return Lost(np.zeros(queries, dtype=np.float32), rest, floor)


class Ranked:
    """Rows of some queries with their weights in order, to be cut where they fit.

    Parameters
    ----------
    sites : mapping
        Each site of the record.
    queries : sequence of int
        Those past a site's last query are left out there.
    most : int
        Weights of a row that are looked for.
    first : int
        The query that matters most; of others a quarter of these are.
    """

    def __init__(self, sites: Mapping[Key, Site], queries: Sequence[int], most: int, first: int) -> None:
        self.sites = sites
        self._rows: dict[Key, tuple[list[int], list[_Row], Floats | None]] = {}
        for key, site in sites.items():
            chosen = sorted({query for query in queries if query < site.queries})
            weights = site.weights(queries=chosen)
            rows = [
                _Row.of(weights[head, at], most if chosen[at] == first else most // 4)
                for at in range(len(chosen))
                for head in range(site.heads)
            ]
            sinks = site.sink(queries=chosen).T.astype("<f4") if site.has_sinks else None
            self._rows[key] = chosen, rows, sinks

    def cells(self, first: Heads, query: int, most: Limits) -> int:
        """Return how many weights `cut` keeps."""
        total = 0
        for key, (queries, rows, _) in self._rows.items():
            lengths = np.array([row.enough for row in rows], dtype=np.int64).reshape(len(queries), -1)
            total += int(np.minimum(lengths, self._most(key, first, query, most)[:, None]).sum())
        return total

    def _most(self, key: Key, first: Heads, query: int, most: Limits) -> NDArray[np.int64]:
        """Return how many weights a row of each query keeps at most."""
        queries = np.array(self._rows[key][0], dtype=np.int64)
        return np.where(queries != query, most[2], most[0 if first.get(key) else 1])

    def cut(self, first: Heads, query: int, most: Limits) -> Part:
        """Return what rows keep.

        Parameters
        ----------
        first : mapping
            Sites whose heads matter most.
        query : int
            The query that matters most.
        most : Limits
            How many weights a row keeps at most: of this query in these sites, of it in others, of others.
        """
        layers: dict[Key, dict[str, Any]] = {}
        shares, longest = [0.0], 0
        for key, (queries, rows, sinks) in self._rows.items():
            heads = self.sites[key].heads
            limits = self._most(key, first, query, most)
            cuts = [row.cut(int(limits[at // heads])) for at, row in enumerate(rows)]
            counts = np.array([len(places) for places, _, _ in cuts], dtype=np.int32)
            longest = max(longest, int(counts.max(initial=0)))
            shares += [rest / row.mass for row, (_, _, rest) in zip(rows, cuts, strict=True) if row.mass > 0]
            shape = (len(queries), heads)
            skipped = [np.diff(places, prepend=-1) - 1 for places, _, _ in cuts]
            layers[key] = {
                "peaks": {
                    "queries": queries,
                    "counts": Stored.of(counts.reshape(shape)),
                    "places": Stored.of(np.concatenate([[], *skipped]).astype("<i4")),
                    "cells": Stored.of(np.concatenate([[], *(cells for _, cells, _ in cuts)]).astype("<f4")),
                    "rest": Stored.of(np.array([rest for *_, rest in cuts], dtype="<f4").reshape(shape)),
                    "sinks": None if sinks is None else Stored.of(sinks),
                }
            }
        facts = {
            "form": "top",
            "kept": longest,
            "dropped": float(np.mean(shares[1:] or [0.0])),
            "dropped_most": float(max(shares)),
            "rows": sorted({query for queries, _, _ in self._rows.values() for query in queries}),
        }
        return Part(layers, facts)


@dataclass(frozen=True, eq=False)
class _Row:
    """A row's largest weights, largest first, where they are, and the mass of the largest 1, 2, ..."""

    places: NDArray[np.intp]
    weights: Floats
    held: NDArray[np.float64]
    mass: float

    @property
    def enough(self) -> int:
        """How many of its weights are worth keeping."""
        return min(1 + int(np.searchsorted(self.held, ENOUGH * self.mass)), len(self.places))

    @classmethod
    def of(cls, weights: Floats, most: int) -> _Row:
        mass = float(weights.sum(dtype=np.float64))
        if np.isnan(mass):
            return cls(np.zeros(0, dtype=np.intp), weights[:0], np.zeros(0), mass)
        some = max(0, len(weights) - most)
        places = np.argpartition(weights, some)[some:] if some else np.arange(len(weights))
        places = places[weights[places] > 0]
        places = places[np.argsort(-weights[places], kind="stable")]
        return cls(places, weights[places], np.cumsum(weights[places], dtype=np.float64), mass)

    def cut(self, most: int) -> tuple[NDArray[np.intp], Floats, float]:
        """Return the places and weights that are kept, by place, and the mass that is not."""
        if np.isnan(self.mass):
            return self.places, self.weights, np.nan
        count = min(most, self.enough)
        held = float(self.held[count - 1]) if count else 0.0
        by_place = np.argsort(self.places[:count])
        # In single precision, and never less than it is.
        rest = (
            float(np.nextafter(np.float32(max(0.0, self.mass - held)), np.float32(2)))
            if held < self.mass
            else 0.0
        )
        return self.places[:count][by_place], self.weights[:count][by_place], rest
