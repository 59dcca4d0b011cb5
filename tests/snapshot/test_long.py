"""A prompt too long for whole patterns: its snapshot holds what can be looked at, within its budget."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.errors import NotRecordedError, SnapshotError
from attnwidget.record import AttentionRecord, Predictions, Site
from attnwidget.service import Service
from attnwidget.snapshot import decode, encode
from attnwidget.snapshot import tensors as snapshot_tensors
from attnwidget.snapshot.file import load
from attnwidget.snapshot.frame import ask
from attnwidget.snapshot.kept import Arrays, describe_sites
from attnwidget.snapshot.tensors import Tensor
from attnwidget.wire.schema import HeadRef
from tests.snapshot.records import RECORDS
from tests.snapshot.test_budget import long_record

N, HELD, QUERY = 400, [HeadRef(site="decoder", layer=1, head=2)], 250


@pytest.fixture(autouse=True)
def _short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnwidget.service.answers.WHOLE_CELLS", 100)


@pytest.fixture(scope="module")
def one() -> AttentionRecord:
    generator = np.random.default_rng(0)
    told = Predictions(
        ids=np.zeros((N, 5), dtype=np.int32),
        probs=generator.random((N, 5), dtype=np.float32),
        labels=tuple(tuple(f"w{at % 7}{k}" for k in range(5)) for at in range(N)),
    )
    return replace(long_record(N, layers=3), predictions=told)


@pytest.mark.parametrize("budget", [12_000, 20_000, 60_000, None])
def test_rows_are_exact_and_what_they_leave_out_is_bounded(one: AttentionRecord, budget: int | None) -> None:
    snapshot = encode(one, budget=budget, held=HELD, query=QUERY)
    assert budget is None or len(snapshot.data) <= budget
    precision, again = snapshot.precision, decode(snapshot.data)
    assert precision == again.precision
    assert {QUERY, N - 1} < set(precision["rows"])
    kept, left_out = [], []
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        for query in precision["rows"]:
            rows, found = mine.weights(queries=query)[:, 0], theirs.weights(queries=query)[:, 0]
            there = found > 0
            np.testing.assert_allclose(found[there], rows[there], rtol=1e-5)
            kept.append(int(there.sum(-1).max()))
            for head in range(mine.heads):
                lost = theirs.lost(head)
                assert lost is not None
                missing = rows[head][~there[head]]
                assert missing.max(initial=0) <= lost.floor[query] + 1e-7
                assert missing.sum() == pytest.approx(lost.rest[query], abs=1e-5)
                left_out.append(float(lost.rest[query]))
                assert (lost.floor[QUERY - 1], lost.rest[QUERY - 1]) == (1, 1)
    assert precision["kept"] == max(kept)
    assert precision["dropped"] == pytest.approx(np.mean(left_out), abs=1e-4)
    assert precision["dropped_most"] == pytest.approx(max(left_out), abs=1e-4)
    with pytest.raises(NotRecordedError, match=r"the rows of queries .*250"):
        again.weights(0, 0, queries=QUERY - 1)
    with pytest.raises(NotRecordedError, match="the rows of queries"):
        again.weights(0, 0)


def test_more_room_is_used_for_more_of_each_row(one: AttentionRecord) -> None:
    made = [encode(one, budget=budget, held=HELD, query=QUERY) for budget in (15_000, 25_000, 60_000)]
    dropped = [each.precision["dropped"] for each in made]
    assert dropped == sorted(dropped, reverse=True)
    assert dropped[-1] < 0.05 < dropped[0]
    assert len(made[0].data) > 12_000


def test_most_room_goes_to_the_held_query_in_the_layers_of_held_heads(one: AttentionRecord) -> None:
    again = decode(encode(one, budget=16_000, held=HELD, query=QUERY).data)
    kept = [int((site.weights(queries=QUERY) > 0).sum()) for site in again.sites]
    others = int((again.sites[1].weights(queries=N - 1) > 0).sum())
    assert kept[1] > 2 * max(kept[0], kept[2], others)


def test_thumbnails_metrics_and_tokens_are_those_of_the_run(one: AttentionRecord) -> None:
    service = Service(one)
    again = decode(encode(service, budget=60_000, held=HELD, query=QUERY).data)
    mine, theirs = (ask(each, "metrics", site="decoder") for each in (service, Service(again)))
    for name in ("values", "baselines", "counts"):
        np.testing.assert_array_equal(mine[name], theirs[name])
    assert (mine["queries"], mine["sampled"]) == (theirs["queries"], theirs["sampled"])
    pictures = ask(Service(again), "model", site="decoder")
    assert again.precision is not None
    assert pictures["sampled"] == again.precision["sampled"]
    size = pictures["pooled_keys"]
    blocks = one.site(2).weights(1)[0, : N // size * size, : N // size * size]
    largest = blocks.reshape(N // size, size, N // size, size).max(axis=(1, 3))
    shown = (pictures["thumbnails"][9, : N // size, : N // size].astype(np.float64) / 253) ** 2
    visible = np.tril(np.ones(largest.shape, dtype=bool))
    assert (shown <= largest + 0.005)[visible].all()
    assert again.streams == one.streams


def test_a_service_of_it_answers_what_it_holds(one: AttentionRecord) -> None:
    service = Service(decode(encode(one, budget=25_000, held=HELD, query=QUERY).data))
    (site,) = ask(service, "open")["sites"]
    assert all(layer["tiled"] and not layer["scores"] for layer in site["layers"])
    row = ask(service, "row", site="decoder", layer=1, heads=[0, 2], query=QUERY)
    exact = one.site(1).weights([0, 2], QUERY)[:, 0]
    there = row["weights"] > 0
    np.testing.assert_allclose(row["weights"][there], exact[there], rtol=1e-5)
    assert (row["weights"][:, QUERY + 1 :] == -1).all()
    assert all(0 < floor < 0.01 for floor in row["floor"])


def test_predictions_are_kept_as_far_as_there_is_room(one: AttentionRecord) -> None:
    counts = []
    for budget in (10_500, 30_000, 80_000):
        told = decode(encode(one, budget=budget, held=HELD, query=QUERY).data).predictions
        counts.append(0 if told is None else told.probs.shape[1])
        if told is not None and one.predictions is not None:
            np.testing.assert_array_equal(told.probs, one.predictions.probs[:, : counts[-1]])
            assert [row[: counts[-1]] for row in one.predictions.labels] == list(told.labels)
    assert counts == [0, 1, 5]


def test_what_does_not_fit_names_what_does(one: AttentionRecord) -> None:
    with pytest.raises(SnapshotError, match="do not fit") as raised:
        encode(one, budget=600, held=HELD)
    named = re.search(r'"(\d+) kB"', raised.value.todo)
    assert named is not None
    assert len(encode(one, budget=int(named[1]) * 750, held=HELD).data) <= int(named[1]) * 750


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "one token"])
def test_every_kind_of_site_keeps_rows(name: str) -> None:
    one = RECORDS[name]()
    again = decode(encode(one).data)
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        last = mine.queries - 1
        np.testing.assert_allclose(theirs.weights(queries=last), mine.weights(queries=last), atol=2e-3)
        np.testing.assert_allclose(theirs.sink(queries=last), mine.sink(queries=last), rtol=1e-5)


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_a_file_of_it_is_written_and_opened_without_a_copy(
    place: str, one: AttentionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "disk":
        one = replace(one, sites=tuple(_on_disk(each, tmp_path) for each in one.sites))
    tensors: dict[str, Tensor] = {}
    describe_sites(one, Arrays(tensors))
    for each in one.sites:
        assert np.shares_memory(tensors[f"decoder.{each.layer}.q"].read(), each.q.numpy())
        assert np.shares_memory(tensors[f"decoder.{each.layer}.k"].read(), each.k.numpy())
    path = tmp_path / "long.attn"
    one.save(path)
    mapped: list[Any] = []
    opened = snapshot_tensors._opened
    monkeypatch.setattr(snapshot_tensors, "_opened", lambda path: mapped.append(opened(path)) or mapped[-1])
    again = load(path)
    for mine, theirs in zip(one.sites, again.sites, strict=True):
        assert np.shares_memory(theirs.q.numpy(), mapped[0])
        assert np.shares_memory(theirs.k.numpy(), mapped[0])
        np.testing.assert_array_equal(theirs.weights(2, [0, 77]), mine.weights(2, [0, 77]))
    # Readers without torch see what a snapshot holds.
    snapshot = load(path, exact=False)
    assert snapshot.precision is not None
    assert N - 1 in snapshot.precision["rows"]


def _on_disk(site: Site, folder: Path) -> Site:
    held = {}
    for name in ("q", "k"):
        tensor = getattr(site, name)
        file = str(folder / f"{name}.{site.layer}")
        held[name] = torch.from_file(file, shared=True, size=tensor.numel()).view(tensor.shape).copy_(tensor)
    return replace(site, **held)
