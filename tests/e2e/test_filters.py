"""Filters, words and norms in the notebook: from the page to Python and back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.cells import MODEL
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import Explorer, explorers
from tests.e2e.harness.notebook import Notebook

PAIR = """
import numpy as np
import attnwidget as aw

texts = ["[CLS]", "play", "##ing", "[SEP]", "the", "cat", "[SEP]"]
made = np.random.default_rng(0).random((2, 3, 7, 7)) + 0.01
record = aw.AttentionRecord.from_attentions((made / made.sum(-1, keepdims=True)).astype("float32"), texts)
"""


@pytest.fixture
def opened(open_cells: Open) -> tuple[Notebook, Explorer]:
    notebook = open_cells(PAIR, "ex = aw.AttentionExplorer(record, heads=[0, 1])", "ex")
    return notebook, explorers(notebook.page)[0]


def panel(explorer: Explorer) -> Locator:
    explorer.root.locator(".aw-filter-button").click()
    return explorer.root.get_by_role("dialog", name="Filter")


def test_special_tokens_heads_together_and_back(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    before = explorer.pixels()
    choices = panel(explorer)
    choices.get_by_role("checkbox", name="Special tokens").uncheck()
    notebook.until("ex.filters['special']", lambda special: special is False)
    after = explorer.wait_drawn(before)
    choices.get_by_role("radio", name="mean").click()
    notebook.until("ex.combine", lambda combine: combine == "mean")
    explorer.wait_drawn(after)
    note = explorer.root.get_by_role("note", name="Filtered")
    expect(note).to_contain_text("mean of heads 0 and 1 · special tokens hidden")
    notebook.execute("ex.filters = None; ex.combine = 'each'")
    expect(note).to_be_hidden()


def test_words_are_merged_by_the_kernel(opened: tuple[Notebook, Explorer]) -> None:
    notebook, explorer = opened
    tokens = explorer.root.locator(".ap-column-query .ap-token")
    expect(tokens).to_have_count(7)
    choices = panel(explorer)
    choices.get_by_role("checkbox", name="Words").check()
    expect(tokens).to_have_count(6)
    expect(tokens.nth(1)).to_contain_text("playing")
    notebook.until("ex.words", lambda words: words is True)
    choices.get_by_role("checkbox", name="Words").uncheck()
    expect(tokens).to_have_count(7)


def test_norms_of_a_model_and_words_together(open_cells: Open) -> None:
    notebook = open_cells(MODEL, "ex")
    explorer = explorers(notebook.page)[0]
    choices = panel(explorer)
    choices.get_by_role("checkbox", name="Norms").check()
    notebook.until("ex.weighting", lambda weighting: weighting == "norms")
    note = explorer.root.get_by_role("note", name="Filtered")
    expect(note).to_contain_text("share of norms in place of weights")
    choices.get_by_role("checkbox", name="Norms").uncheck()
    notebook.until("ex.weighting", lambda weighting: weighting == "weights")
    expect(note).to_be_hidden()
