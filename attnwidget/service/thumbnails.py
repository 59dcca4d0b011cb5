"""Request -> reply for small pictures of heads: of all queries where that is quick, else of some."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.refine import Refinement
from attnwidget.metrics.registry import Registry
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Site, Thumbnails
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.patterns import compand
from attnwidget.wire.schema import ModelMeta, SiteKind

THUMBNAIL_PIXELS = 64
"""Thumbnails are at most this wide and high; chips draw them at 30 CSS pixels."""

MODEL_BYTES = 1_000_000
"""Thumbnails of all heads of all layers take about this much: with more heads they are smaller."""

MODEL_QUERIES = 1024
"""Up to this many queries, thumbnails of all heads show all of them at once."""

MODEL_CELLS = 1 << 28
"""Cells of all heads that are computed for their thumbnails at once; beyond, queries are sampled."""

MODEL_SAMPLED = (16, 128)
"""How many queries are computed first where not all are."""

BLOCK_CELLS = 1 << 22
"""Cells computed at a time."""


def model_pixels(heads: int) -> int:
    """Return how wide and high thumbnails of so many heads are at most."""
    return max(8, min(THUMBNAIL_PIXELS, math.isqrt(MODEL_BYTES // heads)))


def model_queries(heads: int, queries: int, keys: int) -> int:
    """Return how many queries thumbnails of all heads show at first: all of them, or some.

    Parameters
    ----------
    heads : int
        Heads of all layers.
    queries, keys : int
        Size of a pattern.
    """
    if queries <= MODEL_QUERIES and heads * queries * keys <= MODEL_CELLS:
        return queries
    fewest, most = MODEL_SAMPLED
    return min(queries, max(fewest, min(most, MODEL_CELLS // (heads * keys))))


def model_at_once(heads: int, queries: int, keys: int) -> bool:
    """Whether thumbnails of all heads show all queries at once."""
    return model_queries(heads, queries, keys) == queries


def heads_of(sites: Sequence[Site]) -> int:
    """Return the number of heads of some sites."""
    return sum(site.heads for site in sites)


def answer_model(
    record: AttentionRecord, site: SiteKind, refined: Refinement | None = None
) -> tuple[ModelMeta, Buffers]:
    """Answer `model`: a thumbnail of every head of every layer, from exactly computed rows.

    Parameters
    ----------
    record : AttentionRecord
    site : {"encoder", "decoder", "cross"}
    refined : Refinement, optional
        What was read of a long prompt; without it a first sample is read.

    Raises
    ------
    InputError
        If the record has no attention of this kind.
    """
    layers = record.layers(site)
    sites = [record.site(layer, site) for layer in layers]
    queries, keys = sites[0].queries, sites[0].keys
    kept = [attention.thumbnails for attention in sites]
    if all(each is not None for each in kept):
        return _kept_model(site, sites, cast(list[Thumbnails], kept))
    total = heads_of(sites)
    pixels = model_pixels(total)
    if refined is None and not model_at_once(total, queries, keys):
        refined = Refinement(record, site, Registry(()), pixels)
        refined.read(model_queries(total, queries, keys))
    if refined is not None:
        return _sampled_model(refined)
    size = block_size(queries, keys, pixels)
    codes = np.empty((total, -(-queries // size), -(-keys // size)), dtype=np.uint8)
    first = 0
    for attention in sites:
        codes[first : first + attention.heads] = whole_thumbnails(attention, size)
        first += attention.heads
    buffers = Buffers()
    return {
        "site": site,
        "layers": list(layers),
        "heads": [attention.heads for attention in sites],
        "thumbnails": buffers.add(codes),
        "pooled_queries": size,
        "pooled_keys": size,
        "queries": queries,
        "sampled": queries,
    }, buffers


def whole_thumbnails(site: Site, size: int) -> NDArray[np.uint8]:
    """Return thumbnails of every head of a site, of all queries: codes [heads, rows, columns]."""
    visible = site.visible()
    codes = np.empty((site.heads, -(-site.queries // size), -(-site.keys // size)), dtype=np.uint8)
    together = max(1, BLOCK_CELLS // (site.queries * site.keys))
    for start in range(0, site.heads, together):
        heads = slice(start, min(start + together, site.heads))
        reach = visible[None] if visible.ndim == 2 else visible[heads if visible.shape[0] > 1 else slice(1)]
        codes[heads] = compand(*block_max(site.weights(heads), reach, size))
    return codes


def _sampled_model(refined: Refinement) -> tuple[ModelMeta, Buffers]:
    """Answer `model` with the pictures of the queries that were read."""
    codes: list[NDArray[np.uint8]] = []
    tall = wide = 1
    # Once: another request may read on meanwhile, and pictures of all layers are of one size.
    sampled = refined.sampled
    for picture in refined.pictures:
        largest, reached, tall = picture.pixels(sampled)
        codes.append(compand(largest, reached))
        wide = picture.size
    buffers = Buffers()
    return {
        "site": refined.kind,
        "layers": list(refined.layers),
        "heads": [site.heads for site in refined.sites],
        "thumbnails": buffers.add(np.concatenate(codes)),
        "pooled_queries": max(1, round(min(tall, refined.queries) * sampled / refined.queries)),
        "pooled_keys": wide,
        "queries": refined.queries,
        "sampled": sampled,
    }, buffers


def _kept_model(
    kind: SiteKind, sites: Sequence[Site], kept: Sequence[Thumbnails]
) -> tuple[ModelMeta, Buffers]:
    """Answer `model` with the thumbnails of the run that a snapshot kept."""
    buffers, first = Buffers(), kept[0]
    rows, queries = first.codes.shape[1], sites[0].queries
    whole = first.queries_read == first.size
    sampled = rows * first.queries_read if first.sampled is None else first.sampled
    return {
        "site": kind,
        "layers": [attention.layer for attention in sites],
        "heads": [attention.heads for attention in sites],
        "thumbnails": buffers.add(np.concatenate([each.codes for each in kept])),
        "pooled_queries": first.queries_read,
        "pooled_keys": first.size,
        "queries": queries,
        "sampled": queries if whole else sampled,
    }, buffers
