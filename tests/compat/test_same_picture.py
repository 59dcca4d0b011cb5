"""BertViz and this package draw the same lines for the same tensors, in the head and the model view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.compat import head_view, model_view
from tests.compat.bertviz_data import assert_same, drawn, params, pictures

# BertViz leaves the files open that it reads its scripts from.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

bertviz = pytest.importorskip("bertviz")

VIEWS = [(head_view, bertviz.head_view, "head"), (model_view, bertviz.model_view, "model")]
PIECES = ["The", "Ġcat", "Ġsat", "▁on", "the", "##re", "mat</w>"]
BERT = ["[CLS]", "The", "cat", "[SEP]", "It", "ran", "[SEP]"]
PAIRS = {
    "All": "all",
    "Sentence A -> Sentence A": "aa",
    "Sentence A -> Sentence B": "ab",
    "Sentence B -> Sentence A": "ba",
    "Sentence B -> Sentence B": "bb",
}

views = pytest.mark.parametrize(("ours", "theirs", "name"), VIEWS)


def weights(
    layers: int, queries: int, keys: int | None = None, *, heads: int = 3, causal: bool = False, seed: int = 0
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(layers, heads, queries, keys or queries, generator=generator) * 2
    if causal:
        scores.masked_fill_(torch.ones(queries, queries).triu(1).bool(), -torch.inf)
    return [layer[None] for layer in scores.softmax(-1)]


@views
@pytest.mark.parametrize("causal", [False, True])
def test_one_stack(ours: Any, theirs: Any, name: str, causal: bool, shown: list[Any]) -> None:
    tensors = weights(4, len(PIECES), causal=causal)
    offered = pictures(theirs(tensors, PIECES, html_action="return"), name)
    ours(tensors, PIECES)
    assert list(offered) == ["All"]
    assert_same(offered["All"], drawn(shown[0], "decoder" if causal else "encoder"))


@views
def test_marks_stay_where_they_are_wanted(ours: Any, theirs: Any, name: str, shown: list[Any]) -> None:
    tensors = weights(1, len(PIECES))
    html = theirs(tensors, PIECES, prettify_tokens=False, html_action="return")
    ours(tensors, PIECES, prettify_tokens=False)
    assert_same(pictures(html, name)["All"], drawn(shown[0], "encoder"))
    assert drawn(shown[0], "encoder").left == PIECES


@views
def test_pairs_of_sentences(ours: Any, theirs: Any, name: str, shown: list[Any]) -> None:
    tensors = weights(2, len(BERT))
    offered = pictures(theirs(tensors, BERT, sentence_b_start=4, html_action="return"), name)
    ours(tensors, BERT, sentence_b_start=4)
    assert offered.keys() == PAIRS.keys()
    for title, pair in PAIRS.items():
        assert_same(offered[title], drawn(shown[0], "encoder", pair))
    assert (shown[0].prompt, shown[0].context) == ("The cat", "It ran")


@views
def test_encoder_and_decoder(ours: Any, theirs: Any, name: str, shown: list[Any]) -> None:
    arguments: dict[str, Any] = {
        "encoder_attention": weights(2, 7, seed=1),
        "decoder_attention": weights(2, 4, causal=True, seed=2),
        "cross_attention": weights(2, 4, 7, seed=3),
        "encoder_tokens": PIECES,
        "decoder_tokens": ["▁Die", "▁Kat", "ze", "▁saß"],
    }
    offered = pictures(theirs(**arguments, html_action="return"), name)
    ours(**arguments)
    assert list(offered) == ["Encoder", "Decoder", "Cross"]
    for title, picture in offered.items():
        assert_same(picture, drawn(shown[0], title.lower()))
    assert shown[0].site == "encoder"


@views
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_one_kind_of_two_stacks(ours: Any, theirs: Any, name: str, kind: str, shown: list[Any]) -> None:
    arguments = {f"{kind}_attention": weights(3, 7, causal=True), f"{kind}_tokens": PIECES}
    offered = pictures(theirs(**arguments, html_action="return"), name)
    ours(**arguments)
    assert_same(offered[kind.title()], drawn(shown[0], kind))


@views
def test_layers_left_out_keep_the_numbers_of_the_others(
    ours: Any, theirs: Any, name: str, shown: list[Any]
) -> None:
    tensors = weights(6, len(PIECES))
    html = theirs(tensors, PIECES, include_layers=[1, 4], html_action="return")
    ours(tensors, PIECES, include_layers=[1, 4])
    assert_same(pictures(html, name)["All"], drawn(shown[0], "encoder"))
    record = shown[0].record
    assert list(record.layers()) == params(html, name)["include_layers"] == [1, 4]
    np.testing.assert_array_equal(record.weights(4, 2), tensors[4][0, 2].numpy())
    assert record.model.layers == 6


def test_heads_left_out_are_not_on_offer(shown: list[Any]) -> None:
    tensors = weights(3, len(PIECES), heads=4)
    html = bertviz.model_view(tensors, PIECES, include_heads=[3, 1], html_action="return")
    model_view(tensors, PIECES, include_heads=[3, 1])
    theirs, ours = params(html, "model"), shown[0]
    assert ours.filters["heads"] == sorted(theirs["include_heads"]) == [1, 3]
    assert set(ours.heads) <= {1, 3}
    whole = drawn(ours, "encoder")
    offered = pictures(html, "model")["All"]
    np.testing.assert_array_equal(whole.weights[:, theirs["include_heads"]], offered.weights)


def test_the_head_view_opens_where_bertviz_does(shown: list[Any]) -> None:
    tensors = weights(3, len(PIECES))
    head_view(tensors, PIECES)
    head_view(tensors, PIECES, layer=2, heads=[0, 2])
    html = bertviz.head_view(tensors, PIECES, layer=2, heads=[0, 2], html_action="return")
    assert (shown[0].view, shown[0].layer, shown[0].heads) == ("head", 0, [0, 1, 2])
    wanted = params(html, "head")
    assert (shown[1].layer, shown[1].heads) == (wanted["layer"], wanted["heads"]) == (2, [0, 2])


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_the_model_view_has_bertviz_colours(mode: str, shown: list[Any]) -> None:
    tensors = weights(1, len(PIECES))
    html = bertviz.model_view(tensors, PIECES, display_mode=mode, html_action="return")
    model_view(tensors, PIECES, display_mode=mode)
    assert shown[0].theme == params(html, "model")["display_mode"] == mode
    assert shown[0].view == "model"


def test_a_difference_would_be_seen(shown: list[Any]) -> None:
    tensors = weights(2, len(PIECES))
    theirs = pictures(bertviz.head_view(tensors, PIECES, html_action="return"), "head")["All"]
    tensors[1] = tensors[1].flip(1)
    head_view(tensors, PIECES)
    with pytest.raises(AssertionError, match="Not equal"):
        assert_same(theirs, drawn(shown[0], "encoder"))
