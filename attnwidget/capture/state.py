"""Changes to a model that a run needs, each undone exactly: attention implementation, evaluation mode."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from attnwidget.errors import CaptureError

_WATCHED = ("sdpa", "eager")
_LOCKS: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


@contextlib.contextmanager
def alone_with(model: nn.Module) -> Iterator[None]:
    """Keep other captures of the same model out; captures of other models go on."""
    with _LOCKS_LOCK:
        lock = _LOCKS.setdefault(model, threading.RLock())
    with lock:
        yield


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[bool]:
    """Switch dropout off; yields whether anything had to change, and restores each module's own flag."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield bool(training)
    finally:
        for module in training:
            module.training = True


@contextlib.contextmanager
def uncompiled(model: nn.Module) -> Iterator[bool]:
    """Run the code that was compiled as it was written; yields whether any was.

    A compiled part runs as one piece, whose functions cannot be watched.

    Raises
    ------
    CaptureError
        If this version of torch cannot do so.
    """
    found = any(_is_compiled(module) for module in model.modules())
    if found and not hasattr(torch.compiler, "set_stance"):
        raise CaptureError(
            "The model is compiled, which torch can only set aside from version 2.6 on.",
            "Update torch, or pass the model as it was before torch.compile.",
        )
    with torch.compiler.set_stance("force_eager") if found else contextlib.nullcontext():
        yield found


def _is_compiled(module: nn.Module) -> bool:
    return (
        type(module).__name__ == "OptimizedModule"
        or module._compiled_call_impl is not None
        or hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable")
    )


def configurations(model: nn.Module) -> list[tuple[Any, Any]]:
    """Every configuration with an attention implementation, sub-configurations included, and its owner."""
    found: dict[int, tuple[Any, Any]] = {}

    def add(config: Any, owner: Any) -> None:
        if config is None or id(config) in found or not hasattr(config, "_attn_implementation_internal"):
            return
        found[id(config)] = (config, owner)
        for name in getattr(config, "sub_configs", None) or ():
            add(getattr(config, name, None), owner)

    # Models before plain modules: the owner is asked which implementations its class supports.
    for module in model.modules():
        if hasattr(module, "get_input_embeddings"):
            add(getattr(module, "config", None), module)
    for module in model.modules():
        add(getattr(module, "config", None), module)
    return list(found.values())


def unwatched(model: nn.Module) -> tuple[str, ...]:
    """List the implementations in use that cannot be watched, such as FlashAttention."""
    names = {config._attn_implementation_internal for config, _ in configurations(model)}
    return tuple(sorted(str(name) for name in names if name is not None and name not in _WATCHED))


def runs_eager(model: nn.Module) -> bool:
    """Whether some part of the model is configured to compute whole patterns."""
    return any(config._attn_implementation_internal == "eager" for config, _ in configurations(model))


@contextlib.contextmanager
def implementation(model: nn.Module, choose: Callable[[Any, str | None], str | None]) -> Iterator[None]:
    """Run with other attention implementations.

    Parameters
    ----------
    model : Module
    choose : callable
        From the owner of a configuration and its implementation to the implementation to use.
    """
    # The internal attribute, because the public setter passes its value on to sub-configurations.
    before = [(config, config._attn_implementation_internal) for config, _ in configurations(model)]
    try:
        for config, owner in configurations(model):
            config._attn_implementation_internal = choose(owner, config._attn_implementation_internal)
        yield
    finally:
        for config, name in before:
            config._attn_implementation_internal = name


def to_eager(owner: Any, current: str | None) -> str | None:
    """Choose eager everywhere."""
    return "eager"


def to_watched(owner: Any, current: str | None) -> str | None:
    """Keep SDPA and eager; replace anything else by SDPA, or by eager for classes without SDPA."""
    if current is None or current in _WATCHED:
        return current
    return "sdpa" if getattr(owner, "_supports_sdpa", False) else "eager"
