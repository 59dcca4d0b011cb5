"""GitHub's rules emulated: nbconvert's HTML without scripts, frames and unsafe markup, in Chromium."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.e2e.harness.browser import Browser
from tests.sharing.reading import check_picture

BODY = "<!doctype html><meta charset='utf-8'><body>{}</body>"


def rendered(notebook: Path, folder: Path) -> Path:
    """Convert a notebook as GitHub does, as far as that is known: by nbconvert, with outputs sanitised."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--template", "basic"]
    options = ["--SanitizeHTML.enabled=True", "--output-dir", str(folder), str(notebook)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    page = folder / f"{notebook.stem}.html"
    # No script runs there, of whatever origin, and no frame is shown.
    text = re.sub(r"<(script|iframe)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(BODY.format(text), encoding="utf-8")
    return page


@pytest.mark.shows(
    "GitHub (emulated), after `attnwidget clean`", "the picture; no scripts and no frames run there"
)
def test_picture(browser: Browser, cleaned: Path, tmp_path: Path) -> None:
    assert "widgets" not in nbformat.read(cleaned, as_version=4).metadata
    page = browser.new_page()
    page.goto(rendered(cleaned, tmp_path).as_uri())
    images = page.locator("img:visible")
    # The explorer's, and that of the shared one.
    expect(images).to_have_count(2)
    for image in images.all():
        check_picture(image)
