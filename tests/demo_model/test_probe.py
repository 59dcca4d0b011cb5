"""Zeroing a head and editing a row do exactly that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attnwidget.demo_model.probe import Probe

TEXTS = ("The cat chased the dog because it meowed.", "red door cup red door cup")


def test_padding_changes_nothing(probe: Probe) -> None:
    texts = [probe.ids(text) for text in TEXTS]
    together = probe.run(texts, weights=True)
    for number, ids in enumerate(texts):
        alone = probe.run([ids], weights=True)
        length = len(ids)
        np.testing.assert_allclose(
            together.log_probabilities[number, :length], alone.log_probabilities[0], atol=1e-4
        )
        np.testing.assert_allclose(
            together.weights[:, number, :, :length, :length], alone.weights[:, 0], atol=1e-5
        )


def test_an_edit_that_changes_nothing(probe: Probe) -> None:
    texts = [probe.ids(text) for text in TEXTS]
    edited = probe.run_edited(texts, [len(ids) - 1 for ids in texts], 2, 0, lambda _, row: row)
    np.testing.assert_allclose(edited.log_probabilities, probe.run(texts).log_probabilities, atol=1e-4)


def test_an_edited_row_reaches_its_query_only_forward(probe: Probe) -> None:
    ids = probe.ids(TEXTS[0])
    query = 7

    def elsewhere(_: int, row: np.ndarray) -> np.ndarray:
        return np.roll(row[: query + 1], 1).tolist() + [0.0] * (len(row) - query - 1)

    before = probe.run([ids]).log_probabilities[0]
    after = probe.run_edited(
        [ids], [query], 2, 0, lambda n, row: np.float32(elsewhere(n, row))
    ).log_probabilities[0]
    np.testing.assert_array_equal(before[:query], after[:query])
    assert np.abs(before[query] - after[query]).max() > 0.1


def test_a_zeroed_head_equals_zeroed_weights(probe: Probe) -> None:
    ids = [probe.ids(TEXTS[0])]
    with probe.zeroed(1, 2):
        zeroed = probe.run(ids).log_probabilities
    assert np.abs(zeroed - probe.run(ids).log_probabilities).max() > 0
    weight = probe.model.transformer.h[1].attn.c_proj.weight
    size = probe.model.config.n_embd // probe.heads
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight[2 * size : 3 * size] = 0
        np.testing.assert_allclose(zeroed, probe.run(ids).log_probabilities, atol=1e-4)
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_rows_sum_to_one(probe: Probe) -> None:
    weights = probe.run([probe.ids(TEXTS[0])], weights=True).weights
    assert weights.sum(-1) == pytest.approx(1, abs=1e-5)
