"""Shapes of models for long prompts, with random weights, and records of random queries and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnwidget.record import AttentionRecord


@dataclass(frozen=True)
class Shape:
    """A decoder's shape, as the tables call it; `width` is of one head's queries and keys."""

    title: str
    layers: int
    heads: int
    kv_heads: int
    width: int = 64

    def keys_bytes(self, tokens: int) -> int:
        """Return the bytes of all keys in float32."""
        return 4 * self.layers * self.kv_heads * tokens * self.width

    def kept_bytes(self, tokens: int) -> int:
        """Return the bytes of all queries and keys in float32."""
        return self.keys_bytes(tokens) * (self.heads + self.kv_heads) // self.kv_heads


SHAPES = {
    "gpt2": Shape("GPT-2 small: 12 layers, 12 heads", 12, 12, 12),
    "qwen": Shape("Qwen2.5-0.5B cut to 4 layers: 14 heads, 2 key-value heads", 4, 14, 2),
    "two": Shape("2 layers: 8 heads, 2 key-value heads", 2, 8, 2),
}


def build(name: str, tokens: int) -> Any:
    """Return a model in evaluation mode under SDPA that reads so many tokens, with reproducible weights."""
    import torch
    from transformers import GPT2Config, GPT2Model, Qwen2Config, Qwen2Model

    torch.manual_seed(0)
    shape = SHAPES[name]
    model: Any
    if name == "gpt2":
        model = GPT2Model(
            GPT2Config(n_positions=tokens, n_layer=shape.layers, n_head=shape.heads, n_embd=768)
        )
    else:
        hidden = shape.heads * shape.width
        model = Qwen2Model(
            Qwen2Config(
                vocab_size=32_000,
                hidden_size=hidden,
                intermediate_size=4864 if name == "qwen" else 2 * hidden,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.kv_heads,
                max_position_embeddings=tokens,
            )
        )
    model.set_attn_implementation("sdpa")
    return model.eval()


def record(name: str, tokens: int) -> AttentionRecord:
    """Return a record of random queries and keys: what it costs to look at matters, not what is there."""
    import torch

    from attnwidget.record import AttentionRecord, ModelInfo, Token, Visibility
    from attnwidget.record.qk import QKSite

    shape, generator = SHAPES[name], torch.Generator().manual_seed(0)

    def site(layer: int) -> QKSite:
        def random(heads: int) -> torch.Tensor:
            return torch.randn(heads, tokens, shape.width, generator=generator)

        return QKSite(
            kind="decoder",
            layer=layer,
            name=f"layers.{layer}",
            route="interface",
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            queries=tokens,
            keys=tokens,
            visibility=Visibility(causal=True),
            scaling=0.25,
            q=random(shape.heads),
            k=random(shape.kv_heads),
        )

    words = [f" w{number}" for number in torch.randint(0, 9000, (tokens,), generator=generator).tolist()]
    return AttentionRecord(
        model=ModelInfo(shape.title, "Random", layers=shape.layers),
        prompt="".join(words),
        streams={"decoder": tuple(Token(id=at, text=word, label=word[1:]) for at, word in enumerate(words))},
        sites=tuple(site(layer) for layer in range(shape.layers)),
    )
