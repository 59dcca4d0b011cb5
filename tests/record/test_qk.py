"""Recomputation from queries and keys, against the definition in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.errors import InputError
from attnwidget.record import Visibility, qk, rows
from attnwidget.record.qk import QKSite

HEADS, KV, N, D = 6, 2, 37, 8


def site(**changes: Any) -> QKSite:
    generator = torch.Generator().manual_seed(4)
    given: dict[str, Any] = {
        "kind": "decoder",
        "layer": 3,
        "name": "layers.3",
        "route": "interface",
        "heads": HEADS,
        "kv_heads": KV,
        "queries": N,
        "keys": N,
        "visibility": Visibility(causal=True),
        "scaling": 0.7,
        "q": torch.randn(HEADS, N, D, generator=generator),
        "k": torch.randn(KV, N, D, generator=generator),
    }
    return QKSite(**(given | changes))


def defined(s: QKSite) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, weights and sink by the definition, head by head."""
    scores = np.empty((s.heads, s.queries, s.keys))
    for head in range(s.heads):
        key = s.k[head // (s.heads // s.kv_heads)]
        scores[head] = s.q[head].double().numpy() @ key.double().numpy().T
    scores *= s.scaling
    if s.softcap is not None:
        scores = np.tanh(scores / s.softcap) * s.softcap
    if s.bias is not None:
        scores = scores + s.bias.double().numpy()
    scores = np.where(s.visible(), scores, -np.inf)
    column = np.full((s.heads, s.queries, 1), -np.inf)
    if s.sink_scores is not None:
        column[:] = s.sink_scores.double().numpy()[:, None, None]
    whole = np.concatenate([scores, column], -1)
    top = whole.max(-1, keepdims=True)
    raised = np.exp(whole - np.where(np.isinf(top), 0, top))
    weights = raised / np.maximum(raised.sum(-1, keepdims=True), 1e-300)
    return scores, weights[..., :-1], weights[..., -1]


def lonely() -> np.ndarray:
    mask = np.tri(N, dtype=bool)
    mask[5] = False
    return mask


CASES = {
    "causal": {},
    "everything": {"visibility": Visibility()},
    "window": {"visibility": Visibility(causal=True, window=5)},
    "mask": {"visibility": Visibility(mask=np.eye(N, dtype=bool) | np.tri(N, k=-4, dtype=bool))},
    "mask per head": {"visibility": Visibility(mask=np.random.default_rng(0).random((HEADS, N, N)) < 0.6)},
    "a query that sees nothing": {"visibility": Visibility(causal=True, mask=lonely())},
    "soft cap": {"softcap": 1.5},
    "sinks": {"sink_scores": torch.linspace(-1, 2, HEADS), "has_sinks": True},
    "a sink that takes all": {"sink_scores": torch.full((HEADS,), 300.0), "has_sinks": True},
    "bias": {"bias": torch.randn(1, N, N, generator=torch.Generator().manual_seed(1))},
    "bias per head": {"bias": torch.randn(HEADS, 1, N, generator=torch.Generator().manual_seed(2))},
    "one key-value head": {"k": torch.randn(1, N, D), "kv_heads": 1},
    "a head each": {"k": torch.randn(HEADS, N, D), "kv_heads": HEADS},
    "cross": {"k": torch.randn(KV, 11, D), "keys": 11, "visibility": Visibility(), "kind": "cross"},
}
PICKS = [
    (slice(None), slice(None)),
    (4, 30),
    ([5, 0, 3], slice(3, 30, 4)),
    (slice(1, 3), [36, 0, 17, 17]),
    (np.array([2]), np.arange(10, 20)),
    (slice(None), [9]),
]


@pytest.mark.parametrize("one_piece", [True, False], ids=["all heads together", "head by head"])
@pytest.mark.parametrize("block", [1 << 19, 40], ids=["one block", "many blocks"])
@pytest.mark.parametrize("case", CASES)
def test_numbers_follow_the_definition(
    case: str, block: int, one_piece: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not one_piece:
        monkeypatch.setattr(qk, "ONE_PIECE_CELLS", 0)
    monkeypatch.setattr(qk, "BLOCK_ELEMENTS", block)
    monkeypatch.setattr(rows, "BLOCK_CELLS", block)
    monkeypatch.setattr(rows, "ROWS", 7)
    s = site(**CASES[case])
    scores, weights, sink = defined(s)
    for heads, queries in PICKS:
        h, r = s.pick_heads(heads), s.pick_queries(queries)
        got = s.weights(heads, queries)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, weights[h][:, r], atol=2e-6)
        np.testing.assert_allclose(s.scores(heads, queries), scores[h][:, r], atol=2e-5)
        np.testing.assert_allclose(s.sink(heads, queries), sink[h][:, r], atol=2e-6)
        if case != "mask per head":
            assert (got[:, ~s.visible(queries)] == 0).all()


def test_grouped_keys_are_not_repeated() -> None:
    s = site()
    alone = np.concatenate([s.weights(head) for head in range(HEADS)])
    np.testing.assert_allclose(alone, s.weights(), atol=1e-6)
    # Heads of one group share their keys: equal queries give equal weights.
    twin = site(q=s.q[:1].expand(HEADS, -1, -1).contiguous())
    assert np.array_equal(twin.weights(0), twin.weights(2))
    assert not np.array_equal(twin.weights(0), twin.weights(3))


def test_qk_gives_copies_whose_product_is_the_score() -> None:
    s = site()
    q, k = s.qk(5)
    visible = s.visible()
    np.testing.assert_allclose((q @ k.T * s.scaling)[visible], s.scores(5)[0][visible], atol=1e-5)
    q[:] = 0
    assert s.q[5].abs().sum() > 0


def test_half_precision_is_computed_in_single(monkeypatch: pytest.MonkeyPatch) -> None:
    s = site(q=torch.randn(HEADS, N, D).bfloat16(), k=torch.randn(KV, N, D).bfloat16())
    for cells, keys in ((1 << 22, 1 << 26), (1 << 22, 0), (0, 0)):
        monkeypatch.setattr(qk, "ONE_PIECE_CELLS", cells)
        monkeypatch.setattr(qk, "ONE_PIECE_KEYS", keys)
        np.testing.assert_allclose(s.weights(), defined(s)[1], atol=2e-6)
    rounded = site(q=s.q, k=s.k, rounded=True)
    difference = np.abs(rounded.weights() - s.weights()).max()
    assert 1e-4 < difference < 5e-2
    as_eager = torch.softmax(
        ((s.q[0] @ s.k[0].T) * s.scaling).masked_fill(torch.ones(N, N).triu(1).bool(), -torch.inf),
        -1,
        dtype=torch.float32,
    )
    assert np.array_equal(rounded.weights(0)[0], as_eager.bfloat16().float().numpy())


def test_shared_arrays_are_counted_apart() -> None:
    bias = torch.zeros(1, N, N)
    mask = lonely()
    s = site(bias=bias, visibility=Visibility(mask=mask))
    assert s.nbytes == s.q.nbytes + s.k.nbytes
    assert sorted(size for _, size in s.shared) == sorted([mask.nbytes, bias.nbytes])


@pytest.mark.parametrize("wrong", [6, -1, [0, 9]])
def test_heads_that_do_not_exist(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"There is no head .* in decoder layer 3\. It has heads 0 to 5\."):
        site().weights(wrong)


def test_queries_that_do_not_exist() -> None:
    with pytest.raises(InputError, match=r"no query 37 .* queries 0 to 36"):
        site().scores(0, 37)
    with pytest.raises(InputError, match="does not name query numbers"):
        site().weights(0, [0.5])
    assert site().weights(0, []).shape == (1, 0, N)
