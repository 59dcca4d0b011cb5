"""What fails in BertViz works here, or is answered with a sentence that says what to pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.compat import head_view, model_view
from attnwidget.compat.given import read_weights
from attnwidget.compat.record import record_of
from attnwidget.errors import AttnWidgetError, InputError, NoAttentionError, ShapeError
from tests.compat.test_same_picture import weights
from tests.runner import tiny_models

IDS = torch.arange(2, 8)[None]
TOKENS = [f"t{place}" for place in range(6)]
HOW = r"Pass attention=outputs\.attentions, from a model loaded with attn_implementation='eager'"


def eager(model: Any) -> Any:
    model.set_attn_implementation("eager")
    return model


@pytest.fixture(scope="module")
def gpt2() -> Any:
    return tiny_models.gpt2(100)


@pytest.fixture(scope="module")
def bert() -> Any:
    return tiny_models.bert(100)


@pytest.fixture(scope="module")
def outputs(gpt2: Any) -> Any:
    """An eager model's whole output."""
    model = eager(tiny_models.gpt2(100))
    return model(IDS, output_attentions=True, output_hidden_states=True)


# ---------------------------------------------------------------------- works


def test_a_whole_output(outputs: Any) -> None:
    record = record_of(outputs, TOKENS)
    np.testing.assert_array_equal(record.weights(1, 0), outputs.attentions[1][0, 0].detach().numpy())


@pytest.mark.parametrize(
    "form",
    [
        lambda layers: [layer.numpy() for layer in layers],
        lambda layers: np.stack([layer.numpy() for layer in layers]),
        lambda layers: torch.stack(layers)[:, 0],
        lambda layers: [layer[0] for layer in layers],
        lambda layers: [layer.tolist() for layer in layers],
        lambda layers: [layer.to(torch.float64).requires_grad_() for layer in layers],
        lambda layers: tuple(layers),
    ],
    ids=["numpy", "one array", "one tensor", "no batch axis", "lists", "gradients", "tuple"],
)
def test_every_form_of_array(form: Callable[[list[torch.Tensor]], Any]) -> None:
    tensors = weights(3, 6)
    record = record_of(form(tensors), TOKENS)
    for layer in range(3):
        np.testing.assert_array_equal(record.site(layer).weights(), tensors[layer][0].numpy())


def test_bfloat16() -> None:
    tensors = [layer.bfloat16() for layer in weights(2, 6)]
    np.testing.assert_array_equal(record_of(tensors, TOKENS).weights(1, 2), tensors[1][0, 2].float().numpy())


def test_layers_without_attention_keep_their_place() -> None:
    first, second = weights(2, 6)
    record = record_of([None, first, None, second], TOKENS)
    assert (record.layers(), record.model.layers) == ((1, 3), 4)


def test_stacks_of_different_depth(shown: list[Any]) -> None:
    arguments: dict[str, Any] = {
        "encoder_attention": weights(5, 6),
        "decoder_attention": weights(2, 4, causal=True),
        "cross_attention": weights(2, 4, 6),
        "encoder_tokens": TOKENS,
        "decoder_tokens": TOKENS[:4],
    }
    head_view(**arguments)
    model_view(**arguments, include_layers=[1, 4])
    whole, part = (explorer.record for explorer in shown)
    assert [len(whole.layers(kind)) for kind in whole.kinds] == [5, 2, 2]
    assert [part.layers(kind) for kind in part.kinds] == [(1, 4), (1,), (1,)]


def test_layers_that_only_one_stack_has() -> None:
    record = record_of(
        encoder_attention=weights(5, 6),
        cross_attention=weights(2, 4, 6),
        encoder_tokens=TOKENS,
        decoder_tokens=TOKENS[:4],
        include_layers=[4],
    )
    assert (record.kinds, record.layers()) == (("encoder",), (4,))


def test_negative_numbers_count_from_the_last(shown: list[Any]) -> None:
    head_view(weights(4, 6), TOKENS, include_layers=[-1, 0], layer=-1, heads=[-1])
    assert (shown[0].record.layers(), shown[0].layer, shown[0].heads) == ((0, 3), 3, [2])


def test_letters_that_a_vocabulary_writes_byte_by_byte() -> None:
    pieces = ["The", "ĠnaÃ¯ve", "Ġ", "ä¸ŃåĽ", "½", "ĠðŁĻĤ"]
    tokens = record_of(weights(1, 6), pieces).tokens
    assert [token.label for token in tokens] == ["The", "naïve", "␣", "中国", "⋯", "🙂"]
    assert "".join(token.text for token in tokens) == "The naïve 中国 🙂"
    raw = record_of(weights(1, 6), pieces, prettify_tokens=False).tokens
    assert [token.label for token in raw] == pieces


@pytest.mark.parametrize("words", [["naïve", "café", "Ã"], ["中国", "的", "猫"], ["▁saß", "ze", "▁Tür"]])
def test_other_letters_stay(words: list[str]) -> None:
    tokens = record_of(weights(1, 3), words).tokens
    assert [token.label for token in tokens] == [word.removeprefix("▁") for word in words]


def test_an_encoder_decoder_is_named_by_what_was_read() -> None:
    record = record_of(
        cross_attention=weights(1, 3, 4),
        encoder_tokens=["▁The", "▁cat", "s", "</s>"],
        decoder_tokens=["<pad>", "▁Die", "▁Katzen"],
    )
    assert record.prompt == "The cats"


BEYOND_BERTVIZ = {
    "NumPy": lambda: {"attention": [layer.numpy() for layer in weights(2, 6)], "tokens": TOKENS},
    "no batch axis": lambda: {"attention": [layer[0] for layer in weights(2, 6)], "tokens": TOKENS},
    "a layer without attention": lambda: {"attention": [*weights(2, 6), None], "tokens": TOKENS},
    "stacks of different depth": lambda: {
        "encoder_attention": weights(3, 6),
        "decoder_attention": weights(2, 4),
        "encoder_tokens": TOKENS,
        "decoder_tokens": TOKENS[:4],
    },
    "generate()": lambda: {
        "attention": generated(eager(tiny_models.gpt2(100))).attentions,
        "tokens": [f"t{place}" for place in range(9)],
    },
    "a whole output": lambda: {
        "attention": eager(tiny_models.bert(100))(IDS, output_attentions=True),
        "tokens": TOKENS,
    },
}


FAILURES = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("name", BEYOND_BERTVIZ)
def test_what_bertviz_refuses_is_drawn(name: str, shown: list[Any]) -> None:
    bertviz = pytest.importorskip("bertviz")
    arguments = BEYOND_BERTVIZ[name]()
    for theirs, ours in ((bertviz.head_view, head_view), (bertviz.model_view, model_view)):
        with pytest.raises(FAILURES):
            theirs(**arguments, html_action="return")
        ours(**arguments)
    assert len(shown) == 2


# ---------------------------------------------------------------------- generate()


def generated(model: Any, **options: Any) -> Any:
    return model.generate(
        IDS,
        max_new_tokens=4,
        min_new_tokens=4,
        do_sample=False,
        return_dict_in_generate=True,
        output_attentions=True,
        pad_token_id=0,
        **options,
    )


def sliding() -> Any:
    import transformers

    config = transformers.MistralConfig(
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        hidden_size=16,
        intermediate_size=16,
        vocab_size=100,
        sliding_window=4,
    )
    return tiny_models.seeded(transformers.MistralForCausalLM, config)


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (lambda: tiny_models.gpt2(100), {}),
        (lambda: tiny_models.gpt2(100), {"use_cache": False}),
        (lambda: tiny_models.llama(100), {}),
        (lambda: tiny_models.llama(100), {"cache_implementation": "static"}),
        (sliding, {}),
    ],
    ids=["gpt2", "no cache", "llama", "static cache", "sliding window"],
)
def test_generated_attentions_are_put_together(build: Callable[[], Any], options: dict[str, Any]) -> None:
    model = eager(build())
    out = generated(model, **options)
    whole = model(out.sequences[:, :-1], output_attentions=True).attentions
    tokens = [f"t{place}" for place in range(10)]
    for given in (out, out.attentions):
        record = record_of(given, tokens)
        assert len(record.tokens) == 9
        assert "'t9', was generated and never read" in record.notes[-1]
        for layer in range(2):
            expected = whole[layer][0].detach().numpy()
            np.testing.assert_allclose(record.site(layer).weights(), expected, atol=1e-6, rtol=0)
    assert record_of(out, tokens[:9]).notes == ()


@pytest.mark.parametrize("options", [{}, {"use_cache": False}], ids=["cache", "no cache"])
def test_generated_attentions_of_two_stacks(options: dict[str, Any]) -> None:
    model = eager(tiny_models.bart(100))
    out = generated(model, **options)
    decoder = [f"d{place}" for place in range(out.sequences.shape[1])]
    record = record_of(
        encoder_attention=out,
        decoder_attention=out.decoder_attentions,
        cross_attention=out.cross_attentions,
        encoder_tokens=TOKENS,
        decoder_tokens=decoder,
    )
    whole = model(IDS, decoder_input_ids=out.sequences[:, :-1], output_attentions=True)
    for kind in record.kinds:
        for layer in record.layers(kind):
            expected = whole[f"{kind}_attentions"][layer][0].detach().numpy()
            np.testing.assert_allclose(record.site(layer, kind).weights(), expected, atol=1e-6, rtol=0)


def test_one_step_of_a_static_cache() -> None:
    model = eager(tiny_models.llama(100))
    out = model.generate(
        IDS,
        max_new_tokens=2,
        do_sample=False,
        return_dict_in_generate=True,
        output_attentions=True,
        pad_token_id=0,
        cache_implementation="static",
    )
    first = out.attentions[:1]
    assert first[0][0].shape[3] > 6
    whole = model(IDS, output_attentions=True).attentions
    record = record_of(first, TOKENS)
    np.testing.assert_allclose(record.weights(1, 3), whole[1][0, 3].detach().numpy(), atol=1e-6)


def test_beams_are_refused() -> None:
    out = generated(eager(tiny_models.gpt2(100)), num_beams=2)
    with pytest.raises(ShapeError, match=r"attention\[0\]\[0\] holds 2 sequences.*num_beams=1"):
        record_of(out, TOKENS)


# ---------------------------------------------------------------------- says what to pass


def refused(given: Any, tokens: Any = TOKENS) -> AttnWidgetError:
    with pytest.raises(AttnWidgetError) as caught:
        head_view(given, tokens)
    return caught.value


def test_sdpa_leaves_nothing(gpt2: Any) -> None:
    out = gpt2(IDS, output_attentions=True)
    for given in (out, out.attentions, out[-1], generated(gpt2), generated(gpt2).attentions):
        error = refused(given)
        assert isinstance(error, NoAttentionError)
        assert HOW.replace("\\", "") in error.todo
        assert "attnwidget.explore(text, model=model" in error.todo


@pytest.mark.parametrize("given", [(), [None, None], ((None, None),), ((), ())])
def test_nothing_in_it(given: Any) -> None:
    assert isinstance(refused(given), NoAttentionError)


def test_no_attention_at_all() -> None:
    with pytest.raises(NoAttentionError, match=HOW):
        head_view(None, TOKENS)


def test_last_output_of_models_that_return_something_else(gpt2: Any, bert: Any, outputs: Any) -> None:
    cache = refused(gpt2(IDS)[-1])
    assert "a DynamicCache, the keys and values kept for the next token" in cache.what
    pooled = refused(bert(IDS)[-1])
    assert "of the shape [1, 16], a pooled output" in pooled.what
    hidden = refused(outputs.hidden_states)
    assert hidden.what.startswith("attention[0] is of the shape [1, 6, 16], hidden states")
    last = refused(outputs.hidden_states[-1])
    logits = refused(gpt2(IDS)[0])
    assert "hidden states or logits" in last.what
    assert "hidden states or logits" in logits.what
    for error in (cache, pooled, hidden, last, logits):
        assert HOW.replace("\\", "") in error.todo


def test_hidden_states_as_wide_as_the_text_is_long() -> None:
    states = torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(0))
    assert "hidden states" in refused([states, states]).what


def test_pairs_of_keys_and_values() -> None:
    pair = (torch.rand(1, 2, 6, 8), torch.rand(1, 2, 6, 8))
    assert "keys and values kept for the next token" in refused((pair, pair)).what


def test_output_of_an_encoder_decoder(bert: Any) -> None:
    model = eager(tiny_models.t5(100))
    out = model(input_ids=IDS, decoder_input_ids=IDS[:, :3], output_attentions=True)
    error = refused(out)
    assert "encoder_attention=outputs.encoder_attentions" in error.todo
    arguments = dict.fromkeys(("encoder_attention", "decoder_attention", "cross_attention"), out)
    record = record_of(**arguments, encoder_tokens=TOKENS, decoder_tokens=TOKENS[:3])
    assert [len(record.layers(kind)) for kind in record.kinds] == [2, 3, 3]


def test_several_sentences() -> None:
    batch = [torch.cat([layer, layer]) for layer in weights(2, 6)]
    error = refused(batch)
    assert error.what == "attention[0] holds 2 sentences."
    assert "[layer[i : i + 1] for layer in attention]" in error.todo
    assert record_of([layer[1:2] for layer in batch], TOKENS).layers() == (0, 1)


def test_scores() -> None:
    scores = [torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0)) * 4]
    assert "scores, not weights" in refused(scores).what


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("bert", "of type str"),
        (3, "of type int"),
        ([object()], "no array of numbers"),
        ([torch.rand(6)], r"has the shape \[6\]"),
        ([torch.rand(1, 2, 6, 8)], "6 queries and 8 keys"),
        ([torch.rand(1, 0, 6, 6)], r"has the shape \[1, 0, 6, 6\]"),
    ],
)
def test_things_that_are_no_attention(given: Any, message: str) -> None:
    with pytest.raises(AttnWidgetError, match=message):
        head_view(given, TOKENS)


def test_the_model_itself(gpt2: Any) -> None:
    error = refused(gpt2)
    assert error.what == "attention is a model."
    assert "attnwidget.explore(text, model=model" in error.todo


def test_one_head_of_one_layer() -> None:
    assert "one head's pattern" in refused(weights(1, 6)[0][0, 0]).what


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": None}, "tokens are missing.*tokens="),
        ({"tokens": IDS}, r"tokens holds (list|int), not strings.*convert_ids_to_tokens"),
        ({"tokens": "The cat"}, "tokens is of type str"),
        ({"tokens": TOKENS[:4]}, "6 queries for 4 tokens"),
        ({"sentence_b_start": 6}, "sentence_b_start is 6, with 6 tokens"),
        ({"sentence_b_start": 0}, "sentence_b_start is 0"),
        ({"encoder_tokens": TOKENS}, "together with arguments of an encoder"),
        ({"include_layers": [2]}, r"include_layers names layer 2\. There are layers 0 to 1"),
        ({"layer": 5}, r"layer names layer 5\. There are layers 0 to 1"),
        ({"layer": 0, "include_layers": [1]}, "include_layers leaves it out.*can be shown: 1"),
        ({"heads": [3]}, r"heads names head 3\. There are heads 0 to 2"),
        ({"html_action": "save"}, "html_action is 'save'"),
    ],
)
def test_what_does_not_fit_is_said(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        head_view(**{"attention": weights(2, 6), "tokens": TOKENS} | arguments)


def test_include_heads_that_do_not_exist() -> None:
    with pytest.raises(InputError, match=r"include_heads names head 3\. There are heads 0 to 2"):
        model_view(weights(2, 6), TOKENS, include_heads=[0, 3])


def test_only_layers_without_attention() -> None:
    with pytest.raises(InputError, match="have no attention"):
        record_of([None, *weights(1, 6)], TOKENS, include_layers=[0])


def test_steps_that_do_not_go_together() -> None:
    layer = weights(1, 6)[0]
    with pytest.raises(ShapeError, match="differ in their number of layers"):
        read_weights(((layer, layer), (layer,)), "attention")
    with pytest.raises(ShapeError, match="differ in their number of heads"):
        read_weights(((layer,), (layer[:, :2],)), "attention")
    with pytest.raises(ShapeError, match="differ in their number of keys"):
        read_weights(((weights(1, 1, 6)[0],), (weights(1, 1, 7)[0],)), "cross_attention")
