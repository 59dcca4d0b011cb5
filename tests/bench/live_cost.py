"""Measures our views where they live: in JupyterLab, with a kernel, from running the cell."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, WebSocket

from tests.bench import tensors
from tests.bench.browser_cost import QUIET_KERNEL_MS, WATCH, MeasuredBrowser, Probe
from tests.bench.document_cost import gesture_costs
from tests.bench.gestures import OURS
from tests.bench.page import RUN
from tests.e2e.harness.lab import LabServer
from tests.e2e.harness.notebook import write_notebook

# What is there before the cell runs, and the cell.
CELLS = {
    "head": (
        "weights, tokens = tensors.attention({n}), tensors.labels({n})",
        "ex = aw.explore(attentions=weights, tokens=tokens, layer=0, heads=list(range(12)))\nex",
    ),
    "model": (
        "weights, tokens = tensors.attention({n}), tensors.labels({n})",
        "ex = aw.explore(attentions=weights, tokens=tokens, layer=0, heads=[0], view='model')\nex",
    ),
    "neuron": (
        "model, tokenizer, text = tensors.model({n}), tensors.tokenizer({n}), tensors.sentence({n})",
        "ex = aw.explore(text, model=model, tokenizer=tokenizer, layer=0, heads=[0], view='neuron')\nex",
    ),
}


class WiredBrowser(MeasuredBrowser):
    """A browser that counts the bytes of its page's websockets."""

    def __init__(self) -> None:
        super().__init__()
        self.wired = 0

    def _count(self, payload: str | bytes) -> None:
        self.wired += len(payload.encode() if isinstance(payload, str) else payload)

    def _heard_socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._count)
        socket.on("framesent", self._count)

    def new_page(self) -> Page:
        """Open an empty page whose websockets are counted too."""
        page = super().new_page()
        page.on("websocket", self._heard_socket)
        return page


def measure(lab: LabServer, view: str, tokens: int) -> dict[str, Any]:
    """Run a cell that shows the view and return what every step cost, by the names that `document_cost` says.

    Parameters
    ----------
    lab : LabServer
        Started with `save_widget_state`.
    view : str
        The view: "head", "model" or "neuron".
    tokens : int
        The length.

    Returns
    -------
    dict
        "built": bytes on the wire until the view is drawn and in the saved notebook, and the kernel's CPU
        seconds; "drawn", "change", "hover": as in `document_cost`.
    """
    given, cell = CELLS[view]
    path = Path(lab.root) / f"{view}-{tokens}.ipynb"
    write_notebook(path, [cell])
    with WiredBrowser() as browser:
        notebook = lab.open(browser, path.name)
        notebook.execute(tensors.IN_KERNEL + given.format(n=tokens))
        notebook.page.evaluate(WATCH)
        probe = Probe(notebook.page, browser.process_of(notebook.page))
        probe.rest()
        base, kernel = probe.memory(), notebook.kernel("time.process_time()")
        probe.forget_peak()
        browser.wired = 0
        shown = OURS[view]
        drawn = probe.cost(RUN, ready=shown.ready, marked=shown.marks, quiet=QUIET_KERNEL_MS)
        wired, memory = browser.wired, probe.memory()
        cpu = notebook.kernel("time.process_time()") - kernel
        probe.rest()
        found: dict[str, Any] = {"drawn": {**asdict(drawn), **memory.above(base)}}
        found |= dict(gesture_costs(probe, shown, QUIET_KERNEL_MS))
        if errors := [*notebook.errors(), *browser.errors()]:
            raise RuntimeError(errors[0])
        notebook.save()
        notebook.page.close()
    lab.stop_kernels()
    return {"built": {"bytes": path.stat().st_size, "wire": wired, "cpu": cpu}, **found}
