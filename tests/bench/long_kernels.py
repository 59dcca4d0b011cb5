"""What it costs to look at a long prompt, and how far that is from the machine's limits.

python -m tests.bench.long_kernels gpt2 32768    # JSON
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.browser_cost import resident
from tests.bench.long_models import SHAPES, record

PIXELS = 512
"""Of the first whole matrix on screen: the coarsest level with at least so many."""

VIEWPORT = (3, 4)
"""Rows and columns of tiles that a sharp viewport needs."""

STRIP = 800
"""Pixels of a strip along the prompt."""

_SHARE = 0.9  # how far into the prompt is looked, where rows are long


def bandwidth() -> float:
    """Return how many bytes a second all cores read from memory: the best of several sums."""
    import torch

    numbers = torch.ones(1 << 28)
    return max(numbers.nbytes / seconds(lambda: numbers.sum()) for _ in range(5))


def peak_flops() -> float:
    """Return how many FLOPs a second a large product in float32 reaches: the best of several."""
    import torch

    one, out = torch.randn(2048, 2048), torch.empty(2048, 2048)
    return max(2 * 2048**3 / seconds(lambda: torch.mm(one, one, out=out)) for _ in range(5))


def seconds(work: Callable[[], Any]) -> float:
    """Return the seconds that something takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


class Peak:
    """The most that this process grows while it is entered, in bytes."""

    def __enter__(self) -> Peak:
        self._base, self.above = resident(os.getpid()), 0
        Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *error: object) -> None:
        self.above = resident(os.getpid(), "VmHWM") - self._base


class Kernel:
    """A kernel that answers one front end.

    Parameters
    ----------
    shown : AttentionRecord
    """

    def __init__(self, shown: Any) -> None:
        from attnwidget.service import Service

        self.service = Service(shown)

    def ask(self, kind: str, **args: Any) -> tuple[float, dict[str, Any]]:
        """Return how long an answer takes, and the answer."""
        from attnwidget.snapshot.frame import ask

        begun = time.monotonic()
        reply = ask(self.service, kind, site="decoder", **args)
        return time.monotonic() - begun, reply

    def tiles(self, level: int, tiles: list[list[int]], head: int) -> dict[str, Any]:
        """Ask for tiles until they are whole; returns seconds to the first answer of all, and to the last."""
        spent, first, read, most = 0.0, None, dict[tuple[int, ...], int](), 0.0
        while any(read.get(tuple(tile), 0) < 2**level for tile in tiles):
            wanted = [tile for tile in tiles if read.get(tuple(tile), 0) < 2**level]
            took, reply = self.ask("tiles", layer=0, head=head, level=level, pool="max", tiles=wanted)
            spent, most = spent + took, max(most, took)
            read |= {tuple(tile): now for tile, now in zip(reply["tiles"], reply["read"], strict=True)}
            if first is None and len(read) == len(tiles):
                first = {"seconds": spent, "read": min(read.values()), "of": 2**level}
        return {"first": first, "whole": spent, "longest": most}


def measure(name: str, tokens: int) -> dict[str, Any]:
    """Return what each look costs."""
    shape, shown = SHAPES[name], record(name, tokens)
    found: dict[str, Any] = {"bandwidth": bandwidth(), "flops": peak_flops()}
    query = int(_SHARE * tokens)
    shown.row(tokens // 2)
    with Peak() as peak:
        found["row"] = min(seconds(lambda: shown.row(tokens - 1)) for _ in range(3))
        kernel = Kernel(shown)
        found["thumbnails"], model = kernel.ask("model")
        found["sampled"] = model["sampled"]
        found["metrics"], _ = kernel.ask("metrics")
        found["strips"], _ = kernel.ask("strips", position=query, direction="from", pixels=STRIP)
        level = max(0, (tokens // PIXELS).bit_length() - 1)
        side = -(-tokens // (256 << level))
        found["level"] = level
        found["coarse"] = kernel.tiles(
            level, [[row, key] for row in range(side) for key in range(row + 1)], 0
        )
        corner = query // 256
        sharp = [[corner + row, corner - 4 + key] for row in range(VIEWPORT[0]) for key in range(VIEWPORT[1])]
        sharp = [[row, key] for row, key in sharp if 0 <= key <= row and row * 256 < tokens]
        # Of a head that nobody looked at before, and of one whose rows are known.
        found["sharp"] = kernel.tiles(0, sharp, 1)
        found["sharp_known"] = kernel.tiles(0, [[row, key] for row, key in sharp], 0)
        found["column"] = _column(kernel, tokens // 3)
    found["grown"] = peak.above
    found["row_bytes"] = shape.keys_bytes(tokens) + 4 * shape.layers * shape.heads * tokens
    found["pass_flops"] = tokens * tokens / 2 * 2 * shape.width
    found["pass_bytes"] = shape.keys_bytes(tokens) // (shape.layers * shape.kv_heads) * 2
    return found


def _column(kernel: Kernel, key: int) -> dict[str, float]:
    spent, first, longest = 0.0, None, 0.0
    while True:
        took, reply = kernel.ask("column", layer=0, heads=[2], key=key)
        spent, longest = spent + took, max(longest, took)
        first = first or spent
        if reply["read"] == reply["of"]:
            return {"first": first, "whole": spent, "longest": longest}


def main(arguments: list[str]) -> None:
    """Print the measurement as JSON."""
    name, tokens = arguments
    print(json.dumps(measure(name, int(tokens))))


if __name__ == "__main__":
    main(sys.argv[1:])
