"""Files of named arrays in the safetensors format: a strict reader that maps them, and a writer that streams.

The format is a few lines long, and this reads it with numpy alone: where the `safetensors` package does not
exist (Pyodide), without copying what nobody asks for, and with bfloat16, which numpy lacks, as the two bytes
that it is. What is written here any program reads that knows the format.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import SnapshotError

DTYPES = {"F64": "<f8", "F32": "<f4", "I32": "<i4", "F16": "<f2", "BF16": "<u2", "U8": "|u1"}
"""The dtypes that are read and written, largest first, and what numpy reads each of them as."""

MAX_HEADER = 100_000_000
"""Bytes of a header at most, as in the format's own library."""

_LENGTH = 8
_ALIGNED = 64  # what follows the header begins here: the cache line of today's processors

Raw: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True)
class Tensor:
    """One array to be written.

    Parameters
    ----------
    dtype : str
        One of `DTYPES`.
    shape : tuple of int
    read : callable
        Returns the array, [shape] in C order; called when its turn comes.
    """

    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], Raw]

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return _bytes_of(self.dtype, self.shape)


@dataclass(frozen=True)
class Place:
    """Where an array lies in a file.

    Parameters
    ----------
    dtype : str
        One of `DTYPES`.
    shape : tuple of int
    start : int
        Bytes from the beginning of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int


class TensorFile:
    """An open file of named arrays, mapped into memory: what is not looked at is not read.

    Parameters
    ----------
    path : path
        It is read by its header; see `read_tensors`.
    metadata : mapping of str to str
    places : mapping of str to Place
    """

    def __init__(self, path: Path, metadata: Mapping[str, str], places: Mapping[str, Place]) -> None:
        self.metadata, self.places = metadata, places
        self._bytes = _opened(path)

    def array(self, name: str, dtypes: Sequence[str], shape: Sequence[int | None]) -> Raw:
        """Return an array as it lies in the file.

        Parameters
        ----------
        name : str
        dtypes : sequence of str
            Those that it may have.
        shape : sequence of int or None
            What it must be; None stands for any number.

        Returns
        -------
        array [shape]
            Of the dtype that `DTYPES` says.

        Raises
        ------
        SnapshotError
            If there is none, or it is another.
        """
        place = self.places.get(name)
        if place is None:
            raise damaged(f"there is no {name}")
        fits = len(place.shape) == len(shape) and all(
            want in (None, have) for have, want in zip(place.shape, shape, strict=True)
        )
        if place.dtype not in dtypes or not fits:
            raise damaged(f"{name} is {place.dtype} {list(place.shape)}")
        size = _bytes_of(place.dtype, place.shape)
        raw = self._bytes[place.start : place.start + size].view(DTYPES[place.dtype]).reshape(place.shape)
        return raw if raw.flags.aligned else raw.copy()


def read_tensors(path: str | os.PathLike[str], kind: str, version: int) -> TensorFile:
    """Open a file of named arrays.

    Parameters
    ----------
    path : path
    kind : str
        What its metadata must name as "format".
    version : int
        What they must name as "version".

    Raises
    ------
    SnapshotError
        If the file is of another format or version, is cut off, or its header contradicts itself.
    OSError
        If there is no such file, or it cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(_LENGTH), "little")
        if size < _LENGTH + 2 or not 2 <= length <= MAX_HEADER or file.read(1) != b"{":
            raise SnapshotError(
                f"{path.name} is not a record that attnwidget saved.",
                "Open a file that record.save(...) wrote.",
            )
        if length > size - _LENGTH:
            raise damaged("it is cut off")
        text = b"{" + file.read(length - 1)
    header = parse_json(text)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or metadata.get("format") != kind:
        raise SnapshotError(
            f"{path.name} holds tensors, but not a record that attnwidget saved.",
            "Open a file that record.save(...) wrote.",
        )
    if metadata.get("version") != str(version):
        raise SnapshotError(
            f"{path.name} has file version {str(metadata.get('version'))[:20]}, this attnwidget reads "
            f"version {version}.",
            "Install a newer attnwidget: pip install -U attnwidget.",
        )
    if not all(isinstance(value, str) for value in metadata.values()):
        raise damaged("its metadata are not texts")
    places = {name: _place(name, entry) for name, entry in header.items()}
    _demand_gapless(places.values(), size - _LENGTH - length)
    first = _LENGTH + length
    moved = {name: Place(one.dtype, one.shape, one.start + first) for name, one in places.items()}
    return TensorFile(path, metadata, moved)


def write_tensors(
    path: str | os.PathLike[str], metadata: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> None:
    """Write a file of named arrays, completely or not at all; one that exists is replaced at the end.

    Parameters
    ----------
    path : path
    metadata : mapping of str to str
    tensors : mapping of str to Tensor
        Each is read when its turn comes, and then let go of.

    Raises
    ------
    SnapshotError
        If the header is larger than readers take.
    OSError
        If the file cannot be written.
    """
    order = list(DTYPES)
    # Largest first, so that every array begins at a multiple of its item: the format allows no gaps.
    names = sorted(tensors, key=lambda name: (order.index(tensors[name].dtype), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        one = tensors[name]
        header[name] = {"dtype": one.dtype, "shape": one.shape, "data_offsets": [end, end + one.nbytes]}
        end += one.nbytes
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(_LENGTH + len(text)) % _ALIGNED)
    if len(text) > MAX_HEADER:
        raise SnapshotError(
            f"What is to be said about this record takes {len(text):,} bytes, more than readers take.",
            "Save a record of a shorter prompt.",
        )
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with beside.open("xb") as file:
            file.write(len(text).to_bytes(_LENGTH, "little") + text)
            for name in names:
                one = tensors[name]
                array = np.ascontiguousarray(one.read(), dtype=DTYPES[one.dtype])
                if array.nbytes != one.nbytes:
                    raise ValueError(f"{name} takes {array.nbytes} bytes, not {one.nbytes}")
                file.write(array.reshape(-1).view(np.uint8).data)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def parse_json(text: bytes) -> dict[str, Any]:
    """Return the object that a JSON text says; names that come twice and numbers that JSON lacks are refused.

    Raises
    ------
    SnapshotError
    """
    try:
        parsed = json.loads(text.decode(), object_pairs_hook=_without_twins, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise damaged("its header cannot be read") from error
    if not isinstance(parsed, dict):
        raise damaged("its header is no object")
    return parsed


def damaged(why: str) -> SnapshotError:
    """Return the error of a file that contradicts itself."""
    return SnapshotError(
        f"The saved record is damaged: {why}.", "Get a fresh copy, or save the record again."
    )


def _opened(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of a file: mapped, as long as there is a way to."""
    # Copy on write: torch wants arrays that can be written, and the file stays as it is. What is larger than
    # the machine's memory can be mapped only to be read.
    modes: tuple[Literal["c", "r"], ...] = ("c", "r")
    for mode in modes:
        with contextlib.suppress(OSError):
            mapped: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode=mode)
            return mapped.view(np.ndarray)
    # In WebAssembly not every file system maps files.
    read = np.zeros(path.stat().st_size, dtype=np.uint8)
    with path.open("rb") as file:
        file.readinto(read.data)
    return read


def _without_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"{name!r} comes twice")
        made[name] = value
    return made


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _bytes_of(dtype: str, shape: Sequence[int]) -> int:
    return math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _place(name: str, entry: object) -> Place:
    """Check one entry of a header, and return where its array lies behind the header."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise damaged(f"the entry of {name} cannot be read")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise damaged(f"{name} has a dtype that no record has")
    if not isinstance(shape, list) or len(shape) > 4 or not all(map(_is_count, shape)):
        raise damaged(f"{name} has no shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise damaged(f"{name} has no place")
    if offsets[1] - offsets[0] != _bytes_of(dtype, shape):
        raise damaged(f"{name} does not fit its place")
    return Place(dtype, tuple(shape), offsets[0])


def _demand_gapless(places: Iterable[Place], size: int) -> None:
    """Make sure that arrays lie one after the other, from the header to the end of the file."""
    end = 0
    for place in sorted(places, key=lambda one: (one.start, _bytes_of(one.dtype, one.shape))):
        if place.start != end:
            raise damaged("its arrays overlap or leave gaps")
        end += _bytes_of(place.dtype, place.shape)
    if end != size:
        raise damaged("it is cut off" if end > size else "there is more in it than it says")
