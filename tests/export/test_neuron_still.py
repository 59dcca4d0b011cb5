"""The neuron view's still: the terms of the strongest keys, in their colours."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image

from attnwidget import ModelRunner
from attnwidget.export import Look, neuron, picture
from attnwidget.export.colours import diverging, head_colour
from attnwidget.export.frame import DPI
from attnwidget.record import AttentionRecord, ModelInfo, Visibility, text_tokens
from attnwidget.record.qk import QKSite

CAPTION = 0.55
"""Height of the caption, in inches."""


def pixels(record: AttentionRecord, look: Look) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture(record, look)[0])).convert("RGB")).astype(int)


def count(image: np.ndarray, colour: tuple[float, float, float], tolerance: int) -> int:
    return int((np.abs(image - np.array(colour) * 255).max(axis=-1) < tolerance).sum())


def test_the_neuron_view_draws_the_terms_of_its_strongest_keys() -> None:
    record = ModelRunner().run("The cat chased the dog because it meowed, so the dog barked at the cat.")
    look = Look(view="neuron", site="decoder", layer=2, heads=(0,), query=7, scale="linear")
    image = pixels(record, look)
    terms = record.terms(2, 0, 7)
    order = np.argsort(-np.abs(terms.k[:8] * terms.q).mean(0), kind="stable")
    # The row of the query, at the middle of each of its stripes.
    y = round(DPI * (CAPTION + neuron.TOP + neuron.ROW / 2))
    left = neuron.NAME + neuron.GAP
    for place, dimension in enumerate(order):
        x = round(DPI * (left + neuron.STRIP * (place + 0.5) / order.size))
        value = terms.q[dimension] / np.abs(terms.q).max()
        expected = 255 * diverging(False)[round(255 + 255 * float(value))]
        # The picture has 256 colours in all.
        assert np.abs(image[y, x] - expected).max() < 40, f"dimension {dimension}"
        if abs(value) > 0.2:
            assert (image[y, x, 2] > image[y, x, 0]) == (value > 0)
    assert count(image, head_colour(0, False), 12) > 200


def test_the_neuron_view_of_weights_alone_has_no_stripes() -> None:
    weights = np.full((1, 1, 6, 6), 1 / 6, dtype=np.float32)
    record = AttentionRecord.from_attentions(weights, list("abcdef"))
    image = pixels(record, Look(view="neuron", site="encoder", layer=0, heads=(0,)))
    assert count(image, head_colour(0, False), 12) > 6 * 1000
    orange = tuple(diverging(False)[0])
    assert count(image, orange, 40) == 0


def test_the_still_of_the_neuron_view_has_a_row_for_a_learned_sink() -> None:
    sites = [
        QKSite(
            kind="decoder", layer=0, name="", route="interface", heads=1, kv_heads=1, queries=3, keys=3,
            visibility=Visibility(causal=True), scaling=0.5, q=torch.ones(1, 3, 4), k=torch.ones(1, 3, 4),
            sink_scores=sink, has_sinks=sink is not None,
        )
        for sink in (None, torch.tensor([3.0]))
    ]  # fmt: skip
    look = Look(view="neuron", site="decoder", layer=0, heads=(0,))
    heights = []
    for site in sites:
        streams = {"decoder": text_tokens(list("abc"))}
        record = AttentionRecord(model=ModelInfo(name="m"), prompt="", streams=streams, sites=(site,))  # type: ignore[arg-type]
        heights.append(pixels(record, look).shape[0])
    assert heights[1] - heights[0] == round(neuron.ROW * DPI)
