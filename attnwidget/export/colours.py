"""Colours of still pictures, light and dark: the same as on screen (`js/src/core/palette.ts`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

RGB = tuple[float, float, float]

HEADS_LIGHT = (
    "2b62d9 c96f1c 178a5b cc3d86 6a0644 1d0caa 2098db 7a4306 "
    "961e7a 2b37c9 ec6094 720500 69037b b62eb0 eb53c2 89404e "
    "b35713 1c73fd 4f2aa2 db4b6d 7d1f55 d53daf 773033 488bfb "
    "ab348c 924d35 9b3b6e c25849 384cde 543f99 639b97 5da34d"
)
"""Head colours on light paper: distinct to 32 heads, also for colour-blind readers."""

HEADS_DARK = (
    "7aa2f7 efb07a 57c795 f28bbd bf4306 a644a0 abfdf7 f3f55d "
    "e56f17 5d79e8 c96598 9ed5fd e8cf23 a75463 57f9b0 40a35c "
    "d4ac32 e16fbf 526ac3 fed081 42ebd1 83c0ff f66b71 6d8cfd "
    "d45624 4ab494 b55386 49c4d8 6d96d9 80daac ccfe98 b25f52"
)
"""Head colours on dark paper."""


@dataclass(frozen=True)
class Paper:
    """The colours that are not data."""

    background: str
    line: str
    ink: str
    soft: str
    hover: str
    unknown: str
    accent: str
    segments: tuple[str, str]
    """Of the first and of the second text of a pair."""


LIGHT = Paper(
    "#ffffff", "#e3e4e8", "#1b1d22", "#555a64", "#eef3fd", "#d0392b", "#2f6fde", ("#555a64", "#c9ccd3")
)
DARK = Paper(
    "#14161a", "#2c3038", "#e8eaee", "#a4abb8", "#212a3b", "#ff7b6b", "#7aa7ff", ("#a4abb8", "#4a505c")
)


def head_colour(head: int, dark: bool) -> RGB:
    """Return a head's colour as red, green, blue from 0 to 1; past the table it starts over."""
    table = (HEADS_DARK if dark else HEADS_LIGHT).split()
    red, green, blue = bytes.fromhex(table[head % len(table)])
    return red / 255, green / 255, blue / 255


def hex_colour(colour: RGB) -> str:
    """Return "#rrggbb" of a colour from 0 to 1."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


@cache
def ramp(dark: bool) -> NDArray[np.float64]:
    """Return the ramp of weights: lightness is linear in the value, hue and chroma bend gently.

    Returns
    -------
    float64 [256, 3]
        Red, green and blue from 0 to 1, by way of OKLCh (B. Ottosson, 2020).
    """
    t = np.linspace(0, 1, 256)
    arc = np.sin(np.pi * t) ** 0.8
    if dark:
        lightness, chroma, hue = 0.235 + 0.695 * t, 0.03 + 0.1 * arc + 0.05 * t, 285 - 185 * t
    else:
        lightness, chroma, hue = 0.99 - 0.7 * t, 0.004 + 0.1 * arc + 0.06 * t, 232 + 42 * t
    return _from_oklch(lightness, chroma, hue)


@cache
def diverging(dark: bool) -> NDArray[np.float64]:
    """Return the ramp of signed values: orange below zero, blue above, the paper's shade at zero.

    Returns
    -------
    float64 [511, 3]
        Red, green and blue from 0 to 1; row 255 is zero.
    """
    t = np.linspace(-1, 1, 511)
    size = np.abs(t)
    lightness = 0.235 + 0.565 * size if dark else 0.985 - 0.475 * size
    chroma = 0.004 + size * np.where(t < 0, 0.126, 0.136)
    return _from_oklch(lightness, chroma, np.where(t < 0, 62 if dark else 48, 256))


def _from_oklch(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return sRGB from 0 to 1 (B. Ottosson, 2020); colours outside the gamut are cut off."""
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    lms = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.291485548 * b,
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip((to_rgb @ lms**3).T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
