"""What readers' programs load from a CDN, taken from npm and handed to their pages by interception."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Page, Route

HTML_MANAGER = "1.0.15"
PACKAGES = {
    r"/require(\.min)?\.js$": ("requirejs@2.3.7", "require.js"),
    r"/html-manager@[^/]+/dist/embed-amd\.js$": (
        f"@jupyter-widgets/html-manager@{HTML_MANAGER}",
        "dist/embed-amd.js",
    ),
    r"/anywidget@[^/]+/dist/index\.js$": (f"anywidget@{version('anywidget')}", "dist/index.js"),
}
"""By the end of an address: the package of npm, and the file in it."""


class Cdn:
    """The files, on this machine.

    Parameters
    ----------
    folder : Path
        An empty folder to put them into.
    """

    def __init__(self, folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm is not installed")
        self._files: dict[str, Path] = {}
        for number, (address, (package, name)) in enumerate(PACKAGES.items()):
            place = folder / str(number)
            place.mkdir()
            command = [npm, "pack", "--silent", "--pack-destination", str(place), package]
            subprocess.run(command, cwd=place, check=True, capture_output=True)
            (packed,) = place.glob("*.tgz")
            with tarfile.open(packed) as archive:
                archive.extract(f"package/{name}", place, filter="data")
            self._files[address] = place / "package" / name

    def serve(self, page: Page) -> None:
        """Answer a page's requests for these files; any other request for a network fails."""

        def answer(route: Route) -> None:
            url = route.request.url.partition("?")[0]
            found = [file for address, file in self._files.items() if re.search(address, url)]
            if found:
                route.fulfill(path=found[0], content_type="text/javascript")
            elif url.startswith("http"):
                route.abort()
            else:
                route.continue_()

        page.route("**/*", answer)
