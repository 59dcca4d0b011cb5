"""Norms of value vectors after the output projection, which is found by following the attention's output."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from attnwidget.capture.identity import SeenTensors

# Between the attention function and the projection: nothing that changes a number.
_RESHAPES = {"transpose", "permute", "reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze"}
_CASTS = {"to", "type", "type_as", "float", "half", "bfloat16"}
_MOVES = _RESHAPES | _CASTS | {"contiguous", "clone", "detach", "dropout", "swapaxes", "movedim", "__get__"}
_LINEAR = frozenset({"linear", "addmm", "mm", "matmul", "bmm", "baddbmm", "einsum"})
_PLAIN = (Tensor, nn.Parameter)
_BLOCK_ELEMENTS = 1 << 18
_SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Weight:
    """Weight of an output projection.

    Parameters
    ----------
    parameter : Tensor [out, in], or [in, out] if transposed
    transposed : bool
    """

    parameter: Tensor
    transposed: bool = False

    @property
    def matrix(self) -> Tensor:
        """The weight as [out, in]."""
        return self.parameter.detach().t() if self.transposed else self.parameter.detach()


class Follower:
    """Follows one attention output to the projection that reads it.

    Parameters
    ----------
    start : Tensor
        What the attention function returned.
    value : Tensor [kv_heads or heads, keys, d]
        Values of the prompt, padding cut out.
    heads : int
    last : Tensor [heads * d]
        Output at the last position of the prompt, head after head.
    place : int
        Row of that position once the output is written as rows.
    """

    def __init__(self, start: Tensor, value: Tensor, heads: int, last: Tensor, place: int) -> None:
        self._way, self._beyond = SeenTensors(), SeenTensors()
        self._way.add(start)
        self._size = start.numel()
        self._value: Tensor | None = value
        self._heads = heads
        self._width = heads * value.shape[-1]
        self._last = last
        self._place = place
        self._used = False

    @property
    def done(self) -> bool:
        """Whether the projection's result has been used and nobody can read the output again."""
        return self._used and not self._way.alive()

    def follow(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Weight | bool | None:
        """Look at one function call.

        Returns
        -------
        Weight, False or None
            The weight, if the call is the projection. False if no single weight stands for what becomes of
            the output: something else reads it too (an adapter), or the projection is only the first of two.
            None if the call has nothing to do with it.
        """
        if not isinstance(result, Tensor):
            return None
        given = (*args, *kwargs.values())
        if self._way.among(given):
            if name in _MOVES and args and args[0] in self._way:
                if result.numel() == self._size:
                    self._way.add(result)
                return None
            weight = self._weight(name, args)
            if weight is not None:
                self._beyond.add(result)
            return weight or False
        if not self._used and self._beyond.among(given):
            if name in _LINEAR:
                return False
            if name in _MOVES:
                self._beyond.add(result)
            else:
                self._used = True
        return None

    def norms(self, weight: Weight) -> NDArray[np.float32]:
        """Norms [heads, keys] through a projection's weight; the values are let go."""
        value, self._value = self._value, None
        assert value is not None, "the first reader of the output is the only one"
        return value_norms(value, weight, self._heads)

    def _weight(self, name: str, args: tuple[Any, ...]) -> Weight | None:
        """Weight of a call that multiplies the output by one, heads in the order of the output."""
        if self._value is None:
            return None
        if name == "linear" and args[0] in self._way:
            read, weight = args[0], Weight(args[1])
        elif name == "addmm" and args[1] in self._way:
            read, weight = args[1], Weight(args[2], transposed=True)
        elif name == "matmul" and args[0] in self._way:
            read, weight = args[0], _right_hand(args[1])
        else:
            return None
        if type(weight.parameter) not in _PLAIN or not weight.parameter.is_floating_point():
            return None
        if weight.parameter.ndim != 2 or not weight.matrix.shape[1] == read.shape[-1] == self._width:
            return None
        row = read.detach().reshape(-1, self._width)[self._place]
        return weight if torch.equal(row, self._last.to(row)) else None


def _right_hand(factor: Any) -> Weight:
    """Weight that the output is multiplied by from the left: the parameter itself, or its transpose."""
    base = getattr(factor, "_base", None)
    if base is not None and base.shape == factor.shape[::-1] and base.stride() == factor.stride()[::-1]:
        return Weight(base)
    return Weight(factor, transposed=True)


def value_norms(value: Tensor, weight: Weight, heads: int) -> NDArray[np.float32]:
    """Norms of value vectors, each carried through its head's slice of an output projection.

    Kobayashi et al. 2020, "Attention is Not Only a Weight". The projection's bias belongs to no key.

    Parameters
    ----------
    value : Tensor [kv_heads, keys, d]
        Key-value head h // (heads / kv_heads) belongs to head h.
    weight : Weight
        Of the projection, [out, heads * d], head after head.
    heads : int

    Returns
    -------
    float32 array [heads, keys]
    """
    groups, keys, size = value.shape
    gram = _gram(weight, heads).view(groups, heads // groups, size, size)
    squares = torch.empty((groups, heads // groups, keys), dtype=torch.float32, device=value.device)
    step = max(1, _BLOCK_ELEMENTS // (heads * size))
    for first in range(0, keys, step):
        block = value[:, None, first : first + step].detach().float()
        squares[..., first : first + step] = torch.matmul(block, gram).mul_(block).sum(-1)
    found: NDArray[np.float32] = squares.view(heads, keys).clamp_min_(0).sqrt_().cpu().numpy()
    return found


@dataclass(frozen=True, eq=False)
class _Gram:
    """Products of a projection's columns: float32 [heads, d, d], and what the weight was like."""

    values: Tensor
    version: int
    samples: Tensor


# Kept as long as the weight: a prompt that is edited runs many times, and this costs as much as d tokens.
_GRAMS: MutableMapping[Any, _Gram] = WeakIdKeyDictionary()


def _gram(weight: Weight, heads: int) -> Tensor:
    parameter, matrix = weight.parameter, weight.matrix
    version = -1 if parameter.is_inference() else parameter._version
    flat = matrix.flatten() if matrix.is_contiguous() else matrix.t().reshape(-1)
    # The version does not count what is written through `.data`.
    samples = flat[:: max(1, flat.numel() // _SAMPLES)]
    known = _GRAMS.get(parameter)
    if (
        known is not None
        and known.version == version
        and known.values.shape[0] == heads
        and known.values.device == parameter.device
        and torch.equal(known.samples, samples)
    ):
        return known.values
    slices = matrix.float().view(matrix.shape[0], heads, -1).transpose(0, 1)
    made = torch.matmul(slices.transpose(1, 2), slices)
    _GRAMS[parameter] = _Gram(made, version, samples.clone())
    return made
