"""Models with random weights in the shapes of known ones: what they cost matters, not what they compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GPT2Config, GPT2Model, Qwen2Config, Qwen2Model


@dataclass(frozen=True)
class Shape:
    """A model's shape: how it is called in the tables, and how it is made."""

    title: str
    build: Callable[[], Any]


def _gpt2() -> GPT2Model:
    return GPT2Model(GPT2Config(n_positions=2048, n_layer=12, n_head=12, n_embd=768))


def _qwen() -> Qwen2Model:
    return Qwen2Model(
        Qwen2Config(
            vocab_size=32_000,
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=24,
            num_attention_heads=14,
            num_key_value_heads=2,
        )
    )


SHAPES = {
    "gpt2": Shape("GPT-2 small: 12 layers, 12 heads", _gpt2),
    "qwen": Shape("Qwen2.5-0.5B: 24 layers, 14 heads, 2 key-value heads", _qwen),
}


def build(name: str) -> Any:
    """Return a model in evaluation mode under SDPA, with reproducible random weights."""
    torch.manual_seed(0)
    model = SHAPES[name].build()
    model.set_attn_implementation("sdpa")
    return model.eval()


def prompt(tokens: int) -> dict[str, torch.Tensor]:
    """Return one row of random token ids."""
    generator = torch.Generator().manual_seed(1)
    return {"input_ids": torch.randint(0, 32_000, (1, tokens), generator=generator)}
