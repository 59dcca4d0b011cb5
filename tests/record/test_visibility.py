"""Visibility: rules are recognised exactly where they fit, and say the same as the mask."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attnwidget.record.visibility import Visibility, recognise


def as_mask(visibility: Visibility, queries: int, keys: int) -> np.ndarray:
    return visibility.rows(np.arange(queries), 0, keys)


@given(st.integers(2, 30), st.data())
def test_rules_are_recognised(n: int, data: st.DataObject) -> None:
    window = data.draw(st.none() | st.integers(1, n - 1))
    rule = Visibility(causal=True, window=window)
    found = recognise(as_mask(rule, n, n))
    assert (found.causal, found.window, found.mask) == (True, window, None)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_whatever_is_recognised_says_what_the_mask_says(mask: np.ndarray) -> None:
    found = recognise(mask)
    assert np.array_equal(as_mask(found, *mask.shape), mask)
    if found.causal:
        assert not np.triu(mask, 1).any()


@given(arrays.arrays(np.bool_, st.tuples(st.integers(2, 3), st.integers(1, 5), st.integers(1, 5))))
def test_masks_that_differ_between_heads_are_kept(mask: np.ndarray) -> None:
    found = recognise(mask)
    assert np.array_equal(np.broadcast_to(as_mask(found, *mask.shape[1:]), mask.shape), mask)
    assert found.nbytes == (0 if mask.all() else mask.nbytes)


def test_one_missing_cell_is_no_rule() -> None:
    mask = np.tri(20, dtype=bool)
    mask[13, 4] = False
    found = recognise(mask)
    assert found.mask is not None
    assert found.causal
    assert found.window is None


@given(st.integers(1, 40), st.booleans(), st.none() | st.integers(1, 40), st.data())
def test_the_key_range_holds_everything_visible(
    n: int, causal: bool, window: int | None, data: st.DataObject
) -> None:
    rule = Visibility(causal=causal, window=window)
    rows = np.asarray(data.draw(st.lists(st.integers(0, n - 1), min_size=1)))
    first, last = rule.key_range(rows, n)
    visible = rule.rows(rows, 0, n)
    assert not visible[:, :first].any()
    assert not visible[:, last:].any()
    assert np.array_equal(rule.rows(rows, first, last), visible[:, first:last])


def test_everything() -> None:
    assert Visibility().everything
    assert recognise(np.ones((3, 4), dtype=bool)).everything
    assert not Visibility(window=2).everything
