"""Spans: some tokens in a row, by position, and the ranges of queries and keys that a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from attnwidget.errors import InputError
from attnwidget.record import Stream

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Half-open ranges of positions, ascending, none of them empty."""

_LONGEST = 60


@dataclass(frozen=True, repr=False)
class Span:
    """Tokens in a row.

    Parameters
    ----------
    start, stop : int
        Half open: the first token, and the one after the last.
    text : str
        What these tokens say.
    stream : {"encoder", "decoder"} or None
        Which tokens the positions count; None where it does not matter.
    widened : bool
        Whether what was looked for begins or ends in the middle of a token, so that `text` is more than it.
    """

    start: int
    stop: int
    text: str = ""
    stream: Stream | None = None
    widened: bool = False

    def __len__(self) -> int:
        return self.stop - self.start

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= _LONGEST else self.text[: _LONGEST - 1] + "…"
        return f"Span({self.start}, {self.stop}, {text!r}{', widened' if self.widened else ''})"


Where: TypeAlias = "Span | slice | int"
"""How a user names tokens: a span, a slice of positions, or one position (negative from the end)."""


def resolve(where: Where, count: int, stream: Stream, noun: str) -> tuple[int, int]:
    """Return the half-open range of positions that a span, slice or position stands for.

    Parameters
    ----------
    where : Span, slice or int
    count : int
        How many tokens there are.
    stream : {"encoder", "decoder"}
        Which tokens they are.
    noun : str
        What they are here, "key" or "query", for messages.

    Raises
    ------
    InputError
        If it names no token, or tokens of another stream, or leaves some out in between.
    """
    if isinstance(where, Span):
        if where.stream not in (None, stream):
            raise InputError(
                f"This span counts tokens of the {where.stream}, but a {noun} is one of the {stream} here.",
                f"Find it there: record.find(..., stream={stream!r}).",
            )
        start, stop = where.start, where.stop
        fits = 0 <= start < stop <= count
    elif isinstance(where, slice):
        if where.step not in (None, 1):
            raise InputError("A span has no gaps.", "Give a slice without a step.")
        start, stop, _ = where.indices(count)
        fits = start < stop
    elif isinstance(where, int | np.integer) and not isinstance(where, bool):
        start = int(where) + (count if where < 0 else 0)
        stop = start + 1
        fits = 0 <= start < count
    else:
        raise InputError(
            f"A span cannot be of type {type(where).__name__}.",
            "Give a slice, a position, or what record.find returns.",
        )
    if not fits:
        raise InputError(
            f"{where!r} names no {noun} here.", f"There are {count:,} of them, from 0 to {count - 1:,}."
        )
    return start, stop


def around(first: int, last: int, count: int) -> Ranges:
    """Return the positions outside of a range."""
    return tuple((a, b) for a, b in ((0, first), (last, count)) if a < b)


def size(ranges: Ranges) -> int:
    """Return how many positions ranges hold."""
    return sum(last - first for first, last in ranges)
