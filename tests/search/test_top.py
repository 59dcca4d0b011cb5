"""Searches against their definition over whole patterns: any mask, NaN, cross-attention, words, norms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget.errors import CancelledError, InputError
from attnwidget.record import AttentionRecord, Token, Visibility
from attnwidget.search import search as module
from attnwidget.search.api import Span
from tests.metrics.patterns import softmax
from tests.record.test_qk import site as qk_site
from tests.search.dense import by_head, by_key, by_query, plain_tokens, record_of

RULES: dict[str, dict[str, object]] = {
    "all": {},
    "causal": {"causal": True},
    "window": {"causal": True, "window": 3},
    "mask": {},
    "by head": {},
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[AttentionRecord, tuple[int, int], str]:
    """A record of two layers with different numbers of heads, and a span of its keys or queries."""
    rule = draw(st.sampled_from(sorted(RULES)))
    n = draw(st.integers(2, 9))
    cross = rule == "all" and draw(st.booleans())
    keys = draw(st.integers(1, 6)) if cross else n
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    visible = Visibility(**RULES[rule]).rows(np.arange(n), 0, keys)  # type: ignore[arg-type]
    if rule == "mask":
        visible = random.random((n, keys)) < 0.6
    if rule == "by head":
        visible = random.random((3, n, keys)) < 0.6
    layers = [softmax(int(random.integers(999)), 3, visible, sink=draw(st.booleans()))[0] for _ in range(2)]
    if rule != "by head":
        layers[1] = layers[1][:2]
    if draw(st.booleans()):
        layers[0][random.random(layers[0].shape) < 0.05] = np.nan
        layers[0][~np.broadcast_to(visible, layers[0].shape)] = 0
    record = record_of(layers, visible, kind="cross" if cross else "decoder", **RULES[rule])
    flow = draw(st.sampled_from(["into", "out of"]))
    most = keys if flow == "into" else n
    first = draw(st.integers(0, most - 1))
    return record, (first, draw(st.integers(first + 1, most))), flow


def asked(record: AttentionRecord, span: tuple[int, int], flow: str) -> tuple[list[int], list[int]]:
    site = record.sites[0]
    own = site.kind != "cross"
    inside = range(*span)
    if flow == "into":
        return [q for q in range(site.queries) if not own or q not in inside], list(inside)
    return list(inside), [k for k in range(site.keys) if not own or k not in inside]


def where(span: tuple[int, int], flow: str) -> dict[str, Any]:
    return {"key" if flow == "into" else "query": slice(*span)}


def patterns(record: AttentionRecord) -> list[tuple[int, int, Any, Any]]:
    return [
        (site.layer, head, site.weights(head)[0], visible if visible.ndim == 2 else visible[head])
        for site in record.sites
        for visible in [site.visible()]
        for head in range(site.heads)
    ]


@settings(max_examples=60)
@given(cases(), st.sampled_from(["head", "query", "key"]), st.sampled_from([1, 20, 1 << 20]), st.booleans())
def test_top_is_what_the_definition_says(
    case: tuple[AttentionRecord, tuple[int, int], str], by: Any, cells: int, engine: bool
) -> None:
    record, span, flow = case
    queries, keys = asked(record, span, flow)
    if not queries or not keys:
        with pytest.raises(InputError, match="outside"):
            record.top(**where(span, flow), by=by)
        return
    expected: dict[Any, tuple[float, float]] = {}
    for layer, head, weights, visible in patterns(record):
        if by == "head":
            for value, even, count, query in [
                found for found in [by_head(weights, visible, queries, keys)] if found
            ]:
                expected[layer, head, query, count] = value, even
        elif by == "query":
            for value, even, query in by_query(weights, visible, queries, keys):
                expected[layer, head, query, 1] = value, even
        else:
            for value, even, key, count in by_key(weights, visible, queries, keys):
                expected[layer, head, key, count] = value, even
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_CELLS", cells)
        patch.setattr(module, "ENGINE_CELLS", cells)
        if engine:
            patch.setattr(module, "AT_ONCE_CELLS", 0)
        hits = record.top(**where(span, flow), by=by, k=10_000)
    got = {
        (hit.layer, hit.head, hit.key if by == "key" else hit.query, hit.count): (hit.value, hit.baseline)
        for hit in hits
    }
    assert len(got) == len(hits)
    assert got.keys() == expected.keys()
    for place, values in expected.items():
        assert got[place] == pytest.approx(values, abs=1e-6)
    assert [hit.value for hit in hits] == sorted((hit.value for hit in hits), reverse=True)
    for hit in hits:
        assert hit.exact
        weights = record.weights(hit.layer, hit.head, record.kinds[0])
        seen = record.site(hit.layer, record.kinds[0]).visible()
        seen = seen if seen.ndim == 2 else seen[hit.head]
        if by != "key":
            row = np.where(seen[hit.query, keys], weights[hit.query, keys], -1)
            assert hit.key == keys[int(row.argmax())]
        assert seen[hit.query, hit.key]
        assert hit.query in queries


@settings(max_examples=20)
@given(cases())
def test_sums_are_tops_values_by_head(case: tuple[AttentionRecord, tuple[int, int], str]) -> None:
    record, span, flow = case
    queries, keys = asked(record, span, flow)
    if not queries or not keys:
        return
    sums = (record.into if flow == "into" else record.out_of)(slice(*span))
    assert sums.values.dtype == np.float32
    assert sums.layers == (1, 3)
    for row, layer in enumerate(sums.layers):
        heads = record.site(layer, record.kinds[0]).heads
        assert np.isnan(sums.values[row, heads:]).all()
        for head in range(heads):
            ((_, _, weights, visible),) = [p for p in patterns(record) if p[:2] == (layer, head)]
            found = by_head(weights, visible, queries, keys)
            if not found:
                assert np.isnan([sums.values[row, head], sums.baselines[row, head]]).all()
                assert sums.counts[row, head] == 0
                continue
            assert [sums.values[row, head], sums.baselines[row, head]] == pytest.approx(found[:2], abs=1e-6)
            assert sums.counts[row, head] == found[2]
    best = sums.top(1)
    assert [value for *_, value in best] == ([np.nanmax(sums.values)] if sums.counts.any() else [])


CAUSAL = {"causal": True}


def long_record(heads: int = 3, n: int = 40, seed: int = 3) -> AttentionRecord:
    visible = np.tri(n, dtype=bool)
    return record_of([softmax(seed + layer, heads, visible)[0] for layer in range(2)], visible, **CAUSAL)


@pytest.mark.parametrize("cells", [0, 1 << 26])
def test_recomputed_layers_are_searched_as_dense_ones_are(
    monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    """Grouped-query attention, a soft cap, sinks, a window: masses are those of the site's own weights."""
    monkeypatch.setattr(module, "AT_ONCE_CELLS", cells)
    site = qk_site(
        visibility=Visibility(causal=True, window=9),
        softcap=2.0,
        sink_scores=torch.linspace(-1, 2, 6),
        has_sinks=True,
    )
    visible = site.visible()
    base = record_of([site.weights()], visible, causal=True, window=9)
    recomputed = AttentionRecord(model=base.model, prompt="", streams=base.streams, sites=(site,))
    one = recomputed.into(slice(5, 9))
    assert one.values == pytest.approx(base.into(slice(5, 9)).values, abs=1e-6)
    # A query that the window keeps from the span does not count.
    assert one.counts.tolist() == [[8] * 6]
    assert (one.values < 1).all()
    for where in ({"key": slice(5, 9)}, {"query": 12}):
        for by in ("query", "key"):
            found, expected = recomputed.top(by=by, k=5, **where), base.top(by=by, k=5, **where)
            assert [hit.value for hit in found] == pytest.approx([hit.value for hit in expected], abs=1e-6)
            assert [(hit.query, hit.key) for hit in found] == [(hit.query, hit.key) for hit in expected]


def test_words_and_norms_are_searched_by_their_own_numbers() -> None:
    record = long_record(n=6)
    norms = np.random.default_rng(1).random((3, 6)).astype(np.float32)
    sites = tuple(type(site)(**{**vars(site), "value_norms": norms}) for site in record.sites)
    tokens = tuple(
        Token(id=None, text=text, label=text.strip()) for text in (" a", "b", " c", " d", "e", " f")
    )
    record = AttentionRecord(model=record.model, prompt="", streams={"decoder": tokens}, sites=sites)
    for read in (record.merge_words(), record.norm_weighted(), record.norm_weighted().merge_words()):
        (span,) = read.find("c")
        assert read.words == (span == Span(1, 2, " c", "decoder"))
        sums = read.into(span)
        site = read.site(1)
        after = np.flatnonzero(site.visible()[:, span.start] & (np.arange(site.queries) != span.start))
        assert sums.values[0] == pytest.approx(site.weights()[:, after, span.start].mean(1), abs=1e-6)
        assert sums.counts[0, 0] == len(after)


def test_what_is_outside_can_leave_out_special_tokens_and_the_first() -> None:
    record = long_record(n=6)
    tokens = list(plain_tokens(6))
    tokens[2] = Token(id=None, text="<s>", label="⟨s⟩", special=True)
    record = record_of([site.weights() for site in record.sites], record.sites[0].visible(), tokens, **CAUSAL)
    assert {hit.key for hit in record.top(query=5, by="key", k=99)} == {0, 1, 2, 3, 4}
    assert {hit.key for hit in record.top(query=5, by="key", k=99, plain=True)} == {1, 3, 4}
    assert {hit.query for hit in record.top(key=0, by="query", k=99, plain=True)} == {1, 3, 4, 5}
    assert {hit.key for hit in record.top(key=2, plain=True)} == {2}


def test_both_ends_of_the_question_can_be_given() -> None:
    record = long_record()
    (hit,) = record.top(key=slice(3, 8), query=slice(20, 23), k=1, layers=[3])
    means = record.site(3).weights(queries=slice(20, 23))[..., 3:8].sum(-1).mean(-1)
    assert (hit.layer, hit.head, hit.count) == (3, means.argmax(), 3)
    assert hit.value == pytest.approx(means.max(), abs=1e-6)


def test_a_sample_says_that_it_is_one_and_becomes_exact_when_it_is_everything() -> None:
    record = long_record()
    (hit,) = record.top(key=slice(2, 5), k=1, sample=7)
    assert (hit.read, hit.of, hit.exact, hit.count) == (7, 35, False, 7)
    assert "sampled 7 of 35 queries" in repr(hit)
    rows = module.Search(record, question, sample=7)._sample(hit.layer)
    masses = record.site(hit.layer).weights(hit.head, rows)[0, :, 2:5].sum(-1)
    width = 2.4469 * masses.std(ddof=1) / np.sqrt(7) * np.sqrt(1 - 7 / 35)
    assert hit.margin == pytest.approx(width, rel=1e-2)
    assert f"value={hit.value:.3f} ± {hit.margin:.3f}," in repr(hit)
    sums = record.into(slice(2, 5), sample=7)
    assert sums.margins[sums.layers.index(hit.layer), hit.head] == pytest.approx(hit.margin)
    assert np.isnan(record.into(slice(2, 5)).margins).all()
    assert "sampled 7 of 35 queries" in repr(record.into(slice(2, 5), sample=7))
    assert repr(record.top(key=slice(2, 5), sample=35)) == repr(record.top(key=slice(2, 5)))
    assert "sampled" not in repr(record.into(slice(2, 5)))
    # The queries of a small sample are among those of a larger one, the last query of the prompt first.
    rows = [module.Search(record, question, sample=m)._sample(1) for m in (4, 9)]
    assert set(rows[0]) < set(rows[1])
    assert 39 in rows[0]


def test_a_followed_search_samples_first_and_ends_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    record = long_record()
    monkeypatch.setattr(module, "AT_ONCE_CELLS", 10)
    monkeypatch.setattr(module, "SAMPLE", 5)
    monkeypatch.setattr("attnwidget.search.api.SLICE_SECONDS", 0.0)
    states = list(record.search(key=slice(2, 5), k=4))
    sampled = [state for state in states if state.done == 0]
    assert [state.sampled for state in sampled] == sorted(state.sampled for state in sampled)
    assert sampled[-1].sampled == sampled[-1].total == 6
    assert all(not hit.exact for state in sampled for hit in state.hits)
    assert [state.done for state in states] == sorted(state.done for state in states)
    # The head that the sample ranks first is the first that is read whole.
    first_exact = next(state for state in states if state.done == 1)
    (exact,) = [hit for hit in first_exact.hits if hit.exact]
    best = sampled[-1].hits[0]
    assert (exact.layer, exact.head) == (best.layer, best.head)
    assert states[-1].complete
    assert not states[-2].complete
    assert repr(list(states[-1].hits)) == repr(record.top(key=slice(2, 5), k=4))


def test_a_cancelled_search_ends_and_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    record = long_record()
    with pytest.raises(CancelledError):
        record.top(key=3, cancelled=lambda: True)
    told: list[tuple[int, int]] = []
    record.top(key=3, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)
    record.into(3, progress=True)
    assert "6/6" in capsys.readouterr().err


@pytest.mark.parametrize("cells", [1, 1 << 20])
def test_of_equal_ones_the_first_is_named(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(module, "BLOCK_CELLS", cells)
    visible = np.ones((5, 5), dtype=bool)
    record = record_of([np.full((2, 5, 5), 0.2, dtype=np.float32)], visible)
    assert [(hit.head, hit.query, hit.key) for hit in record.top(key=slice(1, 3))] == [(0, 0, 1), (1, 0, 1)]
    best = record.top(key=slice(1, 3), by="query", k=2)
    assert [(hit.head, hit.query) for hit in best] == [(0, 0), (0, 3)]
    best = record.top(query=slice(1, 3), by="key", k=2)
    assert [(hit.head, hit.query, hit.key) for hit in best] == [(0, 1, 0), (0, 1, 3)]


question = module.Question("decoder", (1, 3), ((5, 40),), ((2, 5),))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "which tokens"),
        ({"key": slice(4, 4)}, "names no key"),
        ({"key": 40}, "names no key"),
        ({"query": -41}, "names no query"),
        ({"key": slice(0, 9, 2)}, "no gaps"),
        ({"key": "word"}, "cannot be of type str"),
        ({"key": True}, "cannot be of type bool"),
        ({"key": Span(3, 41)}, "names no key"),
        ({"key": Span(0, 1, stream="encoder")}, "tokens of the encoder"),
        ({"key": slice(0, 40)}, "outside"),
        ({"key": 3, "by": "layer"}, "ranked by 'layer'"),
        ({"key": 3, "k": 0}, "k=0"),
        ({"key": 3, "sample": 1.5}, "sample=1.5"),
        ({"key": 3, "layers": [0]}, "Layer 0"),
        ({"key": 3, "layers": []}, "No layer"),
        ({"key": 3, "site": "cross"}, "no 'cross' site"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        long_record().top(**arguments)
