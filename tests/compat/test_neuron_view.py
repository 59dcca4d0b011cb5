"""The neuron view of a plain transformers model shows what BertViz's own classes compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.compat import neuron_view
from attnwidget.compat.neuron_view import show
from attnwidget.errors import EmptyPromptError, InputError
from tests.compat.bertviz_data import params, reply
from tests.runner import tiny_models, tiny_tokenizers

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

bertviz_show = pytest.importorskip("bertviz.neuron_view").show
old = pytest.importorskip("bertviz.transformers_neuron_view")

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def bert() -> tuple[Any, Any, Any]:
    """Return a BERT of transformers, the same weights in BertViz's copy of the class, and a tokenizer."""
    tokenizer = tiny_tokenizers.wordpiece()
    model = tiny_models.bert(len(tokenizer))
    config = old.BertConfig(len(tokenizer), max_position_embeddings=64, **SIZES)
    return model, copied(old.BertModel, config, model), tokenizer


def gpt2() -> tuple[Any, Any, Any]:
    tokenizer = tiny_tokenizers.byte_level()
    model = tiny_models.gpt2(len(tokenizer))
    config = old.GPT2Config(len(tokenizer), n_positions=64, n_ctx=64, n_embd=16, n_layer=2, n_head=2)
    return model, copied(old.GPT2Model, config, model.transformer), tokenizer


def copied(model_class: Any, config: Any, model: Any) -> Any:
    config.output_attentions = True
    copy = model_class(config)
    result = copy.load_state_dict(model.state_dict(), strict=False)
    assert not result.unexpected_keys
    # The causal mask is a buffer there.
    assert all(name.endswith("attn.bias") for name in result.missing_keys)
    return copy.eval()


CASES = [
    (bert, "bert", ("The cat sat on the mat",)),
    (bert, "bert", ("The cat sat", "on the mat")),
    (gpt2, "gpt2", ("The cat sat on the mat",)),
]


@pytest.mark.parametrize(("models", "model_type", "sentences"), CASES)
def test_queries_keys_and_weights_are_bertviz_own(
    models: Any, model_type: str, sentences: tuple[str, ...], shown: list[Any]
) -> None:
    model, copy, tokenizer = models()
    theirs = params(
        bertviz_show(copy, model_type, tokenizer, *sentences, layer=1, head=1, html_action="return"), "neuron"
    )
    assert show(model, model_type, tokenizer, *sentences, layer=1, head=1) is None
    (explorer,) = shown
    assert (explorer.view, explorer.theme) == ("neuron", theirs["display_mode"])
    assert (explorer.layer, explorer.heads) == (theirs["layer"], [theirs["head"]])
    record = explorer.record
    wanted = theirs["attention"]["all"]
    assert [token.strip() for token in wanted["left_text"]] == [token.label for token in record.tokens]
    for layer in (0, 1):
        for head in (0, 1):
            q, k = record.qk(layer, head)
            np.testing.assert_allclose(q, wanted["queries"][layer][head], atol=1e-5)
            np.testing.assert_allclose(k, wanted["keys"][layer][head], atol=1e-5)
            np.testing.assert_allclose(
                record.weights(layer, head), wanted["attn"][layer][head], atol=1e-5, rtol=0
            )
    if len(sentences) == 2:
        segments = np.array([token.segment for token in record.tokens])
        first, second = np.flatnonzero(segments == 0), np.flatnonzero(segments == 1)
        between = theirs["attention"]["ab"]
        np.testing.assert_allclose(
            record.weights(1, 0)[np.ix_(first, second)], between["attn"][1][0], atol=1e-5, rtol=0
        )


@pytest.mark.parametrize(("models", "model_type", "sentences"), CASES[::2])
def test_the_pane_is_told_the_parts_of_bertviz_sum(
    models: Any, model_type: str, sentences: tuple[str, ...], shown: list[Any]
) -> None:
    model, copy, tokenizer = models()
    html = bertviz_show(copy, model_type, tokenizer, *sentences, html_action="return")
    theirs = params(html, "neuron")["attention"]["all"]
    neuron_view(model, model_type, tokenizer, *sentences)
    site = shown[0].site
    told = reply(shown[0], "neuron", site=site, layer=1, head=0, query=2)
    product = np.float32(theirs["queries"][1][0][2]) * np.float32(theirs["keys"][1][0])
    np.testing.assert_allclose(told["q"] * told["k"], product, atol=1e-5)
    scores = product.sum(-1) * told["scaling"]
    seen = ~np.isnan(told["scores"])
    np.testing.assert_allclose(told["scores"][seen], scores[seen], atol=1e-5)
    np.testing.assert_allclose(told["weights"][seen], theirs["attn"][1][0][2][: seen.sum()], atol=1e-5)


def test_a_model_that_bertviz_has_no_class_for(shown: list[Any]) -> None:
    tokenizer = tiny_tokenizers.byte_level()
    model = tiny_models.llama(len(tokenizer))
    neuron_view.show(model, "llama", tokenizer, "The cat sat", layer=-1, display_mode="light")
    (explorer,) = shown
    q, k = explorer.record.qk(1, 3)
    scores = torch.from_numpy(q @ k.T) / 2
    scores.masked_fill_(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    np.testing.assert_allclose(explorer.record.weights(1, 3), scores.softmax(-1), atol=1e-6)
    assert (explorer.layer, explorer.theme) == (1, "light")


def test_a_model_whose_queries_and_keys_cannot_be_had_shows_its_weights(shown: list[Any]) -> None:
    import transformers

    tokenizer = tiny_tokenizers.byte_level()
    config = transformers.BloomConfig(vocab_size=len(tokenizer), hidden_size=16, n_layer=2, n_head=2)
    model = tiny_models.seeded(transformers.BloomForCausalLM, config)
    show(model, "bloom", tokenizer, "The cat sat")
    told = reply(shown[0], "neuron", site="decoder", layer=1, head=1, query=2)
    assert (told["q"], told["k"], told["scores"]) == (None, None, None)
    assert told["weights"].sum() == pytest.approx(1)


def test_an_encoder_decoder_opens_on_its_decoder(shown: list[Any]) -> None:
    tokenizer = tiny_tokenizers.unigram()
    show(tiny_models.bart(len(tokenizer)), "bart", tokenizer, "The cat sat", layer=1, head=1)
    assert shown[0].record.kinds == ("encoder", "decoder", "cross")
    assert (shown[0].site, shown[0].layer, shown[0].heads) == ("decoder", 1, [1])


def test_new_prompts_run_in_the_same_explorer(shown: list[Any]) -> None:
    model, _, tokenizer = gpt2()
    show(model, "gpt2", tokenizer, "The cat sat")
    shown[0].prompt = "The cats were running"
    assert "".join(token.text for token in shown[0].record.tokens) == "The cats were running"


def test_bertviz_own_copy_of_a_class_is_named() -> None:
    _, copy, tokenizer = bert()
    with pytest.raises(InputError, match=r"own copy of BertModel.*from transformers import BertModel"):
        show(copy, "bert", tokenizer, "The cat sat")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 2}, r"layer names layer 2\. There are layers 0 to 1"),
        ({"head": 7}, r"head names head 7\. There are heads 0 to 1"),
        ({"display_mode": "blue"}, "display_mode is 'blue'"),
        ({"html_action": "save"}, "html_action is 'save'"),
    ],
)
def test_what_does_not_exist_is_said(arguments: dict[str, Any], message: str) -> None:
    model, _, tokenizer = gpt2()
    with pytest.raises(InputError, match=message):
        show(model, "gpt2", tokenizer, "The cat", **arguments)


def test_an_empty_text_is_said() -> None:
    model, _, tokenizer = gpt2()
    with pytest.raises(EmptyPromptError):
        show(model, "gpt2", tokenizer, "")
