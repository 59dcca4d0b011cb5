"""The head view as a still: two columns of tokens, and a line for each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.frame import Look, blank_axes, short_label, start_figure, window
from attnwidget.export.shown import describe_shown, drawn, read
from attnwidget.record import AttentionRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ROWS = 40
"""Tokens drawn in a column."""


def draw_lines(record: AttentionRecord, look: Look) -> Figure:
    """Draw the chosen heads' weights; what is held stands out, with each head's largest weight."""
    from matplotlib.collections import LineCollection

    paper = look.paper
    query_tokens, key_tokens = record.query_tokens(look.site), record.key_tokens(look.site)
    anchor = look.query if look.query is not None else look.key
    rows, columns = window(len(query_tokens), anchor, MAX_ROWS), window(len(key_tokens), anchor, MAX_ROWS)
    cut = len(rows) < len(query_tokens) or len(columns) < len(key_tokens)
    note = f"tokens {rows.start}-{rows.stop - 1} of {len(query_tokens)}" if cut else ""
    if look.threshold > 0:
        note = f"weights below {look.threshold:g} not drawn" + (f"  ·  {note}" if note else "")
    note = "  ·  ".join(part for part in (describe_shown(record, look), note) if part)
    shown = drawn(look)
    height = 0.19 * max(len(rows), len(columns)) + 0.25
    figure, share = start_figure(record, look, height, note)
    axes = blank_axes(figure, share)
    axes.set_xlim(0, 10)
    axes.set_ylim(max(len(rows), len(columns)) - 0.2, -0.8)
    steps = np.linspace(0, 1, 24)
    ease = 3 * steps**2 - 2 * steps**3
    for order, one in enumerate(shown):
        weights, _, hidden = (part[:, columns.start : columns.stop] for part in read(record, look, one, rows))
        weights = np.where(hidden, 0, weights)
        # An "out of reach" cell is no line; NaN compares as false.
        where = np.argwhere(weights >= max(look.threshold, 1e-6))
        lit = _lit(where + np.array([rows.start, columns.start]), look)
        shift = (order - (len(shown) - 1) / 2) * 0.06
        paths = [np.column_stack([3.1 + 3.8 * steps, i + shift + (j - i) * ease]) for i, j in where]
        colour = one.colour(look.dark)
        alphas = weights[where[:, 0], where[:, 1]] * np.where(lit, 1.0, 0.12)
        axes.add_collection(
            LineCollection(
                paths,
                colors=[(*colour, float(alpha)) for alpha in alphas],
                linewidths=np.where(lit, 1.6, 1.0),
                capstyle="round",
            )
        )
    for x, side, tokens, span, held in (
        (2.95, "right", query_tokens, rows, look.query),
        (7.05, "left", key_tokens, columns, look.key),
    ):
        for row, position in enumerate(span):
            strong = position == held
            box = {"boxstyle": "round,pad=0.25", "fc": paper.hover, "ec": paper.line} if strong else None
            axes.text(
                x,
                row,
                short_label(tokens[position]),
                ha=side,
                va="center",
                color=paper.ink if strong else paper.soft,
                weight="bold" if strong else "normal",
                bbox=box,
                parse_math=False,
            )
    if look.query is not None:
        _write_largest(axes, record, look, columns)
    for index, one in enumerate(shown):
        axes.text(
            9.9,
            index * 0.9,
            one.name,
            color=one.colour(look.dark),
            ha="right",
            va="center",
            size=7,
        )
    return figure


def _lit(cells: Any, look: Look) -> Any:
    lit = np.ones(len(cells), dtype=bool)
    if look.query is not None:
        lit &= cells[:, 0] == look.query
    if look.key is not None:
        lit &= cells[:, 1] == look.key
    return lit


def _write_largest(axes: Any, record: AttentionRecord, look: Look, columns: range) -> None:
    """Write each head's largest weight of the held query beside its key; several at one key side by side."""
    taken: dict[int, int] = {}
    for one in drawn(look):
        weights, _, hidden = read(record, look, one, [look.query or 0])
        row = np.where(hidden, np.nan, weights)[0]
        if np.isnan(row).all():
            continue
        key = int(np.nanargmax(row))
        if key in columns:
            x = 8.55 + 0.5 * taken.get(key, 0)
            taken[key] = taken.get(key, 0) + 1
            colour = one.colour(look.dark)
            axes.text(x, key - columns.start, f"{row[key]:.3f}", color=colour, va="center", size=7)
