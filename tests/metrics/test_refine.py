"""Queries read a slice at a time: at each step a sample that says how sure it is, in the end the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.errors import InputError
from attnwidget.metrics.measure import blocks
from attnwidget.metrics.refine import MOST_QUERIES, Refinement
from attnwidget.metrics.registry import standard
from attnwidget.metrics.sampling import half_width, order, student
from attnwidget.metrics.table import measure_heads
from attnwidget.metrics.thumbnails import block_max, block_size
from tests.metrics.patterns import causal, softmax

WORDS = [" a", " b", " c", " a", ",", " d", " b"]


def record(n: int, *heads: int, visible: np.ndarray | None = None) -> aw.AttentionRecord:
    seen = causal(n) if visible is None else visible
    layers = [softmax(layer, count, seen)[0] for layer, count in enumerate(heads)]
    return aw.AttentionRecord.from_attentions(layers, [WORDS[at % len(WORDS)] for at in range(n)])


def same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [40, 64])
def test_read_to_the_end_it_is_what_measuring_all_queries_gives(n: int) -> None:
    given = record(n, 2, 3)
    refined = Refinement(given, "decoder", standard(), pixels=8)
    seen = []
    while not refined.complete:
        refined.read(refined.sampled + 7)
        seen.append(refined.sampled)
    assert len(seen) > 4
    assert seen[-1] == n
    table, whole = refined.table(), measure_heads(given)
    for name in standard().names:
        same(table.values[name], whole.values[name])
        same(table.baselines[name], whole.baselines[name])
        assert table.counts[name].tolist() == whole.counts[name].tolist()
        known = ~np.isnan(table.values[name])
        assert (table.margins[name][known] == 0).all()
    assert repr(table) == repr(whole)
    size = block_size(n, n, 8)
    for site, picture in zip(refined.sites, refined.pictures, strict=True):
        pixels, reached, tall = picture.pixels()
        assert tall == size
        expected, within = block_max(site.weights(), site.visible()[None], size)
        np.testing.assert_array_equal(pixels, expected)
        assert (reached == within).all()


def test_a_part_is_the_measure_and_the_picture_of_just_these_queries() -> None:
    n, read = 64, 4
    given = record(n, 2)
    refined = Refinement(given, "decoder", standard(), pixels=16)
    refined.read(read)
    assert refined.sampled == read
    table, rows = refined.table(), np.sort(order(n)[:read])
    expected = measure_heads(given, queries=rows)
    for name in standard().names:
        same(table.values[name], expected.values[name])
    assert (np.isnan(expected.margins["entropy"])).all()
    assert (table.margins["entropy"] > 0).all()
    assert np.isnan(table.margins["positional"]).all()
    assert "4 of 64 queries" in repr(table)
    best = table.top("entropy", 1)[0]
    assert best.margin == table.margins["entropy"].max() or best.margin > 0
    assert "±" in repr(best)
    (picture,) = refined.pictures
    pixels, reached, tall = picture.pixels()
    assert (tall, pixels.shape) == (16, (2, 4, 16))
    strongest, _ = block_max(given.sites[0].weights(queries=rows), causal(n)[rows][None], (1, 4))
    np.testing.assert_array_equal(pixels, strongest)
    assert (reached[0] == (np.arange(16) * 4 <= rows[:, None])).all()


def test_every_row_of_a_picture_has_a_query_however_few_are_read() -> None:
    for n in (50, 64, 97):
        given = record(n, 1)
        refined = Refinement(given, "decoder", standard().only(["first"]), pixels=16)
        (picture,) = refined.pictures
        for read in range(1, n + 1):
            picture.read_to(read)
            pixels, reached, tall = picture.pixels()
            assert reached[0, :, 0].all(), (n, read)
            assert pixels.shape[1] == -(-n // tall)


def test_reading_ends_between_rounds_when_it_is_cancelled_or_time_is_over() -> None:
    refined = Refinement(record(64, 1), "decoder", standard().only(["first"]), pixels=8)
    refined.read(64, cancelled=lambda: True)
    assert refined.sampled == 0
    refined.read(1)
    assert refined.sampled == 1
    refined.read(0)
    assert refined.sampled == 1
    refined.read(64, cancelled=lambda: refined.sampled > 1)
    assert 1 < refined.sampled <= 1 + MOST_QUERIES
    refined.read(0, seconds=60)
    assert refined.complete
    assert refined.nbytes > 0


def test_a_round_that_is_cancelled_between_layers_is_gone_on_with() -> None:
    given = record(64, 2, 1, 3)
    refined = Refinement(given, "decoder", standard(), pixels=8)
    refined.read(4)
    held = refined.table()
    asked = 0

    def soon() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    def alone(work: Callable[[int], None], items: Iterator[int], stop: Callable[[], bool]) -> None:
        while not stop():
            work(next(items))

    with pytest.MonkeyPatch.context() as patch:
        # Several threads would ask more often, in an order of their own.
        patch.setattr("attnwidget.metrics.refine.share", alone)
        refined.read(20, cancelled=soon)
    assert refined.sampled == 4
    # Some layers have more already: what is shown is still of the same queries everywhere.
    assert refined.table() is held
    # Whoever reads next ends the round, also who asks for no more.
    refined.read(0)
    assert refined.sampled > 4
    assert refined.table().sampled == refined.sampled
    while not refined.complete:
        refined.read(refined.sampled + 1)
    table, whole = refined.table(), measure_heads(given)
    for name in standard().names:
        same(table.values[name], whole.values[name])
        assert table.counts[name].tolist() == whole.counts[name].tolist()


def test_sample_and_progress_of_measure_heads() -> None:
    given = record(48, 2, 1)
    told: list[tuple[int, int]] = []
    table = measure_heads(given, sample=6, progress=lambda done, total: told.append((done, total)))
    refined = Refinement(given, "decoder", standard(), pixels=8)
    refined.read(6)
    for name in standard().names:
        same(table.values[name], refined.table().values[name])
        same(table.margins[name], refined.table().margins[name])
    assert told[-1] == (12, 12)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert measure_heads(given, sample=500).sampled == 48
    assert measure_heads(given, "decoder", ["first"], progress=True).sampled == 48
    for wrong in ({"sample": 0}, {"sample": 3, "queries": [1]}):
        with pytest.raises(InputError, match="sampled"):
            measure_heads(given, **wrong)  # type: ignore[arg-type]


def test_blocks_end_at_the_last_visible_key_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    (site,) = record(30, 2).sites
    monkeypatch.setattr("attnwidget.metrics.measure.BLOCK_CELLS", 2 * 2 * 30)
    monkeypatch.setattr("attnwidget.metrics.measure.READ_CELLS", 4 * 2 * 30)
    rows = np.asarray([1, 4, 5, 9, 20])
    cut = list(blocks(site, rows, crop=True))
    assert [block.weights.shape for block in cut] == [(2, 2, 5), (2, 2, 10), (2, 1, 21)]
    assert [block.weights.shape[-1] for block in blocks(site, rows)] == [30] * 3


def test_intervals_hold_what_all_queries_give() -> None:
    """Of random causal heads with drifts of their own; one of Student's intervals in twenty may miss."""
    held, total = 0, 0
    rng = np.random.default_rng(3)
    n, heads = 160, 6
    for _ in range(12):
        drift = np.cumsum(rng.normal(size=(heads, n, 1)), axis=1) * 0.1 + 1
        scores = rng.normal(size=(heads, n, n)) * np.abs(drift)
        scores = np.where(causal(n), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        texts = [WORDS[at] for at in rng.integers(0, len(WORDS), n)]
        given = aw.AttentionRecord.from_attentions([weights.astype(np.float32)], texts)
        some, whole = measure_heads(given, sample=40), measure_heads(given)
        for name in some.names:
            margin = some.margins[name]
            known = ~np.isnan(margin)
            held += int((np.abs(some.values[name] - whole.values[name])[known] <= margin[known]).sum())
            total += int(known.sum())
    assert total > 500
    assert held / total >= 0.85


def test_student_and_what_has_no_interval() -> None:
    # Abramowitz and Stegun, table 26.10.
    tabled = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 30: 2.042, 120: 1.980}
    found = student(np.asarray(list(tabled), dtype=np.float64))
    np.testing.assert_allclose(found, list(tabled.values()), atol=6e-3)
    widths = half_width(np.asarray([4.0, 4.0, 0.0]), np.asarray([16.0, 1.0, 16.0]))
    assert widths[0] == pytest.approx(2.131 * 2 / 4, abs=2e-3)
    assert np.isnan(widths[1:]).all()
