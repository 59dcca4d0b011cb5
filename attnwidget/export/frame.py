"""What every still picture shares: what is shown, heading and notes, and how tokens are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attnwidget.export import fonts
from attnwidget.export.colours import DARK, LIGHT, Paper
from attnwidget.export.scene import Anchor, Box, Label, Scene
from attnwidget.metrics.table import HeadTable
from attnwidget.record import AttentionRecord, Token
from attnwidget.wire.schema import Combine, Direction, Filters, HeadRef, Order, Scale, SiteKind, View

WIDTH = 540.0
"""Width of a picture in points unless asked otherwise: 720 CSS pixels."""

MARGIN = 9.0
"""Around everything, in points."""

TITLE, TOKEN, SMALL, NOTE = 8.5, 7.5, 7.0, 6.5
"""Sizes of letters, in points: title, tokens, names and numbers, notes."""

GAP = "  ·  "


def _all_shown() -> Filters:
    return {"pair": "all", "special": True, "top": 0, "heads": None}


@dataclass(frozen=True)
class Look:
    """What of a record is on screen, and on what paper.

    Attributes
    ----------
    view, site, layer, heads, query, key, threshold, scale, direction, filters, combine, metric
        As the explorer's traits.
    order, cut, pinned, comparing
        Likewise.
    dark : bool
        Dark paper.
    measured : HeadTable or None
        What the metrics map and the model view's order are about; measured for the picture if not given.
    width : float
        Of the picture, in points.
    caption : bool
        Whether heading and notes are drawn.
    small : bool
        Whether its file should be small: fewer lines, and thumbnails of fewer dots.
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
    filters: Filters = field(default_factory=_all_shown)
    combine: Combine = "each"
    metric: str = "entropy"
    order: Order = "layer"
    cut: float | None = None
    pinned: Sequence[HeadRef] = ()
    comparing: bool = False
    measured: HeadTable | None = None
    width: float = WIDTH
    caption: bool = True
    small: bool = False

    @property
    def paper(self) -> Paper:
        """Colours of the paper."""
        return DARK if self.dark else LIGHT

    @property
    def margin(self) -> float:
        """Left and right of the drawing, in points: little where the page has its own."""
        return MARGIN if self.caption else 2.0

    @property
    def room(self) -> float:
        """Width of the drawing, in points."""
        return self.width - 2 * self.margin


def name_heads(heads: Sequence[int]) -> str:
    """Return "head 3", "heads 0, 1" or "no heads"."""
    if not heads:
        return "no heads"
    return f"head{'s' if len(heads) > 1 else ''} {', '.join(map(str, heads))}"


def name_model(record: AttentionRecord) -> str:
    """Return what the model is called."""
    return "embedded model" if record.model.embedded else record.model.name


def start(record: AttentionRecord, look: Look) -> tuple[Scene, float]:
    """Start a picture with its heading: the model, the place, and the prompt as far as it fits.

    Returns
    -------
    scene : Scene
    y : float
        Where the drawing begins, in points.
    """
    paper = look.paper
    place = f"{look.site} layer {look.layer}, {name_heads(look.heads)}"
    prompt = " ".join((record.prompt + (f" | {record.context}" if record.context else "")).split())
    scene = Scene(look.width, 0.0, paper.background, title=GAP.join((name_model(record), place)))
    if not look.caption:
        return scene, look.margin
    y = MARGIN + TITLE / 2
    title = fonts.fit(scene.title, TITLE, look.room, bold=True)
    scene.add(Label(MARGIN, y, title, TITLE, paper.ink, bold=True))
    caption = fonts.fit(prompt or "given attention", SMALL, look.room)
    scene.add(Label(MARGIN, y + 12, caption, SMALL, paper.soft))
    return scene, y + 24


def finish(scene: Scene, record: AttentionRecord, look: Look, y: float, notes: Iterable[str]) -> Scene:
    """Write the notes under the drawing, which ends at `y`; the picture ends under them."""
    said = [note for note in notes if note]
    scene.notes = "; ".join(said)
    if look.caption:
        lost = fonts.missing("".join(mark.text for mark in scene.marks if isinstance(mark, Label)))
        if lost:
            codes = ", ".join(f"U+{ord(one):04X}" for one in lost[:6]) + (" …" if len(lost) > 6 else "")
            scene.unwritten = f"{fonts.UNKNOWN} no installed font has {codes}"
        y += 5
        for line in (*_lines(said, look.room), scene.unwritten):
            if line:
                scene.add(Label(MARGIN, y + NOTE / 2, line, NOTE, look.paper.soft))
                y += 9.5
        y += MARGIN - 5
    scene.height = y + look.margin / 2
    return scene


def _lines(parts: Sequence[str], room: float) -> list[str]:
    """Put notes side by side as long as they fit, and the next ones below."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{GAP}{part}" if lines else part
        if lines and fonts.text_width(longer, NOTE) <= room:
            lines[-1] = longer
        else:
            lines.append("")
            for word in part.split(" "):
                longer = f"{lines[-1]} {word}" if lines[-1] else word
                if lines[-1] and fonts.text_width(longer, NOTE) > room:
                    lines.append(fonts.fit(word, NOTE, room))
                else:
                    lines[-1] = fonts.fit(longer, NOTE, room)
    return lines


def draw_keys(
    scene: Scene, look: Look, names: Sequence[tuple[str, str]], x: float, y: float, room: float
) -> float:
    """Write names beside patches of their colours, in as many lines as needed; return where these end."""
    left = x
    for name, colour in names:
        name = fonts.fit(name, SMALL, room - 9)
        wide = 9 + fonts.text_width(name, SMALL)
        if left > x and left + wide > x + room:
            left, y = x, y + 10
        scene.add(
            Box(left, y + 1, 6, 6, fill=colour, radius=1.2),
            Label(left + 9, y + 4, name, SMALL, look.paper.ink),
        )
        left += wide + 10
    return y + 12 if names else y


def draw_pin(scene: Scene, look: Look, x: float, y: float, edge: float) -> None:
    """Mark the cell of a pinned head, whose corner is given, at that corner."""
    side = max(2.5, min(6.0, edge / 5))
    scene.add(Box(x, y, side, side, fill=look.paper.accent, edge=look.paper.background, line=side / 6))


def label_of(token: Token, size: float, room: float, bold: bool = False) -> str:
    """Return a token's label, cut where it is wider than `room` points."""
    return fonts.fit(token.label, size, room, bold)


def widest(
    tokens: Sequence[Token], places: Iterable[int], held: int | None, size: float, most: float
) -> float:
    """Return the room that the labels of some tokens take, `most` points at most; what is held is bold."""
    widths = (fonts.text_width(tokens[at].label, size, bold=at == held) for at in places)
    return min(most, max(widths, default=0.0) + 0.1)


def named(tokens: Sequence[Token], position: int) -> str:
    """Return a token as notes name it: its label and its position."""
    return f"{short_label(tokens[position])} ({position})"


def window(count: int, around: int | None, limit: int) -> range:
    """Return at most `limit` positions, those around `around` if it is given."""
    first = 0 if around is None else max(0, min(around - limit // 2, count - limit))
    return range(first, min(count, first + limit))


def short_label(token: Token, limit: int = 16) -> str:
    """Return a token's label, cut to `limit` characters."""
    return token.label if len(token.label) <= limit else token.label[: limit - 1] + "…"


def cells(text: str) -> int:
    """Return how many columns of a monospaced font a text takes; wide scripts take two each."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def scaled(weights: Any, scale: Scale) -> Any:
    """Map weights to colour from 0 to 1; log covers four decades."""
    if scale == "linear":
        return weights
    if scale == "sqrt":
        return np.sqrt(weights)
    return np.clip(1 + np.log10(np.maximum(weights, 1e-12)) / 4, 0, 1)


def draw_stripes(
    scene: Scene, look: Look, segments: Sequence[int], at: Sequence[tuple[float, float]], edge: float,
    down: bool, after: bool = False,
) -> None:  # fmt: skip
    """Draw which text of a pair tokens belong to: a stripe along each text, and its letter.

    Parameters
    ----------
    segments : sequence of int
        0 or 1, per token.
    at : sequence of (float, float)
        Where each token begins and ends along the axis, in points.
    edge : float
        Where the stripes lie across the axis.
    down : bool
        Whether the axis goes down.
    after : bool
        Whether letters stand after the stripe, not before.
    """
    begin = 0
    for place in range(1, len(segments) + 1):
        if place < len(segments) and segments[place] == segments[begin]:
            continue
        first, last = at[begin][0] + 0.6, at[place - 1][1] - 0.6
        colour = look.paper.segments[1 if segments[begin] == 1 else 0]
        box = (edge, first, 2.2, last - first) if down else (first, edge, last - first, 2.2)
        scene.add(Box(*box, fill=colour))
        if last - first > 6:
            letter, middle = "B" if segments[begin] == 1 else "A", (first + last) / 2
            off = edge + 7 if after else edge - 4.5
            spot = (off, middle) if down else (middle, off)
            anchor: Anchor = "middle"
            scene.add(Label(*spot, letter, NOTE, look.paper.soft, anchor, bold=True))
        begin = place
