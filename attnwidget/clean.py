"""Takes the widgets out of a saved notebook, so that GitHub and other readers show the pictures instead."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any

from attnwidget.errors import NotebookError

VIEW = "application/vnd.jupyter.widget-view+json"
"""The MIME type under which an output names its widget."""

INDENTS = (1, 2, 4, None)
"""How notebooks are written: nbformat and Jupyter indent by 1, some editors otherwise."""


@dataclass(frozen=True)
class Cleaned:
    """What was done to a notebook.

    Attributes
    ----------
    path : Path
        Where it is now.
    changed : bool
        Whether there was anything to take out.
    before, after : int
        Bytes of the file.
    pictures : int
        Outputs that showed a widget and now show their picture.
    without_picture : int
        Outputs of widgets that have none: they are left, and show their text where there is no kernel.
    """

    path: Path
    changed: bool
    before: int
    after: int
    pictures: int
    without_picture: int


def clean_notebook(
    path: str | os.PathLike[str], output: str | os.PathLike[str] | None = None, *, write: bool = True
) -> Cleaned:
    """Take the widgets' state, and their views where there is a picture, out of a notebook.

    A notebook with widget state shows on GitHub as blanks; without, its pictures show, and it is smaller.
    Everything else stays as it was, byte for byte where the file is written as Jupyter writes it. The widgets
    are there again when the notebook is run again.

    Parameters
    ----------
    path : path
        The notebook.
    output : path, optional
        Where to write the result; the notebook itself if not given. The file is replaced as a whole.
    write : bool
        False only looks.

    Returns
    -------
    Cleaned

    Raises
    ------
    NotebookError
        If it is not a notebook of format 4, cannot be read, or cannot be written.

    Examples
    --------
    >>> import attnwidget as aw, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "empty.ipynb"
    ...     _ = path.write_text('{"cells": [], "metadata": {"widgets": {}}, "nbformat": 4}')
    ...     aw.clean_notebook(path).changed, path.read_text()
    (True, '{"cells": [], "metadata": {}, "nbformat": 4}')
    """
    source, target = Path(path), Path(path if output is None else output)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise NotebookError(f"{source} cannot be read: {error.strerror}.", "Name a notebook.") from error
    found = _without_widgets(data, source)
    if write and (found.changed or source.resolve() != target.resolve()):
        _replace(target, found.data, source)
    return Cleaned(target, found.changed, len(data), len(found.data), found.pictures, found.without_picture)


@dataclass(frozen=True)
class _Found:
    data: bytes
    changed: bool
    pictures: int
    without_picture: int


def _without_widgets(data: bytes, source: Path) -> _Found:
    try:
        text = data.decode("utf-8")
        # Numbers keep the digits that they are written with.
        mark = _unused(text)
        notebook = json.loads(text, parse_float=lambda digits: f"{mark}{digits}{mark}")
    except ValueError as error:
        raise _not_a_notebook(source, "it is not JSON") from error
    except RecursionError as error:
        raise _not_a_notebook(source, "it is nested too deeply") from error
    write = _style(notebook, text, mark)
    metadata = _dictionary(notebook, source, "metadata")
    changed = "widgets" in metadata
    metadata.pop("widgets", None)
    pictures = without = 0
    for shown in _outputs(notebook, source):
        shows = shown["data"]
        if VIEW not in shows:
            continue
        if any(kind.startswith("image/") for kind in shows):
            del shows[VIEW]
            if isinstance(about := shown.get("metadata"), dict):
                about.pop(VIEW, None)
            pictures += 1
        else:
            without += 1
    changed = changed or pictures > 0
    return _Found(write(notebook).encode("utf-8") if changed else data, changed, pictures, without)


def _outputs(notebook: dict[str, Any], source: Path) -> Iterator[dict[str, Any]]:
    """Yield every output with data."""
    if notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        raise _not_a_notebook(source, "it is not of notebook format 4")
    for cell in notebook["cells"]:
        for shown in cell.get("outputs", ()) if isinstance(cell, dict) else ():
            if isinstance(shown, dict) and isinstance(shown.get("data"), dict):
                yield shown


def _dictionary(notebook: object, source: Path, name: str) -> dict[str, Any]:
    inner = notebook.get(name) if isinstance(notebook, dict) else None
    if not isinstance(inner, dict):
        raise _not_a_notebook(source, f"it has no {name}")
    return inner


def _style(notebook: object, text: str, mark: str) -> Callable[[object], str]:
    """Return what writes a notebook as the text is written; if nothing does exactly, as Jupyter does."""
    end = text[len(text.rstrip()) :]
    line = "\r\n" if "\r\n" in text else "\n"

    def writer(indent: int | None, tight: bool, escaped: bool) -> Callable[[object], str]:
        def write(content: object) -> str:
            separators = (",", ":") if tight else None
            body = json.dumps(content, indent=indent, ensure_ascii=escaped, separators=separators)
            return re.sub(f'"{mark}([^"]+){mark}"', r"\1", body).replace("\n", line) + end

        return write

    for style in product(INDENTS, (False, True), (False, True)):
        write = writer(*style)
        if write(notebook) == text:
            return write
    # Half a pair has no bytes of its own.
    return writer(1, False, "\\ud" in text.lower())


def _unused(text: str) -> str:
    """Return something plain that a text does not have."""
    return next(mark for mark in (f"<{number}>" for number in count()) if mark not in text)


def _replace(target: Path, data: bytes, source: Path) -> None:
    """Write a file as a whole or not at all."""
    place = target.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            shutil.copymode(place if place.exists() else source, name)
            os.replace(name, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise NotebookError(
            f"{target} cannot be written: {error.strerror}.", "Name another place with output."
        ) from error


def _not_a_notebook(source: Path, why: str) -> NotebookError:
    return NotebookError(f"{source} is not a notebook: {why}.", "Name a file that Jupyter saved (.ipynb).")
