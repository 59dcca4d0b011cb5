"""An open notebook: its commands, its cells, and values read back from its kernel."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page

COMMAND_TIMEOUT_MS = 120_000

PANEL = "window.jupyterapp.shell.currentWidget"


class CommandError(RuntimeError):
    """A command of JupyterLab failed or did not end."""


class Notebook:
    """The notebook in a page, driven through JupyterLab's own commands.

    Parameters
    ----------
    page : Page
        The page that shows JupyterLab.
    path : str
        The notebook's path in it.
    """

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.path = path

    def wait_open(self, *, kernel: bool) -> None:
        """Wait until the notebook is there and, on request, its kernel is idle."""
        self.page.wait_for_function(f"() => {PANEL.replace('.shell', '?.shell')}?.context?.isReady")
        if kernel:
            self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            f"() => {PANEL}.context.sessionContext.session?.kernel?.status === 'idle'",
            timeout=COMMAND_TIMEOUT_MS,
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Execute one of JupyterLab's commands and wait for its end."""
        # An evaluation in the page has no time limit of its own, so it races one.
        outcome = self.page.evaluate(
            """([name, args, limit]) => Promise.race([
                window.jupyterapp.commands.execute(name, args).then(() => "", (error) => String(error)),
                new Promise((done) => setTimeout(done, limit, "it did not end")),
            ])""",
            [name, arguments, COMMAND_TIMEOUT_MS],
        )
        if outcome:
            raise CommandError(f"{name}: {outcome}")

    def run_all(self) -> None:
        """Run every cell; an exception in one of them is an AssertionError here."""
        self.command("notebook:run-all-cells")
        self.wait_idle()
        if errors := self.errors():
            raise AssertionError("; ".join(errors))

    def errors(self) -> list[str]:
        """Return the exceptions among the cells' outputs."""
        found: list[str] = self.page.evaluate(
            f"""() => [...{PANEL}.content.model.cells]
                .flatMap((cell) => cell.type === "code" ? cell.sharedModel.outputs : [])
                .filter((output) => output.output_type === "error")
                .map((output) => output.ename + ": " + output.evalue)"""
        )
        return found

    def sources(self) -> list[str]:
        """Return the text of every cell."""
        found: list[str] = self.page.evaluate(
            f"() => [...{PANEL}.content.model.cells].map((cell) => cell.sharedModel.getSource())"
        )
        return found

    def kernel(self, expression: str) -> Any:
        """Evaluate an expression in the kernel and return its value, which must be JSON."""
        reply = self.page.evaluate(
            f"""async (code) => {{
                const kernel = {PANEL}.context.sessionContext.session.kernel;
                const future = kernel.requestExecute({{
                    code: "", silent: true, store_history: false, user_expressions: {{ value: code }},
                }});
                return (await future.done).content.user_expressions.value;
            }}""",
            f"__import__('json').dumps({expression})",
        )
        if reply["status"] != "ok":
            raise RuntimeError(f"{expression}: {reply['ename']}: {reply['evalue']}")
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def execute(self, code: str) -> None:
        """Run statements in the kernel, outside any cell."""
        reply = self.page.evaluate(
            f"""async (code) => {{
                const kernel = {PANEL}.context.sessionContext.session.kernel;
                return (await kernel.requestExecute({{ code, store_history: false }}).done).content;
            }}""",
            code,
        )
        if reply["status"] != "ok":
            raise RuntimeError(f"{reply['ename']}: {reply['evalue']}")

    def until(self, expression: str, holds: Callable[[Any], bool], timeout: float = 20.0) -> Any:
        """Evaluate in the kernel until the value satisfies `holds`; returns that value."""
        deadline = time.monotonic() + timeout
        while not holds(value := self.kernel(expression)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} stayed {value!r}")
            self.page.wait_for_timeout(50)
        return value

    def save(self) -> None:
        """Save, and wait until it is saved."""
        self.command("docmanager:save")
        self.page.wait_for_function(f"() => !{PANEL}.context.model.dirty")

    def shutdown_kernel(self) -> None:
        """End the kernel, as the user does from the menu, and leave the page as it is."""
        self.page.evaluate(f"() => {PANEL}.context.sessionContext.shutdown()")

    def set_theme(self, name: str) -> None:
        """Switch JupyterLab's theme, for example to "JupyterLab Dark"."""
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_function(
            "(name) => document.body.dataset.jpThemeName === name", arg=name, timeout=COMMAND_TIMEOUT_MS
        )


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(cells)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, path)
