"""The metrics map in a notebook: the kernel's numbers, a detector from a cell, the way to a head."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def test_a_detector_from_a_cell_joins_the_map(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex")
    explorer = explorers(notebook.page)[0]
    explorer.tab("Metrics").click()
    notebook.until("ex.view", lambda view: view == "metrics")
    cell = explorer.root.get_by_role("gridcell")
    expect(cell).to_have_attribute("aria-label", "Layer 1, head 0")
    explorer.root.locator(".ap-metrics[data-drawn]").wait_for()
    entropy = notebook.kernel("float(ex.metrics().values['entropy'][1, 0])")
    said = f"Entropy {entropy:.2f}".replace("0.", ".")
    expect(cell).to_have_attribute("aria-description", re.compile(rf"^{re.escape(said)} "))
    before = explorer.pixels()
    assert before.colours > 20

    notebook.kernel("ex.add_detector('back', np.eye(12, k=-2), title='Two back')")
    notebook.kernel("setattr(ex, 'metric', 'back')")
    select = explorer.root.get_by_role("combobox", name="Metric")
    expect(select.locator("option:checked")).to_have_text("Two back")
    back = notebook.kernel("float(ex.metrics().values['back'][1, 0])")
    said = f"Two back {back:.2f}".replace("0.", ".")
    expect(cell).to_have_attribute("aria-description", re.compile(rf"^{re.escape(said)} "))
    explorer.wait_drawn(before)

    # Another of the same name takes its place, although the list of names stays the same.
    notebook.kernel("ex.add_detector('back', 1 - np.eye(12, k=-2), title='All but two back')")
    expect(select.locator("option:checked")).to_have_text("All but two back")
    expect(cell).to_have_attribute("aria-description", re.compile(rf"^All but two back {1 - back:.2f}"[:-5]))

    cell.evaluate("cell => cell.closest('[role=grid]').focus()")
    explorer.page.keyboard.press("ArrowDown")
    explorer.page.keyboard.press("p")
    notebook.until("ex.pinned", lambda pins: pins == [{"site": "decoder", "layer": 2, "head": 0}])
    explorer.page.keyboard.press("Enter")
    notebook.until("[ex.layer, ex.heads, ex.view]", lambda state: state == [2, [0], "head"])
