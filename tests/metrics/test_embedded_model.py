"""The embedded model's named heads come out on top of the metrics of their jobs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

import attnwidget as aw
from attnwidget import demo_model
from attnwidget.demo_model import lexicon
from attnwidget.metrics.measure import measure
from attnwidget.metrics.metric import HeadMetric


@pytest.fixture(scope="module")
def measured() -> tuple[int, list[dict[str, HeadMetric]]]:
    """Number of tokens, and the metrics of every layer, for a list of random words written twice."""
    words = Random(3).sample(sorted({noun.text for noun in lexicon.animals()}), 12)
    record = aw.ModelRunner().run(" ".join(words * 2))
    return len(record.tokens), [measure(record.site(layer), record.tokens) for layer in record.layers()]


@pytest.mark.parametrize(("metric", "title"), [("previous", "previous token"), ("induction", "induction")])
def test_named_heads_lead(measured: tuple[int, list[dict[str, HeadMetric]]], metric: str, title: str) -> None:
    _, layers = measured
    values = np.stack([layer[metric].values for layer in layers])
    layer, head = np.unravel_index(values.argmax(), values.shape)
    assert demo_model.card().head(int(layer), int(head)).title == title
    assert values[layer, head] > 0.8
    assert values[layer, head] > 5 * layers[int(layer)][metric].baselines[head]


def test_counts_follow_from_the_prompt(measured: tuple[int, list[dict[str, HeadMetric]]]) -> None:
    tokens, layers = measured
    for layer in layers:
        assert (layer["previous"].counts == tokens - 1).all()
        assert (layer["next"].counts == 0).all()
        assert (layer["entropy"].values <= 1 + 1e-6).all()
