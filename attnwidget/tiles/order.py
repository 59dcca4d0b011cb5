"""In which order the queries behind a pixel are read: each beginning is spread evenly over the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.intp]


def reversed_bits(numbers: Ints, bits: int) -> Ints:
    """Return numbers with their lowest `bits` bits in reverse order, the others left out."""
    out = np.zeros_like(numbers)
    for bit in range(bits):
        out |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return out


def turns_of(rows: Ints, level: int, queries: int) -> Ints:
    """Return when each query is read, from 0: of each pixel the last one first, then the one half way, ...

    Parameters
    ----------
    rows : int array
        Query positions.
    level : int
        A pixel stands for 2**level queries; the last one of the prompt for fewer.
    queries : int
        Length of the prompt.
    """
    last = np.minimum(((rows >> level) + 1) << level, queries) - 1
    return reversed_bits(last - rows, level)


STEP = 8
"""Queries of a pixel that are read together at most: those near each other see the same keys."""


def reading_order(rows: Ints, level: int, queries: int) -> list[Ints]:
    """Return query positions in groups, in the order in which they are read; each group ascending.

    The first group has one query of each pixel, the next ones as many as were read before, up to `STEP`.
    """
    turns = turns_of(rows, level, queries)
    # 0, 1, 2 to 3, 4 to 7, then `STEP` at a time.
    doubling = np.ceil(np.log2(turns + 1)).astype(np.intp)
    steps = np.where(turns < STEP, doubling, turns // STEP + int(np.log2(STEP)))
    order = np.lexsort((rows, steps))
    ends = np.flatnonzero(np.diff(steps[order])) + 1
    return [group for group in np.split(rows[order], ends) if group.size]


SPREAD = 32
"""Queries that are read first where no pixel says how many: each group after it doubles their number."""


def spread_groups(queries: int) -> list[Ints]:
    """Return all query positions in groups, each ascending; the first ones together are spread evenly."""
    rows = np.arange(queries)
    level = max(0, queries - 1).bit_length()
    order = np.argsort(turns_of(rows, level, queries), kind="stable")
    ends, end = [], SPREAD
    while end < queries:
        ends.append(end)
        end *= 2
    return [np.sort(group) for group in np.split(order, ends)]


def read_of(done: NDArray[np.bool_], level: int) -> int:
    """Return how many of the 2**level queries of a pixel were read: of the pixel with the fewest.

    Parameters
    ----------
    done : bool array [queries of the pixels]
        Whether each query was read; it begins with a pixel's first.
    level : int
        At the prompt's end a pixel of fewer queries is whole once all of them are read.
    """
    size = 1 << level
    begins = np.arange(0, len(done), size)
    counts = np.add.reduceat(done.astype(np.int64), begins)
    whole = np.minimum(begins + size, len(done)) - begins
    return int(np.where(counts == whole, size, counts).min())
