"""What stands in the repository, and the small tools that keep it so."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.bench.table import END, START, markdown, replace_between
from tests.conftest import ROOT
from tests.e2e.harness.notebook import write_notebook
from tests.notebooks.execute import execute

TOP = {
    "attnwidget",
    "js",
    "notebooks",
    "tests",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
}
LARGEST = 2_000_000


def tracked() -> list[Path]:
    """Return the files that git tracks; skip where there is no repository (a source distribution)."""
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("not a git repository")
    return [ROOT / name for name in result.stdout.split("\0") if name and (ROOT / name).exists()]


def test_top_level() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP


def test_no_file_is_large() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > LARGEST] == []


def test_nothing_that_is_built_is_tracked() -> None:
    built = re.compile(r"__pycache__|node_modules|attnwidget/static/|\.ipynb_checkpoints")
    assert [str(path) for path in tracked() if built.search(path.relative_to(ROOT).as_posix())] == []


def test_lock_names_no_registry() -> None:
    packages = json.loads((ROOT / "js" / "package-lock.json").read_text())["packages"]
    assert len(packages) > 10
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_saved_notebooks_hold_no_widget_state() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert "widgets" not in notebook.metadata, path.name


def test_what_stands_for_an_address_is_named_where_releases_are_made() -> None:
    """A stand-in that nobody is reminded of would be released."""
    pages = {path: path.read_text(encoding="utf-8") for path in tracked() if path.suffix in {".ipynb", ".md"}}
    with_stand_in = {path.relative_to(ROOT).as_posix() for path, text in pages.items() if "/OWNER/" in text}
    _, found, section = pages[ROOT / "CONTRIBUTING.md"].partition("## Before a release")
    assert found
    assert {name for name in with_stand_in if f"`{name}`" not in section} == set()
    assert with_stand_in or "`OWNER`" not in section


@pytest.mark.parametrize("target", ["demo", "test", "lint", "build", "notebooks", "bench", "screenshots"])
def test_make_knows(target: str) -> None:
    subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_execute_keeps_outputs_and_drops_state(tmp_path: Path) -> None:
    path = tmp_path / "small.ipynb"
    write_notebook(path, ["import ipywidgets\nipywidgets.IntSlider(3)", "print(1 + 1)"])
    execute(path)
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[0].outputs[0].data
    assert notebook.cells[1].outputs[0].text == "2\n"
    assert notebook.cells[1].metadata == {}


def test_execute_leaves_a_notebook_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    write_notebook(path, ["1 / 0"])
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(path)
    assert path.read_bytes() == before


def test_tables_replace_only_what_is_between_the_marks() -> None:
    text = f"before\n{START}\nold\n{END}\nafter\n"
    table = markdown(["a", "b"], [["1", "2"]])
    new = replace_between(text, table)
    assert new == f"before\n{START}\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n{END}\nafter\n"
    assert replace_between(new, table) == new


@pytest.mark.parametrize("text", ["", START, f"{END} {START}", f"{START}{START}{END}"])
def test_tables_need_their_marks(text: str) -> None:
    with pytest.raises(ValueError, match="must each stand once"):
        replace_between(text, "table")
