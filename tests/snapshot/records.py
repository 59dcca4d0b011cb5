"""Records of every kind of site that a snapshot has to keep, small and made of numbers from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from attnwidget.record import AttentionRecord, DenseSite, ModelInfo, Predictions, Token, Visibility
from attnwidget.record.qk import QKSite

N, KEYS, HEADS, D = 19, 13, 4, 6


def tokens(count: int, stem: str = "t") -> tuple[Token, ...]:
    return tuple(Token(id=at, text=f" {stem}{at}", label=f"{stem}{at}") for at in range(count))


def site(layer: int = 0, **changes: Any) -> QKSite:
    heads, kv_heads = changes.get("heads", HEADS), changes.get("kv_heads", 2)
    queries, keys = changes.get("queries", N), changes.get("keys", N)
    generator = torch.Generator().manual_seed(layer + 100 * len(changes.get("kind", "")))
    given: dict[str, Any] = {
        "kind": "decoder",
        "layer": layer,
        "name": f"layers.{layer}",
        "route": "interface",
        "heads": heads,
        "kv_heads": kv_heads,
        "queries": queries,
        "keys": keys,
        "visibility": Visibility(causal=True),
        "scaling": 0.7,
        "q": 2 * torch.randn(heads, queries, D, generator=generator),
        "k": torch.randn(kv_heads, keys, D, generator=generator),
    }
    return QKSite(**(given | changes))


def record(*sites: Any, **changes: Any) -> AttentionRecord:
    streams: dict[Any, Any] = {}
    for one in sites:
        if one.kind != "cross":
            streams[one.kind] = tokens(one.queries, one.kind[0])
    given: dict[str, Any] = {
        "model": ModelInfo("small", "SmallModel", layers=9, parameters=1234),
        "prompt": "typed",
        "streams": streams,
        "sites": sites,
        "id": "r1",
    }
    return AttentionRecord(**(given | changes))


def random_mask(heads: int | None = None) -> np.ndarray:
    shape = (N, N) if heads is None else (heads, N, N)
    return np.random.default_rng(heads or 0).random(shape) < 0.6


def shared_mask() -> AttentionRecord:
    mask = random_mask()
    mask[4] = False
    return record(*(site(layer, visibility=Visibility(mask=mask)) for layer in range(3)))


def two_stacks() -> AttentionRecord:
    """Return an encoder of three layers and a decoder of two, with cross-attention."""
    encoder = [
        site(layer, kind="encoder", queries=KEYS, keys=KEYS, visibility=Visibility()) for layer in range(3)
    ]
    decoder = [site(layer) for layer in range(2)]
    cross = [site(layer, kind="cross", keys=KEYS, visibility=Visibility()) for layer in range(2)]
    return record(*encoder, *decoder, *cross, context="second text")


def given(*, nan: bool = False, layers: int = 2) -> AttentionRecord:
    weights = np.tril(np.random.default_rng(3).random((layers, HEADS, N, N), dtype=np.float32) ** 4)
    weights[..., np.arange(N), np.arange(N)] += 1e-3
    weights /= weights.sum(-1, keepdims=True)
    if nan:
        weights[0, 1, 7, :8] = np.nan
    return AttentionRecord.from_attentions(weights, [f"w{at}" for at in range(N)])


def dense_with_sinks() -> AttentionRecord:
    one = given().sites[0]
    assert isinstance(one, DenseSite)
    mass = np.linspace(0, 0.9, HEADS * N, dtype=np.float32).reshape(HEADS, N)
    made = replace(one, values=one.values * (1 - mass[..., None]), sinks=mass, has_sinks=True)
    return record(made)


def predicted() -> AttentionRecord:
    probs = np.sort(np.random.default_rng(1).random((N, 3), dtype=np.float32))[:, ::-1] / 3
    labels = tuple(tuple(f"next{(at + k) % 5}" for k in range(3)) for at in range(N))
    told = Predictions(np.zeros((N, 3), dtype=np.int32), np.ascontiguousarray(probs), labels)
    return record(site(), predictions=told)


def odd_tokens() -> AttentionRecord:
    texts = ['"</script>', "\ud83d", "é", "\x00", "日本", "\u2028", *["x"] * (N - 6)]
    odd = tuple(
        Token(id=None, text=text, label=text, special=at == 1, continued=at == 2, segment=at % 2)
        for at, text in enumerate(texts)
    )
    return record(site(), streams={"decoder": odd}, prompt="".join(texts))


RECORDS: dict[str, Callable[[], AttentionRecord]] = {
    "causal": lambda: record(site(0), site(1)),
    "window and hybrid layers": lambda: record(site(1, visibility=Visibility(True, 5)), site(4)),
    "everything": lambda: record(site(kind="encoder", visibility=Visibility())),
    "shared mask": shared_mask,
    "mask per head": lambda: record(site(visibility=Visibility(mask=random_mask(HEADS)))),
    "heads differ by layer": lambda: record(
        site(0), site(1, heads=6, kv_heads=3), site(2, heads=1, kv_heads=1)
    ),
    "two stacks": two_stacks,
    "soft cap": lambda: record(site(softcap=1.5)),
    "sinks": lambda: record(site(sink_scores=torch.linspace(-1, 2, HEADS), has_sinks=True)),
    "bias": lambda: record(site(bias=torch.randn(1, N, N, generator=torch.Generator().manual_seed(1)))),
    "bias per head": lambda: record(
        site(bias=torch.randn(HEADS, 1, N, generator=torch.Generator().manual_seed(2)))
    ),
    "half precision": lambda: record(
        site(
            q=torch.randn(HEADS, N, D, generator=torch.Generator().manual_seed(5)).bfloat16(),
            k=torch.randn(2, N, D, generator=torch.Generator().manual_seed(6)).bfloat16(),
            rounded=True,
        )
    ),
    "given": given,
    "given, not a number": lambda: given(nan=True),
    "given sinks": dense_with_sinks,
    "predictions": predicted,
    "odd tokens": odd_tokens,
    "one token": lambda: record(site(queries=1, keys=1)),
    "words": lambda: replace(
        two_stacks(),
        streams={
            "encoder": tuple(replace(token, text="ab"[at % 2]) for at, token in enumerate(tokens(KEYS))),
            "decoder": tuple(replace(token, text=" a"[at % 3 > 0 :]) for at, token in enumerate(tokens(N))),
        },
    ).merge_words(),
}
