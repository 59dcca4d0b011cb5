"""One build and one browser for all of these tests; a console error on a page fails its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gallery.pages import Gallery, build


@pytest.fixture(scope="package")
def chromium() -> Iterator[Gallery]:
    build()
    with Gallery() as opened:
        yield opened


@pytest.fixture
def gallery(chromium: Gallery) -> Iterator[Gallery]:
    """The browser, without pages; what its pages' consoles say must be nothing."""
    chromium.errors.clear()
    yield chromium
    chromium.close_pages()
    assert chromium.errors == []
