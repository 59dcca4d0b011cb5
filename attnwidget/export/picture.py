"""Draws the current view as a PNG with matplotlib: head lines, matrices, or coloured text."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.colours import DARK, LIGHT, Paper, head_colour, ramp
from attnwidget.record import AttentionRecord, Token
from attnwidget.wire.schema import Direction, Scale, SiteKind, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
WIDTH = 7.5
"""Width of every picture, in inches."""

MAX_ROWS = 40
"""Tokens drawn in a column of the head view."""

MAX_AXIS_TOKENS = 48
"""Tokens written along the axes of a matrix."""

MAX_PANELS = 4
"""Heads drawn side by side in the matrix view."""

MAX_TEXT_TOKENS = 400
"""Tokens written in the text view."""

MONO = (
    "DejaVu Sans Mono",
    "Noto Sans Mono CJK SC",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
)
MONO_ELSEWHERE = (
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Emoji",
    "Noto Sans Arabic",
    "DejaVu Sans",
)


@dataclass(frozen=True)
class Look:
    """What of a record is on screen.

    Attributes
    ----------
    view, site, layer, heads, query, key, threshold, scale, direction
        As the explorer's traits.
    dark : bool
        Dark paper.
    """

    view: View
    site: SiteKind
    layer: int
    heads: tuple[int, ...]
    query: int | None = None
    key: int | None = None
    threshold: float = 0.02
    scale: Scale = "sqrt"
    direction: Direction = "from"
    dark: bool = False

    @property
    def paper(self) -> Paper:
        """Colours of the paper."""
        return DARK if self.dark else LIGHT


def name_heads(heads: Sequence[int]) -> str:
    """Return "head 3", "heads 0, 1" or "no heads"."""
    if not heads:
        return "no heads"
    return f"head{'s' if len(heads) > 1 else ''} {', '.join(map(str, heads))}"


def describe(record: AttentionRecord, look: Look) -> str:
    """Return one deterministic line that says what is shown.

    Parameters
    ----------
    record : AttentionRecord
        What is shown.
    look : Look
        How it is shown.
    """
    tokens = len(record.query_tokens(look.site))
    name = "embedded model" if record.model.embedded else record.model.name
    where = f"layer {look.layer}, {name_heads(look.heads)}"
    return f"AttentionExplorer({name}, {tokens} tokens, {look.site} {where}, {look.view} view)"


def picture(record: AttentionRecord, look: Look) -> tuple[bytes, tuple[int, int]]:
    """Draw what an explorer shows.

    Parameters
    ----------
    record : AttentionRecord
        What is shown.
    look : Look
        How it is shown.

    Returns
    -------
    png : bytes
        The picture, the same bytes for the same input.
    size : (int, int)
        Width and height at which to show it, in CSS pixels.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    draw = {"head": _head, "matrix": _matrix, "text": _text}[look.view]
    with mpl.rc_context({"font.family": _fonts(), "font.size": 8.0}), warnings.catch_warnings():
        # A script without a font becomes boxes; a reader of the notebook could do nothing about it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = draw(record, look)
        figure.set_facecolor(look.paper.background)
        file = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(file, format="png", dpi=DPI, facecolor="auto", metadata={"Software": None})
    width, height = figure.get_size_inches()
    return file.getvalue(), (round(width * 96), round(height * 96))


def _fonts() -> list[str]:
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in (*MONO, *MONO_ELSEWHERE) if name in known]


def _figure(record: AttentionRecord, look: Look, height: float, note: str) -> tuple[Figure, float]:
    """Start a figure with a caption; return it and the share of its height that is left for the drawing."""
    from matplotlib.figure import Figure

    paper = look.paper
    name = "embedded model" if record.model.embedded else record.model.name
    prompt = " ".join((record.prompt + (f" | {record.context}" if record.context else "")).split())
    head = 0.55
    figure = Figure(figsize=(WIDTH, height + head), dpi=DPI)
    top = height + head
    title = f"{name}  ·  {look.site} layer {look.layer}, {name_heads(look.heads)}"
    figure.text(0.02, 1 - 0.2 / top, title, color=paper.ink, size=8.5, weight="bold", va="center")
    caption = textwrap.shorten(prompt, 108, placeholder=" …") if prompt else "given attention"
    figure.text(0.02, 1 - 0.42 / top, caption, color=paper.soft, size=7.5, va="center", parse_math=False)
    if note:
        figure.text(0.98, 1 - 0.2 / top, note, color=paper.soft, size=7, va="center", ha="right")
    return figure, height / top


def _blank(figure: Figure, height: float) -> Axes:
    axes: Axes = figure.add_axes((0.0, 0.0, 1.0, height))
    axes.set_axis_off()
    return axes


def _span(count: int, around: int | None, limit: int) -> range:
    """Return at most `limit` positions, those around `around` if it is given."""
    start = 0 if around is None else max(0, min(around - limit // 2, count - limit))
    return range(start, min(count, start + limit))


def _label(token: Token, limit: int = 16) -> str:
    return token.label if len(token.label) <= limit else token.label[: limit - 1] + "…"


def _head(record: AttentionRecord, look: Look) -> Figure:
    from matplotlib.collections import LineCollection

    paper, site = look.paper, record.site(look.layer, look.site)
    query_tokens, key_tokens = record.query_tokens(look.site), record.key_tokens(look.site)
    anchor = look.query if look.query is not None else look.key
    rows, columns = _span(len(query_tokens), anchor, MAX_ROWS), _span(len(key_tokens), anchor, MAX_ROWS)
    cut = len(rows) < len(query_tokens) or len(columns) < len(key_tokens)
    note = f"tokens {rows.start}-{rows.stop - 1} of {len(query_tokens)}" if cut else ""
    if look.threshold > 0:
        note = f"weights below {look.threshold:g} not drawn" + (f"  ·  {note}" if note else "")
    height = 0.19 * max(len(rows), len(columns)) + 0.25
    figure, share = _figure(record, look, height, note)
    axes = _blank(figure, share)
    axes.set_xlim(0, 10)
    axes.set_ylim(max(len(rows), len(columns)) - 0.2, -0.8)
    steps = np.linspace(0, 1, 24)
    ease = 3 * steps**2 - 2 * steps**3
    for order, head in enumerate(look.heads):
        weights = site.weights(head, list(rows))[0][:, columns.start : columns.stop]
        # An "out of reach" cell is no line; NaN compares as false.
        where = np.argwhere(weights >= max(look.threshold, 1e-6))
        lit = _lit(where + np.array([rows.start, columns.start]), look)
        shift = (order - (len(look.heads) - 1) / 2) * 0.06
        paths = [np.column_stack([3.1 + 3.8 * steps, i + shift + (j - i) * ease]) for i, j in where]
        colour = head_colour(head, look.dark)
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
                _label(tokens[position]),
                ha=side,
                va="center",
                color=paper.ink if strong else paper.soft,
                weight="bold" if strong else "normal",
                bbox=box,
                parse_math=False,
            )
    for index, head in enumerate(look.heads):
        axes.text(
            9.9,
            index * 0.9,
            f"head {head}",
            color=head_colour(head, look.dark),
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


def _scaled(weights: Any, scale: Scale) -> Any:
    """Map weights to colour from 0 to 1; log covers four decades."""
    if scale == "linear":
        return weights
    if scale == "sqrt":
        return np.sqrt(weights)
    return np.clip(1 + np.log10(np.maximum(weights, 1e-12)) / 4, 0, 1)


def _matrix(record: AttentionRecord, look: Look) -> Figure:
    from matplotlib.colors import ListedColormap, to_rgba

    paper, site = look.paper, record.site(look.layer, look.site)
    heads = look.heads[:MAX_PANELS]
    query_tokens, key_tokens = record.query_tokens(look.site), record.key_tokens(look.site)
    columns = 1 if len(heads) == 1 else 2
    panel_rows = max(1, -(-len(heads) // columns))
    side = 5.4 if columns == 1 else 3.5
    note = f"{look.scale} scale  ·  hatched: out of reach"
    if len(look.heads) > MAX_PANELS:
        note = f"first {MAX_PANELS} of {len(look.heads)} heads  ·  {note}"
    figure, share = _figure(record, look, side * panel_rows, note)
    colours = ListedColormap(ramp(look.dark))
    visible = site.visible()
    for index, head in enumerate(heads):
        row, column = divmod(index, columns)
        width, cell = 1 / columns, share / panel_rows
        axes = figure.add_axes(
            (column * width + 0.16 * width, share - (row + 1) * cell + 0.18 * cell, 0.8 * width, 0.76 * cell)
        )
        reach = visible if visible.ndim == 2 else visible[head]
        weights = site.weights(head)[0]
        pixels = colours(_scaled(np.nan_to_num(weights), look.scale))
        pixels[np.isnan(weights)] = to_rgba(paper.unknown)
        pixels[~reach, 3] = 0
        axes.patch.set(facecolor=paper.background, edgecolor=paper.line, hatch="////", linewidth=0)
        axes.imshow(pixels, aspect="auto", interpolation="nearest")
        axes.set_title(f"head {head}", color=head_colour(head, look.dark), size=8, loc="left", pad=3)
        for axis, tokens in ((axes.xaxis, key_tokens), (axes.yaxis, query_tokens)):
            if len(tokens) <= MAX_AXIS_TOKENS:
                axis.set_ticks(range(len(tokens)), [_label(token, 10) for token in tokens])
        size = max(3.5, min(7.0, 150 / max(len(query_tokens), len(key_tokens))))
        axes.tick_params(length=0, colors=paper.soft, labelsize=size)
        axes.tick_params(axis="x", rotation=90)
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            text.set_parse_math(False)
        for spine in axes.spines.values():
            spine.set_color(paper.line)
    return figure


def _text(record: AttentionRecord, look: Look) -> Figure:
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
        values = site.weights(heads)[:, :, focus].mean(axis=0)
    colour = head_colour(heads[0], look.dark) if len(heads) == 1 else head_colour(0, look.dark)
    about = (query_tokens if looking else key_tokens)[focus]
    note = f"{'where' if looking else 'what looks at'} {_label(about)} ({focus})" + (
        " looks" if looking else ""
    )
    if len(heads) > 1:
        note += f"  ·  mean of {len(heads)} heads"
    span = _span(len(shown), focus, MAX_TEXT_TOKENS)
    if len(span) < len(shown):
        note += f"  ·  tokens {span.start}-{span.stop - 1} of {len(shown)}"
    lines = _wrap([shown[position] for position in span], 90)
    figure, share = _figure(record, look, 0.27 * len(lines) + 0.2, note)
    axes = _blank(figure, share)
    axes.set_xlim(0, 94)
    axes.set_ylim(len(lines) - 0.3, -0.7)
    strength = _scaled(np.nan_to_num(values), look.scale)
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
    import unicodedata

    lines: list[list[tuple[float, float, int, str]]] = [[]]
    column = 0.0
    for index, token in enumerate(tokens):
        text = token.label if token.special or not token.text.strip() else token.text.strip()
        cells = 0.84 * sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
        if column + cells > width and lines[-1]:
            lines.append([])
            column = 0.0
        lines[-1].append((column, cells, index, text))
        column += cells + 0.9
        if "\n" in token.text:
            lines.append([])
            column = 0.0
    return [line for line in lines if line] or [[]]
