"""Where a rule hides cells of a block of scores: along its edges only, so that little need be masked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.record.visibility import Visibility

Ints = NDArray[np.intp]


def seeing(rule: Visibility, rows: Ints, first: int, last: int) -> slice:
    """Return those of some ascending queries that see any of the keys `first` to `last` by rule."""
    begin, end = 0, len(rows)
    if rule.mask is None and rule.causal:
        begin = int(np.searchsorted(rows, first))
    if rule.mask is None and rule.window is not None:
        end = int(np.searchsorted(rows, last - 1 + rule.window))
    return slice(begin, max(begin, end))


def hide(scores: Tensor, rule: Visibility, head: int, rows: Ints, first: int, last: int) -> None:
    """Set what is masked to -inf, in place.

    Parameters
    ----------
    scores : Tensor [rows, last - first]
        A block of one head's scores; it need not be contiguous.
    rule : Visibility
    head : int
    rows : int array
        Ascending query positions.
    first, last : int
        Key range, half open.
    """
    if rule.mask is not None:
        visible = rule.rows(rows, first, last)
        visible = visible[head if visible.shape[0] > 1 else 0] if visible.ndim == 3 else visible
        scores.masked_fill_(torch.from_numpy(~visible).to(scores.device), -torch.inf)
        return
    for some, keys, hidden in _edges(rule, rows, first, last, scores.device):
        scores[some, keys].masked_fill_(hidden, -torch.inf)


def _edges(
    rule: Visibility, rows: Ints, first: int, last: int, device: torch.device
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield rows and keys of a block with masked cells among them: slices, and bool [rows, keys]."""
    if rule.causal:
        # Queries before the last key, and keys after the first of these.
        end = int(np.searchsorted(rows, last - 1))
        begin = max(first, int(rows[0]) + 1) if end else last
        if begin < last:
            some = slice(0, end)
            yield some, slice(begin - first, None), _less(rows[some], begin, last, device)
    if rule.window is not None:
        # Queries that leave the first key behind, and keys that the last of these leaves.
        begin = int(np.searchsorted(rows, first + rule.window))
        end = min(last, int(rows[-1]) - rule.window + 1) if begin < len(rows) else first
        if first < end:
            some = slice(begin, None)
            within = _less(rows[some] - rule.window, first, end, device)
            yield some, slice(0, end - first), within.logical_not_()


def _less(rows: Ints, first: int, last: int, device: torch.device) -> Tensor:
    """Return which queries are before which keys: bool [rows, keys]."""
    # Integers half as wide as usual: comparing them is a good part of masking.
    positions = torch.from_numpy(rows.astype(np.int32)).to(device)
    return positions[:, None] < torch.arange(first, last, dtype=torch.int32, device=device)
