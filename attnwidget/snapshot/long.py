"""Snapshots of prompts too long for patterns: tokens, small pictures, metrics, some rows of every head."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from attnwidget.errors import SnapshotError
from attnwidget.metrics.sampling import order
from attnwidget.record import AttentionRecord, Kind
from attnwidget.service import Service
from attnwidget.service.answers import is_tiled
from attnwidget.snapshot.container import Pieces, deflate
from attnwidget.snapshot.fit import Snapshot
from attnwidget.snapshot.frame import Frame, ask
from attnwidget.snapshot.parts import Heads, Part, assemble
from attnwidget.snapshot.patterns import Patterns
from attnwidget.snapshot.peaks import Limits, Ranked
from attnwidget.snapshot.pictures import Pictures, of_reply, shrink
from attnwidget.snapshot.terms import keep_rows, keep_terms
from attnwidget.wire.schema import Precision

WHOLE_BYTES = 8_000_000
"""What a snapshot without a limit may take: all of a long prompt would be gigabytes."""

PIXELS = (64, 32, 16, 8)
"""Sides of thumbnails, largest first."""

PICTURES, PREDICTED = 0.25, 0.3
"""Shares of the room that thumbnails, and then predictions, may take."""

MORE_ROWS = 3
"""Queries of which rows are kept beside the held one and the last."""

MOST = 4096
"""Weights that a row keeps at most."""

ELSEWHERE, OTHERS = 1 / 8, 1 / 32
"""Shares of what the held query's rows keep in the layers of held heads: its rows in others, other rows."""

CELL_BYTES = 5.0
"""What a weight and its place take, about."""

_TRIES = 4


def is_long(record: AttentionRecord) -> bool:
    """Whether some patterns of a record are too large to be kept or sent whole."""
    return any(is_tiled(site) for site in record.sites)


def fit_long(service: Service, frame: Frame, budget: int | None, held: Heads, query: int | None) -> Snapshot:
    """Return the best snapshot of a long prompt of at most so many bytes.

    It holds all tokens; metrics and thumbnails as far as they were sampled so far; and of a few queries (the
    held one, the last, some between) the largest weights of every head, exactly, most of them of the held
    query in the layers of the held heads.

    Parameters
    ----------
    service : Service
        What has sampled thumbnails so far; it reads some queries where none were read.
    frame : Frame
    budget : int or None
        Bytes; None is `WHOLE_BYTES`.
    held : mapping
        Heads of each site that matter most.
    query : int or None
        The query that is held.

    Raises
    ------
    SnapshotError
        If not even tokens and small thumbnails fit; it says what does.
    """
    smallest, budget = 0, WHOLE_BYTES if budget is None else budget
    for made in _attempts(service, frame, budget, held, query):
        if len(made.data) <= budget:
            return made
        smallest = len(made.data)
    raise SnapshotError(
        f"Tokens and thumbnails of this prompt do not fit into {budget / 750:.1f} kB as stored.",
        f'Give the snapshot "{math.ceil(smallest / 750)} kB" or more.',
    )


def _attempts(
    service: Service, frame: Frame, budget: int, held: Heads, query: int | None
) -> Iterator[Snapshot]:
    """Yield what may fit, best first; the last one is the least that there is."""
    sites = frame.sites
    nothing = [
        Patterns(sites, dict.fromkeys(sites, ())).nothing(),
        keep_terms(sites, {}),
        keep_rows(sites, {}, None),
    ]
    pictures = _pictures(service, frame)
    bare = replace(frame, predictions=None)
    least = {kind: shrink(each, PIXELS[-1]) for kind, each in pictures.items()}
    room = budget - len(_made(bare, nothing, least).data)
    if room > 0:
        for pixels in PIXELS:
            pictures = {kind: shrink(each, pixels) for kind, each in pictures.items()}
            taken = sum(each.nbytes for each in pictures.values())
            if taken <= PICTURES * room:
                break
        room -= taken
        frame, taken = _predicted(frame, int(PREDICTED * room))
        room -= taken
        first = query if query is not None else max(site.queries for site in sites.values()) - 1
        ranked = Ranked(sites, _rows(frame, query), MOST, first)
        cells = room / CELL_BYTES
        for _ in range(_TRIES):
            peaks = ranked.cut(held, first, _limits(ranked, held, first, cells))
            if peaks.nbytes <= room:
                yield _made(frame, [*nothing, peaks], pictures)
            cells *= 0.95 * min(1.0, room / peaks.nbytes)
        yield _made(bare, nothing, pictures)
    yield _made(bare, nothing, least)


def _limits(ranked: Ranked, held: Heads, query: int, cells: float) -> Limits:
    """Return how many weights rows may keep, so that all together keep no more than `cells`."""

    def limits(most: int) -> Limits:
        return most, max(1, int(ELSEWHERE * most)), max(1, int(OTHERS * most))

    fits, over = 1, int(MOST / OTHERS) + 1
    while over - fits > 1:
        middle = (fits + over) // 2
        fits, over = (middle, over) if ranked.cells(held, query, limits(middle)) <= cells else (fits, middle)
    return limits(fits)


def _pictures(service: Service, frame: Frame) -> dict[Kind, Pictures]:
    """Return the thumbnails that were sampled so far."""
    return {kind: of_reply(ask(service, "model", site=kind)) for kind in frame.record.kinds}


def _rows(frame: Frame, query: int | None) -> list[int]:
    """Return the queries of which rows are kept."""
    counts = {site.queries for site in frame.sites.values()}
    spread = {int(place) for count in counts for place in order(count)[: 1 + MORE_ROWS]}
    return sorted(spread if query is None else spread | {query})


def _predicted(frame: Frame, room: int) -> tuple[Frame, int]:
    """Return the frame with as many predictions of each position as fit, and what they take."""
    told = frame.predictions
    if told is None:
        return frame, 0
    for count in sorted({1, told["index"].shape[1]}, reverse=True):
        named, index = np.unique(told["index"][:, :count], return_inverse=True)
        kept = {
            "labels": [told["labels"][at] for at in named.tolist()],
            "index": index.reshape(-1, count).astype("<i4"),
            "probs": told["probs"][:, :count],
        }
        labels = zlib.compress(json.dumps(kept["labels"]).encode())
        taken = sum(len(deflate(kept[name]).deflated) for name in ("index", "probs")) + len(labels)
        if taken <= room:
            return replace(frame, predictions=kept), taken
    return replace(frame, predictions=None), 0


def _made(frame: Frame, parts: Sequence[Part], pictures: Mapping[Kind, Pictures]) -> Snapshot:
    pieces = Pieces()
    layers = assemble(parts, pieces)
    facts: dict[str, Any] = {"sampled": min(each.sampled for each in pictures.values())}
    for part in parts:
        facts |= part.facts
    facts |= {"patterns": "none"}
    precision = cast(Precision, facts)
    return Snapshot(frame.pack(pieces, layers, pictures, precision), precision)
