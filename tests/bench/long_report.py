"""The tables of long prompts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.long import cases
from tests.bench.long_forward import WAYS
from tests.bench.long_models import SHAPES
from tests.bench.long_stops import TOOLS
from tests.bench.peers_report import in_bytes
from tests.bench.table import markdown

Results = Mapping[str, Any]
NONE = "–"


def duration(seconds: float | None) -> str:
    """Return a time as it is read: "12 ms", "1.3 s", "4 min"."""
    if seconds is None:
        return NONE
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def exponent(lengths: Sequence[float], costs: Sequence[float]) -> float | None:
    """Return b of the power law cost = a * length**b that fits best (least squares of logarithms).

    None where there are fewer than two lengths.
    """
    points = [(math.log(n), math.log(cost)) for n, cost in zip(lengths, costs, strict=True) if cost > 0]
    if len({x for x, _ in points}) < 2:
        return None
    x, y = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def report(found: Results, *, quick: bool = False) -> str:
    """Return the Markdown of all that was measured."""
    sections = [
        _forward(found, quick),
        _looks(found, quick),
        _limits(found, quick),
        _browser(found),
        _stops(found),
    ]
    return "\n\n".join(section for section in sections if section)


def _got(found: Results, name: str) -> dict[str, Any]:
    """Return a part's result; nothing where it is missing or failed."""
    result: dict[str, Any] = found.get(name, {})
    return {} if "failed" in result else result


def _forward(found: Results, quick: bool) -> str:
    rows, by_shape = [], dict[str, list[tuple[int, list[float | None]]]]()
    for shape, tokens in cases(quick=quick):
        timed = _got(found, f"time-{shape}-{tokens}")
        runs = {way: _got(found, f"memory-{shape}-{tokens}-{way}") for way in WAYS}
        plain, taken = runs["sdpa"], runs["capture"]
        if not timed and not taken:
            continue
        cpu, wall = (
            timed.get(name) or {way: run[name] for way, run in runs.items() if run}
            for name in ("cpu", "wall")
        )
        chunk = timed.get("chunk") or taken.get("chunk")
        ratio = [
            f"{cpu['capture'] / cpu[way]:.2f} x" if {"capture", way} <= cpu.keys() else NONE
            for way in ("sdpa", "cached")
        ]
        memory = NONE
        if plain and taken:
            memory = f"{taken['peak'] / (plain['peak'] + taken['cache']):.2f}"
        costs = [wall.get("sdpa"), wall.get("capture"), plain.get("peak"), taken.get("peak")]
        by_shape.setdefault(shape, []).append((tokens, costs))
        rows.append(
            [
                SHAPES[shape].title,
                f"{tokens:,}",
                duration(wall.get("sdpa")),
                duration(wall.get("capture")),
                *ratio,
                f"{chunk:,}" if chunk else "all",
                in_bytes(plain["peak"]) if plain else NONE,
                in_bytes(taken["peak"]) if taken else NONE,
                in_bytes(taken["cache"]) if taken else NONE,
                memory,
            ]
        )
    if not rows:
        return ""
    for shape, measured in by_shape.items():
        if len(measured) > 1:
            powers = [_power(measured, at) for at in range(4)]
            rows.append([SHAPES[shape].title, "grows as", *powers[:2], "", "", "", *powers[2:], "", ""])
    head = ["Shape", "Tokens", "SDPA", "with capture", "CPU, of SDPA", "of SDPA with its own cache"]
    head += ["Tokens at a time", "Peak: SDPA", "with capture", "Kept Q and K", "Peak / (SDPA + kept)"]
    return (
        "Forward pass of a long prompt, random weights, all cores. SDPA alone runs in one piece and keeps "
        "nothing; with its own cache it keeps keys and values, as to generate, and reads as many tokens at a "
        "time as capture does. Ways take turns, one each from 16,384 tokens on; glibc's allocator is told "
        "to give nothing back between two tensors, which it else does by chance; at 131,072 each runs in a "
        "fresh process. Peaks are above the loaded model, each in a fresh process.\n\n" + markdown(head, rows)
    )


def _power(measured: Sequence[tuple[int, Sequence[float | None]]], at: int) -> str:
    """Return how one of some costs grows with the length, as far as it is known."""
    known = [(tokens, cost) for tokens, costs in measured if (cost := costs[at]) is not None]
    power = exponent([tokens for tokens, _ in known], [cost for _, cost in known])
    return NONE if power is None else f"n^{power:.1f}"


LOOKS = {
    "row": "A row of every head",
    "strips": "Strips of every head",
    "thumbnails": "First thumbnails",
    "coarse": "Whole matrix, first",
    "coarse_whole": "and exact",
    "sharp": "Sharp viewport, new head",
    "sharp_known": "known head",
    "column": "A column, first",
    "column_whole": "and exact",
}


def _seconds(looked: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds of each look."""
    coarse, column = looked["coarse"], looked["column"]
    return {
        **{name: looked[name] for name in ("row", "strips", "thumbnails")},
        "coarse": coarse["first"]["seconds"],
        "coarse_whole": coarse["whole"],
        "sharp": looked["sharp"]["whole"],
        "sharp_known": looked["sharp_known"]["whole"],
        "column": column["first"],
        "column_whole": column["whole"],
    }


def _looks(found: Results, quick: bool) -> str:
    rows, by_shape = [], dict[str, list[tuple[int, dict[str, float]]]]()
    for shape, tokens in cases(quick=quick):
        looked = _got(found, f"kernels-{shape}-{tokens}")
        if not looked:
            continue
        costs = _seconds(looked)
        by_shape.setdefault(shape, []).append((tokens, costs))
        cells = {name: duration(costs[name]) for name in LOOKS}
        cells["thumbnails"] += f" ({looked['sampled']:,} queries)"
        first = looked["coarse"]["first"]
        if first["read"] < first["of"]:
            cells["coarse"] += f" ({first['read']} of {first['of']})"
        rows.append([SHAPES[shape].title, f"{tokens:,}", *cells.values(), in_bytes(looked["grown"])])
    if not rows:
        return ""
    for shape, measured in by_shape.items():
        if len(measured) < 2:
            continue
        lengths = [tokens for tokens, _ in measured]
        powers = [exponent(lengths, [costs[name] for _, costs in measured]) for name in LOOKS]
        cells_of = [NONE if power is None else f"n^{power:.1f}" for power in powers]
        rows.append([SHAPES[shape].title, "grows as", *cells_of, ""])
    return (
        "Looking at it, as the front end asks (random queries and keys in float32; what is sampled first "
        "says how much of it was read), and how much the process grew:\n\n"
        + markdown(["Shape", "Tokens", *LOOKS.values(), "Grown by"], rows)
    )


def _limits(found: Results, quick: bool) -> str:
    rows = []
    for shape, tokens in cases(quick=quick):
        looked = _got(found, f"kernels-{shape}-{tokens}")
        if not looked:
            continue
        row_limit = looked["row_bytes"] / looked["bandwidth"]
        pass_limit = max(looked["pass_flops"] / looked["flops"], looked["pass_bytes"] / looked["bandwidth"])
        whole = looked["coarse"]["whole"]
        rows.append(
            [
                SHAPES[shape].title,
                f"{tokens:,}",
                f"{looked['bandwidth'] / 1e9:.1f} GB/s",
                f"{looked['flops'] / 1e9:.0f} GFLOP/s",
                f"{looked['row_bytes'] / 1e6:,.0f} MB",
                f"{duration(row_limit)}; {looked['row'] / row_limit:.1f} x",
                f"{looked['pass_flops'] / 1e9:.1f} GFLOP",
                f"{duration(pass_limit)}; {whole / pass_limit:.1f} x",
            ]
        )
    if not rows:
        return ""
    head = ["Shape", "Tokens", "Memory read", "Products", "A row of every head touches", "at least; we take"]
    head += ["One head's whole pattern takes", "at least; we take"]
    return (
        "How far that is from the machine's limits, measured in the same process: a row of every head reads "
        "all keys once, so that memory bounds it; one head's whole pattern is one product of queries and "
        "keys, half of it under a causal mask, without the softmax.\n\n" + markdown(head, rows)
    )


def _browser(found: Results) -> str:
    name = next((part for part in found if part.startswith("browser-")), None)
    shown = {} if name is None else _got(found, name)
    if name is None or not shown:
        return ""
    _, shape, tokens = name.split("-")
    memory, clicked = shown["memory"], duration((shown["click"] or {}).get("first"))
    rows = [
        [
            what,
            *(f"{1000 * shown[part][each]:.1f} ms" for each in ("p50", "p95", "cpu")),
            f"{shown[part]['count']}",
        ]
        for what, part in (("Scrolling the text", "text"), ("Panning the matrix", "matrix"))
    ]
    return (
        f"In JupyterLab and headless Chromium without a GPU, {int(tokens):,} tokens, {SHAPES[shape].title}: "
        f"{shown['nodes']:,} elements in the text view; from a click on a word to the first mark "
        f"{clicked}; JavaScript heap {in_bytes(memory['heap'])} and the page's "
        f"process {in_bytes(memory['resident'])} above JupyterLab without the explorer (at its peak "
        f"{in_bytes(memory['peak'])}; {in_bytes(memory['all'])} in all).\n\n"
        + markdown(["Frames", "Median", "95th percentile", "Main thread's CPU each", "Frames"], rows)
    )


def _stops(found: Results) -> str:
    rows = []
    for tool, title in TOOLS.items():
        stop = _got(found, f"stop-{tool}")
        if not stop:
            continue
        if "absent" in stop:
            rows.append([title, NONE, f"not measured: {stop['absent']}"])
            continue
        last = NONE if stop["last"] is None else f"{stop['last']:,}"
        why = "still works" if stop["stopped"] is None else f"{stop['stopped']:,}: {stop['why']}"
        rows.append([title, last, why])
    if not rows:
        return ""
    return (
        "Where other ways stop on this machine, the length doubled from 64 on (12 x 12 heads; a minute at "
        "most to run or to draw, three to be built):\n\n"
        + markdown(["Tool", "Longest that works", "First that does not"], rows)
    )
