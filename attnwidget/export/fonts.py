"""Which installed font draws a text, and how wide it is; what no font has is known."""

from __future__ import annotations

import importlib.util
import unicodedata
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, features

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = "▯"
"""Stands for a character that no installed font has."""

FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Noto Sans Symbols2",
    "Noto Sans Symbols",
    "Arial Unicode MS",
)
"""Fonts that are asked, in this order, for what DejaVu Sans lacks; after these, every other sans serif."""

EM = 100
"""Size at which widths are measured, in pixels."""

GLYPH = 48
"""Pixels of the little picture by which a font's letter is told from its empty box."""

_INVISIBLE = {"Cf", "Mn", "Me", "Cc", "Zs", "Zl", "Zp"}


@cache
def folder() -> Path:
    """Return where DejaVu Sans lies: it comes with matplotlib, which need not be imported for that."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
        if (found / "DejaVuSans.ttf").exists():
            return found
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf"


@cache
def shapes() -> bool:
    """Whether letters join, stack and go from right to left, and stand where they would in print."""
    return bool(features.check("raqm"))


@lru_cache(maxsize=64)
def load(path: str, pixels: float) -> ImageFont.FreeTypeFont:
    """Return a font of a size."""
    engine = ImageFont.Layout.RAQM if shapes() else ImageFont.Layout.BASIC
    return ImageFont.truetype(path, pixels, layout_engine=engine)


@lru_cache(maxsize=4096)
def runs(text: str, bold: bool = False) -> tuple[tuple[str, str], ...]:
    """Return a text as stretches of one font: (path of the font, stretch)."""
    first = str(folder() / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
    placed: list[tuple[str, str]] = []
    for character in text:
        if unicodedata.category(character) in _INVISIBLE:
            # It belongs to the letter before it.
            placed.append((placed[-1][0] if placed else first, character if character != "\ufe0f" else ""))
            continue
        found = _font_of(character, first)
        placed.append((found, character) if found else (first, UNKNOWN))
    return tuple(
        (path, "".join(part for _, part in group)) for path, group in groupby(placed, key=lambda one: one[0])
    )


def missing(text: str) -> tuple[str, ...]:
    """Return the characters of a text that no installed font has, each once."""
    first = str(folder() / "DejaVuSans.ttf")
    return tuple(
        dict.fromkeys(
            character
            for character in text
            if unicodedata.category(character) not in _INVISIBLE and not _font_of(character, first)
        )
    )


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text: points, for a size in points."""
    return sum(part_width(path, part, size) for path, part in runs(text, bold))


def part_width(path: str, part: str, size: float) -> float:
    """Return the width of a stretch of one font, in points."""
    return load(path, EM).getlength(part) * size / EM


def fit(text: str, size: float, room: float, bold: bool = False) -> str:
    """Return a text, cut with "…" where it is wider than `room` points."""
    if text_width(text, size, bold) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle].rstrip() + "…", size, bold) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


@lru_cache(maxsize=8192)
def _font_of(character: str, first: str) -> str:
    """Return the path of a font that has a character, or "" if none has."""
    if _has(first, character):
        return first
    return next((path for path in _others() if _has(path, character)), "")


def _has(path: str, character: str) -> bool:
    try:
        # What a font lacks looks like what no font can have.
        return _drawn(path, character) != _absent(path)
    except OSError:
        return False


@cache
def _absent(path: str) -> bytes:
    return _drawn(path, "\uffff")


def _drawn(path: str, character: str) -> bytes:
    image = Image.new("L", (GLYPH, GLYPH))
    ImageDraw.Draw(image).text((GLYPH / 4, GLYPH / 4), character, font=load(path, GLYPH / 2), fill=255)
    return image.tobytes()


@cache
def _others() -> tuple[str, ...]:
    """Return the paths of other installed fonts: known ones for wide scripts first, then all upright ones."""
    from matplotlib import font_manager

    def ordered() -> Iterator[str]:
        upright = [
            font
            for font in font_manager.fontManager.ttflist
            if font.style == "normal" and font.weight in (400, "normal")
        ]
        for name in FAMILIES:
            yield from (font.fname for font in upright if font.name == name)
        yield from (font.fname for font in sorted(upright, key=lambda one: one.name) if "Sans" in font.name)

    return tuple(dict.fromkeys(ordered()))
