"""What a still picture is made of: boxes, strokes, grids of cells and labels, in points; no file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Anchor: TypeAlias = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Box:
    """A rectangle, filled, framed or both.

    Attributes
    ----------
    x, y, width, height : float
        Points; y grows downwards.
    fill, edge : str or None
        "#rrggbb"; None leaves it out.
    opacity : float
        Of the filling, 0 to 1.
    line : float
        Width of the edge in points.
    radius : float
        Of the corners, in points.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    edge: str | None = None
    opacity: float = 1.0
    line: float = 0.5
    radius: float = 0.0


@dataclass(frozen=True, eq=False)
class Strokes:
    """Lines of one colour, from left to right.

    Attributes
    ----------
    ends : float64 array [n, 4]
        x and y of the start and of the end, in points.
    opacity, width : float64 arrays [n]
        0 to 1, and points.
    colour : str
        "#rrggbb".
    bent : bool
        Whether they leave and arrive level; straight otherwise.
    """

    ends: NDArray[np.float64]
    opacity: NDArray[np.float64]
    width: NDArray[np.float64]
    colour: str
    bent: bool = False


@dataclass(frozen=True, eq=False)
class Cells:
    """A grid of coloured cells of equal size.

    Attributes
    ----------
    x, y, width, height : float
        Points.
    pixels : uint8 array [rows, columns, 4]
        Red, green, blue and opacity.
    """

    x: float
    y: float
    width: float
    height: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Label:
    """A line of text.

    Attributes
    ----------
    x, y : float
        Points: where the text starts, ends or has its middle; y is the middle of its letters.
    size : float
        Points.
    turned : bool
        Whether it reads from bottom to top.
    """

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: Anchor = "start"
    bold: bool = False
    turned: bool = False


Mark: TypeAlias = Box | Strokes | Cells | Label


@dataclass
class Scene:
    """A picture before it is written as PNG, SVG or PDF.

    Attributes
    ----------
    width, height : float
        Points, 72 to the inch.
    background : str
        "#rrggbb".
    title, notes : str
        What it shows, and what a reader must know of it; files carry both.
    unwritten : str
        The label that says which characters no installed font has; a file of real text does not need it.
    marks : list of Mark
        In the order in which they are drawn.
    """

    width: float
    height: float
    background: str
    title: str = ""
    notes: str = ""
    unwritten: str = ""
    marks: list[Mark] = field(default_factory=list)

    def add(self, *marks: Mark) -> None:
        """Draw marks on top of what is there."""
        self.marks.extend(marks)


def hatch(x: float, y: float, width: float, height: float, colour: str, step: float = 4.5) -> Strokes:
    """Return thin slanted lines that fill a box: what is out of reach is no weight of zero."""
    starts = np.arange(step / 2, width + height, step)
    x0, y0 = np.maximum(starts - height, 0), np.minimum(starts, height)
    x1, y1 = np.minimum(starts, width), np.maximum(starts - width, 0)
    ends = np.stack([x + x0, y + y0, x + x1, y + y1], axis=1)
    return Strokes(ends, np.ones(len(ends)), np.full(len(ends), 0.6), colour)
