"""What a snapshot keeps within a budget: the best form that fits, by measured sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from attnwidget.errors import SnapshotError
from attnwidget.record import Kind, Site
from attnwidget.snapshot.cells import STEPS
from attnwidget.snapshot.container import Pieces
from attnwidget.snapshot.frame import Frame, Key
from attnwidget.snapshot.parts import Heads, Part, assemble
from attnwidget.snapshot.patterns import Patterns
from attnwidget.snapshot.pictures import Pictures
from attnwidget.snapshot.terms import keep_rows, keep_terms, terms_size
from attnwidget.wire.schema import Precision, StoredForm

EXACT_BYTES = 2_000_000
"""Patterns of all heads that take no more than this in float32 may be kept exactly; others in 8 bits."""

MAX_PATTERN = 1 << 24
"""Cells of a pattern that is kept at most, which is what the front end draws."""

TOP_CELLS = 1 << 25
"""Visible cells of all heads among which the largest are looked for: about a second's work."""

DENSEST = 12
"""Cells that a byte holds at best: with more, not even peaked patterns fit in 8 bits."""

LEAST_CELL = 0.7
"""Bytes that a weight takes at least where its place has to be told too."""

PIXELS = (32, 16, 8)
"""Sides of thumbnails where patterns are not whole; smaller where they would take too much."""

PREDICTED, PICTURES, TERMS, ROWS = 0.6, 0.2, 0.25, 0.25
"""Shares of the room: with predictions kept, the frame; and where rows are cut, what else may be kept."""

_SLACK, _SLACK_EACH = 200, 40  # what the header grows by, and by each site, when arrays are told in it
_TRIES = 4
_SAFE = 0.97  # sizes that are guessed are this true
_SURE = 10_000  # what takes no more than this is not worth a guess


@dataclass(frozen=True)
class Snapshot:
    """A record as bytes.

    Attributes
    ----------
    data : bytes
        See `FORMAT.md` beside this module.
    precision : Precision
        What was lost.
    """

    data: bytes
    precision: Precision


def keep_all(frame: Frame) -> Snapshot:
    """Return a snapshot of everything: patterns of at most `MAX_PATTERN` cells, all queries and keys."""
    sites = frame.sites
    patterns = Patterns(sites, _drawable(sites))
    form: StoredForm = "exact" if 4 * patterns.cells() <= EXACT_BYTES else "dense"
    terms = keep_terms(sites, {key: range(site.heads) for key, site in sites.items()})
    pictures = frame.pictures() if patterns.whole else frame.pictures(PIXELS[0])
    return _made(frame, [patterns.whole_rows(form), terms, keep_rows(sites, {}, None)], pictures, True)


def fit(frame: Frame, budget: int, held: Heads, query: int | None) -> Snapshot:
    """Return the best snapshot of at most so many bytes.

    Parameters
    ----------
    frame : Frame
    budget : int
        Bytes.
    held : mapping
        Heads of each site that matter most.
    query : int or None
        The query that is held.

    Raises
    ------
    SnapshotError
        If not even tokens and small thumbnails fit; it says what does.
    """
    smallest = 0
    for parts, pictures, predictions in _attempts(frame, budget, held, query):
        made = _made(frame, parts, pictures, predictions)
        if len(made.data) <= budget:
            return made
        smallest = len(made.data)
    raise SnapshotError(
        f"Tokens and thumbnails of this prompt do not fit into {budget / 750:.1f} kB as stored.",
        f'Give the snapshot "{math.ceil(smallest / 750)} kB" or more, or "full".',
    )


Attempt = tuple[list[Part], Mapping[Kind, Pictures], bool]
"""Parts, thumbnails, and whether predictions are kept."""


def _attempts(frame: Frame, budget: int, held: Heads, query: int | None) -> Iterator[Attempt]:
    """Yield what may fit, best first; sizes are known beforehand but for what the header grows by."""
    sites, no_heads = frame.sites, Patterns(frame.sites, dict.fromkeys(frame.sites, ()))
    no_terms, no_rows = keep_terms(sites, {}), keep_rows(sites, {}, None)
    bare = [no_heads.nothing(), no_terms, no_rows]
    predictions = True
    base = len(_made(frame, bare, frame.pictures(), True).data)
    if base > PREDICTED * budget:
        predictions = False
        base = len(_made(frame, bare, frame.pictures(), False).data)
    room = budget - base
    every = Patterns(sites, _drawable(sites))
    if every.whole:
        for parts in _whole_rows(every, room, held, query):
            yield parts, frame.pictures(), predictions
    pictures, taken = _small_pictures(frame, room)
    room -= taken + _SLACK + _SLACK_EACH * len(sites)
    some = {key: [head for head in heads if head in held.get(key, ())] for key, heads in every.heads.items()}
    few = Patterns(sites, some)
    if every.rows and every.cells() <= TOP_CELLS:
        for parts in _top_rows(every, room, held, query):
            yield parts, pictures, predictions
    if few.rows:
        for parts in (*_whole_rows(few, room, held, query), *_top_rows(few, room, held, query)):
            yield parts, pictures, predictions
    for rows in (keep_rows(sites, held, query), no_rows):
        yield [no_heads.nothing(), no_terms, rows], pictures, predictions
    yield bare, frame.pictures(PIXELS[-1]), False


def _whole_rows(patterns: Patterns, room: int, held: Heads, query: int | None) -> Iterator[list[Part]]:
    """Yield what keeps whole rows and fits: queries and keys of all heads first, then the more exact form."""
    sites, cells = patterns.sites, patterns.cells()
    if cells > DENSEST * room:
        return
    forms: list[Part] = []
    if 4 * cells <= EXACT_BYTES and 2 * cells <= room:
        forms.append(patterns.whole_rows("exact"))
    forms += [
        patterns.whole_rows("dense", step) for step in STEPS if patterns.dense_size(step) <= room * 1.05
    ]
    forms = [part for part in forms if part.nbytes <= room]
    if not forms:
        return
    least = min(part.nbytes for part in forms)
    every: Heads = {key: range(site.heads) for key, site in sites.items()}
    more = _more_heads(sites, held, room - forms[0].nbytes)
    for heads, of in ((every, forms), (more, forms[:1]), (held, forms), ({}, forms)):
        if heads and terms_size(sites, heads) > 1.2 * (room - least) + _SURE:
            continue
        terms = keep_terms(sites, heads)
        recomputed = terms.facts["terms"] == "all" and not any(site.half_precision for site in sites.values())
        for part in of:
            left = room - part.nbytes - terms.nbytes
            if left >= 0:
                exact = part.facts["form"] == "exact" or recomputed
                yield [part, terms, _rows(sites, held, None if exact else query, left)]


def _more_heads(sites: Mapping[Key, Site], held: Heads, room: int) -> Heads:
    """Return the held heads, and others from their layers on, as many as fit with queries and keys."""
    chosen = {key: list(held.get(key, ())) for key in sites}
    left = room * _SAFE - terms_size(sites, chosen)
    keys = list(sites)
    first = next((at for at, key in enumerate(keys) if chosen[key]), 0)
    for key in keys[first:] + keys[:first]:
        site = sites[key]
        group = site.heads // site.kv_heads
        each = terms_size(sites, {key: range(group)})
        for start in range(0, site.heads, group):
            if not site.has_scores or each > left:
                break
            chosen[key] = sorted({*chosen[key], *range(start, start + group)})
            left -= each
    return chosen


def _top_rows(patterns: Patterns, room: int, held: Heads, query: int | None) -> Iterator[list[Part]]:
    """Yield what keeps the largest weights of each row, as many as fit."""
    sites = patterns.sites
    rows = _rows(sites, held, query, int(room * ROWS))
    heads = held if terms_size(sites, held) <= room * TERMS else {}
    terms = keep_terms(sites, heads)
    room -= rows.nbytes + terms.nbytes
    if patterns.rows > room:
        return
    most = math.ceil(room / patterns.rows / LEAST_CELL)
    best = patterns.best(most)
    looked_at = list(best)[:: max(1, len(best) // 3)]
    share = sum(len(best[key].seen) for key in looked_at) / patterns.rows

    def guess(k: int) -> float:
        return patterns.top_rows(best, k, looked_at).nbytes / max(share, 1e-9)

    fits, over = 0, most + 1
    while over - fits > max(1, fits // 16):
        middle = min((fits + over) // 2, 2 * fits + 4)
        fits, over = (middle, over) if guess(middle) <= room else (fits, middle)
    for _ in range(_TRIES):
        if fits < 1:
            return
        part = patterns.top_rows(best, fits)
        if part.nbytes <= room:
            yield [part, terms, rows]
        fits = min(fits - 1, int(fits * room / part.nbytes))


def _rows(sites: Mapping[Key, Site], held: Heads, query: int | None, room: int) -> Part:
    """Return the exact rows of a query: of all heads if they fit, else of the held ones, else none."""
    every = {key: range(site.heads) for key, site in sites.items()}
    numbers = sum(site.heads * site.keys for site in sites.values())
    for heads in (every, held) if numbers <= room else (held,):
        part = keep_rows(sites, heads, query)
        if part.nbytes <= room:
            return part
    return keep_rows(sites, {}, None)


def _small_pictures(frame: Frame, room: int) -> tuple[Mapping[Kind, Pictures], int]:
    """Return thumbnails that take a small part of the room, and what they take."""
    for pixels in PIXELS:
        pictures = frame.pictures(pixels)
        taken = sum(picture.nbytes for picture in pictures.values())
        if taken <= PICTURES * room or pixels == PIXELS[-1]:
            break
    return pictures, taken


def _drawable(sites: Mapping[Key, Site]) -> dict[Key, range]:
    """Return the heads whose patterns may be kept."""
    return {
        key: range(site.heads if site.queries * site.keys <= MAX_PATTERN else 0)
        for key, site in sites.items()
    }


def _made(
    frame: Frame, parts: Sequence[Part], pictures: Mapping[Kind, Pictures], predictions: bool
) -> Snapshot:
    pieces = Pieces()
    layers = assemble(parts, pieces)
    facts: dict[str, Any] = {}
    for part in parts:
        facts |= part.facts
    precision = cast(Precision, facts)
    return Snapshot(frame.pack(pieces, layers, pictures, precision, predictions=predictions), precision)
