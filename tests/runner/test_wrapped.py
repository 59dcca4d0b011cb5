"""The runner with models that somebody has worked on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import peft
import pytest
import torch

from attnwidget.runner import ModelRunner
from tests.runner import tiny_models

IDS = list(range(5, 17))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_an_adapter() -> None:
    plain = ModelRunner(tiny_models.llama(50)).run(IDS)
    config = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    model = peft.get_peft_model(tiny_models.llama(50), config)
    runner = ModelRunner(model)
    record = runner.run(IDS)
    assert record.predictions is not None
    assert record.model.layers == 2
    assert np.abs(record.weights(1, 0) - plain.weights(1, 0)).max() > 1e-4
    with model.disable_adapter():
        off = runner.run(IDS)
    np.testing.assert_allclose(off.weights(1, 0), plain.weights(1, 0), atol=1e-6)
    assert off.id != record.id
    assert runner.run(IDS) is record


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_a_compiled_model() -> None:
    plain = ModelRunner(tiny_models.llama(50)).run(IDS)
    record = ModelRunner(torch.compile(tiny_models.llama(50))).run(IDS)
    assert record.model.architecture == "LlamaForCausalLM"
    np.testing.assert_array_equal(record.weights(1, 0), plain.weights(1, 0))
    assert any("Compiled" in note for note in record.notes)


def test_a_device_map_with_layers_on_disk(tmp_path: Path) -> None:
    folder = tiny_models.saved(tmp_path / "model", tiny_models.llama(50))
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk"}
    places |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "disk"}
    runner = ModelRunner(folder, device_map=places, offload_folder=str(tmp_path / "offloaded"))
    assert any(parameter.device.type == "meta" for parameter in runner.model.parameters())
    record = runner.run(IDS)
    plain = ModelRunner(tiny_models.llama(50)).run(IDS)
    for layer in (0, 1):
        np.testing.assert_array_equal(record.weights(layer, 0), plain.weights(layer, 0))
    assert record.predictions is not None
    assert plain.predictions is not None
    np.testing.assert_allclose(record.predictions.probs, plain.predictions.probs, atol=1e-6)
