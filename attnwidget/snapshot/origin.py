"""Which snapshot a record was read from: it is passed on as it is, and never rounded or cut a second time."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from attnwidget.record import AttentionRecord

_DATA: WeakKeyDictionary[AttentionRecord, bytes] = WeakKeyDictionary()


def remember(record: AttentionRecord, data: bytes) -> AttentionRecord:
    """Take note of the bytes that a record was read from, and return the record."""
    _DATA[record] = data
    return record


def origin(record: AttentionRecord) -> bytes | None:
    """Return the bytes that a record was read from, if it is itself what they hold."""
    return _DATA.get(record)
