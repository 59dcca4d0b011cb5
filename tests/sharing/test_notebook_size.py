"""What an explorer adds to a notebook that nbclient runs and saves with its widgets."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import attnwidget as aw
from attnwidget.snapshot import unpack
from tests.e2e.harness.notebook import write_notebook

STATE = "application/vnd.jupyter.widget-state+json"
TOKENS = 128

MODEL = f"""
import torch, transformers
import attnwidget as aw
torch.manual_seed(0)
config = transformers.GPT2Config(vocab_size=1000, n_positions={TOKENS}, bos_token_id=0, eos_token_id=0)
model = transformers.GPT2LMHeadModel(config).eval()
prompt = torch.randint(0, 1000, ({TOKENS},)).tolist()
"""

SHOW = "ex = aw.explore(prompt, model=model)\nex"

MANY = """
for _ in range(3):
    gone = aw.explore("The cat sat.")
    gone._saver.save()
    gone.close()
"""
"""Explorers that are closed: nbclient keeps what it last heard of them."""


def run(path: Path, *cells: str) -> dict[str, Any]:
    """Run a notebook with these cells, save it with its widgets, and return it."""
    write_notebook(path, cells)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=True).execute()
    nbformat.write(notebook, path)
    return dict(json.loads(path.read_text()))


def models(notebook: dict[str, Any], name: str) -> list[dict[str, Any]]:
    state = notebook["metadata"]["widgets"][STATE]["state"]
    return [model for model in state.values() if model["model_name"] == name]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> tuple[Path, dict[str, Any]]:
    """A notebook with one explorer of GPT-2's size: 12 layers x 12 heads over 128 tokens."""
    path = tmp_path_factory.mktemp("size") / "gpt2.ipynb"
    return path, run(path, MODEL, SHOW, "ex.layer = 3", MANY, "print(ex.record_id)")


def test_twelve_by_twelve_heads_add_little(saved: tuple[Path, dict[str, Any]]) -> None:
    path, notebook = saved
    assert path.stat().st_size <= 1_300_000
    outputs = [output for cell in notebook["cells"] for output in cell["outputs"]]
    (shown,) = [output for output in outputs if "image/png" in output.get("data", {})]
    assert 10_000 < len(shown["data"]["image/png"]) <= 300_000
    (explorer,) = models(notebook, "AnyModel")
    assert len(explorer["state"]["_esm"]) <= 125_000
    (buffer,) = explorer["buffers"]
    assert buffer["path"] == ["_snapshot"]
    assert 300_000 < len(buffer["data"]) <= 1_000_000


def test_the_snapshot_is_of_the_record_on_screen(saved: tuple[Path, dict[str, Any]]) -> None:
    _, notebook = saved
    (explorer,) = models(notebook, "AnyModel")
    (buffer,) = explorer["buffers"]
    header, _ = unpack(base64.b64decode(buffer["data"]))
    printed = "".join(notebook["cells"][-1]["outputs"][0]["text"]).strip()
    assert explorer["state"]["record_id"] == header["open"]["record"] == printed
    assert explorer["state"]["layer"] == 3
    assert len(header["open"]["streams"]["decoder"]["text"]) == TOKENS


def test_what_was_closed_is_no_explorer_any_more(saved: tuple[Path, dict[str, Any]]) -> None:
    _, notebook = saved
    # Their own layouts are such models too.
    left = models(notebook, "LayoutModel")
    assert len([model for model in left if "_esm" in model["state"]]) == 3
    assert sum(len(json.dumps(model)) for model in left) < 15_000


def test_cleaned_it_is_the_picture_and_little_else(
    saved: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, _ = saved
    done = aw.clean_notebook(path, tmp_path / "clean.ipynb")
    assert (done.pictures, done.without_picture) == (1, 0)
    assert done.after < 310_000
