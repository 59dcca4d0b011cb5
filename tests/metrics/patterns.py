"""Patterns whose metrics are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.axes import Axes
from attnwidget.record import Token


def tokens(*texts: str) -> tuple[Token, ...]:
    return tuple(Token(id=None, text=text, label=text) for text in texts)


def words(count: int) -> tuple[Token, ...]:
    """Tokens that all differ."""
    return tokens(*(f" w{i}" for i in range(count)))


def axes(count: int) -> Axes:
    return Axes.of_self(words(count))


def causal(count: int) -> NDArray[np.bool_]:
    return np.tri(count, dtype=np.bool_)


def even(visible: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights spread evenly over visible keys: [queries, keys]."""
    return (visible / np.maximum(visible.sum(-1, keepdims=True), 1)).astype(np.float32)


def one_hot(columns: Sequence[int], keys: int) -> NDArray[np.float32]:
    """All of each query's weight on one key: [queries, keys]."""
    return np.eye(keys, dtype=np.float32)[list(columns)]


def softmax(
    seed: int, heads: int, visible: NDArray[np.bool_], sink: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Weights of random scores: [heads, queries, keys], and a sink's mass [heads, queries] if asked."""
    random = np.random.default_rng(seed)
    mask = np.broadcast_to(visible, (heads, *visible.shape[-2:]))
    scores = np.where(mask, np.exp(random.normal(0, 2, mask.shape)), 0)
    extra = np.exp(random.normal(0, 2, mask.shape[:2])) if sink else np.zeros(mask.shape[:2])
    total = np.maximum(scores.sum(-1) + extra, 1e-30)
    weights = (scores / total[..., None]).astype(np.float32)
    return weights, (extra / total).astype(np.float32) if sink else None
