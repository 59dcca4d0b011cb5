"""Small pictures of whole patterns: the largest weight of each block of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import ShapeError


def block_size(queries: int, keys: int, pixels: int) -> int:
    """Return how many queries and keys one pixel stands for, so that both sides fit into `pixels`."""
    return max(1, -(-max(queries, keys) // pixels))


def block_max(
    weights: NDArray[np.float32], visible: NDArray[np.bool_], size: int | tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Pool patterns by the largest visible weight of each block of cells.

    Parameters
    ----------
    weights : float32 [heads, queries, keys]
        Weights; not a number where the model gave none.
    visible : bool, broadcastable to `weights`
        False where the key is masked.
    size : int or (int, int)
        Queries and keys of a block; one number for both.

    Returns
    -------
    pooled : float32 [heads, ceil(queries / block's queries), ceil(keys / block's keys)]
        Largest visible weight; not a number if any visible weight of the block is not a number; 0 in blocks
        that are wholly masked.
    reached : bool, same shape
        Whether any cell of the block is visible.
    """
    tall, wide = (size, size) if isinstance(size, int) else size
    if weights.ndim != 3 or min(tall, wide) < 1:
        raise ShapeError(
            f"Thumbnails need weights [heads, queries, keys] and blocks of cells, not {weights.ndim} axes.",
            "Pass one layer's weights.",
        )
    heads, queries, keys = weights.shape
    rows, columns = -(-queries // tall), -(-keys // wide)
    seen: NDArray[np.bool_] = np.zeros((heads, rows * tall, columns * wide), dtype=bool)
    seen[:, :queries, :keys] = visible
    values = np.zeros(seen.shape, dtype=np.float32)
    values[:, :queries, :keys] = np.where(seen[:, :queries, :keys], weights, 0)
    # np.max passes NaN on, which is what a reader must see.
    pooled = values.reshape(heads, rows, tall, columns, wide).max(axis=(2, 4))
    reached = seen.reshape(heads, rows, tall, columns, wide).max(axis=(2, 4))
    return pooled, reached
