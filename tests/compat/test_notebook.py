"""A notebook written for BertViz runs in JupyterLab with nothing but its import lines changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import explorers
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import write_notebook

pytestmark = pytest.mark.e2e

CELLS = [
    """
import attnwidget.demo_model
model_version = str(attnwidget.demo_model.PATH)
sentence = "The cat chased the dog because it was tired."
""",
    """
from attnwidget.compat import head_view, model_view
from transformers import AutoModel, AutoTokenizer

model = AutoModel.from_pretrained(model_version, output_attentions=True)
tokenizer = AutoTokenizer.from_pretrained(model_version)
inputs = tokenizer.encode(sentence, return_tensors="pt")
attention = model(inputs).attentions
tokens = tokenizer.convert_ids_to_tokens(inputs[0])
""",
    "head_view(attention, tokens, layer=2, heads=[1])",
    "model_view(attention, tokens)",
    """
from attnwidget.compat.neuron_view import show
from attnwidget.compat.transformers_neuron_view import GPT2Model

model = GPT2Model.from_pretrained(model_version)
show(model, "gpt2", tokenizer, sentence, layer=2, head=0)
""",
    "head_view(attention, tokens, html_action='return')",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[LabServer]:
    with LabServer(tmp_path_factory.mktemp("lab")) as server:
        yield server


def test_only_the_imports_change(lab: LabServer) -> None:
    write_notebook(lab.root / "bertviz.ipynb", CELLS)
    with Browser() as browser:
        notebook = lab.open(browser, "bertviz.ipynb")
        notebook.run_all()
        head, model, neuron = explorers(notebook.page, 3)
        # Chromium draws nothing in a sandboxed frame that is out of sight.
        notebook.page.locator("iframe[srcdoc]").scroll_into_view_if_needed()
        (page,) = explorers(notebook.page.frame_locator("iframe[srcdoc]"))
        assert [each.view() for each in (head, model, neuron, page)] == ["Head", "Model", "Neuron", "Head"]
        assert head.chosen() == [1]
        assert head.layer.input_value() == "2"
        for each in (head, model, page):
            assert each.pixels().colours > 10
        # The page inside the notebook answers by itself: no kernel stands behind it.
        before = page.pixels()
        page.layer.focus()
        notebook.page.keyboard.press("ArrowRight")
        page.wait_drawn(before)
        assert head.layer.input_value() == "2"
        assert browser.errors() == []
        assert browser.offsite() == []
