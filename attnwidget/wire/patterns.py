"""How patterns travel: exact float32 while small, 8-bit square-root companded when large."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnwidget.wire.schema import MASKED, U8_LEVELS, U8_MASKED, U8_NAN

COMPAND_ERROR = 1.0 - ((U8_LEVELS - 0.5) / U8_LEVELS) ** 2
"""Largest absolute error of a companded weight: half a step at weight 1, where steps are widest."""


def mark(weights: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return exact weights with `MASKED` in every cell that is out of reach.

    Parameters
    ----------
    weights : float32 [..., queries, keys]
        Weights from 0 to 1; not a number where the model gave none.
    visible : bool, broadcastable to `weights`
        False where the key is masked.
    """
    return np.where(visible, weights, np.float32(MASKED))


def compand(weights: NDArray[np.float32], visible: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 8-bit codes: round(U8_LEVELS * sqrt(weight)), `U8_NAN` or `U8_MASKED`.

    The square root spends more codes on small weights: the smallest non-zero code stands for 1.6e-5, and the
    largest error is `COMPAND_ERROR` (3.9e-3), at weights near 1.
    """
    unknown = np.isnan(weights)
    scaled = np.sqrt(np.clip(np.where(unknown, 0.0, weights), 0.0, 1.0, dtype=np.float32))
    codes: NDArray[np.uint8] = np.rint(scaled * U8_LEVELS).astype(np.uint8)
    codes[unknown] = U8_NAN
    codes[~np.broadcast_to(visible, codes.shape)] = U8_MASKED
    return codes


def expand(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Invert `compand`: weights, not a number, or `MASKED`."""
    weights: NDArray[np.float32] = np.square(
        codes.astype(np.float32) / np.float32(U8_LEVELS), dtype=np.float32
    )
    weights[codes == U8_NAN] = np.nan
    weights[codes == U8_MASKED] = MASKED
    return weights
