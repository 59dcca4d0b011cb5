"""Builds the gallery page and opens its cases in a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, sync_playwright

from tests.e2e.harness.browser import ARGUMENTS
from tests.e2e.harness.chromium import find
from tests.gallery import embedded, snapshots

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "js" / "dist" / "gallery.html"

CASES = (
    "embedded",
    "default",
    "cjk",
    "tokens8",
    "one-head",
    "heads32",
    "long-tokens",
    "rtl",
    "nan",
    "sinks",
    "tokens200",
    "tokens512",
    "hybrid",
    "cross",
    "given",
    "error",
    "running",
    "terms",
    "keys4096",
    "heads64",
    "long",
    "empty",
    "pins",
    "pair",
    "norms",
    "translation",
)
VIEWS = ("head", "model", "neuron", "matrix", "text", "metrics")


def build() -> Path:
    """Build the gallery page, with the embedded model's own record, and return where it lies."""
    npm = shutil.which("npm")
    if npm is None or not (ROOT / "js" / "node_modules").exists():
        raise RuntimeError("The gallery needs Node and the front end's packages. Run `npm ci` in js/.")
    subprocess.run([npm, "run", "--silent", "gallery"], cwd=ROOT / "js", check=True, capture_output=True)
    embedded.write(PAGE.with_name("embedded.js"))
    snapshots.write(PAGE.with_name("snapshots.js"))
    return PAGE


class Gallery:
    """One Chromium that shows cases of the gallery and keeps a list of what went wrong in them.

    Parameters
    ----------
    scale : float
        Device pixels per CSS pixel.
    """

    def __init__(self, scale: float = 1) -> None:
        self._scale = scale
        self._idle: Page | None = None
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chromium.close()
        self._playwright.stop()

    def open(self, case: str, *, window: int = 1040, reduced_motion: bool = False, **query: Any) -> Page:
        """Open one case; `query` is the rest of the address."""
        page, self._idle = self._idle or self._new_page(), None
        page.set_viewport_size({"width": window, "height": 800})
        page.emulate_media(reduced_motion="reduce" if reduced_motion else "no-preference")
        page.goto(f"{PAGE.as_uri()}?{urlencode({'case': case, **query})}")
        if case != "empty":
            page.wait_for_selector(".attnwidget[data-ready='1']")
        return page

    def close_pages(self) -> None:
        """Close every page but one, which the next case is opened in: a new one takes as long as a case."""
        pages = [page for context in self._chromium.contexts for page in context.pages]
        for page in pages[1:]:
            page.context.close()
        self._idle = pages[0] if pages else None
        if self._idle is not None:
            self._idle.mouse.move(0, 0)

    def _new_page(self) -> Page:
        page = self._chromium.new_page(device_scale_factor=self._scale)
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self._heard("error", str(error)))
        return page

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.errors.append(f"{kind}: {text}")


def rest(page: Page) -> None:
    """Wait until two frames have been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def colours(canvas: Locator) -> int:
    """Return how many colours a canvas shows."""
    return int(
        canvas.evaluate(
            """canvas => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return new Set(new Uint32Array(data.buffer)).size;
            }"""
        )
    )


def drawn(page: Page) -> int:
    """Return the number of colours of all canvases of the pane together; 0 means that nothing is drawn."""
    canvases = page.locator(".aw-pane canvas")
    return sum(colours(canvases.nth(at)) for at in range(canvases.count()))


def pixels(page: Page) -> str:
    """Return the pane's canvases as text, to be compared."""
    script = "canvases => canvases.map(canvas => canvas.toDataURL()).join()"
    return str(page.locator(".aw-pane canvas").evaluate_all(script))
