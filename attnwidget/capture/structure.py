"""What a model's module tree tells: which modules are attention, of which kind, in which layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from attnwidget.record import Kind

_ATTENTION = re.compile(r"attention|attn", re.IGNORECASE)
# Called attention by their authors, but without a softmax over keys: there are no weights to show.
_LINEAR = re.compile(r"linear|lightning|delta|retention|mamba|pool", re.IGNORECASE)
_CROSS = re.compile(r"(^|[._])(cross|encoder_?attn|encoder_?attention|encdec|enc_dec)", re.IGNORECASE)
OTHER_SENSES = re.compile(r"(^|\.)(vision|visual|image|vit|audio|speech)\w*\.", re.IGNORECASE)
_STACK = re.compile(r"(?:^|\.)(encoder|decoder)(?:\.|$)")
_NUMBER = re.compile(r"(?:^|\.)(\d+)(?=\.|$)")


class Structure:
    """Names and roles of a model's modules.

    Parameters
    ----------
    model : Module
    inputs : mapping of str to Tensor
        What the model is called with; tells whether it reads text and how much.
    """

    def __init__(self, model: nn.Module, inputs: Mapping[str, Any]) -> None:
        self.model = model
        self.names: dict[int, str] = {
            # Compiled modules hold the original under a name of torch's own.
            id(module): name.replace("_orig_mod.", "").removesuffix("._orig_mod")
            for name, module in model.named_modules()
        }
        config = getattr(model, "config", None)
        self.two_stacks = bool(getattr(config, "is_encoder_decoder", False))
        self.kv_heads = _kv_heads(config)
        self.reads_text = "input_ids" in inputs
        self.batch, self.length = _size(inputs)
        self.generates = _generates(model)
        self.candidates: dict[int, nn.Module] = {id(m): m for m in self._attention_modules()}

    def owns(self, module: nn.Module) -> bool:
        """Whether the module belongs to the model."""
        return id(module) in self.names

    def name(self, module: nn.Module) -> str:
        """Dotted name of a module of the model."""
        return self.names[id(module)]

    def containers(self) -> Iterator[nn.Module]:
        """Modules that can call attention: all but torch's own leaves."""
        for module in self.model.modules():
            own = not type(module).__module__.startswith("torch.nn")
            if own or id(module) in self.candidates or next(module.children(), None) is not None:
                yield module

    def is_cross(self, module: nn.Module) -> bool:
        """Whether a module looks from the decoder at the encoder."""
        name = self.name(module)
        return bool(getattr(module, "is_cross_attention", False)) or _CROSS.search(name) is not None

    def is_other_sense(self, module: nn.Module) -> bool:
        """Whether a module of a text model belongs to its image or audio part."""
        return self.reads_text and OTHER_SENSES.search(self.name(module)) is not None

    def kind(self, module: nn.Module, causal: bool) -> Kind:
        """Kind of a site of this module; `causal` decides for models with one stack."""
        if self.is_cross(module):
            return "cross"
        if self.two_stacks:
            stack = _STACK.search(self.name(module))
            if stack is not None:
                return "encoder" if stack[1] == "encoder" else "decoder"
        return "decoder" if causal else "encoder"

    def layer(self, module: nn.Module) -> int | None:
        """Layer number in the module's name; None if there is none."""
        found = _NUMBER.search(self.name(module))
        return None if found is None else int(found[1])

    def _attention_modules(self) -> Iterator[nn.Module]:
        """Innermost modules whose class is called attention."""
        for module in self.model.modules():
            label = type(module).__name__
            if not _is_attention(label) or hasattr(module, "get_input_embeddings"):
                continue
            inner = (m for m in module.modules() if m is not module)
            if not any(_is_attention(type(m).__name__) for m in inner) and not self.is_other_sense(module):
                yield module


def _is_attention(label: str) -> bool:
    return _ATTENTION.search(label) is not None and _LINEAR.search(label) is None


def _size(inputs: Mapping[str, Any]) -> tuple[int, int | None]:
    """Batch size, and the number of positions where the model reads tokens or their embeddings."""
    for name in ("input_ids", "inputs_embeds"):
        given = inputs.get(name)
        if isinstance(given, Tensor) and given.ndim >= 2:
            return int(given.shape[0]), int(given.shape[1])
    first = next((value for value in inputs.values() if isinstance(value, Tensor) and value.ndim), None)
    return (1, None) if first is None else (int(first.shape[0]), None)


def _kv_heads(config: Any) -> int | None:
    """Key-value heads by configuration; None where it does not say."""
    for name in ("num_key_value_heads", "num_kv_heads"):
        count = getattr(config, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return None


def _generates(model: nn.Module) -> bool:
    if getattr(getattr(model, "config", None), "is_decoder", False):
        return True
    ask = getattr(model, "can_generate", None)
    return bool(ask()) if callable(ask) else False
