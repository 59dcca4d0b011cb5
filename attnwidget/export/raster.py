"""Scene -> pixels: boxes and letters by Pillow, lines by their exact share of each pixel."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, PngImagePlugin

from attnwidget.export import fonts
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes

CHUNK = 1 << 21
"""Pixels of lines that are worked out at a time."""

COMPRESSION = 8
"""Of a PNG: 9 takes twice the time for a few per cent."""

RISE = 0.365
"""From the middle of a line of text down to its baseline, in sizes."""


def pixels(scene: Scene, scale: float, background: str | None = None) -> Image.Image:
    """Return a scene as an RGB image of `scale` pixels per point."""
    size = (max(1, round(scene.width * scale)), max(1, round(scene.height * scale)))
    image = Image.new("RGB", size, background or scene.background)
    for mark in scene.marks:
        match mark:
            case Box():
                _draw_box(image, mark, scale)
            case Strokes():
                _draw_strokes(image, mark, scale)
            case Cells():
                _draw_cells(image, mark, scale)
            case Label():
                _draw_label(image, mark, scale)
    return image


def clear_pixels(scene: Scene, scale: float) -> Image.Image:
    """Return a scene as an RGBA image without background: from what white and black paper make of it."""
    white, black = (
        np.asarray(pixels(scene, scale, paper), dtype=np.float32) for paper in ("#ffffff", "#000000")
    )
    opacity = np.clip(255 - (white - black).mean(axis=2), 0, 255)
    colour = np.clip(black * 255 / np.maximum(opacity, 1)[..., None], 0, 255)
    return Image.fromarray(np.dstack([colour, opacity]).round().astype(np.uint8), "RGBA")


def png(image: Image.Image, dpi: float | None = None, text: dict[str, str] | None = None) -> bytes:
    """Return an image as PNG, the same bytes for the same image."""
    known = PngImagePlugin.PngInfo()
    for name, value in (text or {}).items():
        known.add_itxt(name, value)
    file = io.BytesIO()
    image.save(
        file, format="PNG", compress_level=COMPRESSION, pnginfo=known, **({"dpi": (dpi, dpi)} if dpi else {})
    )
    return file.getvalue()


def _edges(mark: Box | Cells, scale: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom on whole pixels; nothing vanishes."""
    left, top = round(mark.x * scale), round(mark.y * scale)
    right, bottom = round((mark.x + mark.width) * scale), round((mark.y + mark.height) * scale)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _draw_box(image: Image.Image, box: Box, scale: float) -> None:
    left, top, right, bottom = _edges(box, scale)
    width, height = right - left, bottom - top
    line = max(1, round(box.line * scale))
    if box.radius:
        many = 4
        for colour, opacity, filled in ((box.fill, box.opacity, True), (box.edge, 1.0, False)):
            if colour is None:
                continue
            mask = Image.new("L", (width * many, height * many), 0)
            ImageDraw.Draw(mask).rounded_rectangle(
                (0, 0, width * many - 1, height * many - 1),
                box.radius * scale * many,
                fill=round(255 * opacity) if filled else None,
                outline=None if filled else 255,
                width=0 if filled else line * many,
            )
            image.paste(colour, (left, top), mask.reduce(many))
        return
    if box.fill is not None:
        mask = Image.new("L", (width, height), round(255 * box.opacity))
        image.paste(box.fill, (left, top), mask)
    if box.edge is not None:
        ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), outline=box.edge, width=line)


def _draw_cells(image: Image.Image, cells: Cells, scale: float) -> None:
    left, top, right, bottom = _edges(cells, scale)
    rows, columns = cells.pixels.shape[:2]
    # Each pixel shows the cell under its centre.
    down = np.minimum((np.arange(bottom - top) + 0.5) * rows / (bottom - top), rows - 1).astype(np.intp)
    across = np.minimum((np.arange(right - left) + 0.5) * columns / (right - left), columns - 1).astype(
        np.intp
    )
    drawn = Image.fromarray(np.ascontiguousarray(cells.pixels[down[:, None], across[None]]), "RGBA")
    image.paste(drawn.convert("RGB"), (left, top), drawn.getchannel("A"))


def _draw_label(image: Image.Image, label: Label, scale: float) -> None:
    width = fonts.text_width(label.text, label.size, label.bold)
    back = {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    if not label.turned:
        _write(
            ImageDraw.Draw(image),
            label,
            (label.x - back) * scale,
            (label.y + RISE * label.size) * scale,
            scale,
        )
        return
    long, thick = int(np.ceil(width * scale)) + 4, int(np.ceil(1.6 * label.size * scale))
    flat = Image.new("L", (long, thick), 0)
    _write(ImageDraw.Draw(flat), label, 2.0, thick / 2 + RISE * label.size * scale, scale, "#ffffff")
    upright = flat.transpose(Image.Transpose.ROTATE_90)
    place = (round(label.x * scale - thick / 2), round((label.y + back) * scale) - long + 2)
    image.paste(label.colour, place, upright)


def _write(
    draw: ImageDraw.ImageDraw,
    label: Label,
    x: float,
    baseline: float,
    scale: float,
    colour: str | None = None,
) -> None:
    for path, part in fonts.runs(label.text, label.bold):
        font = fonts.load(path, round(label.size * scale, 2))
        # Without shaping, a font rounds each step to whole pixels: letters are placed one by one.
        pieces = [part] if fonts.shapes() else list(part)
        for piece in pieces:
            draw.text((x, baseline), piece, font=font, fill=colour or label.colour, anchor="ls")
            x += fonts.part_width(path, piece, label.size) * scale


def _draw_strokes(image: Image.Image, strokes: Strokes, scale: float) -> None:
    """Lay lines over each other: what shows through all of them is the product of what each lets through."""
    if len(strokes.ends) == 0:
        return
    ends = strokes.ends * scale
    thick = np.maximum(strokes.width * scale, 0.6)
    pad = float(thick.max()) * 4 + 2
    left = max(0, int(ends[:, [0, 2]].min() - 1))
    right = min(image.width, int(ends[:, [0, 2]].max() + 2))
    top = max(0, int(ends[:, [1, 3]].min() - pad))
    bottom = min(image.height, int(ends[:, [1, 3]].max() + pad))
    if right <= left or bottom <= top:
        return
    through = np.zeros((bottom - top) * (right - left))
    steepest = np.abs((ends[:, 3] - ends[:, 1]) / np.maximum(ends[:, 2] - ends[:, 0], 1e-9))
    order = np.argsort(steepest, kind="stable")
    columns = right - left
    at = 0
    while at < len(order):
        reach = _reach(float(steepest[order[at]]) * (1.5 if strokes.bent else 1.0), float(thick.max()))
        count = max(1, CHUNK // (columns * (2 * reach + 1)))
        some = order[at : at + count]
        reach = _reach(float(steepest[some[-1]]) * (1.5 if strokes.bent else 1.0), float(thick.max()))
        _let_through(
            through.reshape(bottom - top, columns), ends[some] - (left, top, left, top), thick[some],
            strokes.opacity[some], strokes.bent, reach,
        )  # fmt: skip
        at += count
    cover = np.rint(255 * (1 - np.exp(through))).astype(np.uint8).reshape(bottom - top, columns)
    image.paste(ImageColor.getrgb(strokes.colour), (left, top), Image.fromarray(cover, "L"))


def _reach(slope: float, thick: float) -> int:
    """Return how many pixels above and below its middle a line may cover."""
    return int(np.ceil(thick / 2 * np.hypot(1, slope) + max(1.0, slope) / 2)) + 1


def _let_through(
    through: NDArray[np.float64],
    ends: NDArray[np.float64],
    thick: NDArray[np.float64],
    opacity: NDArray[np.float64],
    bent: bool,
    reach: int,
) -> None:
    """Add the logarithm of what lines let through to each pixel of `through` [rows, columns]."""
    rows, columns = through.shape
    x0, y0, x1, y1 = (end[:, None] for end in ends.T.astype(np.float32))
    long = np.maximum(x1 - x0, 1e-9)
    x = np.arange(columns, dtype=np.float32)[None] + 0.5
    t = np.clip((x - x0) / long, 0, 1)
    y = y0 + (y1 - y0) * ((3 - 2 * t) * t * t if bent else t)
    slope = np.abs((y1 - y0) / long * (6 * t * (1 - t) if bent else 1.0))
    # How much of each column lies between the ends.
    inside = np.clip(np.minimum(x + 0.5, x1) - np.maximum(x - 0.5, x0), 0, 1)
    half = thick[:, None].astype(np.float32) / 2 * np.hypot(np.float32(1), slope)
    blur = np.maximum(np.float32(1), slope) / 2
    middle = np.floor(y)
    places: list[NDArray[np.intp]] = []
    gone: list[NDArray[np.float64]] = []
    for step in range(-reach, reach + 1):
        row = middle + step
        away = row + 0.5 - y
        above = np.clip((away + half + blur) / (2 * blur), 0, 1)
        below = np.clip((away - half + blur) / (2 * blur), 0, 1)
        cover = (above - below) * inside * opacity[:, None].astype(np.float32)
        line, column = np.nonzero((cover > 1e-4) & (row >= 0) & (row < rows))
        places.append(row[line, column].astype(np.intp) * columns + column)
        gone.append(np.log1p(-np.minimum(cover[line, column], 0.9999)))
    summed = np.bincount(np.concatenate(places), np.concatenate(gone), through.size)
    through += summed.reshape(through.shape)
