"""The snapshots that the front end's tests read are those that are written today."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attnwidget.service import Service
from attnwidget.service.answers import answer_layer, answer_row
from attnwidget.service.neuron import answer_neuron
from attnwidget.snapshot import decode
from attnwidget.snapshot.container import unpack
from attnwidget.wire.arrays import unpack as read
from tests.wire.snapshots import FOLDER, HELD, asked, forms, record, reply


@pytest.mark.parametrize("form", ["exact", "dense", "top", "none"])
def test_a_snapshot_is_what_would_be_written(form: str) -> None:
    kept, _ = unpack((FOLDER / f"{form}.snapshot").read_bytes())
    fresh, _ = unpack(forms(record())[form])
    for name in ("error", "dropped", "dropped_most"):
        # Sums end in other digits on other machines.
        assert kept["open"]["precision"].pop(name) == pytest.approx(fresh["open"]["precision"].pop(name))
    for name in ("open", "prompt", "context", "layers"):
        assert kept[name] == fresh[name]
    assert kept["sites"].keys() == fresh["sites"].keys()


def test_the_kernel_still_says_the_same() -> None:
    shown = record()
    service = Service(shown)
    kept = json.loads((FOLDER / "kernel.json").read_text(encoding="utf-8"))
    assert [(one["kind"], one["args"]) for one in kept] == asked(shown)
    for one in kept:
        now = reply(service, one["kind"], one["args"])
        assert one["meta"].keys() == now["meta"].keys()
        assert [len(part) for part in one["buffers"]] == [len(part) for part in now["buffers"]]


@pytest.mark.parametrize("form", ["exact", "dense", "top"])
def test_a_record_that_was_read_claims_no_more_than_the_snapshot(form: str) -> None:
    shown, loaded = record(), decode((FOLDER / f"{form}.snapshot").read_bytes())
    claims = set()
    for site in shown.sites:
        heads = list(range(site.heads))
        wanted, true = answer_layer(shown, site.kind, site.layer, heads, thumbnails=False)
        meta, buffers = answer_layer(loaded, site.kind, site.layer, heads, thumbnails=False)
        weights, kept = read(wanted["patterns"], true.data), read(meta["patterns"], buffers.data)
        floor = read(meta["floor"], buffers.data) if "floor" in meta else np.zeros(kept.shape[:2])
        rest = read(meta["rest"], buffers.data) if "rest" in meta else np.zeros(kept.shape[:2])
        left = (kept == 0) & (floor[..., None] > 0) & ~np.isnan(weights)
        known = ~left & ~np.isnan(weights) & ~np.isnan(weights).any(-1, keepdims=True)
        assert np.abs(weights - kept)[known].max() <= meta["error"] + 1e-6
        assert (weights <= floor[..., None] + 1e-6)[left].all()
        lost = np.where(left, weights, 0).sum(-1)
        assert (lost <= rest + 1e-6)[~np.isnan(weights).any(-1)].all()
        claims.add((meta["error"] > 0, "rest" in meta))
        for query in (0, HELD):
            row, _ = answer_row(loaded, site.kind, site.layer, heads, query)
            for head in heads:
                neuron, _ = answer_neuron(loaded, site.kind, site.layer, head, query)
                assert neuron.get("floor", 0) == row.get("floor", [0] * site.heads)[head]
            if query == HELD:
                assert row.get("error", 0) == 0
                assert not any(row.get("floor", []))
    assert claims == {"exact": {(False, False)}, "dense": {(True, False)}, "top": {(True, True)}}[form]
