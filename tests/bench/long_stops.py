"""At which length other ways to look at attention stop here: in time, in memory, or in the browser.

python -m tests.bench.long_stops eager      # JSON; or bertviz, circuitsvis, inspectus
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import cdn, page_runs
from tests.bench.browser_cost import resident
from tests.conftest import ROOT

TOOLS = {
    "eager": "eager `output_attentions`",
    "bertviz": "BertViz, head view",
    "circuitsvis": "CircuitsVis",
    "inspectus": "Inspectus",
}

FIRST, MOST = 64, 1 << 17
SECONDS = 60.0
"""Nobody waits longer than this."""

_POLL = 0.2


def memory_limit() -> int:
    """Return how many bytes a process may take: nine tenths of what is free now."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return int(free * 1024 * 0.9)


def eager(tokens: int) -> str | None:
    """Run GPT-2 small with `output_attentions`, apart; returns why it stopped, None if it did not."""
    limit, begun = memory_limit(), time.monotonic()
    command = [sys.executable, "-m", "tests.bench.long_stops", "forward", str(tokens)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        # The model is there; the time counts from here.
        process.stdout.readline()
        begun = time.monotonic()
        while process.poll() is None:
            if resident(process.pid) > limit:
                return f"over {limit / 1e9:.0f} GB, all that is free"
            if time.monotonic() - begun > SECONDS:
                return f"not done in {SECONDS:.0f} s"
            time.sleep(_POLL)
        return None if process.returncode == 0 else "out of memory"
    finally:
        process.kill()
        process.wait()


def _forward(tokens: int) -> None:
    import torch

    from tests.bench.long_forward import prompt
    from tests.bench.long_models import build

    model = build("gpt2", tokens)
    model.set_attn_implementation("eager")
    print("ready", flush=True)
    with torch.inference_mode():
        kept = model(input_ids=prompt(tokens), use_cache=False, output_attentions=True).attentions
    os._exit(0 if len(kept) == 12 else 1)


def stop(tool: str, first: int = FIRST, most: int = MOST) -> dict[str, Any]:
    """Double the length until a tool fails.

    Returns
    -------
    dict
        "last": the longest prompt that worked (None if none did), "stopped" and "why": the first that did not
        (None if all did); or "absent": why it was not tried.
    """
    last, tokens = None, first
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if tool != "eager" and (why := cdn.absent([tool], folder).get(tool)):
            return {"absent": why}
        while tokens <= most:
            why = eager(tokens) if tool == "eager" else _page(tool, tokens, folder)
            if why is not None:
                return {"last": last, "stopped": tokens, "why": why}
            last, tokens = tokens, 2 * tokens
    return {"last": last, "stopped": None, "why": None}


def _page(tool: str, tokens: int, folder: Path) -> str | None:
    return page_runs.measure(tool, "head", tokens, folder, gestures=False).failure


def main(arguments: list[str]) -> None:
    """Print where a tool stops, as JSON; "forward" is what `eager` runs."""
    if arguments[0] == "forward":
        _forward(int(arguments[1]))
    else:
        print(json.dumps(stop(*[arguments[0], *map(int, arguments[1:])])))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
