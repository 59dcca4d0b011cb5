"""One browser without a network for all of these tests; what a page asks for elsewhere fails them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import expect

import attnwidget as aw
from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.notebook import write_notebook
from tests.sharing.cdn import Cdn

expect.set_options(timeout=20_000)

ARTIFACTS = Path(__file__).parents[1] / "e2e" / "artifacts"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of every page of a test that failed; in CI a row of the table cannot go unrun."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("shows"):
        report.outcome = "failed"
        report.longrepr = f"The README's table rests on this test, which was skipped: {report.longrepr}"
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.failed and report.when != "teardown" and isinstance(browser, Browser):
        browser.picture(ARTIFACTS / item.name)
    return report


@pytest.fixture(scope="package")
def chromium(bundle: Path) -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def expected_errors() -> list[str]:
    """Patterns of console errors that a test brings about on purpose; it appends them."""
    return []


@pytest.fixture
def expected_requests() -> list[str]:
    """Addresses elsewhere that the program under test asks for on its own account, by their beginning."""
    return []


@pytest.fixture
def browser(chromium: Browser, expected_errors: list[str], expected_requests: list[str]) -> Iterator[Browser]:
    """The browser; an error in a page's console or a request off this machine fails the test."""
    chromium.reset()
    yield chromium
    errors, offsite = chromium.errors(*expected_errors), chromium.offsite()
    chromium.reset()
    assert errors == []
    assert [url for url in offsite if not url.startswith(tuple(expected_requests))] == []


@pytest.fixture(scope="package")
def executed(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    """A notebook that nbclient ran, widget state saved: an explorer as a widget, then the same one shared."""
    path = tmp_path_factory.mktemp("executed") / "whole.ipynb"
    write_notebook(path, [ARRAYS, EXPLORE, "ex", "ex.share()"])
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=True).execute()
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="package")
def cleaned(executed: Path) -> Path:
    """The same notebook as `attnwidget clean` leaves it."""
    path = executed.with_name("clean.ipynb")
    shutil.copy(executed, path)
    aw.clean_notebook(path)
    return path


@pytest.fixture(scope="package")
def stateless(executed: Path) -> Path:
    """The same notebook as JupyterLab saves it by default, and VS Code always: without widget state."""
    path = executed.with_name("stateless.ipynb")
    notebook = nbformat.read(executed, as_version=4)
    del notebook.metadata["widgets"]
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="package")
def cdn(tmp_path_factory: pytest.TempPathFactory) -> Cdn:
    """The CDN's files; without a registry there are none, which only a machine without a network may say."""
    try:
        return Cdn(tmp_path_factory.mktemp("cdn"))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        pytest.skip(f"npm could not get what a CDN has: {error}")
