"""Pinned heads in a notebook: the trait both ways, a new prompt, and patterns from the kernel."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE, MODEL
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def test_pinned_heads_are_compared(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex.pinned = [(3, 2)]\nex")
    (explorer,) = explorers(notebook.page)
    tray = explorer.root.get_by_role("group", name="Pinned heads")
    expect(tray.get_by_role("button", name="Layer 3, head 2", exact=True)).to_be_visible()

    explorer.head(1).dblclick()
    notebook.page.keyboard.press("p")
    both = [{"site": "decoder", "layer": 3, "head": 2}, {"site": "decoder", "layer": 1, "head": 1}]
    notebook.until("ex.pinned", lambda pinned: pinned == both)

    explorer.root.get_by_role("button", name="Compare", exact=True).click()
    panels = explorer.root.locator(".ap-compare-panel")
    expect(panels).to_have_count(2)
    panels.nth(1).get_by_role("button", name="query 9: t9").click()
    notebook.until("ex.selection['query']", lambda query: query == 9)
    for panel, (layer, head) in zip(panels.all(), [(3, 2), (1, 1)], strict=True):
        key = notebook.kernel(f"int(weights[{layer}, {head}, 9].argmax())")
        weight = notebook.kernel(f"float(weights[{layer}, {head}, 9, {key}])")
        token = panel.locator(f".ap-column-key [data-index='{key}']")
        expect(token.locator(".ap-number")).to_have_text(f"{weight:.3f}".lstrip("0"))

    # Keys on a chip stay there: the cell is not deleted.
    tray.get_by_role("button", name="Layer 3, head 2", exact=True).focus()
    notebook.page.keyboard.press("Delete")
    notebook.until("ex.pinned", lambda pinned: pinned == both[1:])
    assert len(notebook.sources()) == 3
    expect(panels).to_have_count(0)


def test_pinned_heads_outlive_a_prompt(open_cells: Open) -> None:
    notebook = open_cells(MODEL, "ex.pinned = [(2, 0), (0, 1), (9, 0)]\nex")
    (explorer,) = explorers(notebook.page)
    tray = explorer.root.get_by_role("group", name="Pinned heads")
    explorer.root.get_by_role("button", name="Compare", exact=True).click()
    panels = explorer.root.locator(".ap-compare-panel")
    expect(panels.first).not_to_have_attribute("data-waiting", "")
    before = explorer.record()
    explorer.prompt.fill("Anna told Tom that she")
    explorer.run.click()
    explorer.wait_record(before)
    assert len(notebook.kernel("ex.pinned")) == 3
    expect(tray.get_by_role("button", name="Layer 9, head 0, no layer 9 here")).to_be_visible()
    for at in range(2):
        expect(panels.nth(at)).not_to_have_attribute("data-waiting", "")
        expect(panels.nth(at).get_by_role("button", name="query 1: Anna")).to_be_visible()
