"""Read the rule off the mask of one chunk: causal, with or without a window; anything else is no rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.capture.masks import identity, one_prompt, split

_BLOCK = 1 << 22


class NotInChunks(Exception):
    """The run cannot be told from one in a single piece if it goes on in chunks."""


def rule_of(mask: Tensor | None, causal: bool, queries: int, keys: int, past: int) -> int | None:
    """Return the window that the mask of one chunk shows.

    The chunk's queries are at positions `past` to `past + queries`, and its keys end where they do; earlier
    keys may be gone from the model's cache.

    Parameters
    ----------
    mask : bool or float Tensor, broadcastable to [1, heads, queries, keys], or None
        True where visible, or added to the scores.
    causal : bool
        Whether the causal rule, aligned at the upper left, applies on top.
    queries, keys, past : int

    Returns
    -------
    int or None
        How many keys a query sees at most, itself included; None if every query sees all keys before it.

    Raises
    ------
    NotInChunks
        If the mask says anything else, or keys are gone that the rule would show.
    """
    length = past + queries
    first = length - keys
    if first < 0:
        raise NotInChunks("it attends to more keys than there are tokens")
    if mask is None:
        if causal and queries > 1 and past > 0:
            raise NotInChunks("its causal rule leaves earlier keys out")
        if not causal and queries > 1:
            raise NotInChunks("it attends to later tokens")
        seen = None
        window = None if first == 0 else keys
    else:
        if causal:
            raise NotInChunks("it has a mask on top of the causal rule")
        seen = _visible(mask, queries, keys)
        width = int(seen[-1].sum())
        window = None if width == length else width
    if first > 0 and (window is None or first > max(0, past - window + 1)):
        raise NotInChunks("its cache drops keys that its mask shows")
    if seen is not None and not _follows(seen, past, first, window):
        raise NotInChunks("its mask is not simply causal, with or without a window")
    return window


def shown(rows: NDArray[np.intp], first: int, keys: int, window: int | None) -> NDArray[np.bool_]:
    """Which keys, from position `first` on, queries at some positions see: bool array [rows, keys]."""
    columns = np.arange(first, first + keys)
    visible: NDArray[np.bool_] = columns[None] <= rows[:, None]
    return visible if window is None else visible & (columns[None] > rows[:, None] - window)


def _visible(mask: Tensor, queries: int, keys: int) -> Tensor:
    """Bool [queries, keys] of a mask that is the same for every head and only hides."""
    mask = one_prompt(mask, 0)
    if mask.shape[0] > 1 and bool((mask != mask[:1]).any()):
        raise NotInChunks("its heads have masks of their own")
    mask = mask[:1]
    if mask.dtype != torch.bool:
        mask, extra = split(mask)
        if extra is not None:
            raise NotInChunks("it adds a position bias")
    return mask[0, :, :keys].expand(queries, keys)


def _follows(seen: Tensor, past: int, first: int, window: int | None) -> bool:
    queries, keys = seen.shape
    columns = torch.arange(first, first + keys, device=seen.device)
    step = max(1, _BLOCK // keys)
    for begin in range(0, queries, step):
        block = seen[begin : begin + step]
        rows = torch.arange(past + begin, past + begin + len(block), device=seen.device)[:, None]
        expected = columns <= rows
        if window is not None:
            expected &= columns > rows - window
        if not torch.equal(block, expected):
            return False
    return True


class Rules:
    """Reads each mask of a chunk once: layers share them."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[Any, int | None]] = {}

    def forget(self) -> None:
        """Let the masks of a chunk go."""
        self._known.clear()

    def window(self, mask: Tensor | None, causal: bool, queries: int, keys: int, past: int) -> int | None:
        """Return what `rule_of` says."""
        key = (identity(mask), causal, queries, keys, past)
        if key not in self._known:
            self._known[key] = mask, rule_of(mask, causal, queries, keys, past)
        return self._known[key][1]
