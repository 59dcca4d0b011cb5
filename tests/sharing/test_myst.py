"""A book built by Sphinx with myst-nb, its pages opened from disk in Chromium, no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness.browser import Browser
from tests.sharing.cdn import Cdn
from tests.sharing.reading import check_interactive, check_picture, framed, made, on_page

CONF = """
project = "A book"
extensions = ["myst_nb"]
nb_execution_mode = "off"
# As by default, but for checksums that npm's copies of the files do not have.
nb_ipywidgets_js = {
    "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.4/require.min.js": {},
    "https://cdn.jsdelivr.net/npm/@jupyter-widgets/html-manager@1.0.6/dist/embed-amd.js": {
        "data-jupyter-widgets-cdn": "https://cdn.jsdelivr.net/npm/",
    },
}
"""
INDEX = "# A book\n\n```{toctree}\nwhole\nclean\n```\n"
# What myst-nb's pages ask for where a notebook holds widget state.
ELSEWHERE = ["https://cdnjs.cloudflare.com/ajax/libs/require.js/", "https://cdn.jsdelivr.net/npm/"]
NOT_LOADED = r"Failed to load resource.*\(https://(cdnjs|cdn\.jsdelivr)"


@pytest.fixture(scope="module")
def book(executed: Path, cleaned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("book")
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX)
    for path in (executed, cleaned):
        shutil.copy(path, source)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(built)]
    subprocess.run(command, check=True, capture_output=True)
    return built


@pytest.mark.shows("myst-nb (Jupyter Book 1), `ex.share()`, offline", "everything interactive")
def test_shared(
    browser: Browser, book: Path, expected_errors: list[str], expected_requests: list[str]
) -> None:
    expected_errors.append(NOT_LOADED)
    expected_requests.extend(ELSEWHERE)
    page = browser.new_page()
    page.goto((book / "whole.html").as_uri())
    check_interactive(framed(page), *made())


@pytest.mark.shows("myst-nb after `attnwidget clean`, offline", "the picture")
def test_cleaned(browser: Browser, book: Path) -> None:
    page = browser.new_page()
    page.goto((book / "clean.html").as_uri())
    check_picture(page.locator(".cell_output img:visible"))


@pytest.mark.shows(
    "myst-nb with widget state",
    "everything interactive, from the saved snapshot, where the page reaches its CDN (handed over by the "
    "test); offline an empty space: clean or `ex.share()`",
)
def test_widget_state(
    browser: Browser, book: Path, cdn: Cdn, expected_errors: list[str], expected_requests: list[str]
) -> None:
    expected_errors.append(r"ERR_FILE_NOT_FOUND \(file:.*/anywidget\.js\)")
    expected_requests.extend(ELSEWHERE)
    page = browser.new_page()
    cdn.serve(page)
    page.goto((book / "whole.html").as_uri())
    check_interactive(on_page(page), *made())
