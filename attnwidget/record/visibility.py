"""Which keys each query can see: a rule (causal, window) where one describes it, else a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Visibility:
    """The keys that queries see.

    Query i sees key j if every part that is set allows it.

    Parameters
    ----------
    causal : bool
        Only keys with j <= i.
    window : int or None
        Only keys with j > i - window: a query sees at most that many keys, itself included.
    mask : bool array [queries, keys] or [heads, queries, keys], or None
        True where visible. It holds everything: the rules above then only describe it.
    """

    causal: bool = False
    window: int | None = None
    mask: NDArray[np.bool_] | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden."""
        return not self.causal and self.window is None and self.mask is None

    @property
    def nbytes(self) -> int:
        """Bytes of the mask; 0 for a rule."""
        return 0 if self.mask is None else self.mask.nbytes

    def rows(self, queries: NDArray[np.intp], first: int, last: int) -> NDArray[np.bool_]:
        """Visible keys of some queries.

        Parameters
        ----------
        queries : int array [q]
            Query positions.
        first, last : int
            The key range, half open.

        Returns
        -------
        bool array [q, last - first] or [heads, q, last - first]
        """
        if self.mask is not None:
            return self.mask[..., queries, first:last]
        visible = np.ones((len(queries), last - first), dtype=np.bool_)
        keys = np.arange(first, last)
        if self.causal:
            visible &= keys[None] <= queries[:, None]
        if self.window is not None:
            visible &= keys[None] > queries[:, None] - self.window
        return visible

    def key_range(self, queries: NDArray[np.intp], keys: int) -> tuple[int, int]:
        """Smallest key range, half open, outside of which none of the queries sees anything by rule."""
        if self.mask is not None or len(queries) == 0:
            return 0, keys
        last = min(keys, int(queries.max()) + 1) if self.causal else keys
        first = max(0, int(queries.min()) - self.window + 1) if self.window is not None else 0
        return min(first, last), last


def recognise(mask: NDArray[np.bool_]) -> Visibility:
    """Describe a mask by a rule if one fits exactly; otherwise keep it.

    Parameters
    ----------
    mask : bool array [queries, keys] or [heads, queries, keys]
        True where visible.

    Returns
    -------
    Visibility
        Without a mask if "everything", "causal" or "causal with a window" is exactly what the mask says.
    """
    if bool(mask.all()):
        return Visibility()
    queries, keys = mask.shape[-2:]
    if queries == keys and _nothing_above_diagonal(mask):
        if mask.ndim == 2:
            width = int(mask[-1].sum())
            candidate = Visibility(causal=True, window=None if width == keys else width)
            if _equals(mask, candidate):
                return candidate
        return Visibility(causal=True, mask=mask)
    return Visibility(mask=mask)


def _row_blocks(queries: int, keys: int) -> range:
    return range(0, queries, max(1, _BLOCK // max(1, keys)))


def _nothing_above_diagonal(mask: NDArray[np.bool_]) -> bool:
    queries, keys = mask.shape[-2:]
    steps = _row_blocks(queries, keys)
    columns = np.arange(keys)
    for begin in steps:
        rows = np.arange(begin, min(queries, begin + steps.step))
        if bool((mask[..., rows, :] & (columns[None] > rows[:, None])).any()):
            return False
    return True


def _equals(mask: NDArray[np.bool_], rule: Visibility) -> bool:
    queries, keys = mask.shape
    steps = _row_blocks(queries, keys)
    for begin in steps:
        rows = np.arange(begin, min(queries, begin + steps.step))
        if not np.array_equal(mask[begin : begin + steps.step], rule.rows(rows, 0, keys)):
            return False
    return True
