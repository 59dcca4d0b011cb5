"""The engine of long prompts: exact tiles, columns and sums of one record, a slice of work at a time."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, Kind
from attnwidget.record.sites import Floats
from attnwidget.tiles.columns import Column, Values, check_span, read_on, unread
from attnwidget.tiles.draw import Frame, Tile, draw, draw_blank
from attnwidget.tiles.head import Base, Normalisers
from attnwidget.tiles.order import reading_order, spread_groups
from attnwidget.tiles.reader import Reader
from attnwidget.tiles.source import Source, sources_of
from attnwidget.tiles.store import Store
from attnwidget.tiles.turns import Turns
from attnwidget.tiles.work import Work
from attnwidget.wire.schema import TILE, WHOLE_CELLS, Pool

Ints = NDArray[np.intp]
Asked = Callable[[], bool]

CACHE_BYTES = 384 << 20
"""Bytes of tiles, patterns and columns that an engine keeps; normalisers of rows come on top."""


class Engine:
    """Answers for single cells, columns and pooled pieces of the patterns of one record.

    Whatever takes long is done a slice at a time: a method with `budget` works for about that many seconds,
    answers with what it has and says how far that is; called again, it goes on. Without one it works until
    all is computed. What is asked for last goes first.

    Parameters
    ----------
    record : AttentionRecord
    cache_bytes : int
        Bytes of tiles, patterns and columns to keep; what normalises rows (5 bytes a row and head) comes on
        top.
    tile : int
        Pixels of a tile's side.
    base_cells : int
        Pixels of a whole pattern that are kept for a head at most.
    """

    def __init__(
        self,
        record: AttentionRecord,
        *,
        cache_bytes: int = CACHE_BYTES,
        tile: int = TILE,
        base_cells: int = WHOLE_CELLS,
    ) -> None:
        # A copy shares all, and lets go of the record itself, which may hold its engine.
        self.record, self.side, self.base_cells = copy.copy(record), tile, base_cells
        self._sources: dict[Kind, dict[int, Source]] = {}
        self._readers: dict[tuple[Kind, int, int], Reader] = {}
        self._bases: Store[Base] = Store(cache_bytes // 2)
        self._tiles: Store[Tile] = Store(cache_bytes // 4)
        self._columns: Store[Values] = Store(cache_bytes // 4)
        self._turns, self._making = Turns(), threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        kept = self._bases.nbytes + self._tiles.nbytes + self._columns.nbytes
        return kept + sum(each.known.nbytes for each in list(self._readers.values()))

    # ------------------------------------------------------------------ tiles

    def tile(
        self,
        layer: int,
        head: int,
        level: int,
        row: int,
        column: int,
        pool: Pool = "max",
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Tile:
        """Return one tile; see `tiles`."""
        (found,) = self.tiles(
            layer, head, level, [(row, column)], pool, site=site, budget=budget, cancelled=cancelled
        )
        return found

    def tiles(
        self,
        layer: int,
        head: int,
        level: int,
        places: Sequence[tuple[int, int]],
        pool: Pool = "max",
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> list[Tile]:
        """Return tiles of one head's pattern at one zoom, from as many of its queries as could be read.

        Parameters
        ----------
        layer, head : int
            0-based.
        level : int
            A pixel stands for 2**level queries by 2**level keys.
        places : sequence of (row, column)
            Which tiles.
        pool : {"max", "mean"}
            A pixel is the largest, or the mean, weight of the visible cells of the queries that were read.
        site : {"encoder", "decoder", "cross"}, optional
            The record's default kind if not given.
        budget : float or None
            Seconds to work; at least one query of each pixel is read. None reads all.
        cancelled : callable or None
            Asked between blocks of work.

        Returns
        -------
        list of Tile
            In the order asked. With a budget, those at the end may be left out.

        Raises
        ------
        InputError
            If the layer, head or site does not exist, or a tile is not on the pattern.
        CancelledError
            If it was cancelled.
        """
        reader = self._reader(layer, head, site)
        if pool not in ("max", "mean"):
            raise InputError(f"Tiles cannot be pooled by {pool!r}.", 'Pool by "max" or "mean".')
        frames = [Frame.of(reader.site, level, place, self.side) for place in places]
        work = Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            return self._draw(reader, frames, pool, work)

    def _draw(self, reader: Reader, frames: Sequence[Frame], pool: Pool, work: Work) -> list[Tile]:
        """Read rows for as long as there is time, and draw tiles of what was read."""
        site, base = reader.site, self._base(reader)
        keys = [(site.kind, site.layer, reader.head, pool, one.level, one.row, one.column) for one in frames]
        held = [self._tiles.get(key) for key in keys]
        held = [
            draw_blank(frame) if tile is None and frame.blank(site) else tile
            for frame, tile in zip(frames, held, strict=True)
        ]
        missing = [frame for frame, tile in zip(frames, held, strict=True) if tile is None]
        if missing:
            level = missing[0].level
            rows = np.unique(np.concatenate([frame.queries for frame in missing]))
            reader.read(reading_order(rows, level, site.queries), None if level < base.level else base, work)
        found: list[Tile] = []
        for frame, key, tile in zip(frames, keys, held, strict=True):
            if tile is None:
                if found and work.late:
                    break
                tile = draw(reader, base, frame, pool, work)
                if tile.read == 1 << frame.level:
                    self._tiles.put(key, tile, tile.codes.nbytes)
            found.append(tile)
        return found

    # ------------------------------------------------------------------ columns and sums

    def column(
        self,
        layer: int,
        heads: Iterable[int],
        key: int,
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Column:
        """Return what every query gives to one key.

        Parameters
        ----------
        layer : int
        heads : iterable of int
        key : int
            Key position.
        site, budget, cancelled
            As in `tiles`.

        Returns
        -------
        Column
            Values float32 [heads, queries]; `MASKED` where the key is out of reach.

        Raises
        ------
        InputError
            If the layer, a head, the key or the site does not exist.
        CancelledError
            If it was cancelled.
        """
        readers = [self._reader(layer, head, site) for head in heads]
        return self._columns_of(readers, key, key + 1, np.float32, budget, cancelled)

    def into(
        self,
        layer: int,
        head: int,
        first: int,
        last: int,
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Column:
        """Return what every query gives to a span of keys, half open: the sum of its weights.

        Parameters
        ----------
        layer, head : int
        first, last : int
            Key positions.
        site, budget, cancelled
            As in `tiles`.

        Returns
        -------
        Column
            Values float64 [1, queries]; `MASKED` where the query sees none of the keys.

        Raises
        ------
        InputError
            If the layer, head, span or site does not exist.
        CancelledError
            If it was cancelled.
        """
        return self._columns_of([self._reader(layer, head, site)], first, last, np.float64, budget, cancelled)

    def columns(
        self,
        key: int,
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Column:
        """Return what every query gives to one key in every head, layer after layer; see `column`."""
        readers = [
            self._reader(layer, head, site)
            for layer in self.record.layers(site)
            for head in range(self.record.site(layer, site).heads)
        ]
        return self._columns_of(readers, key, key + 1, np.float32, budget, cancelled)

    def _columns_of(
        self,
        readers: Sequence[Reader],
        first: int,
        last: int,
        dtype: type[np.floating],
        budget: float | None,
        cancelled: Asked | None,
    ) -> Column:
        if not readers:
            return Column(np.zeros((0, 0), dtype=dtype), 0, 0)
        check_span(first, last, readers[0].site.keys)
        work = Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            heads = tuple((each.site.layer, each.head) for each in readers)
            key = (readers[0].site.kind, heads, first, last, dtype)
            values = self._columns.get(key)
            if values is None:
                values = unread(readers, first, last, dtype)
                self._columns.put(key, values, values.nbytes)
            return read_on(readers, values, first, last, work)

    # ------------------------------------------------------------------ rows

    def block(
        self,
        layer: int,
        head: int,
        queries: Ints,
        first: int = 0,
        last: int | None = None,
        *,
        site: Kind | None = None,
    ) -> Floats:
        """Return exact weights of some queries on a stretch of keys.

        Parameters
        ----------
        layer, head : int
        queries : int array
            Ascending query positions.
        first, last : int
            Key range, half open; all keys by default.
        site : {"encoder", "decoder", "cross"}, optional

        Returns
        -------
        float32 array [queries, last - first]
            Masked cells are 0.
        """
        reader = self._reader(layer, head, site)
        rows = np.asarray(queries, dtype=np.intp)
        return reader.block(rows, first, reader.site.keys if last is None else last)

    def normalisers(
        self,
        layer: int,
        head: int,
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Normalisers:
        """Return what normalises the rows of a head, as far as it is known by then.

        It is the log of the sum of exp(score) over visible keys and the sink, so that a weight is
        exp(score - lse); 0 where only weights are known.
        """
        reader, work = self._reader(layer, head, site), Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            reader.read(spread_groups(reader.site.queries), None, work)
        return reader.known

    # ------------------------------------------------------------------ helpers

    def _reader(self, layer: int, head: int, kind: Kind | None) -> Reader:
        """Return what reads a head; InputError if there is none."""
        site = self.record.site(layer, kind)
        site.pick_heads(head)
        with self._making:
            key = (site.kind, layer, head)
            if key not in self._readers:
                if site.kind not in self._sources:
                    sites = [self.record.site(each, site.kind) for each in self.record.layers(site.kind)]
                    self._sources[site.kind] = sources_of(sites)
                source = self._sources[site.kind][layer]
                self._readers[key] = Reader(site, int(head), source, Normalisers(site.queries))
            return self._readers[key]

    def _base(self, reader: Reader) -> Base:
        site = reader.site
        key = (site.kind, site.layer, reader.head)
        base = self._bases.get(key)
        if base is None:
            level = 0
            while (-(-site.queries >> level)) * (-(-site.keys >> level)) > self.base_cells:
                level += 1
            base = Base(site, reader.head, level)
            self._bases.put(key, base, base.nbytes)
        return base


def engine_of(record: AttentionRecord) -> Engine:
    """Return the engine of a record, which lives as long as it does."""
    with _making:
        engine: Engine | None = vars(record).get(HELD)
        if engine is None:
            engine = Engine(record)
            object.__setattr__(record, HELD, engine)
        return engine


def let_go(record: AttentionRecord) -> None:
    """Drop the engine of a record, and all that it keeps; asked for again, there is a new one."""
    vars(record).pop(HELD, None)


HELD = "_engine"
_making = threading.Lock()
