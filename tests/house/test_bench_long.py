"""The bench of long prompts: that its parts run, are kept and are told, not how fast anything is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench import long, long_browser, long_forward, long_kernels, long_report, long_stops
from tests.bench.long import Part

LOOKED: dict[str, Any] = {
    **dict.fromkeys(("row", "strips", "thumbnails", "metrics"), 0.02),
    "sampled": 128,
    "level": 2,
    "coarse": {"first": {"seconds": 0.1, "read": 2, "of": 4}, "whole": 0.4, "longest": 0.2},
    "sharp": {"first": None, "whole": 0.05, "longest": 0.05},
    "sharp_known": {"first": None, "whole": 0.005, "longest": 0.005},
    "column": {"first": 0.2, "whole": 0.3, "longest": 0.2},
    "grown": 5_000_000,
    "bandwidth": 1e10,
    "flops": 1e11,
    "row_bytes": 100_000_000,
    "pass_flops": 2e10,
    "pass_bytes": 1e6,
}


def test_parts_are_run_once_and_what_failed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, late = tmp_path / "given.json", tmp_path / "late.json"
    given.write_text('{"a": 1}')
    listed = [
        Part("one", ("json.tool", "--compact", str(given)), 1.0),
        Part("two", ("json.tool", "--compact", str(late)), 2.0),
    ]
    monkeypatch.setattr(long, "parts", lambda quick: listed)
    heard: list[str] = []
    first = long.measure(heard.append, folder=tmp_path / "kept")
    assert first == {"one": {"a": 1}, "two": {"failed": "ended with 2"}}
    assert heard[0] == "long: one, about 1.0 of 3 minutes"
    given.unlink()
    late.write_text('{"b": 2}')
    assert long.measure(heard.append, folder=tmp_path / "kept") == {"one": {"a": 1}, "two": {"b": 2}}
    assert long.measure(heard.append, folder=tmp_path / "kept", only=["tw"]) == {"two": {"b": 2}}
    assert "failed" in long.measure(heard.append, folder=tmp_path / "kept", fresh=True)["one"]


def test_every_part_names_a_module_and_says_how_long_it_takes() -> None:
    for quick in (False, True):
        listed = long.parts(quick=quick)
        assert len({part.name for part in listed}) == len(listed)
        assert all(part.minutes > 0 and part.command[0].startswith("tests.bench.long_") for part in listed)
    assert {"memory-two-131072-cached", "kernels-gpt2-32768", "browser-gpt2-32768"} <= {
        part.name for part in long.parts()
    }


def test_timed_turns_keep_the_allocators_chances_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = long.parts, repr(["A", *long.STEADY])
    program = f"import json, os\nprint(json.dumps({{name: os.environ.get(name) for name in {asked}}}))"
    (tmp_path / "told.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("A", "stays")
    listed = [Part(name, ("told",), 1.0, steady=name == "b") for name in "ab"]
    monkeypatch.setattr(long, "parts", lambda quick: listed)
    found = long.measure(lambda line: None, folder=tmp_path / "kept")
    assert found["a"] == {"A": "stays", **dict.fromkeys(long.STEADY)}
    assert found["b"] == {"A": "stays", **long.STEADY}
    assert all(part.steady == part.name.startswith("time-") for part in real())


def test_what_was_measured_is_told() -> None:
    found: dict[str, Any] = {
        "time-two-1024": {
            "chunk": None,
            "wall": {"sdpa": 2, "cached": 2, "capture": 2.1},
            "cpu": {"sdpa": 4, "cached": 4.1, "capture": 4.2},
        },
        "memory-two-1024-sdpa": {"peak": 50_000_000, "cache": 0},
        "memory-two-1024-capture": {"peak": 66_000_000, "cache": 10_000_000},
        "memory-two-2304-sdpa": {"failed": "ended with -9"},
        "kernels-two-1024": LOOKED,
        "kernels-two-2304": {**LOOKED, "row": 0.02 * 2.25**2},
        "stop-eager": {"last": 2048, "stopped": 4096, "why": "over 20 GB, all that is free"},
        "stop-bertviz": {"absent": "not installed"},
    }
    text = long_report.report(found, quick=True)
    assert "| 1,024 | 2 s | 2.1 s | 1.05 x | 1.02 x | all | 50 MB | 66 MB | 10 MB | 1.10 |" in text
    assert "| 1,024 | 20 ms | 20 ms | 20 ms (128 queries) | 100 ms (2 of 4) | 400 ms | 50 ms |" in text
    assert "| grows as | n^2.0 | n^0.0 |" in text
    # A row of 100 MB at 10 GB/s takes 10 ms at least, a product of 20 GFLOP at 100 GFLOP/s 200 ms.
    assert "| 10 ms; 2.0 x | 20.0 GFLOP | 200 ms; 2.0 x |" in text
    assert "| eager `output_attentions` | 2,048 | 4,096: over 20 GB, all that is free |" in text
    assert "| BertViz, head view | – | not measured: not installed |" in text
    assert long_report.report({}) == ""


@pytest.mark.parametrize(("power", "scale"), [(2.0, 3.0), (0.5, 1e-3), (0.0, 1.0)])
def test_the_exponent_of_a_power_law_is_found(power: float, scale: float) -> None:
    lengths = [1024, 4096, 32768]
    assert long_report.exponent(lengths, [scale * n**power for n in lengths]) == pytest.approx(power)
    assert long_report.exponent(lengths[:1], [1.0]) is None


def test_frames_are_told_by_their_median_and_their_slowest() -> None:
    told = long_browser.frames([16.0] * 90 + [40.0] * 10, cpu=0.5)
    assert told == {"count": 100, "p50": 0.016, "p95": 0.04, "cpu": 0.005}


def test_every_look_is_measured_until_it_is_whole() -> None:
    looked = long_kernels.measure("two", 700)
    json.dumps(looked)
    assert looked["coarse"]["first"]["of"] == 2 ** looked["level"]
    assert looked["coarse"]["whole"] >= looked["coarse"]["first"]["seconds"] > 0
    assert looked["row_bytes"] == 2 * 2 * 700 * 64 * 4 + 4 * 2 * 8 * 700
    timed = long_forward.measure_time("two", 128, 1)
    assert {"chunk", "wall", "cpu"} == timed.keys()
    assert timed["cpu"].keys() == {"sdpa", "cached", "capture"}
    assert long_forward.measure_memory("two", 128, "capture")["cache"] > 0


def test_a_tool_is_tried_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_stops, "eager", lambda tokens: "over 1 GB" if tokens > 300 else None)
    assert long_stops.stop("eager", 100, 1000) == {"last": 200, "stopped": 400, "why": "over 1 GB"}
    assert long_stops.stop("eager", 100, 200) == {"last": 200, "stopped": None, "why": None}
    monkeypatch.setattr(long_stops.cdn, "absent", lambda tools, folder: dict.fromkeys(tools, "not installed"))
    assert long_stops.stop("bertviz") == {"absent": "not installed"}
