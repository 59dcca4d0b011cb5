"""Reads what a saved record says of itself: each field is of its kind, or the file is damaged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from attnwidget.snapshot.tensors import damaged

MOST = (1 << 31) - 1
"""Counts are at most this, unless it says otherwise."""

T = TypeVar("T")


class Fields:
    """One object of what JSON said.

    Parameters
    ----------
    given : object
    place : str
        What it is about, for errors.

    Raises
    ------
    SnapshotError
        If it is no object; and from each method, if the field is not what it must be.
    """

    def __init__(self, given: object, place: str) -> None:
        if not isinstance(given, dict):
            raise damaged(f"{place} cannot be read")
        self.given, self.place = given, place

    def text(self, name: str) -> str:
        """Return a text."""
        text: str = self._checked(name, is_text)
        return text

    def name(self, name: str, literal: Any) -> Any:
        """Return one of the names that a `Literal` allows."""
        return self._checked(name, lambda value: value in get_args(literal))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        flag: bool = self._checked(name, is_flag)
        return flag

    def count(self, name: str, fewest: int = 0, most: int = MOST) -> int:
        """Return a whole number from `fewest` to `most`."""
        count: int = self._checked(name, lambda value: is_count(value) and fewest <= value <= most)
        return count

    def number(self, name: str) -> float:
        """Return a finite number."""
        return float(self._checked(name, _is_number))

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """Return what one of the other methods reads, or None where it says null."""
        return None if self.given.get(name, False) is None else read(name)

    def each(self, name: str, usable: Callable[[Any], bool]) -> list[Any]:
        """Return a list of usable entries."""
        found: list[Any] = self._checked(
            name, lambda value: isinstance(value, list) and all(map(usable, value))
        )
        return found

    def inner(self, name: str) -> Fields:
        """Return an object within."""
        return Fields(self.given.get(name), f"{self.place}, {name}")

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects."""
        found = self.each(name, lambda value: isinstance(value, dict))
        return [Fields(value, f"{self.place}, {name} {place}") for place, value in enumerate(found)]

    def _checked(self, name: str, usable: Callable[[Any], bool]) -> Any:
        value = self.given.get(name)
        if not usable(value):
            raise damaged(f"{self.place} does not say its {name}")
        return value


def is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_flag(value: object) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_count(value: object) -> bool:
    """Whether a value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def is_count_or_none(value: object) -> bool:
    """Whether a value is a whole number from 0 on, or None."""
    return value is None or is_count(value)


def _is_number(value: object) -> bool:
    return is_count(value) or (isinstance(value, float) and math.isfinite(value))
