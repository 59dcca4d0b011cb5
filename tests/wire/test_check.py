"""What JSON said is compared with the schema, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from attnwidget.snapshot import unpack
from attnwidget.wire.check import mismatch
from attnwidget.wire.schema import ArraySpec, HeadNote, SnapshotHeader, Tokens
from tests.snapshot.goldens import FOLDER


@pytest.mark.parametrize(
    ("value", "declared", "place"),
    [
        (1, int, None),
        (True, int, "x"),
        (1.0, int, "x"),
        (2**60, int, "x"),
        (1, float, None),
        (float("nan"), float, "x"),
        (False, float, "x"),
        ("", str, None),
        (None, str, "x"),
        (None, str | None, None),
        ([1, None], list[int | None], None),
        ([1, "2"], list[int], "x[]"),
        ({"a": 1}, dict[str, int], None),
        ({"a": "1"}, dict[str, int], "x.*"),
        ([], dict[str, int], "x"),
        ({"anything": [None]}, Any, None),
        ({"buffer": 0, "dtype": "f4", "shape": [1, 2]}, ArraySpec, None),
        ({"buffer": 0, "dtype": "f4", "shape": [1, 2], "more": 1}, ArraySpec, None),
        ({"buffer": 0, "dtype": "f8", "shape": []}, ArraySpec | None, "x.dtype"),
        ({"buffer": 0, "dtype": "f4"}, ArraySpec, "x.shape"),
        ({"layer": 0, "head": 1, "title": "a", "score": 1, "text": None}, HeadNote, "x.text"),
        ("text", Tokens, "x"),
    ],
)
def test_values_fit_their_types(value: object, declared: Any, place: str | None) -> None:
    assert mismatch(value, declared, "x") == place


def test_every_golden_header_fits_and_lacks_nothing() -> None:
    for path in FOLDER.glob("*.snap"):
        header, _ = unpack(path.read_bytes())
        assert mismatch(header, SnapshotHeader) is None
        for name in SnapshotHeader.__annotations__:
            assert mismatch({key: header[key] for key in header if key != name}, SnapshotHeader) == name
