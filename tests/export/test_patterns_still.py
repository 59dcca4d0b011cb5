"""Stills of whole patterns: cells of the matrix, thumbnails of the model view, and their colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attnwidget import measure_heads
from attnwidget.export import Look
from attnwidget.export.colours import head_colour, hex_colour, ramp
from attnwidget.export.matrix import MAX_PANELS
from attnwidget.export.paint import rgb
from attnwidget.export.picture import draw
from attnwidget.export.scene import Box, Cells, Label, Scene, Strokes
from attnwidget.record import AttentionRecord, Token

MATRIX = Look(view="matrix", site="decoder", layer=0, heads=(0, 1), scale="linear")
MODEL = replace(MATRIX, view="model")


def record(n: int = 6, layers: int = 2, heads: int = 3) -> AttentionRecord:
    made = np.tril(np.random.default_rng(2).random((layers, heads, n, n)) + 0.01)
    weights = (made / made.sum(-1, keepdims=True)).astype(np.float32)
    return AttentionRecord.from_attentions(weights, [f"w{at}" for at in range(n)])


def grids(scene: Scene) -> list[Cells]:
    return [mark for mark in scene.marks if isinstance(mark, Cells)]


def texts(scene: Scene) -> list[str]:
    return [mark.text for mark in scene.marks if isinstance(mark, Label)]


@pytest.mark.parametrize("dark", [False, True])
def test_cells_have_the_colours_of_their_weights(dark: bool) -> None:
    scene = draw(record(), replace(MATRIX, dark=dark))
    table = np.rint(255 * ramp(dark)).astype(int)
    seen = np.tril(np.ones((6, 6), dtype=bool))
    for head, grid in enumerate(grids(scene)):
        weights = record().weights(0, head)
        expected = table[np.rint(255 * weights).astype(int)]
        np.testing.assert_array_equal(grid.pixels[seen, :3], expected[seen])
        np.testing.assert_array_equal(grid.pixels[..., 3] > 0, seen)
        # The largest weight is farthest from the paper.
        away = np.abs(grid.pixels[..., :3].astype(int) - rgb(scene.background)).sum(-1) * seen
        assert away.argmax() == weights.argmax()
    assert "hatched: out of reach" in scene.notes
    # Masked cells show the texture that lies behind.
    order = [type(mark) for mark in scene.marks if isinstance(mark, Cells | Strokes)]
    assert order == [Strokes, Cells] * 2


def test_unknown_weights_have_a_colour_of_their_own_in_both() -> None:
    weights = np.tril(np.ones((1, 1, 4, 4), dtype=np.float32))
    weights[0, 0, 2, 1] = np.nan
    given = AttentionRecord.from_attentions(weights, list("abcd"))
    for look in (MATRIX, MODEL):
        (grid,) = grids(draw(given, replace(look, heads=(0,))))
        unknown = (grid.pixels[..., :3] == rgb(look.paper.unknown)).all(-1)
        assert np.argwhere(unknown).tolist() == [[2, 1]]


def test_what_a_filter_hides_is_grey_and_said() -> None:
    few: Any = {"pair": "all", "special": True, "top": 1, "heads": None}
    scene = draw(record(), replace(MATRIX, heads=(0,), filters=few))
    (grid,) = grids(scene)
    grey = (grid.pixels[..., :3] == rgb(MATRIX.paper.line)).all(-1) & (grid.pixels[..., 3] > 0)
    np.testing.assert_array_equal(grey.sum(1), np.arange(6))
    assert "grey: hidden by a filter" in scene.notes
    assert "hidden" not in draw(record(), MATRIX).notes


def test_tokens_are_written_where_cells_have_room_and_positions_elsewhere() -> None:
    scene = draw(record(12), replace(MATRIX, heads=(0,), query=7))
    assert texts(scene).count("w3") == 2
    held = [mark for mark in scene.marks if isinstance(mark, Label) and mark.text == "w7"]
    assert [(mark.bold, mark.turned) for mark in held] == [(True, False), (False, True)]
    crowded = draw(record(90), replace(MATRIX, query=41))
    assert "w3" not in texts(crowded)
    assert "41" in texts(crowded)
    assert min(mark.size for mark in crowded.marks if isinstance(mark, Label)) >= 6


def test_a_framed_row_and_column_for_what_is_held() -> None:
    frames = [
        [mark for mark in draw(record(), look).marks if isinstance(mark, Box) and mark.edge == look.paper.ink]
        for look in (replace(MATRIX, query=4), replace(MATRIX, query=4, key=1), MATRIX)
    ]
    assert [len(one) for one in frames] == [2, 4, 0]
    row, column = frames[1][:2]
    assert row.width > row.height
    assert column.height > column.width


def test_many_heads_are_cut_and_said() -> None:
    scene = draw(record(4, 1, 15), replace(MATRIX, heads=tuple(range(15))))
    assert len(grids(scene)) == MAX_PANELS
    assert f"first {MAX_PANELS} of 15 heads" in scene.notes


def test_a_dot_of_a_large_pattern_is_the_largest_of_its_block() -> None:
    weights = np.zeros((1, 1, 700, 700), dtype=np.float32)
    weights[0, 0, :, 0] = 0.4
    weights[0, 0, 333, 101] = 0.6
    given = AttentionRecord.from_attentions(weights, [f"w{at}" for at in range(700)])
    (grid,) = grids(
        draw(given, replace(MATRIX, heads=(0,), site="encoder" if "encoder" in given.kinds else "decoder"))
    )
    assert grid.pixels.shape == (350, 350, 4)
    strongest = tuple(np.rint(255 * ramp(False)[round(255 * 0.6)]).astype(int))
    assert np.argwhere((grid.pixels[..., :3] == strongest).all(-1)).tolist() == [[166, 50]]


def test_pairs_have_stripes_and_sinks_a_column() -> None:
    tokens = [Token(id=None, text=f" t{at}", label=f"t{at}", segment=int(at > 2)) for at in range(6)]
    made = np.full((1, 1, 6, 6), 1 / 6, np.float32)
    pair = draw(AttentionRecord.from_attentions(made, tokens), replace(MATRIX, site="encoder", heads=(0,)))
    stripes = [mark for mark in pair.marks if isinstance(mark, Box) and mark.fill in MATRIX.paper.segments]
    assert len(stripes) == 4
    assert len(grids(pair)) == 1

    from attnwidget.record import DenseSite, ModelInfo, Visibility, text_tokens

    values = np.tril(np.full((1, 4, 4), 0.2, np.float32))
    sinks = 1 - values.sum(-1)
    site = DenseSite(
        kind="decoder", layer=0, name="", route="given", heads=1, kv_heads=1, queries=4, keys=4,
        visibility=Visibility(causal=True), has_sinks=True, values=values, sinks=sinks,
    )  # fmt: skip
    streams = {"decoder": text_tokens(list("abcd"))}
    given = AttentionRecord(model=ModelInfo(name="m"), prompt="", streams=streams, sites=(site,))  # type: ignore[arg-type]
    scene = draw(given, replace(MATRIX, heads=(0,)))
    cells, column = grids(scene)
    assert column.pixels.shape == (4, 1, 4)
    table = np.rint(255 * ramp(False)).astype(int)
    np.testing.assert_array_equal(column.pixels[:, 0, :3], table[np.rint(255 * sinks[0]).astype(int)])
    assert column.x > cells.x + cells.width
    assert (column.y, column.height) == (cells.y, cells.height)
    assert "sink" in texts(scene)


# ---------------------------------------------------------------------- model view


def test_every_head_has_its_picture_in_its_row_and_column() -> None:
    scene = draw(record(), replace(MODEL, layer=1, heads=(2,)))
    pictures = grids(scene)
    assert len(pictures) == 6
    table = np.rint(255 * ramp(False)).astype(int)
    for place, grid in enumerate(pictures):
        layer, head = divmod(place, 3)
        expected = table[np.rint(255 * record().weights(layer, head)).astype(int)]
        seen = np.tril(np.ones((6, 6), dtype=bool))
        np.testing.assert_array_equal(grid.pixels[seen, :3], expected[seen])
    xs, ys = ([getattr(grid, name) for grid in pictures] for name in "xy")
    assert xs[:3] == xs[3:] == sorted(xs[:3])
    assert len(set(ys[:3])) == 1
    assert ys[3] > ys[0]
    colour = hex_colour(head_colour(2, False))
    (frame,) = [mark for mark in scene.marks if isinstance(mark, Box) and mark.edge == colour]
    assert (frame.x < xs[5] < frame.x + frame.width, frame.y < ys[5] < frame.y + frame.height) == (True, True)


def test_heads_by_a_metric_come_largest_first_with_their_values() -> None:
    given = record()
    values = measure_heads(given, metrics=["entropy"]).values["entropy"]
    scene = draw(given, replace(MODEL, order="metric", metric="entropy"))
    ranked = [f"{layer}.{head}" for layer, head in np.argwhere(values >= 0)[np.argsort(-values.ravel())]]
    assert [text for text in texts(scene) if text in ranked] == ranked
    assert "Entropy, largest first" in scene.notes
    limit = float(np.sort(values.ravel())[3])
    cut = draw(given, replace(MODEL, order="metric", metric="entropy", cut=limit))
    assert [text for text in texts(cut) if text in ranked] == ranked[:3]
    assert "3 of 6 heads" in cut.notes
    faded = draw(given, replace(MODEL, metric="entropy", cut=limit))
    faint = [grid.pixels[..., 3].max() < 128 for grid in grids(faded)]
    np.testing.assert_array_equal(faint, values.ravel() < limit)


def test_heads_on_offer_and_pinned_ones() -> None:
    offered: Any = {"pair": "all", "special": True, "top": 0, "heads": [2]}
    pinned: Any = ({"site": "decoder", "layer": 1, "head": 2}, {"site": "cross", "layer": 0, "head": 0})
    scene = draw(record(), replace(MODEL, filters=offered, pinned=pinned))
    assert len(grids(scene)) == 2
    (pin,) = [mark for mark in scene.marks if isinstance(mark, Box) and mark.fill == MODEL.paper.accent]
    assert (pin.x, pin.y) == (grids(scene)[1].x, grids(scene)[1].y)
    assert "pinned" in scene.notes


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (30, 20), (48, 40), (3, 96)])
def test_a_model_of_any_size_stays_on_its_paper(layers: int, heads: int) -> None:
    for width in (252.0, 540.0):
        scene = draw(record(3, layers, heads), replace(MODEL, width=width))
        assert len(grids(scene)) == layers * heads
        assert scene.height < 760
        assert max(grid.x + grid.width for grid in grids(scene)) <= width
