"""Request -> reply for long prompts: pieces of patterns, and what one token gives or gets in every head."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord
from attnwidget.tiles import engine_of
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.patterns import COMPAND_ERROR, compand
from attnwidget.wire.schema import (
    MASKED,
    TILE,
    UNREAD,
    ColumnMeta,
    Direction,
    Pool,
    SiteKind,
    StripsMeta,
    TilesMeta,
)

SLICE = 0.2
"""Seconds of work on one request, after which it is answered with what there is."""

MOST_TILES = 64
"""Tiles of one request: 4 MB."""

Asked = Callable[[], bool]


def answer_tiles(
    record: AttentionRecord,
    site: SiteKind,
    layer: int,
    head: int,
    level: int,
    pool: Pool,
    tiles: Sequence[Sequence[int]],
    cancelled: Asked,
) -> tuple[TilesMeta, Buffers]:
    """Answer `tiles`: as much of some tiles as a slice of work gives.

    Raises
    ------
    InputError
        If the layer, head or a tile does not exist, or too many are asked for.
    CancelledError
        If it was cancelled.
    """
    if len(tiles) > MOST_TILES:
        raise InputError(f"{len(tiles)} tiles were asked for.", f"Ask for {MOST_TILES} at most.")
    found = engine_of(record).tiles(
        layer,
        head,
        level,
        [(int(row), int(column)) for row, column in tiles],
        pool,
        site=site,
        budget=SLICE,
        cancelled=cancelled,
    )
    buffers = Buffers()
    codes = np.stack([tile.codes for tile in found]) if found else np.zeros((0, TILE, TILE), dtype=np.uint8)
    return {
        "site": site,
        "layer": layer,
        "head": head,
        "level": level,
        "pool": pool,
        "tiles": [[tile.row, tile.column] for tile in found],
        "codes": buffers.add(codes),
        "read": [tile.read for tile in found],
        "error": COMPAND_ERROR,
    }, buffers


def answer_column(
    record: AttentionRecord, site: SiteKind, layer: int, heads: Sequence[int], key: int, cancelled: Asked
) -> tuple[ColumnMeta, Buffers]:
    """Answer `column`: what queries give to a key, of as many queries as a slice of work reads.

    Raises
    ------
    InputError
        If the layer, a head or the key does not exist.
    CancelledError
        If it was cancelled.
    """
    column = engine_of(record).column(layer, heads, key, site=site, budget=SLICE, cancelled=cancelled)
    buffers = Buffers()
    return {
        "site": site,
        "layer": layer,
        "heads": [int(head) for head in heads],
        "key": key,
        "weights": buffers.add(column.values),
        "read": column.read,
        "of": column.of,
    }, buffers


def answer_strips(
    record: AttentionRecord,
    site: SiteKind,
    position: int,
    direction: Direction,
    pixels: int,
    cancelled: Asked,
) -> tuple[StripsMeta, Buffers]:
    """Answer `strips`: a token's row, or its column, in every head, along the prompt.

    A column is known in part until all queries are read. Its pixels are then wide enough that queries were
    read in each; they stand for the largest weight of these.

    Raises
    ------
    InputError
        If the position does not exist, or there is no pixel.
    CancelledError
        If it was cancelled.
    """
    if pixels < 1:
        raise InputError(f"A strip cannot have {pixels} pixels.", "Ask for one at least.")
    layers = record.layers(site)
    if direction == "from":
        values = np.concatenate(list(_rows(record, site, position)))
        read = of = values.shape[1]
    else:
        column = engine_of(record).columns(position, site=site, budget=SLICE, cancelled=cancelled)
        values, read, of = column.values.astype(np.float32, copy=False), column.read, column.of
    pooled = -(-of // min(pixels, of))
    known = (values != UNREAD).all(0)
    while pooled < of and read < of and not np.logical_or.reduceat(known, np.arange(0, of, pooled)).all():
        pooled *= 2
    strips = np.maximum.reduceat(values, np.arange(0, of, pooled), axis=1)
    peaks = np.where(np.isnan(values), np.float32(np.inf), values).argmax(1)
    weights = values[np.arange(len(values)), peaks]
    buffers = Buffers()
    return {
        "site": site,
        "position": position,
        "direction": direction,
        "layers": list(layers),
        "heads": [record.site(layer, site).heads for layer in layers],
        "strips": buffers.add(compand(strips, ~(strips < 0))),
        "pooled": pooled,
        "peaks": buffers.add(np.where(weights < 0, -1, peaks).astype("<i4")),
        "weights": buffers.add(np.where(weights < 0, np.float32(0), weights)),
        "read": read,
        "of": of,
    }, buffers


def _rows(record: AttentionRecord, site: SiteKind, query: int) -> list[NDArray[np.float32]]:
    """Return a query's row in each layer: float32 [heads, keys], `MASKED` where out of reach."""
    found = []
    for layer in record.layers(site):
        attention = record.site(layer, site)
        weights = attention.weights(queries=query)[:, 0]
        visible = attention.visible(query)
        weights[~np.broadcast_to(visible if visible.ndim == 2 else visible[:, 0], weights.shape)] = MASKED
        found.append(weights)
    return found
