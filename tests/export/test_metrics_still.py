"""The metrics map as a still: the colour of a cell is its value's, what has none is hatched."""

from __future__ import annotations

import base64

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.export import Look
from attnwidget.export.colours import head_colour, hex_colour, ramp
from attnwidget.export.picture import draw
from attnwidget.export.scene import Box, Strokes
from tests.metrics.patterns import causal, even, one_hot


def record(n: int = 5) -> aw.AttentionRecord:
    """Two layers: one of a previous-token head and an even spread, one of a head that looks at itself."""
    previous, spread, itself = one_hot([0, *range(n - 1)], n), even(causal(n)), one_hot(list(range(n)), n)
    return aw.AttentionRecord.from_attentions(
        [np.stack([previous, spread]), itself[None]], [f"w{i}" for i in range(n)]
    )


def cells(look: Look) -> list[Box]:
    """Return the coloured cells, row by row."""
    marks = draw(record(), look).marks
    return [mark for mark in marks if isinstance(mark, Box) and mark.fill is not None and mark.width > 20]


@pytest.mark.parametrize("dark", [False, True])
def test_a_cell_has_the_colour_of_its_value(dark: bool) -> None:
    look = Look(
        view="metrics", site="decoder", layer=1, heads=(), metric="previous", scale="linear", dark=dark
    )
    expected = aw.measure_heads(record()).values["previous"]
    drawn = cells(look)
    # Layer 1 has no second head.
    assert len(drawn) == 3
    for box, value in zip(drawn, expected[[0, 0, 1], [0, 1, 0]], strict=True):
        assert box.fill == hex_colour(tuple(ramp(dark)[round(255 * value)]))
    assert drawn[0].y == drawn[1].y < drawn[2].y
    assert drawn[0].x == drawn[2].x < drawn[1].x


def test_what_has_no_value_is_hatched_and_not_zero() -> None:
    scene = draw(record(), Look(view="metrics", site="decoder", layer=0, heads=(1,), metric="next"))
    assert sum(isinstance(mark, Strokes) for mark in scene.marks) == 3
    assert "hatched: nothing eligible" in scene.notes


def test_chosen_heads_are_framed_and_pinned_ones_marked() -> None:
    look = Look(
        view="metrics", site="decoder", layer=0, heads=(1,), metric="previous",
        pinned=({"site": "decoder", "layer": 1, "head": 0}, {"site": "decoder", "layer": 9, "head": 0}),
    )  # fmt: skip
    marks = draw(record(), look).marks
    framed = [
        mark for mark in marks if isinstance(mark, Box) and mark.edge == hex_colour(head_colour(1, False))
    ]
    assert len(framed) == 1
    marked = [mark for mark in marks if isinstance(mark, Box) and mark.fill == look.paper.accent]
    assert len(marked) == 1
    itself = cells(look)[2]
    assert (marked[0].x, marked[0].y) == (itself.x, itself.y)


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
