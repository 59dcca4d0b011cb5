"""Block-maximum thumbnails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import ShapeError
from attnwidget.metrics.thumbnails import block_max, block_size


@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 7), st.booleans())
def test_pooling_agrees_with_a_plain_loop(
    heads: int, queries: int, keys: int, size: int, causal: bool
) -> None:
    weights = np.random.default_rng(queries * keys).random((heads, queries, keys), dtype=np.float32)
    visible = np.tri(queries, keys, dtype=bool) if causal else np.ones((queries, keys), dtype=bool)
    pooled, reached = block_max(weights, visible, size)
    assert pooled.shape == (heads, -(-queries // size), -(-keys // size))
    for index in np.ndindex(pooled.shape):
        rows, columns = (slice(i * size, (i + 1) * size) for i in index[1:])
        cells = weights[index[0], rows, columns][visible[rows, columns]]
        assert reached[index] == (cells.size > 0)
        assert pooled[index] == (cells.max() if cells.size else 0)


def test_unknown_weights_show_through_but_masked_ones_do_not() -> None:
    weights = np.zeros((1, 4, 4), dtype=np.float32)
    weights[0, 0, 3] = np.nan
    weights[0, 3, 0] = np.nan
    pooled, _ = block_max(weights, np.tri(4, dtype=bool), 2)
    assert np.isnan(pooled[0, 1, 0])
    assert pooled[0, 0, 1] == 0


def test_blocks_need_not_be_square() -> None:
    weights = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    pooled, reached = block_max(weights, np.ones((4, 6), dtype=bool), (1, 3))
    np.testing.assert_array_equal(pooled[0], weights[0][:, [2, 5]])
    assert reached.all()


def test_block_size_fits_both_sides() -> None:
    assert block_size(12, 40, 64) == 1
    assert block_size(65, 10, 64) == 2
    assert block_size(1, 128, 64) == 2


def test_one_pattern_is_not_a_layer() -> None:
    with pytest.raises(ShapeError, match="2 axes"):
        block_max(np.zeros((3, 3), dtype=np.float32), np.ones((3, 3), dtype=bool), 1)
