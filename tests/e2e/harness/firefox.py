"""A headless Firefox without a network, driven over WebDriver BiDi; finds one, and installs one where it can.

python -m tests.e2e.harness.firefox     # prints the path; installs when there is none
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.harness.chromium import apt_install, debian_root

NAMES = ("firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox")
DRIVER = Path(__file__).with_name("firefox.mjs")
TIMEOUT_MS = 30_000


class NoFirefoxError(RuntimeError):
    """There is no Firefox on this machine."""


class FirefoxError(RuntimeError):
    """Firefox could not do what it was asked to do."""


def find() -> str:
    """Return the path of the Firefox to use: `$FIREFOX`, else the first of `NAMES` that exists."""
    for name in [named] if (named := os.environ.get("FIREFOX")) else NAMES:
        if path := shutil.which(name):
            return path
    raise NoFirefoxError("No Firefox was found. Run `make firefox`, or name one in $FIREFOX.")


def ensure() -> str:
    """Return the path of a Firefox; install Debian's if there is none."""
    try:
        return find()
    except NoFirefoxError:
        if os.environ.get("FIREFOX") or not (debian_root() and apt_install("firefox-esr")):
            raise
    return find()


class Firefox:
    """One Firefox with one page at a time; entered and left once per test module.

    Parameters
    ----------
    width, height : int
        The viewport in CSS pixels.
    """

    def __init__(self, width: int = 1100, height: int = 900) -> None:
        self._size = (width, height)

    def __enter__(self) -> Self:
        node = shutil.which("node")
        if node is None:
            raise FirefoxError("Node.js is not installed.")
        self._driver = subprocess.Popen(
            [node, str(DRIVER), find(), *map(str, self._size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def _do(self, command: str, **options: Any) -> Any:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps({"do": command, **options}) + "\n")
        self._driver.stdin.flush()
        line = self._driver.stdout.readline()
        if not line:
            raise FirefoxError("Firefox did not start, or it has ended.")
        answer = json.loads(line)
        if "error" in answer:
            raise FirefoxError(f"{command} {options}: {answer['error']}")
        return answer["value"]

    def open(self, url: str) -> None:
        """Open an address in a new page, in place of the one before."""
        self._do("open", url=url)

    def run(self, script: str, frame: int = 0) -> Any:
        """Return the value of an expression in the page, or in one of its frames (1 is the first)."""
        return self._do("evaluate", script=script, frame=frame)

    def wait(self, script: str, frame: int = 0) -> None:
        """Wait until an expression is true."""
        self._do("wait", script=script, frame=frame, timeout=TIMEOUT_MS)

    def click(self, selector: str, frame: int = 0) -> None:
        """Click the middle of the first element that a CSS selector finds."""
        self._do("click", selector=selector, frame=frame)

    def hover(self, selector: str, frame: int = 0) -> None:
        """Point at the middle of the first element that a CSS selector finds."""
        self._do("hover", selector=selector, frame=frame)

    def focus(self, selector: str, frame: int = 0) -> None:
        """Give an element the keyboard."""
        self._do("focus", selector=selector, frame=frame)

    def press(self, key: str) -> None:
        """Press a key by its DOM name."""
        self._do("press", key=key)

    def screenshot(self, path: Path) -> Path:
        """Save a picture of the whole page."""
        return Path(self._do("screenshot", path=str(path)))

    def heard(self) -> tuple[list[str], list[str]]:
        """Return the console's errors and the addresses asked for, since the page was opened."""
        heard = self._do("heard")
        return heard["errors"], heard["requests"]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.close()
        try:
            self._driver.wait(30)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()
        self._driver.stdout.close()


if __name__ == "__main__":
    try:
        print(ensure())
    except NoFirefoxError as error:
        # Its tests say that they were left out; nothing else needs it.
        print(error, file=sys.stderr)
