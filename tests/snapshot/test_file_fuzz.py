"""Damaged and hostile files: a clear error or a record that answers, and neither takes long."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnwidget as aw
from attnwidget.errors import SnapshotError
from attnwidget.record import AttentionRecord
from attnwidget.service.answers import describe
from attnwidget.snapshot.tensors import read_tensors
from tests.snapshot.saved import odd_record

quickly = settings(deadline=timedelta(seconds=10))
"""What takes so long for a file of 20 kB would take hours for a large one."""

NUMBERS = [-1, 0, 1, 2, 7, 2**31, 2**40, 2**63, 10**30, 1e308, 0.5]
LISTS = [[], [0], [0, 0], [-8, 8], [4, 11, 5], [2**62, 4], [0, 2**62]]
HOSTILE = st.one_of(
    st.sampled_from([None, True, *NUMBERS, *LISTS, {}, {"labels": []}]),
    st.sampled_from(["", "cross", "F32", "BF16", "U8"]),
    st.integers(),
    st.text(max_size=3),
)


@cache
def whole() -> bytes:
    """Return a file that is as it must be."""
    with TemporaryDirectory() as folder:
        odd_record().save(Path(folder) / "x.attn", snapshot=False)
        return (Path(folder) / "x.attn").read_bytes()


@cache
def with_a_snapshot() -> tuple[bytes, int]:
    """Return a file whose exact part nobody asks for, and where its snapshot lies."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.attn"
        odd_record().save(path, exact=False)
        return path.read_bytes(), read_tensors(path, "attnwidget.record", 1).places["snapshot"].start


@cache
def parts() -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return its header, what that says of the record, and the arrays."""
    size = 8 + int.from_bytes(whole()[:8], "little")
    header = json.loads(whole()[8:size])
    return header, json.loads(header["__metadata__"].pop("record")), whole()[size:]


def put_together(header: dict[str, Any], said: Any, data: bytes) -> bytes:
    """Return a file of these."""
    header = copy.deepcopy(header)
    if isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["record"] = json.dumps(said)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def opened(data: bytes) -> AttentionRecord | None:
    """Return the record in a file that answers whatever it is asked, or None if it is refused."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.attn"
        path.write_bytes(data)
        try:
            record = aw.load(path)
        except SnapshotError:
            return None
        with np.errstate(all="ignore"):
            for site in record.sites:
                assert site.weights().shape == (site.heads, site.queries, site.keys)
                assert site.sink([0], [0]).shape == (1, 1)
                assert site.visible([0]).shape[-1] == site.keys
                if site.has_scores:
                    assert site.scores([0], [0]).shape == (1, 1, site.keys)
                    assert site.terms(0, 0).scores().shape == (site.keys,)
        assert describe(record, [])["streams"]
        return record


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every value of a JSON object lies."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*path, name))


@cache
def all_places(which: int) -> tuple[tuple[Any, ...], ...]:
    return tuple(places(parts()[which]))[1:]


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """Draw a file of which a few fields say something else, or are missing."""
    made = [copy.deepcopy(part) for part in parts()[:2]]
    for _ in range(draw(st.integers(1, 3))):
        which = draw(st.integers(0, 1))
        path = draw(st.sampled_from(all_places(which)))
        around = made[which]
        try:
            for step in path[:-1]:
                around = around[step]
            if draw(st.booleans()) and draw(st.booleans()):
                del around[path[-1]]
            else:
                around[path[-1]] = draw(HOSTILE)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    return put_together(made[0], made[1], parts()[2])


def test_the_file_that_is_changed_opens() -> None:
    assert opened(whole()) is not None
    assert opened(put_together(*parts())) is not None
    assert opened(with_a_snapshot()[0]) is not None


@quickly
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    assert opened(data) is None
    assert opened(len(data).to_bytes(8, "little") + b"{" + data) is None


@quickly
@given(st.integers(0, len(whole()) - 1))
def test_a_file_that_is_cut_off(length: int) -> None:
    assert opened(whole()[:length]) is None


@quickly
@given(st.lists(st.tuples(st.integers(0, len(whole()) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_bytes_that_changed(changes: list[tuple[int, int]]) -> None:
    data = bytearray(whole())
    for place, byte in changes:
        data[place] = byte
    opened(bytes(data))


@quickly
@given(st.integers(0, 2**20), st.integers(1, 255))
def test_a_snapshot_that_changed(place: int, difference: int) -> None:
    data, start = bytearray(with_a_snapshot()[0]), with_a_snapshot()[1]
    data[start + place % (len(data) - start)] ^= difference
    opened(bytes(data))


@settings(quickly, max_examples=300)
@given(changed())
def test_fields_that_say_something_else(data: bytes) -> None:
    opened(data)


HEADERS = {
    "overlap": lambda h: h["decoder.0.q"].update(data_offsets=h["decoder.1.q"]["data_offsets"]),
    "gap": lambda h: h.pop("decoder.0.q"),
    "beyond the end": lambda h: h["decoder.0.q"].update(data_offsets=[2**62, 2**62 + 880]),
    "shape that overflows": lambda h: h["decoder.0.q"].update(shape=[2**62, 4, 5]),
    "backwards": lambda h: h["decoder.0.q"].update(data_offsets=[880, 0]),
    "wrong dtype": lambda h: h["decoder.0.q"].update(dtype="I32"),
    "unknown dtype": lambda h: h["decoder.0.q"].update(dtype="F4"),
    "another field": lambda h: h["decoder.0.q"].update(strides=[1]),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata that are no texts": lambda h: h["__metadata__"].update(more=7),
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_headers_that_contradict_themselves(change: Any) -> None:
    header, said, data = (copy.deepcopy(part) for part in parts())
    change(header)
    assert opened(put_together(header, said, data)) is None


SITES = {
    "more heads": {"heads": 8},
    "no heads": {"heads": 0},
    "heads that are no multiple": {"kv_heads": 3},
    "all tokens gone": {"queries": 10**15, "keys": 10**15},
    "the other way to hold it": {"holds": "weights"},
    "no way to hold it": {"holds": "pickle"},
    "another's mask": {"mask": 1, "heads": 2},
    "no such mask": {"mask": 77},
    "no such bias": {"bias": 77},
    "the layer of another": {"layer": 1},
    "a soft cap of nothing": {"softcap": 0},
    "a window of nothing": {"window": 0},
    "a number past all": {"fidelity": 10**400},
    "a layer past all": {"layer": 2**40},
    "not a number": {"scaling": float("nan")},
    "too much of it": {"scaling": float("inf")},
}


@pytest.mark.parametrize("fields", SITES.values(), ids=SITES)
def test_sites_that_contradict_themselves(fields: dict[str, Any]) -> None:
    header, said, data = (copy.deepcopy(part) for part in parts())
    said["sites"][0].update(fields)
    assert opened(put_together(header, said, data)) is None


def test_names_that_come_twice_and_depths_that_exhaust() -> None:
    header, _, data = parts()
    text = json.dumps(header | {"decoder.0.k": None}).encode()
    twice = text.replace(b'"decoder.0.k"', b'"decoder.0.q"')
    assert twice != text
    assert opened(len(twice).to_bytes(8, "little") + twice + data) is None
    deep = b'{"a":' + b"[" * 200_000
    assert opened(len(deep).to_bytes(8, "little") + deep) is None
    assert opened(put_together(header, "x", data)) is None
    assert opened((1 << 60).to_bytes(8, "little") + whole()[8:]) is None
