"""The frame of a snapshot: magic, version, length, then one gzip stream of header and arrays."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from attnwidget.errors import SnapshotError

MAGIC = b"AWSN"
VERSION = 1
"""Version of the format; readers refuse any other."""

PREFIX = struct.Struct("<4sHHI")
"""Magic, version, flags (0), bytes of the body before compression."""

MAX_BODY = 1 << 30
"""Bytes of a body that a reader unpacks at most."""


def pack(header: Mapping[str, Any], arrays: Sequence[bytes | memoryview]) -> bytes:
    """Return the bytes of a snapshot.

    Parameters
    ----------
    header : mapping
        A `SnapshotHeader` without `lengths`; it holds only what JSON can say.
    arrays : sequence of bytes
        Little-endian, in the order of the header's buffer numbers.
    """
    whole = {**header, "lengths": [memoryview(array).nbytes for array in arrays]}
    # What Python writes for infinity and for what is no number, a browser does not read.
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    body = b"".join([len(text).to_bytes(4, "little"), text, *arrays])
    return PREFIX.pack(MAGIC, VERSION, 0, len(body)) + gzip.compress(body, mtime=0)


def unpack(data: bytes | memoryview) -> tuple[dict[str, Any], list[memoryview]]:
    """Return the header of a snapshot, and its arrays.

    Raises
    ------
    SnapshotError
        If the bytes are not a snapshot, are of another version, or are damaged.
    """
    if len(data) < PREFIX.size or bytes(data[:4]) != MAGIC:
        raise SnapshotError("These bytes are not a snapshot.", "Open a file that attnwidget wrote.")
    _, version, flags, length = PREFIX.unpack(data[: PREFIX.size])
    if version != VERSION or flags != 0:
        raise SnapshotError(
            f"The snapshot has format version {version}, this attnwidget reads version {VERSION}.",
            "Install a newer attnwidget: pip install -U attnwidget.",
        )
    if length > MAX_BODY:
        raise _damaged()
    try:
        inflate = zlib.decompressobj(wbits=31)
        body = inflate.decompress(data[PREFIX.size :], length + 1)
        if len(body) != length or not inflate.eof:
            raise _damaged()
        size = int.from_bytes(body[:4], "little")
        header = json.loads(body[4 : 4 + size].decode())
        lengths = header["lengths"]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise _damaged() from error
    arrays, rest = [], memoryview(body)[4 + size :]
    for count in lengths:
        arrays.append(rest[:count])
        rest = rest[count:]
    return header, arrays


def _damaged() -> SnapshotError:
    return SnapshotError("The snapshot is damaged.", "Get a fresh copy, or run the prompt again.")
