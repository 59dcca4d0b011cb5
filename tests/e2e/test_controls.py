"""Layer, heads and views: on the page, by keyboard, and from Python."""

from __future__ import annotations

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


def test_draws_what_it_was_given(opened: tuple[Notebook, Explorer]) -> None:
    _, explorer = opened
    assert explorer.view() == "Head"
    assert explorer.chosen() == [0, 2]
    expect(explorer.layer).to_have_value("1")
    expect(explorer.token("query", 11)).to_be_visible()
    assert explorer.pixels().colours > 20


def test_layer_by_keyboard(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    explorer.layer.press("ArrowRight")
    notebook.until("ex.layer", lambda layer: layer == 2)
    after = explorer.wait_drawn(before)
    explorer.layer.press("Home")
    notebook.until("ex.layer", lambda layer: layer == 0)
    explorer.wait_drawn(after)


def test_head_by_keyboard(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    slider = explorer.root.get_by_role("slider", name="Head", exact=True)
    slider.press("End")
    notebook.until("ex.heads", lambda heads: heads == [3])
    assert explorer.chosen() == [3]
    explorer.wait_drawn(before)


def test_heads_by_click(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    explorer.head(3).click()
    notebook.until("ex.heads", lambda heads: heads == [0, 2, 3])
    assert explorer.chosen() == [0, 2, 3]
    explorer.wait_drawn(before)
    explorer.head(0).click()
    notebook.until("ex.heads", lambda heads: heads == [2, 3])


def test_double_click_solos_a_head(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    explorer.head(1).dblclick()
    notebook.until("ex.heads", lambda heads: heads == [1])
    assert explorer.chosen() == [1]


@pytest.mark.parametrize(("name", "digit"), [("Model", "2"), ("Matrix", "4"), ("Text", "5"), ("Head", "1")])
def test_views_by_tab_and_by_digit(opened: tuple[Notebook, Explorer], name: str, digit: str) -> None:
    notebook, explorer = opened
    other = "Text" if name == "Matrix" else "Matrix"
    explorer.tab(other).click()
    notebook.until("ex.view", lambda view: view == other.lower())
    explorer.tab(name).click()
    notebook.until("ex.view", lambda view: view == name.lower())
    explorer.tab(other).click()
    explorer.page.keyboard.press(digit)
    notebook.until("ex.view", lambda view: view == name.lower())
    assert explorer.view() == name


def test_matrix_draws_each_chosen_head(opened: tuple[Notebook, Explorer]) -> None:
    _, explorer = opened
    before = explorer.pixels()
    explorer.tab("Matrix").click()
    expect(explorer.tab("Matrix")).to_have_attribute("aria-selected", "true")
    expect(explorer.root.locator("figure canvas").first).to_be_visible()
    explorer.wait_drawn(before)
    assert explorer.pixels().colours > 40


def test_text_colours_what_a_token_looks_at(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    notebook.execute("ex.view = 'text'; ex.selection = {'query': 11, 'key': None, 'locked': True}")
    expect(explorer.tab("Text")).to_have_attribute("aria-selected", "true")
    backgrounds = """(root) => new Set([...root.querySelectorAll("[data-index]")]
        .map((token) => getComputedStyle(token).backgroundColor)).size"""
    explorer.page.wait_for_function(
        f"() => ({backgrounds})(document.querySelector('.attnwidget')) > 5",
    )


def test_python_sets_the_page(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    notebook.execute("ex.layer = 3; ex.heads = [1]")
    expect(explorer.layer).to_have_value("3")
    expect(explorer.head(1)).to_have_attribute("aria-pressed", "true")
    assert explorer.chosen() == [1]
    explorer.wait_drawn(before)
    notebook.execute("ex.view = 'matrix'")
    expect(explorer.tab("Matrix")).to_have_attribute("aria-selected", "true")
    notebook.execute("ex.theme = 'dark'")
    expect(explorer.root).to_have_attribute("data-theme", "dark")
