"""nbconvert's HTML of an executed notebook, opened from disk in Chromium, no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness.browser import Browser
from tests.sharing.cdn import Cdn
from tests.sharing.reading import check_interactive, check_picture, framed, made, on_page

# What nbconvert's own template asks for, whatever is in the notebook.
ELSEWHERE = ["https://cdnjs.cloudflare.com/", "https://unpkg.com/@jupyter-widgets/html-manager"]
NOT_LOADED = r"Failed to load resource.*\(https://(cdnjs|unpkg)"


@pytest.fixture(scope="module")
def pages(executed: Path, stateless: Path, cleaned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebooks' pages."""
    folder = tmp_path_factory.mktemp("nbconvert")
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(folder)]
    subprocess.run([*command, str(executed), str(stateless), str(cleaned)], check=True, capture_output=True)
    return folder


@pytest.fixture(autouse=True)
def offline(expected_errors: list[str], expected_requests: list[str]) -> None:
    expected_errors.append(NOT_LOADED)
    expected_requests.extend(ELSEWHERE)


@pytest.mark.shows("nbconvert HTML, `ex.share()`, offline", "everything interactive")
def test_shared(browser: Browser, pages: Path) -> None:
    page = browser.new_page()
    page.goto((pages / "whole.html").as_uri())
    check_interactive(framed(page), *made())


@pytest.mark.shows(
    "nbconvert HTML without widget state (JupyterLab's default), or after `attnwidget clean`; offline",
    "the picture",
)
@pytest.mark.parametrize("name", ["stateless", "clean"])
def test_picture(browser: Browser, pages: Path, name: str) -> None:
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    check_picture(page.locator(".jp-OutputArea-output img:visible"))


@pytest.mark.shows(
    "nbconvert HTML with widget state; nbviewer is nbconvert too",
    "everything interactive, from the saved snapshot, where the page reaches the CDN that nbconvert loads "
    "its widget manager from (handed over by the test); offline an empty space: clean or `ex.share()`",
)
def test_widget_state(
    browser: Browser, pages: Path, cdn: Cdn, expected_errors: list[str], expected_requests: list[str]
) -> None:
    page = browser.new_page()
    page.goto((pages / "whole.html").as_uri())
    assert page.locator(".jp-OutputArea-output img:visible").count() == 0
    page.close()
    # The widget manager looks beside the page before it asks a CDN.
    expected_errors.append(r"ERR_FILE_NOT_FOUND \(file:.*/anywidget\.js\)")
    expected_requests.append("https://cdn.jsdelivr.net/npm/anywidget@")
    page = browser.new_page()
    cdn.serve(page)
    page.goto((pages / "whole.html").as_uri())
    check_interactive(on_page(page), *made())
