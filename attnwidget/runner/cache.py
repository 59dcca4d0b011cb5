"""A least-recently-used cache with a budget in bytes, and the parser of such budgets ("1 GB")."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, NamedTuple, Protocol, TypeVar

from attnwidget.errors import InputError

_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", start=1)}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", start=1)}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def parse_bytes(size: int | str) -> int:
    """Read a number of bytes.

    Parameters
    ----------
    size : int or str
        Bytes, or a number with a unit: "500 MB" (10**6), "1.5 GiB" (2**30).

    Returns
    -------
    int
        Bytes, 0 or more.

    Raises
    ------
    InputError
        If it is negative or cannot be read.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None or match[2].lower() not in _UNITS:
        raise InputError(
            f"{size!r} is not a number of bytes.", 'Give a whole number, or a text such as "500 MB".'
        )
    return int(float(match[1]) * _UNITS[match[2].lower()])


def show_bytes(count: float) -> str:
    """Write a number of bytes for a person: 1_530_000 gives "1.5 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class CacheInfo(NamedTuple):
    """What the cache holds and how often it helped.

    Attributes
    ----------
    hits, misses : int
        Look-ups that found a record, and that did not.
    records : int
        Records held.
    nbytes, budget : int
        Bytes that they hold, and may hold.
    """

    hits: int
    misses: int
    records: int
    nbytes: int
    budget: int


class Sized(Protocol):
    """Something that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


Held = TypeVar("Held", bound=Sized)


class ByteCache(Generic[Held]):
    """Keeps what was used last, as long as it fits.

    Parameters
    ----------
    budget : int
        Bytes that the values may hold together. A value larger than that is not kept.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: OrderedDict[Hashable, tuple[Held, int]] = OrderedDict()
        self._hits = self._misses = self._nbytes = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Held | None:
        """Return the value kept under a key, or None; a value found counts as just used."""
        with self._lock:
            if key not in self._held:
                self._misses += 1
                return None
            self._hits += 1
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: Hashable, value: Held) -> None:
        """Keep a value, dropping the longest unused ones for it where needed."""
        size = value.nbytes
        with self._lock:
            self._nbytes -= self._held.pop(key, (value, 0))[1]
            if size > self._budget:
                return
            self._held[key] = (value, size)
            self._nbytes += size
            while self._nbytes > self._budget:
                _, (_, dropped) = self._held.popitem(last=False)
                self._nbytes -= dropped

    def clear(self) -> None:
        """Drop every value; the counts stay."""
        with self._lock:
            self._held.clear()
            self._nbytes = 0

    def info(self) -> CacheInfo:
        """Return counts and bytes."""
        with self._lock:
            return CacheInfo(self._hits, self._misses, len(self._held), self._nbytes, self._budget)
