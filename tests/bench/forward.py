"""One forward pass three ways: SDPA alone, SDPA with capture, eager with `output_attentions`.

python -m tests.bench.forward time gpt2 512 5          # JSON: CPU seconds of each way, interleaved
python -m tests.bench.forward memory gpt2 512 capture  # JSON: peak bytes of one way, in this process
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from tests.bench.table import markdown

Way = Literal["sdpa", "capture", "eager"]
WAYS: tuple[Way, ...] = get_args(Way)
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Cost:
    """What one model cost at one length.

    `seconds` (of CPU) and `peak` (bytes above the loaded model) are by way; `cache` is the bytes of Q and K.
    """

    model: str
    tokens: int
    seconds: dict[str, float]
    peak: dict[str, int]
    cache: int


def forward(model: Any, inputs: Any, way: Way) -> Any:
    """Run one forward pass; returns its sites under capture, else its output."""
    import torch

    from attnwidget.capture import run_with_capture

    with torch.inference_mode():
        if way == "capture":
            return run_with_capture(model, inputs).sites
        return model(**inputs, use_cache=False, output_attentions=way == "eager")


def measure_time(name: str, tokens: int, repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each way, which take turns.

    One thread, and CPU seconds instead of the clock's: other processes on the machine hardly touch the ratio.
    """
    import torch

    from tests.bench.models import build, prompt

    torch.set_num_threads(1)
    model, inputs = build(name), prompt(tokens)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for repeat in range(repeats + 1):
        for way in WAYS:
            model.set_attn_implementation("eager" if way == "eager" else "sdpa")
            begun = time.process_time()
            forward(model, inputs, way)
            # The first turn warms up.
            if repeat:
                seconds[way].append(time.process_time() - begun)
    return {way: statistics.median(values) for way, values in seconds.items()}


def _resident(field: str) -> int:
    """Return a memory figure of this process in bytes, as Linux counts it."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def measure_memory(name: str, tokens: int, way: Way) -> dict[str, int]:
    """Return the peak bytes of one way above the loaded model; for capture, also those that it keeps."""
    from tests.bench.models import build, prompt

    model = build(name)
    if way == "eager":
        model.set_attn_implementation("eager")
    # Threads and kernels allocate at their first use, whatever the length.
    forward(model, prompt(8), way)
    inputs = prompt(tokens)
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    kept = forward(model, inputs, way)
    peak = _resident("VmHWM") - before
    return {"peak": peak, "cache": sum(site.nbytes for site in kept) if way == "capture" else 0}


def _apart(*arguments: object) -> dict[str, Any]:
    """Run a measurement in a fresh process."""
    command = [sys.executable, "-m", "tests.bench.forward", *map(str, arguments)]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return result


def measure(names: list[str], turns: Mapping[int, int], tell: Callable[[str], None]) -> list[Cost]:
    """Measure every model at every length.

    Parameters
    ----------
    names : list of str
        Keys of `tests.bench.models.SHAPES`.
    turns : mapping of int to int
        Number of tokens to number of timed turns.
    tell : callable
        Told what is being measured.
    """
    costs = []
    for name in names:
        for tokens, repeats in turns.items():
            tell(f"forward: {name}, {tokens} tokens")
            seconds = _apart("time", name, tokens, repeats)
            memory = {way: _apart("memory", name, tokens, way) for way in WAYS}
            peak: dict[str, int] = {way: figures["peak"] for way, figures in memory.items()}
            costs.append(Cost(name, tokens, seconds, peak, memory["capture"]["cache"]))
    return costs


def report(costs: list[Cost]) -> str:
    """Return the Markdown table; ratios are to SDPA alone."""
    from tests.bench.models import SHAPES

    rows = []
    for cost in costs:
        base, extra = cost.seconds["sdpa"], (cost.peak["capture"] - cost.peak["sdpa"]) / cost.cache
        rows.append(
            [
                SHAPES[cost.model].title,
                f"{cost.tokens:,}",
                f"{base:.2f} s",
                f"{cost.seconds['capture'] / base:.2f} x",
                f"{cost.seconds['eager'] / base:.2f} x",
                *(f"{cost.peak[way] / 1e6:,.0f} MB" for way in WAYS),
                f"{cost.cache / 1e6:,.0f} MB",
                f"{extra:.2f}",
            ]
        )
    return markdown(
        [
            "Shape",
            "Tokens",
            "SDPA",
            "with capture",
            "eager, `output_attentions`",
            "Peak: SDPA",
            "with capture",
            "eager",
            "Kept Q and K",
            "Extra peak / kept",
        ],
        rows,
    )


def main(arguments: list[str]) -> None:
    """Print one measurement as JSON."""
    kind, name, tokens, last = arguments
    if kind == "time":
        print(json.dumps(measure_time(name, int(tokens), int(last))))
    else:
        (way,) = [way for way in WAYS if way == last]
        print(json.dumps(measure_memory(name, int(tokens), way)))


if __name__ == "__main__":
    main(sys.argv[1:])
