"""Marks become pixels: lines by their area, letters by fonts that have them, few colours that stay true."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attnwidget.export import fonts
from attnwidget.export.colours import _from_oklch, ramp
from attnwidget.export.palette import few_colours
from attnwidget.export.raster import pixels, png
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes, hatch


def scene(*marks: object, width: float = 60, height: float = 40) -> Scene:
    return Scene(width, height, "#ffffff", marks=list(marks))  # type: ignore[arg-type]


def ink(*marks: object, scale: float = 2.0) -> np.ndarray:
    """Return how much of each pixel is covered, 0 to 1."""
    return 1 - np.asarray(pixels(scene(*marks), scale))[..., 0] / 255.0


def line(
    x0: float, y0: float, x1: float, y1: float, opacity: float = 1.0, width: float = 1.5, bent: bool = False
) -> Strokes:
    return Strokes(np.array([[x0, y0, x1, y1]]), np.array([opacity]), np.array([width]), "#000000", bent)


@pytest.mark.parametrize("end", [(50, 10), (50, 35), (20, 38), (50.3, 2.7)])
@pytest.mark.parametrize("opacity", [1.0, 0.3])
def test_a_line_covers_its_length_times_its_width(end: tuple[float, float], opacity: float) -> None:
    covered = ink(line(10, 10, *end, opacity)).sum()
    length = np.hypot(end[0] - 10, end[1] - 10)
    assert covered == pytest.approx(opacity * length * 1.5 * 4, rel=0.04)


def test_a_bent_line_leaves_and_arrives_level_and_passes_the_middle() -> None:
    covered = ink(line(10, 10, 50, 30, bent=True))
    middle = (covered * (np.arange(80) + 0.5)[:, None]).sum(0) / np.maximum(covered.sum(0), 1e-9) / 2
    assert middle[20] == pytest.approx(10, abs=0.1)
    t = (25.5 / 2 - 10) / 40
    assert middle[25] == pytest.approx(10 + 20 * (3 * t**2 - 2 * t**3), abs=0.1)
    assert middle[59:61].mean() == pytest.approx(20, abs=0.2)
    assert middle[99] == pytest.approx(30, abs=0.1)


def test_lines_over_each_other_let_through_the_product() -> None:
    twice = Strokes(np.array([[10, 20, 50, 20]] * 2), np.array([0.5, 0.4]), np.array([2.0, 2.0]), "#000000")
    assert ink(twice)[40, 60] == pytest.approx(1 - 0.5 * 0.6, abs=0.01)


def test_cells_have_sharp_edges_wherever_they_lie() -> None:
    colours = np.array([[[255, 0, 0, 255], [0, 255, 0, 255]], [[0, 0, 255, 255], [0, 0, 0, 0]]], np.uint8)
    image = np.asarray(pixels(scene(Cells(10.3, 5.2, 30, 20, colours)), 2.7))
    found = {tuple(int(part) for part in colour) for colour in image.reshape(-1, 3)}
    assert found == {(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)}
    red, green = ((image == colour).all(-1).sum() for colour in ((255, 0, 0), (0, 255, 0)))
    assert red == pytest.approx(15 * 10 * 2.7**2, rel=0.08)
    assert green == pytest.approx(red, rel=0.08)


def test_letters_stand_where_they_were_measured_with_and_without_shaping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "google translate: internationalisation"
    wide = fonts.text_width(text, 7)
    for shapes in (True, False):
        monkeypatch.setattr(
            fonts, "shapes", lambda shapes=shapes: shapes and bool(fonts.features.check("raqm"))
        )
        fonts.load.cache_clear()
        fonts.text_width.cache_clear()
        big = scene(Label(10, 20, text, 7, "#000000"), width=200)
        covered = 1 - np.asarray(pixels(big, 2.7))[..., 0] / 255.0
        columns = np.flatnonzero(covered.max(0) > 0.3) / 2.7
        assert columns[0] == pytest.approx(10.5, abs=0.8)
        assert columns[-1] == pytest.approx(10 + wide, abs=1.2)
        rows = np.flatnonzero(covered.max(1) > 0.3) / 2.7
        assert rows[0] < 20 < rows[-1]
    fonts.load.cache_clear()
    fonts.text_width.cache_clear()


def test_turned_letters_read_upwards_from_their_place() -> None:
    covered = ink(Label(30, 35, "iiW", 8, "#000000", turned=True))
    rows, columns = np.nonzero(covered > 0.3)
    assert rows.max() / 2 == pytest.approx(35, abs=1)
    assert (columns.min() + columns.max()) / 4 == pytest.approx(30, abs=1.5)
    # The wide letter comes last, at the top.
    assert covered[: (rows.min() + rows.max()) // 2].sum() > covered[(rows.min() + rows.max()) // 2 :].sum()


def test_what_no_font_has_is_known_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts.runs.cache_clear()
    fonts._font_of.cache_clear()
    monkeypatch.setattr(fonts, "_others", lambda: ())
    assert fonts.missing("a 猫 é 👋🏽") == ("猫", "👋", "🏽")
    assert "".join(part for _, part in fonts.runs("a猫")) == f"a{fonts.UNKNOWN}"

    from attnwidget.export import Look
    from attnwidget.export.picture import draw
    from attnwidget.export.svg import svg
    from attnwidget.record import AttentionRecord

    record = AttentionRecord.from_attentions(np.full((1, 1, 2, 2), 0.5, np.float32), ["猫", "b"])
    drawn = draw(record, Look(view="head", site="encoder", layer=0, heads=(0,)))
    assert drawn.unwritten == f"{fonts.UNKNOWN} no installed font has U+732B"
    assert any(isinstance(mark, Label) and mark.text == drawn.unwritten for mark in drawn.marks)
    # A program that shows real text has fonts of its own.
    text = svg(drawn)
    assert "猫" in text
    assert "no installed font" not in text
    fonts.runs.cache_clear()
    fonts._font_of.cache_clear()


def test_text_is_cut_where_it_has_no_room() -> None:
    text = "internationalisation"
    cut = fonts.fit(text, 8, 40)
    assert cut.endswith("…")
    assert text.startswith(cut[:-1])
    assert fonts.text_width(cut, 8) <= 40 < fonts.text_width(cut[:-1] + text[len(cut) - 1] + "…", 8)
    assert fonts.fit(text, 8, 400) == text


def test_hatching_stays_in_its_box() -> None:
    lines = hatch(10, 5, 30, 20, "#000000")
    x, y = lines.ends[:, [0, 2]], lines.ends[:, [1, 3]]
    assert (x.min(), x.max()) >= (10, 10)
    assert x.max() <= 40
    assert (y.min() >= 5, y.max() <= 25) == (True, True)
    slope = (y[:, 1] - y[:, 0]) / (x[:, 1] - x[:, 0])
    np.testing.assert_allclose(slope, -1)


def test_few_colours_stay_those_of_the_marks() -> None:
    table = np.rint(255 * ramp(False)[::2]).astype(np.uint8)
    cells = np.concatenate([table, np.full((128, 1), 255, np.uint8)], axis=1)[None]
    marks = (
        Cells(5, 5, 50, 10, cells), Box(5, 20, 8, 8, fill="#b62eb0"), line(5, 35, 55, 33, 0.4),
        Label(20, 24, "word", 8, "#1b1d22"),
    )  # fmt: skip
    image = pixels(scene(*marks), 4)
    few = few_colours(image, scene(*marks), 150, 24)
    assert few.mode == "P"
    off = np.abs(np.asarray(few.convert("RGB")).astype(int) - np.asarray(image))
    assert off.max() <= 12
    # What is wholly of one colour keeps it, however few colours the cells are left with.
    fewer = np.asarray(few_colours(image, scene(*marks), 20, 6).convert("RGB"))
    assert (fewer[84:108, 24:48] == (0xB6, 0x2E, 0xB0)).all()
    assert off[22:58, 22:218].max() == 0
    assert off[84:108, 24:48].max() == 0
    assert off[:16].max() == 0
    assert len(png(few)) < len(png(image))


def test_png_is_the_same_each_time_and_carries_what_it_is_told() -> None:
    image = pixels(scene(Box(5, 5, 10, 10, fill="#123456")), 2)
    told = {"Title": "Katze 猫"}
    assert png(image, 300, told) == png(image, 300, told)
    with Image.open(io.BytesIO(png(image, 300, told))) as read:
        assert read.info["Title"] == told["Title"]


def test_the_stand_in_is_drawn_without_matplotlib() -> None:
    code = (
        "import sys, numpy as np, attnwidget as aw\n"
        "from attnwidget.export import Look, picture\n"
        "r = aw.AttentionRecord.from_attentions(np.full((1, 1, 3, 3), 1 / 3, 'f4'), list('abc'))\n"
        "for view in ('head', 'model', 'matrix', 'neuron', 'text', 'metrics'):\n"
        "    picture(r, Look(view=view, site='encoder', layer=0, heads=(0,)))\n"
        "print('matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("dark", [False, True])
def test_the_ramp_is_that_of_the_screen(dark: bool) -> None:
    source = (Path(__file__).parents[2] / "js/src/core/palette.ts").read_text(encoding="utf-8")
    formulas = re.findall(r"return fromOklch\((.*t)\);", source[source.index("function rampColour") :])
    t = np.linspace(0, 1, 256)
    terms = {"t": t, "arc": np.sin(np.pi * t) ** 0.8}
    lightness, chroma, hue = eval(f"({formulas[0 if dark else 1]})", terms)
    np.testing.assert_allclose(ramp(dark), _from_oklch(lightness, chroma, hue), atol=1e-12)
