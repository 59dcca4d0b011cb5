"""Which attention modules rotate their queries and keys, told by what is done with the rotation's tensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from attnwidget.capture.identity import SeenTensors

_NAMED = re.compile(r"Rotary|RoPE|Rope(?![a-z])|(^|_)(rotary|rope)(?![a-z])")
_PRODUCTS = frozenset({"mul", "mul_", "multiply", "einsum", "addcmul"})


class Rotation:
    """Follows sines and cosines from the module that makes them to the product with queries and keys.

    A module that is handed a rotation does not always use it: some layers of some models do without.
    """

    def __init__(self) -> None:
        self._tensors = SeenTensors()
        self._turned: set[int] = set()

    @staticmethod
    def makes(module: nn.Module) -> bool:
        """Whether a module is, by the name of its class, one that makes rotations or rotates."""
        return _NAMED.search(type(module).__name__) is not None

    def made(self, output: Any) -> None:
        """Remember what such a module returned."""
        for tensor in output if isinstance(output, (tuple, list)) else (output,):
            if isinstance(tensor, Tensor):
                self._tensors.add(tensor)

    def follow(
        self, name: str, args: tuple[Any, ...], result: Tensor, inside: Callable[[], nn.Module]
    ) -> None:
        """Look at one function call; `inside` finds the module that makes it."""
        if self._tensors and self._tensors.among(args):
            if name in _PRODUCTS:
                self._turned.add(id(inside()))
            else:
                self._tensors.add(result)

    def turned(self, module: nn.Module, query: Tensor) -> bool:
        """Whether queries that reach a module's attention have been rotated."""
        return id(module) in self._turned or query in self._tensors
