"""The frame of a snapshot: magic, version, length, then one gzip stream of header and arrays."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import SnapshotError
from attnwidget.wire.arrays import DTYPES
from attnwidget.wire.schema import ArraySpec

MAGIC = b"AWSN"
VERSION = 1
"""Version of the format; readers refuse any other."""

PREFIX = struct.Struct("<4sHHI")
"""Magic, version, flags (0), bytes of the body before compression."""

MAX_BODY = 1 << 30
"""Bytes of a body that a reader unpacks at most."""

WIDTHS = (1, 4)
"""Bytes of an element."""

_GZIP = bytes.fromhex("1f8b0800000000000003")
_END = b"\x03\x00"  # an empty last block


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the body, raw and deflated: a run of whole blocks that end on a byte and look at no other.

    Pieces that stand one after another are one stream, so what they take together is known beforehand.

    Parameters
    ----------
    raw, deflated : bytes
    """

    raw: bytes | memoryview
    deflated: bytes

    @classmethod
    def of(cls, raw: bytes | memoryview, strategy: int = zlib.Z_FILTERED) -> Piece:
        """Return a piece; codes and planes of floats have few repeats, and deflate best as `Z_FILTERED`."""
        made = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)
        return cls(raw, made.compress(raw) + made.flush(zlib.Z_FULL_FLUSH))


class Pieces:
    """The arrays of a snapshot under construction, each distinct one once."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.widths: list[int] = []
        self._known: dict[tuple[int, bytes], int] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take in the snapshot."""
        return sum(len(piece.deflated) for piece in self.pieces)

    def add(self, array: NDArray[Any]) -> ArraySpec:
        """Append an array of a dtype of the wire and return how to read it."""
        dtype = next(name for name, numpy_name in DTYPES.items() if array.dtype == np.dtype(numpy_name))
        return self.put(deflate(array), dtype, array.shape)

    def put(self, piece: Piece, dtype: Any, shape: Sequence[int]) -> ArraySpec:
        """Append an array that is deflated already."""
        width = np.dtype(DTYPES[dtype]).itemsize
        key = width, piece.deflated
        if key not in self._known:
            self._known[key] = len(self.pieces)
            self.pieces.append(piece)
            self.widths.append(width)
        return {"buffer": self._known[key], "dtype": dtype, "shape": [int(length) for length in shape]}


def deflate(array: NDArray[Any]) -> Piece:
    """Return an array as a piece: wide elements as planes, their first bytes, then their second ones, ..."""
    flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(-1)
    planes = flat.view(np.uint8).reshape(flat.size, array.dtype.itemsize).T
    return Piece.of(planes.tobytes())


def pack(header: Mapping[str, Any], arrays: Pieces) -> bytes:
    """Return the bytes of a snapshot.

    Parameters
    ----------
    header : mapping
        A `SnapshotHeader` without `lengths` and `widths`; it holds only what JSON can say.
    arrays : Pieces
        In the order of the header's buffer numbers.
    """
    whole = {**header, "lengths": [len(piece.raw) for piece in arrays.pieces], "widths": arrays.widths}
    # What Python writes for infinity and for what is no number, a browser does not read. Lone surrogates,
    # which prompts can hold, are no UTF-8: JSON's own escapes are.
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    size = Piece.of(len(text).to_bytes(4, "little") + text, zlib.Z_DEFAULT_STRATEGY)
    return join([size, *arrays.pieces])


def join(pieces: Iterable[Piece]) -> bytes:
    """Return the bytes of a snapshot whose body these pieces are."""
    length, crc, parts = 0, 0, [_GZIP]
    for piece in pieces:
        length += len(piece.raw)
        crc = zlib.crc32(piece.raw, crc)
        parts.append(piece.deflated)
    if length > MAX_BODY:
        raise SnapshotError(
            f"The snapshot takes {length / 2**30:.1f} GiB before compression; readers take {MAX_BODY >> 30}.",
            'Give it a budget, such as "1 MB".',
        )
    parts += [_END, struct.pack("<II", crc, length)]
    return PREFIX.pack(MAGIC, VERSION, 0, length) + b"".join(parts)


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
        raise damaged("its length is not believable")
    try:
        inflate = zlib.decompressobj(wbits=31)
        body = inflate.decompress(data[PREFIX.size :], length + 1)
        if len(body) != length or not inflate.eof or inflate.unused_data:
            raise damaged("its length is not what it says")
        size = int.from_bytes(body[:4], "little")
        header = json.loads(body[4 : 4 + size].decode())
        lengths, widths = header["lengths"], header["widths"]
        plain = all(type(number) is int and number >= 0 for number in [*lengths, *widths])
    except (zlib.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(str(error)) from error
    if not plain or len(lengths) != len(widths) or 4 + size + sum(lengths) != length:
        raise damaged("its arrays do not fill it")
    arrays, rest = [], memoryview(body)[4 + size :]
    for count, width in zip(lengths, widths, strict=True):
        if width not in WIDTHS or count % width:
            raise damaged("an array has no whole number of elements")
        arrays.append(_woven(rest[:count], width))
        rest = rest[count:]
    return header, arrays


def _woven(planes: memoryview, width: int) -> memoryview:
    """Return the elements whose planes these are."""
    if width == 1 or len(planes) == 0:
        return planes
    bytes_of = np.frombuffer(planes, dtype=np.uint8).reshape(width, -1).T
    return memoryview(bytes_of.tobytes())


def damaged(why: str) -> SnapshotError:
    """Return the error that says that a snapshot is damaged, and why."""
    return SnapshotError(f"The snapshot is damaged: {why}.", "Get a fresh copy, or run the prompt again.")
