"""The model view in a notebook: the way from one head among all to the kernel and to the head view."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def test_a_head_is_chosen_among_all(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex")
    explorer = explorers(notebook.page)[0]
    explorer.tab("Model").click()
    notebook.until("ex.view", lambda view: view == "model")
    cell = explorer.root.get_by_role("gridcell")
    expect(cell).to_have_attribute("aria-label", "Layer 1, head 0")
    explorer.root.locator(".ap-model[data-drawn]").wait_for()
    before = explorer.pixels()
    assert before.colours > 60

    box = cell.evaluate("cell => { const b = cell.getBoundingClientRect(); return [b.x, b.y, b.width]; }")
    step = 1.08 * box[2]
    explorer.page.mouse.click(box[0] + box[2] / 2 + step, box[1] + box[2] / 2 + step)
    notebook.until("[ex.layer, ex.heads]", lambda place: place == [2, [1]])
    expect(explorer.root.get_by_role("group", name="Layer 2, head 1")).to_be_visible()
    explorer.wait_drawn(before)

    for key in ("ArrowDown", "ArrowRight"):
        explorer.page.keyboard.press(key)
    expect(cell).to_have_attribute("aria-label", "Layer 3, head 2")
    assert notebook.kernel("[ex.layer, ex.view]") == [2, "model"]
    explorer.page.keyboard.press("Enter")
    notebook.until("[ex.layer, ex.heads, ex.view]", lambda state: state == [3, [2], "head"])
    assert explorer.view() == "Head"
    expect(explorer.token("query", 11)).to_be_visible()
