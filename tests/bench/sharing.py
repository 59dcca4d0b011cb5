"""What is shared, beside other tools: bytes of notebooks and pages, time until a page from disk draws."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.bench import cdn, page_runs, tensors
from tests.bench.page_runs import Measured
from tests.bench.tensors import Source
from tests.e2e.harness.notebook import write_notebook

LENGTHS = (64, 128, 256, 512)
QUICK = (64,)
# The embedded model reads no more.
EMBEDDED = (64, 128, 256)

OURS = "saved"
PEERS = {
    "bertviz": "BertViz",
    "circuitsvis": "CircuitsVis",
    "inspectus": "Inspectus",
    "treescope": "treescope",
}

Key = tuple[Source, int]


@dataclass
class Sharing:
    """Everything that was measured, by source and number of tokens."""

    widget: dict[Key, int] = field(default_factory=dict)
    shared: dict[Key, int] = field(default_factory=dict)
    pages: dict[tuple[str, Source, int], Measured] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def cases(lengths: Sequence[int]) -> list[Key]:
    """Return the sources and numbers of tokens."""
    embedded: list[Key] = [("embedded", tokens) for tokens in lengths if tokens in EMBEDDED]
    return [*(("random", tokens) for tokens in lengths), *embedded]


def notebook_bytes(tokens: int, source: Source, last: str, folder: Path) -> int:
    """Return the size of an executed notebook, widget state saved; `last` is its last cell."""
    path = folder / "bench.ipynb"
    write_notebook(path, [tensors.IN_KERNEL, f"ex = tensors.explorer({tokens}, {source!r})", last])
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=True).execute()
    nbformat.write(notebook, path)
    return path.stat().st_size


def _measure_pages(found: Sharing, lengths: Sequence[int], tell: Callable[[str], None], folder: Path) -> None:
    """Measure every tool's page; one that fails is not tried at larger lengths."""
    found.absent = cdn.absent(PEERS, folder)
    for tool in (OURS, *PEERS):
        if tool in found.absent:
            continue
        failed: set[Source] = set()
        for source, tokens in cases(lengths):
            if source in failed:
                continue
            tell(f"sharing: page of {tool}, {source} attention, {tokens} tokens")
            item = page_runs.measure(tool, "head", tokens, folder, source=source, gestures=False)
            found.pages[tool, source, tokens] = item
            if item.failure:
                tell(f"sharing: {item.failure}")
                failed.add(source)


def measure(lengths: Sequence[int], tell: Callable[[str], None]) -> Sharing:
    """Measure everything.

    Parameters
    ----------
    lengths : sequence of int
        Numbers of tokens, ascending.
    tell : callable
        Told what is being measured.
    """
    found = Sharing()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source, tokens in cases(lengths):
            tell(f"sharing: notebooks, {source} attention, {tokens} tokens")
            found.widget[source, tokens] = notebook_bytes(tokens, source, "ex", folder)
            found.shared[source, tokens] = notebook_bytes(tokens, source, "ex.share()", folder)
        _measure_pages(found, lengths, tell, folder)
    return found
