"""Norm-weighted attention: shares of what each key's value adds, alone and with merged words."""

from __future__ import annotations

import numpy as np
import pytest

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord
from tests.record.test_words import WORDS, plain, record, rows, site

NORMS = np.array([[1, 2, 0, 4, 1, 1], [3, 1, 1, 1, 1, 0.5]], dtype=np.float32)


def weighed(values: np.ndarray, norms: np.ndarray | None = NORMS, **more: object) -> AttentionRecord:
    return record({"encoder": WORDS}, site("encoder", values, value_norms=norms, **more))


def test_shares_are_weights_times_norms_divided_by_the_rows_sum() -> None:
    values = rows(2, 6, 6)
    own = weighed(values).norm_weighted().site(0)
    parts = values.astype(np.float64) * NORMS[:, None]
    np.testing.assert_allclose(own.weights(), parts / parts.sum(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(own.weights(1, [4, 0])[0], own.weights()[1, [4, 0]])
    assert (own.weights()[0, :, 2] == 0).all()


def test_a_sink_has_no_value_and_takes_no_share() -> None:
    sinks = np.full((2, 6), 0.25, dtype=np.float32)
    with_sink = weighed(rows(2, 6, 6) * 0.75, sinks=sinks, has_sinks=True).norm_weighted().site(0)
    np.testing.assert_allclose(
        with_sink.weights(), weighed(rows(2, 6, 6)).norm_weighted().site(0).weights(), rtol=1e-5
    )
    assert not with_sink.has_sinks
    assert (with_sink.sink() == 0).all()


def test_a_row_that_adds_nothing_has_no_shares() -> None:
    values = np.zeros((2, 6, 6), dtype=np.float32)
    values[:, :, 2] = 1
    own = weighed(values).norm_weighted().site(0)
    assert (own.weights()[0] == 0).all()
    assert (own.weights()[1, :, 2] == 1).all()


def test_what_is_not_a_number_spoils_its_row_only() -> None:
    values = rows(2, 6, 6)
    values[0, 3, 1] = np.nan
    shares = weighed(values).norm_weighted().site(0).weights()
    assert np.isnan(shares[0, 3]).all()
    assert np.isnan(shares).sum() == 6


def test_masked_keys_stay_masked() -> None:
    values = rows(2, 6, 6, causal=True)
    causal = record(
        {"decoder": WORDS}, site("decoder", values, causal=True, value_norms=NORMS)
    ).norm_weighted()
    np.testing.assert_array_equal(causal.site(0).visible(), np.tri(6, dtype=bool))
    assert (causal.site(0).weights()[:, ~np.tri(6, dtype=bool)] == 0).all()


def test_norms_are_taken_before_words_are_merged_in_either_order() -> None:
    whole = weighed(rows(2, 6, 6))
    one, other = whole.norm_weighted().merge_words(), whole.merge_words().norm_weighted()
    np.testing.assert_allclose(one.site(0).weights(), other.site(0).weights(), rtol=1e-6)
    np.testing.assert_allclose(one.site(0).weights().sum(-1), 1, rtol=1e-5)
    assert (one.words, one.weighting) == (other.words, other.weighting) == (True, "norms")
    assert whole.merge_words().can_weigh


def test_the_record_says_what_its_numbers_are() -> None:
    whole = weighed(rows(2, 6, 6))
    shares = whole.norm_weighted()
    assert (whole.can_weigh, shares.can_weigh, shares.weighting) == (True, False, "norms")
    assert shares.norm_weighted() is shares
    assert any("Kobayashi et al. 2020" in note for note in shares.notes)
    with pytest.raises(NotRecordedError):
        shares.scores(0, 0)
    for without in (
        weighed(rows(2, 6, 6), None),
        record({"encoder": plain("a")}, site("encoder", rows(1, 1, 1))),
    ):
        assert not without.can_weigh
        with pytest.raises(NotRecordedError, match="norms"):
            without.norm_weighted()
