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


def half_width(variance: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far, at 95 %, a mean of some queries is from the mean of an endless prompt.

    Parameters
    ----------
    variance : float64 array
        Variance between queries, of a sample.
    count : float64 array
        Queries that the mean is over.

    Returns
    -------
    float64 array
        Half width of Student's confidence interval; NaN for fewer than two queries, and where queries do not
        differ: of such a sample nothing can be said. Of a prompt of which the share f of the queries was
        read, the half width is sqrt(1 - f) of this (Cochran 1977, section 2.6).

    Notes
    -----
    It is the interval of a simple random sample. Evenly spaced queries are treated as one: where neighbours
    are alike the interval is rather too wide, and where a prompt repeats itself in step with the sample, or
    few queries hold most of the value, too narrow.
    """
    degrees = np.maximum(count - 1, 1)
    known = (count >= 2) & (variance > 0)
    width = student(degrees) * np.sqrt(np.where(known, variance, 0.0) / np.maximum(count, 1))
    return np.where(known, width, np.nan)


def student(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 97.5 % quantile of Student's t distribution, to within 0.005.

    Parameters
    ----------
    degrees : float64 array
        Degrees of freedom, whole numbers from 1.

    Notes
    -----
    From four on by the expansion of Abramowitz and Stegun (1964), 26.7.5; below as tabled.
    """
    v, z = degrees, _NORMAL
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    large = z + sum(term / v**power for power, term in enumerate(terms, 1))
    return np.where(v < 4, np.asarray(_FEW)[np.clip(v, 1, 3).astype(np.intp) - 1], large)


_NORMAL = 1.959963984540054
_FEW = (12.7062, 4.3027, 3.1824)
