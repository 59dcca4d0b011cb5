"""The terms of a score: they add up to the scores, and through the softmax to the model's own weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.capture import Captured, run_with_capture
from attnwidget.errors import InputError, NotRecordedError
from attnwidget.record import AttentionRecord, ModelInfo, ScoreTerms, Site, text_tokens
from attnwidget.service.neuron import answer_neuron
from attnwidget.wire.arrays import Buffers, unpack
from attnwidget.wire.schema import MASKED
from tests.capture.families import FAMILIES, Family, eager_weights

WANTED = {
    "GPT-2": "plain",
    "BERT": "an encoder",
    "Llama": "grouped queries and rotation",
    "Gemma 2": "soft cap and sliding window",
    "Mistral": "sliding window",
    "T5": "position bias, no scaling, cross-attention",
    "BART": "cross-attention",
    "gpt-oss": "learned sinks",
    "Falcon, ALiBi": "linear biases",
    "Jamba": "layers without attention",
}
OUTPUTS = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}

CHOSEN = [family for family in FAMILIES if family.name in WANTED]
families = pytest.mark.parametrize("family", CHOSEN, ids=lambda family: family.name)
comparable = pytest.mark.parametrize(
    "family", [family for family in CHOSEN if family.drift is not None], ids=lambda family: family.name
)


@cache
def captured(family: Family) -> Captured:
    return run_with_capture(family.build(), family.inputs())


def reach(site: Site, head: int, query: int) -> np.ndarray:
    visible = site.visible(query)
    row: np.ndarray = visible[0] if visible.ndim == 2 else visible[head if visible.shape[0] > 1 else 0, 0]
    return row


def softmax(terms: ScoreTerms, visible: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights and the sink's mass, in double precision, from nothing but the terms."""
    scores = np.where(visible, terms.scores().astype(np.float64), -np.inf)
    if terms.sink_score is not None:
        scores = np.append(scores, terms.sink_score)
    raised = np.exp(scores - scores.max())
    weights = raised / raised.sum()
    return (weights, 0.0) if terms.sink_score is None else (weights[:-1], float(weights[-1]))


def test_all_families_are_there() -> None:
    assert WANTED.keys() <= {family.name for family in FAMILIES}


@families
def test_terms_add_up_to_scores_and_weights(family: Family) -> None:
    for site in captured(family).sites:
        for head in range(site.heads):
            for query in (0, site.queries // 2, site.queries - 1):
                terms, visible = site.terms(head, query), reach(site, head, query)
                scores, weights = site.scores(head, query)[0, 0], site.weights(head, query)[0, 0]
                np.testing.assert_allclose(terms.scores()[visible], scores[visible], atol=2e-5)
                own, sink = softmax(terms, visible)
                np.testing.assert_allclose(own, weights, atol=2e-6)
                assert sink == pytest.approx(float(site.sink(head, query)[0, 0]), abs=2e-6)


@comparable
def test_terms_lead_to_the_models_own_weights(family: Family) -> None:
    reference = eager_weights(family.build("eager"), family.inputs())
    assert family.drift is not None
    counts: dict[str, int] = {}
    for site in captured(family).sites:
        place = counts.get(site.kind, 0)
        counts[site.kind] = place + 1
        output = OUTPUTS[site.kind] if (OUTPUTS[site.kind], 0) in reference else "attentions"
        for head in range(site.heads):
            own, _ = softmax(site.terms(head, site.queries - 1), reach(site, head, site.queries - 1))
            np.testing.assert_allclose(own, reference[output, place][head, -1], atol=family.drift)


@families
def test_each_term_is_there_where_the_model_has_it(family: Family) -> None:
    sites = captured(family).sites
    terms = [site.terms(0, site.queries - 1) for site in sites]
    assert {one.softcap for one in terms} == ({5.0} if family.name == "Gemma 2" else {None})
    assert all((one.sink_score is not None) == (family.name == "gpt-oss") for one in terms)
    biased = [site.kind for site, one in zip(sites, terms, strict=True) if one.bias is not None]
    if family.name == "T5":
        assert set(biased) >= {"encoder", "decoder"}
        assert {one.scaling for one in terms} == {1.0}
    elif family.name == "Falcon, ALiBi":
        assert len(biased) == len(sites)
    else:
        assert biased == []
    if family.name != "T5":
        assert all(one.scaling == pytest.approx(one.q.size**-0.5) for one in terms)


def record_of(family: Family) -> AttentionRecord:
    sites = captured(family).sites
    streams: dict[Any, Any] = {}
    for site in sites:
        if site.kind != "cross":
            streams[site.kind] = text_tokens([f"t{place}" for place in range(site.queries)])
    return AttentionRecord(model=ModelInfo(name=family.name), prompt="", streams=streams, sites=sites)


def answer(record: AttentionRecord, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a reply and its arrays."""
    meta, buffers = answer_neuron(record, *args, **options)
    names = ("q", "k", "bias", "scores", "weights")
    fields: dict[str, Any] = dict(meta)
    return fields, {name: _array(fields[name], buffers) for name in names}


def _array(spec: Any, buffers: Buffers) -> Any:
    return None if spec is None else unpack(spec, buffers.data)


def named(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


@families
def test_a_reply_adds_up_as_the_front_end_adds_it(family: Family) -> None:
    record = record_of(family)
    for site in captured(family).sites:
        query = site.queries - 1
        meta, arrays = answer(record, site.kind, site.layer, 3, query)
        score = arrays["k"].astype(np.float64) @ arrays["q"] * meta["scaling"]
        if meta["softcap"] is not None:
            score = meta["softcap"] * np.tanh(score / meta["softcap"])
        if arrays["bias"] is not None:
            score = score + arrays["bias"]
        masked = arrays["weights"] == MASKED
        np.testing.assert_array_equal(np.isnan(arrays["scores"]), masked)
        np.testing.assert_array_equal(~masked, reach(site, 3, query))
        np.testing.assert_allclose(score[~masked], arrays["scores"][~masked], atol=2e-5)
        raised = np.exp(arrays["scores"][~masked].astype(np.float64))
        sink = 0.0 if meta["sink_score"] is None else np.exp(meta["sink_score"])
        np.testing.assert_allclose(raised / (raised.sum() + sink), arrays["weights"][~masked], atol=2e-6)
        assert sink / (raised.sum() + sink) == pytest.approx(meta["sink"], abs=2e-6)


def test_heads_that_share_keys_are_named() -> None:
    record = record_of(named("Llama"))
    replies = [answer(record, "decoder", 1, head, 7)[0] for head in range(4)]
    assert [reply["kv_head"] for reply in replies] == [0, 0, 1, 1]
    assert [reply["shared"] for reply in replies] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert all(reply["rotary"] for reply in replies)
    alone = answer(record_of(named("GPT-2")), "decoder", 1, 2, 7)[0]
    assert (alone["kv_head"], alone["shared"], alone["rotary"]) == (2, [2], False)


def test_a_sliding_window_masks_what_is_far() -> None:
    _, arrays = answer(record_of(named("Mistral")), "decoder", 0, 0, 20)
    assert np.flatnonzero(arrays["weights"] != MASKED).tolist() == list(range(13, 21))


def test_keys_that_the_front_end_has_stay_here() -> None:
    record = record_of(named("Llama"))
    whole, arrays = answer(record, "decoder", 1, 2, 7)
    rest, fewer = answer(record, "decoder", 1, 2, 7, keys=False)
    assert (rest["k"], fewer["k"]) == (None, None)
    for name in ("q", "scores", "weights"):
        np.testing.assert_array_equal(fewer[name], arrays[name])
    assert rest["scaling"] == whole["scaling"]


def test_weights_alone_where_nothing_else_is_known() -> None:
    weights = np.tri(5, dtype=np.float32)[None, None] / np.arange(1, 6, dtype=np.float32)[:, None]
    record = AttentionRecord.from_attentions(weights, [f"t{place}" for place in range(5)])
    meta, arrays = answer(record, "decoder", 0, 0, 2)
    assert [meta[name] for name in ("q", "k", "bias", "scores", "scaling")] == [None] * 5
    expected = np.array([1 / 3, 1 / 3, 1 / 3, MASKED, MASKED], dtype=np.float32)
    np.testing.assert_array_equal(arrays["weights"], expected)
    with pytest.raises(NotRecordedError, match="only its weights"):
        record.terms(0, 0, 2)


def test_a_record_gives_its_terms() -> None:
    record = aw.ModelRunner().run("The cat sat because it was tired.")
    terms = record.terms(layer=2, head=1, query=6)
    np.testing.assert_allclose(terms.scores()[:7], record.scores(2, 1)[6, :7], atol=2e-5)
    q, k = record.qk(2, 1)
    np.testing.assert_array_equal(terms.q, q[6])
    np.testing.assert_array_equal(terms.k, k)
    with pytest.raises(InputError):
        record.terms(layer=2, head=9, query=6)
    with pytest.raises(InputError):
        record.terms(layer=2, head=1, query=600)


def test_terms_are_copies() -> None:
    record = aw.ModelRunner().run("The cat sat.")
    before = record.weights(1, 0)
    record.terms(1, 0, 2).k[:] = 0
    np.testing.assert_array_equal(record.weights(1, 0), before)
