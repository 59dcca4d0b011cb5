"""The scripts that peers load from a CDN: taken from npm, and handed to their pages by interception."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from playwright.sync_api import Page, Route

# npm has no jQuery 2.0.0; 2.1.4 is the nearest that it has.
PACKAGES = {
    "require.min.js": ("requirejs@2.3.6", "requirejs/require.js"),
    "d3.min.js": ("d3@5.7.0", "d3/dist/d3.min.js"),
    "jquery.min.js": ("jquery@2.1.4", "jquery/dist/jquery.min.js"),
}


def install(folder: Path) -> str | None:
    """Install the scripts under a folder; returns what went wrong, None where nothing did."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    wanted = [package for package, _ in PACKAGES.values()]
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-save", *wanted]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else "npm could not install the scripts of its CDN"


def absent(tools: Iterable[str], folder: Path) -> dict[str, str]:
    """Return why some of these packages cannot be measured; scripts are installed under a folder."""
    trouble, found = install(folder), dict[str, str]()
    for tool in tools:
        try:
            version(tool)
        except PackageNotFoundError:
            found[tool] = "not installed"
            continue
        if tool == "bertviz" and trouble:
            found[tool] = trouble
    return found


def serve(page: Page, folder: Path) -> None:
    """Answer a page's requests for these scripts; every other request for a network fails."""

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name in PACKAGES:
            route.fulfill(path=folder / "node_modules" / PACKAGES[name][1], content_type="text/javascript")
        else:
            route.abort()

    page.route(
        "**/*", lambda route: answer(route) if route.request.url.startswith("http") else route.continue_()
    )
