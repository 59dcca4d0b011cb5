"""Colours of still pictures, light and dark."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

RGB = tuple[float, float, float]

HUES = (0.611, 0.079, 0.411, 0.905, 0.528, 0.757, 0.14, 0.0)
"""Hues of heads 0 to 7, as fractions of the circle; further heads repeat them at other lightnesses."""


@dataclass(frozen=True)
class Paper:
    """The colours that are not data."""

    background: str
    line: str
    ink: str
    soft: str
    faint: str
    hover: str
    ramp: tuple[str, ...]
    unknown: str


LIGHT = Paper(
    "#ffffff",
    "#e3e4e8",
    "#1b1d22",
    "#5c616b",
    "#6f7480",
    "#eef3fd",
    ("#ffffff", "#a9c4f5", "#2f62d9", "#0b1f5c"),
    "#d0392b",
)
DARK = Paper(
    "#14161a",
    "#2c3038",
    "#e8eaee",
    "#a4abb8",
    "#8b93a1",
    "#212a3b",
    ("#14161a", "#27458f", "#6f9cf5", "#f2f6ff"),
    "#ff7b6b",
)


def head_colour(head: int, dark: bool) -> RGB:
    """Return a head's colour as red, green, blue from 0 to 1."""
    hue, ring = HUES[head % len(HUES)], head // len(HUES) % 4
    lightness = (0.72, 0.6, 0.82, 0.5)[ring] if dark else (0.46, 0.34, 0.6, 0.26)[ring]
    return colorsys.hls_to_rgb(hue, lightness, 0.75 if dark else 0.68)
