"""The engine of long prompts: exact tiles, columns and sums of one record, a slice of work at a time."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, Kind, Site
from attnwidget.record.sites import Floats
from attnwidget.record.threads import share
from attnwidget.tiles.head import Base, Normalisers, counted
from attnwidget.tiles.order import read_of, reading_order, spread_groups
from attnwidget.tiles.reach import rule_of, seen
from attnwidget.tiles.source import Source, sources_of
from attnwidget.tiles.store import Store
from attnwidget.tiles.turns import Turns, gone
from attnwidget.wire.patterns import compand
from attnwidget.wire.schema import MASKED, TILE, UNREAD, WHOLE_CELLS, Pool

Ints = NDArray[np.intp]
Asked = Callable[[], bool]

CACHE_BYTES = 384 << 20
"""Bytes of tiles, patterns and columns that an engine keeps; normalisers of rows come on top."""

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
    codes: NDArray[np.uint8]
    read: int


@dataclass(frozen=True, eq=False)
class Column:
    """What queries give to keys, as far as it is known.

    Parameters
    ----------
    values : float array [heads, queries]
        `UNREAD` where not computed yet.
    read, of : int
        Queries computed in every head, of those that there are.
    """

    values: NDArray[np.floating]
    read: int
    of: int


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
        self._normalisers: dict[tuple[Kind, int, int], Normalisers] = {}
        self._bases: Store[Base] = Store(cache_bytes // 2)
        self._tiles: Store[Tile] = Store(cache_bytes // 4)
        self._columns: Store[NDArray[np.floating]] = Store(cache_bytes // 4)
        self._turns, self._adding = Turns(), threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        kept = self._bases.nbytes + self._tiles.nbytes + self._columns.nbytes
        return kept + sum(each.nbytes for each in self._normalisers.values())

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
        attention, kind = self._site(layer, head, site), site or self.record.default_kind
        edges = [self._edges(attention, level, place) for place in places]
        if pool not in ("max", "mean"):
            raise InputError(f"Tiles cannot be pooled by {pool!r}.", 'Pool by "max" or "mean".')
        work = _Work(budget, cancelled)
        found: list[Tile] = []
        with self._turns.take(work.cancelled):
            keys = [(kind, layer, head, level, pool, *place) for place in places]
            missing = [one for one, key in zip(edges, keys, strict=True) if self._tiles.get(key) is None]
            base = self._base(attention, kind, head)
            if missing:
                rows = np.unique(np.concatenate([np.arange(one[0][0], one[0][-1]) for one in missing]))
                groups = reading_order(rows, level, attention.queries)
                self._read(attention, kind, head, groups, None if level < base.level else base, work)
            for place, key, (row_edges, key_edges) in zip(places, keys, edges, strict=True):
                kept = self._tiles.get(key)
                if kept is None:
                    if found and work.over:
                        break
                    kept = self._draw(
                        attention, kind, head, level, place, row_edges, key_edges, pool, base, work
                    )
                    if kept.read == 1 << level:
                        self._tiles.put(key, kept, kept.codes.nbytes)
                found.append(kept)
        return found

    def _edges(self, site: Site, level: int, place: tuple[int, int]) -> tuple[Ints, Ints]:
        """Return where the pixels of a tile begin and end, in queries and in keys."""
        edges = []
        if not 0 <= level <= COARSEST:
            raise InputError(f"There is no zoom level {level}.", f"Levels are 0 to {COARSEST}.")
        for number, count in zip(place, (site.queries, site.keys), strict=True):
            first = (number * self.side) << level
            if number < 0 or first >= count:
                raise InputError(
                    f"There is no tile {list(place)} at level {level}.",
                    f"The pattern has {site.queries:,} queries and {site.keys:,} keys.",
                )
            last = min(count, first + (self.side << level))
            edges.append(np.append(np.arange(first, last, 1 << level), last))
        return edges[0], edges[1]

    def _draw(
        self,
        site: Site,
        kind: Kind,
        head: int,
        level: int,
        place: tuple[int, int],
        row_edges: Ints,
        key_edges: Ints,
        pool: Pool,
        base: Base,
        work: _Work,
    ) -> Tile:
        """Return a tile from the rows that were read."""
        first, last = int(row_edges[0]), int(row_edges[-1])
        if level >= base.level:
            read = base.read[first:last]
            values, reached = base.pooled(row_edges, key_edges, pool)
        else:
            held = self._normalised(kind, site.layer, head)
            read = held.known[first:last]
            rows = np.flatnonzero(read) + first
            values = self._pixels(site, kind, head, rows, row_edges, key_edges, pool, work)
            counts = counted(site, head, rows, row_edges, key_edges)
            reached = counts > 0
            if pool == "mean":
                values = (values / np.maximum(counts, 1)).astype(np.float32)
        codes = np.full((self.side, self.side), 255, dtype=np.uint8)
        codes[: len(row_edges) - 1, : len(key_edges) - 1] = compand(values, reached)
        return Tile(*place, codes, read_of(read, level))

    def _pixels(
        self,
        site: Site,
        kind: Kind,
        head: int,
        rows: Ints,
        row_edges: Ints,
        key_edges: Ints,
        pool: Pool,
        work: _Work,
    ) -> Floats:
        """Return the largest weight, or the sum, of each pixel of a block: float32 [r, k]."""
        source, held = self._source(site, kind), self._normalised(kind, site.layer, head)
        out = np.zeros((len(row_edges) - 1, len(key_edges) - 1), dtype=np.float32)
        first, last, size = int(key_edges[0]), int(key_edges[-1]), int(key_edges[1] - key_edges[0])
        lock = threading.Lock()
        reduce: np.ufunc = np.maximum if pool == "max" else np.add

        def draw(part: Ints) -> None:
            cells = source.cells(head, part, first, last, held.lse[part], size, pool)
            pixels, begins = np.unique(np.searchsorted(row_edges, part, side="right") - 1, return_index=True)
            pooled = reduce.reduceat(cells, begins) if len(pixels) < len(part) else cells
            with lock:
                out[pixels] = reduce(out[pixels], pooled)

        share(draw, _parts([rows], source.rows_at_once), work.cancelled)
        work.check()
        return out

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
        chosen = list(heads)
        for head in chosen:
            self._site(layer, head, site)
        attention, kind = self.record.site(layer, site), site or self.record.default_kind
        work = _Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            return self._spans([(attention, head) for head in chosen], kind, key, key + 1, work, np.float32)

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
        attention, kind = self._site(layer, head, site), site or self.record.default_kind
        work = _Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            return self._spans([(attention, head)], kind, first, last, work, np.float64)

    def columns(
        self,
        key: int,
        *,
        site: Kind | None = None,
        budget: float | None = None,
        cancelled: Asked | None = None,
    ) -> Column:
        """Return what every query gives to one key in every head, layer after layer; see `column`."""
        kind = site or self.record.default_kind
        sites = [self.record.site(layer, kind) for layer in self.record.layers(kind)]
        work = _Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            pairs = [(one, head) for one in sites for head in range(one.heads)]
            return self._spans(pairs, kind, key, key + 1, work, np.float32)

    def _spans(
        self,
        pairs: Sequence[tuple[Site, int]],
        kind: Kind,
        first: int,
        last: int,
        work: _Work,
        dtype: type[np.floating],
    ) -> Column:
        for site, _ in pairs:
            if not 0 <= first < last <= site.keys:
                what = f"key {first}" if last == first + 1 else f"span of keys {first} to {last}"
                raise InputError(f"There is no {what}.", f"The prompt has keys 0 to {site.keys - 1}.")
        if not pairs:
            return Column(np.zeros((0, 0), dtype=dtype), 0, 0)
        queries, values = pairs[0][0].queries, self._held(pairs, kind, first, last, dtype)
        left = (values == UNREAD).any(0)
        at_once = self._source(pairs[0][0], kind).rows_at_once
        groups = [group[left[group]] for group in spread_groups(queries)]
        # Rows of all heads in step, so that a part of the work says something of each. A first answer is of
        # the first group, later ones of what fits the time.
        begun = len(groups[0]) == 0
        work.first = 1 if begun else len(pairs) * len(list(_parts(groups[:1], at_once)))
        tasks = (
            (*pair, row, part)
            for part in _parts(groups, at_once)
            for pair, row in zip(pairs, values, strict=True)
            # What other heads lack may be known of this one: that is no progress.
            if (row[part] == UNREAD).any()
        )
        share(lambda task: self._fill(kind, *task, first, last, work), tasks, work.stopped)
        work.check()
        return Column(values.copy(), int((values != UNREAD).all(0).sum()), queries)

    def _fill(
        self,
        kind: Kind,
        site: Site,
        head: int,
        column: NDArray[np.floating],
        rows: Ints,
        first: int,
        last: int,
        work: _Work,
    ) -> None:
        """Compute some rows of a column."""
        rows = rows[column[rows] == UNREAD]
        source, held = self._source(site, kind), self._normalised(kind, site.layer, head)
        reach = seen(site, head, rows, np.array([first, last]))[:, 0] > 0
        column[rows[~reach]] = MASKED
        inside = rows[reach]
        if len(inside):
            unknown = inside[~held.known[inside]]
            if len(unknown):
                held.add(unknown, source.measure(head, unknown, None).lse)
            sums = source.cells(head, inside, first, last, held.lse[inside], last - first, "mean")
            column[inside] = sums[:, 0]
        work.told()

    def _held(
        self,
        pairs: Sequence[tuple[Site, int]],
        kind: Kind,
        first: int,
        last: int,
        dtype: type[np.floating],
    ) -> NDArray[np.floating]:
        """Return what is known so far of some columns: [pairs, queries]."""
        key = (kind, tuple((site.layer, head) for site, head in pairs), first, last)
        values = self._columns.get(key)
        if values is None:
            values = np.full((len(pairs), pairs[0][0].queries), UNREAD, dtype=dtype)
            span, rows = np.array([first, last]), np.arange(values.shape[1])
            for place, (site, head) in enumerate(pairs):
                if rule_of(site) is not None:
                    values[place, seen(site, head, rows, span)[:, 0] == 0] = MASKED
            self._columns.put(key, values, values.nbytes)
        return values

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
        attention, kind = self._site(layer, head, site), site or self.record.default_kind
        source, held = self._source(attention, kind), self._normalised(kind, layer, head)
        last = attention.keys if last is None else last
        queries = np.asarray(queries, dtype=np.intp)
        out = np.zeros((len(queries), last - first), dtype=np.float32)
        places = np.arange(len(queries))

        def fill(part: Ints) -> None:
            rows = queries[part]
            unknown = rows[~held.known[rows]]
            if len(unknown):
                held.add(unknown, source.measure(head, unknown, None).lse)
            out[part] = source.cells(head, rows, first, last, held.lse[rows])

        share(fill, _parts([places], lambda spacing: source.rows_at_once(_spacing(queries))))
        return out

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
        attention, kind = self._site(layer, head, site), site or self.record.default_kind
        work = _Work(budget, cancelled)
        with self._turns.take(work.cancelled):
            self._read(attention, kind, head, spread_groups(attention.queries), None, work)
        return self._normalised(kind, layer, head)

    # ------------------------------------------------------------------ helpers

    def _read(
        self, site: Site, kind: Kind, head: int, groups: Iterable[Ints], base: Base | None, work: _Work
    ) -> None:
        """Read rows that were not read yet, group after group; the first group at least."""
        source, held = self._source(site, kind), self._normalised(kind, site.layer, head)
        done = held.known if base is None else base.read
        parts = [list(_parts([group[~done[group]]], source.rows_at_once)) for group in groups]
        parts = [group for group in parts if group]
        if not parts:
            return
        work.first = len(parts[0])

        def measure(part: Ints) -> None:
            measured = source.measure(head, part, None if base is None else base.size)
            with self._adding:
                held.add(part, measured.lse)
                if base is not None:
                    base.add(part, measured)
            work.told()

        share(measure, chain.from_iterable(parts), work.stopped)
        work.check()

    def _site(self, layer: int, head: int, kind: Kind | None) -> Site:
        site = self.record.site(layer, kind)
        site.pick_heads(head)
        return site

    def _source(self, site: Site, kind: Kind) -> Source:
        if kind not in self._sources:
            self._sources[kind] = sources_of(
                self.record.site(layer, kind) for layer in self.record.layers(kind)
            )
        return self._sources[kind][site.layer]

    def _normalised(self, kind: Kind, layer: int, head: int) -> Normalisers:
        key = (kind, layer, head)
        if key not in self._normalisers:
            self._normalisers.setdefault(key, Normalisers(self.record.site(layer, kind).queries))
        return self._normalisers[key]

    def _base(self, site: Site, kind: Kind, head: int) -> Base:
        key = (kind, site.layer, head)
        base = self._bases.get(key)
        if base is None:
            level = 0
            while (-(-site.queries >> level)) * (-(-site.keys >> level)) > self.base_cells:
                level += 1
            base = Base(site, head, level)
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


HELD = "_engine"
_making = threading.Lock()


class _Work:
    """One piece of work: until when, and whether it is still wanted."""

    def __init__(self, budget: float | None, cancelled: Asked | None) -> None:
        self.until = None if budget is None else time.monotonic() + budget
        self.cancelled: Asked = cancelled or (lambda: False)
        self.first = 1
        self._done = 0

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.monotonic() >= self.until

    def told(self) -> None:
        """Count one part."""
        self._done += 1

    def stopped(self) -> bool:
        """Whether to stop: it is not wanted, or time is up and the first parts are done."""
        return self.cancelled() or (self._done >= self.first and self.over)

    def check(self) -> None:
        """Raise CancelledError if it is not wanted any more."""
        if self.cancelled():
            raise gone()


def _spacing(rows: Ints) -> int:
    return 1 if len(rows) < 2 else max(1, int(rows[-1] - rows[0]) // (len(rows) - 1))


def _parts(groups: Iterable[Ints], at_once: Callable[[int], int]) -> Iterable[Ints]:
    """Cut groups of rows into parts to read at a time."""
    for group in groups:
        if len(group):
            step = at_once(_spacing(group))
            for begin in range(0, len(group), step):
                yield group[begin : begin + step]
