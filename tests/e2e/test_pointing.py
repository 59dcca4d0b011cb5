"""Hover looks, click holds, Escape lets go; the numbers are the record's own."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import Explorer, explorers
from tests.e2e.harness.notebook import Notebook


@pytest.fixture
def opened(open_cells: Open) -> tuple[Notebook, Explorer]:
    notebook = open_cells(ARRAYS, EXPLORE, "ex")
    return notebook, explorers(notebook.page)[0]


def strongest(notebook: Notebook, query: int) -> str:
    """Return the largest weight of a query in layer 1, head 0, as the inspector writes it."""
    value = notebook.kernel(f"round(float(weights[1, 0, {query}].max()), 3)")
    return f"{value:.3f}".lstrip("0")


def test_hover_shows_the_weights(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    explorer.token("query", 7).hover()
    expect(explorer.root).to_contain_text(strongest(notebook, 7))
    explorer.wait_drawn(before)
    assert notebook.kernel("ex.selection['locked']") is False


def test_hover_needs_no_kernel(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    expected = {query: strongest(notebook, query) for query in (9, 4)}
    kernel = notebook.kernel("__import__('os').getpid()")
    os.kill(kernel, signal.SIGSTOP)
    try:
        for query, number in expected.items():
            explorer.token("query", query).hover()
            expect(explorer.root).to_contain_text(number)
    finally:
        os.kill(kernel, signal.SIGCONT)


def test_click_holds_and_escape_lets_go(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    explorer.token("query", 5).click()
    named = {"query": 5, "key": None, "locked": True, "query_token": "t5", "key_token": None}
    notebook.until("ex.selection", lambda held: held == named)
    # Held: moving away does not lose it.
    explorer.prompt.or_(explorer.layer).first.hover()
    expect(explorer.token("query", 5)).to_have_attribute("aria-pressed", "true")
    expect(explorer.root).to_contain_text(strongest(notebook, 5))
    explorer.page.keyboard.press("Escape")
    notebook.until("ex.selection['locked']", lambda locked: locked is False)


def test_python_holds_a_token(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    notebook.execute("ex.selection = {'query': 8, 'key': None, 'locked': True}")
    expect(explorer.token("query", 8)).to_have_attribute("aria-pressed", "true")
    expect(explorer.root).to_contain_text(strongest(notebook, 8))


def test_a_cell_of_the_matrix(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    notebook.execute("ex.heads = [0]; ex.view = 'matrix'")
    expect(explorer.tab("Matrix")).to_have_attribute("aria-selected", "true")
    box = explorer.canvas().bounding_box()
    assert box is not None
    explorer.canvas().click(position={"x": box["width"] / 3, "y": box["height"] / 2})
    held = notebook.until("ex.selection", lambda held: held["locked"])
    weight = notebook.kernel(f"round(float(weights[1, 0, {held['query']}, {held['key']}]), 3)")
    expect(explorer.root).to_contain_text(re.compile(re.escape(f"{weight:.3f}".lstrip("0"))))
