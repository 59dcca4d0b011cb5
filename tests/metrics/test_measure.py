"""Blocks add up to the whole; masks, undefined weights and heads are kept apart."""

from __future__ import annotations

import dataclasses
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import InputError, ShapeError
from attnwidget.metrics import measure as module
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.measure import Accumulator, measure, measure_arrays
from attnwidget.metrics.metric import Block, HeadMetric
from attnwidget.metrics.registry import standard
from attnwidget.record import AttentionRecord, DenseSite, Token, Visibility
from attnwidget.record.sites import ALL, Floats, Pick
from tests.metrics.patterns import axes, causal, even, one_hot, softmax, tokens, words


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, Axes, np.ndarray | None]:
    """Weights, visible cells (shared or by head), tokens that repeat, and perhaps a sink."""
    heads, n = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    seed = draw(st.integers(0, 10_000))
    kind = draw(st.sampled_from(["all", "causal", "shared", "by head"]))
    random = np.random.default_rng(seed)
    visible = {
        "all": np.ones((n, n), dtype=bool),
        "causal": causal(n),
        "shared": random.random((n, n)) < 0.7,
        "by head": random.random((heads, n, n)) < 0.7,
    }[kind]
    weights, sink = softmax(seed, heads, visible, draw(st.booleans()))
    if draw(st.booleans()):
        weights[random.random(weights.shape) < 0.02] = np.nan
    text = tokens(*random.choice(["a", "b", "c", ","], n))
    return weights, visible, Axes.of_self(text), sink


def assert_same(one: dict[str, HeadMetric], other: dict[str, HeadMetric]) -> None:
    assert list(one) == list(other)
    for name in one:
        for field in ("values", "baselines"):
            np.testing.assert_allclose(
                getattr(one[name], field), getattr(other[name], field), rtol=1e-9, atol=1e-9, err_msg=name
            )
        assert one[name].counts.tolist() == other[name].counts.tolist(), name
        assert one[name].undefined.tolist() == other[name].undefined.tolist(), name


@given(cases())
def test_values_are_in_range(case: tuple[np.ndarray, np.ndarray, Axes, np.ndarray | None]) -> None:
    weights, visible, on, sink = case
    for metric in standard():
        found = measure_arrays(weights, visible, on, [metric], sink)[metric.name]
        assert (np.isnan(found.values) == (found.counts == 0)).all()
        for numbers in (found.values, found.baselines):
            known = numbers[~np.isnan(numbers)]
            assert metric.low is not None
            assert (known >= metric.low - 1e-6).all()
            assert metric.high is None or (known <= metric.high + 1e-6).all()


@given(cases(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_blocks_add_up_to_the_whole(
    case: tuple[np.ndarray, np.ndarray, Axes, np.ndarray | None], random: Random, size: int
) -> None:
    weights, visible, on, sink = case
    heads, n, _ = weights.shape
    metrics = standard()
    order = np.arange(n)
    random.shuffle(order)
    halves = [Accumulator(metrics, on, heads) for _ in range(2)]
    for turn, begin in enumerate(range(0, n, size)):
        rows = order[begin : begin + size]
        part = None if sink is None else sink[:, rows]
        halves[turn % 2].add(Block(weights[:, rows], visible[..., rows, :], rows, part))
    halves[0].merge(halves[1])
    assert_same(halves[0].result(), measure_arrays(weights, visible, on, metrics, sink))


@given(cases(), st.randoms(use_true_random=False))
def test_heads_do_not_meet(
    case: tuple[np.ndarray, np.ndarray, Axes, np.ndarray | None], random: Random
) -> None:
    weights, visible, on, sink = case
    order = np.arange(len(weights))
    random.shuffle(order)
    whole = measure_arrays(weights, visible, on, sink=sink)
    shuffled = measure_arrays(
        weights[order],
        visible if visible.ndim == 2 else visible[order],
        on,
        sink=None if sink is None else sink[order],
    )
    expected = {
        name: HeadMetric(
            m.values[order], m.counts[order], m.baselines[order], m.undefined[order], m.margins[order]
        )
        for name, m in whole.items()
    }
    assert_same(shuffled, expected)


@given(cases())
def test_masked_cells_are_ignored(case: tuple[np.ndarray, np.ndarray, Axes, np.ndarray | None]) -> None:
    weights, visible, on, sink = case
    mask = np.broadcast_to(visible, weights.shape)
    for rubbish in (np.nan, 5.0):
        spoilt = np.where(mask, weights, np.float32(rubbish))
        assert_same(
            measure_arrays(spoilt, visible, on, sink=sink), measure_arrays(weights, visible, on, sink=sink)
        )


def test_undefined_queries_are_left_out_and_counted() -> None:
    weights = np.stack([one_hot([0, 0, 1, 2], 4), one_hot([0, 0, 1, 2], 4)])
    weights[1, 2, 0] = np.nan
    found = measure_arrays(weights, causal(4), axes(4))
    assert found["previous"].values.tolist() == [1, 1]
    assert found["previous"].counts.tolist() == [3, 2]
    assert found["previous"].undefined.tolist() == [0, 1]
    assert found["previous"].baselines.tolist() == [
        pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3),
        pytest.approx((1 / 2 + 1 / 4) / 2),
    ]
    weights[0] = np.nan
    gone = measure_arrays(weights, causal(4), axes(4))
    assert all(np.isnan(metric.values[0]) and metric.counts[0] == 0 for metric in gone.values())
    assert gone["entropy"].undefined.tolist() == [4, 1]


def test_an_undefined_sink_leaves_its_query_out() -> None:
    sink = np.asarray([[0, np.nan, 0.5]], dtype=np.float32)
    found = measure_arrays(even(causal(3))[None], causal(3), axes(3), sink=sink)
    assert (found["sink"].values[0], found["sink"].counts[0], found["sink"].undefined[0]) == (0.25, 2, 1)
    assert found["previous"].counts[0] == 1


def test_heads_may_share_a_mask_of_one_head() -> None:
    record = AttentionRecord.from_attentions([np.stack([even(causal(4))] * 2)], list("abcd"))
    site = dataclasses.replace(record.site(0), visibility=Visibility(causal=True, mask=causal(4)[None]))
    assert_same(measure(site, record.tokens), measure(record.site(0), record.tokens))


def test_heads_may_see_different_keys() -> None:
    narrow = np.eye(5, dtype=bool) | np.eye(5, k=-1, dtype=bool)
    visible = np.stack([causal(5), narrow])
    weights = np.stack([even(causal(5)), even(narrow)])
    found = measure_arrays(weights, visible, axes(5))
    assert found["previous"].values.tolist() == [pytest.approx((1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 4), 0.5]
    assert found["first"].counts.tolist() == [4, 1]
    assert found["distance"].values.tolist() == [pytest.approx(1.25), 0.5]


def test_a_site_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    n, heads = 40, 3
    weights, sink = softmax(1, heads, causal(n), sink=True)
    read: list[int] = []

    class Counted(DenseSite):
        def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
            read.append(len(self.pick_queries(queries)))
            return super().weights(heads, queries)

    site = Counted(
        kind="decoder",
        layer=0,
        name="",
        route="given",
        heads=heads,
        kv_heads=heads,
        queries=n,
        keys=n,
        visibility=Visibility(causal=True),
        values=weights,
        sinks=sink,
        has_sinks=True,
    )
    text = tokens(*(f"{i % 7}" for i in range(n)))
    monkeypatch.setattr(module, "READ_CELLS", 9 * heads * n)
    found = measure(site, text)
    assert read == [9, 9, 9, 9, 4]
    assert_same(found, measure_arrays(weights, causal(n), Axes.of_self(text), sink=sink))
    some = measure(site, text, standard().only(["entropy"]), rows=[5, 3, 5])
    assert list(some) == ["entropy"]
    assert some["entropy"].counts.tolist() == [2] * heads
    with pytest.raises(InputError, match="no query 40"):
        measure(site, text, rows=40)


def test_cross_attention_of_unequal_lengths() -> None:
    weights, _ = softmax(2, 2, np.ones((3, 5), dtype=bool))
    record = AttentionRecord.from_attentions(
        cross_attention=[weights], encoder_tokens=list("abcde"), decoder_tokens=list("xyz")
    )
    (site,) = record.sites
    found = measure(site, record.query_tokens("cross"), key_tokens=record.key_tokens("cross"))
    assert found["first"].values == pytest.approx(weights[:, :, 0].mean(-1))
    assert found["entropy"].counts.tolist() == [3, 3]
    assert found["previous"].counts.tolist() == found["positional"].counts.tolist() == [0, 0]
    with pytest.raises(ShapeError, match="3 and no tokens"):
        measure(site, record.query_tokens("cross"))


@pytest.mark.parametrize(
    ("weights", "visible", "positions", "sink"),
    [
        ((3, 3), (3, 3), 3, None),
        ((2, 3, 3), (3, 4), 3, None),
        ((2, 3, 3), (3, 3), 2, None),
        ((2, 3, 3), (3, 3), 3, (3,)),
    ],
)
def test_arrays_that_do_not_fit(
    weights: tuple[int, ...], visible: tuple[int, ...], positions: int, sink: tuple[int, ...] | None
) -> None:
    with pytest.raises(ShapeError):
        Block(
            np.zeros(weights, dtype=np.float32),
            np.ones(visible, dtype=bool),
            np.arange(positions),
            None if sink is None else np.zeros(sink, dtype=np.float32),
        )


def test_blocks_of_another_site_are_refused() -> None:
    total = Accumulator(standard(), axes(3), 2)
    with pytest.raises(ShapeError, match="1 heads and 3 keys, not 2 and 3"):
        total.add(Block(even(causal(3))[None], causal(3), np.arange(3)))
    with pytest.raises(ShapeError, match="outside the prompt"):
        total.add(Block(np.stack([even(causal(3))] * 2), causal(3), np.arange(1, 4)))
    with pytest.raises(ShapeError, match="not of the same"):
        total.merge(Accumulator(standard(), axes(3), 2))
    with pytest.raises(ShapeError, match="2 queries and 3 keys"):
        Axes(words(2), words(3), self_attention=True)
    assert all(metric.counts.tolist() == [0, 0] for metric in total.result().values())


def test_nothing_read_is_nothing_measured() -> None:
    record = AttentionRecord.from_attentions([even(causal(3))[None]], list("abc"))
    found = measure(record.site(0), record.tokens, rows=[])
    assert all(np.isnan(metric.values).all() and not metric.counts.any() for metric in found.values())


def test_tokens_must_fit_the_site() -> None:
    record = AttentionRecord.from_attentions([even(causal(3))[None]], list("abc"))
    extra: tuple[Token, ...] = (*record.tokens, *words(1))
    with pytest.raises(ShapeError, match="for 4 and 4 tokens"):
        measure(record.site(0), extra)
