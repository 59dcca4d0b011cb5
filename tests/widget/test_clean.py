"""Notebooks without their widgets: the pictures stay, and every other byte does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

import attnwidget as aw
from attnwidget import clean
from attnwidget.__main__ import main
from attnwidget.errors import NotebookError

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
PIXEL = "iVBORw0KGgo="


def output(**data: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {"image/png": {"width": 3}, VIEW: {"colab": 1}},
        "data": data,
    }


def notebook(*, widgets: bool = True) -> dict[str, Any]:
    """Return a notebook with a widget that has a picture, one that has none, and other things."""
    view = {VIEW: {"model_id": "m", "version_major": 2, "version_minor": 0}} if widgets else {}
    shown = output(**view, **{"image/png": PIXEL, "text/plain": ["AttentionExplorer(…)"]})
    if not widgets:
        del shown["metadata"][VIEW]
    other = output(**{VIEW: {"model_id": "s"}, "text/plain": ["IntSlider(value=0)"]})
    plot = output(**{"application/vnd.plotly.v1+json": {"y": [1e-05, 1.50, -0.0, 12345678901234567890]}})
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Grüße 中文 🙂\n", "<0>"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "id": "b",
            "metadata": {"tags": []},
            "outputs": [shown, other, plot],
            "source": [],
        },
    ]
    state = {"widgets": {STATE: {"state": {}, "version_major": 2}}} if widgets else {}
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, **state, "zeta": 1}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def written(content: Any, indent: int | None = 1, end: str = "\n", **style: Any) -> bytes:
    return (json.dumps(content, indent=indent, **{"ensure_ascii": False, **style}) + end).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.ipynb"
    path.write_bytes(written(notebook()))
    return path


def test_the_picture_stays_and_nothing_else_changes(path: Path) -> None:
    done = aw.clean_notebook(path)
    assert path.read_bytes() == written(notebook(widgets=False))
    assert (done.changed, done.pictures, done.without_picture) == (True, 1, 1)
    assert (done.before, done.after) == (len(written(notebook())), path.stat().st_size)
    nbformat.validate(nbformat.read(path, 4))


def test_a_second_time_changes_nothing(path: Path) -> None:
    aw.clean_notebook(path)
    before = path.stat()
    assert aw.clean_notebook(path).changed is False
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(
    "style",
    [
        {"indent": 2},
        {"indent": 4, "end": ""},
        {"indent": None},
        {"indent": None, "separators": (",", ":"), "end": "\n\n"},
        {"indent": 1, "ensure_ascii": True},
    ],
)
def test_a_file_keeps_the_way_it_is_written(path: Path, style: dict[str, Any]) -> None:
    path.write_bytes(written(notebook(), **style))
    aw.clean_notebook(path)
    assert path.read_bytes() == written(notebook(widgets=False), **style)


def test_a_file_keeps_its_line_ends_and_the_digits_of_its_numbers(path: Path) -> None:
    def as_written(widgets: bool) -> bytes:
        text = written(notebook(widgets=widgets)).replace(b"\n", b"\r\n")
        return text.replace(b"1e-05", b"1.0E-5").replace(b"1.5,", b"1.50,")

    path.write_bytes(as_written(widgets=True))
    assert b"1.0E-5" in path.read_bytes()
    aw.clean_notebook(path)
    assert path.read_bytes() == as_written(widgets=False)


def test_a_file_that_nothing_writes_alike_keeps_its_content(path: Path) -> None:
    path.write_bytes(written(notebook()).replace(b'"id": "a"', b'"id":  "\\u0061", "lone": "\\ud83d"'))
    aw.clean_notebook(path)
    read = json.loads(path.read_text())
    assert read["cells"][0].pop("lone") == "\ud83d"
    assert read == notebook(widgets=False)


def test_the_result_can_go_elsewhere(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    done = aw.clean_notebook(path, tmp_path / "y.ipynb")
    assert done.path == tmp_path / "y.ipynb"
    assert done.path.read_bytes() == written(notebook(widgets=False))
    assert path.read_bytes() == before
    # Also where there is nothing to take out.
    aw.clean_notebook(done.path, tmp_path / "z.ipynb")
    assert (tmp_path / "z.ipynb").read_bytes() == done.path.read_bytes()


def test_links_and_modes_stay(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.ipynb"
    link.symlink_to(path)
    aw.clean_notebook(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"widget-state" not in path.read_bytes()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"print('x')", "not JSON"),
        (b"[" * 100_000, "not JSON|nested too deeply"),
        (b"[1]", "has no metadata"),
        (b'{"metadata": {}}', "notebook format 4"),
        (b'{"metadata": {}, "cells": 3, "nbformat": 4}', "notebook format 4"),
        (b'{"metadata": {}, "worksheets": [], "nbformat": 3}', "notebook format 4"),
    ],
)
def test_what_is_no_notebook_is_refused_and_left_alone(path: Path, data: bytes, why: str) -> None:
    path.write_bytes(data)
    with pytest.raises(NotebookError, match=rf"is not a notebook: .*({why})"):
        aw.clean_notebook(path)
    assert path.read_bytes() == data


def test_a_file_that_cannot_be_read_or_written_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"gone\.ipynb cannot be read"):
        aw.clean_notebook(tmp_path / "gone.ipynb")
    with pytest.raises(NotebookError, match=r"y\.ipynb cannot be written"):
        aw.clean_notebook(path, tmp_path / "no folder" / "y.ipynb")


def test_no_half_of_a_file_is_ever_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(clean.os, "replace", full)
    with pytest.raises(NotebookError, match="No space left"):
        aw.clean_notebook(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_the_command_line(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert main(["clean", "--check", str(path)]) == 1
    assert "1 picture; 1 widget without a picture" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main(["clean", str(path), "--output", str(tmp_path / "y.ipynb")]) == 0
    assert path.read_bytes() == before
    assert main(["clean", str(path)]) == 0
    assert path.read_bytes() == (tmp_path / "y.ipynb").read_bytes()
    assert main(["clean", "--check", str(path)]) == 0
    assert "nothing to take out" in capsys.readouterr().out
    (tmp_path / "z.ipynb").write_text("no")
    assert main(["clean", str(tmp_path / "z.ipynb"), str(path)]) == 2
    assert "attnwidget: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["clean", "a", "b", "--output", "c"])
