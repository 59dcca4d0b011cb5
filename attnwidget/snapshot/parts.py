"""Parts of a snapshot that a budget can buy: fields of every site, with arrays that know what they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from attnwidget.snapshot.container import Piece, Pieces, deflate
from attnwidget.snapshot.frame import Key
from attnwidget.wire.schema import StoredLayer

Heads = Mapping[Key, Sequence[int]]
"""Heads of each site, ascending."""


@dataclass(frozen=True, eq=False)
class Stored:
    """An array, deflated, with how to read it.

    Parameters
    ----------
    piece : Piece
    dtype : str
        "u1", "i4" or "f4".
    shape : tuple of int
    """

    piece: Piece
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: NDArray[Any]) -> Stored:
        """Deflate an array of a dtype of the wire."""
        return cls(deflate(array), f"{array.dtype.kind}{array.dtype.itemsize}", array.shape)


@dataclass(frozen=True, eq=False)
class Part:
    """Something of every site.

    Parameters
    ----------
    layers : mapping
        Fields of each site's `StoredLayer`, in which `Stored` stands for an array, at any depth.
    facts : dict
        What `Precision` says about it.
    """

    layers: Mapping[Key, dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes that its arrays take in a snapshot; those that are the same count once."""
        return sum(map(len, {piece.deflated for piece in _pieces(self.layers)}))


def assemble(parts: Sequence[Part], pieces: Pieces) -> dict[Key, StoredLayer]:
    """Return what the header says of each site, with the arrays of all parts in `pieces`."""
    merged: dict[Key, Any] = {key: {} for key in parts[0].layers}
    for part in parts:
        for key, fields in part.layers.items():
            merged[key].update(_placed(fields, pieces))
    return merged


def _placed(value: Any, pieces: Pieces) -> Any:
    if isinstance(value, Stored):
        return pieces.put(value.piece, value.dtype, value.shape)
    if isinstance(value, dict):
        return {name: _placed(each, pieces) for name, each in value.items()}
    return value


def _pieces(value: Any) -> Iterator[Piece]:
    if isinstance(value, Stored):
        yield value.piece
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _pieces(each)
