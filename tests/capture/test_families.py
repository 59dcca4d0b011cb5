"""Every family: routes, layers, heads, agreement with eager, outputs untouched."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch

from attnwidget.capture import Captured, run_with_capture
from attnwidget.errors import NoAttentionError
from tests.capture.families import ANSWER, EXACT, FAMILIES, PROMPT, Family, Outcome, mamba, measure


@cache
def measured(family: Family) -> tuple[Outcome, Captured, Captured]:
    return measure(family)


each = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@each
def test_exact_mode_equals_output_attentions(family: Family) -> None:
    outcome, _, exact = measured(family)
    assert family.exact <= EXACT or family.why
    assert outcome.exact <= family.exact
    for site in exact.sites:
        assert site.fidelity is not None
        assert site.fidelity <= 1e-5


@each
def test_default_mode_shows_the_models_own_run(family: Family) -> None:
    outcome, default, _ = measured(family)
    assert outcome.identical
    assert outcome.routes == (family.route,)
    assert outcome.fidelity <= 1e-5
    if family.drift is not None:
        assert outcome.drift <= family.drift
    for site in default.sites:
        assert site.fidelity is not None


@each
def test_sites_have_the_models_layers_heads_and_windows(family: Family) -> None:
    for captured in measured(family)[1:]:
        kinds = {site.kind for site in captured.sites}
        assert kinds == set(family.layers)
        for kind, layers in family.layers.items():
            assert tuple(s.layer for s in captured.sites if s.kind == kind) == layers
    for site in measured(family)[1].sites:
        assert (site.heads, site.kv_heads) == (4, family.kv_heads)
        assert site.queries == (PROMPT if site.kind == "encoder" or "cross" not in family.layers else ANSWER)
        assert site.keys == (ANSWER if site.kind == "decoder" and "cross" in family.layers else PROMPT)
        assert site.causal == (site.kind == "decoder")
        assert site.window == family.windows.get(site.layer)
        assert site.visibility.mask is None
        assert site.has_scores == (site.route != "softmax")


@each
def test_rows_sum_to_one_and_masked_cells_are_zero(family: Family) -> None:
    for captured in measured(family)[1:]:
        for site in captured.sites:
            weights = site.weights()
            assert weights.dtype == np.float32
            np.testing.assert_allclose(weights.sum(-1) + site.sink(), 1, atol=1e-5)
            visible = np.broadcast_to(site.visible(), weights.shape)
            assert (weights[~visible] == 0).all()
            preference = weights[:, -1].max() * visible[0, -1].sum()
            assert preference > 2, "heads that attend evenly would agree with anything"


@each
def test_scores_lead_to_the_weights(family: Family) -> None:
    for site in measured(family)[1].sites:
        if not site.has_scores or site.has_sinks:
            continue
        scores = site.scores(heads=[3, 0], queries=slice(5, 9)).astype(np.float64)
        raised = np.exp(scores - scores.max(-1, keepdims=True))
        weights = site.weights(heads=[3, 0], queries=slice(5, 9))
        np.testing.assert_allclose(raised / raised.sum(-1, keepdims=True), weights, atol=1e-5)
        visible = np.broadcast_to(site.visible(slice(5, 9)), weights.shape)
        assert np.array_equal(np.isneginf(scores), ~visible)


def test_sinks_keep_their_mass() -> None:
    family = next(f for f in FAMILIES if f.name == "gpt-oss")
    model = family.build()
    captured = run_with_capture(model, family.inputs())
    for site in captured.sites:
        assert site.has_sinks
        sink = site.sink()
        assert (sink > 0).all()
        # The definition: one more column whose score is the head's learned number.
        learned = model.model.layers[site.layer].self_attn.sinks.detach().double().numpy()
        scores = np.concatenate(
            [site.scores().astype(np.float64), np.broadcast_to(learned[:, None, None], (4, PROMPT, 1))], -1
        )
        raised = np.exp(scores - scores.max(-1, keepdims=True))
        np.testing.assert_allclose((raised / raised.sum(-1, keepdims=True))[..., -1], sink, atol=1e-6)


def test_falcon_with_alibi_adds_the_biases_once() -> None:
    family = next(f for f in FAMILIES if f.name == "Falcon, ALiBi")
    outcome, default, _ = measured(family)
    slopes = [2.0 ** (-8 * (head + 1) / 4) for head in range(4)]
    for site in default.sites:
        for head, slope in enumerate(slopes):
            q, k = site.qk(head)
            d = q.shape[1]
            bias = slope * np.arange(site.keys) / math.sqrt(d)
            scores = np.where(np.tri(PROMPT, dtype=bool), q @ k.T / math.sqrt(d) + bias, -np.inf)
            raised = np.exp(scores - scores.max(-1, keepdims=True))
            # transformers rounds the slopes to bfloat16.
            np.testing.assert_allclose(
                site.weights(head)[0], raised / raised.sum(-1, keepdims=True), atol=5e-3
            )
    # Should eager agree one day, the exception in the table has to go.
    assert outcome.drift > 0.1


def test_a_model_without_attention_says_so() -> None:
    with pytest.raises(NoAttentionError, match="MambaForCausalLM has no attention layers"):
        run_with_capture(mamba(), {"input_ids": torch.arange(5, 12)[None]})
