"""Searches over the wire: slices, estimates first, the same in the end as in Python."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from attnwidget.errors import CancelledError, InputError
from attnwidget.record import AttentionRecord
from attnwidget.search import search as module
from attnwidget.service import Service
from attnwidget.service import search as service_module
from attnwidget.service.search import Searches
from attnwidget.wire.arrays import unpack
from attnwidget.wire.check import mismatch
from attnwidget.wire.schema import PROTOCOL, SearchArgs, SearchMeta
from tests.search.test_top import long_record


def args(**changes: Any) -> SearchArgs:
    given: Any = {
        "site": "decoder",
        "first": 2,
        "last": 5,
        "flow": "into",
        "by": "head",
        "k": 4,
        "plain": False,
    }
    return given | changes


def answer(
    searches: Searches, record: AttentionRecord, given: SearchArgs
) -> tuple[SearchMeta, list[np.ndarray]]:
    meta, buffers = searches.answer(record, given, lambda: False)
    assert mismatch(meta, SearchMeta) is None
    named = (meta["hits"], meta["values"], meta["baselines"], meta["counts"], meta["read"])
    return meta, [unpack(spec, buffers.data) for spec in named]


@pytest.mark.parametrize("flow", ["into", "out"])
@pytest.mark.parametrize("by", ["head", "query", "key"])
def test_slices_end_in_what_python_finds(monkeypatch: pytest.MonkeyPatch, flow: str, by: Any) -> None:
    monkeypatch.setattr(module, "AT_ONCE_CELLS", 10)
    monkeypatch.setattr(module, "SAMPLE", 2)
    monkeypatch.setattr(service_module, "SLICE_SECONDS", 0.0)
    searches, record = Searches(), long_record()
    given = args(flow=flow, by=by, plain=True)
    metas = []
    while True:
        meta, (hits, values, baselines, counts, read) = answer(searches, record, given)
        metas.append(meta)
        if meta["done"] == meta["total"]:
            break
        assert len(metas) < 100
    assert metas[0]["sampled"] < metas[0]["total"] == 6
    assert metas[0]["done"] == 0
    where: Any = {"key" if flow == "into" else "query": slice(2, 5)}
    expected = record.top(**where, by=by, k=4, plain=True)
    assert hits.tolist() == [[hit.layer, hit.head, hit.query, hit.key] for hit in expected]
    assert values.tolist() == pytest.approx([hit.value for hit in expected])
    assert baselines.tolist() == pytest.approx([hit.baseline for hit in expected])
    assert counts.tolist() == [hit.count for hit in expected]
    assert read.tolist() == [[hit.of, hit.of] for hit in expected]
    # What is known already costs nothing: no work is done for it.
    monkeypatch.setattr(module.Reader, "weights", None)
    assert answer(searches, record, given)[0] == meta


def test_a_cancelled_slice_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "SLICE_SECONDS", 0.0)
    searches, record = Searches(), long_record()
    before, _ = answer(searches, record, args())
    with pytest.raises(CancelledError):
        searches.answer(record, args(), lambda: True)
    after, _ = answer(searches, record, args())
    assert (before["done"], after["done"]) == (3, 6)


def test_what_breaks_off_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    searches, record = Searches(), long_record()

    def fails(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(module.Reader, "masses", fails)
        with pytest.raises(MemoryError):
            searches.answer(record, args(), lambda: False)
    assert answer(searches, record, args())[0]["done"] == 6


@pytest.mark.parametrize(
    "changes", [{"last": 2}, {"first": 40, "last": 41}, {"first": -4, "last": -1}, {"k": 0}, {"k": 10**6}]
)
def test_spans_that_do_not_exist_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError):
        Searches().answer(long_record(), args(**changes), lambda: False)


def test_searches_let_go_of_a_record() -> None:
    searches, record = Searches(), long_record()
    answer(searches, record, args())
    site = weakref.ref(record.sites[0])
    del record
    gc.collect()
    assert site() is None


def test_a_service_answers_searches() -> None:
    sent: list[Any] = []
    service = Service(long_record())
    request = {"protocol": PROTOCOL, "id": "s", "kind": "search", "record": "", "args": dict(args())}
    service.handle(request, lambda content, buffers: sent.append(content))
    (reply,) = sent
    assert reply["ok"]
    assert (reply["meta"]["done"], reply["meta"]["total"]) == (6, 6)
