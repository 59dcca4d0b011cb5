"""Which head is worth looking at first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def content_score(
    weights: NDArray[np.float32], queries: NDArray[np.intp], self_attention: bool
) -> NDArray[np.float64]:
    """Return how strongly each head singles out one key by something other than its position.

    A head that rests on the first token, looks at the query itself or at the token before it, or spreads its
    attention evenly, scores low.

    Parameters
    ----------
    weights : float32 [..., queries, keys]
        Rows of attention weights; values that are not a number count as 0.
    queries : int [queries]
        Position of each row's query, in tokens.
    self_attention : bool
        Whether queries and keys are the same tokens; only then do the query itself and the token before it
        exist among the keys.

    Returns
    -------
    float64 [...]
        Mean over queries of the largest weight on an eligible key, from 0 to 1; 0 when no key is eligible.

    Notes
    -----
    A heuristic of this package for the opening view, not a published metric.
    """
    keys = np.arange(weights.shape[-1])
    eligible = np.broadcast_to(keys > 0, (len(queries), len(keys))).copy()
    if self_attention:
        offset = queries[:, None] - keys[None, :]
        eligible &= (offset != 0) & (offset != 1)
    best = np.where(eligible & ~np.isnan(weights), weights, 0).max(axis=-1, initial=0)
    return np.asarray(best.mean(axis=-1, dtype=np.float64))
