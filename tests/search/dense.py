"""What a search must find, by its definition: with loops, over whole patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import AttentionRecord, DenseSite, Kind, ModelInfo, Token, Visibility

Array = NDArray[np.float64]


def record_of(
    weights: Sequence[NDArray[np.float32]],
    visible: NDArray[np.bool_],
    tokens: Sequence[Token] | None = None,
    kind: Kind = "decoder",
    **visibility: object,
) -> AttentionRecord:
    """Return a record of dense layers [heads, queries, keys]; a rule if given, else `visible` as a mask."""
    queries, keys = weights[0].shape[-2:]
    rule = Visibility(**visibility) if visibility else Visibility(mask=visible)  # type: ignore[arg-type]
    sites = tuple(
        DenseSite(
            kind=kind,
            layer=2 * layer + 1,
            name="",
            route="given",
            heads=len(values),
            kv_heads=len(values),
            queries=queries,
            keys=keys,
            visibility=rule,
            values=values,
        )
        for layer, values in enumerate(weights)
    )
    made = tuple(tokens) if tokens is not None else plain_tokens(queries)
    streams = {"decoder": made, "encoder": plain_tokens(keys)} if kind == "cross" else {kind: made}
    return AttentionRecord(model=ModelInfo(name="dense"), prompt="", streams=streams, sites=sites)  # type: ignore[arg-type]


def plain_tokens(count: int) -> tuple[Token, ...]:
    return tuple(Token(id=None, text=f" w{place}", label=f"w{place}") for place in range(count))


def by_head(
    weights: Array, visible: NDArray[np.bool_], queries: Sequence[int], keys: Sequence[int]
) -> list[float]:
    """Value, baseline, count, and the query with the largest mass, of one head; nothing counts: empty."""
    rows = by_query(weights, visible, queries, keys)
    if not rows:
        return []
    best = min(rows, key=lambda row: (-row[0], row[2]))
    return [float(np.mean([r[0] for r in rows])), float(np.mean([r[1] for r in rows])), len(rows), best[2]]


def by_query(
    weights: Array, visible: NDArray[np.bool_], queries: Sequence[int], keys: Sequence[int]
) -> list[tuple[float, float, int]]:
    """Mass, baseline and position of each query that counts."""
    found = []
    for query in queries:
        seen = [key for key in keys if visible[query, key]]
        mass = sum(float(weights[query, key]) for key in seen)
        if seen and not np.isnan(mass):
            found.append((mass, len(seen) / int(visible[query].sum()), query))
    return found


def by_key(
    weights: Array, visible: NDArray[np.bool_], queries: Sequence[int], keys: Sequence[int]
) -> list[tuple[float, float, int, int]]:
    """Mean weight, baseline, key and number of queries, of each key that a query that counts sees."""
    counted = [query for _, _, query in by_query(weights, visible, queries, keys)]
    found = []
    for key in keys:
        rows = [query for query in counted if visible[query, key]]
        if rows:
            even = np.mean([1 / int(visible[query].sum()) for query in rows])
            found.append((float(np.mean([weights[q, key] for q in rows])), float(even), key, len(rows)))
    return found
