"""Thumbnails of all heads, where a snapshot does not keep their patterns whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    kind: Kind
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    codes: Codes | None
    size: int
    queries: int
    rows_read: int

    @property
    def nbytes(self) -> int:
        """Bytes that they take in a snapshot."""
        return 0 if self.codes is None else len(deflate(self.codes).deflated)

    def store(self, pieces: Pieces) -> StoredModel:
        """Return what the header says, with the thumbnails in `pieces`."""
        rows = -(-self.queries // self.size)
        return {
            "site": self.kind,
            "layers": list(self.layers),
            "heads": list(self.heads),
            "thumbnails": None if self.codes is None else pieces.add(self.codes),
            "pooled_queries": self.rows_read,
            "pooled_keys": self.size,
            "queries": self.queries,
            "sampled": self.queries if self.rows_read == self.size else rows * self.rows_read,
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
