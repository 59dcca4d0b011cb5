"""Whatever the budget, a snapshot keeps to it, keeps the best that fits, and tells the truth about it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from attnwidget.errors import NotRecordedError, SnapshotError
from attnwidget.record import AttentionRecord, Visibility
from attnwidget.service import Service
from attnwidget.service.answers import opening
from attnwidget.snapshot import Snapshot, decode, encode
from attnwidget.snapshot.cells import WEIGHTS
from attnwidget.snapshot.frame import ask
from attnwidget.wire.patterns import COMPAND_ERROR
from attnwidget.wire.schema import HeadRef
from tests.snapshot.records import RECORDS, record, site, tokens

HELD: list[HeadRef] = [{"site": "decoder", "layer": 0, "head": 2}]


def long_record(n: int, layers: int = 2, heads: int = 4) -> AttentionRecord:
    """Return queries and keys of a long prompt, of which nobody can hold all patterns."""
    generator = torch.Generator().manual_seed(2)
    sites = [
        site(
            layer,
            heads=heads,
            kv_heads=1,
            queries=n,
            keys=n,
            q=torch.randn(heads, n, 8, generator=generator),
            k=torch.randn(1, n, 8, generator=generator),
        )
        for layer in range(layers)
    ]
    return record(*sites, streams={"decoder": tokens(n)})


def check(one: AttentionRecord, snapshot: Snapshot, budget: int) -> AttentionRecord:
    """Return what can be read of it, after comparing each number with the record's."""
    kept = snapshot.precision
    assert len(snapshot.data) <= budget
    again = decode(snapshot.data)
    left_out = 0.0
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        for head in range(mine.heads):
            try:
                found = theirs.weights(head)[0]
            except NotRecordedError:
                assert kept["patterns"] != "all"
                continue
            row = mine.weights(head)[0]
            nothing = (found == 0) & (kept["form"] == "top")
            off = np.abs(np.where(nothing, 0, found - row))
            assert np.nanmax(off) <= max(kept["error"], 2e-6)
            mass = np.where(nothing, row, 0).sum(-1) / np.maximum(row.sum(-1), 1e-30)
            left_out = max(left_out, float(np.nanmax(mass)))
    assert left_out <= kept["dropped_most"] + 1e-3
    return again


@pytest.mark.parametrize("name", RECORDS)
def test_any_budget_is_kept_to_and_more_of_it_is_never_worse(name: str) -> None:
    one = RECORDS[name]()
    whole = len(encode(one).data)
    ranks: list[tuple[int, float]] = []
    for budget in sorted({whole, whole - 1, whole // 2, whole // 3}):
        try:
            snapshot = encode(one, budget=budget, held=HELD, query=0)
        except SnapshotError as error:
            named = re.search(r'"(\d+) kB"', error.todo)
            assert named is not None
            check(one, encode(one, budget=int(named[1]) * 750, held=HELD, query=0), int(named[1]) * 750)
            continue
        check(one, snapshot, budget)
        kept = snapshot.precision
        order = ("exact", "dense", "top").index(kept["form"]) if kept["patterns"] == "all" else 3
        ranks.append((-order if kept["terms"] != "none" or order else -1, -kept["dropped"]))
    assert ranks == sorted(ranks) or name != "given"
    assert encode(one, budget=whole).precision["form"] == "exact"


def test_the_held_heads_keep_queries_and_keys_where_not_all_do() -> None:
    one = record(*(site(layer) for layer in range(6)))
    snapshot = encode(one, budget=8_000, held=HELD)
    assert snapshot.precision["terms"] == "some"
    again = decode(snapshot.data)
    np.testing.assert_array_equal(again.qk(0, 2)[0], one.qk(0, 2)[0])
    np.testing.assert_allclose(again.weights(0, 2), one.weights(0, 2), atol=2e-6)
    with pytest.raises(NotRecordedError, match="queries and keys"):
        again.qk(0, 1)


def test_what_is_left_of_the_budget_goes_to_queries_and_keys_of_more_heads() -> None:
    one = record(*(site(layer) for layer in range(6)))
    kept = []
    for budget in (12_000, 16_000, 20_000):
        again = check(one, encode(one, budget=budget, held=HELD), budget)
        kept.append(sum(each.terms_kept is not None for each in again.sites))  # type: ignore[attr-defined]
        np.testing.assert_array_equal(again.qk(0, 2)[0], one.qk(0, 2)[0])
    assert kept == sorted(kept)
    assert kept[-1] > kept[0]


def test_the_held_query_is_exact_in_all_heads_where_rows_were_cut() -> None:
    one = long_record(160, layers=3)
    snapshot = encode(one, budget=40_000, held=HELD, query=100)
    assert snapshot.precision["form"] == "top"
    again = check(one, snapshot, 40_000)
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        np.testing.assert_array_equal(theirs.weights(queries=100), mine.weights(queries=100))
        assert not np.array_equal(theirs.weights(3, 101), mine.weights(3, 101))


def test_more_budget_keeps_more_of_each_row() -> None:
    one = long_record(256)
    found = [encode(one, budget=budget).precision for budget in (20_000, 40_000, 80_000)]
    assert [kept["form"] for kept in found] == ["top"] * 3
    assert sorted(kept["kept"] or 0 for kept in found) == [kept["kept"] for kept in found]
    assert found[0]["dropped"] > found[1]["dropped"] > found[2]["dropped"] > 0
    # The budget is used, not only kept to.
    assert len(encode(one, budget=40_000).data) > 32_000


def test_a_long_prompt_keeps_the_patterns_of_the_held_heads_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnwidget.snapshot.fit.TOP_CELLS", 8 * 600 * 300)
    one = long_record(600)
    snapshot = encode(one, budget=60_000, held=HELD, query=5)
    assert (snapshot.precision["patterns"], snapshot.precision["terms"]) == ("some", "none")
    again = decode(snapshot.data)
    row = one.weights(0, 2, queries=5)[0]
    np.testing.assert_allclose(again.weights(0, 2, queries=5)[0], row, atol=1e-6)
    assert np.count_nonzero(again.weights(0, 2)[500]) > 3
    with pytest.raises(NotRecordedError, match="head 1"):
        again.weights(0, 1)
    assert not again.whole
    service = Service(again)
    assert opening(again) == ("decoder", 0, [2])
    assert ask(service, "model", site="decoder")["thumbnails"].shape == (8, 32, 32)
    reply = ask(service, "layer", site="decoder", layer=0, heads=[2], thumbnails=True)
    assert (reply["patterns"].shape, reply["pooled"]) == ((1, 600, 600), 19)
    # Thumbnails are those of the run, of heads too whose patterns are not kept.
    largest = one.weights(0, 1)[19 * 30 : 19 * 31, 19 * 5 : 19 * 6].max()
    assert WEIGHTS[reply["thumbnails"]][1, 30, 5] == pytest.approx(largest, abs=COMPAND_ERROR)


def test_what_cannot_hold_even_the_tokens_names_the_size_that_does() -> None:
    one = long_record(300)
    with pytest.raises(SnapshotError, match=r"do not fit into 0\.8 kB") as raised:
        encode(one, budget=600)
    named = re.search(r'"(\d+) kB"', raised.value.todo)
    assert named is not None
    budget = int(named[1]) * 750
    assert len(encode(one, budget=budget).data) <= budget


def test_sites_that_share_a_mask_store_it_once() -> None:
    mask = np.random.default_rng(5).random((64, 64)) < 0.5
    sizes = []
    for layers in (1, 2):
        sites = [
            site(layer, queries=64, keys=64, visibility=Visibility(mask=mask)) for layer in range(layers)
        ]
        sizes.append(encode(record(*sites, streams={"decoder": tokens(64)})))
    one, two = (decode(each.data) for each in sizes)
    np.testing.assert_array_equal(one.site(0).visible(), mask)
    np.testing.assert_array_equal(two.site(1).visible(), mask)
    from attnwidget.snapshot import unpack

    header, _ = unpack(sizes[1].data)
    layers_of = header["sites"]["decoder"]["layers"]
    assert layers_of["0"]["mask"] == layers_of["1"]["mask"] is not None


def test_heads_that_do_not_exist_are_not_held() -> None:
    one = record(site(0), site(1))
    nowhere: list[HeadRef] = [
        {"site": "decoder", "layer": 7, "head": 0},
        {"site": "decoder", "layer": 1, "head": 99},
        {"site": "cross", "layer": 0, "head": 0},
    ]
    check(one, encode(one, budget=9_000, held=nowhere, query=9999), 9_000)
