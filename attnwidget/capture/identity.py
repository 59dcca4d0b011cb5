"""Tensors told apart by identity, without keeping them alive."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor


class SeenTensors:
    """Set of tensors that remembers which objects were added, not what is in them.

    Tensors are held weakly: following one through a run does not make the run need more memory.
    """

    def __init__(self) -> None:
        self._seen: dict[int, weakref.ref[Tensor]] = {}

    def add(self, tensor: Tensor) -> None:
        """Remember a tensor."""
        self._seen[id(tensor)] = weakref.ref(tensor)

    def __contains__(self, value: object) -> bool:
        known = self._seen.get(id(value))
        return known is not None and known() is value

    def __bool__(self) -> bool:
        return bool(self._seen)

    def alive(self) -> bool:
        """Whether anybody still holds one of the tensors."""
        return any(known() is not None for known in self._seen.values())

    def among(self, values: Iterable[Any]) -> bool:
        """Whether one of the values, or of the members of a list among them, is in the set."""
        for value in values:
            if isinstance(value, (tuple, list)):
                if any(member in self for member in value):
                    return True
            elif value in self:
                return True
        return False
