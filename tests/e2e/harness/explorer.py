"""An explorer on a page, reached by the accessible names of its controls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import FrameLocator, Locator, Page, expect

READY = ".attnwidget[data-ready='1']"


PIXELS = """(root) => {
    const size = (canvas) => canvas.clientWidth * canvas.clientHeight;
    const all = [...root.querySelectorAll("canvas")];
    const large = Math.max(...all.map(size)) / 4;
    const seen = new Set();
    let sum = 0;
    for (const canvas of all.filter((canvas) => size(canvas) >= large)) {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (const pixel of new Uint32Array(data.buffer)) {
            seen.add(pixel);
            sum = (Math.imul(sum, 31) + pixel) | 0;
        }
    }
    return [seen.size, sum];
}"""
"""Of an explorer's root: how many colours its large canvases show, and the sum of their pixels."""


@dataclass(frozen=True)
class Pixels:
    """What canvases show: how many different colours, and a sum that changes with any pixel."""

    colours: int
    sum: int


class Explorer:
    """One view of one explorer.

    Parameters
    ----------
    root : Locator
        Its root element.
    """

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.page = root.page
        self.prompt = root.get_by_role("textbox", name="Prompt", exact=True)
        self.run = root.get_by_role("button", name="Run", exact=True)
        self.cancel = root.get_by_role("button", name="Cancel", exact=True)
        self.layer = root.get_by_role("slider", name="Layer", exact=True)
        self.heads = root.get_by_role("group", name="Heads", exact=True)
        self.alert = root.get_by_role("alert")
        self.live = root.locator("[aria-live='polite']")

    def head(self, number: int) -> Locator:
        """Return the toggle button of a head."""
        return self.heads.get_by_role("button", name=f"Head {number}", exact=True)

    def chosen(self) -> list[int]:
        """Return the heads whose buttons are pressed."""
        pressed = self.heads.get_by_role("button", pressed=True).all()
        names = [button.get_attribute("aria-label") or button.inner_text() for button in pressed]
        return [int(match[1]) for name in names if (match := re.match(r"Head (\d+)", name))]

    def tab(self, name: str) -> Locator:
        """Return the tab of a view."""
        return self.root.get_by_role("tab", name=name, exact=True)

    def view(self) -> str:
        """Return the name of the view on screen."""
        return self.root.get_by_role("tab", selected=True).inner_text()

    def token(self, side: Literal["query", "key"], index: int) -> Locator:
        """Return a token of the head view's columns."""
        return self.root.get_by_role("button", name=re.compile(rf"^{side} {index}: "))

    def canvas(self) -> Locator:
        """Return the largest canvas of the view on screen."""
        number = self.root.evaluate(
            """(root) => {
                const size = (canvas) => canvas.clientWidth * canvas.clientHeight;
                const all = [...root.querySelectorAll("canvas")];
                return all.indexOf(all.reduce((a, b) => (size(b) > size(a) ? b : a)));
            }"""
        )
        return self.root.locator("canvas").nth(number)

    def pixels(self) -> Pixels:
        """Read the canvases of the view on screen, which may lie on each other."""
        colours, total = self.root.evaluate(PIXELS)
        return Pixels(colours, total)

    def wait_drawn(self, before: Pixels) -> Pixels:
        """Wait until the canvases show something else, and return that."""
        for _ in range(200):
            now = self.pixels()
            if now != before:
                return now
            self.page.wait_for_timeout(50)
        raise AssertionError("the canvases did not change")

    def record(self) -> str:
        """Return the id of the record on screen."""
        return self.root.get_attribute("data-record") or ""

    def wait_record(self, before: str, timeout: float = 60_000) -> str:
        """Wait until another record is on screen, and return its id."""
        expect(self.root).not_to_have_attribute("data-record", before, timeout=timeout)
        return self.record()


def explorers(page: Page | FrameLocator, count: int = 1) -> list[Explorer]:
    """Wait until a page or a frame shows this many explorers, each with its record drawn; return them."""
    expect(page.locator(READY)).to_have_count(count, timeout=60_000)
    return [Explorer(root) for root in page.locator(READY).all()]
