"""The neuron view as a still: one query over its strongest keys, dimension by dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.export import fonts
from attnwidget.export.colours import diverging, head_colour, hex_colour
from attnwidget.export.frame import SMALL, Look, finish, named, scaled, start
from attnwidget.export.paint import paint_signed, rgb
from attnwidget.export.scene import Box, Cells, Label, Scene
from attnwidget.export.shown import how_exact
from attnwidget.record import AttentionRecord, ScoreTerms, Site

MAX_KEYS = 18
"""Keys drawn: those with the largest weights, in the order of the text."""

ROW, TOP = 14.4, 15.0
"""Height of a row, and room for the names of columns, in points."""

NAME, GAP = 78.0, 8.0
"""Room for a token at most, and between the parts of a row, in points."""

DIGITS, BAR = 30.0, 34.0
"""Widths of a number and of the bar of a score, in points."""

NARROW = 400.0
"""Below this width the keys' own stripes are left out, and their products with the query stay."""


@dataclass(frozen=True)
class Columns:
    """Where the parts of a row begin, in points; None for those that are left out."""

    name: float
    keys: float | None
    products: float | None
    strip: float
    score: float | None
    bar: float
    weight: float
    end: float


def draw_neuron(record: AttentionRecord, look: Look) -> Scene:
    """Draw how the first chosen head's weights come about: query, keys, their products, scores, weights."""
    site = record.site(look.layer, look.site)
    queries, keys = record.query_tokens(look.site), record.key_tokens(look.site)
    query = len(queries) - 1 if look.query is None else look.query
    scene, y = start(record, look)
    if not look.heads:
        return finish(scene, record, look, y, ["no head is chosen"])
    head = look.heads[0]
    terms = _terms(site, head, query)
    weights, sink = site.weights(head, query)[0, 0], float(site.sink(head, query)[0, 0])
    visible = site.visible(query)
    reach = np.flatnonzero(visible[0] if visible.ndim == 2 else visible[head if len(visible) > 1 else 0, 0])
    shown = np.sort(reach[np.argsort(-np.nan_to_num(weights[reach]), kind="stable")[:MAX_KEYS]])
    with_sink = site.has_sinks or sink > 0
    score = None if terms is None else site.scores(head, query)[0, 0]
    columns = _columns(look, terms is not None)
    y += TOP
    first, said = y, ""
    names = [(f"q  {queries[query].label}", y)] if terms is not None else []
    if terms is not None:
        said = _draw_strips(scene, look, terms, shown, reach, columns, y)
        first = y + ROW
    names += [(keys[key].label, first + ROW * place) for place, key in enumerate(shown)]
    values = [None if score is None else float(score[key]) for key in shown]
    masses = [float(weights[key]) for key in shown]
    if with_sink:
        names.append(("learned sink", first + ROW * len(shown)))
        values.append(None if terms is None else terms.sink_score)
        masses.append(sink)
    for name, top in names:
        text = fonts.fit(name, SMALL, columns.name - look.margin)
        scene.add(Label(columns.name, top + ROW / 2, text, SMALL, look.paper.ink, "end"))
    if terms is not None:
        _draw_scores(scene, look, values, columns, first)
    _draw_weights(
        scene, look, head, masses, columns, first, "weight" if record.weighting == "weights" else "norms"
    )
    some = f"strongest {len(shown)} of " if len(shown) < len(reach) else ""
    return finish(
        scene, record, look, first + ROW * len(masses),
        [
            f"query {named(queries, query)}, head {head}",
            f"{some}{len(reach)} keys in reach",
            how_exact(record),
            "only weights are known: no queries and keys" if terms is None else "",
            "words" if record.words else "",
            "q and k after rotation" if site.rotary and terms is not None else "",
            said,
        ],
    )  # fmt: skip


def _terms(site: Site, head: int, query: int) -> ScoreTerms | None:
    """Return what the scores are made of; None where only weights are known, or a snapshot holds no more."""
    try:
        return site.terms(head, query)
    except NotRecordedError:
        return None


def _columns(look: Look, with_terms: bool) -> Columns:
    end = look.width - look.margin
    name = look.margin + min(NAME, 0.22 * look.room)
    if not with_terms:
        return Columns(name, None, None, 0.0, None, 0.0, name + GAP, end)
    strips = 1 if look.width < NARROW else 2
    bar = BAR if strips == 2 else BAR / 2
    bars = DIGITS + 4 + bar + GAP + DIGITS + 4 + (0.11 if strips == 2 else 0.06) * look.room
    strip = (end - name - bars - GAP * (strips + 1)) / strips
    left = name + GAP
    products = left + (strips - 1) * (strip + GAP)
    score = products + strip + GAP
    return Columns(
        name, left if strips == 2 else None, products, strip, score, bar, score + DIGITS + 4 + bar + GAP, end
    )


def _draw_strips(
    scene: Scene, look: Look, terms: ScoreTerms, shown: NDArray[np.intp], reach: NDArray[np.intp],
    columns: Columns, y: float,
) -> str:  # fmt: skip
    """Draw q over the keys, and beside these their products; dimensions by the mean size of the products.

    Returns
    -------
    str
        What the colours mean.
    """
    products = terms.k * terms.q
    order = np.argsort(-np.abs(products[reach]).mean(axis=0), kind="stable")
    ranges = [float(np.nanmax(np.abs(part), initial=0.0)) for part in (terms.q, terms.k, products[reach])]
    x = columns.keys if columns.keys is not None else columns.products
    assert x is not None
    assert columns.products is not None
    drawn = [
        ("q", terms.q[None], x, y, ranges[0]),
        ("q × k", products[shown], columns.products, y + ROW, ranges[2]),
    ]
    if columns.keys is not None:
        drawn.insert(1, ("k", terms.k[shown], columns.keys, y + ROW, ranges[1]))
    for name, values, left, top, most in drawn:
        for row, line in enumerate(values[:, order]):
            place = top + row * ROW
            scene.add(Cells(left, place + 1, columns.strip, ROW - 2, _coloured(line, most, look)[None]))
        if name != "q":
            scene.add(Label(left, y - TOP / 2, name, SMALL, look.paper.soft))
    spread = ", ".join(f"{name} ±{most:.2f}" for name, _, _, _, most in drawn)
    return f"{terms.q.size} dimensions by mean |q × k|, {look.scale} scale, orange − / blue +: {spread}"


def _coloured(values: NDArray[np.float32], most: float, look: Look) -> NDArray[np.uint8]:
    """Return the colours of signed values: uint8 [dimensions, 4]."""
    known = np.isfinite(values)
    finite = np.where(known, values, 0)
    colours = paint_signed(scaled(np.abs(finite) / max(most, 1e-30), look.scale) * np.sign(finite), look.dark)
    colours[~known, :3] = rgb(look.paper.unknown)
    return colours


def _draw_scores(scene: Scene, look: Look, scores: list[float | None], columns: Columns, y: float) -> None:
    """Draw scores around zero, with their numbers."""
    paper = look.paper
    assert columns.score is not None
    digits = columns.score + DIGITS
    scene.add(Label(digits, y - ROW - TOP / 2, "score", SMALL, paper.soft, "end"))
    known = [score for score in scores if score is not None and np.isfinite(score)]
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    zero = digits + 4 - low / max(high - low, 1e-30) * columns.bar
    signs = [hex_colour(tuple(colour)) for colour in diverging(look.dark)[[25, 485]]]
    for row, score in enumerate(scores):
        if score is None:
            continue
        top = y + row * ROW
        text = f"{score:.2f}".replace("-", "−").replace("inf", "∞")
        scene.add(Label(digits, top + ROW / 2, text, SMALL, paper.ink, "end"))
        if np.isfinite(score):
            long = abs(score) / max(high - low, 1e-30) * columns.bar
            left = zero if score > 0 else zero - long
            scene.add(Box(left, top + 3.6, long, ROW - 7.2, fill=signs[int(score > 0)]))
    scene.add(Box(zero - 0.25, y, 0.5, ROW * len(scores), fill=paper.soft))


def _draw_weights(
    scene: Scene, look: Look, head: int, weights: list[float], columns: Columns, y: float, unit: str
) -> None:
    """Draw weights from zero, with their numbers."""
    digits = columns.weight + DIGITS
    names = y - (ROW if columns.score is not None else 0) - TOP / 2
    scene.add(Label(digits, names, unit, SMALL, look.paper.soft, "end"))
    heaviest = max((weight for weight in weights if weight == weight), default=0.0)
    colour = hex_colour(head_colour(head, look.dark))
    for row, weight in enumerate(weights):
        top = y + row * ROW
        scene.add(Label(digits, top + ROW / 2, _short(weight), SMALL, look.paper.ink, "end"))
        long = (columns.end - digits - 4) * weight / max(heaviest, 1e-30) if weight == weight else 0.0
        if long > 0:
            scene.add(Box(digits + 4, top + 3.6, long, ROW - 7.2, fill=colour))


def _short(weight: float) -> str:
    """Return a weight in few characters: three decimals, or one digit where they would be zero."""
    return f"{weight:.3f}" if weight == 0 or not weight < 0.0005 else f"{weight:.0e}".replace("e-0", "e-")
