"""What was measured of sharing, as Markdown."""

from __future__ import annotations

from importlib.metadata import version

from tests.bench import tensors
from tests.bench.browser_cost import LIMIT_MS
from tests.bench.peers_report import in_bytes, in_ratio, in_time
from tests.bench.sharing import OURS, PEERS, Key, Sharing
from tests.bench.table import markdown

HEADING = """
    What a reader is sent, on the same tensors: random causal attention of {layers} layers x {heads}
    heads, and the embedded model's own (4 x 4, on text that it was not trained on; ours holds its
    queries, keys and predictions too).
"""
STORED = """
    Bytes. *Notebook*: an executed notebook, widget state saved, with `ex` and with `ex.share()`, a
    snapshot of at most 1 MB in it. *Page*: what `save_html` writes, everything in it. Of the other tools,
    the HTML that they put into a notebook or a page (CircuitsVis shows a layer at a time, all are
    counted), and our page as a share of it.
"""
PAINTED = """
    Opened from disk in headless Chromium, scripts of a CDN handed over at once: until the first frame
    that draws, and the last ({seconds} s at most; what failed is not tried at larger lengths). Of
    CircuitsVis one layer is opened. Our time as a share of theirs, to the last mark.
"""


def _prose(text: str, **values: object) -> str:
    return " ".join(text.format(**values).split())


def _title(key: Key) -> str:
    source, tokens = key
    return f"{source}, {tokens}"


def _beside(found: Sharing, key: Key, tool: str, step: str, name: str) -> str:
    """Return a tool's figure with ours as a share of it, or why there is none."""
    item, ours = found.pages.get((tool, *key)), found.pages.get((OURS, *key))
    if item is None:
        return "–"
    figure, own = item.get(step, name), ours.get(step, name) if ours else None
    if figure is None:
        return item.failure or "–"
    shown = in_bytes(figure) if name == "bytes" else in_time(item.get(step, "first") or figure, figure)
    return f"{shown}; ours {in_ratio(own, figure)}" if tool != OURS and own and figure else shown


def _columns(found: Sharing) -> list[str]:
    return [tool for tool in PEERS if tool not in found.absent]


def _stored(found: Sharing) -> str:
    tools = _columns(found)
    rows = [
        [
            _title(key),
            in_bytes(found.widget[key]),
            in_bytes(found.shared[key]),
            *(_beside(found, key, tool, "built", "bytes") for tool in (OURS, *tools)),
        ]
        for key in found.widget
    ]
    names = [PEERS[tool] for tool in tools]
    return markdown(["Attention, tokens", "Notebook, `ex`", "`ex.share()`", "Page", *names], rows)


def _painted(found: Sharing) -> str:
    tools = _columns(found)
    rows = [
        [_title(key), *(_beside(found, key, tool, "drawn", "wall") for tool in (OURS, *tools))]
        for key in found.widget
    ]
    return markdown(["Attention, tokens", "Page", *(PEERS[tool] for tool in tools)], rows)


def report(found: Sharing) -> str:
    """Return what was done, and the tables."""
    present = ", ".join(f"{PEERS[tool]} {version(tool)}" for tool in _columns(found)) or "none"
    absent = " ".join(f"{PEERS[tool]} was not measured: {why}." for tool, why in found.absent.items())
    heading = _prose(HEADING, layers=tensors.LAYERS, heads=tensors.HEADS)
    return "\n\n".join(
        [
            f"**Shared.** {heading} Beside {present}. {absent}".strip(),
            _prose(STORED),
            _stored(found),
            _prose(PAINTED, seconds=LIMIT_MS // 1000),
            _painted(found),
        ]
    )
