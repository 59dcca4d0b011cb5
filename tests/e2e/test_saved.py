"""A notebook that was run elsewhere: none of its scripts run unasked, and its picture shows."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import READY
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import write_notebook
from tests.notebooks.execute import execute


def test_an_untrusted_notebook_shows_the_picture(
    kernels: None, lab: LabServer, browser: Browser, root: Path
) -> None:
    path = root / "elsewhere.ipynb"
    write_notebook(path, [ARRAYS, EXPLORE, "ex"])
    execute(path)
    page = lab.open(browser, path.name).page
    picture = page.locator(".jp-OutputArea-output img")
    expect(picture).to_have_count(1)
    width, height = picture.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
    assert width >= 600
    assert height >= 300
    expect(page.locator(READY)).to_have_count(0)
