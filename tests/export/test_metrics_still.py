"""The metrics map as a still: the colour of a cell is its value's, what has none is hatched."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

import attnwidget as aw
from attnwidget.export import Look, picture
from attnwidget.export.colours import ramp
from attnwidget.export.metrics import LEFT, MAX_TALL, MAX_WIDE, TOP
from tests.metrics.patterns import causal, even, one_hot

DPI, CAPTION = 160, 0.55


def record(n: int = 5) -> aw.AttentionRecord:
    """Two layers: one of a previous-token head and an even spread, one of a head that looks at itself."""
    previous, spread, itself = one_hot([0, *range(n - 1)], n), even(causal(n)), one_hot(list(range(n)), n)
    return aw.AttentionRecord.from_attentions(
        [np.stack([previous, spread]), itself[None]], [f"w{i}" for i in range(n)]
    )


def cell(png: bytes, row: int, head: int) -> np.ndarray:
    """Return the pixels of a cell's left upper part, where no number stands."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    top, left = CAPTION + TOP + row * MAX_TALL, LEFT + head * MAX_WIDE
    y, x = int(DPI * (top + 0.06)), int(DPI * (left + 0.06))
    return image[y : y + 12, x : x + 60].reshape(-1, 3)


@pytest.mark.parametrize("dark", [False, True])
def test_a_cell_has_the_colour_of_its_value(dark: bool) -> None:
    look = Look(
        view="metrics", site="decoder", layer=1, heads=(), metric="previous", scale="linear", dark=dark
    )
    png, _ = picture(record(), look)
    expected = aw.measure_heads(record()).values["previous"]
    for row, head in ((0, 0), (0, 1), (1, 0)):
        colour = ramp(dark)[round(255 * expected[row, head])] * 255
        assert np.abs(cell(png, row, head) - colour).max() < 24, (row, head)
    # Layer 1 has no second head.
    assert len(np.unique(cell(png, 1, 1), axis=0)) == 1


def test_what_has_no_value_is_hatched_and_not_zero() -> None:
    look = Look(view="metrics", site="decoder", layer=0, heads=(1,), metric="next")
    png, _ = picture(record(), look)
    assert len(np.unique(cell(png, 0, 0), axis=0)) > 3
    assert np.abs(cell(png, 0, 0) - ramp(False)[0] * 255).min() < 24


def test_the_picture_is_of_the_metric_on_screen_also_of_ones_own() -> None:
    ex = aw.explore(record=record(), view="metrics", metric="previous")

    def png() -> bytes:
        bundle = ex._repr_mimebundle_()
        assert bundle is not None
        return base64.b64decode(bundle[0]["image/png"])

    previous = png()
    ex.metric = "current"
    assert png() != previous
    ex.add_detector("mine", np.eye(5, k=-1), title="Previous token", formula="mean over q of w(q, q − 1)")
    ex.metric = "mine"
    assert png() == previous
