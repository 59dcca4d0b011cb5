"""Draws the current view as the PNG that stands in for it, and says in one line what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from attnwidget.export.frame import Look, name_heads, name_model
from attnwidget.export.lines import draw_lines
from attnwidget.export.matrix import draw_matrix
from attnwidget.export.metrics import draw_metrics
from attnwidget.export.model import draw_model
from attnwidget.export.neuron import draw_neuron
from attnwidget.export.palette import few_colours
from attnwidget.export.raster import pixels, png
from attnwidget.export.scene import Scene
from attnwidget.export.text import draw_text
from attnwidget.record import AttentionRecord
from attnwidget.wire.schema import View

QUALITIES = ((2.0, 150, 24), (1.25, 24, 6))
"""Pixels of the file per CSS pixel, colours of areas, and shades of lines and letters.

The first that keeps the file small is taken, or the last.
"""

SMALL_ENOUGH = 64_000
"""Bytes of the file beyond which the next is tried."""

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
    scene = draw(record, replace(look, small=True))
    file = b""
    for sharpness, areas, levels in QUALITIES:
        # Thin lines otherwise weigh more than the rest of a notebook together.
        file = png(few_colours(pixels(scene, sharpness * 96 / 72), scene, areas, levels))
        if len(file) <= SMALL_ENOUGH:
            break
    return file, (round(scene.width * 96 / 72), round(scene.height * 96 / 72))
