"""The neuron view's still: the terms of the strongest keys, in their colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attnwidget import ModelRunner
from attnwidget.export import Look
from attnwidget.export.colours import head_colour, hex_colour
from attnwidget.export.neuron import ROW
from attnwidget.export.paint import paint_signed
from attnwidget.export.picture import draw
from attnwidget.export.scene import Box, Cells, Label, Scene
from attnwidget.record import AttentionRecord, ModelInfo, Visibility, text_tokens
from attnwidget.record.qk import QKSite

LOOK = Look(view="neuron", site="decoder", layer=2, heads=(0,), query=7, scale="linear")


@pytest.fixture(scope="module")
def record() -> AttentionRecord:
    return ModelRunner().run("The cat chased the dog because it meowed, so the dog barked at the cat.")


def strips(scene: Scene) -> list[np.ndarray]:
    return [mark.pixels[0] for mark in scene.marks if isinstance(mark, Cells)]


def bars(scene: Scene, look: Look = LOOK) -> list[Box]:
    colour = hex_colour(head_colour(look.heads[0], look.dark))
    return [mark for mark in scene.marks if isinstance(mark, Box) and mark.fill == colour]


@pytest.mark.parametrize("dark", [False, True])
def test_strips_have_the_colours_of_q_of_k_and_of_their_products(record: AttentionRecord, dark: bool) -> None:
    drawn = strips(draw(record, replace(LOOK, dark=dark)))
    terms = record.terms(2, 0, 7)
    products = terms.k[:8] * terms.q
    order = np.argsort(-np.abs(products).mean(0), kind="stable")
    assert len(drawn) == 1 + 8 + 8
    for strip, values, most in (
        (drawn[0], terms.q, np.abs(terms.q).max()),
        (drawn[3], terms.k[2], np.abs(terms.k).max()),
        (drawn[1 + 8 + 2], products[2], np.abs(products).max()),
    ):
        np.testing.assert_array_equal(strip, paint_signed(values[order] / most, dark))
    # Blue is above zero, orange below.
    large = np.abs(terms.q[order]) > np.abs(terms.q).max() / 4
    blue = drawn[0][large, 2] > drawn[0][large, 0]
    np.testing.assert_array_equal(blue, terms.q[order][large] > 0)


def test_bars_are_as_long_as_the_weights(record: AttentionRecord) -> None:
    weights = record.weights(2, 0)[7, :8].astype(np.float64)
    lengths = np.array([bar.width for bar in bars(draw(record, LOOK))])
    np.testing.assert_allclose(lengths / lengths.max(), weights / weights.max(), atol=1e-6)


def test_the_keys_own_strips_are_left_out_where_they_have_no_room(record: AttentionRecord) -> None:
    scene = draw(record, replace(LOOK, width=252.0))
    assert len(strips(scene)) == 1 + 8
    assert "k ±" not in scene.notes.replace("q × k ±", "")


def test_of_weights_alone_there_are_no_strips() -> None:
    weights = np.full((1, 1, 6, 6), 1 / 6, dtype=np.float32)
    given = AttentionRecord.from_attentions(weights, list("abcdef"))
    look = Look(view="neuron", site="encoder", layer=0, heads=(0,))
    scene = draw(given, look)
    assert strips(scene) == []
    assert len({bar.width for bar in bars(scene, look)}) == 1
    assert "only weights are known" in scene.notes


def test_a_learned_sink_has_a_row_of_its_own() -> None:
    sites = [
        QKSite(
            kind="decoder", layer=0, name="", route="interface", heads=1, kv_heads=1, queries=3, keys=3,
            visibility=Visibility(causal=True), scaling=0.5, q=torch.ones(1, 3, 4), k=torch.ones(1, 3, 4),
            sink_scores=sink, has_sinks=sink is not None,
        )
        for sink in (None, torch.tensor([3.0]))
    ]  # fmt: skip
    look = Look(view="neuron", site="decoder", layer=0, heads=(0,))
    streams = {"decoder": text_tokens(list("abc"))}
    scenes = [
        draw(AttentionRecord(model=ModelInfo(name="m"), prompt="", streams=streams, sites=(site,)), look)  # type: ignore[arg-type]
        for site in sites
    ]
    assert scenes[1].height - scenes[0].height == pytest.approx(ROW)
    last = bars(scenes[1], look)[-1]
    sink = float(sites[1].sink(0, 2)[0, 0])
    assert last.width == max(bar.width for bar in bars(scenes[1], look))
    written = [mark.text for mark in scenes[1].marks if isinstance(mark, Label)]
    assert "learned sink" in written
    assert f"{sink:.3f}" in written
    assert "learned sink" not in [mark.text for mark in scenes[0].marks if isinstance(mark, Label)]
