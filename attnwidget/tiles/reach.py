"""How many keys of a stretch a query sees: by the rule where there is one, else counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site, Visibility
from attnwidget.record.words import WordSite

Ints = NDArray[np.intp]
Counts = NDArray[np.int64]


def rule_of(site: Site) -> Visibility | None:
    """Return the rule that says which keys are seen; None where only a mask does."""
    if isinstance(site, WordSite):
        # Words keep the order of their tokens, so causal stays causal; a window does not stay one width.
        own = site.tokenwise.visibility
        rule = own if own.window is None else None
    else:
        rule = site.visibility
    return None if rule is None or rule.mask is not None else rule


def seen(site: Site, head: int, rows: Ints, edges: Ints) -> Counts:
    """Return how many keys of each stretch the queries see.

    Parameters
    ----------
    site : Site
    head : int
    rows : int array [r]
        Query positions.
    edges : int array [s + 1]
        Ascending; stretch i is from edges[i] to edges[i + 1], half open.

    Returns
    -------
    int64 array [r, s]
    """
    rule = rule_of(site)
    if rule is not None:
        below = np.zeros((len(rows), 1), dtype=np.int64)
        if rule.window is not None:
            below = np.maximum(0, rows[:, None] + 1 - rule.window)
        above = rows[:, None] + 1 if rule.causal else np.full((len(rows), 1), edges[-1])
        reached = np.clip(edges[None], below, np.maximum(above, below))
        stretches: Counts = np.diff(reached, axis=1)
        return stretches
    if isinstance(site, WordSite) or site.visibility.mask is None:
        visible = site.visible(rows)[..., edges[0] : edges[-1]]
    else:
        visible = site.visibility.rows(rows, int(edges[0]), int(edges[-1]))
    if visible.ndim == 3:
        visible = visible[head if visible.shape[0] > 1 else 0]
    counts: Counts = np.add.reduceat(visible.astype(np.int64), edges[:-1] - edges[0], axis=1)
    return counts


def seen_in_blocks(rule: Visibility, row_edges: Ints, key_edges: Ints) -> Counts:
    """Return how many cells of each block are visible by a rule.

    Parameters
    ----------
    rule : Visibility
        Without a mask.
    row_edges, key_edges : int arrays [r + 1], [s + 1]
        Ascending; where blocks begin and end.

    Returns
    -------
    int64 array [r, s]
    """
    a, b = row_edges[:, None].astype(np.int64), key_edges[None].astype(np.int64)
    counts = _below(a, b) if rule.causal else a * b
    if rule.window is not None:
        # Hidden are keys k <= q - window: the causal count of a prompt that begins `window` later.
        counts = counts - _below(np.maximum(a - rule.window, 0), b)
    blocks: Counts = np.diff(np.diff(counts, axis=0), axis=1)
    return blocks


def _below(a: Counts, b: Counts) -> Counts:
    """Return the number of cells (q, k) with k <= q, q < a and k < b."""
    inside = np.minimum(a, b)
    counts: Counts = inside * (inside + 1) // 2 + (a - inside) * b
    return counts
