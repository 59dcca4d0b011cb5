"""What queries give to some keys: exact sums over blocks of rows, and what even weights would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.norms import NormSite
from attnwidget.record.sites import Floats
from attnwidget.record.threads import share
from attnwidget.search.spans import Ranges, size
from attnwidget.tiles import Engine

Doubles = NDArray[np.float64]
Places = NDArray[np.intp]

PIECE = 4096
"""Keys that the engine is asked for at a time."""


@dataclass(frozen=True, eq=False)
class Masses:
    """What some queries of some heads give to some keys.

    Parameters
    ----------
    rows : int array [rows]
        Positions of the queries.
    mass : float64 array [heads, rows]
        Sum of the weights on the keys; NaN where the query sees none of them, or one of these weights is NaN.
    even : float64 array [1 or heads, rows]
        The same of weights spread evenly over all keys that the query sees; 0 where it sees none.
    """

    rows: Places
    mass: Doubles
    even: Doubles


@dataclass(frozen=True, eq=False)
class Cells:
    """The weights behind masses, key by key.

    Parameters
    ----------
    weights : float32 array [heads, rows, keys]
        NaN where the key is masked, or the query does not count.
    even : float64 array [1 or heads, rows]
        A weight spread evenly over all keys that the query sees.
    """

    weights: Floats
    even: Doubles


def positions(ranges: Ranges) -> Places:
    """Return the positions in ranges, ascending."""
    return np.concatenate([np.arange(first, last) for first, last in ranges]).astype(np.intp)


def reachable(site: Site, queries: Ranges, keys: Ranges) -> Places:
    """Return the queries that may see one of the keys: a rule is asked, a mask (large, by head) is not."""
    rows = positions(queries)
    if not follows_rule(site):
        return rows
    within, _ = _by_rule(site, rows, keys)
    found: Places = rows[within[0] > 0]
    return found


def follows_rule(site: Site) -> bool:
    """Whether a rule says which keys a query sees, so that nothing need be counted."""
    return type(site).visible in (Site.visible, NormSite.visible) and site.visibility.mask is None


class Reader:
    """Reads weights of a site on some keys.

    Parameters
    ----------
    site : Site
    engine : Engine or None
        Computes the weights on these keys alone where scores are known, and keeps what normalises the rows;
        None has the site compute whole rows.
    """

    def __init__(self, site: Site, engine: Engine | None = None) -> None:
        self.site = site
        # Other sites compute whole rows, whatever they are asked for.
        self._engine = engine if site.has_scores and not site.half_precision else None

    def weights(self, heads: Places, rows: Places, keys: Ranges) -> Floats:
        """Return weights, ranges of keys side by side: float32 [heads, rows, keys]; masked cells are 0."""
        if self._engine is None:
            whole = self.site.weights(heads, rows)
            return np.concatenate([whole[..., first:last] for first, last in keys], -1)
        out = np.empty((len(heads), len(rows), size(keys)), dtype=np.float32)
        self._each(heads, rows, keys, out)
        return out

    def _each(self, heads: Places, rows: Places, keys: Ranges, out: Floats | Doubles) -> None:
        """Have the engine compute weights into [heads, rows, keys], or their sums into [heads, rows]."""
        site, engine = self.site, self._engine
        assert engine is not None

        def read(place: int) -> None:
            head, at = int(heads[place]), 0
            for first, last in keys:
                for begin in range(first, last, PIECE):
                    end = min(last, begin + PIECE)
                    block = engine.block(site.layer, head, rows, begin, end, site=site.kind)
                    if out.ndim == 2:
                        out[place] += block.sum(-1, dtype=np.float64)
                    else:
                        out[place, :, at : at + end - begin] = block
                    at += end - begin

        # Several heads: one each at a time; of one head the engine shares the rows.
        if len(heads) == 1:
            read(0)
        else:
            share(read, range(len(heads)))

    def visible(self, heads: Places, rows: Places, keys: Ranges) -> NDArray[np.bool_]:
        """Return which of the keys are visible, likewise: bool [1 or heads, rows, keys]."""
        if follows_rule(self.site):
            parts = [self.site.visibility.rows(rows, first, last) for first, last in keys]
        else:
            whole = self.site.visible(rows)
            whole = whole[heads] if whole.ndim == 3 and whole.shape[0] > 1 else whole
            parts = [whole[..., first:last] for first, last in keys]
        found = np.concatenate(parts, -1)
        return found if found.ndim == 3 else found[None]

    def masses(self, heads: Places, rows: Places, keys: Ranges) -> Masses:
        """Read what some queries of some heads give to keys, exactly."""
        if self._engine is None:
            sums = self.weights(heads, rows, keys).sum(-1, dtype=np.float64)
        else:
            sums = np.zeros((len(heads), len(rows)))
            self._each(heads, rows, keys, sums)
        return masses_of(self.site, heads, rows, keys, sums)

    def cells(self, heads: Places, rows: Places, keys: Ranges) -> tuple[Masses, Cells]:
        """Read masses and the weights that they are made of."""
        reach = self.visible(heads, rows, keys)
        weights = np.where(reach, self.weights(heads, rows, keys), np.float32(0))
        masses = masses_of(self.site, heads, rows, keys, weights.sum(-1, dtype=np.float64))
        counts = reach & ~np.isnan(masses.mass)[..., None]
        _, seen = count_visible(self.site, heads, rows, keys)
        each = np.divide(1.0, seen, out=np.zeros(seen.shape), where=seen > 0)
        return masses, Cells(np.where(counts, weights, np.float32(np.nan)), each)


def masses_of(site: Site, heads: Places, rows: Places, keys: Ranges, sums: Doubles) -> Masses:
    """Return masses whose sums over keys are known: float64 [heads, rows]."""
    within, seen = count_visible(site, heads, rows, keys)
    return Masses(rows, np.where(within > 0, sums, np.nan), _share(within, seen))


def count_visible(
    site: Site, heads: Places, rows: Places, keys: Ranges
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the keys in ranges, and all keys, that queries see: two int64 arrays [1 or heads, rows]."""
    if follows_rule(site):
        return _by_rule(site, rows, keys)
    visible = site.visible(rows)
    visible = visible if visible.ndim == 3 else visible[None]
    visible = visible if visible.shape[0] == 1 else visible[heads]
    within = np.zeros(visible.shape[:2], dtype=np.int64)
    for first, last in keys:
        within += visible[..., first:last].sum(-1, dtype=np.int64)
    return within, visible.sum(-1, dtype=np.int64)


def strongest(site: Site, head: int, query: int, keys: Ranges) -> tuple[int, float]:
    """Return the key in ranges with a query's largest weight, and that weight; -1 where none is visible."""
    visible = site.visible(query)
    row = visible[0] if visible.ndim == 2 else visible[head if visible.shape[0] > 1 else 0, 0]
    weights = np.where(row, site.weights(head, query)[0, 0], -np.inf)
    places = positions(keys)
    place = int(places[np.nanargmax(np.where(np.isnan(weights[places]), -np.inf, weights[places]))])
    weight = float(weights[place])
    return (place, weight) if np.isfinite(weight) else (-1, float("nan"))


def _by_rule(site: Site, rows: Places, keys: Ranges) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rule = site.visibility
    last = np.minimum(rows + 1, site.keys) if rule.causal else np.full(len(rows), site.keys)
    first = np.maximum(0, rows - rule.window + 1) if rule.window is not None else np.zeros(len(rows), int)
    within = np.zeros(len(rows), dtype=np.int64)
    for start, stop in keys:
        within += np.maximum(0, np.minimum(last, stop) - np.maximum(first, start))
    return within[None], np.maximum(0, last - first)[None].astype(np.int64)


def _share(within: NDArray[np.int64], seen: NDArray[np.int64]) -> Doubles:
    return np.divide(within, seen, out=np.zeros(within.shape), where=seen > 0)
