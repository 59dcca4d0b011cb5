"""Replies say what the record says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attnwidget.errors import InputError, NotRecordedError
from attnwidget.metrics.sampling import order
from attnwidget.record import AttentionRecord, DenseSite
from attnwidget.service.answers import (
    answer_layer,
    answer_predictions,
    answer_row,
    describe,
    opening,
)
from attnwidget.service.thumbnails import answer_model, model_pixels, model_queries
from attnwidget.wire.arrays import unpack
from attnwidget.wire.patterns import COMPAND_ERROR, expand
from attnwidget.wire.schema import MASKED, U8_MASKED


def causal(layers: int, heads: int, n: int, seed: int = 0) -> np.ndarray:
    weights = np.tril(np.random.default_rng(seed).random((layers, heads, n, n), dtype=np.float32)) + np.eye(
        n, dtype=np.float32
    )
    return weights / weights.sum(-1, keepdims=True)


def record_of(weights: np.ndarray) -> AttentionRecord:
    return AttentionRecord.from_attentions(weights, [f"t{i}" for i in range(weights.shape[-1])])


def test_small_patterns_are_exact_and_masked_cells_say_so() -> None:
    weights = causal(2, 3, 7)
    meta, buffers = answer_layer(record_of(weights), "decoder", 1, [2, 0], thumbnails=True)
    assert (meta["error"], meta["pooled"], meta["heads"]) == (0.0, 1, [2, 0])
    patterns = unpack(meta["patterns"], buffers.data)
    reach = np.tri(7, dtype=bool)
    np.testing.assert_array_equal(patterns[:, reach], weights[1][[2, 0]][:, reach])
    assert (patterns[:, ~reach] == MASKED).all()
    assert meta["thumbnails"] is not None
    codes = unpack(meta["thumbnails"], buffers.data)
    assert codes.shape == (3, 7, 7)
    assert (codes[:, ~reach] == U8_MASKED).all()
    assert np.abs(expand(codes)[:, reach] - weights[1][:, reach]).max() <= COMPAND_ERROR


def test_sinks_come_for_every_query_in_full_precision_and_only_where_there_are_any() -> None:
    weights = causal(1, 3, 7)
    plain, _ = answer_layer(record_of(weights), "decoder", 0, [0], thumbnails=False)
    assert plain["sinks"] is None
    given = record_of(weights * 0.75)
    mass = np.linspace(0, 0.25, 21, dtype=np.float32).reshape(3, 7)
    (one,) = given.sites
    assert isinstance(one, DenseSite)
    record = replace(given, sites=(replace(one, sinks=mass, has_sinks=True),))
    meta, buffers = answer_layer(record, "decoder", 0, [2, 0], thumbnails=False)
    assert meta["sinks"] is not None
    np.testing.assert_array_equal(unpack(meta["sinks"], buffers.data), mass[[2, 0]])


def test_large_patterns_are_companded_within_the_stated_error() -> None:
    weights = causal(1, 2, 520)
    meta, buffers = answer_layer(record_of(weights), "decoder", 0, [0, 1], thumbnails=False)
    assert meta["thumbnails"] is None
    assert meta["patterns"]["dtype"] == "u1"
    back = expand(unpack(meta["patterns"], buffers.data))
    reach = np.tri(520, dtype=bool)
    assert 0 < np.abs(back - weights[0])[:, reach].max() <= meta["error"]


def test_thumbnails_of_long_prompts_keep_the_largest_weight_of_a_block() -> None:
    weights = causal(1, 1, 130)
    meta, buffers = answer_layer(record_of(weights), "decoder", 0, [0], thumbnails=True)
    assert meta["thumbnails"] is not None
    codes = unpack(meta["thumbnails"], buffers.data)
    assert (meta["pooled"], codes.shape) == (3, (1, 44, 44))
    assert expand(codes)[0, 10, 4] == pytest.approx(weights[0, 0, 30:33, 12:15].max(), abs=COMPAND_ERROR)


def test_thumbnails_of_the_model_are_those_of_its_layers() -> None:
    record = record_of(causal(3, 2, 130))
    meta, buffers = answer_model(record, "decoder")
    codes = unpack(meta["thumbnails"], buffers.data)
    assert (meta["layers"], meta["heads"]) == ([0, 1, 2], [2, 2, 2])
    assert (meta["sampled"], meta["queries"]) == (130, 130)
    assert (meta["pooled_queries"], meta["pooled_keys"]) == (3, 3)
    for layer in range(3):
        own, parts = answer_layer(record, "decoder", layer, [0], thumbnails=True)
        assert own["thumbnails"] is not None
        np.testing.assert_array_equal(codes[2 * layer : 2 * layer + 2], unpack(own["thumbnails"], parts.data))


def test_the_model_is_computed_in_blocks_that_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_of(causal(2, 5, 9))
    meta, whole = answer_model(record, "decoder")
    monkeypatch.setattr("attnwidget.service.thumbnails.BLOCK_CELLS", 2 * 81)
    other, parts = answer_model(record, "decoder")
    assert other == meta
    assert bytes(parts.data[0]) == bytes(whole.data[0])


def test_sampled_queries_of_the_model_are_exact_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnwidget.service.thumbnails.MODEL_QUERIES", 100)
    monkeypatch.setattr("attnwidget.service.thumbnails.MODEL_SAMPLED", (4, 11))
    weights = causal(2, 2, 150)
    meta, buffers = answer_model(record_of(weights), "decoder")
    codes = unpack(meta["thumbnails"], buffers.data)
    assert model_queries(4, 150, 150) == 11
    assert (meta["sampled"], meta["queries"]) == (11, 150)
    # They are sixteen apart at most, so that each row of pixels has one of them.
    assert (meta["pooled_queries"], meta["pooled_keys"]) == (1, 3)
    assert codes.shape == (4, 9, 50)
    rows = np.sort(order(150)[:11])
    for at in range(9):
        here = rows[rows // 18 == at]
        assert here.size
        seen = np.where(np.arange(150) <= here[:, None], weights[1, 1, here], -1.0)
        best = seen.max(0).reshape(50, 3).max(-1)
        shown = expand(codes[3, at])
        assert (shown[best < 0] == MASKED).all()
        assert np.abs(shown - best)[best >= 0].max() <= COMPAND_ERROR


@pytest.mark.parametrize("heads", [1, 16, 144, 384, 784, 5120])
def test_thumbnails_of_a_model_stay_around_a_megabyte(heads: int) -> None:
    assert heads * model_pixels(heads) ** 2 <= 1_000_000
    assert model_pixels(heads) >= 13


def test_queries_of_the_model_are_all_while_they_are_few() -> None:
    assert model_queries(144, 1024, 1024) == 1024
    assert model_queries(144, 4096, 4096) == 128
    assert model_queries(5120, 1024, 1024) == 51
    assert model_queries(5120, 12, 12) == 12


def test_layers_of_the_model_keep_their_numbers_and_own_heads() -> None:
    weights = [causal(1, 2, 6)[0], None, causal(1, 3, 6, seed=1)[0]]
    record = AttentionRecord.from_attentions(weights, list("abcdef"))
    meta, buffers = answer_model(record, "decoder")
    assert (meta["layers"], meta["heads"]) == ([0, 2], [2, 3])
    codes = unpack(meta["thumbnails"], buffers.data)
    reach = np.tri(6, dtype=bool)
    assert np.abs(expand(codes[4]) - weights[2][2])[reach].max() <= COMPAND_ERROR  # type: ignore[index]


def test_a_kind_of_attention_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="cross"):
        answer_model(record_of(causal(1, 1, 4)), "cross")


def test_a_row_is_exact_and_has_no_scores_where_only_weights_are_known() -> None:
    weights = causal(2, 3, 7)
    meta, buffers = answer_row(record_of(weights), "decoder", 0, [1], 4)
    assert meta["scores"] is None
    assert meta["sink"] == [0.0]
    row = unpack(meta["weights"], buffers.data)
    np.testing.assert_array_equal(row[0, :5], weights[0, 1, 4, :5])
    assert (row[0, 5:] == MASKED).all()


@pytest.mark.parametrize(("layer", "heads", "query"), [(9, [0], 0), (0, [3], 0), (0, [0], 7)])
def test_what_does_not_exist_is_named(layer: int, heads: list[int], query: int) -> None:
    with pytest.raises(InputError, match=r"9|3|7"):
        answer_row(record_of(causal(2, 3, 7)), "decoder", layer, heads, query)


def test_of_a_tiled_layer_only_thumbnails_are_sent_and_they_say_of_how_many_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attnwidget.service.answers.WHOLE_CELLS", 48)
    monkeypatch.setattr("attnwidget.service.answers.LAYER_QUERIES", 2)
    weights = causal(1, 2, 7)
    meta, buffers = answer_layer(record_of(weights), "decoder", 0, [0], thumbnails=True)
    assert (meta["heads"], meta["patterns"]["shape"]) == ([], [0, 7, 7])
    assert (meta["sampled"], meta["pooled"]) == (2, 1)
    assert meta["thumbnails"] is not None
    codes = unpack(meta["thumbnails"], buffers.data)
    # Queries 6 and 2, four apart.
    assert codes.shape == (2, 2, 7)
    np.testing.assert_allclose(expand(codes[1, 0, :3]), weights[0, 1, 2, :3], atol=COMPAND_ERROR)
    np.testing.assert_allclose(expand(codes[1, 1]), weights[0, 1, 6], atol=COMPAND_ERROR)
    few, _ = answer_layer(record_of(weights), "decoder", 0, [0], thumbnails=False)
    assert few["thumbnails"] is None


def test_given_weights_predict_nothing() -> None:
    with pytest.raises(NotRecordedError, match="does not predict"):
        answer_predictions(record_of(causal(1, 1, 3)))


def test_the_description_names_sites_and_tokens() -> None:
    meta = describe(record_of(causal(2, 3, 4)), [])
    assert meta["streams"]["decoder"]["label"] == ["t0", "t1", "t2", "t3"]
    (site,) = meta["sites"]
    assert (site["kind"], site["query_stream"], site["key_stream"]) == ("decoder", "decoder", "decoder")
    assert [layer["layer"] for layer in site["layers"]] == [0, 1]
    assert {layer["route"] for layer in site["layers"]} == {"given"}
    assert all(layer["causal"] and layer["fidelity"] is None for layer in site["layers"])
    assert meta["predictions"] is False


def test_cross_attention_has_two_streams() -> None:
    cross = np.full((1, 2, 3, 4), 0.25, dtype=np.float32)
    record = AttentionRecord.from_attentions(
        cross_attention=cross, encoder_tokens=list("abcd"), decoder_tokens=list("xyz")
    )
    (site,) = describe(record, [])["sites"]
    assert (site["query_stream"], site["key_stream"]) == ("decoder", "encoder")
    assert opening(record) == ("cross", 0, [0])


def test_the_opening_prefers_content() -> None:
    weights = causal(3, 4, 8)
    weights[1, 2] = np.eye(8, dtype=np.float32)[[0, 0, 0, 1, 1, 1, 3, 3]]
    record = record_of(weights)
    assert opening(record) == ("decoder", 1, [2])
    assert opening(record, layer=0)[:2] == ("decoder", 0)
