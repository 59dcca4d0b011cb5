"""How many bytes a run takes: what it keeps, and what it works with. Read off the model, before it runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from attnwidget.capture.structure import Structure
from attnwidget.record import AttentionRecord
from attnwidget.record.sites import DenseSite

WHOLE_LOGITS = 2**28
"""Logits that a model may return in one piece: 1 GB in single precision."""
LOGITS_AT_A_TIME = 2**24
"""Logits of a block, where there are more: 64 MB in single precision."""
_RANKED = 3
"""Copies of a block while its best tokens are found: in single precision, as probabilities, and sorted."""
_EAGER_PATTERNS = 3
"""Copies of one layer's patterns that an eager run holds at once: scores, weights, and one in between."""


def text_config(model: nn.Module) -> Any:
    """Return the configuration of the part that reads text; None for a model without one."""
    config: Any = getattr(model, "config", None)
    return config.get_text_config() if hasattr(config, "get_text_config") else config


@dataclass(frozen=True)
class Widths:
    """What one attention module makes of each position.

    Parameters
    ----------
    kind : {"encoder", "decoder", "cross"}
        Cross-attention has its queries in the decoder and its keys in the encoder.
    heads, kv_heads, width : int
        Query heads, heads that have keys of their own, and numbers of a query and of a key.
    """

    kind: str
    heads: int
    kv_heads: int
    width: int


@dataclass(frozen=True)
class Kept:
    """Bytes that records of a model hold, as `a * tokens + b * tokens**2`.

    Parameters
    ----------
    per_token : float
        Queries and keys, in the precision that they are kept in, and norms of values.
    per_cell : float
        Weights themselves, where only these could be recorded; masks and biases.
    """

    per_token: float
    per_cell: float

    def bytes(self, tokens: int) -> int:
        """Bytes of a record of so many tokens."""
        return int(self.per_token * tokens + self.per_cell * tokens**2)


def seen(record: AttentionRecord) -> Kept:
    """Return what a record of one stack of tokens really holds; for later runs of the same model."""
    tokens = len(record.tokens)
    square = sum(site.values.nbytes for site in record.sites if isinstance(site, DenseSite))
    square += sum({key: size for site in record.sites for key, size in site.shared}.values())
    return Kept((record.nbytes - square) / tokens, square / tokens**2)


def kept_bytes(model: nn.Module, tokens: int, *, target: int = 0, dtype: torch.dtype | None = None) -> int:
    """Bytes of the queries, keys and norms that a run keeps.

    Parameters
    ----------
    model : torch.nn.Module
    tokens : int
        Of the prompt.
    target : int
        Tokens that the decoder of an encoder-decoder reads.
    dtype : torch.dtype, optional
        Precision in which queries and keys are kept, where it is narrower than the model's.

    Returns
    -------
    int
        Of models whose weights can only be recorded whole, it is too little until one run has shown that.
    """
    size = _item_size(model)
    size = size if dtype is None else min(size, dtype.itemsize)
    total = 0
    for module in _attention(model):
        queries = target if module.kind == "cross" or (module.kind == "decoder" and target) else tokens
        keys = target if module.kind == "decoder" and target else tokens
        total += size * module.width * (module.heads * queries + module.kv_heads * keys)
        total += 4 * module.heads * keys
    return total


def working_bytes(
    model: nn.Module, tokens: int, *, chunk: int | None = None, eager: bool = False, target: int = 0
) -> int:
    """Estimate what a run takes beside the model and what it keeps.

    Parameters
    ----------
    model : torch.nn.Module
    tokens : int
        Of the prompt.
    chunk : int, optional
        Tokens that go through the model at a time, with a cache of keys and values; all at once if not given.
    eager : bool
        Whether whole patterns are computed.
    target : int
        Tokens that the decoder of an encoder-decoder reads.

    Returns
    -------
    int
        The widest activations of one layer, the values in the model's own cache if it runs in chunks (for
        its keys see `key_cache_bytes`), masks of sliding windows, patterns of an eager run, and the logits
        that are made in one piece.
    """
    config, size = text_config(model), _item_size(model)
    at_once = tokens if chunk is None else min(tokens, chunk)
    hidden = _count(config, "hidden_size", 768)
    inner = _count(config, "intermediate_size", 4 * hidden)
    modules = _attention(model)
    widest = max((m.width * (2 * m.heads + 3 * m.kv_heads) for m in modules), default=3 * hidden)
    activations = 2 * hidden + max(widest + hidden, 3 * inner)
    logits = (target or at_once) * _count(config, "vocab_size", 0)
    ranked = min(logits, LOGITS_AT_A_TIME)
    # Past that they are made in blocks, from the last activations.
    logits = logits if logits <= WHOLE_LOGITS else ranked + at_once * hidden
    total = size * (at_once * activations + logits) + 4 * _RANKED * ranked
    total += key_cache_bytes(model, tokens, chunk)
    window = getattr(config, "sliding_window", None)
    if at_once < tokens or (isinstance(window, int) and 0 < window < tokens):
        total += at_once * tokens * (1 + size)
    if eager:
        total += _EAGER_PATTERNS * size * max((m.heads for m in modules), default=1) * at_once * tokens
    return int(total)


def key_cache_bytes(model: nn.Module, tokens: int, chunk: int | None) -> int:
    """Bytes of the keys that a run in chunks holds in the model's own cache; as many are in its values.

    They are also what the record keeps, as long as that is in memory and in the model's precision.
    """
    if chunk is None or chunk >= tokens:
        return 0
    return sum(_item_size(model) * m.kv_heads * m.width * tokens for m in _attention(model))


def most_tokens(below: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number of tokens under a bound that fits, 0 if none does.

    Needs may fall where a longer prompt is run in another way, so this looks from the bound downwards.
    """
    fails, count = below, below - 1
    while count > 0 and not fits(count):
        fails, count = count, count - max(1, count // 50)
    if count <= 0:
        return 0
    return count + bisect_left(range(count + 1, fails), True, key=lambda more: not fits(more))


_known: WeakKeyDictionary[nn.Module, tuple[Widths, ...]] = WeakKeyDictionary()


def _attention(model: nn.Module) -> tuple[Widths, ...]:
    """Attention modules of the part that reads text."""
    if model not in _known:
        _known[model] = tuple(_look(model))
    return _known[model]


def _look(model: nn.Module) -> Iterator[Widths]:
    ids: dict[str, Tensor] = {"input_ids": torch.zeros(1, 1, dtype=torch.long)}
    structure = Structure(getattr(model, "_orig_mod", model), ids)
    config = text_config(model)
    for module in structure.candidates.values():
        crosses = structure.is_cross(module)
        if crosses and not structure.two_stacks:
            continue
        own = getattr(module, "config", config)
        heads = _count(own, "num_attention_heads", 0) or _count(config, "num_attention_heads", 12)
        hidden = _count(own, "hidden_size", 0) or _count(config, "hidden_size", 768)
        width = _count(module, "qk_head_dim", 0)
        kv_heads = _count(own, "num_key_value_heads", _count(own, "num_kv_heads", heads))
        kv_heads = heads if width else kv_heads
        width = width or _count(module, "head_dim", 0) or _count(module, "attention_head_size", 0)
        width = width or _count(own, "head_dim", 0) or hidden // heads
        yield Widths(structure.kind(module, causal=True), heads, kv_heads, width)


def _count(owner: Any, name: str, otherwise: int) -> int:
    value = getattr(owner, name, None)
    return value if isinstance(value, int) and value > 0 else otherwise


def _item_size(model: nn.Module) -> int:
    return next((p.element_size() for p in model.parameters() if p.is_floating_point()), 4)
