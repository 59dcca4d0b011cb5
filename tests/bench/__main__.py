"""Measures everything, prints the tables, and writes them into the README.

python -m tests.bench [--quick] [--only forward|page|peers|snapshot|sharing|size|long] [--keep]

What is said of long prompts stands apart in the README, and takes most of an hour: `--only long` measures it
alone, and goes on with the parts that were measured already (see `tests.bench.long`).
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import sys
from importlib.metadata import version

from tests.bench import (
    forward,
    long,
    long_report,
    page,
    peers,
    peers_report,
    sharing,
    sharing_report,
    snapshot_cost,
    tensors,
)
from tests.bench.table import LONG, markdown, replace_between
from tests.conftest import ROOT

README = ROOT / "README.md"
PARTS = ("forward", "page", "peers", "snapshot", "sharing", "size", "long")
ALL_HEADS = list(range(tensors.HEADS))


def tell(line: str) -> None:
    """Say what is being measured, beside the tables."""
    print(line, file=sys.stderr, flush=True)


def machine() -> str:
    """Return one line on what the figures were measured with."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"torch {version('torch').partition('+')[0]}, transformers {version('transformers')}."
    )


def sizes() -> str:
    """Return the table of the bundle's size."""
    data = (ROOT / "attnwidget" / "static" / "widget.js").read_bytes()
    figures = [len(data), len(gzip.compress(data, mtime=0))]
    return markdown(
        ["Bundle, as stored", "Bytes", "Gzipped"],
        [["`widget.js`, its style sheet inside", *(f"{figure / 1000:.1f} kB" for figure in figures)]],
    )


def tables(only: str | None, *, quick: bool) -> str:
    """Measure and return the Markdown of every table."""
    turns = {128: 3} if quick else {128: 5, 512: 3, 2048: 2}
    parts = [f"Measured by `make bench` on {machine()}"]
    if only in (None, "forward"):
        costs = forward.measure(["gpt2", "qwen"], turns, tell)
        parts += [
            "Forward pass, random weights, batch 1, one thread; median CPU seconds of runs that take turns, "
            "as multiples of SDPA alone. Peaks are above the loaded model, each in a fresh process.",
            forward.report(costs),
        ]
    if only in (None, "page"):
        found = page.measure([64] if quick else [64, 256, 512], ALL_HEADS, tell)
        parts += [
            "In JupyterLab and headless Chromium without a GPU, "
            f"{tensors.LAYERS} layers x {tensors.HEADS} heads of arrays, all heads of a layer on screen: "
            "from the input to the end of the first frame that draws, and to the last mark (lines are drawn "
            "strongest first; exact values follow a hover).",
            page.report(found),
        ]
    if only in (None, "peers"):
        lengths = peers.QUICK if quick else peers.LENGTHS
        parts += [peers_report.report(peers.measure(lengths, tell), lengths)]
    if only in (None, "snapshot"):
        costs_of = snapshot_cost.measure(snapshot_cost.QUICK if quick else snapshot_cost.LENGTHS, tell)
        parts += [
            "Snapshots: bytes as stored in a notebook (base64), CPU seconds to encode, and how far weights "
            "read from one are from the record's: those that were left out included, and computed from "
            "queries and keys where these are kept.",
            snapshot_cost.report(costs_of),
        ]
    if only in (None, "sharing"):
        shared = sharing.measure(sharing.QUICK if quick else sharing.LENGTHS, tell)
        parts += [sharing_report.report(shared)]
    if only in (None, "size"):
        parts += ["The front end, which each explorer stores in its notebook:", sizes()]
    return "\n\n".join(parts)


def main() -> None:
    """Measure, print, and write the README unless asked to keep it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short inputs only")
    parser.add_argument("--only", choices=PARTS, help="one table")
    parser.add_argument("--keep", action="store_true", help="do not write the README")
    options = parser.parse_args()
    written = not (options.keep or options.quick)
    if options.only != "long":
        text = tables(options.only, quick=options.quick)
        print(text)
        if written and options.only is None:
            README.write_text(replace_between(README.read_text(), text))
            tell("README.md: tables replaced")
    if options.only in (None, "long"):
        found = long.measure(tell, quick=options.quick, fresh=options.only is None)
        text = f"Long prompts, measured by `make bench` on {machine()}"
        text = f"{text}\n\n{long_report.report(found, quick=options.quick)}"
        print(text)
        if written:
            README.write_text(replace_between(README.read_text(), text, LONG))
            tell("README.md: tables of long prompts replaced")


if __name__ == "__main__":
    main()
