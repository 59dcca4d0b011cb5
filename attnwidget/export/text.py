"""The text view as a still: running text, coloured by attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.colours import head_colour
from attnwidget.export.frame import Look, blank_axes, cells, scaled, short_label, start_figure, window
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
    heads = list(look.heads)
    if not heads:
        values = np.zeros(len(shown), dtype=np.float32)
    elif looking:
        values = site.weights(heads, focus)[:, 0].mean(axis=0)
    else:
        blocks = (range(start, min(start + ROWS, site.queries)) for start in range(0, site.queries, ROWS))
        values = np.concatenate([site.weights(heads, rows)[:, :, focus].mean(axis=0) for rows in blocks])
    colour = head_colour(heads[0], look.dark) if len(heads) == 1 else head_colour(0, look.dark)
    about = (query_tokens if looking else key_tokens)[focus]
    note = f"{'where' if looking else 'what looks at'} {short_label(about)} ({focus})" + (
        " looks" if looking else ""
    )
    if len(heads) > 1:
        note += f"  ·  mean of {len(heads)} heads"
    note += f"  ·  {look.scale} scale"
    span = window(len(shown), focus, MAX_TEXT_TOKENS)
    if len(span) < len(shown):
        note += f"  ·  tokens {span.start}-{span.stop - 1} of {len(shown)}"
    lines = _wrap([shown[position] for position in span], 90)
    figure, share = start_figure(record, look, 0.27 * len(lines) + 0.2, note)
    axes = blank_axes(figure, share)
    axes.set_xlim(0, 94)
    axes.set_ylim(len(lines) - 0.3, -0.7)
    strength = scaled(np.nan_to_num(values), look.scale)
    same = look.site != "cross"
    for row, line in enumerate(lines):
        for column, width, offset, text in line:
            position = span.start + offset
            held = same and position == focus
            axes.add_patch(
                _rectangle(column, row, width, colour, float(strength[position]), paper.ink if held else None)
            )
            axes.text(
                column + 2, row, text, va="center", size=8, color=paper.ink,
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
