"""Several explorers and views on a page, links between them, and a kernel that is gone."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers

TWO = EXPLORE + "\nother = aw.explore(attentions=attention(1), tokens=tokens, layer=2, heads=[1])"


def test_two_explorers_do_not_meet(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, TWO, "ex", "other")
    first, second = explorers(notebook.page, 2)
    before = second.pixels()
    first.layer.press("ArrowRight")
    notebook.until("ex.layer", lambda layer: layer == 2)
    first.head(3).click()
    first.token("query", 6).click()
    first.tab("Matrix").click()
    notebook.until("[ex.heads, ex.view]", lambda state: state == [[0, 2, 3], "matrix"])
    assert notebook.kernel("[other.layer, other.heads, other.view]") == [2, [1], "head"]
    assert notebook.kernel("other.selection['locked']") is False
    assert second.chosen() == [1]
    assert second.pixels() == before
    ids = notebook.page.evaluate(
        """() => [...document.querySelectorAll(".attnwidget [id]")].map((element) => element.id)"""
    )
    assert len(ids) == len(set(ids))


def test_two_views_of_one_explorer_agree(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex", "ex")
    first, second = explorers(notebook.page, 2)
    first.layer.press("ArrowRight")
    expect(second.layer).to_have_value("2")
    second.head(1).click()
    expect(first.head(1)).to_have_attribute("aria-pressed", "true")
    second.token("query", 6).click()
    expect(first.token("query", 6)).to_have_attribute("aria-pressed", "true")
    # What hovers is of one view alone.
    notebook.page.keyboard.press("Escape")
    expect(first.token("query", 6)).to_have_attribute("aria-pressed", "false")
    still = first.pixels()
    second.token("query", 9).hover()
    notebook.page.wait_for_timeout(300)
    assert first.pixels() == still


def test_jslink(open_cells: Open) -> None:
    link = "import ipywidgets\nlink = ipywidgets.jslink((ex, 'layer'), (other, 'layer'))"
    notebook = open_cells(ARRAYS, TWO, link, "ipywidgets.VBox([ex, other])")
    first, second = explorers(notebook.page, 2)
    before = second.pixels()
    first.layer.press("Home")
    expect(second.layer).to_have_value("0")
    second.wait_drawn(before)
    notebook.until("other.layer", lambda layer: layer == 0)
    second.layer.press("End")
    expect(first.layer).to_have_value("3")


def test_without_a_kernel_the_page_still_answers(open_cells: Open, expected_errors: list[str]) -> None:
    # ipywidgets' own words when a trait changes and there is nobody to tell.
    expected_errors.append("^Could not send widget sync message")
    notebook = open_cells(ARRAYS, EXPLORE, "ex")
    (explorer,) = explorers(notebook.page)
    number = f"{notebook.kernel('round(float(weights[1, 0, 9].max()), 3)'):.3f}".lstrip("0")
    notebook.shutdown_kernel()
    explorer.token("query", 9).hover()
    # What is then said of the kernel moves the tokens down, away from the pointer.
    expect(explorer.alert).to_contain_text("kernel")
    explorer.token("query", 9).hover()
    expect(explorer.root).to_contain_text(number)
    # A layer that was never on screen has to come from the kernel: say so, keep what is there.
    drawn = explorer.pixels()
    explorer.layer.press("End")
    expect(explorer.alert).to_contain_text("kernel")
    assert explorer.pixels().colours >= drawn.colours / 2
