"""The record: what it tells of itself, its numbers, its refusals, and records from given weights."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.errors import InputError, NoAttentionError, NotRecordedError, ShapeError
from attnwidget.record import AttentionRecord, DenseSite, ModelInfo, Token, Visibility

WORDS = ["The", " cat", " sat", "."]


def weights(*shape: int, causal: bool = False, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).random(shape) + 0.01
    if causal:
        made = np.tril(made)
    return (made / made.sum(-1, keepdims=True)).astype(np.float32)


def tokens(n: int) -> tuple[Token, ...]:
    return tuple(Token(id=i, text=f" w{i}", label=f"w{i}") for i in range(n))


def dense(kind: Any, layer: int, heads: int, queries: int, keys: int, **more: Any) -> DenseSite:
    return DenseSite(
        kind=kind,
        layer=layer,
        name=f"{kind}.{layer}",
        route="given",
        heads=heads,
        kv_heads=heads,
        queries=queries,
        keys=keys,
        visibility=Visibility(),
        values=weights(heads, queries, keys, seed=layer),
        **more,
    )


def two_stacks() -> AttentionRecord:
    sites = [dense("encoder", 0, 2, 5, 5), dense("encoder", 1, 2, 5, 5)]
    sites += [dense("decoder", layer, 3, 4, 4, fidelity=10.0**-layer) for layer in (1, 3, 4)]
    sites += [dense("cross", 4, 3, 4, 5)]
    return AttentionRecord(
        model=ModelInfo(name="toy"),
        prompt="x",
        streams={"encoder": tokens(5), "decoder": tokens(4)},
        sites=tuple(sites),
    )


# ---------------------------------------------------------------------- a record


def test_what_there_is() -> None:
    record = two_stacks()
    assert record.kinds == ("encoder", "decoder", "cross")
    assert record.default_kind == "decoder"
    assert record.layers() == (1, 3, 4)
    assert record.layers("encoder") == (0, 1)
    assert record.tokens == record.streams["decoder"]
    assert record.query_tokens("cross") == record.streams["decoder"]
    assert record.key_tokens("cross") == record.streams["encoder"]
    assert record.fidelity == 0.1
    assert record.nbytes == 4 * (2 * 2 * 25 + 3 * 3 * 16 + 3 * 20)
    assert len(record.id) == 12
    assert record.id != two_stacks().id


def test_numbers() -> None:
    record = two_stacks()
    assert np.array_equal(record.weights(3, 1), weights(3, 4, 4, seed=3)[1])
    assert np.array_equal(record.weights(1, 0, "encoder", [4, 2]), weights(2, 5, 5, seed=1)[0, [4, 2]])
    row = record.row(2)
    assert row.shape == (3, 3, 4)
    assert np.array_equal(row[1], weights(3, 4, 4, seed=3)[:, 2])
    assert record.row(0, "cross").shape == (1, 3, 5)


def test_a_row_of_layers_with_fewer_heads_is_filled_with_nan() -> None:
    record = AttentionRecord.from_attentions([weights(3, 4, 4), weights(1, 4, 4)], WORDS)
    row = record.row(1)
    assert row.shape == (2, 3, 4)
    assert np.isnan(row[1, 1:]).all()
    assert not np.isnan(row[0]).any()
    assert not np.isnan(row[1, 0]).any()


def test_what_does_not_exist_is_named_with_what_does() -> None:
    record = two_stacks()
    with pytest.raises(InputError, match=r"Layer 2 has no decoder attention\. .*: 1, 3-4\."):
        record.weights(2, 0)
    with pytest.raises(InputError, match=r"no head 3 in decoder layer 3\. It has heads 0 to 2\."):
        record.weights(3, 3)
    with pytest.raises(InputError, match=r"no query 9 in cross layer 4\. It has queries 0 to 3\."):
        record.row(9, "cross")
    with pytest.raises(InputError, match=r"no 'self' site\. .*: encoder, decoder, cross\."):
        record.layers("self")  # type: ignore[arg-type]
    with pytest.raises(NotRecordedError, match="scores of decoder layer 1"):
        record.scores(1, 0)
    with pytest.raises(NotRecordedError, match="queries and keys of decoder layer 1"):
        record.qk(1, 0)


def test_sites_and_tokens_must_fit() -> None:
    def made(sites: tuple[DenseSite, ...], **streams: tuple[Token, ...]) -> AttentionRecord:
        return AttentionRecord(model=ModelInfo(name="toy"), prompt="", streams=streams, sites=sites)

    with pytest.raises(ShapeError, match=r"has 5 queries for 4 tokens"):
        made((dense("encoder", 0, 1, 5, 5),), encoder=tokens(4))
    with pytest.raises(ShapeError, match="no tokens of the encoder"):
        made((dense("cross", 0, 1, 4, 5),), decoder=tokens(4))
    with pytest.raises(ShapeError, match="two encoder sites in layer 1"):
        made((dense("encoder", 1, 1, 5, 5), dense("encoder", 1, 1, 5, 5)), encoder=tokens(5))
    with pytest.raises(NoAttentionError, match="toy left no attention"):
        made((), encoder=tokens(4))


def test_a_mask_that_layers_share_is_counted_once() -> None:
    mask = Visibility(mask=np.eye(4, dtype=bool))
    sites = tuple(replace(dense("encoder", layer, 1, 4, 4), visibility=mask) for layer in range(3))
    record = AttentionRecord(
        model=ModelInfo(name="toy"), prompt="", streams={"encoder": tokens(4)}, sites=sites
    )
    assert record.nbytes == 3 * 64 + 16


def test_repr_is_one_line() -> None:
    shown = repr(two_stacks())
    assert "\n" not in shown
    for part in ("toy", "5 + 4 tokens", "decoder 3 layers x 3 heads", "fidelity 0.1", "MB"):
        assert part in shown


# ---------------------------------------------------------------------- from given weights


@pytest.mark.parametrize(
    "given",
    [
        weights(3, 2, 4, 4),
        weights(3, 1, 2, 4, 4),
        list(weights(3, 2, 4, 4)),
        tuple(weights(3, 1, 2, 4, 4)),
        tuple(torch.from_numpy(layer).requires_grad_() for layer in weights(3, 1, 2, 4, 4)),
        torch.from_numpy(weights(3, 2, 4, 4)),
    ],
    ids=["array", "array with batch", "list", "tuple with batch", "tensors", "tensor"],
)
def test_every_form_of_weights(given: Any) -> None:
    record = AttentionRecord.from_attentions(given, WORDS)
    assert (record.kinds, record.layers()) == (("encoder",), (0, 1, 2))
    assert record.prompt == "The cat sat."
    expected = weights(3, 2, 4, 4)
    for layer in range(3):
        for head in range(2):
            assert np.array_equal(record.weights(layer, head), expected[layer, head])
    assert record.fidelity is None
    assert not record.exact


def test_half_precision_tensors() -> None:
    given = torch.from_numpy(weights(1, 2, 4, 4)).bfloat16()
    record = AttentionRecord.from_attentions([given], WORDS)
    assert record.weights(0, 1).dtype == np.float32
    np.testing.assert_allclose(record.weights(0, 1), weights(1, 2, 4, 4)[0, 1], atol=5e-3)


def test_causality_is_seen() -> None:
    causal = AttentionRecord.from_attentions(weights(2, 2, 4, 4, causal=True), WORDS)
    assert causal.kinds == ("decoder",)
    assert np.array_equal(causal.site(0).visible(), np.tri(4, dtype=bool))
    full = AttentionRecord.from_attentions(weights(2, 2, 4, 4), WORDS)
    assert full.site(0).visible().all()
    one = AttentionRecord.from_attentions(np.ones((1, 1, 1, 1)), ["x"])
    assert not one.site(0).causal


def test_layers_without_attention_keep_their_number() -> None:
    record = AttentionRecord.from_attentions([None, weights(1, 2, 4, 4), None, weights(1, 3, 4, 4)], WORDS)
    assert record.layers() == (1, 3)
    assert record.site(3).heads == 3


def test_two_stacks_of_unequal_depth() -> None:
    record = AttentionRecord.from_attentions(
        encoder_attention=weights(3, 2, 5, 5),
        decoder_attention=weights(2, 2, 4, 4, causal=True),
        cross_attention=weights(2, 2, 4, 5),
        encoder_tokens=["a", "b", "c", "d", "e"],
        decoder_tokens=WORDS,
    )
    assert record.kinds == ("encoder", "decoder", "cross")
    assert record.layers("encoder") == (0, 1, 2)
    assert [t.label for t in record.key_tokens("cross")] == ["a", "b", "c", "d", "e"]
    assert record.prompt == "The cat sat."


def test_undefined_weights_stay_undefined_and_are_counted() -> None:
    given = weights(2, 2, 4, 4)
    given[1, 0, 2, :2] = np.nan
    record = AttentionRecord.from_attentions(given, WORDS)
    assert np.isnan(record.weights(1, 0)[2, :2]).all()
    assert record.notes == ("2 weights of encoder layer 1 are undefined (NaN).",)


def refused(error: type[Exception], match: str, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(error, match=match):
        AttentionRecord.from_attentions(*args, **kwargs)


def test_what_is_refused() -> None:
    good = weights(2, 2, 4, 4)
    refused(ShapeError, r"2 dimensions \(4, 4\)", good[0, 0], WORDS)
    refused(ShapeError, r"attentions\[1\] has 2 dimensions", [good[0], good[0, 0]], WORDS)
    refused(ShapeError, "rows or heads differ in length", [[[0.5, 0.5], [1.0]]], ["a", "b"])
    refused(ShapeError, "has 4 queries for 3 tokens", good, WORDS[:3])
    refused(ShapeError, r"batch of 3\. Pick one prompt: \[a\[i:i\+1\]", [weights(3, 2, 4, 4)], WORDS)
    refused(ShapeError, "differ in queries x keys: 4 x 4, 5 x 5", [good[0], weights(2, 5, 5)], WORDS)
    refused(ShapeError, "is empty", np.zeros((1, 0, 4, 4)), WORDS)
    refused(
        NoAttentionError, r"None: the model returned no weights.*attnwidget\.explore", [None, None], WORDS
    )
    refused(NoAttentionError, "is empty: models that run SDPA return no weights", (), WORDS)
    refused(NoAttentionError, "No attention was given", tokens=WORDS)
    refused(InputError, "scores, not weights", np.log(good), WORDS)
    refused(InputError, "scores, not weights", 3 * good, WORDS)
    refused(InputError, r"generate\(\) returns them", ((good[0], good[1]), (good[0], good[1])), WORDS)
    refused(InputError, "type str", "attention", WORDS)
    refused(InputError, "encoder's tokens are missing", good)
    refused(InputError, "given together", good, WORDS, cross_attention=good)
    refused(
        InputError,
        "decoder's tokens are missing",
        cross_attention=weights(1, 2, 4, 5),
        encoder_tokens=["a"] * 5,
    )


def test_rounding_of_half_precision_is_tolerated() -> None:
    given = weights(1, 1, 4, 4)
    given[0, 0, 1] = (1.004, -0.001, 0, 0)
    assert AttentionRecord.from_attentions(given, WORDS).weights(0, 0)[1, 0] == np.float32(1.004)


def test_needs_neither_torch_nor_transformers() -> None:
    program = (
        "import sys, numpy as np\n"
        "from attnwidget.record import AttentionRecord\n"
        "record = AttentionRecord.from_attentions(np.full((2, 2, 4, 4), 0.25), list('abcd'))\n"
        "assert record.weights(1, 1).shape == (4, 4)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
