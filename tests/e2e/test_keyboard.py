"""Keys typed into an explorer are its own: JupyterLab's command mode would edit the notebook with them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import Explorer, explorers


def targets(explorer: Explorer) -> list[Locator]:
    """Return what can hold the keyboard in the view on screen."""
    return [explorer.layer, explorer.head(0), explorer.tab(explorer.view()), explorer.canvas()]


@pytest.mark.parametrize("view", ["head", "model", "matrix", "text"])
def test_the_notebooks_cells_stay(open_cells: Open, view: str) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, f"ex.view = {view!r}\nex", "'a cell to lose'")
    explorer = explorers(notebook.page)[0]
    before = notebook.sources()
    for target in targets(explorer):
        # JupyterLab acts on keys of whatever has the focus, also of what only a script can focus.
        target.evaluate("(element) => { if (element.tabIndex < 0) element.tabIndex = 0; element.focus(); }")
        for key in ("d", "d", "a", "b", "x", "z", "m", "ArrowDown", "ArrowUp"):
            notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(200)
    assert notebook.sources() == before
    assert notebook.page.locator(".jp-Cell.jp-MarkdownCell").count() == 0


def test_the_keys_would_do_harm_elsewhere(open_cells: Open) -> None:
    notebook = open_cells(
        'from IPython.display import HTML\nHTML(\'<canvas id="plain" tabindex="0"></canvas>\')',
        "'a cell to lose'",
    )
    notebook.page.locator("#plain").focus()
    for _ in range(2):
        notebook.page.keyboard.press("d")
    notebook.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content.model.cells.length === 1"
    )
