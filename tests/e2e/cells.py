"""What the tests' notebooks begin with."""

from __future__ import annotations

MODEL = "import attnwidget as aw\nex = aw.explore()"

TOKENS = [f"t{number}" for number in range(12)]

ARRAYS = f"""
import numpy as np
import attnwidget as aw

def attention(seed):
    scores = np.random.default_rng(seed).normal(size=(4, 4, 12, 12)) * 2
    scores[..., np.triu_indices(12, 1)[0], np.triu_indices(12, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)

tokens = {TOKENS!r}
weights = attention(0)
"""
"""Causal attention of 4 layers x 4 heads over 12 tokens, without a model: it starts at once."""

EXPLORE = "ex = aw.explore(attentions=weights, tokens=tokens, layer=1, heads=[0, 2])"
