"""Arrays, companding, chunks and request checks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnwidget.errors import EmptyPromptError, ProtocolError
from attnwidget.wire.arrays import Buffers, unpack
from attnwidget.wire.messages import check_request, error_info, messages, reply_error, reply_ok
from attnwidget.wire.patterns import COMPAND_ERROR, compand, expand, mark
from attnwidget.wire.schema import MASKED, PROTOCOL, U8_MASKED, U8_NAN, Request

weights = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3), elements=st.floats(0, 1, width=32))


def request(**changes: object) -> dict[str, object]:
    row = {"site": "decoder", "layer": 0, "heads": [0], "query": 0}
    return {"protocol": PROTOCOL, "id": "a", "kind": "row", "record": "", "args": row} | changes


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.dtype("<i4"), np.dtype("<f4")]),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0),
    )
)
def test_arrays_come_back(array: np.ndarray) -> None:
    buffers = Buffers()
    buffers.add(np.arange(3, dtype=np.int32))
    spec = buffers.add(array.T)
    assert spec["buffer"] == 1
    np.testing.assert_array_equal(unpack(spec, buffers.data), array.T)


def test_unknown_dtype_is_refused() -> None:
    with pytest.raises(ProtocolError, match="float64"):
        Buffers().add(np.zeros(2))


@given(weights)
def test_companding_stays_within_its_error(array: np.ndarray) -> None:
    back = expand(compand(array, np.True_))
    assert np.abs(back - array).max() <= COMPAND_ERROR + 1e-6


def test_the_stated_error_is_reached() -> None:
    dense = np.linspace(0, 1, 200_001, dtype=np.float32)[None]
    worst = np.abs(expand(compand(dense, np.True_)) - dense).max()
    assert worst == pytest.approx(COMPAND_ERROR, rel=1e-3)


def test_masked_and_unknown_cells_stay_apart() -> None:
    array = np.array([[0.5, np.nan], [0.25, 0.0]], dtype=np.float32)
    visible = np.array([[True, True], [True, False]])
    codes = compand(array, visible)
    assert (codes[0, 1], codes[1, 1]) == (U8_NAN, U8_MASKED)
    back = expand(codes)
    assert np.isnan(back[0, 1])
    assert back[1, 1] == MASKED
    marked = mark(array, visible)
    assert marked[0, 0] == 0.5
    assert np.isnan(marked[0, 1])
    assert marked[1, 1] == MASKED


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
def test_chunks_carry_the_same_bytes(buffers: list[bytes], limit: int) -> None:
    sent = list(messages(reply_ok("x", {"a": 1}), buffers, limit))
    if sum(map(len, buffers)) <= limit:
        assert sent == [(reply_ok("x", {"a": 1}), buffers)]
        return
    head = sent[0][0]
    assert head["reply"] == reply_ok("x", {"a": 1})
    assert head["lengths"] == list(map(len, buffers))
    assert [chunk["part"] for chunk, _ in sent] == list(range(head["parts"]))
    assert all(0 < len(piece) <= limit for _, (piece,) in sent)
    assert b"".join(piece for _, (piece,) in sent) == b"".join(buffers)


def test_a_good_request_passes() -> None:
    checked: Request = check_request(request())
    assert checked["kind"] == "row"
    assert checked["args"]["query"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", "without an id"),
        ({"kind": "open"}, "without an id"),
        (request(protocol=99), "speaks protocol 99"),
        (request(kind="explode"), "'explode'"),
        (request(args=None), "no arguments"),
        (request(args={"site": "decoder"}), "lacks heads, layer, query"),
    ],
)
def test_a_bad_request_is_named(content: object, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        check_request(content)


def test_errors_in_band() -> None:
    error = EmptyPromptError("The prompt is empty.", "Type something.")
    reply = reply_error("x", error)
    assert reply["error"] == {
        "code": "empty-prompt",
        "what": "The prompt is empty.",
        "todo": "Type something.",
    }
    assert error_info(KeyError("k"))["code"] == "internal"
    assert error_info(RuntimeError())["what"] == "RuntimeError: no message"
