"""The matrix view as a still: queries down, keys across, one panel per head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import hex_colour
from attnwidget.export.frame import (
    NOTE,
    SMALL,
    Look,
    draw_keys,
    draw_stripes,
    finish,
    label_of,
    named,
    scaled,
    start,
    widest,
)
from attnwidget.export.paint import paint, rgb
from attnwidget.export.scene import Box, Cells, Label, Scene, hatch
from attnwidget.export.shown import Drawn, describe_shown, drawn, has_pairs, how_exact, read
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Site, Token

MAX_PANELS = 12
"""Heads drawn side by side."""

MAX_PIXELS = 512
"""Cells drawn along an axis; beyond it, a pixel is the largest weight of a block."""

MAX_QUERIES, MAX_READ = 2048, 1 << 24
"""Rows computed, and their cells; beyond either, evenly spaced ones."""

MAX_CELL, LEAST_LABELLED = 18.0, 5.6
"""Edge of a cell at most, and the edge from which on each has its label, in points."""

LABEL = 62.0
"""Room for labels at most, in points."""

SINK, SINK_GAP = 8.0, 4.0
"""Width of the sink's column, and from the last key to it, in points."""

WIDE_PANEL = 150.0
"""Width of a panel at least, where there are several, in points."""


@dataclass(frozen=True)
class Frame:
    """Where the cells of a panel lie, relative to its corner, in points."""

    left: float
    top: float
    width: float
    height: float
    cell: float
    labelled: bool


def draw_matrix(record: AttentionRecord, look: Look) -> Scene:
    """Draw the chosen heads' patterns; masked cells are hatched, unknown weights have their own colour."""
    site = record.site(look.layer, look.site)
    every = drawn(look)
    heads = every[:MAX_PANELS]
    most = max(1, min(len(heads), 4, int(look.room // WIDE_PANEL)))
    # Four are two by two, not three and one.
    columns = min(most, -(-len(heads) // -(-len(heads) // most))) if heads else 1
    wide = (look.room - 10 * (columns - 1)) / columns
    frame = _frame(record, look, site, wide, columns == 1)
    rows = min(site.queries, MAX_QUERIES, max(1, MAX_READ // site.keys))
    queries = np.unique(np.linspace(0, site.queries - 1, rows).astype(np.intp))
    size = block_size(len(queries), site.keys, MAX_PIXELS)
    scene, y = start(record, look)
    pitch = 13 + frame.top + frame.height + 8
    masked = hidden = False
    for index, one in enumerate(heads):
        row, column = divmod(index, columns)
        x = look.margin + column * (wide + 10)
        weights, reach, off = _cells(record, look, one, queries, size)
        masked, hidden = masked or not reach.all(), hidden or bool(off.any())
        _draw_panel(scene, record, look, site, one, frame, (weights, reach, off), x, y + row * pitch)
    end = y + pitch * -(-len(heads) // columns) - 4
    notes = _notes(record, look, len(queries), size, masked, hidden)
    if len(every) > MAX_PANELS:
        notes.insert(0, f"first {MAX_PANELS} of {len(every)} heads")
    return finish(scene, record, look, end, notes)


def _frame(record: AttentionRecord, look: Look, site: Site, wide: float, alone: bool) -> Frame:
    """Lay out a panel of a width: cells are square, and labelled where they are large enough."""
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    sink = SINK_GAP + SINK if _has_sink(site, look) else 0.0
    stripes = 12.0 if has_pairs(record, look) else 0.0
    most = min(LABEL, wide * 0.3)
    sizes = [
        widest(tokens, range(len(tokens)), held, SMALL, most) + 4
        for tokens, held in ((queries, look.query), (keys, look.key))
    ]
    # A picture that is read on its own takes no more than it needs.
    tallest = 400.0 if alone else 300.0
    labelled = True
    left = top = cell = 0.0
    for labelled in (True, False):
        left, top = (sizes[0], sizes[1]) if labelled else (22.0, 12.0)
        left, top = left + stripes, top + stripes
        cell = min(MAX_CELL, (wide - left - sink - 1) / site.keys, tallest / site.queries)
        if cell >= LEAST_LABELLED:
            break
    return Frame(left, top, cell * site.keys, cell * site.queries, cell, labelled)


def _has_sink(site: Site, look: Look) -> bool:
    return site.has_sinks or bool(look.heads and site.sink(list(look.heads), 0).max() > 0)


def _draw_panel(
    scene: Scene, record: AttentionRecord, look: Look, site: Site, one: Drawn, frame: Frame,
    cells: tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]], x: float, y: float,
) -> None:  # fmt: skip
    paper = look.paper
    colour = hex_colour(one.colour(look.dark))
    draw_keys(scene, look, [(one.name, colour)], x, y + 1, frame.left + frame.width)
    weights, reach, off = cells
    left, top = x + frame.left, y + 13 + frame.top
    pixels = paint(scaled(np.nan_to_num(weights), look.scale), look.dark)
    pixels[np.isnan(weights)] = (*rgb(paper.unknown), 255)
    pixels[off] = (*rgb(paper.line), 255)
    pixels[~reach, 3] = 0
    if not reach.all():
        scene.add(hatch(left, top, frame.width, frame.height, paper.line))
    scene.add(Cells(left, top, frame.width, frame.height, pixels))
    scene.add(Box(left, top, frame.width, frame.height, edge=paper.line, line=0.5))
    if _has_sink(site, look):
        _draw_sink(scene, look, site, one, frame, left + frame.width + SINK_GAP, top)
    _draw_axis(scene, record, look, frame, left, top, record.query_tokens(look.site), True)
    _draw_axis(scene, record, look, frame, left, top, record.key_tokens(look.site), False)
    if look.query is not None and look.query < site.queries:
        spot = top + look.query * frame.cell
        scene.add(Box(left - 0.5, spot - 0.5, frame.width + 1, frame.cell + 1, edge=paper.ink, line=0.8))
    if look.key is not None and look.key < site.keys:
        spot = left + look.key * frame.cell
        scene.add(Box(spot - 0.5, top - 0.5, frame.cell + 1, frame.height + 1, edge=paper.ink, line=0.8))


def _draw_sink(scene: Scene, look: Look, site: Site, one: Drawn, frame: Frame, x: float, y: float) -> None:
    sink = site.sink(list(one.heads))
    whole = sink.max(axis=0) if one.how == "max" else sink.mean(axis=0)
    # Where several queries share a dot, the largest is drawn.
    size = block_size(site.queries, 1, MAX_PIXELS)
    values = block_max(whole[None, :, None], np.ones((1, 1, 1), dtype=np.bool_), (size, 1))[0][0, :, 0]
    pixels = paint(scaled(np.nan_to_num(values), look.scale), look.dark)[:, None]
    pixels[np.isnan(values)[:, None]] = (*rgb(look.paper.unknown), 255)
    scene.add(Cells(x, y, SINK, frame.height, pixels))
    scene.add(Box(x, y, SINK, frame.height, edge=look.paper.line, line=0.5))
    scene.add(Label(x + SINK / 2, y - 3, "sink", min(SMALL, 6.5), look.paper.soft, turned=True))


def _draw_axis(
    scene: Scene, record: AttentionRecord, look: Look, frame: Frame, left: float, top: float,
    tokens: tuple[Token, ...], down: bool,
) -> None:  # fmt: skip
    """Write tokens along an axis, or positions where these have no room; what is held always."""
    paper, held = look.paper, look.query if down else look.key
    room = (frame.left if down else frame.top) - (12.0 if has_pairs(record, look) else 0.0) - 4
    begin = top if down else left
    size = min(SMALL, 0.86 * frame.cell) if frame.labelled else NOTE
    long = len(tokens) * frame.cell
    step = 1 if frame.labelled else _step(len(tokens), long)
    for at, token in enumerate(tokens):
        if at % step and at != held:
            continue
        if not frame.labelled and at != held and held is not None and abs(at - held) * frame.cell < 8:
            continue
        strong = at == held
        middle = begin + (at + 0.5) * frame.cell
        text = label_of(token, size, room, strong) if frame.labelled else str(at)
        colour = paper.ink if strong else paper.soft
        if down:
            scene.add(Label(left - 3, middle, text, size, colour, "end", bold=strong))
        elif frame.labelled:
            scene.add(Label(middle, top - 3, text, size, colour, bold=strong, turned=True))
        else:
            scene.add(Label(middle, top - 6, text, size, colour, "middle", bold=strong))
    if has_pairs(record, look):
        spans = [(begin + at * frame.cell, begin + (at + 1) * frame.cell) for at in range(len(tokens))]
        edge = (left - frame.left if down else top - frame.top) + 8
        draw_stripes(scene, look, [token.segment for token in tokens], spans, edge, down)


def _step(count: int, long: float) -> int:
    """Return how many positions apart numbers stand, so that they do not touch."""
    return next(
        (step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if long * step / count >= 16), 10_000
    )


def _notes(
    record: AttentionRecord, look: Look, queries: int, size: int, masked: bool, hidden: bool
) -> list[str]:
    """Say what the reader must know of the picture."""
    site = record.site(look.layer, look.site)
    return [
        f"query {named(record.query_tokens(look.site), look.query)} held" if look.query is not None else "",
        f"key {named(record.key_tokens(look.site), look.key)} held" if look.key is not None else "",
        how_exact(record),
        describe_shown(record, look),
        f"{queries:,} of {site.queries:,} queries" if queries < site.queries else "",
        f"a dot is the largest of {size} × {size} cells" if size > 1 else "",
        f"{look.scale} scale, queries down, keys across",
        "hatched: out of reach" if masked else "",
        "grey: hidden by a filter" if hidden else "",
    ]


def _cells(
    record: AttentionRecord, look: Look, one: Drawn, queries: NDArray[np.intp], size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return weights, reach and what is hidden, pooled to what is drawn."""
    weights, reach, hidden = read(record, look, one, queries)
    pooled, shown = block_max(weights[None], (reach & ~hidden)[None], size)
    _, reached = block_max(weights[None], reach[None], size)
    return pooled[0], reached[0], reached[0] & ~shown[0]
