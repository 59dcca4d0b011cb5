"""What queries give to some keys: exact sums over blocks of rows, and what even weights would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.record.norms import NormSite
from attnwidget.record.sites import Floats
from attnwidget.search.spans import Ranges

Doubles = NDArray[np.float64]
Places = NDArray[np.intp]


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


def read_masses(site: Site, heads: Places, rows: Places, keys: Ranges) -> Masses:
    """Read what some queries of some heads give to keys: exactly, from whole rows."""
    weights = site.weights(heads, rows)
    return masses_of(site, heads, rows, keys, _add_up(weights, keys))


def masses_of(site: Site, heads: Places, rows: Places, keys: Ranges, sums: Doubles) -> Masses:
    """Return masses whose sums over keys are known: float64 [heads, rows]."""
    within, seen = count_visible(site, heads, rows, keys)
    return Masses(rows, np.where(within > 0, sums, np.nan), _share(within, seen))


def read_cells(site: Site, heads: Places, rows: Places, keys: Ranges) -> tuple[Masses, Cells]:
    """Read masses and the weights that they are made of."""
    weights = site.weights(heads, rows)
    visible = site.visible(rows)
    visible = visible if visible.ndim == 3 else visible[None]
    visible = visible if visible.shape[0] == 1 else visible[heads]
    seen = visible.sum(-1, dtype=np.int64)
    reach = np.concatenate([visible[..., a:b] for a, b in keys], -1)
    cells = np.concatenate([weights[..., a:b] for a, b in keys], -1)
    within = reach.sum(-1, dtype=np.int64)
    mass = np.where(within > 0, np.where(reach, cells, 0).sum(-1, dtype=np.float64), np.nan)
    known = np.where(reach & ~np.isnan(mass)[..., None], cells, np.float32(np.nan))
    each = np.divide(1.0, seen, out=np.zeros(seen.shape), where=seen > 0)
    return Masses(rows, mass, _share(within, seen)), Cells(known, each)


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


def _add_up(weights: Floats, keys: Ranges) -> Doubles:
    total = np.zeros(weights.shape[:2])
    for first, last in keys:
        total += weights[..., first:last].sum(-1, dtype=np.float64)
    return total


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
