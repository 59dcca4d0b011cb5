"""Values -> colours of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.export.colours import diverging, ramp


def paint(values: Any, dark: bool) -> NDArray[np.uint8]:
    """Return the colours of values from 0 to 1: uint8 [..., 4], opaque."""
    return _looked_up(ramp(dark), np.rint(255 * np.clip(values, 0, 1)))


def paint_signed(values: Any, dark: bool) -> NDArray[np.uint8]:
    """Return the colours of values from -1 to 1: uint8 [..., 4], opaque."""
    return _looked_up(diverging(dark), np.rint(255 + 255 * np.clip(values, -1, 1)))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of "#rrggbb", 0 to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _looked_up(table: NDArray[np.float64], places: Any) -> NDArray[np.uint8]:
    colours = np.rint(255 * table).astype(np.uint8)[np.asarray(places, dtype=np.intp)]
    return np.concatenate([colours, np.full((*colours.shape[:-1], 1), 255, dtype=np.uint8)], axis=-1)
