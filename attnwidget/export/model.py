"""The model view as a still: layers down, heads across, a small picture of each pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import head_colour, ramp
from attnwidget.export.frame import WIDTH, Look, blank_axes, scaled, start_figure
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Site

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PIXELS = 64
"""Dots along an edge of a thumbnail; beyond it, a dot is the largest weight of a block."""

MAX_CELLS = 1 << 26
"""Cells computed for one picture; beyond it, evenly spaced queries."""

MIN_QUERIES = 16
"""Queries computed at least."""

MAX_EDGE, MAX_HEIGHT = 1.3, 9.5
"""Edge of a thumbnail and height of the drawing at most, in inches."""

LEFT, TOP, GAP = 0.62, 0.24, 0.05
"""Room for the numbers of layers and heads, and between thumbnails, in inches."""


def draw_model(record: AttentionRecord, look: Look) -> Figure:
    """Draw every head of every layer; the chosen heads have a frame in their colour."""
    from matplotlib.colors import ListedColormap, to_rgb
    from matplotlib.patches import Rectangle

    paper = look.paper
    sites = [record.site(layer, look.site) for layer in record.layers(look.site)]
    columns, total = max(site.heads for site in sites), sum(site.heads for site in sites)
    edge = min(MAX_EDGE, (WIDTH - LEFT - 0.16) / columns, (MAX_HEIGHT - TOP) / len(sites))
    height = TOP + edge * len(sites) + 0.1
    queries = _queries(sites[0], total)
    size = block_size(len(queries), sites[0].keys, MAX_PIXELS)
    figure, share = start_figure(record, look, height, _note(look, sites[0], len(queries), size))
    axes = blank_axes(figure, share)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    colours = ListedColormap(ramp(look.dark))
    gap = min(GAP, edge / 8)
    letters = max(3.0, min(7.0, 72 * 0.75 * edge))
    for head in range(columns):
        name = f"head {head}" if edge > 0.5 else str(head)
        axes.text(LEFT + edge * (head + 0.5), TOP - 0.09, name, color=paper.soft, size=letters, ha="center")
    for row, site in enumerate(sites):
        top = TOP + row * edge
        current = site.layer == look.layer
        axes.text(
            LEFT - 0.08,
            top + edge / 2,
            f"layer {site.layer}" if row == 0 or edge > 0.2 else str(site.layer),
            color=paper.ink if current else paper.soft,
            weight="bold" if current else "normal",
            size=letters,
            ha="right",
            va="center",
        )
        for head in range(site.heads):
            left = LEFT + head * edge
            weights, reach = _cells(site, head, queries, size)
            pixels = colours(scaled(np.nan_to_num(weights), look.scale))
            pixels[np.isnan(weights), :3] = to_rgb(paper.unknown)
            pixels[~reach, :3] = to_rgb(paper.line)
            axes.imshow(
                pixels,
                aspect="auto",
                interpolation="nearest",
                extent=(left, left + edge - gap, top + edge - gap, top),
            )
            chosen = current and head in look.heads
            axes.add_patch(
                Rectangle(
                    (left, top),
                    edge - gap,
                    edge - gap,
                    fill=False,
                    edgecolor=head_colour(head, look.dark) if chosen else paper.line,
                    linewidth=1.6 if chosen else 0.4,
                    zorder=3 if chosen else 2,
                )
            )
    # Pictures set the limits to their own.
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return figure


def _queries(site: Site, heads: int) -> NDArray[np.intp]:
    """Return the queries that are computed: all, or evenly spaced ones."""
    count = min(site.queries, max(MIN_QUERIES, MAX_CELLS // (heads * site.keys)))
    return np.unique(np.linspace(0, site.queries - 1, count).round().astype(np.intp))


def _note(look: Look, site: Site, queries: int, size: int) -> str:
    """Say what the reader must know of the picture."""
    notes = [f"{look.scale} scale", "grey: out of reach"]
    if size > 1:
        notes.insert(0, f"a dot is the largest of {size} x {size} cells")
    if queries < site.queries:
        notes.insert(0, f"sampled {queries:,} of {site.queries:,} queries")
    return "  ·  ".join(notes)


def _cells(
    site: Site, head: int, queries: NDArray[np.intp], size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return one head's weights and reach, pooled to what is drawn."""
    visible = site.visible(queries)
    pooled, reach = block_max(
        site.weights(head, queries), visible[None] if visible.ndim == 2 else visible[head][None], size
    )
    return pooled[0], reach[0]
