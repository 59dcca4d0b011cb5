"""Queries are read in an order of which each beginning is spread evenly."""

from __future__ import annotations

import numpy as np
import pytest

from attnwidget.metrics.sampling import gap, order


@pytest.mark.parametrize("queries", [0, 1, 2, 3, 5, 8, 13, 64, 100, 1000])
def test_order_is_a_permutation_and_its_beginnings_are_spread_evenly(queries: int) -> None:
    found = order(queries)
    assert found.dtype == np.intp
    assert sorted(found) == list(range(queries))
    for read in range(1, queries + 1):
        first = np.sort(found[:read])
        step = gap(queries, read)
        assert first[-1] == queries - 1
        assert first[0] < step
        apart = np.diff(first)
        assert apart.size == 0 or (apart.max() <= step and apart.max() <= 2 * apart.min())


def test_order_goes_on_from_the_last_query() -> None:
    assert order(8).tolist() == [7, 3, 5, 1, 6, 2, 4, 0]
    assert gap(8, 8) == 1
