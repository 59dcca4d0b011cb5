"""Route C: follow the result of a softmax to the product with the values, and record what enters it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnwidget.capture.tape import Tape

SOFTMAX: frozenset[Callable[..., Any]] = frozenset(
    {F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
)
_PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm}
)


class Trail:
    """The way from one softmax to the product with the values.

    Casts, dropout (off), reshapes, head masks and the cut of a sink's column lie on it. What enters the
    product is what gets recorded, and the product's result is what it is verified against.

    Parameters
    ----------
    module : Module
        The attention module that runs.
    weights : Tensor
        Result of the softmax.
    tape : Tape
    """

    def __init__(self, module: nn.Module, weights: Tensor, tape: Tape) -> None:
        self._module = module
        self._tape = tape
        self._first = weights
        self._steps: dict[int, Tensor] = {id(weights): weights}

    @classmethod
    def of(cls, module: nn.Module, weights: Any, tape: Tape) -> Trail | None:
        """Start a trail if the result can be weights of several heads; None if not."""
        if not isinstance(weights, Tensor) or not weights.is_floating_point():
            return None
        if weights.ndim > 4:
            tape.notes[f"Attention of {type(module).__name__} in {weights.ndim} dimensions is not shown."] = (
                None
            )
        if weights.ndim not in (3, 4):
            return None
        return cls(module, weights, tape) if tape.wants(module) else None

    def follow(self, func: Callable[..., Any], args: tuple[Any, ...], result: Any) -> bool:
        """Look at one function call; True once the product was found and recorded."""
        if not isinstance(result, Tensor):
            return False
        if func is torch.einsum:
            return self._einsum(args, result)
        if not args or id(args[0]) not in self._steps:
            return False
        if func in _PRODUCTS:
            return self._product(self._steps[id(args[0])], args[1], result)
        if self._lies_on_the_way(result):
            self._steps[id(result)] = result
        return False

    def _lies_on_the_way(self, result: Tensor) -> bool:
        if not result.is_floating_point():
            return False
        keys = self._first.shape[-1]
        same = result.numel() == self._first.numel()
        without_sink = keys > 1 and result.numel() == self._first.numel() // keys * (keys - 1)
        return same or without_sink

    def _product(self, weights: Tensor, value: Any, result: Tensor) -> bool:
        folded = [four_dimensions(t, self._tape.structure.batch) for t in (weights, value, result)]
        four, values, output = folded
        if four is None or values is None or output is None or four.shape[-1] != values.shape[-2]:
            return False
        return self._record(four, values, output.transpose(1, 2), result)

    def _einsum(self, args: tuple[Any, ...], result: Tensor) -> bool:
        """Bring "bnij,jbnd->ibnd" and its like into the common order."""
        if len(args) != 3 or not isinstance(args[0], str) or id(args[1]) not in self._steps:
            return False
        equation = args[0].replace(" ", "")
        inputs, _, out = equation.partition("->")
        of_weights, _, of_values = inputs.partition(",")
        weights, values = self._steps[id(args[1])], args[2]
        if weights.ndim != 4 or not (len(of_weights) == len(of_values) == len(out) == 4):
            return False
        batch, heads, queries, keys = tuple(of_weights)
        rest = set(of_values) - {batch, heads, keys}
        if keys in out or len(rest) != 1:
            return False
        (d,) = rest
        if set(out) != {batch, heads, queries, d}:
            return False
        return self._record(
            weights,
            torch.einsum(f"{of_values}->{batch}{heads}{keys}{d}", values),
            torch.einsum(f"{out}->{batch}{queries}{heads}{d}", result),
            result,
        )

    def _record(self, weights: Tensor, values: Tensor, output: Tensor, result: Tensor) -> bool:
        self._tape.checkpoint()
        sinks = weights.shape[-1] == self._first.shape[-1] - 1
        self._tape.record_dense(self._module, weights, values, output, sinks, start=result)
        return True


def four_dimensions(tensor: Any, batch: int) -> Tensor | None:
    """[batch, heads, positions, d], also of tensors that fold heads into the batch; None if neither."""
    if not isinstance(tensor, Tensor):
        return None
    if tensor.ndim == 4:
        return tensor
    if tensor.ndim == 3 and tensor.shape[0] % batch == 0:
        return tensor.reshape(batch, -1, *tensor.shape[1:])
    return None
