"""Draws the current view as a PNG with matplotlib, and says in one line what it is."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.frame import Look, name_heads
from attnwidget.export.lines import draw_lines
from attnwidget.export.matrix import draw_matrix
from attnwidget.export.metrics import draw_metrics
from attnwidget.export.model import draw_model
from attnwidget.export.neuron import draw_neuron
from attnwidget.export.text import draw_text
from attnwidget.record import AttentionRecord

COLOURS = 256
"""Colours of a picture."""

FONTS = (
    "DejaVu Sans Mono",
    "Noto Sans Mono CJK SC",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Emoji",
    "Noto Sans Arabic",
    "DejaVu Sans",
)
"""Fonts that are asked for a character in this order, as far as they are installed."""


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

    draw = {
        "head": draw_lines,
        "model": draw_model,
        "neuron": draw_neuron,
        "matrix": draw_matrix,
        "text": draw_text,
        "metrics": draw_metrics,
    }[look.view]
    with mpl.rc_context({"font.family": _fonts(), "font.size": 8.0}), warnings.catch_warnings():
        # A script without a font becomes boxes; a reader of the notebook could do nothing about it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = draw(record, look)
        figure.set_facecolor(look.paper.background)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    width, height = figure.get_size_inches()
    return _compressed(pixels), (round(width * 96), round(height * 96))


def _compressed(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG of few colours: thin lines otherwise weigh more than the rest of a notebook together."""
    from PIL import Image

    few = Image.fromarray(pixels).quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    file = io.BytesIO()
    few.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _fonts() -> list[str]:
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in FONTS if name in known]
