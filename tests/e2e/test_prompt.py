"""Typing a prompt, running it on the embedded model, and what happens when that cannot be done."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.cells import MODEL
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers


def test_type_and_run(open_cells: Open) -> None:
    notebook = open_cells(MODEL, "ex")
    explorer = explorers(notebook.page)[0]
    before = explorer.record()
    assert before == notebook.kernel("ex.record.id")
    explorer.prompt.fill("The dog saw the cat because it barked.")
    explorer.prompt.press("Enter")
    after = explorer.wait_record(before)
    assert after == notebook.kernel("ex.record.id")
    assert notebook.kernel("ex.prompt") == "The dog saw the cat because it barked."
    labels = notebook.kernel("[token.label for token in ex.record.tokens]")
    expect(explorer.token("query", 2)).to_have_accessible_name(f"query 2: {labels[2]}")
    assert explorer.pixels().colours > 20
    # Shift+Enter is a line, not a run.
    explorer.prompt.press("End")
    explorer.prompt.press("Shift+Enter")
    explorer.prompt.press_sequentially("The cat ran.")
    assert explorer.prompt.input_value() == "The dog saw the cat because it barked.\nThe cat ran."
    assert explorer.record() == after
    explorer.run.click()
    explorer.wait_record(after)
    assert notebook.kernel("ex.prompt").endswith("\nThe cat ran.")
    # From Python.
    shown = explorer.record()
    notebook.execute("ex.prompt = 'The bird sang.'")
    explorer.wait_record(shown)
    expect(explorer.prompt).to_have_value("The bird sang.")


def test_what_cannot_run_leaves_the_last_view(open_cells: Open) -> None:
    notebook = open_cells(MODEL, "ex")
    explorer = explorers(notebook.page)[0]
    record, pixels = explorer.record(), explorer.pixels()
    limit = notebook.kernel("ex.runner.model.config.n_positions")
    explorer.prompt.fill("cat " * (limit + 5))
    explorer.prompt.press("Enter")
    expect(explorer.alert).to_contain_text(f"{limit}")
    assert explorer.record() == record == notebook.kernel("ex.record.id")
    assert explorer.pixels().colours > 20
    # An empty prompt is refused in words, on the page and in Python.
    explorer.prompt.fill("")
    explorer.prompt.press("Enter")
    expect(explorer.alert).to_contain_text("The prompt holds no token")
    with pytest.raises(RuntimeError, match="EmptyPromptError"):
        notebook.execute("ex.prompt = ''")
    expect(explorer.alert).to_contain_text("The prompt holds no token")
    assert explorer.record() == record == notebook.kernel("ex.record.id")
    # It still answers, and the next prompt runs.
    explorer.token("query", 3).hover()
    explorer.wait_drawn(pixels)
    explorer.prompt.fill("The cat slept.")
    explorer.prompt.press("Enter")
    explorer.wait_record(record)
    expect(explorer.alert).to_have_count(0)


def test_cancel(open_cells: Open) -> None:
    # The real runner, slowed down between its layers so that there is something to cancel.
    slow = """
import time
import torch

def pause(*args):
    time.sleep(2)

for block in ex.runner.model.transformer.h:
    block.register_forward_pre_hook(pause)
"""
    notebook = open_cells(MODEL, slow, "ex")
    explorer = explorers(notebook.page)[0]
    record = explorer.record()
    explorer.prompt.fill("The dog ran home.")
    explorer.prompt.press("Enter")
    explorer.cancel.click()
    expect(explorer.run).to_be_visible()
    notebook.until("ex.status['phase']", lambda phase: phase != "running")
    assert explorer.record() == record == notebook.kernel("ex.record.id")
    # The runner is usable again.
    explorer.prompt.fill("The cat ran home.")
    explorer.prompt.press("Enter")
    explorer.wait_record(record)
