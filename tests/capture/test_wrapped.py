"""Models that somebody has worked on: adapters, compiled, half precision, offloaded, quantised."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import peft
import pytest
import torch
import transformers as hf
from torch import Tensor, nn

from attnwidget.capture import Captured, run_with_capture
from attnwidget.errors import CaptureError
from tests.capture.families import FAMILIES, Family, eager_weights, largest_difference
from tests.capture.zoo import ZOO, Entry


def family(name: str) -> Family:
    return next(f for f in FAMILIES if f.name == name)


def agree(one: Captured, other: Captured, tolerance: float) -> None:
    assert len(one.sites) == len(other.sites)
    for a, b in zip(one.sites, other.sites, strict=True):
        assert (a.kind, a.layer, a.heads) == (b.kind, b.layer, b.heads)
        np.testing.assert_allclose(a.weights(), b.weights(), atol=tolerance)


# ---------------------------------------------------------------------- adapters

# What this version of PEFT asks a model that this version of transformers has renamed.
peft_warns = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def adapted(chosen: Family, modules: list[str], implementation: str | None = None) -> Any:
    torch.manual_seed(7)
    config = peft.LoraConfig(r=4, target_modules=modules, init_lora_weights=False)
    return peft.get_peft_model(chosen.build(implementation), config).eval()


@peft_warns
@pytest.mark.parametrize("modules", [["q_proj", "v_proj"], ["q_proj", "o_proj"]], ids=["qv", "qo"])
def test_attention_is_that_after_the_adapter(modules: list[str]) -> None:
    chosen = family("Llama")
    model, inputs = adapted(chosen, modules), chosen.inputs()
    with torch.no_grad():
        before = model(**inputs).logits
    captured = run_with_capture(model, inputs)
    assert torch.equal(captured.output.logits, before)
    exact = run_with_capture(model, inputs, exact=True)
    reference = eager_weights(adapted(chosen, modules, "eager"), inputs)
    assert largest_difference(exact, reference) <= 1e-5
    assert largest_difference(captured, reference) <= 1e-4
    plain = run_with_capture(chosen.build(), inputs)
    assert np.abs(plain.sites[0].weights() - captured.sites[0].weights()).max() > 0.1
    # An adapter on the projection itself: no one weight says what becomes of a value.
    assert all((site.value_norms is None) == ("o_proj" in modules) for site in captured.sites)


@peft_warns
def test_a_merged_adapter_is_a_plain_model_again() -> None:
    chosen = family("Llama")
    inputs = chosen.inputs()
    model = adapted(chosen, ["q_proj", "v_proj", "o_proj"])
    beside = run_with_capture(model, inputs)
    merged = run_with_capture(model.merge_and_unload(), inputs)
    agree(beside, merged, 1e-4)
    assert all(site.value_norms is not None for site in merged.sites)


@peft_warns
@pytest.mark.parametrize("kind", ["PromptTuningConfig", "PrefixTuningConfig"])
def test_tokens_that_an_adapter_adds_are_refused(kind: str) -> None:
    chosen = family("Llama")
    config = getattr(peft, kind)(task_type="CAUSAL_LM", num_virtual_tokens=3)
    model = peft.get_peft_model(chosen.build(), config).eval()
    with pytest.raises(CaptureError, match="43 keys, but the prompt has 40 tokens"):
        run_with_capture(model, chosen.inputs())


# ---------------------------------------------------------------------- compiled


def _whole(model: Any) -> Any:
    return torch.compile(model)


def _layers(model: Any) -> Any:
    for place, layer in enumerate(model.model.layers):
        model.model.layers[place] = torch.compile(layer)
    return model


def _in_place(model: Any) -> Any:
    model.compile()
    return model


def _forward(model: Any) -> Any:
    model.forward = torch.compile(model.forward)
    return model


# What torch.compile imports, whether or not it comes to compile anything.
compile_warns = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@compile_warns
@pytest.mark.parametrize("compiled", [_whole, _layers, _in_place, _forward])
@pytest.mark.parametrize("exact", [False, True], ids=["default", "exact"])
def test_a_compiled_model_runs_as_it_was_written(compiled: Callable[[Any], Any], exact: bool) -> None:
    chosen = family("Llama")
    inputs = chosen.inputs()
    captured = run_with_capture(compiled(chosen.build()), inputs, exact=exact)
    plain = run_with_capture(chosen.build(), inputs, exact=exact)
    agree(captured, plain, 0)
    assert torch.equal(captured.output.logits, plain.output.logits)
    assert [site.name for site in captured.sites] == [site.name for site in plain.sites]
    assert any("Compiled" in note for note in captured.notes)
    assert plain.notes == ()


@compile_warns
def test_torch_without_a_way_to_set_compiling_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = family("Llama")
    model = torch.compile(chosen.build())
    monkeypatch.delattr(torch.compiler, "set_stance")
    with pytest.raises(CaptureError, match=r"version 2\.6"):
        run_with_capture(model, chosen.inputs())


# ---------------------------------------------------------------------- half precision


@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.bfloat16, "0.39 %"), (torch.float16, "0.049 %")], ids=str
)
@pytest.mark.parametrize("name", ["BERT", "Llama", "Bloom"])
def test_half_precision_says_what_is_lost(name: str, dtype: torch.dtype, rounding: str) -> None:
    chosen = family(name)
    captured = run_with_capture(chosen.build().to(dtype), chosen.inputs())
    (note,) = captured.notes
    assert str(dtype).removeprefix("torch.") in note
    assert rounding in note
    worst = max(site.fidelity for site in captured.sites)
    assert f"to {worst:.1g}." in note
    full = run_with_capture(chosen.build(), chosen.inputs())
    assert full.notes == ()
    # What the note warns of: far beyond single precision's own rounding.
    assert np.abs(full.sites[-1].weights() - captured.sites[-1].weights()).max() > 1e-4


# ---------------------------------------------------------------------- elsewhere than in memory


@pytest.mark.parametrize("where", ["cpu", "disk"])
def test_offloaded_weights(where: str, tmp_path: Path) -> None:
    chosen = family("Llama")
    model, inputs = chosen.build(), chosen.inputs()
    device = torch.device("cpu")
    if where == "cpu":
        accelerate.cpu_offload(model, device)
    else:
        accelerate.disk_offload(model, str(tmp_path), device)
    assert next(model.parameters()).device.type == "meta"
    plain = run_with_capture(chosen.build(), inputs)
    for exact in (False, True):
        captured = run_with_capture(model, inputs, exact=exact)
        agree(captured, plain, 1e-4 if exact else 0)
        for site, other in zip(captured.sites, plain.sites, strict=True):
            np.testing.assert_allclose(site.value_norms, other.value_norms, rtol=1e-4)
    assert next(model.parameters()).device.type == "meta"


# ---------------------------------------------------------------------- fewer bits


def test_torchs_dynamic_quantisation() -> None:
    chosen = family("Llama")
    inputs = chosen.inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is going to move into a package of its own
        model = torch.ao.quantization.quantize_dynamic(chosen.build(), {nn.Linear}, dtype=torch.qint8).eval()
        captured = run_with_capture(model, inputs)
    _fewer_bits(captured, model, inputs, chosen)


@pytest.mark.parametrize("bits", [8, 4])
def test_bitsandbytes(bits: int, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    chosen = family("Llama")
    chosen.build().save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hf.AutoModelForCausalLM.from_pretrained(
            tmp_path,
            quantization_config=hf.BitsAndBytesConfig(load_in_8bit=bits == 8, load_in_4bit=bits == 4),
            device_map="cpu",
        ).eval()
        captured = run_with_capture(model, chosen.inputs())
        _fewer_bits(captured, model, chosen.inputs(), chosen)


def _fewer_bits(captured: Captured, model: Any, inputs: dict[str, Tensor], chosen: Family) -> None:
    """Weights are those of the quantised model, which differ from the full one's."""
    exact = run_with_capture(model, inputs, exact=True)
    model.set_attn_implementation("eager")
    reference = eager_weights(model, inputs)
    assert largest_difference(exact, reference) <= 1e-5
    assert all(site.fidelity <= 1e-3 for site in captured.sites)
    assert all(site.value_norms is None for site in captured.sites), "packed weights are not read"
    full = run_with_capture(chosen.build(), inputs)
    assert np.abs(full.sites[-1].weights() - captured.sites[-1].weights()).max() > 1e-3


# ---------------------------------------------------------------------- padding in every family

PADDED = [
    e for e in ZOO if e.end == "exact" and e.drift is not None and e.inputs().keys() >= {"attention_mask"}
]
PADDED = [e for e in PADDED if "pixel_values" not in e.inputs()]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("entry", PADDED, ids=lambda entry: entry.name)
def test_padding_is_cut_out_in_every_family(entry: Entry, side: str) -> None:
    given = entry.inputs()
    one = given["input_ids"]
    other, mask = one.flip(1).clone(), torch.ones(2, one.shape[1], dtype=torch.long)
    gap = slice(0, 7) if side == "left" else slice(one.shape[1] - 7, None)
    other[0, gap] = 0
    mask[1, gap] = 0
    inputs = {"input_ids": torch.cat([one, other]), "attention_mask": mask}
    if "decoder_input_ids" in given:
        inputs["decoder_input_ids"] = given["decoder_input_ids"].repeat(2, 1)
    flags = mask[1].bool().numpy()
    stream = "encoder" if "decoder_input_ids" in given else "decoder"
    captured = run_with_capture(entry.build(), inputs, row=1, keep={stream: flags})
    reference = entry.expected(eager_weights(entry.build("eager"), inputs, row=1))
    cut: dict[tuple[str, int], np.ndarray] = {}
    for (output, place), weights in reference.items():
        queries = flags if output in ("attentions", "encoder_attentions") else slice(None)
        keys = slice(None) if output == "decoder_attentions" else flags
        cut[output, place] = weights[:, queries][:, :, keys]
    assert largest_difference(captured, cut) <= entry.drift
