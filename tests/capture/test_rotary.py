"""Which sites hold queries and keys after rotation: per layer, as the model runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers as hf

from attnwidget.capture import run_with_capture
from tests.capture.families import FAMILIES, Family

_IDS = {"input_ids": torch.arange(5, 25)[None]}
_SIZE: dict[str, Any] = {
    "vocab_size": 199,
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED = {**_SIZE, "num_key_value_heads": 2}

ROTATED = {"Llama", "Qwen2", "Qwen3", "Gemma 2", "Mistral", "DeepSeek-V3", "gpt-oss", "Falcon"}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_rotation_is_seen_where_queries_are_recorded(family: Family) -> None:
    for exact in (False, True):
        for site in run_with_capture(family.build(), family.inputs(), exact=exact).sites:
            assert site.rotary == (site.has_scores and family.name in ROTATED)


def rotary_layers(model: Any) -> list[bool]:
    return [site.rotary for site in run_with_capture(model.eval(), _IDS).sites]


def test_layers_without_rotation_are_told_from_those_with() -> None:
    skipping = hf.SmolLM3Config(**_GROUPED, no_rope_layers=[1, 0, 1, 0])
    assert rotary_layers(hf.SmolLM3Model(skipping)) == [True, False, True, False]
    turns = ["sliding_attention", "full_attention"] * 2
    sliding = hf.Cohere2Config(**_GROUPED, layer_types=turns, sliding_window=8)
    assert rotary_layers(hf.Cohere2Model(sliding)) == [True, False, True, False]


def test_modules_that_rotate_by_themselves_are_seen() -> None:
    esm = hf.EsmConfig(**_SIZE, position_embedding_type="rotary", mask_token_id=3)
    assert rotary_layers(hf.EsmModel(esm, add_pooling_layer=False)) == [True] * 4
    absolute = hf.EsmConfig(**_SIZE, position_embedding_type="absolute", mask_token_id=3)
    assert rotary_layers(hf.EsmModel(absolute, add_pooling_layer=False)) == [False] * 4


def test_a_rotation_by_complex_numbers_is_seen() -> None:
    config = hf.Llama4TextConfig(
        **_GROUPED,
        head_dim=16,
        intermediate_size_mlp=128,
        num_local_experts=2,
        no_rope_layers=[1, 1, 0, 1],
        attention_chunk_size=8,
    )
    assert rotary_layers(hf.Llama4TextModel(config)) == [True, True, False, True]
