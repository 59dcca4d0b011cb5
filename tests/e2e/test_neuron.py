"""The neuron view in a notebook: the kernel's own numbers, chosen from either side."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.cells import ARRAYS, EXPLORE
from tests.e2e.conftest import Open
from tests.e2e.harness.explorer import explorers

MODEL = """
import numpy as np
import attnwidget as aw

ex = aw.explore("The cat chased the dog because it meowed.", layer=2, heads=[0], view="neuron")

def written(query, key):
    terms = ex.record.terms(2, 0, query)
    total = float(terms.k[key].astype(float) @ terms.q)
    score = float(ex.record.scores(2, 0)[query, key])
    return [f"{number:.2f}".replace("-", "\\u2212") for number in (total, score)]
"""


def test_the_numbers_are_the_kernels(open_cells: Open) -> None:
    notebook = open_cells(MODEL, "ex")
    explorer = explorers(notebook.page)[0]
    explorer.root.locator(".ap-neuron[data-drawn]").wait_for()
    assert explorer.view() == "Neuron"
    assert explorer.pixels().colours > 60
    equation = explorer.root.locator(".ap-equation")

    explorer.root.get_by_role("option", name="it, token 7").click()
    notebook.until("[ex.selection['query'], ex.selection['locked']]", lambda held: held == [7, True])
    expect(equation).to_contain_text("it → cat:")
    total, score = notebook.kernel("written(7, 2)")
    expect(equation).to_contain_text(re.compile(rf"Σ q·k\s+{re.escape(total)}\s+× 1/√32"))
    expect(equation).to_contain_text(re.compile(rf"= score\s+{re.escape(score)}"))
    expect(equation).not_to_contain_text("own score")

    grid = explorer.root.get_by_role("grid", name="Keys")
    grid.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        notebook.page.keyboard.press(key)
    notebook.until("[ex.selection['query'], ex.selection['key']]", lambda held: held == [7, 5])
    total, score = notebook.kernel("written(7, 5)")
    expect(equation).to_contain_text(re.compile(rf"dog:.*Σ q·k\s+{re.escape(total)}.*{re.escape(score)}"))

    # The other query's keys are not sent again, and are the same.
    before = explorer.pixels()
    explorer.root.get_by_role("option", name="meowed, token 8").click()
    expect(equation).to_contain_text("meowed →")
    expect(equation).not_to_contain_text("own score")
    explorer.wait_drawn(before)
    notebook.kernel("setattr(ex, 'heads', [1])")
    expect(explorer.root.locator(".ap-readout")).to_contain_text("Layer 2, head 1")


def test_weights_alone_and_merged_words_say_so(open_cells: Open) -> None:
    notebook = open_cells(ARRAYS, EXPLORE, "ex.view = 'neuron'", "ex")
    explorer = explorers(notebook.page)[0]
    expect(explorer.root.get_by_text("Only the weights of this head are known")).to_be_visible()
    expect(explorer.root.locator(".ap-equation")).to_contain_text("weight")
    assert explorer.root.get_by_role("alert").count() == 0


def test_merged_words_have_a_way_back_to_tokens(open_cells: Open) -> None:
    notebook = open_cells(
        "import attnwidget as aw",
        "ex = aw.explore('The unbelievable cats meowed.', view='neuron'); ex.words = True",
        "ex",
    )
    explorer = explorers(notebook.page)[0]
    message = explorer.root.get_by_text("Merged words have no queries and keys of their own.")
    expect(message).to_be_visible()
    assert explorer.root.get_by_role("alert").count() == 0
    explorer.root.get_by_role("button", name="Show tokens").click()
    notebook.until("ex.words", lambda words: words is False)
    expect(explorer.root.locator(".ap-equation")).to_contain_text("Σ q·k")
    expect(message).to_be_hidden()
