"""In which order queries are read where not all are read at once, and how sure a mean of some of them is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def order(queries: int) -> NDArray[np.intp]:
    """Return all query positions so that each beginning of the list is spread evenly over the prompt.

    Parameters
    ----------
    queries : int
        Number of positions; 0 or more.

    Returns
    -------
    intp array [queries]
        A permutation: the last query, the one half a prompt before it, the quarters, and so on. Reading on
        never needs a query again. The gaps in the first m (see `gap`) are 2 to 1 at most.

    Notes
    -----
    The bit-reversal permutation (the binary sequence of van der Corput 1935), counted from the last query.
    """
    bits = max(0, queries - 1).bit_length()
    places = np.arange(1 << bits, dtype=np.intp)
    reversed_places = np.zeros_like(places)
    for bit in range(bits):
        reversed_places |= ((places >> bit) & 1) << (bits - 1 - bit)
    return queries - 1 - reversed_places[reversed_places < queries]


def gap(queries: int, read: int) -> int:
    """Return a distance within which there is one of the first `read` positions of `order(queries)`.

    Any `gap` positions in a row have one of them, but for the last ones before the prompt's begin.

    Parameters
    ----------
    queries : int
    read : int
        At least 1.
    """
    bits = max(0, queries - 1).bit_length()
    # The first 2**b of the whole permutation are 2**(bits - b) apart; `order` skips those out of the prompt.
    for b in range(bits + 1):
        step = 1 << (bits - b)
        if -(-queries // step) > read:
            return step * 2
    return 1
