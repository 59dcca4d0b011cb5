"""Route A: see the calls that go through transformers' attention interface.

Lookups in the interface return the function that they always return, wrapped; no key is added or replaced,
so that masks, dispatch and the model's own implementation stay as they are. Outside a run's context the
wrapper is not there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface

from attnwidget.capture.tape import ACTIVE, Call

# Newer models look their function up by get_interface, which also returns a model's own eager one.
_METHODS = tuple(name for name in ("get_interface", "__getitem__") if hasattr(AttentionInterface, name))
_LOCK = threading.Lock()
_USERS = 0
_REPLACED: dict[str, Any] = {}


class TappedAttention:
    """An attention function that the active tape listens to.

    Parameters
    ----------
    function : callable
        The function found in the interface, or the model's own eager one.
    name : str
        Implementation that was asked for: "sdpa", "eager", ...
    """

    __slots__ = ("function", "name")

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.name = name

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Call the function, then let the tape record what went in and what came out."""
        tape = ACTIVE.get()
        if tape is None or not tape.wants(module):
            return self.function(module, query, key, value, attention_mask, *args, **kwargs)
        tape.checkpoint()
        with tape.inside():
            result = self.function(module, query, key, value, attention_mask, *args, **kwargs)
        if self.name == "sdpa" and kwargs.get("softcap") is not None:
            # Versions that do not refuse the option ignore it: show what the run did.
            kwargs.pop("softcap")
            tape.notes["SDPA in this version of transformers ignores the model's soft cap."] = None
        with tape.inside():
            call = self._call(module, query, key, value, attention_mask, kwargs)
            tape.record(module, "interface", call, result[0], result[1])
        return result

    def _call(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        options: dict[str, Any],
    ) -> Call:
        causal = False
        if self.name != "eager" and mask is None:
            asked = options.get("is_causal")
            causal = bool(getattr(module, "is_causal", True) if asked is None else asked)
            causal = causal and query.shape[2] > 1
            if causal and key.shape[2] > query.shape[2]:
                # SDPA aligns its causal rule at the upper left: later keys of a cache are unseen.
                key, value = key[:, :, : query.shape[2]], value[:, :, : query.shape[2]]
        bias = options.get("position_bias")
        return Call(
            query=query,
            key=key,
            value=value,
            mask=mask,
            bias=None if bias is None else bias[..., : key.shape[2]],
            causal=causal,
            scaling=options.get("scaling"),
            softcap=options.get("softcap"),
            sinks=options.get("s_aux"),
            rounded=self.name == "eager",
        )


@contextlib.contextmanager
def tapped_interface() -> Iterator[None]:
    """Wrap lookups in the attention interface while at least one capture is open."""
    global _USERS
    with _LOCK:
        if _USERS == 0:
            _install()
        _USERS += 1
    try:
        yield
    finally:
        with _LOCK:
            _USERS -= 1
            if _USERS == 0:
                _remove()


def _install() -> None:
    for method in _METHODS:
        own = vars(AttentionInterface).get(method)
        _REPLACED[method] = own
        setattr(AttentionInterface, method, _tapped(getattr(AttentionInterface, method)))


def _remove() -> None:
    for method, own in _REPLACED.items():
        if own is None:
            delattr(AttentionInterface, method)
        else:
            setattr(AttentionInterface, method, own)
    _REPLACED.clear()


def _tapped(lookup: Callable[..., Any]) -> Callable[..., Any]:
    def tapped(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        function = lookup(self, name, *args, **kwargs)
        if ACTIVE.get() is None or isinstance(function, TappedAttention):
            return function
        return TappedAttention(function, name)

    return tapped
