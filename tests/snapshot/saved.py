"""What tests of saved records share: records of every kind of site, and whether two say the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import torch

from attnwidget.capture import run_with_capture
from attnwidget.record import (
    AttentionRecord,
    DenseSite,
    ModelInfo,
    Predictions,
    Site,
    Stream,
    Token,
    Visibility,
    streams_of,
)
from attnwidget.record.qk import QKSite
from tests.capture.families import Family


def tokens(count: int) -> tuple[Token, ...]:
    """Tokens with everything that tokens can have, a lone surrogate and ends of lines included."""
    odd = [
        Token(id=None, text="", label="∅"),
        Token(id=7, text="<s>", label="⟨s⟩", special=True),
        Token(id=9, text=" é\n\u2028", label="é↵", start=0, end=2),
        Token(id=10, text="\ud83d", label="⟨D83D⟩", continued=True, segment=1, start=2, end=3),
    ]
    plain = [Token(id=at, text=f" w{at}", label=f"w{at}", start=4 * at) for at in range(count)]
    return tuple([*odd, *plain][:count])


def record_of(sites: tuple[Site, ...], **more: Any) -> AttentionRecord:
    """Return a record of some sites."""
    streams: dict[Stream, tuple[Token, ...]] = {}
    for site in sites:
        for stream, count in zip(streams_of(site.kind), (site.queries, site.keys), strict=True):
            streams[stream] = tokens(count)
    return AttentionRecord(
        model=ModelInfo(name="toy", architecture="Toy", layers=5, dtype="float32", parameters=7 << 33),
        prompt='a "prompt"\n\ud83d',
        streams=streams,
        sites=sites,
        **more,
    )


def of_family(family: Family, exact: bool = False) -> AttentionRecord:
    """Return the record of a tiny true model."""
    return record_of(run_with_capture(family.build(), family.inputs(), exact=exact).sites, exact=exact)


def predictions(positions: int) -> Predictions:
    """Return predictions in which labels come twice."""
    generator = np.random.default_rng(0)
    return Predictions(
        ids=generator.integers(0, 99, (positions, 3), dtype=np.int32),
        probs=generator.random((positions, 3), dtype=np.float32),
        labels=tuple((f"l{at % 4}", "é", "the") for at in range(positions)),
    )


def queries_keys(
    layer: int, *, heads: int = 4, kv_heads: int = 2, n: int = 11, dtype: Any = torch.float32, **more: Any
) -> QKSite:
    """Return a decoder's site of random queries and keys."""
    generator = torch.Generator().manual_seed(layer)
    facts: dict[str, Any] = {
        "kind": "decoder",
        "layer": layer,
        "name": f"layers.{layer}.attn",
        "route": "interface",
        "heads": heads,
        "kv_heads": kv_heads,
        "queries": n,
        "keys": n,
        "visibility": Visibility(causal=True),
        "scaling": 0.3,
        "q": torch.randn((heads, n, 5), generator=generator).to(dtype),
        "k": torch.randn((kv_heads, n, 5), generator=generator).to(dtype),
    }
    return QKSite(**facts | more)


def odd_record() -> AttentionRecord:
    """Return a record whose sites have what the families lack: masks, shared biases, halves, norms."""
    n = 11
    generator = np.random.default_rng(1)
    mask = Visibility(causal=True, mask=np.tril(generator.random((n, n)) < 0.6) | np.eye(n, dtype=np.bool_))
    by_head = Visibility(mask=generator.random((4, n, n)) < 0.7)
    bias = torch.randn((4, 1, n), generator=torch.Generator().manual_seed(9))
    norms = generator.random((4, n), dtype=np.float32)
    nowhere = np.ones((n, n), dtype=np.bool_)
    nowhere[3] = False  # a query that sees nothing
    values = np.tril(generator.random((4, n, n), dtype=np.float32))
    values[2, 1, 1] = np.nan
    half = {"dtype": torch.bfloat16, "rounded": True}
    sites = (
        queries_keys(0, visibility=mask, bias=bias, value_norms=norms, fidelity=1e-7),
        queries_keys(1, visibility=mask, bias=bias.expand(4, n, n), softcap=2.5),
        queries_keys(
            3,
            visibility=Visibility(causal=True, window=3),
            **half,
            sink_scores=torch.randn(4),
            has_sinks=True,
        ),
        queries_keys(4, visibility=by_head, dtype=torch.float16, rotary=True),
        queries_keys(6, visibility=Visibility(mask=nowhere), dtype=torch.float64, bias=bias[:1]),
        DenseSite(
            **facts_of(queries_keys(7, kv_heads=4, has_sinks=True)),
            values=values,
            sinks=generator.random((4, n), dtype=np.float32),
        ),
    )
    return record_of(sites, context="second", predictions=predictions(n), notes=("A note.", "Ein Satz – é."))


def facts_of(site: Site) -> dict[str, Any]:
    """Return the fields that every site has."""
    return {field.name: getattr(site, field.name) for field in fields(Site)}


def assert_same(one: AttentionRecord, other: AttentionRecord) -> None:
    """Assert that two records say the same to the last bit, whatever they are asked."""
    assert replace_sites(one) == replace_sites(other)
    assert (one.predictions is None) == (other.predictions is None)
    if one.predictions is not None and other.predictions is not None:
        assert one.predictions.labels == other.predictions.labels
        assert_equal(one.predictions.ids, other.predictions.ids)
        assert_equal(one.predictions.probs, other.predictions.probs)
    for site, again in zip(one.sites, other.sites, strict=True):
        plain = {**facts_of(site), "visibility": None, "value_norms": None}
        assert plain == {**facts_of(again), "visibility": None, "value_norms": None}
        assert (site.causal, site.window) == (again.causal, again.window)
        assert (site.visibility.mask is None) == (again.visibility.mask is None)
        assert (site.value_norms is None) == (again.value_norms is None)
        if site.value_norms is not None:
            assert_equal(site.value_norms, again.value_norms)
        assert_equal(site.visible(), again.visible())
        assert_equal(site.weights(), again.weights())
        assert_equal(site.weights([1], [site.queries - 1, 0]), again.weights([1], [site.queries - 1, 0]))
        assert_equal(site.sink(), again.sink())
        assert site.has_scores == again.has_scores
        if site.has_scores:
            assert_equal(site.scores(), again.scores())
            for head in range(site.heads):
                for mine, its in zip(site.qk(head), again.qk(head), strict=True):
                    assert_equal(mine, its)
            mine, its = site.terms(1, site.queries - 1), again.terms(1, site.queries - 1)
            for field in fields(mine):
                assert_equal(getattr(mine, field.name), getattr(its, field.name))


def replace_sites(record: AttentionRecord) -> dict[str, Any]:
    """Return what a record says besides its arrays."""
    return {
        field.name: getattr(record, field.name)
        for field in fields(record)
        if field.name not in ("sites", "predictions")
    }


def assert_equal(one: Any, other: Any) -> None:
    """Assert that two arrays, or numbers, are the same, dtype and all."""
    assert np.asarray(one).dtype == np.asarray(other).dtype
    np.testing.assert_array_equal(one, other)
