"""A least-recently-used cache with a budget in bytes, and the parser of such budgets ("1 GB")."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, NamedTuple, Protocol, TypeVar
from weakref import ref

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
        if round(count) < 1000:
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
        Bytes of memory that they hold, and may hold.
    disk : int
        Bytes that they hold on disk, beside the budget.
    """

    hits: int
    misses: int
    records: int
    nbytes: int
    budget: int
    disk: int = 0


class Sized(Protocol):
    """Something that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


Held = TypeVar("Held", bound=Sized)


@dataclass(frozen=True)
class _Entry(Generic[Held]):
    value: Held
    nbytes: int
    on_disk: bool


class ByteCache(Generic[Held]):
    """Keeps what was used last, as long as it fits.

    Parameters
    ----------
    budget : int
        Bytes of memory that the values may hold together. A value larger than that is not kept, and with a
        budget of nothing none is, on disk neither.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: OrderedDict[Hashable, _Entry[Held]] = OrderedDict()
        # Of values in memory that may be in use, whether they are still kept here or not.
        self._alive: list[tuple[ref[Held], int]] = []
        self._hits = self._misses = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Held | None:
        """Return the value kept under a key, or None; a value found counts as just used."""
        with self._lock:
            if key not in self._held:
                self._misses += 1
                return None
            self._hits += 1
            self._held.move_to_end(key)
            return self._held[key].value

    def put(self, key: Hashable, value: Held, *, on_disk: bool = False) -> None:
        """Keep a value, dropping the longest unused ones for it where needed; on disk it takes no budget."""
        entry = _Entry(value, value.nbytes, on_disk)
        with self._lock:
            self._held.pop(key, None)
            if not on_disk:
                alive = ((known, size, known()) for known, size in self._alive)
                others = [
                    (known, size) for known, size, held in alive if held is not None and held is not value
                ]
                self._alive = [*others, (ref(value), entry.nbytes)]
            if self._budget == 0 or (not on_disk and entry.nbytes > self._budget):
                return
            self._held[key] = entry
            for oldest in [key for key, held in self._held.items() if not held.on_disk]:
                if self._bytes() <= self._budget:
                    break
                del self._held[oldest]

    def make_room(self, wanted: int) -> int:
        """Drop what was used longest ago and nobody else holds, until so many bytes of the budget are free.

        Returns
        -------
        int
            Bytes that are free now. What others hold still counts, whether it is kept here or not.
        """
        with self._lock:
            for key in [key for key, held in self._held.items() if not held.on_disk]:
                if self._budget - self._bytes_alive() >= wanted:
                    break
                self._drop_unused(key)
            return max(0, self._budget - self._bytes_alive())

    def drop_from_disk(self) -> bool:
        """Drop the value on disk that was used longest ago and that nobody else holds; False if none."""
        with self._lock:
            stored = [key for key, held in self._held.items() if held.on_disk]
            return any(self._drop_unused(key) for key in stored)

    def clear(self) -> None:
        """Drop every value; the counts stay."""
        with self._lock:
            self._held.clear()

    def info(self) -> CacheInfo:
        """Return counts and bytes."""
        with self._lock:
            disk = self._bytes(on_disk=True)
            return CacheInfo(self._hits, self._misses, len(self._held), self._bytes(), self._budget, disk)

    def _bytes(self, *, on_disk: bool = False) -> int:
        return sum(held.nbytes for held in self._held.values() if held.on_disk == on_disk)

    def _bytes_alive(self) -> int:
        self._alive = [(known, size) for known, size in self._alive if known() is not None]
        return sum(size for _, size in self._alive)

    def _drop_unused(self, key: Hashable) -> bool:
        """Drop a value unless somebody else holds it, which would free nothing."""
        places = list(self._held)
        nbytes, on_disk = self._held[key].nbytes, self._held[key].on_disk
        known = ref(self._held.pop(key).value)
        value = known()
        if value is None:
            return True
        self._held[key] = _Entry(value, nbytes, on_disk)
        for later in places[places.index(key) + 1 :]:
            self._held.move_to_end(later)
        return False
