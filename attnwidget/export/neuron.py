"""The neuron view as a still: one query over its strongest keys, dimension by dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import diverging, head_colour
from attnwidget.export.frame import WIDTH, Look, blank_axes, scaled, short_label, start_figure
from attnwidget.record import AttentionRecord, ScoreTerms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_KEYS = 18
"""Keys drawn: those with the largest weights, in the order of the text."""

ROW, TOP, BOTTOM = 0.2, 0.24, 0.3
"""Height of a row, and room above and below the rows, in inches."""

NAME, STRIP, GAP = 1.1, 1.95, 0.12
"""Widths of a token, of a strip of dimensions, and between the parts of a row, in inches."""

DIGITS, BAR = 0.5, 0.46
"""Widths of a number and of the bar beside it, in inches."""


def draw_neuron(record: AttentionRecord, look: Look) -> Figure:
    """Draw how the first chosen head's weights come about: query, keys, their products, scores, weights."""
    site = record.site(look.layer, look.site)
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    query = len(queries) - 1 if look.query is None else look.query
    head = look.heads[0] if look.heads else None
    if head is None:
        figure, share = start_figure(record, look, TOP, "no head is chosen")
        blank_axes(figure, share)
        return figure
    terms = site.terms(head, query) if site.has_scores else None
    weights, sink = site.weights(head, query)[0, 0], float(site.sink(head, query)[0, 0])
    visible = site.visible(query)
    reach = np.flatnonzero(visible[0] if visible.ndim == 2 else visible[head if len(visible) > 1 else 0, 0])
    shown = np.sort(reach[np.argsort(-np.nan_to_num(weights[reach]), kind="stable")[:MAX_KEYS]])
    with_sink = site.has_sinks or sink > 0
    rows = len(shown) + (terms is not None) + with_sink
    height = TOP + ROW * rows + BOTTOM
    some = f"strongest {len(shown)} of " if len(shown) < len(reach) else ""
    note = f"query {short_label(queries[query])} ({query}), head {head}  ·  {some}{len(reach)} keys in reach"
    figure, share = start_figure(record, look, height, note)
    axes = blank_axes(figure, share)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    score = None if terms is None else site.scores(head, query)[0, 0]
    y = TOP
    names: list[tuple[str, float]] = []
    if terms is not None:
        names.append((f"q  {short_label(queries[query], 14)}", y))
        _draw_strips(axes, look, terms, shown, reach, y)
        y += ROW
    first = y
    names += [(short_label(keys[key], 14), first + ROW * place) for place, key in enumerate(shown)]
    values = [None if score is None else float(score[key]) for key in shown]
    masses = [float(weights[key]) for key in shown]
    if with_sink:
        names.append(("learned sink", first + ROW * len(shown)))
        values.append(None if terms is None else terms.sink_score)
        masses.append(sink)
    style: dict[str, Any] = {"ha": "right", "va": "center", "size": 7.5, "color": look.paper.ink}
    for name, top in names:
        axes.text(NAME, top + ROW / 2, name, parse_math=False, **style)
    unit = "weight" if record.weighting == "weights" else "norms"
    _draw_numbers(axes, look, head, (values, masses, unit), first)
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return figure


def _draw_strips(
    axes: Axes, look: Look, terms: ScoreTerms, shown: NDArray[np.intp], reach: NDArray[np.intp], top: float
) -> None:
    """Draw q over the keys, and beside these their products; dimensions by the mean size of the products."""
    products = terms.k * terms.q
    order = np.argsort(-np.abs(products[reach]).mean(axis=0), kind="stable")
    ranges = [float(np.nanmax(np.abs(part), initial=0.0)) for part in (terms.q, terms.k, products[reach])]
    left = NAME + GAP
    right = left + STRIP + GAP
    parts: tuple[tuple[Any, float, float, float], ...] = (
        (terms.q[None], left, top, ranges[0]),
        (terms.k[shown], left, top + ROW, ranges[1]),
        (products[shown], right, top + ROW, ranges[2]),
    )
    for values, x, y, most in parts:
        for row, line in enumerate(values[:, order]):
            y0 = y + row * ROW
            axes.imshow(
                _coloured(line, most, look)[None],
                aspect="auto",
                interpolation="nearest",
                extent=(x, x + STRIP, y0 + ROW - 0.02, y0 + 0.02),
            )
    style: dict[str, Any] = {"size": 7, "color": look.paper.soft, "parse_math": False}
    axes.text(left, TOP - 0.1, "k", **style)
    axes.text(right, TOP - 0.1, "q × k", **style)
    said = f"{terms.q.size} dimensions by mean |q × k|  ·  {look.scale} scale, orange − / blue +  ·  "
    said += "  ".join(f"{name} ±{most:.2f}" for name, most in zip(("q", "k", "q × k"), ranges, strict=True))
    axes.text(left, top + ROW * (len(shown) + 1) + 0.18, said, va="center", **style)


def _coloured(values: NDArray[np.float32], most: float, look: Look) -> NDArray[np.float64]:
    """Return the colours of signed values: float64 [dimensions, 3]."""
    from matplotlib.colors import to_rgb

    known = np.isfinite(values)
    size = scaled(np.abs(np.where(known, values, 0)) / max(most, 1e-30), look.scale)
    place = np.rint(255 + 255 * np.clip(size, 0, 1) * np.sign(np.where(known, values, 0))).astype(np.intp)
    colours: NDArray[np.float64] = diverging(look.dark)[place]
    colours[~known] = to_rgb(look.paper.unknown)
    return colours


def _draw_numbers(
    axes: Axes, look: Look, head: int, numbers: tuple[list[float | None], list[float], str], top: float
) -> None:
    """Draw scores around zero and weights from zero, with their numbers."""
    from matplotlib.patches import Rectangle

    paper = look.paper
    scores, weights, unit = numbers
    style: dict[str, Any] = {"size": 7, "va": "center", "ha": "right", "color": paper.ink}
    known = [score for score in scores if score is not None]
    column = NAME + GAP + 2 * (STRIP + GAP) if known else NAME
    captions: dict[str, Any] = {"color": paper.soft, "size": 7, "ha": "right"}
    if known:
        low, high = min(0.0, *known), max(0.0, *known)
        zero = column + DIGITS + 0.06 - low / max(high - low, 1e-30) * BAR
        axes.text(column + DIGITS, TOP - 0.1, "score", **captions)
        signs = diverging(look.dark)[[25, 485]]
        for row, score in enumerate(scores):
            if score is None:
                continue
            y = top + row * ROW
            long = score / max(high - low, 1e-30) * BAR
            axes.text(column + DIGITS, y + ROW / 2, f"{score:.2f}".replace("-", "−"), **style)
            bar = Rectangle((zero, y + 0.05), long, ROW - 0.1, facecolor=signs[int(score > 0)], linewidth=0)
            axes.add_patch(bar)
        axes.plot([zero, zero], [top, top + ROW * len(scores)], color=paper.soft, linewidth=0.6)
        column += DIGITS + 0.06 + BAR + GAP / 2
    room = WIDTH - 0.1 - (column + DIGITS + 0.06)
    heaviest = max((weight for weight in weights if weight == weight), default=0.0)
    axes.text(column + DIGITS, TOP - 0.1, unit, **captions)
    for row, weight in enumerate(weights):
        y = top + row * ROW
        axes.text(column + DIGITS, y + ROW / 2, _short(weight), **style)
        long = room * weight / max(heaviest, 1e-30) if weight == weight else 0.0
        colour = head_colour(head, look.dark)
        axes.add_patch(
            Rectangle((column + DIGITS + 0.06, y + 0.05), long, ROW - 0.1, facecolor=colour, linewidth=0)
        )


def _short(weight: float) -> str:
    """Return a weight in few characters: three decimals, or one digit where they would be zero."""
    return f"{weight:.3f}" if weight == 0 or not weight < 0.0005 else f"{weight:.0e}".replace("e-0", "e-")
