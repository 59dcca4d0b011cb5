"""The model view as a still: a small picture of each head's pattern, by layer or by a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.export.colours import head_colour, hex_colour
from attnwidget.export.frame import NOTE, SMALL, Look, draw_pin, finish, scaled, start
from attnwidget.export.metrics import measured, written
from attnwidget.export.paint import paint, rgb
from attnwidget.export.scene import Box, Cells, Label, Scene, hatch
from attnwidget.export.shown import how_exact
from attnwidget.metrics.metric import Metric
from attnwidget.metrics.table import HeadTable
from attnwidget.metrics.thumbnails import block_max, block_size
from attnwidget.record import AttentionRecord, Site

MAX_PIXELS, FEW_PIXELS = 64, 48
"""Dots along an edge of a thumbnail, and in small files; beyond, a dot is the largest weight of a block."""

MAX_CELLS = 1 << 26
"""Cells computed for one picture; beyond it, evenly spaced queries."""

AT_ONCE = 1 << 22
"""Cells of a layer computed at a time."""

MIN_QUERIES = 16
"""Queries computed at least."""

MAX_EDGE, MAX_HEIGHT = 92.0, 680.0
"""Edge of a thumbnail and height of the drawing at most, in points."""

LEFT, TOP, GAP = 40.0, 14.0, 3.5
"""Room for the numbers of layers and heads, and between thumbnails, in points."""

CAPTION, LEAST_RANKED = 11.0, 44.0
"""Room under a picture for its name and value, and its edge at least, where heads are sorted; in points."""

FADED = 0.22
"""What is left of heads under the limit."""


Pooled: TypeAlias = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""A small pattern's weights and reach: [rows, columns] both."""


@dataclass(frozen=True)
class Place:
    """Where a head stands, and what it is called there."""

    layer: int
    head: int
    x: float
    y: float


def draw_model(record: AttentionRecord, look: Look) -> Scene:
    """Draw the heads of every layer, or those over the limit, strongest first; chosen ones are framed."""
    sites = {layer: record.site(layer, look.site) for layer in record.layers(look.site)}
    wanted = look.filters["heads"]
    offered = [
        (layer, head)
        for layer, site in sites.items()
        for head in range(site.heads)
        if wanted is None or head in wanted
    ]
    table = measured(record, look) if look.order == "metric" or look.cut is not None else None
    values = _values(table, look, offered)
    kept = [one for one in offered if not _is_cut(values, look, one)]
    scene, y = start(record, look)
    if table is not None and look.order == "metric":
        ranked = sorted(kept, key=lambda one: -np.nan_to_num(values[one], nan=-np.inf))
        edge, places, end = _ranked(look, ranked, y)
    else:
        edge, places, end = _by_layer(scene, look, sites, sorted({head for _, head in offered}), offered, y)
    first = next(iter(sites.values()))
    queries = _queries(first, len(offered) or 1)
    size = block_size(len(queries), first.keys, FEW_PIXELS if look.small else MAX_PIXELS)
    absent, masked = 0, False
    for layer, site in sites.items():
        here = [place for place in places if place.layer == layer]
        patterns = _pooled(site, [place.head for place in here], queries, size)
        for place in here:
            if place.head in patterns:
                faded = (layer, place.head) not in kept
                masked = masked or not patterns[place.head][1].all()
                _draw_head(scene, look, place, edge, patterns[place.head], faded)
            else:
                absent += 1
                inner = edge - _gap(edge)
                scene.add(hatch(place.x, place.y, inner, inner, look.paper.line))
    pinned = {(ref["layer"], ref["head"]) for ref in look.pinned if ref["site"] == look.site}
    metric = None if table is None else table.metrics[_metric(table, look)]
    for place in places:
        _mark(scene, look, place, edge, (place.layer, place.head) in pinned)
        if metric is not None and look.order == "metric":
            _caption(scene, look, place, edge, values[place.layer, place.head], metric)
    notes = [
        f"{metric.title}, largest first" if metric is not None and look.order == "metric" else "",
        f"{len(kept)} of {len(offered)} heads of {metric.title} ≥ {look.cut:g}"
        + ("" if look.order == "metric" else ", others faded")
        if metric is not None and look.cut is not None
        else "",
        f"metric sampled on {table.sampled:,} of {table.queries:,} queries"
        if table is not None and table.sampled < table.queries
        else "",
        "shares of norms" if record.weighting == "norms" else "",
        "words" if record.words else "",
        how_exact(record),
        f"sampled {len(queries):,} of {first.queries:,} queries" if len(queries) < first.queries else "",
        f"a dot is the largest of {size} × {size} cells" if size > 1 else "",
        f"{look.scale} scale",
        "grey: out of reach" if masked else "",
        f"hatched: {absent} heads whose patterns are not in the snapshot" if absent else "",
        "blue corner: pinned" if any((one.layer, one.head) in pinned for one in places) else "",
        f"heads {', '.join(map(str, wanted))} of each layer" if wanted is not None else "",
    ]
    return finish(scene, record, look, end, notes)


def _metric(table: HeadTable, look: Look) -> str:
    return look.metric if look.metric in table.metrics else table.names[0]


def _values(
    table: HeadTable | None, look: Look, offered: list[tuple[int, int]]
) -> dict[tuple[int, int], float]:
    if table is None:
        return dict.fromkeys(offered, np.nan)
    values = table.values[_metric(table, look)]
    return {(layer, head): float(values[table.layers.index(layer), head]) for layer, head in offered}


def _is_cut(values: dict[tuple[int, int], float], look: Look, one: tuple[int, int]) -> bool:
    return look.cut is not None and not values[one] >= look.cut


def _by_layer(
    scene: Scene, look: Look, sites: dict[int, Site], columns: list[int], offered: list[tuple[int, int]],
    y: float,
) -> tuple[float, list[Place], float]:  # fmt: skip
    """Return the edge of a cell, a row of heads for each layer, and where they end."""
    paper = look.paper
    edge = min(MAX_EDGE, (look.room - LEFT) / max(1, len(columns)), (MAX_HEIGHT - TOP) / len(sites))
    x = look.margin + LEFT
    letters = max(4.5, min(SMALL, 0.75 * edge))
    step = next((step for step in (1, 2, 5) if step * edge > 11), 10)
    for place, head in enumerate(columns):
        if place % step == 0:
            name = f"head {head}" if edge > 32 else str(head)
            spot = x + edge * place + (edge - GAP) / 2
            scene.add(Label(spot, y + TOP / 2 - 1, name, letters, paper.soft, "middle"))
    down = next((step for step in (1, 2, 5) if step * edge > 7), 10)
    for row, layer in enumerate(sites):
        current = layer == look.layer
        if row % down and not current:
            continue
        name = f"layer {layer}" if row == 0 or edge > 14 else str(layer)
        middle = y + TOP + edge * row + (edge - GAP) / 2
        colour = paper.ink if current else paper.soft
        scene.add(Label(x - 5, middle, name, letters, colour, "end", bold=current))
    rows = list(sites)
    places = [
        Place(layer, head, x + edge * columns.index(head), y + TOP + edge * rows.index(layer))
        for layer, head in offered
    ]
    return edge, places, y + TOP + edge * len(sites)


def _ranked(look: Look, heads: list[tuple[int, int]], y: float) -> tuple[float, list[Place], float]:
    """Return the edge of a cell, heads in lines, and where they end."""
    columns = max(1, int(look.room // MAX_EDGE))
    while -(-len(heads) // columns) * (look.room / columns + CAPTION) > MAX_HEIGHT and (
        look.room / (columns + 1) >= LEAST_RANKED
    ):
        columns += 1
    edge = min(MAX_EDGE, look.room / columns)
    fits = max(1, int(MAX_HEIGHT // (edge + CAPTION))) * columns
    places = [
        Place(layer, head, look.margin + edge * (at % columns), y + (edge + CAPTION) * (at // columns))
        for at, (layer, head) in enumerate(heads[:fits])
    ]
    return edge, places, y + (edge + CAPTION) * -(-len(places) // columns)


def _draw_head(scene: Scene, look: Look, place: Place, edge: float, pooled: Pooled, faded: bool) -> None:
    weights, reach = pooled
    pixels = paint(scaled(np.nan_to_num(weights), look.scale), look.dark)
    pixels[np.isnan(weights), :3] = rgb(look.paper.unknown)
    pixels[~reach, :3] = rgb(look.paper.line)
    if faded:
        pixels[..., 3] = round(255 * FADED)
    inner = edge - _gap(edge)
    scene.add(Cells(place.x, place.y, inner, inner, pixels))


def _mark(scene: Scene, look: Look, place: Place, edge: float, pinned: bool) -> None:
    chosen = place.layer == look.layer and place.head in look.heads
    inner = edge - _gap(edge)
    line = min(1.8, _gap(edge)) if chosen else 0.4
    colour = hex_colour(head_colour(place.head, look.dark)) if chosen else look.paper.line
    out = line / 2 if chosen else 0.0
    scene.add(Box(place.x - out, place.y - out, inner + 2 * out, inner + 2 * out, edge=colour, line=line))
    if pinned:
        draw_pin(scene, look, place.x, place.y, edge)


def _caption(scene: Scene, look: Look, place: Place, edge: float, value: float, metric: Metric) -> None:
    inner, y = edge - _gap(edge), place.y + edge - _gap(edge) + 6
    number = "–" if np.isnan(value) else written(value, metric)
    scene.add(
        Label(place.x, y, f"{place.layer}.{place.head}", NOTE, look.paper.soft),
        Label(place.x + inner, y, number, NOTE, look.paper.ink, "end", bold=True),
    )


def _gap(edge: float) -> float:
    return min(GAP, edge / 8)


def _queries(site: Site, heads: int) -> NDArray[np.intp]:
    """Return the queries that are computed: all, or evenly spaced ones."""
    count = min(site.queries, max(MIN_QUERIES, MAX_CELLS // (heads * site.keys)))
    return np.unique(np.linspace(0, site.queries - 1, count).round().astype(np.intp))


def _pooled(site: Site, heads: Sequence[int], queries: NDArray[np.intp], size: int) -> dict[int, Pooled]:
    """Return the weights and the reach of those heads of a layer that are known, pooled to what is drawn."""
    visible = site.visible(queries)
    # Several heads at once, as long as they take little room.
    many = max(1, AT_ONCE // (len(queries) * site.keys))
    found: dict[int, Pooled] = {}
    for at in range(0, len(heads), many):
        some = list(heads[at : at + many])
        seen = visible[None] if visible.ndim == 2 else visible[some if len(visible) > 1 else [0]]
        try:
            pooled, reach = block_max(site.weights(some, queries), seen, size)
        except NotRecordedError:
            if len(some) > 1:
                for head in some:
                    found |= _pooled(site, [head], queries, size)
            continue
        reach = np.broadcast_to(reach, pooled.shape)
        found |= {head: (pooled[slot], reach[slot]) for slot, head in enumerate(some)}
    return found
