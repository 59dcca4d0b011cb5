"""Record -> snapshot: what a reader without a kernel needs, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.errors import NotRecordedError, SnapshotError
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.service.answers import opening
from attnwidget.snapshot.fit import Snapshot, fit, keep_all
from attnwidget.snapshot.frame import Frame, Key
from attnwidget.snapshot.long import fit_long, is_long
from attnwidget.snapshot.origin import origin
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

    A record that was itself read from a snapshot is passed on as it is: its numbers would lose a second time,
    and say only what they lost last.

    Parameters
    ----------
    shown : Service or AttentionRecord
        A service brings its own detectors and what it has measured.
    budget : int or None
        Bytes that `data` may take; None keeps everything, of a prompt too long for whole patterns as much as
        `fit_long` says.
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
        If not even tokens and small thumbnails fit into the budget; it says what does. For a record that was
        read from a snapshot, if that does not fit.
    NotRecordedError
        If there is no record.
    """
    service = shown.fixed() if isinstance(shown, Service) else Service(shown, head_notes=head_notes)
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    if record.precision is not None:
        return _passed_on(service, record, budget)
    frame = Frame.of(service, record)
    if is_long(record):
        return fit_long(service, frame, budget, _named(record, held), query)
    if budget is None:
        return keep_all(frame)
    return fit(frame, budget, _held(record, held), query)


def _passed_on(service: Service, record: AttentionRecord, budget: int | None) -> Snapshot:
    """Return the snapshot that a record was read from; that of the tokens behind merged words."""
    for one in (record, service.record):
        data = None if one is None else origin(one)
        if data is not None and one is not None and one.precision is not None:
            if budget is not None and len(data) > budget:
                raise SnapshotError(
                    f"This record comes from a snapshot of {len(data):,} bytes, which is not made smaller.",
                    f'Let it take {-(-len(data) * 4 // 3):,} bytes, or "full".',
                )
            return Snapshot(data, one.precision)
    raise NotRecordedError(
        "This record is another one, read from a snapshot and then word by word.",
        "Keep the record that it was made from.",
    )


def _held(record: AttentionRecord, refs: Sequence[HeadRef]) -> dict[Key, list[int]]:
    """Return the heads of each site that matter most and exist; the opening head if none is named."""
    held = _named(record, refs)
    if any(held.values()):
        return held
    kind, layer, opening_heads = opening(record)
    return {(kind, layer): opening_heads}


def _named(record: AttentionRecord, refs: Sequence[HeadRef]) -> dict[Key, list[int]]:
    """Return the heads of each site that are named and exist."""
    found: dict[Key, set[int]] = {}
    for ref in refs:
        found.setdefault((ref["site"], ref["layer"]), set()).add(ref["head"])
    heads = {(site.kind, site.layer): site.heads for site in record.sites}
    return {
        key: sorted(head for head in chosen if 0 <= head < heads[key])
        for key, chosen in found.items()
        if key in heads
    }
