"""One build and one browser for all of these tests; a console error on a page fails its test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.gallery.pages import Gallery, build


def build_once(folder: Path) -> None:
    """Build the page once for all the processes that these tests run in.

    Parameters
    ----------
    folder : Path
        This process's own folder for temporary files.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        build()
        return
    built = folder.parent / "gallery.built"
    with FileLock(built.with_suffix(".lock")):
        if not built.exists():
            build()
            built.touch()


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    build_once(tmp_path_factory.getbasetemp())
    with Gallery() as opened:
        yield opened


@pytest.fixture
def gallery(chromium: Gallery) -> Iterator[Gallery]:
    """The browser, without pages; what its pages' consoles say must be nothing."""
    chromium.errors.clear()
    yield chromium
    chromium.close_pages()
    assert chromium.errors == []
