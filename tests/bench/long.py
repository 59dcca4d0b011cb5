"""Long prompts: what is measured, each part in a process of its own, whose result is kept.

python -m tests.bench.long [--quick] [--fresh] [PART ...]    # measure; then print the tables
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.long_forward import WAYS
from tests.bench.long_models import SHAPES
from tests.bench.long_stops import TOOLS
from tests.conftest import ROOT

KEPT = ROOT / "build" / "bench-long"
"""Where results wait, one file a part: a run that was broken off goes on where it was."""

LENGTHS = (1024, 4096, 16384, 32768)
LONGEST = 131_072
QUICK = (1024, 2304)

TURNS = {1024: 9, 2304: 1, 4096: 3, 16384: 1, 32768: 1}
"""Timed turns of each way of the forward pass, which alternate; longer passes are timed once, each apart."""


STEADY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""glibc's allocator as it is at its best: it gives nothing back between two tensors.

Left to itself it does so or not by chance, which makes one and the same pass up to a third slower.
"""


@dataclass(frozen=True)
class Part:
    """One measurement: its name, the module that prints it as JSON, its arguments, how long it takes.

    `minutes` are those of 2 cores with nothing else to do; `steady` keeps the allocator's chances out.
    """

    name: str
    command: tuple[str, ...]
    minutes: float
    steady: bool = False


def parts(*, quick: bool = False) -> list[Part]:
    """Return what there is to measure."""
    found = []
    for shape, tokens in cases(quick=quick):
        minutes = _forward_minutes(shape, tokens)
        if turns := TURNS.get(tokens):
            timed = ("tests.bench.long_forward", "time", shape, str(tokens), str(turns))
            found.append(Part(f"time-{shape}-{tokens}", timed, 3 * turns * minutes, steady=True))
        for way in ("sdpa", "capture") if turns else WAYS:
            asked = ("tests.bench.long_forward", "memory", shape, str(tokens), way)
            found.append(Part(f"memory-{shape}-{tokens}-{way}", asked, minutes + 0.1))
        looked = ("tests.bench.long_kernels", shape, str(tokens))
        found.append(Part(f"kernels-{shape}-{tokens}", looked, 0.3 + tokens / 32768))
    shape, tokens = ("two", QUICK[-1]) if quick else ("gpt2", LENGTHS[-1])
    shown = ("tests.bench.long_browser", shape, str(tokens))
    found.append(Part(f"browser-{shape}-{tokens}", shown, 2.0))
    for tool in TOOLS:
        limits = ("64", "128") if quick else ()
        found.append(Part(f"stop-{tool}", ("tests.bench.long_stops", tool, *limits), 1.0 if quick else 6.0))
    return found


def cases(*, quick: bool = False) -> list[tuple[str, int]]:
    """Return shapes and lengths."""
    if quick:
        return [("two", tokens) for tokens in QUICK]
    return [*((shape, tokens) for shape in ("gpt2", "qwen") for tokens in LENGTHS), ("two", LONGEST)]


def _forward_minutes(shape: str, tokens: int) -> float:
    """Return about how long one forward pass takes: attention, and some 20 products of the model's width."""
    one = SHAPES[shape]
    width = one.heads * one.width
    work = one.layers * (2 * tokens * tokens * width + 24 * tokens * width * width)
    return work / 1.2e11 / 60


def measure(
    tell: Callable[[str], None],
    *,
    quick: bool = False,
    fresh: bool = False,
    only: Sequence[str] = (),
    folder: Path = KEPT,
) -> dict[str, Any]:
    """Measure what is not measured yet; returns the results by part.

    Parameters
    ----------
    tell : callable
        Told what is being measured, and how long it may take.
    quick : bool
        Short prompts of a small model.
    fresh : bool
        Measure all of it again.
    only : sequence of str
        Parts whose names begin with one of these; all by default.
    folder : Path
        Where results are kept.
    """
    folder = folder / "quick" if quick else folder
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    wanted = [part for part in parts(quick=quick) if not only or part.name.startswith(tuple(only))]
    left = sum(part.minutes for part in wanted if fresh or not (folder / f"{part.name}.json").exists())
    for part in wanted:
        kept = folder / f"{part.name}.json"
        if kept.exists() and not fresh:
            found[part.name] = json.loads(kept.read_text())
            continue
        tell(f"long: {part.name}, about {part.minutes:.1f} of {left:.0f} minutes")
        left -= part.minutes
        begun = time.monotonic()
        command = [sys.executable, "-m", *part.command]
        setting = os.environ | STEADY if part.steady else None
        done = subprocess.run(command, cwd=ROOT, env=setting, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            # What failed, for want of memory say, is told in the table, and tried again by the next run.
            found[part.name] = {"failed": f"ended with {done.returncode}"}
            tell(f"long: {part.name} failed")
            continue
        found[part.name] = json.loads(done.stdout.splitlines()[-1])
        kept.write_text(json.dumps(found[part.name]))
        tell(f"long: {part.name} took {(time.monotonic() - begun) / 60:.1f} minutes")
    return found


def main() -> None:
    """Measure and print the tables."""
    from tests.bench.long_report import report

    parser = argparse.ArgumentParser(prog="python -m tests.bench.long", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short prompts of a small model")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured")
    parser.add_argument("--list", action="store_true", help="name the parts, and how long each may take")
    parser.add_argument("part", nargs="*", help="beginnings of names of parts; all by default")
    options = parser.parse_args()
    if options.list:
        for part in parts(quick=options.quick):
            print(f"{part.name}: {part.minutes:.1f} minutes")
        return

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    found = measure(tell, quick=options.quick, fresh=options.fresh, only=options.part)
    print(report(found, quick=options.quick))


if __name__ == "__main__":
    main()
