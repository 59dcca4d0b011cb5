"""Latency in the page: from a key or the pointer to the last mark drawn, in a real JupyterLab."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.bench.table import markdown
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import Explorer, explorers
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import Notebook, write_notebook

LAYERS = 12
HEADS = 12

CELLS = """
import numpy as np
import attnwidget as aw

def attention(n):
    scores = np.random.default_rng(0).normal(size=({layers}, {heads}, n, n)).astype(np.float32) * 2
    scores[..., np.triu_indices(n, 1)[0], np.triu_indices(n, 1)[1]] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)

ex = aw.explore(attentions=attention({tokens}), tokens=[f"t{{i}}" for i in range({tokens})], layer=0,
                heads={chosen})
"""

# Notes when each canvas call ends and how long the page's thread was busy with tasks.
WATCH = """() => {
    const watch = (window.attnwidgetWatch = { last: 0, calls: 0 });
    for (const name of ["stroke", "fill", "fillRect", "clearRect", "drawImage", "putImageData", "fillText"]) {
        const plain = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...args) {
            const result = plain.apply(this, args);
            watch.last = performance.now();
            watch.calls += 1;
            return result;
        };
    }
}"""

# Does something, then waits until nothing has been drawn for a while; returns milliseconds to the last mark.
TIMED = """([action, quiet, limit]) => new Promise((done) => {
    const watch = window.attnwidgetWatch;
    const calls = watch.calls;
    const begun = performance.now();
    new Function(action)();
    const look = () => {
        const now = performance.now();
        const drawn = watch.calls > calls;
        if ((drawn && now - watch.last > quiet) || now - begun > limit) {
            done(drawn ? watch.last - begun : null);
        } else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""

# How long nothing may be drawn before what was drawn counts as all; longer where the kernel is asked.
QUIET_MS = 250
QUIET_KERNEL_MS = 1500
LIMIT_MS = 60_000

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
class Latency:
    """Median milliseconds at one length: a layer never seen, a layer seen before, a hover."""

    tokens: int
    first: float
    again: float
    hover: float


def _timed(page: Page, action: str, quiet: int = QUIET_MS) -> float:
    """Return the milliseconds from an action to the last mark it drew."""
    elapsed: Any = page.evaluate(TIMED, [action, quiet, LIMIT_MS])
    if elapsed is None:
        raise RuntimeError(f"nothing was drawn after {action.strip()}")
    return float(elapsed)


def _measure(notebook: Notebook, explorer: Explorer, tokens: int) -> Latency:
    page = notebook.page
    explorer.pixels()
    page.evaluate(WATCH)
    # Steps of 3: the neighbours of a layer may have been fetched ahead.
    first = [_timed(page, SET_LAYER.format(layer=layer), QUIET_KERNEL_MS) for layer in range(3, LAYERS, 3)]
    again = [_timed(page, SET_LAYER.format(layer=layer)) for layer in (6, 9, 6, 9, 6)]
    hover = [_timed(page, HOVER.format(query=query)) for query in (3, 9, 5, 11, 7, 2, 8)]
    return Latency(tokens, *map(statistics.median, (first, again, hover)))


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
    with tempfile.TemporaryDirectory() as folder, LabServer(Path(folder)) as lab, Browser() as browser:
        for tokens in lengths:
            tell(f"page: {tokens} tokens")
            cells = CELLS.format(layers=LAYERS, heads=HEADS, tokens=tokens, chosen=chosen)
            write_notebook(Path(folder) / f"{tokens}.ipynb", [cells, "ex"])
            notebook = lab.open(browser, f"{tokens}.ipynb")
            notebook.run_all()
            (explorer,) = explorers(notebook.page)
            found.append(_measure(notebook, explorer, tokens))
            browser.reset()
            lab.stop_kernels()
    return found


def report(latencies: list[Latency]) -> str:
    """Return the Markdown table."""
    rows = [
        [f"{item.tokens}", f"{item.first:.0f} ms", f"{item.again:.0f} ms", f"{item.hover:.0f} ms"]
        for item in latencies
    ]
    return markdown(["Tokens", "A layer, first time", "A layer seen before", "Hover"], rows)
