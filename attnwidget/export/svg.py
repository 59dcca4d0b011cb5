"""Scene -> SVG with real text, which editors can change and readers can search and copy."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attnwidget.export.raster import RISE, png
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes

FAMILY = "'DejaVu Sans', Verdana, 'Noto Sans', 'Noto Sans CJK JP', sans-serif"
"""Fonts of about the widths that the picture was laid out with come first."""

DOTS = 400
"""Dots per inch of a grid, at least: programs that blur enlarged pictures blur little then."""


def svg(scene: Scene, transparent: bool = False) -> str:
    """Return a scene as one SVG file; its size is in points."""
    width, height = _number(scene.width), _number(scene.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{FAMILY}">',
        f"<title>{_escaped(scene.title)}</title>",
        f"<desc>{_escaped(scene.notes)}</desc>" if scene.notes else "",
        "" if transparent else f'<rect width="{width}" height="{height}" fill="{scene.background}"/>',
    ]
    for mark in scene.marks:
        match mark:
            case Box():
                parts.append(_box(mark))
            case Strokes():
                parts.append(_strokes(mark))
            case Cells():
                parts.append(_cells(mark))
            case Label() if not mark.text or mark.text != scene.unwritten:
                parts.append(_label(mark))
    return "\n".join(part for part in (*parts, "</svg>") if part) + "\n"


def enlarged(cells: Cells) -> NDArray[np.uint8]:
    """Return the cells of a grid, each repeated as often as its size on paper asks for."""
    rows, columns = cells.pixels.shape[:2]
    down = max(1, round(cells.height / 72 * DOTS / rows))
    across = max(1, round(cells.width / 72 * DOTS / columns))
    return cells.pixels.repeat(down, axis=0).repeat(across, axis=1)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(value) < 0.005 else "-0")


def _escaped(text: str) -> str:
    # XML has no place for most control characters.
    return escape("".join(one if one >= " " or one in "\t\n" else "\ufffd" for one in text))


def _box(box: Box) -> str:
    inset = box.line / 2 if box.edge else 0.0
    place = (box.x + inset, box.y + inset, box.width - 2 * inset, box.height - 2 * inset)
    x, y, width, height = (_number(part) for part in place)
    painted = f'fill="{box.fill or "none"}"'
    if box.fill and box.opacity < 1:
        painted += f' fill-opacity="{box.opacity:.3f}"'
    if box.edge:
        painted += f' stroke="{box.edge}" stroke-width="{_number(box.line)}"'
    if box.radius:
        painted += f' rx="{_number(box.radius)}"'
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {painted}/>'


def _strokes(strokes: Strokes) -> str:
    lines: list[str] = []
    for (x0, y0, x1, y1), opacity, width in zip(strokes.ends, strokes.opacity, strokes.width, strict=True):
        start, end = f"{_number(x0)} {_number(y0)}", f"{_number(x1)} {_number(y1)}"
        if strokes.bent:
            third = (x1 - x0) / 3
            middle = f"C{_number(x0 + third)} {_number(y0)} {_number(x1 - third)} {_number(y1)} "
        else:
            middle = "L"
        shown = f' stroke-opacity="{opacity:.3f}"' if opacity < 1 else ""
        lines.append(f'<path d="M{start}{middle}{end}" stroke-width="{_number(width)}"{shown}/>')
    return f'<g fill="none" stroke="{strokes.colour}">{"".join(lines)}</g>' if lines else ""


def _cells(cells: Cells) -> str:
    data = base64.b64encode(png(Image.fromarray(enlarged(cells), "RGBA"))).decode("ascii")
    x, y, width, height = (_number(part) for part in (cells.x, cells.y, cells.width, cells.height))
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _label(label: Label) -> str:
    down = RISE * label.size
    anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
    bold = ' font-weight="bold"' if label.bold else ""
    if label.turned:
        x, y = _number(label.x + down), _number(label.y)
        place = f'x="{x}" y="{y}" transform="rotate(-90 {x} {y})"'
    else:
        place = f'x="{_number(label.x)}" y="{_number(label.y + down)}"'
    return (
        f'<text {place} font-size="{_number(label.size)}" fill="{label.colour}"{anchor}{bold} '
        f'xml:space="preserve">{_escaped(label.text)}</text>'
    )
