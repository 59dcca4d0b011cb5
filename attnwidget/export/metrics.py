"""The metrics map as a still: layers down, heads across, each head's value as a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attnwidget.export.colours import head_colour, ramp
from attnwidget.export.frame import WIDTH, Look, blank_axes, scaled, start_figure
from attnwidget.metrics.metric import Metric
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import HeadTable
from attnwidget.record import AttentionRecord
from attnwidget.service.heads import Measurements

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_WIDE, MAX_TALL, MAX_HEIGHT = 0.8, 0.52, 9.0
"""Width and height of a cell, and height of the map, at most, in inches."""

LEFT, RIGHT, TOP, BOTTOM = 0.62, 0.62, 0.3, 0.62
"""Room for numbers of layers, for their means, for numbers of heads, and for the legend, in inches."""

BAR = (LEFT, 2.4)
"""Where the legend's colours begin, and how long they are, in inches."""


def draw_metrics(record: AttentionRecord, look: Look) -> Figure:
    """Draw the chosen metric of every head; heads without a value are hatched, the chosen ones framed."""
    table = look.measured or _measured(record, look)
    metric = table.metrics[look.metric if look.metric in table.metrics else table.names[0]]
    values, paper = table.values[metric.name], look.paper
    rows, columns = values.shape
    wide = min(MAX_WIDE, (WIDTH - LEFT - RIGHT) / columns)
    tall = min(MAX_TALL, wide, (MAX_HEIGHT - TOP - BOTTOM) / rows)
    height = TOP + tall * rows + BOTTOM
    figure, share = start_figure(record, look, height, _note(table))
    axes = blank_axes(figure, share)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    low, high = _span(metric, values)
    letters = max(3.0, min(7.0, 72 * 0.7 * min(tall, wide / 1.6)))
    _label(axes, look, table, wide, tall, letters)
    for row, heads in enumerate(table.heads):
        for head in range(heads):
            _draw_cell(axes, look, row, head, wide, tall, (float(values[row, head]), low, high), metric)
        known = values[row, :heads][~np.isnan(values[row, :heads])]
        if known.size and tall > 0.07:
            x, y = LEFT + wide * columns + 0.1, TOP + (row + 0.5) * tall
            mean = _written(float(known.mean()), metric)
            text = f"mean {mean}" if row == 0 else mean
            axes.text(x, y, text, color=paper.soft, size=letters, va="center")
    _draw_chosen(axes, look, table, wide, tall)
    _draw_legend(axes, look, table, metric, (low, high), height - BOTTOM + 0.2)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return figure


def _measured(record: AttentionRecord, look: Look) -> HeadTable:
    registry = standard()
    names = [look.metric] if look.metric in registry else [registry.names[0]]
    return Measurements().table(record, look.site, Registry(tuple(registry[name] for name in names)))


def _note(table: HeadTable) -> str:
    if table.sampled < table.queries:
        return f"sampled {table.sampled:,} of {table.queries:,} queries"
    return f"{table.queries:,} queries"


def _span(metric: Metric, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Return the metric's own range; where it has no end, that of the values."""
    known = values[~np.isnan(values)]
    low = metric.low if metric.low is not None else float(known.min(initial=0.0))
    high = metric.high if metric.high is not None else float(known.max(initial=low))
    return low, high if high > low else low + 1


def _written(value: float, metric: Metric) -> str:
    if metric.unit != "share":
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return "0" if value == 0 else f"{value:.2f}".lstrip("0") if value >= 0.005 else "<.005"


def _label(axes: Axes, look: Look, table: HeadTable, wide: float, tall: float, letters: float) -> None:
    paper = look.paper
    step = next((step for step in (1, 2, 5) if step * wide > 0.16), 10)
    for head in range(0, max(table.heads), step):
        name = f"head {head}" if wide > 0.5 else str(head)
        axes.text(
            LEFT + (head + 0.5) * wide, TOP - 0.09, name, color=paper.soft, size=max(letters, 5), ha="center"
        )
    step = next((step for step in (1, 2, 5) if step * tall > 0.1), 10)
    for row, layer in enumerate(table.layers):
        if layer % step and layer != look.layer:
            continue
        axes.text(
            LEFT - 0.08,
            TOP + (row + 0.5) * tall,
            f"layer {layer}" if row == 0 or tall > 0.2 else str(layer),
            color=paper.ink if layer == look.layer else paper.soft,
            weight="bold" if layer == look.layer else "normal",
            size=max(letters, 5),
            ha="right",
            va="center",
        )


def _draw_cell(
    axes: Axes,
    look: Look,
    row: int,
    head: int,
    wide: float,
    tall: float,
    placed: tuple[float, float, float],
    metric: Metric,
) -> None:
    from matplotlib.patches import Rectangle

    value, low, high = placed
    gap = min(0.04, tall / 10)
    known = not np.isnan(value)
    colour = _colour(value, low, high, look) if known else look.paper.background
    x, y = LEFT + head * wide, TOP + row * tall
    axes.add_patch(
        Rectangle(
            (x, y),
            wide - gap,
            tall - gap,
            facecolor=colour,
            edgecolor=look.paper.line,
            hatch=None if known else "/////",
            linewidth=0.4,
        )
    )
    if known and wide > 0.3 and tall > 0.14:
        # Whichever of black and white stands out more: the luminance that is as far from both.
        light = np.dot(np.power(colour, 2.2), (0.2126, 0.7152, 0.0722)) > 0.179
        axes.text(
            x + (wide - gap) / 2,
            y + (tall - gap) / 2,
            _written(value, metric),
            color="#000000" if light else "#ffffff",
            size=6.5,
            ha="center",
            va="center",
        )


def _colour(value: float, low: float, high: float, look: Look) -> tuple[float, float, float]:
    place = float(scaled(np.clip((value - low) / (high - low), 0.0, 1.0), look.scale))
    red, green, blue = ramp(look.dark)[round(255 * place)]
    return float(red), float(green), float(blue)


def _draw_chosen(axes: Axes, look: Look, table: HeadTable, wide: float, tall: float) -> None:
    from matplotlib.patches import Rectangle

    if look.layer not in table.layers:
        return
    row, gap = table.layers.index(look.layer), min(0.04, tall / 10)
    for head in look.heads:
        axes.add_patch(
            Rectangle(
                (LEFT + head * wide, TOP + row * tall),
                wide - gap,
                tall - gap,
                fill=False,
                edgecolor=head_colour(head, look.dark),
                linewidth=1.8,
                zorder=3,
            )
        )


def _draw_legend(
    axes: Axes, look: Look, table: HeadTable, metric: Metric, span: tuple[float, float], y: float
) -> None:
    paper, (x, length), (low, high) = look.paper, BAR, span
    axes.imshow(
        ramp(look.dark)[None],
        aspect="auto",
        interpolation="nearest",
        extent=(x, x + length, y + 0.1, y),
    )
    for part in (0.0, 0.01 if look.scale == "log" else 0.25 if look.scale == "sqrt" else 0.5, 1.0):
        at = x + length * float(scaled(np.float64(part), look.scale))
        text = _written(low + part * (high - low), metric)
        axes.text(at, y + 0.2, text, color=paper.soft, size=6.5, ha="center", va="center")
    known = table.measured[metric.name].baselines
    known = known[~np.isnan(known)]
    words = f"{metric.title}{'' if metric.unit == 'share' else f' ({metric.unit})'}, {look.scale} scale"
    if known.size:
        place = np.clip((float(known.mean()) - low) / (high - low), 0.0, 1.0)
        at = x + length * float(scaled(place, look.scale))
        axes.plot([at], [y - 0.05], marker="v", markersize=3.5, color=paper.ink, clip_on=False)
        ends = sorted({_written(float(one), metric) for one in (known.min(), known.max())})
        words += f"  ·  ▼ even spread {' to '.join(ends)}"
    if np.isnan(table.measured[metric.name].values).any():
        words += "  ·  hatched: nothing eligible"
    axes.text(x + length + 0.2, y + 0.05, words, color=paper.ink, size=7, va="center", parse_math=False)
    axes.text(x, y + 0.36, metric.formula, color=paper.soft, size=6.5, va="center", parse_math=False)
