"""The metrics map as a still: layers down, heads across, each head's value as a colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attnwidget.export import fonts
from attnwidget.export.colours import head_colour, hex_colour, ramp
from attnwidget.export.frame import NOTE, SMALL, Look, draw_pin, finish, scaled, start
from attnwidget.export.paint import paint
from attnwidget.export.scene import Box, Cells, Label, Scene, hatch
from attnwidget.export.shown import how_exact
from attnwidget.metrics.metric import Metric
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import HeadTable
from attnwidget.record import AttentionRecord
from attnwidget.service.heads import Measurements

MAX_WIDE, MAX_TALL, MAX_HEIGHT = 58.0, 34.0, 640.0
"""Width and height of a cell, and height of the map, at most, in points."""

LEFT, RIGHT, TOP = 42.0, 46.0, 14.0
"""Room for numbers of layers, for their means, and for numbers of heads, in points."""

BAR = 150.0
"""Length of the legend's colours at most, in points."""


@dataclass(frozen=True)
class Map:
    """Where the cells of the map lie, in points."""

    x: float
    y: float
    wide: float
    tall: float

    @property
    def gap(self) -> float:
        """Between cells."""
        return min(2.0, self.tall / 8)

    @property
    def letters(self) -> float:
        """Size of letters beside the cells."""
        return max(4.5, min(SMALL, 0.72 * min(self.tall, self.wide / 1.6)))

    def corner(self, row: int, head: int) -> tuple[float, float]:
        """Return the left and upper edge of a cell."""
        return self.x + head * self.wide, self.y + row * self.tall


def draw_metrics(record: AttentionRecord, look: Look) -> Scene:
    """Draw the chosen metric of every head; heads without a value are hatched, the chosen ones framed."""
    table = measured(record, look)
    metric = table.metrics[look.metric if look.metric in table.metrics else table.names[0]]
    values = table.values[metric.name]
    rows, columns = values.shape
    scene, y = start(record, look)
    wide = min(MAX_WIDE, (look.room - LEFT - RIGHT) / columns)
    tall = min(MAX_TALL, max(wide, 7.0), MAX_HEIGHT / rows)
    place = Map(look.margin + LEFT, y + TOP, wide, tall)
    low, high = _span(metric, values)
    _label(scene, look, table, place)
    for row, heads in enumerate(table.heads):
        for head in range(heads):
            _draw_cell(scene, look, place, row, head, (float(values[row, head]), low, high), metric)
        known = values[row, :heads][~np.isnan(values[row, :heads])]
        if known.size and tall > 5:
            text = ("mean " if row == 0 else "") + written(float(known.mean()), metric)
            spot = place.x + wide * columns + 5
            scene.add(
                Label(
                    spot, place.y + (row + 0.5) * tall - place.gap / 2, text, place.letters, look.paper.soft
                )
            )
    _draw_chosen(scene, look, table, place)
    end, notes = _draw_legend(scene, look, table, metric, (low, high), place.y + rows * tall + 8)
    return finish(
        scene, record, look, end,
        [
            *notes,
            how_exact(record),
            f"sampled {table.sampled:,} of {table.queries:,} queries"
            if table.sampled < table.queries
            else f"{table.queries:,} queries",
            "shares of norms" if record.weighting == "norms" else "",
            "words" if record.words else "",
        ],
    )  # fmt: skip


def measured(record: AttentionRecord, look: Look) -> HeadTable:
    """Return what was measured of the heads; where the look brings nothing, the metric is measured now."""
    if look.measured is not None:
        return look.measured
    registry = standard()
    names = [look.metric] if look.metric in registry else [registry.names[0]]
    return Measurements().table(record, look.site, Registry(tuple(registry[name] for name in names)))


def written(value: float, metric: Metric) -> str:
    """Return a value in few characters."""
    if metric.unit != "share":
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return "0" if value == 0 else f"{value:.2f}".lstrip("0") if value >= 0.005 else "<.005"


def _span(metric: Metric, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Return the metric's own range; where it has no end, that of the values."""
    known = values[~np.isnan(values)]
    low = metric.low if metric.low is not None else float(known.min(initial=0.0))
    high = metric.high if metric.high is not None else float(known.max(initial=low))
    return low, high if high > low else low + 1


def _label(scene: Scene, look: Look, table: HeadTable, place: Map) -> None:
    paper = look.paper
    step = next((step for step in (1, 2, 5) if step * place.wide > 11), 10)
    for head in range(0, max(table.heads), step):
        x, _ = place.corner(0, head)
        name = f"head {head}" if place.wide > 32 else str(head)
        spot = x + (place.wide - place.gap) / 2
        scene.add(Label(spot, place.y - TOP / 2 + 1, name, max(place.letters, 5), paper.soft, "middle"))
    step = next((step for step in (1, 2, 5) if step * place.tall > 7), 10)
    for row, layer in enumerate(table.layers):
        current = layer == look.layer
        if layer % step and not current:
            continue
        _, y = place.corner(row, 0)
        name = f"layer {layer}" if row == 0 or place.tall > 14 else str(layer)
        colour = paper.ink if current else paper.soft
        middle = y + (place.tall - place.gap) / 2
        scene.add(Label(place.x - 5, middle, name, max(place.letters, 5), colour, "end", bold=current))


def _draw_cell(
    scene: Scene,
    look: Look,
    place: Map,
    row: int,
    head: int,
    value: tuple[float, float, float],
    metric: Metric,
) -> None:
    one, low, high = value
    x, y = place.corner(row, head)
    wide, tall = place.wide - place.gap, place.tall - place.gap
    if np.isnan(one):
        scene.add(
            hatch(x, y, wide, tall, look.paper.line), Box(x, y, wide, tall, edge=look.paper.line, line=0.4)
        )
        return
    colour = _colour(one, low, high, look)
    scene.add(Box(x, y, wide, tall, fill=hex_colour(colour), edge=look.paper.line, line=0.4))
    text = written(one, metric)
    if fonts.text_width(text, NOTE) < wide - 2 and tall > 8:
        # Whichever of black and white stands out more: the luminance that is as far from both.
        light = np.dot(np.power(colour, 2.2), (0.2126, 0.7152, 0.0722)) > 0.179
        ink = "#000000" if light else "#ffffff"
        scene.add(Label(x + wide / 2, y + tall / 2, text, NOTE, ink, "middle"))


def _colour(value: float, low: float, high: float, look: Look) -> tuple[float, float, float]:
    place = float(scaled(np.clip((value - low) / (high - low), 0.0, 1.0), look.scale))
    red, green, blue = ramp(look.dark)[round(255 * place)]
    return float(red), float(green), float(blue)


def _draw_chosen(scene: Scene, look: Look, table: HeadTable, place: Map) -> None:
    wide, tall = place.wide - place.gap, place.tall - place.gap
    if look.layer in table.layers:
        for head in look.heads:
            x, y = place.corner(table.layers.index(look.layer), head)
            colour = hex_colour(head_colour(head, look.dark))
            # A line of paper keeps the frame apart from a cell of about its colour.
            scene.add(
                Box(x, y, wide, tall, edge=look.paper.background, line=min(1.0, place.tall / 8)),
                Box(x - 0.8, y - 0.8, wide + 1.6, tall + 1.6, edge=colour, line=min(1.8, place.tall / 4)),
            )
    for ref in look.pinned:
        if ref["site"] == look.site and ref["layer"] in table.layers:
            row = table.layers.index(ref["layer"])
            if ref["head"] < table.heads[row]:
                x, y = place.corner(row, ref["head"])
                draw_pin(scene, look, x, y, place.tall)


def _draw_legend(
    scene: Scene, look: Look, table: HeadTable, metric: Metric, span: tuple[float, float], y: float
) -> tuple[float, list[str]]:
    """Draw what the colours mean; return where it ends, and what is to be said."""
    paper, (low, high) = look.paper, span
    x, long = look.margin + LEFT, min(BAR, look.room / 2 - LEFT)
    scene.add(Cells(x, y, long, 7, paint(np.linspace(0, 1, 256), look.dark)[None]))
    scene.add(Box(x, y, long, 7, edge=paper.line, line=0.4))
    for part in (0.0, 0.01 if look.scale == "log" else 0.25 if look.scale == "sqrt" else 0.5, 1.0):
        at = x + long * float(scaled(np.float64(part), look.scale))
        scene.add(Label(at, y + 12, written(low + part * (high - low), metric), NOTE, paper.soft, "middle"))
    notes = [metric.formula]
    known = table.measured[metric.name].baselines
    known = known[~np.isnan(known)]
    if known.size:
        share = np.clip((float(known.mean()) - low) / (high - low), 0.0, 1.0)
        at = x + long * float(scaled(share, look.scale))
        scene.add(Label(at, y - 2.5, "▾", SMALL, paper.ink, "middle"))
        ends = sorted({written(float(one), metric) for one in (known.min(), known.max())})
        notes.append(f"▾ even spread {' to '.join(ends)}")
    if np.isnan(table.measured[metric.name].values).any():
        notes.append("hatched: nothing eligible")
    if any(ref["site"] == look.site for ref in look.pinned):
        notes.append("blue corner: pinned")
    words = f"{metric.title}{'' if metric.unit == 'share' else f' ({metric.unit})'}, {look.scale} scale"
    room = look.width - look.margin - (x + long + 10)
    scene.add(Label(x + long + 10, y + 3.5, fonts.fit(words, SMALL, room), SMALL, paper.ink))
    return y + 18, notes
