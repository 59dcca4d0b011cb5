"""One page of Chromium behind the same few commands as `firefox.Firefox`, so that a test runs in both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, Page

from tests.e2e.harness.browser import TIMEOUT_MS, Browser


class Tab:
    """One page at a time of a Chromium.

    Parameters
    ----------
    browser : Browser
        Where it opens.
    **options
        Of a context of its own, as Playwright names them.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self._browser, self._options = browser, options
        self.page: Page | None = None

    def _frame(self, number: int) -> Frame:
        assert self.page is not None
        return self.page.frames[number]

    def open(self, url: str) -> None:
        """Open an address in a new page, in place of the one before."""
        self._browser.reset()
        self.page = self._browser.new_page(**self._options)
        self.page.goto(url)

    def run(self, script: str, frame: int = 0) -> Any:
        """Return the value of an expression in the page, or in one of its frames (1 is the first)."""
        return self._frame(frame).evaluate(script)

    def wait(self, script: str, frame: int = 0) -> None:
        """Wait until an expression is true."""
        assert self.page is not None
        # Playwright's own way of waiting is what a strict content security policy bans.
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while not self.run(script, frame):
            if time.monotonic() > deadline:
                raise TimeoutError(f"it did not become true: {script}")
            self.page.wait_for_timeout(20)

    def click(self, selector: str, frame: int = 0) -> None:
        """Click the middle of the first element that a CSS selector finds."""
        self._frame(frame).locator(selector).first.click()

    def hover(self, selector: str, frame: int = 0) -> None:
        """Point at the middle of the first element that a CSS selector finds."""
        self._frame(frame).locator(selector).first.hover()

    def focus(self, selector: str, frame: int = 0) -> None:
        """Give an element the keyboard."""
        self._frame(frame).locator(selector).first.focus()

    def press(self, key: str) -> None:
        """Press a key by its DOM name."""
        assert self.page is not None
        self.page.keyboard.press(key)

    def screenshot(self, path: Path) -> Path:
        """Save a picture of the whole page."""
        assert self.page is not None
        self.page.screenshot(path=path, full_page=True)
        return path

    def heard(self) -> tuple[list[str], list[str]]:
        """Return the console's errors and the addresses asked for, since the page was opened."""
        return list(self._browser.console), list(self._browser.requests)
