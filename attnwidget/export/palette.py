"""Few colours for a picture, so that its file is small: those of its marks, and what they become on paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attnwidget.export.paint import rgb
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes

MAX_FILLS = 40
"""Colours of boxes that are kept whatever else there is."""

BLOCK = 4096
"""Colours that are compared with the palette at a time."""


def few_colours(image: Image.Image, scene: Scene, areas: int, levels: int) -> Image.Image:
    """Return an RGB image of a scene in 256 colours at most.

    Parameters
    ----------
    image : Image
        What `scene` looks like.
    scene : Scene
        Its marks keep their own colours.
    areas : int
        Colours of areas that are kept as they are; of more, evenly spaced ones.
    levels : int
        Shades, at most, of each line's and letter's colour on its way to that of the paper.
    """
    palette = colours_of(scene, areas, levels)
    packed = _packed(np.asarray(image))
    table = np.zeros(1 << 24, dtype=np.uint8)
    table[packed] = 1
    found = np.flatnonzero(table.view(np.bool_))
    for start in range(0, len(found), BLOCK):
        some = found[start : start + BLOCK]
        parts = np.stack([some >> 16, some >> 8 & 255, some & 255], axis=1).astype(np.float32)
        # |a - b|² without |a|², which is the same for every b.
        away = (palette**2).sum(axis=1) - 2 * parts @ palette.T
        table[some] = away.argmin(axis=1)
    few = Image.fromarray(table[packed], "P")
    few.putpalette(palette.astype(np.uint8).tobytes())
    return few


def colours_of(scene: Scene, most: int, levels: int) -> NDArray[np.float32]:
    """Return the colours of a scene, with shades of those that lie on paper: float32 [256 at most, 3]."""
    paper = np.array(rgb(scene.background), dtype=np.float64)
    areas: list[NDArray[np.float64]] = []
    fills: list[NDArray[np.float64]] = []
    inks: dict[str, None] = {}
    for mark in scene.marks:
        match mark:
            case Box():
                if mark.fill is not None:
                    fills.append(paper + mark.opacity * (np.array([rgb(mark.fill)]) - paper))
                if mark.edge is not None:
                    inks[mark.edge] = None
            case Cells():
                flat = np.unique(mark.pixels.reshape(-1, 4), axis=0).astype(np.float64)
                areas.append(paper + flat[:, 3:] / 255 * (flat[:, :3] - paper))
            case Strokes() | Label():
                inks[mark.colour] = None
    filled = np.unique(np.rint(np.concatenate([paper[None], *fills])), axis=0)
    # A head's colour stays its own beside many colours of cells.
    kept = filled if len(filled) <= MAX_FILLS else paper[None]
    known = np.unique(np.rint(np.concatenate([filled, *areas])), axis=0)
    if len(known) > most:
        # In the order of a ramp, whose lightness rises from end to end.
        known = known[np.argsort(known @ (0.3, 0.6, 0.1), kind="stable")]
        known = known[np.linspace(0, len(known) - 1, most).round().astype(np.intp)]
    pure = np.array([rgb(ink) for ink in inks], dtype=np.float64).reshape(-1, 3)
    count = min(levels, (255 - len(known) - len(kept)) // max(1, len(pure)))
    share = np.arange(1, max(1, count) + 1) / max(1, count)
    shades = (paper + share[:, None, None] * (pure - paper)).reshape(-1, 3)
    whole = np.rint(np.concatenate([kept, known, shades]))
    return np.unique(whole, axis=0).astype(np.float32)


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return each colour [..., 3] as one number."""
    red, green, blue = (colours[..., part].astype(np.uint32) for part in range(3))
    return np.asarray(red << 16 | green << 8 | blue, dtype=np.uint32)
