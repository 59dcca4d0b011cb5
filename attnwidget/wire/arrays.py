"""Packs numpy arrays into message buffers and reads them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import ProtocolError
from attnwidget.wire.schema import ArraySpec, DType

DTYPES: dict[DType, str] = {"u1": "|u1", "i4": "<i4", "f4": "<f4"}


class Buffers:
    """Collects the arrays of one reply.

    Attributes
    ----------
    data : list of memoryview
        One contiguous little-endian buffer per array, in the order in which they were added.

    Examples
    --------
    >>> buffers = Buffers()
    >>> buffers.add(np.zeros((2, 3), dtype=np.float32))
    {'buffer': 0, 'dtype': 'f4', 'shape': [2, 3]}
    """

    def __init__(self) -> None:
        self.data: list[memoryview] = []

    def add(self, array: NDArray[Any]) -> ArraySpec:
        """Append an array and return how to read it."""
        for name, dtype in DTYPES.items():
            if array.dtype == np.dtype(dtype):
                contiguous = np.ascontiguousarray(array, dtype=dtype)
                # A memoryview of zero-size arrays cannot be cast, so empty arrays travel as empty bytes.
                self.data.append(contiguous.data.cast("B") if contiguous.size else memoryview(b""))
                return {"buffer": len(self.data) - 1, "dtype": name, "shape": list(array.shape)}
        raise ProtocolError(
            f"Arrays of dtype {array.dtype} have no form on the wire.", f"Use one of {', '.join(DTYPES)}."
        )


def unpack(spec: ArraySpec, buffers: Sequence[bytes | memoryview]) -> NDArray[Any]:
    """Read one array of a reply (the front end's `readArray`, for tests and tools).

    Parameters
    ----------
    spec : ArraySpec
        What `Buffers.add` returned.
    buffers : sequence of bytes
        The buffers of the message.
    """
    return np.frombuffer(buffers[spec["buffer"]], dtype=DTYPES[spec["dtype"]]).reshape(spec["shape"])
