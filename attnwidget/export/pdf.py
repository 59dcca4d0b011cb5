"""Scene -> PDF by matplotlib: vector lines, and letters that are embedded as text."""

from __future__ import annotations

import io
import warnings
from functools import cache
from typing import Any

import numpy as np

from attnwidget.export import fonts
from attnwidget.export.raster import RISE
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes
from attnwidget.export.svg import enlarged


def pdf(scene: Scene, transparent: bool = False) -> bytes:
    """Return a scene as one page of PDF, the same bytes for the same scene."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    # Type 42 keeps letters as outlines that editors can change; no date, or no two files are alike.
    with mpl.rc_context({"pdf.fonttype": 42, "path.simplify": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=(scene.width / 72, scene.height / 72))
        figure.patch.set_visible(False)
        figure.add_artist(_artist()(scene, transparent))
        file = io.BytesIO()
        told = {"Title": scene.title, "Subject": scene.notes, "CreationDate": None, "Creator": "attnwidget"}
        canvas: Any = FigureCanvasPdf(figure)
        canvas.print_pdf(file, metadata=told)
    return file.getvalue()


@cache
def _artist() -> type[Any]:
    from matplotlib.artist import Artist

    class SceneArtist(Artist):
        """Hands the marks of a scene to whatever draws the figure."""

        def __init__(self, scene: Scene, transparent: bool) -> None:
            super().__init__()
            self._scene, self._transparent = scene, transparent

        def draw(self, renderer: Any) -> None:
            scene = self._scene
            if not self._transparent:
                _box(renderer, Box(0, 0, scene.width, scene.height, fill=scene.background), scene.height)
            for mark in scene.marks:
                match mark:
                    case Box():
                        _box(renderer, mark, scene.height)
                    case Strokes():
                        _strokes(renderer, mark, scene.height)
                    case Cells():
                        _cells(renderer, mark, scene.height)
                    case Label():
                        _label(renderer, mark, scene.height)

    return SceneArtist


def _box(renderer: Any, box: Box, height: float) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    inset = box.line / 2 if box.edge else 0.0
    x0, x1 = box.x + inset, box.x + box.width - inset
    y0, y1 = height - box.y - box.height + inset, height - box.y - inset
    r = min(box.radius, (x1 - x0) / 2, (y1 - y0) / 2)
    if r > 0:
        points = [
            (x0 + r, y0), (x1 - r, y0), (x1, y0), (x1, y0 + r), (x1, y1 - r), (x1, y1), (x1 - r, y1),
            (x0 + r, y1), (x0, y1), (x0, y1 - r), (x0, y0 + r), (x0, y0), (x0 + r, y0), (x0 + r, y0),
        ]  # fmt: skip
        codes = [1, 2, 3, 3, 2, 3, 3, 2, 3, 3, 2, 3, 3, 79]
    else:
        points, codes = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], [1, 2, 2, 2, 79]
    context = renderer.new_gc()
    context.set_linewidth(box.line if box.edge else 0)
    if box.edge:
        context.set_foreground(box.edge)
    if box.opacity < 1:
        context.set_alpha(box.opacity)
    face = to_rgba(box.fill, box.opacity) if box.fill else None
    renderer.draw_path(context, Path(points, codes), Affine2D(), face)
    context.restore()


def _strokes(renderer: Any, strokes: Strokes, height: float) -> None:
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    for (x0, y0, x1, y1), opacity, width in zip(strokes.ends, strokes.opacity, strokes.width, strict=True):
        context = renderer.new_gc()
        context.set_foreground(strokes.colour)
        context.set_alpha(float(opacity))
        context.set_linewidth(float(width))
        third, top, bottom = (x1 - x0) / 3, height - y0, height - y1
        if strokes.bent:
            path = Path([(x0, top), (x0 + third, top), (x1 - third, bottom), (x1, bottom)], [1, 4, 4, 4])
        else:
            path = Path([(x0, top), (x1, bottom)], [1, 2])
        renderer.draw_path(context, path, Affine2D(), None)
        context.restore()


def _cells(renderer: Any, cells: Cells, height: float) -> None:
    from matplotlib.transforms import Affine2D

    context = renderer.new_gc()
    pixels = np.ascontiguousarray(enlarged(cells)[::-1])
    place = Affine2D().scale(cells.width, cells.height)
    renderer.draw_image(context, cells.x, height - cells.y - cells.height, pixels, place)
    context.restore()


def _label(renderer: Any, label: Label, height: float) -> None:
    from matplotlib.font_manager import FontProperties

    width, down = fonts.text_width(label.text, label.size, label.bold), RISE * label.size
    back = {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    x, y = (label.x + down, label.y + back) if label.turned else (label.x - back, label.y + down)
    context = renderer.new_gc()
    context.set_foreground(label.colour)
    for path, part in fonts.runs(label.text, label.bold):
        long = fonts.part_width(path, part, label.size)
        font = FontProperties(fname=path, size=label.size)
        renderer.draw_text(context, x, height - y, part, font, 90.0 if label.turned else 0.0)
        x, y = (x, y - long) if label.turned else (x + long, y)
    context.restore()
