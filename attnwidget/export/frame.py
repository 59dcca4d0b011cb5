"""What every still picture shares: what is shown, the caption, and how tokens are written."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.colours import DARK, LIGHT, Paper
from attnwidget.metrics.table import HeadTable
from attnwidget.record import AttentionRecord, Token
from attnwidget.wire.schema import Combine, Direction, Filters, Scale, SiteKind, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
WIDTH = 7.5
"""Width of every picture, in inches."""


def _all_shown() -> Filters:
    return {"pair": "all", "special": True, "top": 0, "heads": None}


@dataclass(frozen=True)
class Look:
    """What of a record is on screen.

    Attributes
    ----------
    view, site, layer, heads, query, key, threshold, scale, direction, filters, combine, metric
        As the explorer's traits.
    dark : bool
        Dark paper.
    measured : HeadTable or None
        What the metrics map shows; measured for the picture if not given.
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
    measured: HeadTable | None = None

    @property
    def paper(self) -> Paper:
        """Colours of the paper."""
        return DARK if self.dark else LIGHT


def name_heads(heads: Sequence[int]) -> str:
    """Return "head 3", "heads 0, 1" or "no heads"."""
    if not heads:
        return "no heads"
    return f"head{'s' if len(heads) > 1 else ''} {', '.join(map(str, heads))}"


def start_figure(record: AttentionRecord, look: Look, height: float, note: str) -> tuple[Figure, float]:
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
    caption = textwrap.shorten(prompt, 108 - len(note), placeholder=" …") if prompt else "given attention"
    figure.text(0.02, 1 - 0.42 / top, caption, color=paper.soft, size=7.5, va="center", parse_math=False)
    if note:
        figure.text(0.98, 1 - 0.42 / top, note, color=paper.soft, size=7, va="center", ha="right")
    return figure, height / top


def blank_axes(figure: Figure, height: float) -> Axes:
    """Return axes without frame over the lower `height` share of the figure."""
    axes: Axes = figure.add_axes((0.0, 0.0, 1.0, height))
    axes.set_axis_off()
    return axes


def window(count: int, around: int | None, limit: int) -> range:
    """Return at most `limit` positions, those around `around` if it is given."""
    start = 0 if around is None else max(0, min(around - limit // 2, count - limit))
    return range(start, min(count, start + limit))


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
