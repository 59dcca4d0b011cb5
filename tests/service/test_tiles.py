"""Answers about long prompts: tiles, columns and strips, in parts that go on, against the weights."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.record import AttentionRecord, Token, Visibility
from attnwidget.record.qk import QKSite
from attnwidget.record.record import ModelInfo
from attnwidget.service import Service, tiles
from attnwidget.tiles.turns import gone
from attnwidget.wire.arrays import unpack
from attnwidget.wire.patterns import COMPAND_ERROR, expand
from attnwidget.wire.schema import MASKED, PROTOCOL, TILE, UNREAD

N, HEADS, LAYERS = 600, 2, 2


@pytest.fixture(scope="module")
def record() -> AttentionRecord:
    generator = torch.Generator().manual_seed(7)
    sites = [
        QKSite(
            kind="decoder",
            layer=2 * layer,
            name=f"layers.{layer}",
            route="interface",
            heads=HEADS,
            kv_heads=1,
            queries=N,
            keys=N,
            visibility=Visibility(causal=True),
            scaling=0.5,
            q=torch.randn(HEADS, N, 16, generator=generator),
            k=torch.randn(1, N, 16, generator=generator),
        )
        for layer in range(LAYERS)
    ]
    words = tuple(Token(id=0, text="a", label="a") for _ in range(N))
    return AttentionRecord(
        model=ModelInfo(name="m", layers=3), prompt="", streams={"decoder": words}, sites=sites
    )


@pytest.fixture
def asks(record: AttentionRecord) -> Any:
    """Ask a service: the reply's meta, and its arrays by name."""
    service = Service(record)

    def ask(kind: str, **args: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        sent: list[tuple[Any, list[Any]]] = []
        request = {"protocol": PROTOCOL, "id": "a", "kind": kind, "record": "", "args": args}
        service.handle(
            {**request, "args": {"site": "decoder", **args}}, lambda *message: sent.append(message)
        )
        ((reply, buffers),) = sent
        assert reply["ok"], reply
        specs = {name: spec for name, spec in reply["meta"].items() if isinstance(spec, dict)}
        return reply["meta"], {name: unpack(spec, buffers) for name, spec in specs.items()}

    return ask


def test_tiles_show_the_pattern(record: AttentionRecord, asks: Any) -> None:
    meta, arrays = asks("tiles", layer=2, head=1, level=0, pool="max", tiles=[[2, 2], [0, 0], [1, 0]])
    assert meta["tiles"] == [[2, 2], [0, 0], [1, 0]]
    assert meta["read"] == [1, 1, 1]
    weights = record.weights(2, 1)
    shown = expand(arrays["codes"])
    assert np.abs(shown[2] - weights[TILE : 2 * TILE, :TILE]).max() <= meta["error"] == COMPAND_ERROR
    corner = shown[0, : N - 2 * TILE, : N - 2 * TILE]
    seen = np.tri(len(corner), dtype=bool)
    assert np.abs(corner - weights[2 * TILE :, 2 * TILE :])[seen].max() <= COMPAND_ERROR
    assert (corner[~seen] == MASKED).all()
    assert (shown[0, len(corner) :] == MASKED).all()


def test_tiles_that_take_long_come_in_parts(asks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "SLICE", 0.0)
    asked = {"layer": 0, "head": 0, "level": 2, "pool": "mean", "tiles": [[0, 0]]}
    read = [asks("tiles", **asked)[0]["read"][0]]
    while read[-1] < 4:
        read.append(asks("tiles", **asked)[0]["read"][0])
        assert len(read) < 60
    assert 1 <= read[0] < 4
    assert read == sorted(read)


@pytest.mark.parametrize(
    ("tiles", "what"), [([[0, 3]], "no tile [0, 3]"), ([[0, 0]] * 65, "65 tiles were asked for")]
)
def test_tiles_that_cannot_be_had_are_refused(record: AttentionRecord, tiles: Any, what: str) -> None:
    sent: list[Any] = []
    args = {"site": "decoder", "layer": 0, "head": 0, "level": 0, "pool": "max", "tiles": tiles}
    request = {"protocol": PROTOCOL, "id": "a", "kind": "tiles", "record": "", "args": args}
    Service(record).handle(request, lambda *message: sent.append(message))
    assert what in sent[0][0]["error"]["what"]


def test_columns_are_exact_and_go_on(
    record: AttentionRecord, asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "SLICE", 0.0)
    meta, arrays = asks("column", layer=2, heads=[1, 0], key=100)
    # Queries before the key see nothing of it, which takes no work.
    assert 100 < meta["read"] < meta["of"] == N
    assert (arrays["weights"][:, :100] == MASKED).all()
    while meta["read"] < N:
        before = arrays["weights"]
        meta, arrays = asks("column", layer=2, heads=[1, 0], key=100)
        assert ((arrays["weights"] == before) | (before == UNREAD)).all()
    weights = record.site(2).weights([1, 0])[:, 100:, 100]
    np.testing.assert_allclose(arrays["weights"][:, 100:], weights, rtol=2e-5)


def test_strips_show_a_row_of_every_head(record: AttentionRecord, asks: Any) -> None:
    meta, arrays = asks("strips", position=300, direction="from", pixels=100)
    assert (meta["layers"], meta["heads"]) == ([0, 2], [HEADS, HEADS])
    assert (meta["pooled"], meta["read"], meta["of"]) == (6, N, N)
    rows = record.row(300).reshape(-1, N)
    assert np.array_equal(arrays["peaks"], rows.argmax(1))
    assert np.array_equal(arrays["weights"], rows.max(1))
    shown = expand(arrays["strips"])
    assert np.abs(shown[:, :50] - rows[:, :300].reshape(4, 50, 6).max(-1)).max() <= COMPAND_ERROR
    assert (shown[:, 51:] == MASKED).all()


def test_strips_of_a_column_are_coarse_first(
    record: AttentionRecord, asks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.stack([record.weights(layer, head)[:, 50] for layer in (0, 2) for head in range(HEADS)])
    monkeypatch.setattr(tiles, "SLICE", 0.0)
    meta, arrays = asks("strips", position=50, direction="to", pixels=300)
    assert meta["pooled"] > 2
    assert meta["read"] < N
    # Some query of every pixel was read, each exactly.
    shown = expand(arrays["strips"])
    begins = np.arange(0, N, meta["pooled"])
    assert ((shown == MASKED) == (begins + meta["pooled"] <= 50)).all()
    assert (shown <= np.maximum.reduceat(whole, begins, axis=1) + COMPAND_ERROR).all()
    np.testing.assert_allclose(arrays["weights"], whole[np.arange(4), arrays["peaks"]], rtol=2e-5)
    monkeypatch.setattr(tiles, "SLICE", 60.0)
    meta, arrays = asks("strips", position=50, direction="to", pixels=300)
    assert (meta["pooled"], meta["read"]) == (2, N)
    assert np.array_equal(arrays["peaks"], whole.argmax(1))
    pairs = whole[:, 50:].reshape(4, -1, 2).max(-1)
    assert np.abs(expand(arrays["strips"])[:, 25:] - pairs).max() <= COMPAND_ERROR


def test_a_request_that_is_cancelled_is_answered_so(
    record: AttentionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, replies, begun = Service(record, apart=True), [], threading.Event()
    answered = threading.Event()

    def waiting(*args: Any, cancelled: Any, **options: Any) -> None:
        begun.set()
        while not cancelled():
            threading.Event().wait(0.001)
        raise gone()

    monkeypatch.setattr(tiles.engine_of(record), "tiles", waiting)

    def send(content: Any, buffers: Any) -> None:
        replies.append(content)
        if content["id"] == "long":
            answered.set()

    args = {"site": "decoder", "layer": 0, "head": 0, "level": 0, "pool": "max", "tiles": [[0, 0]]}
    base = {"protocol": PROTOCOL, "record": ""}
    service.handle({**base, "id": "long", "kind": "tiles", "args": args}, send)
    assert begun.wait(10)
    service.handle({**base, "id": "c", "kind": "cancel", "args": {"id": "long"}}, send)
    assert answered.wait(10)
    assert [reply["error"]["code"] for reply in replies if reply["id"] == "long"] == ["cancelled"]


def test_a_new_prompt_lets_go_of_what_was_kept_for_the_one_before(record: AttentionRecord) -> None:
    class Same:
        def run(self, *args: Any, **options: Any) -> AttentionRecord:
            return replace(record, id="next")

    service = Service(runner=Same())
    first = service.run("one")
    engine = tiles.engine_of(first)
    assert tiles.engine_of(first) is engine
    service.run("two")
    assert tiles.engine_of(first) is not engine


def test_an_engine_lives_as_long_as_its_record(record: AttentionRecord) -> None:
    other = replace(record, id="other")
    engine = weakref.ref(tiles.engine_of(other))
    assert tiles.engine_of(other) is engine()
    assert tiles.engine_of(record) is not engine()
    gc.disable()
    try:
        del other
        assert engine() is None
    finally:
        gc.enable()
