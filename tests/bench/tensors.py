"""What every tool is given: random causal attention, that of the embedded model, and a random GPT-2."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tests.conftest import ROOT

Source: TypeAlias = Literal["random", "embedded"]
"""Random attention, or what the embedded model makes of the text it was tested on."""

LAYERS = 12
HEADS = 12
WIDTH = 64 * HEADS

IN_KERNEL = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
import attnwidget as aw
from tests.bench import tensors
"""
"""What a kernel runs to have the same tensors."""


def attention(tokens: int, source: Source = "random") -> NDArray[np.float32]:
    """Return weights [layers, heads, queries, keys] whose rows sum to 1 over the keys up to their query."""
    if source == "embedded":
        run = record(tokens)
        heads = range(run.site(layer=0).heads)
        return np.stack([np.stack([run.weights(layer, head) for head in heads]) for layer in run.layers()])
    scores = np.random.default_rng(0).normal(size=(LAYERS, HEADS, tokens, tokens)).astype(np.float32) * 2
    scores[..., np.triu_indices(tokens, 1)[0], np.triu_indices(tokens, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    found: NDArray[np.float32] = weights / weights.sum(-1, keepdims=True)
    return found


def labels(tokens: int, source: Source = "random") -> list[str]:
    """Return the tokens."""
    if source == "embedded":
        return [token.label for token in record(tokens).tokens]
    return [f"t{number}" for number in range(tokens)]


@cache
def record(tokens: int) -> Any:
    """Return the record of the embedded model for text of so many tokens that it was not trained on."""
    import attnwidget as aw
    from attnwidget.demo_model import corpus

    ids = corpus.batch(Random(0), 1, tokens, held_out=True).ids[0]
    return aw.ModelRunner().run([int(number) for number in ids])


def explorer(tokens: int, source: Source) -> Any:
    """Return our explorer of it; of the embedded model with queries, keys and predictions."""
    import attnwidget as aw

    if source == "embedded":
        return aw.explore(record=record(tokens))
    return aw.explore(attentions=attention(tokens), tokens=labels(tokens))


def sentence(tokens: int) -> str:
    """Return the text of these tokens, as the tokenizer reads it."""
    return " ".join(labels(tokens))


def layers(tokens: int, source: Source = "random") -> list[Any]:
    """Return the weights as transformers does: one tensor [1, heads, queries, keys] per layer."""
    import torch

    return [torch.from_numpy(layer[None]) for layer in attention(tokens, source)]


def tokenizer(tokens: int) -> Any:
    """Return a tokenizer with these tokens for words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = {label: number for number, label in enumerate([*labels(tokens), "?"])}
    fast = Tokenizer(WordLevel(words, unk_token="?"))
    fast.pre_tokenizer = WhitespaceSplit()
    build: Any = PreTrainedTokenizerFast
    return build(tokenizer_object=fast, unk_token="?")


def model(tokens: int) -> Any:
    """Return a GPT-2 with random weights whose heads are not uniform."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokens + 1,
        n_positions=tokens,
        n_layer=LAYERS,
        n_head=HEADS,
        n_embd=WIDTH,
        initializer_range=0.06,
        bos_token_id=0,
        eos_token_id=0,
    )
    built: Any = GPT2LMHeadModel(config)
    return built.eval()
