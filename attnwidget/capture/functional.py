"""Routes B and C: see direct calls of scaled dot-product attention, and the results of softmax."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from attnwidget.capture.rotary import Rotation
from attnwidget.capture.softmax import SOFTMAX, Trail, four_dimensions
from attnwidget.capture.tape import ACTIVE, Call, Tape

_ORDER = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale", "enable_gqa")


class Watch(TorchFunctionMode):
    """Watches torch functions in the thread of a run.

    Parameters
    ----------
    tape : Tape
        Told of every attention that is found.
    sdpa : bool
        Whether direct calls of scaled dot-product attention are recorded.
    """

    def __init__(self, tape: Tape, *, sdpa: bool) -> None:
        super().__init__()
        self._tape = tape
        self._sdpa = sdpa
        self._trail: Trail | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run the function as it is, then look at what it was."""
        kwargs = kwargs or {}
        tape = self._tape
        if tape.within or not tape.stack:
            return func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            with tape.inside():
                result = func(*args, **kwargs)
            if self._sdpa:
                self._record(dict(zip(_ORDER, args, strict=False)) | kwargs, result)
            return result
        result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            name = getattr(func, "__name__", "")
            tape.follow(name, args, kwargs, result)
            tape.rotation.follow(name, args, result, self._module)
        if func is F.multi_head_attention_forward:
            self._record_fused(args, kwargs, result)
        elif func in SOFTMAX:
            module = self._attention_module()
            if module is not None:
                tape.softmax_in.add(id(module))
            self._trail = Trail.of(module, result, tape) if module is not None else self._trail
        elif self._trail is not None and self._trail.follow(func, args, result):
            self._trail = None
        return result

    def _module(self) -> nn.Module:
        """Return the module whose attention it would be."""
        return self._attention_module() or self._tape.stack[-1]

    def _attention_module(self) -> nn.Module | None:
        """Return the innermost attention module that is running."""
        known = self._tape.structure.candidates
        return next((module for module in reversed(self._tape.stack) if id(module) in known), None)

    def _record_fused(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: tuple[Any, Any]) -> None:
        """Record torch's own multi-head attention, which hides its parts: call it again for its weights."""
        tape, module = self._tape, self._module()
        if not tape.wants(module):
            return
        tape.checkpoint()
        asked = kwargs | {"need_weights": True, "average_attn_weights": False}
        again, weights = F.multi_head_attention_forward(*args, **asked)
        if weights is None:
            return
        # [queries, batch, width], or without the batch.
        first, second = (t.transpose(0, 1) if t.ndim == 3 else t[None] for t in (result[0], again))
        tape.record_weights(module, weights if weights.ndim == 4 else weights[None], first, second)

    def _record(self, given: dict[str, Any], result: Tensor) -> None:
        tape, module = self._tape, self._module()
        if not tape.wants(module):
            return
        query, key, value = (four_dimensions(given[name], tape.structure.batch) for name in _ORDER[:3])
        output = four_dimensions(result, tape.structure.batch)
        if query is None or key is None or value is None or output is None:
            return
        tape.checkpoint()
        call = Call(
            query=query,
            key=key,
            value=value,
            mask=given.get("attn_mask"),
            causal=bool(given.get("is_causal", False)),
            scaling=given.get("scale"),
        )
        tape.record(module, "functional", call, output.transpose(1, 2), start=result)


@contextlib.contextmanager
def module_stack(tape: Tape) -> Iterator[None]:
    """Keep tape.stack equal to the modules that are running; leaves no hook behind."""

    def enter(module: nn.Module, _args: Any) -> None:
        if ACTIVE.get() is tape:
            tape.stack.append(module)
            # Not only before attention: a layer of a long prompt takes seconds.
            tape.checkpoint()
            if id(module) in tape.structure.candidates:
                tape.ran.setdefault(id(module), module)

    def leave(module: nn.Module, _args: Any, output: Any) -> None:
        if ACTIVE.get() is tape and tape.stack and tape.stack[-1] is module:
            tape.stack.pop()
            if id(module) in rotating:
                tape.rotation.made(output)

    rotating = {id(module) for module in tape.structure.containers() if Rotation.makes(module)}

    handles: list[torch.utils.hooks.RemovableHandle] = []
    try:
        for module in tape.structure.containers():
            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave, always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
        tape.stack.clear()
