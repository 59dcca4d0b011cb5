"""What all queries give to some keys: columns of patterns, and sums over spans of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.record.threads import share
from attnwidget.tiles.order import spread_groups
from attnwidget.tiles.reach import rule_of, seen
from attnwidget.tiles.reader import Reader
from attnwidget.tiles.work import Work, parts
from attnwidget.wire.schema import MASKED, UNREAD

Ints = NDArray[np.intp]
Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Column:
    """What queries give to keys, as far as it is known.

    Parameters
    ----------
    values : float array [heads, queries]
        `MASKED` where none of the keys is in reach, `UNREAD` where not computed yet.
    read, of : int
        Queries computed in every head, of those that there are. Those that see none of the keys count as
        computed.
    """

    values: Values
    read: int
    of: int


def check_span(first: int, last: int, keys: int) -> None:
    """Raise InputError if there is no such span of keys, half open."""
    if not 0 <= first < last <= keys:
        what = f"key {first}" if last == first + 1 else f"span of keys {first} to {last}"
        raise InputError(f"There is no {what}.", f"The prompt has keys 0 to {keys - 1}.")


def unread(readers: Sequence[Reader], first: int, last: int, dtype: type[np.floating]) -> Values:
    """Return columns of which only what is out of reach by rule is known: [heads, queries]."""
    values = np.full((len(readers), readers[0].site.queries), UNREAD, dtype=dtype)
    span, rows = np.array([first, last]), np.arange(values.shape[1])
    for place, reader in enumerate(readers):
        if rule_of(reader.site) is not None:
            values[place, seen(reader.site, reader.head, rows, span)[:, 0] == 0] = MASKED
    return values


def read_on(readers: Sequence[Reader], values: Values, first: int, last: int, work: Work) -> Column:
    """Compute what is left of columns, in place, for as long as there is time.

    Parameters
    ----------
    readers : sequence of Reader
        Heads with the same queries and keys.
    values : float array [heads, queries]
        What is known so far.
    first, last : int
        Key range, half open; weights are summed.
    work : Work

    Returns
    -------
    Column
        A copy.
    """
    left = (values == UNREAD).any(0)
    at_once = readers[0].source.rows_at_once
    groups = [group[left[group]] for group in spread_groups(values.shape[1])]
    # Rows of all heads in step, so that a part of the work says something of each. A first answer is of the
    # first group, later ones of what fits the time.
    begun = len(groups[0]) == 0
    work.first = 1 if begun else len(readers) * len(list(parts(groups[:1], at_once)))
    tasks = (
        (reader, column, part)
        for part in parts(groups, at_once)
        for reader, column in zip(readers, values, strict=True)
        # What other heads lack may be known of this one: that is no progress.
        if (column[part] == UNREAD).any()
    )

    def fill(task: tuple[Reader, Values, Ints]) -> None:
        reader, column, part = task
        _fill(reader, column, part[column[part] == UNREAD], first, last)
        work.told()

    share(fill, tasks, work.stopped)
    work.check()
    return Column(values.copy(), int((values != UNREAD).all(0).sum()), values.shape[1])


def _fill(reader: Reader, column: Values, rows: Ints, first: int, last: int) -> None:
    """Compute some rows of a column."""
    reach = seen(reader.site, reader.head, rows, np.array([first, last]))[:, 0] > 0
    column[rows[~reach]] = MASKED
    inside = rows[reach]
    if len(inside):
        lse = reader.normalise(inside)
        sums = reader.source.cells(reader.head, inside, first, last, lse, last - first, "mean")
        column[inside] = sums[:, 0]
