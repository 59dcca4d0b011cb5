"""Record -> snapshot: what a reader without a kernel needs, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.service.answers import opening
from attnwidget.snapshot.fit import Snapshot, fit, keep_all
from attnwidget.snapshot.frame import Frame, Key
from attnwidget.wire.schema import HeadNote, HeadRef


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

    Raises
    ------
    SnapshotError
        If not even tokens and small thumbnails fit into the budget; it says what does.
    NotRecordedError
        If there is no record.
    """
    service = shown.fixed() if isinstance(shown, Service) else Service(shown, head_notes=head_notes)
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    frame = Frame.of(service, record)
    if budget is None:
        return keep_all(frame)
    return fit(frame, budget, _held(record, held), query)


def _held(record: AttentionRecord, refs: Sequence[HeadRef]) -> dict[Key, list[int]]:
    """Return the heads of each site that matter most and exist; the opening head if none is named."""
    found: dict[Key, set[int]] = {}
    for ref in refs:
        found.setdefault((ref["site"], ref["layer"]), set()).add(ref["head"])
    heads = {(site.kind, site.layer): site.heads for site in record.sites}
    held = {
        key: sorted(head for head in chosen if 0 <= head < heads[key])
        for key, chosen in found.items()
        if key in heads
    }
    if any(held.values()):
        return held
    kind, layer, opening_heads = opening(record)
    return {(kind, layer): opening_heads}
