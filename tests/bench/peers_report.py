"""What was measured beside other tools, as Markdown: ours / theirs = ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from tests.bench import tensors
from tests.bench.browser_cost import LIMIT_MS
from tests.bench.page_runs import MEMORY_LIMIT, Measured
from tests.bench.peers import LIVE, PAGE, PEERS, VIEWS, Comparison
from tests.bench.table import markdown

HEADING = """
    Beside other tools ({present}), on the same random causal attention of {layers} layers x {heads}
    heads: *ours / theirs = ratio*, below 1 where ours is less.
"""
METHOD = """
    **Live.** Ours runs in JupyterLab with its kernel, from running the cell, which makes the widget
    and its picture, to the first frame that draws and to the last mark. BertViz's page is opened
    from disk, which spares it its kernel, the transfer and JupyterLab; the scripts that it loads
    from a CDN are handed to it at once (jQuery 2.1.4 for 2.0.0, which npm does not have). Stored:
    in the saved notebook, with our widget's state and front end; for BertViz, its HTML. Python's
    CPU: to make the widget or the HTML; ours also answers the page. CPU: of the page's main thread,
    which a busy machine hardly distorts; SVG is painted by other threads and not counted. Change: a
    layer not seen before; in the model view, a head opened. Hover: a token; in our model view, a
    head. Memory: how far the page's process grew. A page that is not drawn in {seconds} s, or grows
    over {gigabytes} GB, is ended, and longer inputs are not tried (–). BertViz's neuron view runs
    on its own GPT-2 class of 2019, with the weights of the transformers model that ours runs on.
"""
SAVED = """
    **Saved.** The HTML that `html_action='return'` gives in either package, opened from disk.
"""
MAPS = """
    Our saved head view beside heat maps. CircuitsVis shows a layer at a time: what it stores is
    counted for all of them, what it paints for one.
"""


def _prose(text: str, **values: object) -> str:
    return " ".join(text.format(**values).split())


def in_bytes(figure: float) -> str:
    """Return bytes with a unit, to three figures."""
    return _figures(figure / 1e6, "MB") if figure >= 1e6 else f"{figure / 1e3:.0f} kB"


def in_time(first: float, last: float | None = None) -> str:
    """Return seconds with a unit, to three figures; of two different times, both."""
    last = first if last is None else last
    unit, scale = ("s", 1) if last >= 1 else ("ms", 1000)
    begun, ended = (f"{time * scale:.3g}" if unit == "s" else f"{time * scale:.0f}" for time in (first, last))
    return f"{ended} {unit}" if begun == ended else f"{begun}…{ended} {unit}"


def _figures(number: float, unit: str) -> str:
    return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def in_ratio(ours: float, theirs: float) -> str:
    """Return ours as a share of theirs, to two figures."""
    ratio = ours / theirs
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def cell(
    ours: Measured | None, theirs: Measured | None, step: str, name: str, show: Callable[[float], str]
) -> str:
    """Return one figure of ours and of theirs, and their ratio where both are known."""
    first, second = (item.get(step, name) if item else None for item in (ours, theirs))
    text = f"{_shown(ours, step, name, show)} / {_shown(theirs, step, name, show)}"
    return f"{text} = {in_ratio(first, second)}" if first is not None and second else text


def _shown(item: Measured | None, step: str, name: str, show: Callable[[float], str]) -> str:
    """Return a figure (of time: to the first frame, and to the last), or why there is none."""
    if item is None:
        return "–"
    figure, first = item.get(step, name), item.get(step, "first")
    if figure is None:
        return item.failure or "–"
    return in_time(first, figure) if name == "wall" and first is not None else show(figure)


Column = tuple[str, str, str, Callable[[float], str]]

PAINT: tuple[Column, ...] = (
    ("Stored", "built", "bytes", in_bytes),
    ("Python's CPU", "built", "cpu", in_time),
    ("Painted", "drawn", "wall", in_time),
    ("CPU", "drawn", "cpu", in_time),
)
GESTURE: tuple[Column, ...] = (
    ("Change", "change", "wall", in_time),
    ("CPU", "change", "cpu", in_time),
    ("Hover", "hover", "wall", in_time),
    ("CPU", "hover", "cpu", in_time),
)
MEMORY: tuple[Column, ...] = (("Page's memory", "drawn", "peak", in_bytes),)


def _table(
    found: Comparison,
    pairs: Sequence[tuple[str, str, str, str]],
    columns: Sequence[Column],
    lengths: Sequence[int],
) -> str:
    """Return a table with a row per pair (its name, our tool, their tool, the view) and length."""
    rows = []
    for title, ours, theirs, view in pairs:
        for tokens in lengths:
            mine, other = found.find(ours, view, tokens), found.find(theirs, view, tokens)
            if mine or other:
                rows.append([f"{title}, {tokens}", *(cell(mine, other, *column[1:]) for column in columns)])
    return markdown(["View, tokens", *(column[0] for column in columns)], rows)


def _wire(found: Comparison) -> str:
    """Return a sentence on what travelled to our views until they were drawn."""
    parts = []
    for view in VIEWS:
        items = [item for item in found.measured if item.tool == LIVE and item.view == view]
        sizes = [f"{in_bytes(sent)} at {it.tokens}" for it in items if (sent := it.get("built", "wire"))]
        parts += [f"{view} view {', '.join(sizes)}"] if sizes else []
    return f"Bytes between kernel and page until our view is drawn: {'; '.join(parts) or 'not known'}."


def _heading(found: Comparison) -> str:
    """Return what was compared, and what was absent."""
    present = [f"{name} {version(tool)}" for tool, (name, _) in PEERS.items() if tool not in found.absent]
    absent = [f"{PEERS[tool][0]} was not measured: {why}." for tool, why in found.absent.items()]
    shape = {"layers": tensors.LAYERS, "heads": tensors.HEADS}
    return " ".join([_prose(HEADING, present=", ".join(present) or "none", **shape), *absent])


def report(found: Comparison, lengths: Sequence[int]) -> str:
    """Return what was done, and the tables."""
    every = PAINT + GESTURE + MEMORY
    parts = [
        _heading(found),
        _prose(METHOD, seconds=LIMIT_MS // 1000, gigabytes=f"{MEMORY_LIMIT / 1e9:.0f}"),
        _table(found, [(view, LIVE, "bertviz", view) for view in VIEWS], every, lengths),
        _wire(found),
        _prose(SAVED),
        _table(found, [(view, PAGE, "bertviz", view) for view in VIEWS], every, lengths),
    ]
    if others := [tool for tool in PEERS if tool != "bertviz" and tool not in found.absent]:
        pairs = [(PEERS[tool][0], PAGE, tool, "head") for tool in others]
        parts += [_prose(MAPS), _table(found, pairs, PAINT + MEMORY, lengths)]
    return "\n\n".join(parts)
