"""Latency in the page: from the input to the marks on the canvas, in a real JupyterLab."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.bench import tensors
from tests.bench.table import markdown
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import explorers
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import Notebook, write_notebook

SETUP = (
    tensors.IN_KERNEL
    + """
ex = aw.explore(attentions=tensors.attention({tokens}), tokens=tensors.labels({tokens}), layer=0,
                heads={chosen})
"""
)

# Notes when each mark on a pane's canvas was made; the small pictures of the heads' buttons do not count.
WATCH = """() => {
    const marks = (window.attnwidgetMarks = []);
    for (const name of ["stroke", "fill", "fillRect", "drawImage", "putImageData", "fillText"]) {
        const plain = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...args) {
            const result = plain.apply(this, args);
            if (this.canvas.clientWidth > 100) marks.push(performance.now());
            return result;
        };
    }
}"""

# Does something and waits until nothing has been drawn for a while. Lines are drawn over several frames, the
# strongest first: returns the milliseconds to the last mark of the first frame, and to the last mark of all.
TIMED = """([action, quiet, limit]) => new Promise((done) => {
    const marks = window.attnwidgetMarks;
    marks.length = 0;
    const begun = performance.now();
    new Function(action)();
    const look = () => {
        const now = performance.now();
        if (marks.length > 0 && now - marks.at(-1) > quiet) {
            const gap = marks.findIndex((time, index) => index > 0 && time - marks[index - 1] > 5);
            done([marks.at(gap === -1 ? -1 : gap - 1) - begun, marks.at(-1) - begun]);
        } else if (now - begun > limit) done(null);
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""

# How long nothing may be drawn before what was drawn counts as all; longer where the kernel is asked.
QUIET_MS = 250
QUIET_KERNEL_MS = 1500
LIMIT_MS = 60_000

RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
SET_LAYER = """
    const slider = document.querySelector(".attnwidget input[type=range][aria-label='Layer']");
    slider.value = "{layer}";
    slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
    slider.dispatchEvent(new Event("change", {{ bubbles: true }}));
"""
HOVER = """
    const token = document.querySelector(".attnwidget .ap-column-query [data-index='{query}']");
    token.dispatchEvent(new PointerEvent("pointerover", {{ bubbles: true, pointerType: "mouse" }}));
"""


@dataclass(frozen=True)
class Time:
    """Milliseconds from an input to the end of the first frame's marks, and to the last mark."""

    first: float
    last: float

    def __str__(self) -> str:
        return f"{self.first:.0f} / {self.last:.0f} ms"


@dataclass(frozen=True)
class Latency:
    """What one length cost: medians of what a user waits for, and the size of the saved notebook in bytes."""

    tokens: int
    opened: Time
    fresh: Time
    seen: Time
    hover: Time
    saved: int


def _timed(page: Page, action: str, quiet: int = QUIET_MS) -> Time:
    """Do something in the page and return how long its marks took."""
    elapsed: Any = page.evaluate(TIMED, [action, quiet, LIMIT_MS])
    if elapsed is None:
        raise RuntimeError(f"nothing was drawn after {action.strip()}")
    return Time(*elapsed)


def _median(times: list[Time]) -> Time:
    return Time(statistics.median(t.first for t in times), statistics.median(t.last for t in times))


def _measure(notebook: Notebook, path: Path, tokens: int, chosen: list[int]) -> Latency:
    page = notebook.page
    notebook.execute(SETUP.format(tokens=tokens, chosen=chosen))
    page.evaluate(WATCH)
    opened = _timed(page, RUN, QUIET_KERNEL_MS)
    (explorer,) = explorers(page)
    if explorer.pixels().colours < 2:
        raise RuntimeError("the explorer is blank")
    # Steps of 3: the neighbours of a layer may have been fetched ahead.
    fresh = [
        _timed(page, SET_LAYER.format(layer=layer), QUIET_KERNEL_MS) for layer in range(3, tensors.LAYERS, 3)
    ]
    seen = [_timed(page, SET_LAYER.format(layer=layer)) for layer in (6, 9, 6, 9, 6)]
    hover = [_timed(page, HOVER.format(query=query)) for query in (3, 9, 5, 11, 7, 2, 8)]
    notebook.save()
    return Latency(tokens, opened, _median(fresh), _median(seen), _median(hover), path.stat().st_size)


def measure(lengths: list[int], chosen: list[int], tell: Callable[[str], None]) -> list[Latency]:
    """Measure every length in a notebook of its own.

    Parameters
    ----------
    lengths : list of int
        Numbers of tokens.
    chosen : list of int
        The heads on screen.
    tell : callable
        Told what is being measured.
    """
    found = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LabServer(Path(folder), save_widget_state=True) as lab,
        Browser() as browser,
    ):
        for tokens in lengths:
            tell(f"page: {tokens} tokens")
            path = Path(folder) / f"{tokens}.ipynb"
            write_notebook(path, ["ex"])
            notebook = lab.open(browser, path.name)
            found.append(_measure(notebook, path, tokens, chosen))
            browser.reset()
            lab.stop_kernels()
    return found


def report(latencies: list[Latency]) -> str:
    """Return the Markdown table."""
    rows = [
        [
            f"{item.tokens}",
            *map(str, (item.opened, item.fresh, item.seen, item.hover)),
            f"{item.saved / 1000:,.0f} kB",
        ]
        for item in latencies
    ]
    head = ["Tokens", "Run the cell", "A layer, first time", "A layer seen before", "Hover", "Saved notebook"]
    return markdown(head, rows)
