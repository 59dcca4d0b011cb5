"""Detectors: the share of a head's attention that falls on keys that a target names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError, ShapeError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import Block, Doubles, HeadMetric, Metric, Sums, mean_over_queries, means
from attnwidget.record import Token

Positions: TypeAlias = NDArray[np.intp]
Rows: TypeAlias = Callable[[Positions], NDArray[Any]]
"""Query positions [queries] -> target [queries, keys], bool or float."""
Rule: TypeAlias = Callable[[Axes], Rows | None]
"""Axes -> their target by rows; None where the target does not apply."""
Target: TypeAlias = NDArray[Any] | Callable[[tuple[Token, ...], tuple[Token, ...]], Any]
"""A matrix [queries, keys], or what makes one from the query tokens and the key tokens."""

# A target of fewer cells than one of so many is read cell by cell.
_FEW = 16

ELIGIBLE = "Queries that see at least one target key and at least one other key."


@dataclass(frozen=True, kw_only=True)
class TargetMetric(Metric):
    """Mean over queries of the sum over keys of weight x target.

    A query whose visible keys all have the same target value has no choice and is not eligible.

    Parameters
    ----------
    rule : function
        Gives the target of each query; see `Rule`.
    """

    crops: ClassVar[bool] = True
    rule: Rule
    eligible: str = ELIGIBLE

    def bind(self, axes: Axes) -> Callable[[Block], Sums] | None:
        """Return what computes the partial sums of a block; None where the target does not apply."""
        rows = self.rule(axes)
        if rows is None:
            return None
        return lambda block: target_sums(
            block, rows(block.positions.astype(np.intp))[:, : block.mask.shape[-1]]
        )


def target_sums(block: Block, target: NDArray[Any]) -> Sums:
    """Return partial sums of the weight on a target: float or bool [queries, keys]."""
    if target.dtype == np.bool_:
        count = (block.mask & target).sum(-1)
        varies = (count > 0) & (count < block.seen)
        baseline = count * block.uniform
    else:
        goal = target.astype(np.float64)
        baseline = np.where(block.mask, goal, 0.0).sum(-1) * block.uniform
        varies = np.zeros(block.seen.shape, dtype=np.bool_)
        if goal.size:
            least = np.where(block.mask, goal, np.inf).min(-1)
            varies = np.where(block.mask, goal, -np.inf).max(-1) > least
    return mean_over_queries(_on_target(block.values, target), baseline, varies & block.defined)


def _on_target(values: Doubles, target: NDArray[Any]) -> Doubles:
    """Return the weight on a target [queries, keys]: float64 [heads, queries]."""
    if target.dtype != np.bool_ or _FEW * np.count_nonzero(target) > target.size:
        return np.asarray(np.einsum("hqk,qk->hq", values, target.astype(np.float64)))
    # Most targets are a few keys of each query: those alone are read.
    found = np.zeros(values.shape[:2])
    rows, keys = np.nonzero(target)
    if rows.size:
        firsts = np.flatnonzero(np.diff(rows, prepend=-1))
        found[:, rows[firsts]] = np.add.reduceat(values[:, rows, keys], firsts, axis=1)
    return found


def target_score(
    weights: NDArray[np.floating], visible: NDArray[np.bool_], target: NDArray[Any]
) -> HeadMetric:
    """Score every head by the weight that it puts where a target says.

    Parameters
    ----------
    weights : float array [heads, queries, keys]
    visible : bool array [queries, keys] or [heads, queries, keys]
        False is masked, and never counts as 0.
    target : bool or float array [queries, keys]
        True, or a value, where attention should be.

    Returns
    -------
    HeadMetric
        Mean over eligible queries (those whose visible keys differ in their target) of the sum over visible
        keys of weight x target. Rows that sum to less than 1 are not renormalised.

    Raises
    ------
    ShapeError, InputError
        If the arrays do not fit each other, or the target is not finite.
    """
    block = Block(weights, visible, np.arange(weights.shape[1]) if weights.ndim == 3 else np.arange(0))
    sums = target_sums(block, checked_target(target, (weights.shape[1], weights.shape[2])))
    return means(sums, (~block.defined).sum(-1, dtype=np.int64)).of_share(1)


def detector(
    name: str,
    title: str,
    target: Target,
    *,
    formula: str = "mean over q of Σₖ w(q, k) · target(q, k)",
    source: str = "Given by the user",
    eligible: str = ELIGIBLE,
    of: Sequence[Axes] = (),
) -> TargetMetric:
    """Make a metric from a target of one's own.

    Parameters
    ----------
    name : str
        Key in the registry.
    title : str
        What the screen calls it.
    target : array [queries, keys], or function of the query tokens and the key tokens that returns one
        True and False, or values between 0 and 1. A function serves every prompt, and returns None where it
        does not apply; in self-attention both its arguments are the same tokens.
    formula, source, eligible : str
        For readers.
    of : sequence of Axes
        The tokens that an array is about: elsewhere it does not apply. Without them it is about any pattern.

    Returns
    -------
    TargetMetric

    Raises
    ------
    InputError
        When measured: values that are not finite or outside 0 to 1.
    ShapeError
        When measured: a target that is not [queries, keys].
    """

    @lru_cache(maxsize=1)
    def rule(axes: Axes) -> Rows | None:
        if not callable(target):
            made: Any = target if not of or any(axes.alike(other) for other in of) else None
        else:
            made = target(axes.queries, axes.keys)
        if made is None:
            return None
        matrix = checked_target(made, (len(axes.queries), len(axes.keys)))
        return lambda positions: matrix[positions]

    return TargetMetric(name=name, title=title, formula=formula, source=source, eligible=eligible, rule=rule)


def checked_target(target: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """Return a target as an array [queries, keys]; typed errors if it is none."""
    matrix = np.asarray(target)
    if matrix.shape != shape:
        raise ShapeError(
            f"The target is {matrix.shape}, the pattern {shape}.",
            "Give one value per query and key, or a function of the tokens that does.",
        )
    if matrix.dtype.kind not in "buif":
        raise InputError(f"The target is of type {matrix.dtype}.", "Give True and False, or numbers.")
    if matrix.size and not bool(((matrix >= 0) & (matrix <= 1)).all()):
        raise InputError("The target has values outside 0 to 1.", "Give True and False, or shares.")
    return matrix


# ---------------------------------------------------------------------- rules of the standard detectors


def at_offset(offset: int) -> Rule:
    """Key at query + offset, in self-attention."""
    return _by_offset(lambda distance: distance == offset)


def within(width: int) -> Rule:
    """Keys at most `width` tokens away, in self-attention."""
    return _by_offset(lambda distance: np.abs(distance) <= width)


def distance() -> Rule:
    """How many tokens away a key is, in self-attention."""
    return _by_offset(np.abs)


def first_key(axes: Axes) -> Rows | None:
    """First key; in self-attention not for the first token itself."""

    def rows(positions: Positions) -> NDArray[np.bool_]:
        target = np.zeros((len(positions), len(axes.keys)), dtype=np.bool_)
        target[:, :1] = (positions > 0)[:, None] if axes.self_attention else True
        return target

    return rows


def delimiter(axes: Axes) -> Rows | None:
    """Keys that are special tokens or punctuation."""
    return lambda positions: np.broadcast_to(axes.delimiters, (len(positions), len(axes.keys)))


def same_word(axes: Axes) -> Rows | None:
    """Other occurrences of the query's word, before or after it, in self-attention."""
    if not axes.self_attention:
        return None
    keys = np.arange(len(axes.keys))

    def rows(positions: Positions) -> NDArray[np.bool_]:
        words = axes.words[positions][:, None]
        return np.asarray((words == axes.words) & (words >= 0) & (keys != positions[:, None]))

    return rows


def after_same_word(axes: Axes) -> Rows | None:
    """Keys before the query that follow an earlier occurrence of its word, in self-attention."""
    if not axes.self_attention:
        return None
    keys = np.arange(len(axes.keys))
    before = np.concatenate([[-1], axes.words[:-1]])

    def rows(positions: Positions) -> NDArray[np.bool_]:
        words = axes.words[positions][:, None]
        return np.asarray((words == before) & (words >= 0) & (keys < positions[:, None]))

    return rows


def _by_offset(of: Callable[[NDArray[np.intp]], NDArray[Any]]) -> Rule:
    def rule(axes: Axes) -> Rows | None:
        if not axes.self_attention:
            return None
        keys = np.arange(len(axes.keys))
        return lambda positions: of(keys - positions[:, None])

    return rule
