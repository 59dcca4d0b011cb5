"""Record -> snapshot: what a reader without a kernel needs, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.snapshot.container import Pieces
from attnwidget.snapshot.frame import Frame, Key
from attnwidget.snapshot.parts import Part, assemble
from attnwidget.snapshot.patterns import Patterns
from attnwidget.snapshot.pictures import no_pictures
from attnwidget.snapshot.terms import keep_rows, keep_terms
from attnwidget.wire.schema import HeadNote, HeadRef, Precision

EXACT_BYTES = 2_000_000
"""Patterns of all heads that take no more than this in float32 may be kept exactly; others in 8 bits."""


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


def encode(
    shown: Service | AttentionRecord,
    *,
    budget: int | None = None,
    held: Sequence[HeadRef] = (),
    query: int | None = None,
    head_notes: Sequence[HeadNote] = (),
) -> Snapshot:
    """Return a snapshot of what a service shows, or of a record.

    Parameters
    ----------
    shown : Service or AttentionRecord
        A service brings its own detectors and what it has measured.
    budget : int or None
        Bytes that `data` may take; None keeps everything.
    held : sequence of HeadRef
        Heads that matter most (chosen, pinned): past the budget these keep queries and keys, and whole rows.
    query : int or None
        The query that is held: its row stays exact in all heads.
    head_notes : sequence of HeadNote
        What is known about the model's heads, where a record is given.

    Returns
    -------
    Snapshot
    """
    service = shown.fixed() if isinstance(shown, Service) else Service(shown, head_notes=head_notes)
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    sites: dict[Key, Any] = {(site.kind, site.layer): site for site in record.sites}
    every = {key: range(site.heads) for key, site in sites.items()}
    patterns = Patterns(sites, every)
    form = "exact" if 4 * patterns.cells() <= EXACT_BYTES else "dense"
    parts = [
        patterns.whole_rows("exact" if form == "exact" else "dense"),
        keep_terms(sites, every),
        keep_rows(sites, {}, None),
    ]
    return build(Frame.of(service, record), parts)


def build(frame: Frame, parts: Sequence[Part]) -> Snapshot:
    """Return the snapshot that these parts make."""
    pieces = Pieces()
    layers = assemble(parts, pieces)
    facts: dict[str, Any] = {}
    for part in parts:
        facts |= part.facts
    precision = cast(Precision, facts)
    pictures = {kind: no_pictures(frame.record, kind) for kind in frame.record.kinds}
    return Snapshot(frame.pack(pieces, layers, pictures, precision), precision)
