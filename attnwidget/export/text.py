"""The text view as a still: running text, coloured by attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.colours import head_colour
from attnwidget.export.frame import Look, blank_axes, cells, scaled, short_label, start_figure, window
from attnwidget.export.shown import describe_shown, drawn, read
from attnwidget.record import AttentionRecord, Token

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_TEXT_TOKENS = 400
"""Tokens written."""

ROWS = 512
"""Queries computed at a time."""


def draw_text(record: AttentionRecord, look: Look) -> Figure:
    """Draw the prompt, coloured by what the held token looks at, or by what looks at it."""
    paper, site = look.paper, record.site(look.layer, look.site)
    query_tokens, key_tokens = record.query_tokens(look.site), record.key_tokens(look.site)
    looking = look.direction == "from"
    focus = look.query if looking else look.key
    if focus is None:
        focus = len(query_tokens) - 1 if looking else 0
    shown = key_tokens if looking else query_tokens
    together = drawn(look, "mean" if look.combine == "each" else None)
    if not together:
        values, hidden = np.zeros(len(shown), dtype=np.float32), np.zeros(len(shown), dtype=np.bool_)
    elif looking:
        weights, _, off = read(record, look, together[0], [focus])
        values, hidden = weights[0], off[0]
    else:
        blocks = (range(start, min(start + ROWS, site.queries)) for start in range(0, site.queries, ROWS))
        parts = [read(record, look, together[0], rows) for rows in blocks]
        values = np.concatenate([weights[:, focus] for weights, _, _ in parts])
        hidden = np.concatenate([off[:, focus] for _, _, off in parts])
    colour = together[0].colour(look.dark) if together else head_colour(0, look.dark)
    about = (query_tokens if looking else key_tokens)[focus]
    note = f"{'where' if looking else 'what looks at'} {short_label(about)} ({focus})" + (
        " looks" if looking else ""
    )
    if len(look.heads) > 1 and look.combine == "each":
        note += f"  ·  mean of {len(look.heads)} heads"
    if words := describe_shown(record, look):
        note += f"  ·  {words}"
    note += f"  ·  {look.scale} scale"
    span = window(len(shown), focus, MAX_TEXT_TOKENS)
    if len(span) < len(shown):
        note += f"  ·  tokens {span.start}-{span.stop - 1} of {len(shown)}"
    lines = _wrap([shown[position] for position in span], 90)
    figure, share = start_figure(record, look, 0.27 * len(lines) + 0.2, note)
    axes = blank_axes(figure, share)
    axes.set_xlim(0, 94)
    axes.set_ylim(len(lines) - 0.3, -0.7)
    strength = scaled(np.nan_to_num(np.where(hidden, 0, values)), look.scale)
    same = look.site != "cross"
    for row, line in enumerate(lines):
        for column, width, offset, text in line:
            position = span.start + offset
            held = same and position == focus
            axes.add_patch(
                _rectangle(column, row, width, colour, float(strength[position]), paper.ink if held else None)
            )
            axes.text(
                column + 2, row, text, va="center", size=8,
                color=paper.soft if hidden[position] else paper.ink,
                weight="bold" if held else "normal", parse_math=False,
            )  # fmt: skip
    return figure


def _rectangle(x: float, y: float, width: float, colour: Any, alpha: float, edge: str | None) -> Any:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch(
        (x + 1.6, y - 0.36),
        width + 0.8,
        0.72,
        boxstyle="round,pad=0,rounding_size=0.2",
        facecolor=(*colour, 0.75 * alpha),
        edgecolor=edge or "none",
        linewidth=0.8,
    )


def _wrap(tokens: Sequence[Token], width: int) -> list[list[tuple[float, float, int, str]]]:
    """Break tokens into lines: (column, width, index, text) with columns and widths in characters."""
    lines: list[list[tuple[float, float, int, str]]] = [[]]
    column = 0.0
    for index, token in enumerate(tokens):
        text = token.label if token.special or not token.text.strip() else token.text.strip()
        wide = 0.84 * cells(text)
        if column + wide > width and lines[-1]:
            lines.append([])
            column = 0.0
        lines[-1].append((column, wide, index, text))
        column += wide + 0.9
        if "\n" in token.text:
            lines.append([])
            column = 0.0
    return [line for line in lines if line] or [[]]
