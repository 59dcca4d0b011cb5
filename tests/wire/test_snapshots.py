"""The snapshots that the front end's tests read are those that are written today."""

from __future__ import annotations

import json

import pytest

from attnwidget.service import Service
from attnwidget.snapshot.container import unpack
from tests.wire.snapshots import FOLDER, asked, forms, record, reply


@pytest.mark.parametrize("form", ["exact", "dense", "top", "none"])
def test_a_snapshot_is_what_would_be_written(form: str) -> None:
    kept, _ = unpack((FOLDER / f"{form}.snapshot").read_bytes())
    fresh, _ = unpack(forms(record())[form])
    for name in ("open", "prompt", "context", "layers"):
        assert kept[name] == fresh[name]
    assert kept["sites"].keys() == fresh["sites"].keys()


def test_the_kernel_still_says_the_same() -> None:
    shown = record()
    service = Service(shown)
    kept = json.loads((FOLDER / "kernel.json").read_text(encoding="utf-8"))
    assert [(one["kind"], one["args"]) for one in kept] == asked(shown)
    for one in kept:
        now = reply(service, one["kind"], one["args"])
        assert one["meta"].keys() == now["meta"].keys()
        assert [len(part) for part in one["buffers"]] == [len(part) for part in now["buffers"]]
