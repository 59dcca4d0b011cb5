"""Cells of patterns as a snapshot keeps them: their order, their codes, the largest of each row.

Pure functions of arrays. A pattern's visible cells are kept key after key, queries ascending: neighbours in a
column are alike (sinks, delimiters), which deflates best of the orders tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.record.sites import Floats
from attnwidget.wire.patterns import expand
from attnwidget.wire.schema import U8_LEVELS, U8_NAN

Codes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

STEPS = (1, 2)
"""Dense patterns use every code, or where that saves the day every second one."""

WEIGHTS: Floats = expand(np.arange(256, dtype=np.uint8))
"""The weight that each code stands for."""

ENOUGH = 0.99
"""A row keeps no more of its largest weights than hold this share of its mass."""

_ROUNDING = 2e-7  # what single precision adds where a reader squares a code


def places(visible: Bools) -> Ints:
    """Return where visible cells lie in a flat pattern, in the order in which they are kept.

    Parameters
    ----------
    visible : bool [queries, keys]
    """
    queries = visible.shape[0]
    key, query = np.divmod(np.flatnonzero(visible.T), max(1, queries))
    return np.asarray(query * visible.shape[1] + key, dtype=np.intp)


def gather(weights: Floats, visible: Bools) -> Floats:
    """Return the visible cells of heads: float32 [cells of all heads].

    Parameters
    ----------
    weights : float32 [heads, queries, keys]
    visible : bool [queries, keys] or [heads, queries, keys]
    """
    flat = weights.reshape(len(weights), -1)
    if visible.ndim == 2:
        return flat[:, places(visible)].reshape(-1)
    return np.concatenate([flat[head, places(visible[head])] for head in range(len(flat))])


def quantise(weights: Floats, step: int = 1) -> Codes:
    """Return the codes of weights that are multiples of `step`: as on the wire if it is 1."""
    unknown = np.isnan(weights)
    scaled = np.sqrt(np.clip(weights, 0.0, 1.0), dtype=np.float32) * np.float32(U8_LEVELS / step)
    scaled[unknown] = 0.0
    codes: Codes = np.rint(scaled).astype(np.uint8)
    codes = np.minimum(codes * np.uint8(step), np.uint8(U8_LEVELS)) if step > 1 else codes
    codes[unknown] = U8_NAN
    return codes


def raised(weights: Floats) -> Codes:
    """Return codes that stand for no less than the weights, which is for bounds."""
    unknown = np.isnan(weights)
    scaled = np.sqrt(np.clip(weights, 0.0, 1.0), dtype=np.float32) * np.float32(U8_LEVELS)
    scaled[unknown] = 0.0
    codes: Codes = np.ceil(scaled - np.float32(1e-5)).astype(np.uint8)
    codes[unknown] = U8_NAN
    return codes


def error_of(weights: Floats, codes: Codes) -> float:
    """Return the largest absolute error of codes, the reader's rounding included."""
    if weights.size == 0:
        return 0.0
    apart = np.abs(WEIGHTS[codes] - weights)
    largest = float(np.fmax.reduce(apart, axis=None))
    return 0.0 if np.isnan(largest) else largest + _ROUNDING


@dataclass(frozen=True, eq=False)
class Top:
    """The largest weights of each row, largest first.

    Parameters
    ----------
    weights : float32 [rows, most]
        -1 where a row sees fewer keys.
    places : int32 [rows, most]
        Ordinal of each among the row's visible keys.
    held : float64 [rows, most]
        Mass of a row's largest 1, 2, ... weights.
    mass : float64 [rows]
        Of all of a row's weights.
    seen : int32 [rows]
        Number of visible keys.
    """

    weights: Floats
    places: NDArray[np.int32]
    held: NDArray[np.float64]
    mass: NDArray[np.float64]
    seen: NDArray[np.int32]

    @classmethod
    def of(cls, weights: Floats, visible: Bools, most: int) -> Top:
        """Return the largest `most` visible weights of each row; undefined ones count as largest.

        Parameters
        ----------
        weights : float32 [heads, queries, keys]
        visible : bool [queries, keys] or [heads, queries, keys]
        most : int
            From 1.
        """
        heads, queries, _ = weights.shape
        reached = visible.reshape(-1, visible.shape[-1]).any(0)
        keys = max(1, int(np.flatnonzero(reached)[-1]) + 1) if reached.any() else 1
        weights, visible = weights[..., :keys], visible[..., :keys]
        rows = np.where(visible, weights, np.float32(-1)).reshape(heads * queries, keys)
        mass = np.where(rows < 0, 0, rows).sum(-1, dtype=np.float64)
        ranked = np.where(np.isnan(rows), np.float32(np.inf), rows)
        best = _largest(ranked, min(most, keys))
        order = np.argsort(-np.take_along_axis(ranked, best, -1), axis=-1, kind="stable")
        best = np.take_along_axis(best, order, -1)
        seen = np.broadcast_to(visible, weights.shape).reshape(heads * queries, keys)
        before = np.cumsum(seen, axis=-1, dtype=np.int32)
        found = np.full((len(rows), most), np.float32(-1))
        ordinals = np.zeros((len(rows), most), dtype=np.int32)
        found[:, : best.shape[1]] = np.take_along_axis(rows, best, -1)
        ordinals[:, : best.shape[1]] = np.take_along_axis(before, best, -1) - 1
        held = np.cumsum(np.where(found < 0, 0, found), axis=-1, dtype=np.float64)
        return cls(found, ordinals, held, mass, before[:, -1])

    @classmethod
    def joined(cls, parts: Sequence[Top], heads: int = 1) -> Top:
        """Return the rows of several, one after another; if they are of some heads each, head after head."""

        def of(name: str) -> NDArray[Any]:
            arrays = [getattr(part, name) for part in parts]
            if heads != 1:
                arrays = [each.reshape(heads, len(each) // max(1, heads), *each.shape[1:]) for each in arrays]
            whole = np.concatenate(arrays, axis=0 if heads == 1 else 1)
            return whole if heads == 1 else whole.reshape(-1, *whole.shape[2:])

        return cls(*(of(each.name) for each in fields(cls)))

    def cut(self, k: int) -> Cut:
        """Return what rows keep of at most `k` weights each, from 1."""
        most = min(k, self.weights.shape[1])
        weights = self.weights[:, :most]
        keep = (weights >= 0) | np.isnan(weights)
        # An undefined row has no mass to reach: what is not a number is not enough.
        keep[:, 1:] &= ~(self.held[:, : most - 1] >= ENOUGH * self.mass[:, None])
        counts = keep.sum(-1, dtype=np.int32)
        last = np.take_along_axis(self.held, np.maximum(counts - 1, 0)[:, None].astype(np.intp), -1)[:, 0]
        rest = np.maximum(self.mass - np.where(counts > 0, last, 0.0), 0.0)
        rest[counts == self.seen] = 0.0
        by_place = np.argsort(np.where(keep, self.places[:, :most], np.iinfo(np.int32).max), axis=-1)
        keep = np.take_along_axis(keep, by_place, -1)
        ordinals = np.take_along_axis(self.places[:, :most], by_place, -1)
        skipped = np.diff(ordinals, axis=-1, prepend=-1) - 1
        kept = np.take_along_axis(weights, by_place, -1)
        return Cut(counts, skipped[keep].astype(np.int32), kept[keep], rest, self.mass)


@dataclass(frozen=True, eq=False)
class Cut:
    """What rows keep.

    Parameters
    ----------
    counts : int32 [rows]
        Weights that a row keeps.
    skipped : int32 [cells]
        Visible keys of the row between a weight and the one before.
    weights : float32 [cells]
    rest, mass : float64 [rows]
        Mass that is left out, and of the whole row.
    """

    counts: NDArray[np.int32]
    skipped: NDArray[np.int32]
    weights: Floats
    rest: NDArray[np.float64]
    mass: NDArray[np.float64]


def compact(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as u1 where they fit, else as i4."""
    return numbers.astype(np.uint8 if numbers.size == 0 or int(numbers.max()) < 256 else np.int32)


def _largest(rows: Floats, most: int) -> Ints:
    """Return the places of the largest numbers of each row, in any order."""
    if most >= rows.shape[1]:
        return np.broadcast_to(np.arange(rows.shape[1]), rows.shape)
    return np.argpartition(rows, rows.shape[1] - most, axis=-1)[:, rows.shape[1] - most :]
