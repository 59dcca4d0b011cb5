"""What was computed and may be needed again, within a number of bytes: the longest unused goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Store(Generic[Value]):
    """Values by key, with the bytes that each holds.

    Parameters
    ----------
    limit : int
        Bytes to hold at most. The newest value stays, however large.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """Return a value, which becomes the newest; None where there is none."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            value: Value = held[0]
            return value

    def put(self, key: Hashable, value: Value, nbytes: int) -> None:
        """Keep a value in place of an earlier one, and let go of old ones until all fit."""
        with self._lock:
            if key in self._held:
                self.nbytes -= self._held.pop(key)[1]
            self._held[key] = value, nbytes
            self.nbytes += nbytes
            while self.nbytes > self.limit and len(self._held) > 1:
                _, (_, freed) = self._held.popitem(last=False)
                self.nbytes -= freed

    def __len__(self) -> int:
        return len(self._held)
