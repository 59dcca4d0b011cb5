"""One server and one browser for all of these tests; pages and kernels end with each test."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.harness.browser import Browser
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import Notebook, write_notebook

# Generous: nothing here is about speed, and machines that run tests are busy.
expect.set_options(timeout=20_000)

ARTIFACTS = Path(__file__).parent / "artifacts"

Open = Callable[..., Notebook]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of every page of a test that failed."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.failed and report.when != "teardown" and isinstance(browser, Browser):
        browser.picture(ARTIFACTS / item.name)
    return report


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    """The folder that the server shows."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="package")
def lab(root: Path) -> Iterator[LabServer]:
    with LabServer(root) as server:
        yield server


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def expected_errors() -> list[str]:
    """Patterns of console errors that a test brings about on purpose; it appends them."""
    return []


@pytest.fixture
def browser(chromium: Browser, expected_errors: list[str]) -> Iterator[Browser]:
    """The browser; an error in a page's console or a request off this machine fails the test."""
    chromium.reset()
    yield chromium
    errors, offsite = chromium.errors(*expected_errors), chromium.offsite()
    chromium.reset()
    assert errors == []
    assert offsite == []


@pytest.fixture
def kernels(lab: LabServer) -> Iterator[None]:
    """End the kernels of a test; asked for before the browser, so it happens after the pages are closed."""
    yield
    lab.stop_kernels()


@pytest.fixture
def open_cells(
    kernels: None, lab: LabServer, browser: Browser, root: Path, request: pytest.FixtureRequest
) -> Open:
    """Write a notebook with the given cells, open it, and run it."""

    def opener(*cells: str) -> Notebook:
        name = f"{request.node.name.partition('[')[0]}.ipynb"
        write_notebook(root / name, cells)
        notebook = lab.open(browser, name)
        notebook.run_all()
        return notebook

    return opener
