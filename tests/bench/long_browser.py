"""A long prompt in JupyterLab and headless Chromium: frame times while it is moved, and the page's memory.

python -m tests.bench.long_browser gpt2 32768    # JSON
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.browser_cost import QUIET_KERNEL_MS, WATCH, MeasuredBrowser, NotDrawnError, Probe
from tests.conftest import ROOT
from tests.e2e.harness.explorer import READY, explorers
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import write_notebook

SECONDS = 4.0
"""For how long the matrix is panned, and the text scrolled."""

ZOOMS = 6
"""Times that the matrix is zoomed in, from the whole prompt, before it is panned."""

GIVEN = """
import sys
sys.path.insert(0, {root!r})
import attnwidget as aw
from tests.bench import long_models
record = long_models.record({name!r}, {tokens})
"""

# Does `step(frame)` in every frame for some time, and resolves to the milliseconds between frames.
FRAMES = """([ms, body]) => new Promise((done) => {
    const step = new Function("frame", body);
    const times = [];
    const begun = performance.now();
    let last = null;
    const tick = (now) => {
        if (last !== null) times.push(now - last);
        last = now;
        if (now - begun > ms) return done(times);
        step(times.length);
        requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
})"""

SCROLL = """
    const box = document.querySelector(".attnwidget .ap-scroller");
    box.scrollTop += frame % 120 < 60 ? 90 : 700;
"""

# A pointer drags the matrix around in a circle: as far as it goes without letting go.
PAN = """
    const canvas = document.querySelector(".attnwidget .ap-heat");
    const box = canvas.getBoundingClientRect();
    const at = (type) => canvas.dispatchEvent(new PointerEvent(type, {
        bubbles: true, cancelable: true, pointerId: 7, pointerType: "mouse", isPrimary: true,
        button: 0, buttons: 1,
        clientX: box.x + box.width / 2 + 90 * Math.sin(frame / 9),
        clientY: box.y + box.height / 2 + 90 * Math.cos(frame / 9),
    }));
    if (frame === 0) {
        canvas.setPointerCapture = () => {};
        at("pointerdown");
    }
    at("pointermove");
"""

RELEASE = """() => document.querySelector(".attnwidget .ap-heat").dispatchEvent(
    new PointerEvent("pointerup", { bubbles: true, pointerId: 7, pointerType: "mouse", isPrimary: true }))"""

CLICK = """
    const tokens = [...document.querySelectorAll(".attnwidget .ap-scroller [role=option]")];
    tokens[Math.floor(tokens.length / 2)].click();
"""


def frames(times: list[float], cpu: float) -> dict[str, float]:
    """Return what is said of frames: how many, their median and 95th percentile in seconds, CPU of each."""
    ordered = sorted(times)
    return {
        "count": len(times),
        "p50": statistics.median(ordered) / 1000,
        "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] / 1000,
        "cpu": cpu / max(1, len(times)),
    }


def _move(probe: Probe, body: str) -> dict[str, float]:
    cpu = probe.cpu()
    times: list[float] = probe.page.evaluate(FRAMES, [1000 * SECONDS, body])
    return frames(times, probe.cpu() - cpu)


def _click(probe: Probe) -> dict[str, float] | None:
    """Click a word in sight; None where the page does not come to rest within the limit."""
    try:
        clicked = probe.cost(CLICK, quiet=QUIET_KERNEL_MS, marked=True)
    except NotDrawnError:
        return None
    return {"first": clicked.first, "last": clicked.wall, "cpu": clicked.cpu}


def measure(name: str, tokens: int) -> dict[str, Any]:
    """Return frame times while panning and scrolling, what a click on a word costs, and the page's memory."""
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(Path(folder)) as lab,
        MeasuredBrowser() as browser,
    ):
        write_notebook(Path(folder) / "long.ipynb", ["ex = aw.explore(record=record, view='text')\nex"])
        notebook = lab.open(browser, "long.ipynb")
        page = notebook.page
        notebook.execute(GIVEN.format(root=str(ROOT), name=name, tokens=tokens))
        page.evaluate(WATCH)
        probe = Probe(page, browser.process_of(page))
        probe.rest()
        base = probe.memory()
        probe.forget_peak()
        notebook.run_all()
        page.wait_for_selector(READY, timeout=120_000)
        (explorer,) = explorers(page)
        probe.settle()
        found: dict[str, Any] = {"text": _move(probe, SCROLL)}
        found["click"] = _click(probe)
        found["nodes"] = page.evaluate("document.querySelectorAll('.attnwidget *').length")
        explorer.tab("Matrix").click()
        heat = page.locator(".attnwidget .ap-heat").first
        heat.wait_for()
        probe.settle()
        heat.focus()
        for _ in range(ZOOMS):
            page.keyboard.press("+")
        probe.settle()
        found["matrix"] = _move(probe, PAN)
        page.evaluate(RELEASE)
        probe.settle()
        memory = probe.memory()
        found["memory"] = {**memory.above(base), "all": memory.resident}
        if errors := [*notebook.errors(), *browser.errors()]:
            raise RuntimeError(errors[0])
        page.close()
        return found


def main(arguments: list[str]) -> None:
    """Print the measurement as JSON."""
    name, tokens = arguments
    print(json.dumps(measure(name, int(tokens))))


if __name__ == "__main__":
    main(sys.argv[1:])
