"""Thumbnails of all heads, where a snapshot does not keep their patterns whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.sampling import gap
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Kind, Site
from attnwidget.snapshot.cells import Codes, Ints
from attnwidget.snapshot.container import Pieces, deflate
from attnwidget.wire.patterns import compand
from attnwidget.wire.schema import StoredModel

PIXELS = 64
"""Thumbnails are at most this wide and high: what the front end pools whole patterns to."""

CELLS = 1 << 24
"""Cells that are computed for thumbnails, about a second's work; beyond, queries are sampled."""

_TOGETHER = 1 << 22


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a snapshot keeps of the reply to `model`.

    Parameters
    ----------
    kind : {"encoder", "decoder", "cross"}
    layers, heads : tuple of int
        Layers, and how many heads each has.
    codes : uint8 array [all heads, rows, columns] or None
        None where whole patterns are kept.
    size : int
        Queries, and keys, that a pixel stands for.
    queries : int
    rows_read : int
        Of the `size` queries of a pixel, how many were read.
    read : int or None
        Queries that were read, where it is not the same number in each pixel.
    """

    kind: Kind
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    codes: Codes | None
    size: int
    queries: int
    rows_read: int
    read: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that they take in a snapshot."""
        return 0 if self.codes is None else len(deflate(self.codes).deflated)

    @property
    def sampled(self) -> int:
        """Queries that were read."""
        if self.read is not None:
            return self.read
        rows = -(-self.queries // self.size)
        return self.queries if self.rows_read == self.size else min(self.queries, rows * self.rows_read)

    def store(self, pieces: Pieces) -> StoredModel:
        """Return what the header says, with the thumbnails in `pieces`."""
        return {
            "site": self.kind,
            "layers": list(self.layers),
            "heads": list(self.heads),
            "thumbnails": None if self.codes is None else pieces.add(self.codes),
            "pooled_queries": self.rows_read,
            "pooled_keys": self.size,
            "queries": self.queries,
            "sampled": self.sampled,
        }


def no_pictures(record: AttentionRecord, kind: Kind) -> Pictures:
    """Return what a reader needs to pool whole patterns."""
    sites = [record.site(layer, kind) for layer in record.layers(kind)]
    size = block_size(sites[0].queries, sites[0].keys, PIXELS)
    heads = tuple(site.heads for site in sites)
    return Pictures(kind, record.layers(kind), heads, None, size, sites[0].queries, size)


def draw(record: AttentionRecord, kind: Kind, pixels: int) -> Pictures:
    """Return thumbnails of at most so many pixels: the largest weight of each block of cells.

    Of long prompts only some queries of each block are read, evenly spaced.
    """
    blank = no_pictures(record, kind)
    sites = [record.site(layer, kind) for layer in record.layers(kind)]
    queries, keys = sites[0].queries, sites[0].keys
    size = block_size(queries, keys, pixels)
    rows = -(-queries // size)
    read = max(1, min(size, CELLS // max(1, sum(blank.heads) * rows * keys)))
    chosen = _spread(queries, size, read)
    codes = np.concatenate([_of_site(site, chosen, read, size) for site in sites])
    return Pictures(kind, blank.layers, blank.heads, codes, size, queries, read)


def of_reply(reply: Mapping[str, Any]) -> Pictures:
    """Return the thumbnails of a reply to `model`, each pixel as many queries as keys."""
    size, queries, sampled = reply["pooled_keys"], reply["queries"], reply["sampled"]
    heads, layers = tuple(reply["heads"]), tuple(reply["layers"])
    codes: Codes = reply["thumbnails"]
    # While few queries are read, a row of pixels stands for several times as many of them.
    several = 1 if sampled == queries else max(1, -(-gap(queries, sampled) // size))
    codes, size = _merged(codes, 1, several), several * size
    if codes.shape[1] != -(-queries // size):
        raise ValueError(f"{codes.shape[1]} rows of pixels for {queries} queries by {size}")
    read = size if sampled == queries else max(1, size * sampled // queries)
    return Pictures(reply["site"], layers, heads, codes, size, queries, read, sampled)


def shrink(pictures: Pictures, pixels: int) -> Pictures:
    """Return thumbnails of at most so many pixels, each the largest weight of four, as often as it takes."""
    codes, size = pictures.codes, pictures.size
    if codes is None or max(codes.shape[1:]) <= pixels:
        return pictures
    codes = _merged(codes, 2, 2)
    return shrink(replace(pictures, codes=codes, size=2 * size, rows_read=2 * pictures.rows_read), pixels)


def _merged(codes: Codes, tall: int, wide: int) -> Codes:
    """Return the largest of each block of pixels."""
    heads, rows, columns = codes.shape
    # One more than its code, so that a block that is masked in part is not taken for masked.
    padded = np.zeros((heads, rows + -rows % tall, columns + -columns % wide), dtype=np.uint8)
    padded[:, :rows, :columns] = codes + np.uint8(1)
    blocks = padded.reshape(heads, padded.shape[1] // tall, tall, padded.shape[2] // wide, wide)
    merged: Codes = blocks.max(axis=(2, 4)) - np.uint8(1)
    return merged


def _spread(queries: int, size: int, read: int) -> Ints:
    """Return `read` evenly spaced queries of each block of `size`; those past the end are the last one."""
    if read == size:
        return np.arange(queries)
    within = (np.arange(read) * size + size // 2) // read
    blocks = np.arange(0, queries, size)
    chosen: Ints = np.minimum(blocks[:, None] + within, queries - 1).reshape(-1)
    return chosen


def _of_site(site: Site, chosen: Ints, read: int, size: int) -> Codes:
    visible = site.visible(chosen)
    visible = visible[None] if visible.ndim == 2 else visible
    together = max(1, _TOGETHER // max(1, len(chosen) * site.keys))
    parts: list[NDArray[np.uint8]] = []
    for start in range(0, site.heads, together):
        heads = range(start, min(start + together, site.heads))
        reach = visible if len(visible) == 1 else visible[start : heads.stop]
        pooled, reached = block_max(site.weights(heads, chosen), reach, (read, size))
        parts.append(compand(pooled, reached))
    return np.concatenate(parts)
