"""A headless Chromium without a network, which keeps a list of what went wrong in its pages."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests.e2e.harness.chromium import find

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Only loopback has an address, so whatever works here works offline.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "attachment:", "blob:", "file:", "about:", "chrome:")
TIMEOUT_MS = 30_000


class Browser:
    """One Chromium with one context; entered and left once per test package.

    Parameters
    ----------
    width, height : int
        The viewport in CSS pixels.
    """

    def __init__(self, width: int = 1280, height: int = 1100) -> None:
        self._size = (width, height)
        self.console: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=find(), args=ARGUMENTS)
        width, height = self._size
        self._context = self._chromium.new_context(viewport={"width": width, "height": height})
        return self

    def new_page(self, **options: Any) -> Page:
        """Open an empty page that is listened to; with options, in a context of its own."""
        context = self._chromium.new_context(**options) if options else self._context
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console.append(f"{message.text} ({message.location.get('url', '')})")

    def errors(self, *expected: str) -> list[str]:
        """Return the console's errors, without those that match one of the expected patterns."""
        return [line for line in self.console if not any(re.search(pattern, line) for pattern in expected)]

    def offsite(self) -> list[str]:
        """Return every address asked for that is not on this machine."""
        return [url for url in self.requests if not url.startswith(LOCAL)]

    def picture(self, stem: Path) -> None:
        """Save a picture of every open page as `stem`-0.png, `stem`-1.png, ..."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(self._context.pages):
            page.screenshot(path=stem.with_name(f"{stem.name}-{number}.png"))

    def reset(self) -> None:
        """Close every page and forget what went wrong in them."""
        for context in self._chromium.contexts:
            for page in context.pages:
                page.close()
            if context != self._context:
                context.close()
        self.console.clear()
        self.requests.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chromium.close()
        self._playwright.stop()
