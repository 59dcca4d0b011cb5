"""Writes the current view as a picture for a paper or a talk: PNG, SVG or PDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from attnwidget.errors import InputError
from attnwidget.export.files import write_whole
from attnwidget.export.frame import Look
from attnwidget.export.picture import PAINTERS, draw
from attnwidget.export.raster import clear_pixels, pixels, png
from attnwidget.record import AttentionRecord
from attnwidget.wire.schema import View

SUFFIXES = (".png", ".svg", ".pdf")
"""Kinds of file."""

NARROWEST, WIDEST = 2.0, 40.0
"""Width of a picture, in inches."""

MAX_DOTS = 100_000_000
"""Pixels of a PNG at most."""


def check_width(width: float) -> float:
    """Return a width in inches; InputError if no picture can be as narrow or as wide."""
    if not NARROWEST <= width <= WIDEST:
        raise InputError(
            f"A picture cannot be {width:g} inches wide.",
            f"Give {NARROWEST:g} to {WIDEST:g} inches: 3.5 is a column of a paper, 7.2 its page.",
        )
    return width


def check_paper(theme: str) -> bool:
    """Return whether the paper is dark; InputError names the papers."""
    if theme not in ("light", "dark"):
        raise InputError(f"There is no theme {theme!r} for files.", "Give 'light' or 'dark'.")
    return theme == "dark"


def view_named(name: str) -> View:
    """Return a view; "heads" is another name of the metrics map. InputError names them all."""
    view = cast(View, "metrics" if name == "heads" else name)
    if view not in PAINTERS:
        raise InputError(f"There is no view {name!r}.", f"Views: {', '.join(PAINTERS)}.")
    return view


def write_image(
    record: AttentionRecord,
    look: Look,
    path: str | os.PathLike[str],
    *,
    dpi: float = 300,
    transparent: bool = False,
) -> Path:
    """Write a picture as the kind of file that a path's ending names.

    Parameters
    ----------
    record : AttentionRecord
        What to show.
    look : Look
        How to show it.
    path : str or path
        Ends in .png, .svg or .pdf.
    dpi : float
        Pixels per inch of a PNG; SVG and PDF are lines and letters.
    transparent : bool
        Leave the paper out.

    Returns
    -------
    Path
        The file. The same picture is the same bytes.

    Raises
    ------
    InputError
        If the ending is another, or the PNG would have too many pixels.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path.name!r} does not end in a kind of picture that can be written.",
            f"End it in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        )
    scene = draw(record, look)
    if suffix == ".svg":
        from attnwidget.export.svg import svg

        return write_whole(path, svg(scene, transparent).encode())
    if suffix == ".pdf":
        from attnwidget.export.pdf import pdf

        return write_whole(path, pdf(scene, transparent))
    dots = scene.width * scene.height * (dpi / 72) ** 2
    if not dpi > 0 or dots > MAX_DOTS:
        raise InputError(
            f"At {dpi:g} dpi the picture has {dots / 1e6:,.0f} million pixels.",
            f"Give a dpi from 1 to {int((MAX_DOTS / (scene.width * scene.height)) ** 0.5 * 72):,}.",
        )
    image = (clear_pixels if transparent else pixels)(scene, dpi / 72)
    told = {"Title": scene.title, "Description": scene.notes, "Software": "attnwidget"}
    return write_whole(path, png(image, dpi, told))
