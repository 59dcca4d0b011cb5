"""Runs `document_cost` in a process of its own, and ends what takes too long or too much memory."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.browser_cost import LIMIT_MS, resident
from tests.bench.tensors import Source
from tests.conftest import ROOT

MEMORY_LIMIT = 8_000_000_000
# Seconds that each step may take: to be built in Python, to be drawn, to answer a few gestures. A little more
# than the page's own limit, so that what it has to say is heard.
DRAW_LIMIT = LIMIT_MS / 1000 + 5
LIMITS = {"built": 180.0, "opened": 60.0, "drawn": DRAW_LIMIT, "answered": DRAW_LIMIT}
POLL_SECONDS = 0.2


@dataclass
class Measured:
    """What is known of one view of one tool at one length: figures by step, and what went wrong."""

    tool: str
    view: str
    tokens: int
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: str | None = None

    def get(self, step: str, name: str) -> float | None:
        """Return a figure, None where it is not known."""
        return self.steps.get(step, {}).get(name)


def _end(process: subprocess.Popen[str], others: list[int]) -> None:
    process.kill()
    for other in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(other, signal.SIGKILL)
    process.wait()


def _listen(process: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """Return a queue of what a process prints; None at its end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _follow(lines: queue.Queue[str | None], found: Measured) -> None:
    """Take down what is said until the end, or until a limit is passed."""
    begun, wanted = time.monotonic(), ["built", "opened", "drawn"]
    while True:
        opened = found.steps.get("opened", {})
        if "process" in opened and resident(opened["process"]) > MEMORY_LIMIT:
            found.failure = f"over {MEMORY_LIMIT / 1e9:.0f} GB"
            return
        step = wanted[0] if wanted else "answered"
        if time.monotonic() - begun > LIMITS[step]:
            found.failure = f"not {step} in {LIMIT_MS // 1000 if step == 'drawn' else LIMITS[step]:.0f} s"
            return
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            found.failure = "its process ended"
            return
        said = json.loads(line)
        done = said.pop("step")
        if done == "failed":
            found.failure = _reason(said["why"])
        if done in ("failed", "done"):
            return
        found.steps[done] = said
        begun, wanted = time.monotonic(), [name for name in wanted if name != done]


def _reason(why: str) -> str:
    """Return in few words why a page could not be measured."""
    if "crash" in why or "closed" in why:
        return "its page crashed"
    return why.removeprefix("NotDrawnError: ")


def measure(
    tool: str, view: str, tokens: int, folder: Path, *, source: Source = "random", gestures: bool = True
) -> Measured:
    """Measure one page of one tool, within limits of time and memory.

    Parameters
    ----------
    tool, view : str
        As in `gestures.GESTURES`.
    tokens : int
        The length.
    folder : Path
        Where `cdn.install` put the scripts; the page is written there.
    source : {"random", "embedded"}
        Whose attention.
    gestures : bool
        Whether to go on once the page is drawn.
    """
    found = Measured(tool, view, tokens)
    command = [sys.executable, "-m", "tests.bench.document_cost", tool, view, str(tokens), str(folder)]
    command += [source, "gestures" if gestures else "paint"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            _follow(_listen(process), found)
        finally:
            over = found.failure is not None and process.poll() is None
            _end(process, found.steps.get("opened", {}).get("processes", []) if over else [])
    return found
