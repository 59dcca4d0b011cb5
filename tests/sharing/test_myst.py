"""A book built by Sphinx with myst-nb, its pages opened from disk in Chromium, no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
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
PICTURES = """
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
"""
"""What a reader of `conf.py` writes to have pictures in place of widgets."""

# What myst-nb's pages ask for where a notebook holds widget state.
ELSEWHERE = ["https://cdnjs.cloudflare.com/ajax/libs/require.js/", "https://cdn.jsdelivr.net/npm/"]
NOT_LOADED = r"Failed to load resource.*\(https://(cdnjs|cdn\.jsdelivr)"


def build(notebooks: Sequence[Path], conf: str, folder: Path) -> Path:
    """Return the folder of the built pages."""
    (folder / "conf.py").write_text(conf)
    names = "\n".join(path.stem for path in notebooks)
    (folder / "index.md").write_text(f"# A book\n\n```{{toctree}}\n{names}\n```\n")
    for path in notebooks:
        shutil.copy(path, folder)
    built = folder / "built"
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(built)]
    subprocess.run(command, check=True, capture_output=True)
    return built


@pytest.fixture(scope="module")
def book(executed: Path, cleaned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([executed, cleaned], CONF, tmp_path_factory.mktemp("book"))


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


@pytest.mark.shows("myst-nb with `nb_mime_priority_overrides` that take widgets out, offline", "the picture")
def test_configured(browser: Browser, stateless: Path, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto((build([stateless], CONF + PICTURES, tmp_path) / "stateless.html").as_uri())
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
