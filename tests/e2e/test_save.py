"""The Save button in JupyterLab: by keyboard, with a kernel; the files hold what the kernel computed."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def save(page: Page, down: int, folder: Path) -> Path:
    """Save with keys alone: the item `down` below the first."""
    page.keyboard.press("s")
    for _ in range(down):
        page.keyboard.press("ArrowDown")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    page.get_by_role("button", name="Done").wait_for()
    page.keyboard.press("Escape")
    return path


def test_files_hold_what_the_kernel_computed(open_cells: Open, tmp_path: Path) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex.view = 'matrix'\nex", "'a cell to lose'")
    explorer = explorers(notebook.page)[0]
    before = notebook.sources()
    explorer.layer.focus()
    path = save(notebook.page, 2, tmp_path)
    assert path.name == "attnwidget-layer1-heads0-2-matrix-view.csv"
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    for head in (0, 2):
        weights = notebook.kernel(f"ex.record.weights(1, {head}).tolist()")
        found = {(int(row["query"]), int(row["key"])): row for row in table if row["head"] == str(head)}
        assert set(found) == {(query, key) for query in range(12) for key in range(query + 1)}
        for (query, key), row in found.items():
            assert float(row["weight"]) == pytest.approx(weights[query][key], abs=float(row["error"]) + 1e-8)
    notebook.page.keyboard.press("1")
    explorer.root.locator(".ap-head[data-drawn='1']").wait_for()
    picture = ElementTree.parse(save(notebook.page, 1, tmp_path)).getroot()
    (lines,) = (node for node in picture.iter() if "ap-head-base" in (node.get("class") or ""))
    drawn = explorer.root.locator(".ap-head").get_attribute("data-lines")
    assert sum(node.tag.endswith("}path") for node in lines.iter()) == int(drawn or 0) > 0
    assert notebook.sources() == before
