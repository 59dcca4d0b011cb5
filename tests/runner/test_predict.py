"""Predictions: the softmax of the model's own logits, in one piece or in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from attnwidget.errors import CancelledError, CaptureError
from attnwidget.runner import predict
from attnwidget.runner.predict import LogitsTap, best, label_predictions
from attnwidget.runner.vocabulary import Vocabulary
from tests.runner import tiny_models
from tests.runner.tiny_models import seeded
from tests.runner.tiny_tokenizers import kept

SMALL = {
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "hidden_size": 16,
    "intermediate_size": 32,
    "vocab_size": 300,
    "pad_token_id": 0,
}


def gemma2() -> Any:
    config = transformers.Gemma2Config(**SMALL, final_logit_softcapping=0.02)
    return seeded(transformers.Gemma2ForCausalLM, config)


def cohere() -> Any:
    more = {name: value for name, value in SMALL.items() if name != "head_dim"}
    return seeded(transformers.CohereForCausalLM, transformers.CohereConfig(**more, logit_scale=40.0))


def granite() -> Any:
    more = {name: value for name, value in SMALL.items() if name != "head_dim"}
    return seeded(transformers.GraniteForCausalLM, transformers.GraniteConfig(**more, logits_scaling=0.05))


MODELS = {
    "gpt2": lambda: tiny_models.gpt2(300),
    "llama": lambda: tiny_models.llama(300),
    "gemma2, soft cap": gemma2,
    "cohere, factor": cohere,
    "granite, divisor": granite,
}
IDS = torch.arange(5, 35)[None]


def run(model: nn.Module, **more: int) -> tuple[LogitsTap, Any]:
    with torch.no_grad(), LogitsTap(model, **more) as tap:
        return tap, model(input_ids=IDS, use_cache=False)


@pytest.mark.parametrize("name", MODELS)
def test_whole_and_in_blocks_are_the_models_own_softmax(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS[name]()
    tap, output = run(model)
    expected = output.logits[0].softmax(-1)
    # Scaled or capped logits differ from the output layer's, or this test would prove nothing about them.
    if name not in {"gpt2", "llama"}:
        hidden = model.model(input_ids=IDS).last_hidden_state
        assert (model.lm_head(hidden)[0].softmax(-1) - expected).abs().max() > 5e-4
    monkeypatch.setattr(predict, "_BLOCK", 300 * 7)
    tapped, short = run(model, whole=1000)
    assert short.logits.shape == (1, 1, 300)
    for found in (tap.top(output, 10), tapped.top(short, 10)):
        assert isinstance(found, tuple)
        ids, probabilities = found
        assert ids.dtype == np.int32
        assert probabilities.dtype == np.float32
        values = expected.topk(10).values
        assert np.abs(probabilities - values.detach().numpy()).max() < 1e-6
        chosen = torch.gather(expected, 1, torch.from_numpy(ids).long())
        assert torch.allclose(chosen, torch.from_numpy(probabilities), atol=1e-6)


@pytest.mark.parametrize("whole", [1000, 3000, 10**6])
def test_pieces_together_are_the_whole(whole: int) -> None:
    model = tiny_models.gpt2(300)
    tap, output = run(model)
    expected = tap.top(output)
    assert isinstance(expected, tuple)
    with torch.no_grad(), LogitsTap(model, whole=whole) as pieces:
        # A run that began and was given up leaves nothing.
        pieces.take(model(input_ids=IDS[:, :4]), 0)
        cache = None
        for first in (0, 12, 29):
            part = IDS[:, first : {0: 12, 12: 29, 29: 30}[first]]
            output = model(input_ids=part, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            pieces.take(output, first)
    found = pieces.found
    assert isinstance(found, tuple)
    assert np.array_equal(found[0], expected[0])
    assert np.allclose(found[1], expected[1], atol=1e-6)
    model = Doubled(transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, n_positions=64, vocab_size=300))
    with torch.no_grad(), LogitsTap(model.eval(), whole=whole) as unknown:
        unknown.take(model(input_ids=IDS[:, :20]), 0)
        unknown.take(model(input_ids=IDS[:, 20:]), 20)
    assert isinstance(unknown.found, str if whole < 6000 else tuple)


def test_the_model_is_left_without_a_hook_also_after_an_error() -> None:
    model = tiny_models.gpt2(300)
    tap = LogitsTap(model, whole=1)
    with pytest.raises(IndexError), tap:
        model(input_ids=torch.tensor([[300]]))
    with tap:
        assert len(model.lm_head._forward_pre_hooks) == 1
    assert not model.lm_head._forward_pre_hooks


class Doubled(transformers.GPT2LMHeadModel):
    """A model that changes its logits in a way of its own."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits * 1.5
        return output


def test_logits_changed_in_an_unknown_way_are_not_guessed() -> None:
    model = Doubled(transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, n_positions=64, vocab_size=300))
    tap, output = run(model.eval(), whole=1000)
    said = tap.top(output)
    assert isinstance(said, str)
    assert "cannot be computed in blocks" in said
    tap, output = run(model)
    assert isinstance(tap.top(output), tuple)


@pytest.mark.parametrize(
    "model",
    [
        tiny_models.bert(50),
        seeded(
            transformers.GPT2ForSequenceClassification,
            transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50, pad_token_id=0),
        ),
        seeded(
            transformers.GPT2ForTokenClassification,
            transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50, num_labels=50),
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_that_predict_no_tokens(model: nn.Module) -> None:
    with torch.no_grad(), LogitsTap(model) as tap:
        output = model(input_ids=torch.tensor([[5, 6, 7]]))
    assert tap.top(output) is None


def test_blocks_of_every_size_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(17, 40, generator=torch.Generator().manual_seed(0))
    whole = best(17, lambda block: logits[block], 40, 3)
    for size in (1, 40, 41, 200, 10_000):
        monkeypatch.setattr(predict, "_BLOCK", size)
        ids, probabilities = best(17, lambda block: logits[block], 40, 3)
        assert np.array_equal(ids, whole[0])
        assert np.allclose(probabilities, whole[1], atol=1e-7)


def test_blocks_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "_BLOCK", 4)
    made: list[slice] = []

    def rows(block: slice) -> torch.Tensor:
        made.append(block)
        return torch.zeros(1, 4)

    told: list[float] = []
    with pytest.raises(CancelledError):
        best(9, rows, 4, 2, lambda: len(made) == 3, told.append)
    assert len(made) == 3
    assert told == [1 / 9, 2 / 9]


def test_a_small_vocabulary_is_shown_whole() -> None:
    ids, probabilities = best(2, lambda block: torch.zeros(2, 4)[block], 4, 10)
    assert ids.shape == (2, 4)
    assert np.allclose(probabilities, 0.25)


def test_nan_is_said_and_minus_infinity_is_a_probability_of_zero() -> None:
    logits = torch.zeros(2, 4)
    logits[1, 2] = -torch.inf
    ids, probabilities = best(2, lambda block: logits[block], 4, 4)
    assert (ids[1, 3], probabilities[1, 3]) == (2, 0)
    logits[1, 2] = torch.nan
    with pytest.raises(CaptureError, match="not numbers"):
        best(2, lambda block: logits[block], 4, 4)


def test_labels_are_readable() -> None:
    tokenizer = kept("byte-level")
    ids = np.array([tokenizer.convert_tokens_to_ids(["Ġcat", "Ċ"])], dtype=np.int32)
    shown = label_predictions(ids, np.array([[0.5, 0.2]], dtype=np.float32), Vocabulary(tokenizer))
    assert shown.labels == (("cat", "↵"),)
