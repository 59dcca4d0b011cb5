"""Draws the current view as the PNG that stands in for it, and says in one line what it is."""

from __future__ import annotations

from collections.abc import Callable

from attnwidget.export.frame import Look, name_heads, name_model
from attnwidget.export.lines import draw_lines
from attnwidget.export.matrix import draw_matrix
from attnwidget.export.metrics import draw_metrics
from attnwidget.export.model import draw_model
from attnwidget.export.neuron import draw_neuron
from attnwidget.export.raster import few_colours, pixels, png
from attnwidget.export.scene import Scene
from attnwidget.export.text import draw_text
from attnwidget.record import AttentionRecord
from attnwidget.wire.schema import View

SHARPNESS = 2.0
"""Pixels of the file per CSS pixel."""

PAINTERS: dict[View, Callable[[AttentionRecord, Look], Scene]] = {
    "head": draw_lines,
    "model": draw_model,
    "neuron": draw_neuron,
    "matrix": draw_matrix,
    "text": draw_text,
    "metrics": draw_metrics,
}


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
    where = f"layer {look.layer}, {name_heads(look.heads)}"
    return f"AttentionExplorer({name_model(record)}, {tokens} tokens, {look.site} {where}, {look.view} view)"


def draw(record: AttentionRecord, look: Look) -> Scene:
    """Return what an explorer shows, as marks in points.

    Parameters
    ----------
    record : AttentionRecord
        What is shown.
    look : Look
        How it is shown.
    """
    return PAINTERS[look.view](record, look)


def picture(record: AttentionRecord, look: Look) -> tuple[bytes, tuple[int, int]]:
    """Draw what an explorer shows as a small file.

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
    scene = draw(record, look)
    image = pixels(scene, SHARPNESS * 96 / 72)
    # Thin lines otherwise weigh more than the rest of a notebook together.
    return png(few_colours(image)), (round(image.width / SHARPNESS), round(image.height / SHARPNESS))
