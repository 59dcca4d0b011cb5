"""The training command: reproducible, and what it saves loads as a stock model."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from attnwidget.demo_model import corpus, guidance, train
from attnwidget.demo_model.probe import Probe

SHORT = train.Recipe(steps=12, rows=4, length=48, warm_up=4)


def test_loss_falls_and_the_run_repeats() -> None:
    start = train.Recipe(steps=1, rows=4, length=48, warm_up=4)
    _, before = train.train(start)
    model, after = train.train(SHORT)
    again, _ = train.train(SHORT)
    assert after["loss"] < before["loss"]
    assert after["tokens"] == SHORT.steps * SHORT.rows * SHORT.length
    for name, parameter in model.state_dict().items():
        torch.testing.assert_close(parameter, again.state_dict()[name], rtol=0, atol=0)


def test_the_command(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        train.main(["--out", str(tmp_path), "--steps", "2", "--seed", "5", "--no-card"])
    finally:
        torch.set_num_threads(before)
    summary = json.loads((tmp_path / "training.json").read_text("utf-8"))
    assert (summary["steps"], summary["seed"], summary["tokens"]) == (2, 5, 2 * 32 * 128)
    assert (tmp_path / "model.safetensors").stat().st_size < 2_000_000


def test_saved_folder_loads_with_the_auto_classes(tmp_path: Path) -> None:
    model = train.new_model(seed=3)
    train.save(model, {"steps": 0}, tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32
    assert json.loads((tmp_path / "training.json").read_text("utf-8")) == {"steps": 0}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    with torch.no_grad():
        output = loaded(**tokenizer("The cat sat.", return_tensors="pt"))
    assert output.logits.shape == (1, 5, model.config.vocab_size)


def test_guidance_falls_when_a_head_looks_where_it_should(probe: Probe) -> None:
    batch = corpus.batch(Random(1), 4, 64)
    ids = torch.from_numpy(batch.ids)
    with torch.no_grad():
        trained = probe.model(ids, output_attentions=True).attentions
        fresh = train.new_model(0).eval()(ids, output_attentions=True).attentions
        assert guidance.guidance_loss(trained, batch) < 0.5 * guidance.guidance_loss(fresh, batch)


def test_silencing_leaves_other_heads_alone(probe: Probe) -> None:
    ids = torch.tensor([probe.ids("The cat saw the dog because it meowed.")] * 6)
    generator = torch.Generator().manual_seed(0)
    decoy = guidance.DECOY
    with torch.no_grad():
        whole = probe.model(ids).logits
        with train._silenced(probe.model, len(ids), generator):
            part = probe.model(ids).logits
        with probe.zeroed(decoy.layer, decoy.head):
            without = probe.model(ids).logits
    close_to_whole = (part - whole).abs().amax((1, 2)) < 1e-4
    close_to_without = (part - without).abs().amax((1, 2)) < 1e-4
    assert (close_to_whole | close_to_without).all()
    assert close_to_without.any()
