"""JupyterLab opens a notebook that was run elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import READY, Explorer, explorers
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import PANEL, Notebook, write_notebook
from tests.sharing.reading import (
    Weights,
    check_interactive,
    check_picture,
    check_row,
    drawn_anew,
    framed,
    made,
    on_page,
)

STATE = "application/vnd.jupyter.widget-state+json"
SNAPSHOT_SHOWN = "There is no kernel, a saved snapshot is shown. Run the cell to make it live."


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def authors(root: Path) -> Iterator[LabServer]:
    """The author's JupyterLab; it saves the widgets' state."""
    with LabServer(root, save_widget_state=True) as server:
        yield server


@pytest.fixture(scope="module")
def readers(root: Path) -> Iterator[LabServer]:
    """Somebody else's JupyterLab, which has another key: what the author signed is not trusted there."""
    with LabServer(root) as server:
        yield server


@pytest.fixture
def kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the kernels of a test after its pages."""
    yield
    for name in {"authors", "readers"} & set(request.fixturenames):
        request.getfixturevalue(name).stop_kernels()


def models(path: Path) -> list[dict[str, Any]]:
    """Return the explorers in a notebook's saved state."""
    state = json.loads(path.read_text())["metadata"]["widgets"][STATE]["state"]
    return [model for model in state.values() if model["model_name"] == "AnyModel"]


def alert(explorer: Explorer) -> Any:
    return expect(explorer.alert)


@pytest.mark.shows("JupyterLab, untrusted", "the picture")
def test_where_it_is_not_trusted_the_picture_shows(
    kernels: None, executed: Path, readers: LabServer, browser: Browser
) -> None:
    shutil.copy(executed, readers.root / "received.ipynb")
    page = readers.open(browser, "received.ipynb").page
    outputs = page.locator(".jp-OutputArea-output")
    check_picture(outputs.locator("img:not(details img)"))
    expect(page.locator(READY)).to_have_count(0)
    expect(page.locator("iframe")).to_have_count(0)
    # What `share()` made: a sanitiser took the frame, and left the picture.
    details = outputs.locator("details")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    expect(details.locator("img")).to_be_visible()
    check_picture(details.locator("img"))


@pytest.mark.shows("JupyterLab, trusted, no kernel that knows it", "interactive")
def test_where_it_is_trusted_the_snapshot_answers(
    kernels: None, executed: Path, authors: LabServer, browser: Browser
) -> None:
    weights, tokens = made()
    shutil.copy(executed, authors.root / "mine.ipynb")
    authors.trust("mine.ipynb")
    notebook = authors.open(browser, "mine.ipynb")
    # JupyterLab has started a kernel, which knows nothing of what was made before.
    explorer = on_page(notebook.page)
    alert(explorer).to_contain_text(SNAPSHOT_SHOWN)
    check_interactive(explorer, weights, tokens)
    notebook.shutdown_kernel()
    explorer.tab("Head").click()
    check_row(explorer, weights, tokens, 3, 9)
    check_row(framed(notebook.page), weights, tokens, 1, 9)


@pytest.mark.shows("JupyterLab, trusted, saved there with widget state and opened again", "interactive")
def test_what_was_saved_here_comes_back(
    kernels: None, authors: LabServer, browser: Browser, expected_errors: list[str]
) -> None:
    weights, tokens = made()
    path = authors.root / "saved.ipynb"
    write_notebook(path, [ARRAYS, f"{EXPLORE}\nex", "ex.view = 'matrix'", "ex"])
    notebook = authors.open(browser, path.name)
    notebook.run_all()
    explorers(notebook.page, 2)
    # A cell that runs again replaces what it made: its explorer goes once no other cell shows it.
    notebook.run_all()
    first = explorers(notebook.page, 2)[0]
    first.tab("Head").click()
    first.layer.press("Home")
    notebook.until("ex.view", lambda view: view == "head")
    notebook.until("ex.layer", lambda layer: layer == 0)
    assert notebook.kernel("len(ex._snapshot)") > 1000
    notebook.save()
    (saved,) = models(path)
    assert saved["state"]["record_id"] == notebook.kernel("ex.record_id")
    (snapshot,) = saved["buffers"]
    assert snapshot["path"] == ["_snapshot"]
    _kernel_ends(notebook, first, weights, tokens)

    notebook.page.close()
    authors.stop_kernels()
    again = authors.open(browser, path.name)
    for explorer in explorers(again.page, 2):
        alert(explorer).to_contain_text(SNAPSHOT_SHOWN)
        check_row(explorer, weights, tokens, 0, 9)
    # What a reader does now is what the sentence says.
    again.run_all()
    for explorer in explorers(again.page, 2):
        alert(explorer).to_have_count(0)
    assert explorers(again.page, 2)[0].record() == again.kernel("ex.record_id")


def _kernel_ends(notebook: Notebook, explorer: Explorer, weights: Weights, tokens: list[str]) -> None:
    """The kernel goes while an explorer is on screen, and comes back without it."""
    notebook.shutdown_kernel()
    # Nothing is said before something is asked of it.
    check_row(explorer, weights, tokens, 0, 7)
    explorer.tab("Model").click()
    alert(explorer).to_contain_text("The kernel is gone, a saved snapshot is shown. Run the cell")
    drawn_anew(explorer, None)
    explorer.tab("Head").click()
    check_row(explorer, weights, tokens, 0, 4)
    notebook.page.evaluate(f"() => {PANEL}.context.sessionContext.startKernel()")
    notebook.wait_idle()
    alert(explorer).to_contain_text("Run the cell to make it live.")
