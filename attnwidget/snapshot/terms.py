"""Queries and keys of heads, and exact rows of one query, as parts of a snapshot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import Site
from attnwidget.snapshot.container import deflate
from attnwidget.snapshot.frame import Key
from attnwidget.snapshot.parts import Heads, Part, Stored
from attnwidget.wire.patterns import mark


def keep_terms(sites: Mapping[Key, Site], heads: Heads) -> Part:
    """Return what the scores of some heads are made of.

    Parameters
    ----------
    sites : mapping
        Each site of the record.
    heads : mapping
        Heads of each site; those of sites without scores are not kept.
    """
    asked = {key: list(heads.get(key, ())) if site.has_scores else [] for key, site in sites.items()}
    layers = {key: {"terms": _terms(site, asked[key]) if asked[key] else None} for key, site in sites.items()}
    kept = [len(asked[key]) == site.heads for key, site in sites.items()]
    share = "all" if all(kept) else "some" if any(asked.values()) else "none"
    return Part(layers, {"terms": share})


def terms_size(sites: Mapping[Key, Site], heads: Heads) -> int:
    """Return about how many bytes `keep_terms` takes, from one head of each site."""
    total = 0.0
    for key, site in sites.items():
        chosen = list(heads.get(key, ()))
        if not chosen or not site.has_scores:
            continue
        q, k = site.qk(chosen[0])
        kv = len({head // (site.heads // site.kv_heads) for head in chosen})
        share = len(deflate(q[:_LOOKED_AT]).deflated) / max(1, q[:_LOOKED_AT].nbytes)
        total += share * (len(chosen) * q.nbytes + kv * k.nbytes)
    return int(total)


def keep_rows(sites: Mapping[Key, Site], heads: Heads, query: int | None) -> Part:
    """Return the exact weights of one query for some heads; of sites that have this query."""
    layers: dict[Key, dict[str, Any]] = {}
    for key, site in sites.items():
        chosen = [int(head) for head in heads.get(key, ())]
        layers[key] = {"rows": None}
        if query is None or query >= site.queries or not chosen:
            continue
        visible = site.visible(query)
        seen = visible[0] if visible.ndim == 2 else visible[:, 0] if len(visible) == 1 else visible[chosen, 0]
        weights = mark(site.weights(chosen, query)[:, 0], seen)
        layers[key] = {"rows": {"query": query, "heads": chosen, "weights": Stored.of(weights)}}
    return Part(layers)


_LOOKED_AT = 256


def _terms(site: Site, heads: list[int]) -> dict[str, Any]:
    group = site.heads // site.kv_heads
    kv_heads = sorted({head // group for head in heads})
    first = [site.terms(head, 0) for head in heads]
    bias: NDArray[Any] | None = site.position_bias()
    return {
        "heads": [int(head) for head in heads],
        "kv_heads": [int(head) for head in kv_heads],
        "q": Stored.of(np.stack([site.qk(head)[0] for head in heads])),
        "k": Stored.of(np.stack([site.qk(head * group)[1] for head in kv_heads])),
        "bias": None if bias is None else Stored.of(np.asarray(bias, dtype="<f4")),
        "scaling": first[0].scaling,
        "softcap": first[0].softcap,
        "sink_score": [_finite(terms.sink_score) for terms in first],
        "rounded": site.half_precision,
    }


def _finite(score: float | None) -> float | None:
    """Return None for a sink that takes nothing."""
    return score if score is not None and math.isfinite(score) else None
