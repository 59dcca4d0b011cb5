"""The explorer follows the notebook's theme, down to the marks on its canvases."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def test_follows_the_hosts_theme(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex")
    (explorer,) = explorers(notebook.page)
    background = "(root) => getComputedStyle(root).getPropertyValue('--bg').trim()"
    expect(explorer.root).to_have_attribute("data-theme", "light")
    light, drawn = explorer.root.evaluate(background), explorer.pixels()
    try:
        notebook.set_theme("JupyterLab Dark")
        expect(explorer.root).to_have_attribute("data-theme", "dark")
        assert explorer.root.evaluate(background) != light
        explorer.wait_drawn(drawn)
    finally:
        notebook.set_theme("JupyterLab Light")
    expect(explorer.root).to_have_attribute("data-theme", "light")
    assert explorer.root.evaluate(background) == light
