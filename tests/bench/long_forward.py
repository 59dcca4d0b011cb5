"""One forward pass of a long prompt: SDPA in one piece, SDPA that keeps its own cache, and with capture.

python -m tests.bench.long_forward time gpt2 4096 2        # JSON: seconds of each way, interleaved
python -m tests.bench.long_forward memory gpt2 4096 capture  # JSON: peak bytes and seconds of one way, here
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Literal, get_args

from tests.bench.browser_cost import resident
from tests.bench.long_models import SHAPES, build

Way = Literal["sdpa", "cached", "capture"]
WAYS: tuple[Way, ...] = get_args(Way)
WARM = 64


def chunk_of(model: Any, tokens: int) -> int | None:
    """Return the chunk in which a runner would run so many tokens; None for one piece."""
    from attnwidget.runner.chunks import chunk_for

    return chunk_for(model, tokens, None, "cpu")


def forward(model: Any, ids: Any, way: Way) -> Any:
    """Run one forward pass; returns what is kept of it: the sites under capture.

    A cache of keys and values is filled in the chunks in which a runner runs, or in one piece where it does.
    """
    import torch
    from transformers import DynamicCache

    from attnwidget.capture import run_with_capture

    tokens = ids.shape[1]
    chunk = chunk_of(model, tokens)
    with torch.inference_mode():
        if way == "capture":
            return run_with_capture(model, {"input_ids": ids, "use_cache": False}, chunk=chunk).sites
        if way == "sdpa":
            return model(input_ids=ids, use_cache=False).last_hidden_state
        cache = DynamicCache(config=model.config)
        for first in range(0, tokens, chunk or tokens):
            model(input_ids=ids[:, first : first + (chunk or tokens)], past_key_values=cache, use_cache=True)
        return cache


def prompt(tokens: int) -> Any:
    """Return one row of random token ids."""
    import torch

    return torch.randint(0, 32_000, (1, tokens), generator=torch.Generator().manual_seed(1))


def measure_time(name: str, tokens: int, repeats: int) -> dict[str, Any]:
    """Return the median seconds (wall, CPU) of each way, which take turns, on all cores."""
    model, ids = build(name, tokens), prompt(tokens)
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for way in WAYS:
        forward(model, prompt(WARM), way)
    for _ in range(repeats):
        for way in WAYS:
            wall, cpu = time.monotonic(), time.process_time()
            forward(model, ids, way)
            found[way].append((time.monotonic() - wall, time.process_time() - cpu))
    return {
        "chunk": chunk_of(model, tokens),
        "wall": {way: statistics.median(wall for wall, _ in each) for way, each in found.items()},
        "cpu": {way: statistics.median(cpu for _, cpu in each) for way, each in found.items()},
    }


def measure_memory(name: str, tokens: int, way: Way) -> dict[str, Any]:
    """Return the peak bytes of one way above the loaded model, and its seconds; of capture what it keeps."""
    import os

    model, ids = build(name, tokens), prompt(tokens)
    forward(model, prompt(WARM), way)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident(os.getpid())
    wall, cpu = time.monotonic(), time.process_time()
    kept = forward(model, ids, way)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = resident(os.getpid(), "VmHWM") - before
    cache = sum(site.nbytes for site in kept) if way == "capture" else 0
    chunk = chunk_of(model, tokens)
    return {"peak": peak, "cache": cache, "wall": wall, "cpu": cpu, "chunk": chunk}


def main(arguments: list[str]) -> None:
    """Print one measurement as JSON."""
    kind, name, tokens, last = arguments
    if name not in SHAPES or kind not in ("time", "memory"):
        sys.exit(__doc__)
    if kind == "time":
        print(json.dumps(measure_time(name, int(tokens), int(last))))
    else:
        (way,) = [way for way in WAYS if way == last]
        print(json.dumps(measure_memory(name, int(tokens), way)))


if __name__ == "__main__":
    main(sys.argv[1:])
