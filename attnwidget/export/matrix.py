"""The matrix view as a still: queries down, keys across, one panel per head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import ramp
from attnwidget.export.frame import WIDTH, Look, cells, scaled, short_label, start_figure
from attnwidget.export.shown import Drawn, describe_shown, drawn, read
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Site

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PANELS = 4
"""Heads drawn side by side."""

MAX_AXIS_TOKENS = 48
"""Tokens written along an axis."""

MAX_PIXELS = 512
"""Cells drawn along an axis; beyond it, a pixel is the largest weight of a block."""

MAX_QUERIES = 2048
"""Rows computed; beyond it, evenly spaced ones."""

GLYPH = 0.0585
"""Width of a letter on the axes, in inches."""


def draw_matrix(record: AttentionRecord, look: Look) -> Figure:
    """Draw the chosen heads' patterns; masked cells are hatched, unknown weights have their own colour."""
    from matplotlib.colors import ListedColormap, to_rgba

    paper, site = look.paper, record.site(look.layer, look.site)
    heads = drawn(look)[:MAX_PANELS]
    axes_tokens = record.key_tokens(look.site), record.query_tokens(look.site)
    labels = [
        [short_label(token, 10) for token in tokens] if len(tokens) <= MAX_AXIS_TOKENS else []
        for tokens in axes_tokens
    ]
    below, left = (0.18 + GLYPH * max((cells(label) for label in side), default=4) for side in labels)
    columns = {0: 1, 1: 1, 3: 3}.get(len(heads), 2)
    width = min(WIDTH / columns - left - 0.16, 4.6)
    rows = max(1, -(-len(heads) // columns))
    pitch = 0.26 + width + below + 0.08
    queries = np.unique(np.linspace(0, site.queries - 1, min(site.queries, MAX_QUERIES)).astype(np.intp))
    size = block_size(len(queries), site.keys, MAX_PIXELS)
    figure, share = start_figure(record, look, pitch * rows, _note(record, look, site, len(queries), size))
    inch = share / (pitch * rows)
    colours = ListedColormap(ramp(look.dark))
    for index, one in enumerate(heads):
        row, column = divmod(index, columns)
        x = column * WIDTH / columns + left
        bottom = share - ((row + 1) * pitch - below) * inch
        axes = figure.add_axes((x / WIDTH, bottom, width / WIDTH, width * inch))
        weights, reach, hidden = _cells(record, look, one, queries, size)
        pixels = colours(scaled(np.nan_to_num(weights), look.scale))
        pixels[np.isnan(weights)] = to_rgba(paper.unknown)
        pixels[hidden] = to_rgba(paper.line)
        pixels[~reach, 3] = 0
        axes.patch.set(facecolor=paper.background, edgecolor=paper.line, hatch="////", linewidth=0)
        extent = (-0.5, site.keys - 0.5, site.queries - 0.5, -0.5)
        axes.imshow(pixels, aspect="auto", interpolation="nearest", extent=extent)
        axes.set_title(one.name, color=one.colour(look.dark), size=8, loc="left", pad=3)
        for axis, side in zip((axes.xaxis, axes.yaxis), labels, strict=True):
            if side:
                axis.set_ticks(range(len(side)), side)
        letters = max(3.5, min(7.0, 72 * 0.8 * width / max(site.queries, site.keys))) if any(labels) else 7.0
        axes.tick_params(length=0, colors=paper.soft, labelsize=letters)
        axes.tick_params(axis="x", rotation=90 if labels[0] else 0)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            text.set_parse_math(False)
        for spine in axes.spines.values():
            spine.set_color(paper.line)
    return figure


def _note(record: AttentionRecord, look: Look, site: Site, queries: int, size: int) -> str:
    """Say what the reader must know of the picture."""
    notes = [f"{look.scale} scale", "hatched: out of reach"]
    if size > 1:
        notes.insert(0, f"a dot is the largest of {size} x {size} cells")
    if queries < site.queries:
        notes.insert(0, f"{queries:,} of {site.queries:,} queries")
    if shown := describe_shown(record, look):
        notes.insert(0, shown)
        notes += ["grey: hidden"] if "hidden" in shown or "top" in shown or "only" in shown else []
    if len(drawn(look)) > MAX_PANELS:
        notes.insert(0, f"first {MAX_PANELS} of {len(look.heads)} heads")
    return "  ·  ".join(notes)


def _cells(
    record: AttentionRecord, look: Look, one: Drawn, queries: NDArray[np.intp], size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return weights, reach and what is hidden, pooled to what is drawn."""
    weights, reach, hidden = read(record, look, one, queries)
    pooled, shown = block_max(weights[None], (reach & ~hidden)[None], size)
    _, reached = block_max(weights[None], reach[None], size)
    return pooled[0], reached[0], reached[0] & ~shown[0]
