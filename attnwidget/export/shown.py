"""What of a record a still shows: heads put together, cells that filters hide, and the words for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import RGB, head_colour
from attnwidget.export.frame import Look
from attnwidget.record import AttentionRecord, Pick, Token

TOGETHER: tuple[RGB, RGB] = ((82 / 255, 87 / 255, 97 / 255), (186 / 255, 192 / 255, 202 / 255))
"""Colour of several heads put together, on light and on dark paper: no head's own."""


@dataclass(frozen=True)
class Drawn:
    """One head, or several put together.

    Parameters
    ----------
    heads : tuple of int
        The heads.
    how : str
        "each" for one head, "mean" or "max" for several.
    """

    heads: tuple[int, ...]
    how: str = "each"

    @property
    def name(self) -> str:
        """What it is called: "head 3", "mean of heads 0, 1"."""
        if self.how == "each":
            return f"head {self.heads[0]}"
        return f"{self.how} of heads {', '.join(map(str, self.heads))}"

    def colour(self, dark: bool) -> RGB:
        """Colour of its lines and titles."""
        return head_colour(self.heads[0], dark) if self.how == "each" else TOGETHER[dark]


def drawn(look: Look, how: str | None = None) -> tuple[Drawn, ...]:
    """Return what is drawn: each chosen head, or one picture of several; `how` overrides the look's."""
    how = how or look.combine
    if how == "each" or len(look.heads) < 2:
        return tuple(Drawn((head,)) for head in look.heads)
    return (Drawn(look.heads, how),)


def read(
    record: AttentionRecord, look: Look, one: Drawn, queries: Pick
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Read some rows of what is drawn.

    Returns
    -------
    weights : float32 array [queries, keys]
        As they are; nothing is renormalised.
    reach : bool array [queries, keys]
        False is out of reach.
    hidden : bool array [queries, keys]
        True where a filter hides a cell that is in reach.
    """
    site = record.site(look.layer, look.site)
    chosen = site.pick_queries(queries)
    weights = site.weights(list(one.heads), chosen)
    visible = site.visible(chosen)
    reach = np.broadcast_to(visible, weights.shape) if visible.ndim == 2 else visible[list(one.heads)]
    seen = reach.sum(axis=0)
    together: NDArray[np.float32]
    if one.how == "max":
        together = weights.max(axis=0)
    else:
        together = (weights.sum(axis=0) / np.maximum(seen, 1)).astype(np.float32)
    return together, seen > 0, (seen > 0) & _hidden(record, look, together, seen > 0, chosen)


def _hidden(
    record: AttentionRecord,
    look: Look,
    weights: NDArray[np.float32],
    reach: NDArray[np.bool_],
    queries: NDArray[np.intp],
) -> NDArray[np.bool_]:
    from_, to = record.query_tokens(look.site), record.key_tokens(look.site)
    off_query, off_key = _off(record, look, from_, 0), _off(record, look, to, 1)
    hidden = off_query[queries][:, None] | off_key[None]
    top = look.filters["top"]
    if 0 < top < weights.shape[1]:
        left = np.where(reach & ~hidden & ~np.isnan(weights), weights, -1)
        least = np.partition(left, -top, axis=1)[:, -top, None]
        hidden = hidden | (reach & ~np.isnan(weights) & (weights < least))
    return np.asarray(hidden, dtype=np.bool_)


def _off(record: AttentionRecord, look: Look, tokens: tuple[Token, ...], side: int) -> NDArray[np.bool_]:
    """Return the tokens of one axis of which nothing is shown."""
    pair = look.filters["pair"]
    segment = "ab".index(pair[side]) if pair != "all" and has_pairs(record, look) else None
    return np.array(
        [
            (token.special and not look.filters["special"]) or segment not in (None, token.segment)
            for token in tokens
        ],
        dtype=np.bool_,
    )


def has_pairs(record: AttentionRecord, look: Look) -> bool:
    """Whether both axes carry the two texts of a pair."""
    axes = record.query_tokens(look.site), record.key_tokens(look.site)
    return all(any(token.segment == 1 for token in tokens) for tokens in axes)


def describe_shown(record: AttentionRecord, look: Look) -> str:
    """Return what is hidden, put together or measured otherwise, in words; "" if nothing is."""
    filters = look.filters
    tokens = (*record.query_tokens(look.site), *record.key_tokens(look.site))
    pair = filters["pair"].upper()
    parts = [
        f"{look.combine} of {len(look.heads)} heads"
        if look.combine != "each" and len(look.heads) > 1
        else "",
        "words" if record.words else "",
        "shares of norms" if record.weighting == "norms" else "",
        f"only {pair[0]} → {pair[1]}" if pair != "ALL" and has_pairs(record, look) else "",
        "special tokens hidden" if not filters["special"] and any(token.special for token in tokens) else "",
        f"top {filters['top']} of each query" if filters["top"] > 0 else "",
    ]
    return "  ·  ".join(part for part in parts if part)


def how_exact(record: AttentionRecord) -> str:
    """Return how true a record's numbers are, in a few words."""
    precision = record.precision
    if precision is None:
        return "weights as given" if record.sites[0].route == "given" else "exact weights"
    if precision["form"] == "exact":
        return "exact weights, from a snapshot"
    within = f"within {precision['error']:.4f}".rstrip("0")
    if precision["form"] == "dense":
        return f"8-bit snapshot: weights {within}"
    return (
        f"top-{precision['kept']} snapshot: weights {within}, {precision['dropped']:.1%} of their mass "
        f"left out (worst row {precision['dropped_most']:.1%})"
    )
