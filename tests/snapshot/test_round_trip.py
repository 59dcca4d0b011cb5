"""A record, as a snapshot and read again, is the same record as far as the snapshot says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attnwidget.errors import NotRecordedError
from attnwidget.metrics.table import measure_heads
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.snapshot import decode, encode
from attnwidget.snapshot.frame import ask
from attnwidget.wire.patterns import COMPAND_ERROR
from tests.capture.families import FAMILIES
from tests.snapshot.records import RECORDS, given, record, site, tokens
from tests.snapshot.saved import of_family

EXACT = "attnwidget.snapshot.fit.EXACT_BYTES"


def worst(one: AttentionRecord, other: AttentionRecord) -> float:
    """Return the largest difference of a weight; what is not a number has to be so on both sides."""
    largest = 0.0
    for mine, theirs in zip(one.sites, other.sites, strict=True):
        a, b = mine.weights(), theirs.weights()
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        apart = np.abs(a - b)[~np.isnan(a)]
        largest = max(largest, float(apart.max(initial=0.0)))
    return largest


@pytest.mark.parametrize("name", RECORDS)
def test_an_exact_snapshot_is_the_record_to_the_bit(name: str) -> None:
    one = RECORDS[name]()
    snapshot = encode(one)
    again = decode(snapshot.data)
    assert (snapshot.precision["form"], snapshot.precision["error"]) == ("exact", 0.0)
    assert again.precision == snapshot.precision
    assert worst(one, again) == 0.0
    assert (again.id, again.prompt, again.context, again.words, again.weighting) == (
        *(one.id, one.prompt, one.context),
        *(one.words, one.weighting),
    )
    assert again.model == one.model
    assert again.streams == one.streams
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        assert (mine.kind, mine.layer, mine.heads, mine.kv_heads) == (
            *(theirs.kind, theirs.layer),
            *(theirs.heads, theirs.kv_heads),
        )
        np.testing.assert_array_equal(mine.visible(), theirs.visible())
        np.testing.assert_array_equal(mine.sink(), theirs.sink())
        assert (mine.has_sinks, mine.rotary, mine.fidelity) == (
            *(theirs.has_sinks, theirs.rotary),
            theirs.fidelity,
        )


@pytest.mark.parametrize("name", RECORDS)
def test_scores_and_their_terms_are_kept(name: str) -> None:
    one = RECORDS[name]()
    again = decode(encode(one).data)
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        assert mine.has_scores == theirs.has_scores
        assert mine.half_precision == theirs.half_precision
        if not mine.has_scores:
            with pytest.raises(NotRecordedError):
                theirs.scores()
            continue
        for head in range(mine.heads):
            for a, b in zip(mine.qk(head), theirs.qk(head), strict=True):
                np.testing.assert_array_equal(a, b)
            a, b = mine.terms(head, mine.queries - 1), theirs.terms(head, mine.queries - 1)
            np.testing.assert_array_equal(a.scores(), b.scores())
            assert a.sink_score == b.sink_score
        if not mine.half_precision:
            np.testing.assert_allclose(theirs.scores(), mine.scores(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("step", [1, 2])
def test_dense_weights_are_within_the_error_that_is_stated(
    name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EXACT, 0)
    monkeypatch.setattr("attnwidget.snapshot.fit.STEPS", (step,))
    one = RECORDS[name]()
    snapshot = encode(one, budget=200_000) if step == 2 else encode(one)
    again = decode(snapshot.data)
    assert snapshot.precision["form"] == "dense"
    assert snapshot.precision["error"] <= (COMPAND_ERROR if step == 1 else 1 - (252 / 253) ** 2) + 1e-6
    from_cells = 0.0
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        assert theirs.cells.form == "dense"  # type: ignore[attr-defined]
        recomputed = mine.has_scores and not mine.half_precision
        off = np.nanmax(np.abs(mine.weights() - theirs.weights()))
        assert off <= (2e-6 if recomputed else snapshot.precision["error"])
        from_cells = max(from_cells, 0.0 if recomputed else float(off))
    if name == "given":
        # What is stated is what is measured, not only a bound.
        assert from_cells == pytest.approx(snapshot.precision["error"], abs=1e-6)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("k", [1, 3])
def test_rows_that_are_cut_keep_their_largest_weights_and_say_what_is_missing(name: str, k: int) -> None:
    from attnwidget.snapshot.cells import WEIGHTS
    from attnwidget.snapshot.fit import _made
    from attnwidget.snapshot.frame import Frame
    from attnwidget.snapshot.patterns import Patterns
    from attnwidget.snapshot.terms import keep_rows, keep_terms

    one = RECORDS[name]()
    service = Service(one)
    frame = Frame.of(service, one)
    patterns = Patterns(frame.sites, {key: range(each.heads) for key, each in frame.sites.items()})
    part = patterns.top_rows(patterns.best(5), k)
    bare = [part, keep_terms(frame.sites, {}), keep_rows(frame.sites, {}, None)]
    snapshot = _made(frame, bare, frame.pictures(8), True)
    again = decode(snapshot.data)
    kept = snapshot.precision
    assert kept["form"] == "top"
    assert kept["kept"] is not None
    assert 0 < kept["kept"] <= k
    shares: list[float] = []
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        weights, cut = mine.weights(), theirs.weights()
        for head in range(mine.heads):
            rest = theirs.left_out(head)  # type: ignore[attr-defined]
            for query in range(mine.queries):
                row, found = weights[head, query], cut[head, query]
                if np.isnan(row).any():
                    assert np.isnan(found).sum() == min(k, int(np.isnan(row).sum()))
                    assert np.isnan(rest[query])
                    continue
                there = found > 0
                assert np.abs(found - row)[there].max(initial=0.0) <= kept["error"]
                # Ties aside, what is left out is no larger than what is kept.
                least = row[there].min(initial=2.0)
                codes = np.sqrt(row) * 253
                left = (codes >= 0.5) & ~there
                if left.any():
                    assert row[left].max() <= least + 1e-6
                missing = float(row.sum(dtype=np.float64) - row[there].sum(dtype=np.float64))
                assert rest[query] >= missing - 1e-4
                assert rest[query] <= (np.sqrt(missing + 1e-4) + 1.01 / 253) ** 2
                shares.append(missing / max(1e-30, float(row.sum())))
    assert kept["dropped_most"] == pytest.approx(max(shares), abs=2e-4)
    assert WEIGHTS[0] == 0


@pytest.mark.parametrize("name", ["Gemma 2", "gpt-oss", "DeepSeek-V3", "Falcon, ALiBi", "T5", "Jamba"])
def test_true_models_come_back_exactly_and_are_recomputed_from_queries_and_keys(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = of_family(next(family for family in FAMILIES if family.name == name))
    assert worst(one, decode(encode(one).data)) == 0.0
    monkeypatch.setattr(EXACT, 0)
    dense = encode(one)
    assert (dense.precision["form"], dense.precision["terms"]) == ("dense", "all")
    assert worst(one, decode(dense.data)) < 2e-6


def test_metrics_of_the_run_come_with_it_though_rows_were_cut() -> None:
    one = given()
    again = decode(encode(one, budget=3_500).data)
    assert again.precision is not None
    assert again.precision["form"] == "top"
    mine, theirs = Service(one), Service(again)
    for name, values in ask(mine, "metrics", site="decoder").items():
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(ask(theirs, "metrics", site="decoder")[name], values)
    # They are not those of what is left.
    cut = measure_heads(again).values["entropy"]
    assert np.nanmax(np.abs(cut - measure_heads(one).values["entropy"])) > 1e-3
    # A metric that was not measured then cannot be measured now, and says so.
    theirs.add_detector("mine", lambda queries, keys: np.ones((len(queries), len(keys))))
    infos = ask(theirs, "metrics", site="decoder")["metrics"]
    assert "left out weights" in infos[-1]["eligible"]


def test_a_service_over_a_snapshot_says_how_precise_it_is_and_answers() -> None:
    one = record(site(0), site(1))
    again = decode(encode(one, budget=7_000, query=3).data)
    service = Service(again)
    opened = ask(service, "open")
    assert opened["precision"] == again.precision
    assert opened["record"] == "r1"
    assert ask(service, "model", site="decoder")["thumbnails"].shape[0] == 8
    reply = ask(service, "layer", site="decoder", layer=1, heads=[0, 3], thumbnails=True)
    assert reply["patterns"].shape == (2, 19, 19)
    row = ask(service, "row", site="decoder", layer=1, heads=[0, 1, 2, 3], query=3)
    np.testing.assert_array_equal(row["weights"][:, :4], one.site(1).weights(queries=3)[:, 0, :4])


def test_words_cannot_be_merged_once_weights_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    one = record(site(), streams={"decoder": tuple(replace(token, text="a") for token in tokens(19))})
    whole = decode(encode(one).data)
    monkeypatch.setattr("attnwidget.snapshot.fit.DENSEST", 0)
    cut = decode(encode(one, budget=9_000).data)
    assert cut.precision is not None
    assert cut.precision["form"] == "top"
    assert whole.can_merge
    assert not cut.can_merge
    assert whole.merge_words().tables == {}
    with pytest.raises(NotRecordedError, match="left out"):
        cut.merge_words()


def test_a_snapshot_of_a_snapshot_keeps_its_numbers() -> None:
    one = record(site(0), site(1, softcap=2.0))
    first = decode(encode(one).data)
    second = decode(encode(first).data)
    assert worst(first, second) == 0.0
    np.testing.assert_array_equal(first.site(1).scores(), second.site(1).scores())


def test_metrics_of_sampled_queries_keep_their_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnwidget.service.heads.METRIC_CELLS", 1)
    rows = np.tril(np.random.default_rng(1).random((1, 2, 40, 40), dtype=np.float32)) + 1e-6
    rows *= np.tri(40, dtype=np.float32)
    one = AttentionRecord.from_attentions(rows / rows.sum(-1, keepdims=True), ["a", "b"] * 20)
    made = Service(one).metrics("decoder")
    kept = decode(encode(one).data).tables["decoder"]
    assert (made.sampled, kept.sampled, kept.queries) == (8, 8, 40)
    np.testing.assert_allclose(kept.margins["entropy"], made.margins["entropy"], rtol=1e-6)
    assert (kept.margins["entropy"] > 0).all()
    assert np.isnan(kept.margins["positional"]).all()
