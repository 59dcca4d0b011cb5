"""Tiles, columns and sums of the engine against the weights of the site, over all kinds of sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget.errors import CancelledError, InputError
from attnwidget.record import AttentionRecord, Token, Visibility
from attnwidget.record.qk import QKSite
from attnwidget.record.record import ModelInfo
from attnwidget.tiles import qk as kernel
from attnwidget.tiles import source as any_source
from attnwidget.tiles.engine import Engine
from attnwidget.wire.patterns import compand
from attnwidget.wire.schema import MASKED, UNREAD

HEADS, KV, D = 4, 2, 8


def record(n: int = 53, keys: int | None = None, layers: int = 1, **changes: Any) -> AttentionRecord:
    """Return a record of random queries and keys."""
    generator = torch.Generator().manual_seed(n)
    keys = n if keys is None else keys
    cross = keys != n
    sites = []
    for layer in range(layers):
        given_facts: dict[str, Any] = {
            "kind": "cross" if cross else "decoder",
            "layer": layer,
            "name": f"layers.{layer}",
            "route": "interface",
            "heads": HEADS,
            "kv_heads": KV,
            "queries": n,
            "keys": keys,
            "visibility": Visibility(causal=not cross),
            "scaling": 0.7,
            "q": torch.randn(HEADS, n, D, generator=generator),
            "k": torch.randn(KV, keys, D, generator=generator),
        }
        sites.append(QKSite(**(given_facts | changes)))
    streams = {"decoder": tokens(n)} | ({"encoder": tokens(keys)} if cross else {})
    return AttentionRecord(model=ModelInfo(name="m", layers=layers), prompt="", streams=streams, sites=sites)


def tokens(count: int) -> tuple[Token, ...]:
    # Every third token carries a word on.
    return tuple(Token(id=0, text="b" if i % 3 else " a", label="a") for i in range(count))


def masked(n: int, heads: int | None = None) -> np.ndarray:
    shape = (n, n) if heads is None else (heads, n, n)
    mask = np.random.default_rng(0).random(shape) < 0.4
    mask[..., 5, :] = False
    return mask


N = 53
RECORDS = {
    "causal": lambda: record(),
    "everything": lambda: record(visibility=Visibility()),
    "window": lambda: record(visibility=Visibility(causal=True, window=7)),
    "window both ways": lambda: record(visibility=Visibility(window=11)),
    "mask": lambda: record(visibility=Visibility(mask=masked(N))),
    "mask per head": lambda: record(visibility=Visibility(mask=masked(N, HEADS))),
    "soft cap": lambda: record(softcap=1.5),
    "sinks": lambda: record(sink_scores=torch.linspace(-1, 2, HEADS), has_sinks=True),
    "a sink that takes all": lambda: record(sink_scores=torch.full((HEADS,), 300.0), has_sinks=True),
    "bias": lambda: record(bias=torch.randn(1, N, N)),
    "bias per head": lambda: record(bias=torch.randn(HEADS, 1, N)),
    "cross": lambda: record(keys=31),
    "stored in half": lambda: record(q=torch.randn(HEADS, N, D).half(), k=torch.randn(KV, N, D).bfloat16()),
    "run in half": lambda: record(
        q=torch.randn(HEADS, N, D).half(), k=torch.randn(KV, N, D).half(), rounded=True
    ),
    "given": lambda: AttentionRecord.from_attentions(
        np.random.default_rng(1).dirichlet(np.ones(N), (1, HEADS, N)).astype(np.float32), list("a" * N)
    ),
    "words": lambda: record().merge_words(),
    "words of a window": lambda: record(visibility=Visibility(causal=True, window=7)).merge_words(),
    "norms": lambda: record(
        value_norms=np.random.default_rng(2).random((HEADS, N), np.float32).round(1),
        sink_scores=torch.linspace(-1, 2, HEADS),
        has_sinks=True,
    ).norm_weighted(),
    "norms with a bias of every cell": lambda: record(
        value_norms=np.random.default_rng(2).random((HEADS, N), np.float32), bias=torch.randn(1, N, N)
    ).norm_weighted(),
    "norms by words": lambda: (
        record(value_norms=np.random.default_rng(2).random((HEADS, N), np.float32))
        .norm_weighted()
        .merge_words()
    ),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ROWS", 7)
    monkeypatch.setattr(kernel, "FEWEST_ROWS", 3)
    monkeypatch.setattr(kernel, "BLOCK_CELLS", 7 * 10)
    monkeypatch.setattr(any_source, "BLOCK_CELLS", 400)


def expected(
    shown: AttentionRecord, head: int, level: int, row: int, column: int, pool: str, tile: int
) -> np.ndarray:
    """Codes of a tile by the definition: the pattern, cut into pixels."""
    site, side = shown.site(0), tile << level
    visible = site.visible()
    visible = visible if visible.ndim == 2 else visible[head if len(visible) > 1 else 0]
    place = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
    weights, seen = np.zeros((side, side)), np.zeros((side, side), bool)
    part = visible[place]
    seen[: part.shape[0], : part.shape[1]] = part
    weights[seen] = site.weights(head)[0].astype(np.float64)[place][part]
    pixels, counts = (each.reshape(tile, 1 << level, tile, 1 << level) for each in (weights, seen))
    counts = counts.sum((1, 3))
    values = pixels.max((1, 3)) if pool == "max" else pixels.sum((1, 3)) / np.maximum(counts, 1)
    return compand(values.astype(np.float32), counts > 0)


def same(codes: np.ndarray, other: np.ndarray) -> bool:
    """Whether codes are the same, up to rounding at the edge between two."""
    masked_alike = np.array_equal(codes == 255, other == 255)
    return masked_alike and int(np.abs(codes.astype(int) - other.astype(int)).max()) <= 1


@pytest.mark.parametrize("case", RECORDS)
def test_tiles_are_pooled_weights_at_every_zoom(case: str) -> None:
    shown = RECORDS[case]()
    engine = Engine(shown, tile=8, base_cells=16 * 16)
    site = shown.site(0)
    for level in range(5):
        across = -(-site.queries // (8 << level)), -(-site.keys // (8 << level))
        for pool in ("max", "mean"):
            places = [(across[0] - 1, 0), (across[0] // 2, across[1] // 2), (0, across[1] - 1)]
            found = engine.tiles(0, 1, level, places, pool)
            for place, tile in zip(places, found, strict=True):
                assert tile.read == 1 << level
                assert same(tile.codes, expected(shown, 1, level, *place, pool, 8)), (level, pool, place)


@pytest.mark.parametrize("case", RECORDS)
def test_columns_blocks_and_sums_are_those_of_the_weights(case: str) -> None:
    shown = RECORDS[case]()
    engine, site = Engine(shown), shown.site(0)
    # Half precision differs by a step of half precision at most.
    within = {"rtol": 2e-3, "atol": 1e-6} if case == "run in half" else {"rtol": 2e-5, "atol": 1e-7}
    weights, visible = site.weights(), np.broadcast_to(site.visible(), (HEADS, site.queries, site.keys))
    key = site.keys // 3
    column = engine.column(0, [3, 0], key)
    assert (column.read, column.of) == (site.queries, site.queries)
    chosen = np.where(visible[[3, 0], :, key], weights[[3, 0], :, key], MASKED)
    np.testing.assert_allclose(column.values, chosen, **within)
    sums = engine.into(0, 2, 2, 9).values[0]
    assert sums.dtype == np.float64
    reach = visible[2, :, 2:9].any(-1)
    np.testing.assert_allclose(sums, np.where(reach, weights[2, :, 2:9].sum(-1), MASKED), **within)
    rows = np.array([0, 4, 5, site.queries - 1])
    np.testing.assert_allclose(engine.block(0, 1, rows, 3, 15), weights[1][rows, 3:15], **within)
    np.testing.assert_allclose(
        engine.columns(key).values[1], np.where(visible[1, :, key], weights[1, :, key], MASKED), **within
    )


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 70),
    window=st.none() | st.integers(1, 80),
    causal=st.booleans(),
    level=st.integers(0, 6),
    base=st.integers(1, 40),
    data=st.data(),
)
def test_tiles_of_any_shape_and_rule(
    n: int, window: int | None, causal: bool, level: int, base: int, data: st.DataObject
) -> None:
    shown = record(n, visibility=Visibility(causal=causal, window=window))
    tiles = -(-n // (4 << level))
    row, column = data.draw(st.integers(0, tiles - 1)), data.draw(st.integers(0, tiles - 1))
    for pool in ("max", "mean"):
        tile = Engine(shown, tile=4, base_cells=base * base).tile(0, 2, level, row, column, pool)
        assert tile.read == 1 << level
        assert same(tile.codes, expected(shown, 2, level, row, column, pool, 4))


def test_first_answers_are_of_evenly_spread_queries_and_later_ones_of_all() -> None:
    shown = record(256)
    engine = Engine(shown, tile=4, base_cells=64 * 64)
    # No time at all is enough for one query of each pixel, each computed exactly.
    first = engine.tile(0, 0, 6, 0, 0, budget=0.0)
    assert 1 <= first.read < 64
    last = [0]
    weights = shown.site(0).weights(0)[0]
    top = np.array(
        [[weights[r * 64 : r * 64 + 64, c * 64 : c * 64 + 64].max() for c in range(4)] for r in range(4)]
    )
    assert (first.codes[first.codes != 255] <= compand(top, np.tri(4, dtype=bool))[first.codes != 255]).all()
    while last[-1] < 64:
        last.append(engine.tile(0, 0, 6, 0, 0, budget=0.0).read)
        assert len(last) < 300
    assert last == sorted(last)
    assert same(engine.tile(0, 0, 6, 0, 0).codes, expected(shown, 0, 6, 0, 0, "max", 4))


def test_columns_go_on_where_they_stopped() -> None:
    engine = Engine(record(300, layers=2))
    part = engine.columns(0, budget=0.0)
    assert 0 < part.read < part.of == 300
    assert part.values.shape == (2 * HEADS, 300)
    known = part.values != UNREAD
    whole = engine.columns(0)
    assert whole.read == 300
    assert not (whole.values == UNREAD).any()
    assert np.array_equal(whole.values[known], part.values[known])
    np.testing.assert_allclose(whole.values[0], engine.record.site(0).weights(0)[0, :, 0], rtol=2e-5)


def test_what_is_kept_stays_within_its_bytes() -> None:
    shown = record(128)
    engine = Engine(shown, tile=8, base_cells=64 * 64, cache_bytes=100_000)
    for head in range(HEADS):
        for row in range(16):
            engine.tiles(0, head, 0, [(row, column) for column in range(row + 1)])
    rows = HEADS * 128 * 5
    assert rows < engine.nbytes <= 100_000 + rows
    again = engine.tile(0, 0, 3, 0, 0)
    assert same(again.codes, expected(shown, 0, 3, 0, 0, "max", 8))


def test_cancelled_work_ends_and_keeps_what_it_has() -> None:
    engine = Engine(record(256), tile=4, base_cells=64 * 64)
    asked = iter([False] * 12)
    with pytest.raises(CancelledError):
        engine.tile(0, 0, 6, 0, 0, cancelled=lambda: next(asked, True))
    assert engine.tile(0, 0, 6, 0, 0).read == 64


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.tile(0, 9, 0, 0, 0),
        lambda engine: engine.tile(1, 0, 0, 0, 0),
        lambda engine: engine.tile(0, 0, -1, 0, 0),
        lambda engine: engine.tile(0, 0, 99, 0, 0),
        lambda engine: engine.tile(0, 0, 3, 1, 0),
        lambda engine: engine.tile(0, 0, 0, -1, 0),
        lambda engine: engine.tile(0, 0, 0, 0, 0, "median"),
        lambda engine: engine.column(0, [0], N),
        lambda engine: engine.column(0, [HEADS], 0),
        lambda engine: engine.into(0, 0, 4, 4),
    ],
)
def test_what_does_not_exist_is_named(ask: Any) -> None:
    with pytest.raises(InputError):
        ask(Engine(record()))
