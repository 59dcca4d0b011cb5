"""The snapshot that an explorer keeps for readers without a kernel: when it is made, and what it may take."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import attnwidget as aw
from attnwidget import saved
from attnwidget.errors import InputError, SnapshotError
from attnwidget.saved import check_option
from attnwidget.service import Service
from attnwidget.snapshot import Snapshot, unpack
from attnwidget.snapshot.budget import budget_of
from attnwidget.widget import AttentionExplorer, StateError
from attnwidget.wire.schema import PROTOCOL


def causal(n: int = 4, layers: int = 2, heads: int = 3) -> np.ndarray:
    weights = np.tril(np.random.default_rng(0).random((layers, heads, n, n), dtype=np.float32) + 0.1)
    return weights / weights.sum(-1, keepdims=True)


def explorer(**options: Any) -> AttentionExplorer:
    return aw.explore(attentions=causal(), tokens=["a", "b", "c", "d"], **options)


def record_of(data: bytes) -> str:
    """Return which record a snapshot is of."""
    header, _ = unpack(data)
    return str(header["open"]["record"])


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the encoder is asked for; it encodes."""
    calls: list[dict[str, Any]] = []
    encode: Callable[..., Snapshot] = saved.encode

    def listening(service: Service, **options: Any) -> Snapshot:
        calls.append({**options, "record": service.shown and service.shown.id})
        return encode(service, **options)

    monkeypatch.setattr(saved, "encode", listening)
    return calls


@pytest.mark.parametrize(
    ("option", "budget"), [("auto", 750_000), ("500 kB", 375_000), (4_000, 3_000), ("full", None)]
)
def test_a_budget_is_of_bytes_as_stored(option: int | str, budget: int | None) -> None:
    assert budget_of(option) == budget
    assert check_option(option) == option


@pytest.mark.parametrize("option", [True, None, "much", 0, -1, "0 kB", 1.5])
def test_an_option_that_is_none_is_refused(option: object) -> None:
    with pytest.raises(InputError, match="is not how much of a record"):
        check_option(option)
    with pytest.raises(StateError, match=r'Set snapshot to "auto", a size'):
        explorer(snapshot=option)


def test_whoever_asks_for_the_state_gets_a_snapshot_of_what_is_shown(encoded: list[dict[str, Any]]) -> None:
    ex = explorer()
    assert ex._snapshot == b""
    assert encoded == []
    state = ex.get_state()
    assert record_of(state["_snapshot"]) == ex.record_id
    ex.get_state()
    assert len(encoded) == 1
    ex.words = True
    assert record_of(ex.get_state()["_snapshot"]) == ex.record_id
    # A part of the state is what is sent, and nothing waits for that.
    ex.words = False
    ex.get_state("words")
    assert len(encoded) == 2


def test_embedded_state_has_it_as_well() -> None:
    ex = explorer()
    (buffer,) = ex._get_embed_state()["buffers"]
    assert buffer["path"] == ["_snapshot"]


def test_the_option_can_be_set_later(encoded: list[dict[str, Any]]) -> None:
    ex = explorer(snapshot=False)
    assert ex.get_state()["_snapshot"] == b""
    assert encoded == []
    ex.snapshot = "500 kB"
    assert record_of(ex.get_state()["_snapshot"]) == ex.record_id
    assert encoded[-1]["budget"] == 375_000
    ex.snapshot = False
    assert ex.get_state()["_snapshot"] == b""
    with pytest.raises(StateError, match="is not how much of a record"):
        ex.snapshot = "much"
    assert ex.snapshot is False


def test_what_is_held_counts_where_not_all_fits(
    encoded: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ex = explorer(layer=1, heads=[0, 2], pinned=[(0, 1)], selection={"query": 3})
    ex.get_state()
    assert encoded[-1]["query"] == 3
    assert [(head["layer"], head["head"]) for head in encoded[-1]["held"]] == [(1, 0), (1, 2), (0, 1)]
    ex.heads = [1]
    ex.get_state()
    assert len(encoded) == 1, "all was kept: it makes no difference"
    monkeypatch.setattr(ex._saver, "_selective", True)
    ex.selection = {"query": 2}
    ex.get_state()
    assert encoded[-1]["query"] == 2


def test_detectors_are_kept(encoded: list[dict[str, Any]]) -> None:
    ex = explorer()
    ex.get_state()
    ex.add_detector("mine", np.eye(4)[:1].repeat(4, 0))
    ex.get_state()
    assert len(encoded) == 2


def test_an_explorer_works_without_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> Snapshot:
        raise SnapshotError("It does not fit.", "Give it more room.")

    monkeypatch.setattr(saved, "encode", refuse)
    ex = explorer()
    with pytest.warns(UserWarning, match=r"will not keep .*: It does not fit\. Give it more room\."):
        assert ex.get_state()["_snapshot"] == b""
    # It is said once: a second warning would be an error here.
    assert ex.get_state()["_snapshot"] == b""


def test_what_is_visible_is_saved_some_time_after_a_change(
    encoded: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = threading.Event()
    ex = explorer()
    ex._saver.save()
    ex.observe(lambda change: stored.set(), "_snapshot")
    monkeypatch.setattr(saved, "QUIET_SECONDS", 0.5)
    ex.words = True
    assert ex._saver.stale
    ex._saver.visible = True
    ex.words = False
    ex.words = True
    assert stored.wait(20)
    assert record_of(ex._snapshot) == ex.record_id
    assert [call["record"] for call in encoded[1:]] == [ex.record_id], "changes in a row are one"


def test_what_was_overtaken_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    ex = explorer()
    encode, seen = saved.encode, []

    def overtaken(service: Service, **options: Any) -> Snapshot:
        snapshot = encode(service, **options)
        if not seen:
            ex.words = True
        seen.append(snapshot.data)
        return snapshot

    monkeypatch.setattr(saved, "encode", overtaken)
    stored: list[bytes] = []
    ex.observe(lambda change: stored.append(change.new), "_snapshot")
    ex._saver.save()
    assert len(seen) == 2
    assert stored == seen[1:]
    assert record_of(stored[0]) == ex.record_id


def test_what_is_dropped_while_it_is_made_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    ex = explorer()
    encode = saved.encode
    begun, gone_on = threading.Event(), threading.Event()

    def slow(service: Service, **options: Any) -> Snapshot:
        begun.set()
        assert gone_on.wait(20)
        return encode(service, **options)

    monkeypatch.setattr(saved, "encode", slow)
    stored: list[bytes] = []
    ex.observe(lambda change: stored.append(change.new), "_snapshot")
    thread = threading.Thread(target=ex._saver.save)
    thread.start()
    assert begun.wait(20)
    ex._saver.drop()
    gone_on.set()
    thread.join(20)
    assert (ex._snapshot, stored) == (b"", [])
    ex._saver.save()
    assert record_of(ex._snapshot) == ex.record_id


def test_what_the_page_asks_for_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    ex = explorer()
    monkeypatch.setattr(ex._saver, "_wait", waits.append)
    request = {"protocol": PROTOCOL, "id": "a", "kind": "open", "record": "", "args": {}}
    ask = {"content": {"data": {"method": "custom", "content": request}}, "buffers": []}
    ex._handle_msg(ask)
    assert waits == [], "nothing is put off where nothing is due"
    ex._saver.save_later(5.0)
    monkeypatch.setattr(ex._saver, "_timer", threading.Timer(60, lambda: None))
    ex._saver._timer.daemon = True
    ex._saver._timer.start()
    ex._handle_msg(ask)
    assert waits == [5.0, saved.QUIET_SECONDS]
    ex._saver._latest = 0.0
    ex._handle_msg(ask)
    assert len(waits) == 2, "not for ever"
