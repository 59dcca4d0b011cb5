"""The golden messages on disk are what this version writes; the front end's tests read the same files."""

from __future__ import annotations

import pytest

from attnwidget.wire.messages import check_request
from tests.wire.goldens import FOLDER, goldens, render

GOLDENS = goldens()


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(GOLDENS)


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_is_what_is_written(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == render(GOLDENS[name])


@pytest.mark.parametrize("name", GOLDENS)
def test_requests_of_goldens_are_valid(name: str) -> None:
    assert check_request(GOLDENS[name]["request"])["id"] == "r1"
