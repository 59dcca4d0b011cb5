"""The still picture is drawn from the record, and is the same for the same input."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from attnwidget.export import Look, describe, picture
from attnwidget.export.colours import HEADS_DARK, HEADS_LIGHT, head_colour, ramp
from attnwidget.record import AttentionRecord


def one_hot(n: int, column: int, heads: int = 2) -> AttentionRecord:
    weights = np.zeros((1, heads, n, n), dtype=np.float32)
    weights[..., np.arange(n), np.minimum(np.arange(n), column)] = 1
    return AttentionRecord.from_attentions(weights, [f"w{i}" for i in range(n)])


LOOK = Look(view="head", site="decoder", layer=0, heads=(0, 1), query=3)


def pixels(record: AttentionRecord, look: Look) -> np.ndarray:
    png, size = picture(record, look)
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    assert image.shape[1] / size[0] == pytest.approx(image.shape[0] / size[1], rel=0.01)
    return image


def count(image: np.ndarray, colour: tuple[float, float, float], tolerance: int = 40) -> int:
    return int((np.abs(image - np.array(colour) * 255).max(axis=-1) < tolerance).sum())


def between_columns(image: np.ndarray) -> int:
    """Count what is not paper between the two columns of the head view, below the caption."""
    height, width = image.shape[:2]
    return int((image[120 : height - 10, int(0.36 * width) : int(0.64 * width)] != 255).any(axis=-1).sum())


@pytest.mark.parametrize("view", ["head", "model", "neuron", "matrix", "text", "metrics"])
@pytest.mark.parametrize("dark", [False, True])
def test_each_view_is_drawn_on_its_paper(view: str, dark: bool) -> None:
    look = replace(LOOK, view=view, dark=dark)  # type: ignore[arg-type]
    image = Image.open(io.BytesIO(picture(one_hot(6, 1), look)[0])).convert("RGB")
    assert (max(image.getpixel((image.width - 1, image.height - 1))) < 40) == dark  # type: ignore[arg-type]
    assert len(image.getcolors(1 << 24) or ()) > 20


def test_lines_have_the_colour_of_their_head() -> None:
    for head in (0, 1):
        image = pixels(one_hot(6, 1), replace(LOOK, heads=(head,)))
        assert count(image, head_colour(head, False)) > count(image, head_colour(1 - head, False))


def test_a_threshold_above_every_weight_leaves_no_line() -> None:
    record = AttentionRecord.from_attentions(np.full((1, 1, 6, 6), 1 / 6, np.float32), list("abcdef"))
    look = Look(view="head", site="encoder", layer=0, heads=(0,))
    drawn, hidden = (between_columns(pixels(record, replace(look, threshold=t))) for t in (0.02, 0.5))
    assert drawn > 1000
    assert hidden == 0


def test_unknown_weights_show_in_the_matrix() -> None:
    weights = np.tril(np.ones((1, 1, 4, 4), dtype=np.float32))
    weights[0, 0, 2, 1] = np.nan
    record = AttentionRecord.from_attentions(weights, list("abcd"))
    look = replace(LOOK, view="matrix", heads=(0,))
    red = (0xD0 / 255, 0x39 / 255, 0x2B / 255)
    assert count(pixels(record, look), red, 5) > 1000


def test_the_model_view_draws_every_head_and_marks_the_chosen_one() -> None:
    weights = np.zeros((3, 2, 6, 6), dtype=np.float32)
    weights[..., 0] = 1
    record = AttentionRecord.from_attentions(weights, list("abcdef"))
    look = Look(view="model", site="decoder", layer=1, heads=(1,))
    image = pixels(record, look)
    deepest = tuple(ramp(False)[-1])
    height, width = image.shape[:2]
    columns = (np.abs(image - np.array(deepest) * 255).max(axis=-1) < 8).any(axis=0)
    assert np.count_nonzero(np.diff(columns.astype(int)) == 1) == 2
    rows = (np.abs(image - np.array(deepest) * 255).max(axis=-1) < 8).any(axis=1)
    assert np.count_nonzero(np.diff(rows.astype(int)) == 1) == 3
    assert count(image, head_colour(1, False), 20) > 100
    assert count(pixels(record, replace(look, heads=())), head_colour(1, False), 20) < 20
    assert height < width


def test_a_model_of_many_heads_stays_a_picture() -> None:
    weights = np.full((30, 20, 3, 3), 1 / 3, dtype=np.float32)
    record = AttentionRecord.from_attentions(weights, list("abc"))
    image = pixels(record, Look(view="model", site="encoder", layer=3, heads=(0,)))
    assert image.shape[0] < 2500


def test_long_odd_and_foreign_tokens_are_drawn_without_a_warning() -> None:
    tokens = ["</script>", "$x_1$", "猫", "👋🏽", "שלום", "a" * 80, "", "\n"]
    weights = np.full((1, 1, 8, 8), 1 / 8, np.float32)
    record = AttentionRecord.from_attentions(weights, tokens)
    for view in ("head", "model", "neuron", "matrix", "text"):
        pixels(record, Look(view=view, site="encoder", layer=0, heads=(0,), query=1))


def test_a_long_prompt_says_which_part_is_drawn_and_stays_a_picture() -> None:
    record = one_hot(200, 100)
    for view in ("head", "model", "neuron", "matrix", "text"):
        image = pixels(record, replace(LOOK, view=view, query=150))
        assert image.shape[0] < 2500


def test_no_head_is_a_picture_too() -> None:
    for view in ("head", "model", "neuron", "matrix", "text"):
        pixels(one_hot(4, 1), replace(LOOK, view=view, heads=()))


def test_the_same_input_gives_the_same_bytes() -> None:
    assert picture(one_hot(6, 1), LOOK) == picture(one_hot(6, 1), LOOK)


def test_the_line_of_text_names_what_is_shown() -> None:
    expected = "AttentionExplorer(given attention, 6 tokens, decoder layer 0, heads 0, 1, head view)"
    assert describe(one_hot(6, 1), LOOK) == expected


def test_heads_have_the_colours_that_they_have_on_screen() -> None:
    source = (Path(__file__).parents[2] / "js/src/core/head-colours.ts").read_text(encoding="utf-8")
    light, dark = source.split("HEAD_COLOURS_DARK")
    assert re.findall("#([0-9a-f]{6})", light) == HEADS_LIGHT.split()
    assert re.findall("#([0-9a-f]{6})", dark) == HEADS_DARK.split()
