"""The metrics map: every head of a record, each metric measured once, long prompts sampled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from attnwidget.errors import InputError, ShapeError
from attnwidget.metrics.registry import standard
from attnwidget.metrics.table import measure_heads
from attnwidget.record import AttentionRecord, Token
from attnwidget.service import Service
from attnwidget.service import heads as module
from attnwidget.service.heads import Measurements, answer_metrics, metric_queries
from attnwidget.wire.arrays import unpack
from attnwidget.wire.schema import PROTOCOL
from tests.metrics.patterns import causal, softmax

WORDS = ["a", " b", " a", " c", " b", " a"]


def record(*heads: int, texts: list[str] = WORDS) -> AttentionRecord:
    n = len(texts)
    layers = [softmax(layer, count, causal(n))[0] for layer, count in enumerate(heads)]
    return AttentionRecord.from_attentions(layers, texts)


def initials(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> list[list[bool]]:
    return [[query.text.strip() == key.text.strip() for key in keys] for query in queries]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The names of the metrics of each call that measured something."""
    made: list[tuple[str, ...]] = []

    def counted(record: Any, site: Any, metrics: Any, **options: Any) -> Any:
        made.append(tuple(metric.name for metric in metrics))
        return measure_heads(record, site, metrics, **options)

    monkeypatch.setattr(module, "measure_heads", counted)
    return made


def test_the_reply_holds_what_the_table_holds() -> None:
    given = record(3, 2)
    table = measure_heads(given)
    meta, buffers = answer_metrics(table, frozenset(["entropy"]))
    assert (meta["layers"], meta["heads"], meta["queries"], meta["sampled"]) == ([0, 1], [3, 2], 6, 6)
    assert [info["name"] for info in meta["metrics"]] == list(standard().names)
    assert [info["own"] for info in meta["metrics"]] == [name == "entropy" for name in standard().names]
    values = unpack(meta["values"], buffers.data)
    assert values.shape == (14, 5)
    place = table.names.index("previous")
    np.testing.assert_allclose(values[place, 3:], table.values["previous"][1, :2], rtol=1e-6)
    assert unpack(meta["counts"], buffers.data)[place].tolist() == [5] * 5
    assert np.isnan(values[table.names.index("next")]).all()


def test_each_metric_of_a_record_is_measured_once(reads: list[tuple[str, ...]]) -> None:
    kept, given = Measurements(), record(2)
    few = standard().only(["entropy", "first"])
    first = kept.table(given, "decoder", few)
    kept.table(given, "decoder", standard().only([]).with_(*few))
    assert reads == [("entropy", "first")]
    more = few.with_(few["entropy"].__class__(name="again", title="Again", formula="…", eligible="…"))
    second = kept.table(given, "decoder", more)
    assert reads[1:] == [("again",)]
    assert second.names == ("entropy", "first", "again")
    assert second.values["entropy"].tolist() == first.values["entropy"].tolist()
    kept.table(record(2), "decoder", few)
    assert len(reads) == 3


def test_only_some_tables_are_kept(reads: list[tuple[str, ...]]) -> None:
    kept, few = Measurements(), standard().only(["first"])
    records = [record(1) for _ in range(module.KEPT + 1)]
    for given in [*records, records[-1], records[0]]:
        kept.table(given, "decoder", few)
    assert len(reads) == len(records) + 1


def test_long_prompts_are_sampled_evenly_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert metric_queries(144, 128, 128).tolist() == list(range(128))
    assert 128 < len(metric_queries(144, 512, 512)) < 512
    assert len(metric_queries(144, 32_768, 32_768)) == module.FEWEST
    monkeypatch.setattr(module, "METRIC_CELLS", 2 * 6 * 4)
    monkeypatch.setattr(module, "FEWEST", 2)
    given = record(1, 1)
    rows = metric_queries(2, 6, 6)
    assert rows.tolist() == [0, 2, 3, 5]
    table = Measurements().table(given, "decoder", standard())
    expected = measure_heads(given, queries=rows)
    assert (table.queries, table.sampled) == (6, 4)
    np.testing.assert_array_equal(table.values["entropy"], expected.values["entropy"])


def test_a_detector_that_fails_leaves_the_others_standing() -> None:
    service = Service(record(2))
    service.add_detector("fine", initials)
    service.add_detector("brittle", lambda queries, keys: np.eye(6)[: len(queries), : len(keys)])
    service.record = service.shown = record(2, texts=[*WORDS, " d"])
    table = service.metrics("decoder")
    assert "(6, 6)" in table.failed["brittle"]
    assert np.isnan(table.values["brittle"]).all()
    assert not np.isnan(table.values["fine"]).any()
    meta, _ = answer_metrics(table, frozenset(service.own))
    assert "failed here (ShapeError" in meta["metrics"][-1]["eligible"]
    with pytest.raises(ShapeError):
        service.metrics("decoder", slice(None))


def test_detectors_are_tried_when_they_are_added() -> None:
    service = Service(record(2))

    def broken(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> Any:
        raise KeyError("mine")

    refused: list[tuple[str, Any, type[Exception], str]] = [
        ("entropy", initials, InputError, "standard metric"),
        ("", initials, InputError, "no name"),
        ("x", np.ones((2, 3)), ShapeError, r"\(2, 3\), the pattern \(6, 6\)"),
        ("x", np.full((6, 6), 3.0), InputError, "outside 0 to 1"),
        ("x", broken, KeyError, "mine"),
    ]
    for name, target, error, text in refused:
        with pytest.raises(error, match=text):
            service.add_detector(name, target)
    assert service.own == ()
    with pytest.raises(InputError, match=r"no detector 'x'.*none"):
        service.remove_detector("x")


def test_a_matrix_is_about_the_prompt_it_was_given_for() -> None:
    service = Service(record(2))
    service.add_detector("mine", np.tri(6, k=-1), title="Mine", source="A test")
    assert service.metrics("decoder").values["mine"].shape == (1, 2)
    assert not np.isnan(service.metrics("decoder").values["mine"]).any()
    service.record = service.shown = record(2, texts=["x", " y", " x", " z", " y", " x"])
    table = service.metrics("decoder")
    assert np.isnan(table.values["mine"]).all()
    assert table.failed == {}
    assert table.metrics["mine"].source == "A test"


def test_a_detector_of_the_same_name_replaces_the_earlier_one() -> None:
    service = Service(record(2))
    service.add_detector("mine", np.tri(6, k=-1))
    service.add_detector("other", initials)
    before = service.metrics("decoder").values["mine"]
    service.add_detector("mine", 1 - np.tri(6, k=-1))
    assert service.own == ("other", "mine")
    after = service.metrics("decoder")
    assert after.names[-2:] == ("other", "mine")
    np.testing.assert_allclose(after.values["mine"], 1 - before, rtol=1e-6)
    service.remove_detector("other")
    assert service.own == ("mine",)


def test_long_work_lets_quick_requests_through(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, answered = threading.Event(), threading.Event()
    sent: list[Any] = []

    def slow(*arguments: Any, **options: Any) -> Any:
        assert gate.wait(10)
        return measure_heads(*arguments, **options)

    monkeypatch.setattr(module, "measure_heads", slow)
    service = Service(record(2), apart=True)

    def hear(content: Any, buffers: list[Any]) -> None:
        sent.append(content)
        if content["id"] == "metrics":
            answered.set()

    ask: Callable[..., dict[str, object]] = lambda kind, **args: {  # noqa: E731
        "protocol": PROTOCOL,
        "id": kind,
        "kind": kind,
        "record": "",
        "args": args,
    }
    service.handle(ask("metrics", site="decoder"), hear)
    service.handle(ask("row", site="decoder", layer=0, heads=[0], query=1), hear)
    assert [content["id"] for content in sent] == ["row"]
    gate.set()
    assert answered.wait(10)
    assert sent[1]["ok"]
    answered.clear()
    service.handle(ask("metrics", site="cross"), hear)
    assert answered.wait(10)
    assert sent[2]["error"]["code"] == "input"
