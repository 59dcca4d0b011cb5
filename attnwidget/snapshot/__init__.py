"""Snapshots: a record as compact bytes, the same in a notebook's state, in an HTML page and on disk."""

from __future__ import annotations

from attnwidget.snapshot.container import pack, unpack
from attnwidget.snapshot.decode import decode
from attnwidget.snapshot.encode import encode
from attnwidget.snapshot.fit import Snapshot

__all__ = ["Snapshot", "decode", "encode", "pack", "unpack"]
