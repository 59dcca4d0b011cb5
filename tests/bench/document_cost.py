"""Measures one page of one tool, in a process that can be ended: prints a line of JSON after each step.

python -m tests.bench.document_cost bertviz head 64 FOLDER random gestures

FOLDER holds the scripts of the CDN, and gets the page. Then come the tensors, and how far to go: with "paint"
no further than that.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from tests.bench import cdn
from tests.bench.browser_cost import QUIET_MS, WATCH, Cost, MeasuredBrowser, Probe
from tests.bench.documents import prepare
from tests.bench.gestures import GESTURES, Gestures
from tests.bench.tensors import Source

# So that a page of seconds a hover does not take minutes.
ENOUGH_SECONDS = 12.0

HEAD = '<!doctype html><html><head><meta charset="utf-8"></head><body>'


def say(step: str, **figures: Any) -> None:
    """Tell the process that waits that a step is done, and what it cost."""
    print(json.dumps({"step": step, **figures}), flush=True)


def middle(costs: list[Cost]) -> dict[str, float]:
    """Return the median times, and the mean CPU seconds, whose clock is coarse beside a hover."""
    return {
        "first": statistics.median(cost.first for cost in costs),
        "wall": statistics.median(cost.wall for cost in costs),
        "cpu": statistics.mean(cost.cpu for cost in costs),
    }


def gesture_costs(probe: Probe, shown: Gestures, quiet: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Measure a drawn view step by step: changes of layer, then hovers."""
    if shown.before:
        probe.cost(shown.before, quiet=quiet)
    for step, actions in (("change", shown.changes), ("hover", shown.hovers)):
        begun, costs = time.monotonic(), list[Cost]()
        for action in actions:
            costs.append(probe.cost(action, marked=shown.marks, quiet=quiet))
            if time.monotonic() - begun > ENOUGH_SECONDS:
                break
        if costs:
            yield step, middle(costs)


def measure(tool: str, view: str, tokens: int, folder: Path, source: Source, until: str) -> None:
    """Build the page, open it from disk, and say what each step cost."""
    build = prepare(tool, view, tokens, source)
    begun, cpu = time.monotonic(), time.process_time()
    document = build()
    say("built", bytes=document.bytes, wall=time.monotonic() - begun, cpu=time.process_time() - cpu)
    shown = GESTURES[tool][view]
    path, empty = folder / "view.html", folder / "empty.html"
    path.write_text(document.html if document.html.startswith("<!doctype") else HEAD + document.html)
    empty.write_text(HEAD)
    del document
    with MeasuredBrowser() as browser:
        page = browser.new_page()
        page.add_init_script(WATCH)
        cdn.serve(page, folder)
        page.goto(empty.as_uri())
        probe = Probe(page, browser.process_of(page))
        probe.settle()
        base, start = probe.memory(), probe.cpu()
        probe.forget_peak()
        say("opened", process=probe.process, processes=browser.processes())
        page.goto(path.as_uri(), wait_until="commit")
        drawn = probe.cost("", ready=shown.ready, marked=shown.marks, from_start=True, since=start)
        say("drawn", **asdict(drawn), **probe.memory().above(base))
        if browser.process_of(page) != probe.process:
            raise RuntimeError("the page moved to another process")
        if until == "paint":
            say("done")
            return
        probe.rest()
        for step, figures in gesture_costs(probe, shown, QUIET_MS):
            say(step, **figures)
    say("done")


def main(arguments: list[str]) -> int:
    """Measure one page; the exit code says whether that worked, the last line what went wrong."""
    tool, view, tokens, folder, source, until = arguments
    try:
        measure(tool, view, int(tokens), Path(folder), cast(Source, source), until)
    except Exception as error:
        say("failed", why=f"{type(error).__name__}: {error}".splitlines()[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
