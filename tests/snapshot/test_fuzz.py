"""Whatever bytes `decode` is given, it ends with a `SnapshotError` or with a record that answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget.errors import AttnWidgetError, NotRecordedError, SnapshotError
from attnwidget.service import Service
from attnwidget.snapshot import decode, unpack
from attnwidget.snapshot.container import MAGIC, PREFIX, VERSION, Piece, join
from tests.snapshot.goldens import FOLDER, expected, snapshots

NAMES = sorted(path.stem for path in FOLDER.glob("*.snap"))
FUZZED = [name for name in NAMES if name.endswith("cut") or name in ("causal", "words", "predictions")]
ODD: list[Any] = [None, -1, 0, 0.5, 3, 10**9, 2**60, "", "top", "f4", True, [], [10**6, 10**6], {}, [None]]


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.snap").read_bytes()


@np.errstate(all="ignore")  # changed bytes make enormous numbers
def survives(data: bytes) -> bool:
    """Read all there is; whether it was a snapshot."""
    try:
        record = decode(data)
    except SnapshotError:
        return False
    for site in record.sites:
        try:
            assert site.weights().shape == (site.heads, site.queries, site.keys)
        except NotRecordedError:
            assert len(site.cells.heads) < site.heads  # type: ignore[attr-defined]
        peaks = site.peaks  # type: ignore[attr-defined]
        rows = range(site.queries) if peaks is None else peaks.queries
        try:
            assert site.sink(queries=rows).shape == (site.heads, len(rows))
        except NotRecordedError:
            assert peaks.sinks is None
        if peaks is not None:
            assert site.weights(queries=rows).shape == (site.heads, len(rows), site.keys)
            assert all(
                (lost := site.lost(head)) and len(lost.floor) == site.queries for head in range(site.heads)
            )
        if site.has_scores:
            assert site.scores(0).shape == (1, site.queries, site.keys)
    service = Service(record)
    for kind in record.kinds:
        try:
            assert service.metrics(kind).site == kind
        except AttnWidgetError:
            assert not record.whole
    return True


def body_of(data: bytes) -> tuple[dict[str, Any], bytearray]:
    """Return the header and, as they lie in it, the arrays of a snapshot."""
    import zlib

    body = zlib.decompress(data[PREFIX.size :], 31)
    size = int.from_bytes(body[:4], "little")
    return json.loads(body[4 : 4 + size]), bytearray(body[4 + size :])


def packed(header: Any, arrays: bytes) -> bytes:
    """Return a snapshot whose checksum holds, whatever is in it."""
    text = json.dumps(header).encode()
    return join([Piece.of(len(text).to_bytes(4, "little") + text + bytes(arrays))])


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        found.append((value, name))
        found += places(each)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_goldens_are_read_as_they_were_written(name: str) -> None:
    assert survives(read(name))
    assert survives(packed(*body_of(read(name))))
    assert expected(read(name)) == json.loads((FOLDER / f"{name}.json").read_text())


def apart(one: Any, other: Any, place: str = "") -> list[str]:
    """Return where two things differ, but for the last digits that a machine's own arithmetic gives."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [at for name in one for at in apart(one[name], other[name], f"{place}.{name}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [at for index, (a, b) in pairs for at in apart(a, b, f"{place}[{index}]")]
    if isinstance(one, float) and isinstance(other, float):
        return [] if one == pytest.approx(other, rel=1e-5, abs=2e-6) else [place]
    return [] if one == other else [place]


def test_goldens_are_what_is_written_today() -> None:
    made = snapshots()
    assert sorted(made) == NAMES
    for name, data in made.items():
        assert apart(expected(data), expected(read(name))) == [], name
        assert unpack(data)[0].keys() == unpack(read(name))[0].keys()


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1), st.booleans())
def test_noise_is_refused(noise: bytes, length: int, framed: bool) -> None:
    assert not survives(PREFIX.pack(MAGIC, VERSION, 0, length) + noise if framed else noise)


@settings(max_examples=100)
@given(st.sampled_from(FUZZED), st.data())
def test_changed_bytes_are_survived(name: str, data: st.DataObject) -> None:
    golden = bytearray(read(name))
    for _ in range(data.draw(st.integers(1, 4))):
        golden[data.draw(st.integers(0, len(golden) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(golden))


@settings(max_examples=40)
@given(st.sampled_from(FUZZED), st.data())
def test_what_was_cut_short_is_refused(name: str, data: st.DataObject) -> None:
    golden = read(name)
    assert not survives(golden[: data.draw(st.integers(0, len(golden) - 1))])
    assert not survives(golden + b"\0")


@settings(max_examples=150)
@given(st.sampled_from(FUZZED), st.data())
def test_other_headers_and_arrays_are_survived(name: str, data: st.DataObject) -> None:
    header, arrays = body_of(read(name))
    for _ in range(data.draw(st.integers(1, 3))):
        if data.draw(st.booleans()):
            where, key = data.draw(st.sampled_from(places(header)))
            try:
                where[key] = data.draw(st.sampled_from(ODD))
            except (KeyError, IndexError, TypeError):
                continue
        else:
            arrays[data.draw(st.integers(0, len(arrays) - 1))] = data.draw(st.integers(0, 255))
    survives(packed(header, bytes(arrays)))


@pytest.mark.parametrize("length", [0, 3, 100, 2**30, 2**30 + 1, 2**32 - 1])
def test_a_length_that_is_not_so_is_refused_at_once(length: int) -> None:
    golden = read(NAMES[0])
    assert not survives(PREFIX.pack(MAGIC, VERSION, 0, length) + golden[PREFIX.size :])


def test_another_version_is_named() -> None:
    golden = read(NAMES[0])
    with pytest.raises(SnapshotError, match=r"format version 7, this attnwidget reads version 1\.") as raised:
        decode(PREFIX.pack(MAGIC, 7, 0, 5) + golden[PREFIX.size :])
    assert "pip install" in raised.value.todo


def edited(change: Callable[[dict[str, Any]], None]) -> bytes:
    header, arrays = body_of(read("sinks-cut"))
    change(header)
    return packed(header, bytes(arrays))


def layer(header: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = header["sites"]["decoder"]["layers"]["0"]
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda header: layer(header).update(form="sparse"), "form"),
        (lambda header: layer(header).update(counts=None), "do not say how"),
        (lambda header: layer(header).update(heads=[0, 9]), "head does not exist"),
        (lambda header: layer(header).update(heads=[1, 0]), "head does not exist"),
        (lambda header: layer(header)["cells"].update(buffer=999), "an array"),
        (lambda header: layer(header)["cells"].update(dtype="i4"), "an array"),
        (lambda header: layer(header)["cells"].update(shape=[-1]), "an array"),
        (lambda header: layer(header)["terms"].update(kv_heads=[]), "queries and keys"),
        (lambda header: header["open"].pop("precision"), "how precise"),
        (lambda header: header.pop("prompt"), "prompt"),
        (lambda header: header["open"]["sites"][0]["layers"][0].update(kv_heads=3), "impossible"),
    ],
)
def test_what_is_wrong_is_said(change: Callable[[dict[str, Any]], None], said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        decode(edited(change))
