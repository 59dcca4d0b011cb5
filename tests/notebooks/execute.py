"""Executes notebooks in place and keeps them small and comparable.

python -m tests.notebooks.execute notebooks/*.ipynb
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

CELL_TIMEOUT = 600
METADATA = ("kernelspec", "language_info")


def execute(path: Path) -> None:
    """Run every cell of a notebook and save it with its outputs.

    The widgets' state stays out of the file (each explorer would store the whole front end in it), and so do
    times and the version of the machine's Python.

    Parameters
    ----------
    path : Path
        The notebook; it is rewritten only if every cell ran.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raised.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
    )
    client.execute()
    notebook.metadata = nbformat.from_dict({key: notebook.metadata[key] for key in METADATA})
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> None:
    """Execute the named notebooks, one after the other."""
    for argument in arguments:
        path = Path(argument)
        execute(path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
