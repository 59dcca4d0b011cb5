"""The opening view prefers a head that looks at content."""

from __future__ import annotations

import numpy as np

from attnwidget.metrics.interest import content_score


def one_hot(columns: list[int], keys: int) -> np.ndarray:
    return np.eye(keys, dtype=np.float32)[columns]


def test_content_beats_sink_previous_and_uniform() -> None:
    n = 6
    queries = np.arange(n)
    sink = one_hot([0] * n, n)
    previous = one_hot([0, 0, 1, 2, 3, 4], n)
    uniform = np.tri(n, dtype=np.float32) / np.arange(1, n + 1, dtype=np.float32)[:, None]
    content = one_hot([0, 0, 0, 1, 1, 2], n)
    scores = content_score(np.stack([sink, previous, uniform, content]), queries, self_attention=True)
    assert scores.argmax() == 3
    assert scores[0] == scores[1] == 0
    assert scores[3] == 3 / 6


def test_cross_attention_has_no_neighbours() -> None:
    weights = one_hot([0, 1, 2], 4)
    assert content_score(weights, np.arange(3), self_attention=True) == 0
    assert content_score(weights, np.arange(3), self_attention=False) == 2 / 3


def test_unknown_weights_and_a_single_token_score_nothing() -> None:
    assert content_score(np.full((1, 2, 2), np.nan, dtype=np.float32), np.arange(2), True) == 0
    assert content_score(np.ones((1, 1, 1), dtype=np.float32), np.arange(1), True) == 0
