"""The metrics map: every head of a record, each metric measured once, long prompts sampled."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from attnwidget.errors import CancelledError, InputError, ShapeError
from attnwidget.metrics.refine import Refinement
from attnwidget.metrics.registry import standard
from attnwidget.metrics.sampling import order
from attnwidget.metrics.table import measure_heads
from attnwidget.metrics.targets import detector
from attnwidget.record import AttentionRecord, Token
from attnwidget.service import Service
from attnwidget.service import heads as module
from attnwidget.service.heads import Measurements, answer_metrics, metric_queries
from attnwidget.service.thumbnails import answer_model
from attnwidget.wire.arrays import unpack
from attnwidget.wire.patterns import COMPAND_ERROR, expand
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


def ask(service: Service, kind: str, **args: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the reply's meta, and its arrays by name."""
    sent: list[tuple[Any, Any]] = []
    request = {"protocol": PROTOCOL, "id": kind, "kind": kind, "record": "", "args": args}
    service.handle(request, lambda content, buffers: sent.append((content, buffers)))
    ((content, buffers),) = sent
    assert content["ok"], content
    meta = content["meta"]
    return meta, {
        name: unpack(meta[name], buffers)
        for name in ("values", "margins", "thumbnails", "patterns")
        if meta.get(name) is not None
    }


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve queries two are read first, and then four with each request."""
    for where, what, value in (
        ("service.heads", "METRIC_CELLS", 2 * 12 * 2),
        ("service.heads", "FEWEST", 2),
        ("service.thumbnails", "MODEL_QUERIES", 6),
        ("service.thumbnails", "MODEL_SAMPLED", (2, 2)),
        ("service.refine", "SLICE_SECONDS", 60.0),
        ("service.answers", "WHOLE_CELLS", 100),
        ("service.refine", "LAYER_QUERIES", 2),
        ("metrics.refine", "MOST_QUERIES", 4),
    ):
        monkeypatch.setattr(f"attnwidget.{where}.{what}", value)
    original = Refinement.read

    def one_round(self: Refinement, count: int, seconds: float = 0.0, **more: Any) -> None:
        original(self, max(count, min(self.queries, self.sampled + 4)) if seconds else count, 0.0, **more)

    monkeypatch.setattr(Refinement, "read", one_round)


def test_first_queries_are_all_or_a_few_that_are_spread_evenly() -> None:
    assert metric_queries(144, 128, 128) == 128
    assert metric_queries(144, 512, 512) == 128
    assert metric_queries(144, 32_768, 32_768) == module.FEWEST


@pytest.mark.usefixtures("slow_machine")
def test_long_prompts_are_read_on_while_it_is_asked_for() -> None:
    given = record(1, 1, texts=WORDS * 2)
    service = Service(given)
    rows = order(12)
    for sampled in (2, 6, 10, 12):
        asked = {} if sampled == 2 else {"more": True}
        meta, arrays = ask(service, "metrics", site="decoder", **asked)
        pictures, shown = ask(service, "model", site="decoder")
        assert (meta["sampled"], pictures["sampled"], meta["queries"]) == (sampled, sampled, 12)
        expected = measure_heads(given, queries=np.sort(rows[:sampled]))
        np.testing.assert_allclose(arrays["values"][0], expected.values["entropy"][:, 0], rtol=1e-6)
        np.testing.assert_array_equal(arrays["values"], ask(service, "metrics", site="decoder")[1]["values"])
        assert ("margins" in meta) == (sampled < 12)
    once, whole = answer_model(record(1, 1, texts=WORDS * 2), "decoder", None)
    assert once["sampled"] < 12  # Without what was read it is a sample.
    assert (pictures["pooled_queries"], pictures["pooled_keys"]) == (1, 1)
    np.testing.assert_allclose(
        expand(shown["thumbnails"][1, 11]), given.weights(1, 0)[11], atol=COMPAND_ERROR
    )
    assert whole.data


@pytest.mark.usefixtures("slow_machine")
def test_chips_of_a_tiled_layer_are_of_what_was_read() -> None:
    service = Service(record(1, 1, texts=WORDS * 2))
    meta, arrays = ask(service, "layer", site="decoder", layer=1, heads=[0], thumbnails=True)
    assert (meta["sampled"], meta["heads"], arrays["patterns"].size) == (2, [], 0)
    more = {"layer": 1, "heads": [], "thumbnails": True, "more": True}
    assert ask(service, "layer", site="decoder", **more)[0]["sampled"] == 4
    assert ask(service, "metrics", site="decoder")[0]["sampled"] == 2
    assert ask(service, "model", site="decoder", more=True)[0]["sampled"] == 6
    last, chips = ask(service, "layer", site="decoder", layer=0, heads=[], thumbnails=True)
    assert last["sampled"] == 6
    shown = ask(service, "model", site="decoder")[1]["thumbnails"]
    np.testing.assert_array_equal(chips["thumbnails"][0], shown[0])


@pytest.mark.usefixtures("slow_machine")
def test_a_new_detector_starts_over_and_one_that_goes_does_not() -> None:
    service = Service(record(2, texts=WORDS * 2))
    ask(service, "metrics", site="decoder", more=True)
    assert ask(service, "metrics", site="decoder", more=True)[0]["sampled"] == 6
    service.add_detector("mine", initials)
    service.add_detector("brittle", lambda queries, keys: np.eye(12) if queries[0].text == "a" else 1)
    service.registry = service.registry.with_(detector("broken", "Broken", lambda queries, keys: np.eye(3)))
    meta, arrays = ask(service, "metrics", site="decoder")
    assert meta["sampled"] == 2
    assert [info["name"] for info in meta["metrics"]][-3:] == ["mine", "brittle", "broken"]
    assert np.isnan(arrays["values"][-1]).all()
    assert "failed here" in meta["metrics"][-1]["eligible"]
    service.remove_detector("brittle")
    meta, _ = ask(service, "metrics", site="decoder", more=True)
    assert (meta["sampled"], meta["metrics"][-2]["name"]) == (6, "mine")


@pytest.mark.usefixtures("slow_machine")
def test_what_breaks_off_is_read_anew_and_what_is_cancelled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    given, kept = record(1, 1, texts=WORDS * 2), Measurements()
    with pytest.raises(CancelledError):
        kept.table(given, "decoder", standard(), cancelled=lambda: True)
    assert kept.table(given, "decoder", standard()).sampled == 2
    assert kept.nbytes > 0
    with monkeypatch.context() as patch:
        patch.setattr("attnwidget.metrics.refine.blocks", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.table(given, "decoder", standard(), more=True)
    table = kept.table(given, "decoder", standard(), more=True)
    assert table.sampled == 2
    expected = measure_heads(given, queries=np.sort(order(12)[:2]))
    np.testing.assert_allclose(table.values["entropy"], expected.values["entropy"], rtol=1e-9)


@pytest.mark.usefixtures("slow_machine")
def test_what_was_read_goes_with_its_record_and_is_kept_of_two() -> None:
    kept, held = Measurements(), [record(1, 1, texts=WORDS * 2) for _ in range(3)]
    for one in held:
        kept.table(one, "decoder", standard())
    ends = [weakref.ref(one.sites[0]) for one in held]
    two, one = kept.nbytes, kept.nbytes // 2
    assert kept.table(held[2], "decoder", standard()).sampled == 2
    assert kept.nbytes == two
    del held[2]
    gc.collect()
    assert (kept.nbytes, ends[2]()) == (one, None)
    held.clear()
    gc.collect()
    assert kept.nbytes == 0
    assert [end() for end in ends] == [None, None, None]


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
