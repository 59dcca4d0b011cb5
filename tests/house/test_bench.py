"""The parts of the bench that measure pages and compare them: that they work, not how fast anything is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import page_runs, peers, sharing, sharing_report
from tests.bench.page_runs import Measured
from tests.bench.peers import LIVE, Comparison
from tests.bench.peers_report import cell, in_bytes, in_time, report


def measured(tool: str, tokens: int, seconds: float | None, failure: str | None = None) -> Measured:
    steps = {} if seconds is None else {"drawn": {"first": seconds / 2, "wall": seconds, "cpu": seconds}}
    return Measured(tool, "head", tokens, {"built": {"bytes": 1000 * tokens}, **steps}, failure)


@pytest.mark.e2e
def test_our_page_is_measured_step_by_step(bundle: Path, tmp_path: Path) -> None:
    found = page_runs.measure("attnwidget", "head", 8, tmp_path)
    assert found.failure is None
    assert list(found.steps) == ["built", "opened", "drawn", "change", "hover"]
    assert found.steps["built"]["bytes"] == (tmp_path / "view.html").stat().st_size
    for step in ("drawn", "change", "hover"):
        figures = found.steps[step]
        assert 0 < figures["first"] <= figures["wall"]
    assert found.steps["drawn"]["cpu"] > 0
    assert found.steps["drawn"]["peak"] > 0


@pytest.mark.e2e
def test_a_saved_page_is_measured_until_it_is_drawn(bundle: Path, tmp_path: Path) -> None:
    found = page_runs.measure("saved", "head", 8, tmp_path, source="embedded", gestures=False)
    assert found.failure is None
    assert list(found.steps) == ["built", "opened", "drawn"]
    assert found.steps["built"]["bytes"] == (tmp_path / "view.html").stat().st_size
    assert 0 < found.steps["drawn"]["first"] <= found.steps["drawn"]["wall"]


def test_what_is_shared_stands_beside_what_others_share(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not every tool is installed wherever the tests run.
    monkeypatch.setattr(sharing_report, "version", lambda tool: "1.0")
    key: sharing.Key = ("random", 64)
    found = sharing.Sharing({key: 300_000}, {key: 400_000}, absent={"treescope": "not installed"})
    found.pages["saved", "random", 64] = measured("saved", 100, 0.2)
    found.pages["bertviz", "random", 64] = measured("bertviz", 1000, 2.0)
    found.pages["circuitsvis", "random", 64] = measured("circuitsvis", 500, None, "not drawn in 60 s")
    text = sharing_report.report(found)
    assert "treescope was not measured: not installed." in text
    assert "| random, 64 | 300 kB | 400 kB | 100 kB | 1 MB; ours 0.1 | 500 kB; ours 0.2 | – |" in text
    assert "| random, 64 | 100…200 ms | 1…2 s; ours 0.1 | not drawn in 60 s | – |" in text


def test_the_embedded_model_is_measured_where_it_can_read() -> None:
    assert sharing.cases([256, 512]) == [("random", 256), ("random", 512), ("embedded", 256)]


def test_what_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(page_runs.LIMITS, "built", 0.0)
    found = page_runs.measure("attnwidget", "head", 8, tmp_path)
    assert found.failure == "not built in 0 s"
    assert found.steps == {}


def test_what_fails_says_why(tmp_path: Path) -> None:
    found = page_runs.measure("no such tool", "head", 8, tmp_path)
    assert found.failure == "KeyError: 'no such tool'"


@pytest.mark.parametrize(
    ("figure", "shown"), [(999, "1 kB"), (45_600, "46 kB"), (1_234_000, "1.23 MB"), (1.056e9, "1,056 MB")]
)
def test_bytes_read_well(figure: int, shown: str) -> None:
    assert in_bytes(figure) == shown


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (0.0152, None, "15 ms"),
        (0.02, 0.086, "20…86 ms"),
        (0.5, 1.234, "0.5…1.23 s"),
        (25.4, 25.4, "25.4 s"),
        (0.0501, 0.0502, "50 ms"),
    ],
)
def test_times_read_well(first: float, last: float | None, shown: str) -> None:
    assert in_time(first, last) == shown


def test_a_cell_has_both_figures_and_their_ratio() -> None:
    ours, theirs = measured(LIVE, 64, 0.2), measured("bertviz", 64, 2.0)
    assert cell(ours, theirs, "drawn", "wall", in_time) == "100…200 ms / 1…2 s = 0.1"
    assert cell(theirs, ours, "drawn", "cpu", in_time) == "2 s / 200 ms = 10"
    undrawn = measured("bertviz", 64, None, "not drawn in 60 s")
    assert cell(ours, undrawn, "drawn", "cpu", in_time) == "200 ms / not drawn in 60 s"
    assert cell(ours, undrawn, "built", "bytes", in_bytes) == "64 kB / 64 kB = 1"
    assert cell(ours, None, "drawn", "cpu", in_time) == "200 ms / –"


def test_the_report_names_what_is_absent_and_what_failed() -> None:
    items = (
        measured(LIVE, 16, 0.1),
        measured(LIVE, 64, 0.2),
        measured("bertviz", 16, None, "its page crashed"),
    )
    absent = {"circuitsvis": "not installed", "inspectus": "not installed"}
    text = report(Comparison(items, absent), [16, 64])
    assert "CircuitsVis was not measured: not installed." in text
    assert "| head, 16 | 16 kB / 16 kB = 1 | – / its page crashed | 50…100 ms / its page crashed |" in text
    assert "| head, 64 | 64 kB / – | – / – | 100…200 ms / – |" in text
    assert "heat maps" not in text


def test_a_view_that_fails_is_not_tried_at_larger_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[tuple[str, str, int]] = []

    def fake(tool: str, view: str, tokens: int, folder: Path) -> Measured:
        tried.append((tool, view, tokens))
        return measured(tool, tokens, 1.0, "over 8 GB" if (tool, tokens) == ("bertviz", 64) else None)

    monkeypatch.setattr(peers.page_runs, "measure", fake)
    monkeypatch.setattr(peers.cdn, "install", lambda folder: None)
    monkeypatch.setattr(
        peers, "PEERS", {"bertviz": ("BertViz", ("head",)), "nothing": ("Nothing", ("head",))}
    )
    monkeypatch.setattr(peers, "_live", lambda lengths, tell: [])
    found = peers.measure([16, 64, 128], lambda line: None)
    assert [tokens for tool, _, tokens in tried if tool == "bertviz"] == [16, 64]
    assert [tokens for tool, view, tokens in tried if (tool, view) == ("attnwidget", "model")] == [
        16,
        64,
        128,
    ]
    assert found.absent == {"nothing": "not installed"}
