"""Draws one tile from the rows of a head that were read."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.record import Site
from attnwidget.record.sites import Floats
from attnwidget.record.threads import share
from attnwidget.tiles.head import Base, counted
from attnwidget.tiles.order import read_of
from attnwidget.tiles.reach import rule_of, seen_in_blocks
from attnwidget.tiles.reader import Reader
from attnwidget.tiles.work import Work, parts
from attnwidget.wire.patterns import compand
from attnwidget.wire.schema import U8_MASKED, Pool

Ints = NDArray[np.intp]
Codes = NDArray[np.uint8]

COARSEST = 30
"""A zoom beyond this shows every prompt in one pixel."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One tile of a head's pattern.

    Parameters
    ----------
    row, column : int
        It begins at query row * tile * 2**level and key column * tile * 2**level.
    codes : uint8 array [tile, tile]
        Companded; see `attnwidget.wire.patterns`.
    read : int
        Of the 2**level queries behind a pixel, how many were computed, each exactly.
    """

    row: int
    column: int
    codes: Codes
    read: int


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a tile is on the pattern.

    Parameters
    ----------
    level : int
    row, column : int
    side : int
        Pixels of the tile's side.
    rows, keys : int arrays [r + 1], [k + 1]
        Where its pixels begin and end, in queries and in keys.
    """

    level: int
    row: int
    column: int
    side: int
    rows: Ints
    keys: Ints

    @classmethod
    def of(cls, site: Site, level: int, place: tuple[int, int], side: int) -> Frame:
        """Return the frame of a tile; InputError if there is none."""
        if not 0 <= level <= COARSEST:
            raise InputError(f"There is no zoom level {level}.", f"Levels are 0 to {COARSEST}.")
        edges = []
        for number, count in zip(place, (site.queries, site.keys), strict=True):
            first = (number * side) << level
            if number < 0 or first >= count:
                raise InputError(
                    f"There is no tile {list(place)} at level {level}.",
                    f"The pattern has {site.queries:,} queries and {site.keys:,} keys.",
                )
            last = min(count, first + (side << level))
            edges.append(np.append(np.arange(first, last, 1 << level), last))
        return cls(level, *place, side, *edges)

    @property
    def queries(self) -> Ints:
        """The queries behind the tile, ascending."""
        return np.arange(int(self.rows[0]), int(self.rows[-1]))

    def blank(self, site: Site) -> bool:
        """Whether no query of the tile sees any of its keys by the site's rule."""
        rule = rule_of(site)
        return rule is not None and not seen_in_blocks(rule, self.rows[[0, -1]], self.keys[[0, -1]]).any()

    def tile(self, values: Floats, reached: NDArray[np.bool_], read: int) -> Tile:
        """Return the tile of some pixels; what is beyond the pattern's edge is out of reach."""
        codes = np.full((self.side, self.side), U8_MASKED, dtype=np.uint8)
        codes[: values.shape[0], : values.shape[1]] = compand(values, reached)
        return Tile(self.row, self.column, codes, read)


def draw_blank(frame: Frame) -> Tile:
    """Return a tile of which everything is out of reach."""
    none = np.zeros((0, 0), dtype=np.float32)
    return frame.tile(none, none > 0, 1 << frame.level)


def draw(reader: Reader, base: Base, frame: Frame, pool: Pool, work: Work) -> Tile:
    """Return a tile: of the base where it is fine enough, else of its cells."""
    first, last = int(frame.rows[0]), int(frame.rows[-1])
    if frame.level >= base.level:
        values, reached = base.pooled(frame.rows, frame.keys, pool)
        return frame.tile(values, reached, read_of(base.read[first:last], frame.level))
    read = reader.known.known[first:last].copy()
    rows = np.flatnonzero(read) + first
    values = _pixels(reader, rows, frame, pool, work)
    counts = counted(reader.site, reader.head, rows, frame.rows, frame.keys)
    if pool == "mean":
        values = (values / np.maximum(counts, 1)).astype(np.float32)
    return frame.tile(values, counts > 0, read_of(read, frame.level))


def _pixels(reader: Reader, rows: Ints, frame: Frame, pool: Pool, work: Work) -> Floats:
    """Return the largest weight, or the sum, of each pixel: float32 [r, k]."""
    out = np.zeros((len(frame.rows) - 1, len(frame.keys) - 1), dtype=np.float32)
    first, last = int(frame.keys[0]), int(frame.keys[-1])
    lock = threading.Lock()
    reduce: np.ufunc = np.maximum if pool == "max" else np.add

    def add(part: Ints) -> None:
        lse = reader.known.lse[part]
        cells = reader.source.cells(reader.head, part, first, last, lse, 1 << frame.level, pool)
        pixels, begins = np.unique(np.searchsorted(frame.rows, part, side="right") - 1, return_index=True)
        pooled = reduce.reduceat(cells, begins) if len(pixels) < len(part) else cells
        with lock:
            out[pixels] = reduce(out[pixels], pooled)

    share(add, parts([rows], reader.source.rows_at_once), work.cancelled)
    work.check()
    return out
