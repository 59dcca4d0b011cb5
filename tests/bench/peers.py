"""Our views beside those of other tools, drawn from the same tensors in the same Chromium, in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cdn, live_cost, page_runs
from tests.bench.page_runs import Measured
from tests.e2e.harness.lab import LabServer

VIEWS = ("head", "model", "neuron")
LENGTHS = (16, 64, 128, 256, 512)
QUICK = (16, 64)

PEERS = {
    "bertviz": ("BertViz", VIEWS),
    "circuitsvis": ("CircuitsVis", ("head",)),
    "inspectus": ("Inspectus", ("head",)),
}
"""By package: its name, and the views that it has."""

LIVE, PAGE = "live", "attnwidget"


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured, and why a tool was not."""

    measured: tuple[Measured, ...]
    absent: dict[str, str]

    def find(self, tool: str, view: str, tokens: int) -> Measured | None:
        """Return what was measured of a view; None where nothing was tried."""
        wanted = (tool, view, tokens)
        return next((it for it in self.measured if (it.tool, it.view, it.tokens) == wanted), None)


def _live(lengths: Sequence[int], tell: Callable[[str], None]) -> list[Measured]:
    """Measure our views in JupyterLab."""
    found = []
    with tempfile.TemporaryDirectory() as folder, LabServer(Path(folder), save_widget_state=True) as lab:
        for view in VIEWS:
            for tokens in lengths:
                tell(f"peers: our {view} view in JupyterLab, {tokens} tokens")
                item = Measured(LIVE, view, tokens)
                try:
                    item.steps = live_cost.measure(lab, view, tokens)
                except Exception as error:
                    # One view that does not work shall not cost the figures of the others.
                    item.failure = str(error).splitlines()[0]
                    lab.stop_kernels()
                found.append(item)
    return found


def _pages(lengths: Sequence[int], tell: Callable[[str], None]) -> tuple[list[Measured], dict[str, str]]:
    """Measure every tool's pages, ours among them; a view that fails is not tried at larger lengths."""
    found = list[Measured]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        absent = cdn.absent(PEERS, folder)
        for tool, views in [(PAGE, VIEWS), *((tool, views) for tool, (_, views) in PEERS.items())]:
            if tool in absent:
                continue
            for view in views:
                for tokens in lengths:
                    tell(f"peers: {tool}, {view} view, {tokens} tokens")
                    item = page_runs.measure(tool, view, tokens, folder)
                    found.append(item)
                    if item.failure:
                        tell(f"peers: {item.failure}")
                        break
    return found, absent


def measure(lengths: Sequence[int], tell: Callable[[str], None]) -> Comparison:
    """Measure every view of every tool at every length.

    Parameters
    ----------
    lengths : sequence of int
        Numbers of tokens, ascending.
    tell : callable
        Told what is being measured.
    """
    live = _live(lengths, tell)
    pages, absent = _pages(lengths, tell)
    return Comparison((*live, *pages), absent)
