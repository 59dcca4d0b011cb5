"""Norms of values through the output projection: against each family's own weights, or not given at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from torch import Tensor, nn

from attnwidget.capture import run_with_capture
from attnwidget.capture.projection import Weight, value_norms
from tests.capture.families import FAMILIES, Family

HEADS = 4


def family(name: str) -> Family:
    return next(f for f in FAMILIES if f.name == name)


class Outputs:
    """Outputs of some of a model's modules in one run."""

    def __init__(self, model: nn.Module, inputs: Mapping[str, Tensor]) -> None:
        self._of: dict[str, Tensor] = {}
        handles = [
            module.register_forward_hook(lambda _m, _i, output, name=name: self._of.setdefault(name, output))
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) or "Linear" in type(module).__name__ or name.endswith("c_attn")
        ]
        with torch.no_grad():
            model(**inputs)
        for handle in handles:
            handle.remove()

    def __getitem__(self, name: str) -> Tensor:
        return self._of[name][0].double()


Parts = Callable[[Any, Outputs, Any], tuple[Tensor, Tensor]]
"""From a model, its outputs and a site to values [keys, kv_heads * d] and the projection [out, in]."""


def _bert(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    layer = model.bert.encoder.layer[site.layer].attention
    return outputs[f"bert.encoder.layer.{site.layer}.attention.self.value"], layer.output.dense.weight


def _gpt2(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    fused = outputs[f"transformer.h.{site.layer}.attn.c_attn"]
    # Conv1D stores [in, out].
    return fused[:, 128:], model.transformer.h[site.layer].attn.c_proj.weight.T


def _llama(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    values = outputs[f"model.layers.{site.layer}.self_attn.v_proj"]
    return values, model.model.layers[site.layer].self_attn.o_proj.weight


def _deepseek(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    both = outputs[f"model.layers.{site.layer}.self_attn.kv_b_proj"].view(-1, HEADS, 16 + 12)
    return both[..., 16:].flatten(1), model.model.layers[site.layer].self_attn.o_proj.weight


def _t5(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    place, part = (1, "EncDecAttention") if site.kind == "cross" else (0, "SelfAttention")
    stack = "encoder" if site.kind == "encoder" else "decoder"
    module = getattr(getattr(model, stack).block[site.layer].layer[place], part)
    return outputs[f"{stack}.block.{site.layer}.layer.{place}.{part}.v"], module.o.weight


def _bart(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    part = "encoder_attn" if site.kind == "cross" else "self_attn"
    stack = "encoder" if site.kind == "encoder" else "decoder"
    module = getattr(getattr(model.model, stack).layers[site.layer], part)
    return outputs[f"model.{stack}.layers.{site.layer}.{part}.v_proj"], module.out_proj.weight


def _falcon(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    name = f"transformer.h.{site.layer}.self_attention"
    # Two groups, each of two queries, one key and one value.
    fused = outputs[f"{name}.query_key_value"].view(-1, 2, 4, 16)
    return fused[:, :, 3].flatten(1), model.transformer.h[site.layer].self_attention.dense.weight


def _gptj(model: Any, outputs: Outputs, site: Any) -> tuple[Tensor, Tensor]:
    name = f"transformer.h.{site.layer}.attn"
    return outputs[f"{name}.v_proj"], model.transformer.h[site.layer].attn.out_proj.weight


FOLLOWED: dict[str, Parts] = {
    "BERT": _bert,
    "GPT-2": _gpt2,
    "Llama": _llama,
    "gpt-oss": _llama,
    "DeepSeek-V3": _deepseek,
    "T5": _t5,
    "BART": _bart,
    "Falcon": _falcon,
    "GPT-J": _gptj,
}


def by_hand(values: Tensor, projection: Tensor, kv_heads: int) -> np.ndarray:
    """Norms [heads, keys], one head and one key-value head at a time."""
    split = values.view(values.shape[0], kv_heads, -1)
    size = split.shape[-1]
    heads = []
    for head in range(HEADS):
        own = projection.double()[:, head * size : (head + 1) * size]
        heads.append((split[:, head // (HEADS // kv_heads)] @ own.T).norm(dim=-1))
    return torch.stack(heads).detach().numpy()


@pytest.mark.parametrize("exact", [False, True], ids=["default", "exact"])
@pytest.mark.parametrize("name", FOLLOWED)
def test_norms_are_those_of_the_models_own_projection(name: str, exact: bool) -> None:
    chosen = family(name)
    model, inputs = chosen.build(), chosen.inputs()
    outputs = Outputs(model, inputs)
    for site in run_with_capture(model, inputs, exact=exact).sites:
        values, projection = FOLLOWED[name](model, outputs, site)
        expected = by_hand(values, projection, chosen.kv_heads)
        assert site.value_norms is not None
        assert site.value_norms.dtype == np.float32
        np.testing.assert_allclose(site.value_norms, expected, rtol=1e-4)
        assert expected.std() > 0.02 * expected.mean(), "equal norms would agree with anything"


def test_padding_has_no_norms() -> None:
    chosen = family("BERT")
    model = chosen.build()
    ids = chosen.inputs()["input_ids"]
    mask = torch.ones_like(ids)
    mask[0, :7] = 0
    flags = mask[0].bool().numpy()
    outputs = Outputs(model, {"input_ids": ids, "attention_mask": mask})
    for site in run_with_capture(
        model, {"input_ids": ids, "attention_mask": mask}, keep={"encoder": flags}
    ).sites:
        values, projection = _bert(model, outputs, site)
        assert site.value_norms is not None
        np.testing.assert_allclose(site.value_norms, by_hand(values[7:], projection, 4), rtol=1e-4)


def test_norms_follow_weights_that_change() -> None:
    chosen = family("Llama")
    model, inputs = chosen.build(), chosen.inputs()
    first = run_with_capture(model, inputs).sites[-1].value_norms
    last = model.model.layers[-1].self_attn.o_proj
    # A write that no version counter sees.
    last.weight.data = last.weight.data * 3
    tripled = run_with_capture(model, inputs).sites[-1].value_norms
    with torch.no_grad():
        last.weight.mul_(2)
    doubled = run_with_capture(model, inputs).sites[-1].value_norms
    assert first is not None
    np.testing.assert_allclose(tripled, 3 * first, rtol=1e-5)
    np.testing.assert_allclose(doubled, 6 * first, rtol=1e-5)


def test_long_prompts_are_done_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    value, weight = torch.randn(2, 50, 8), Weight(torch.randn(20, 32))
    whole = value_norms(value, weight, HEADS)
    monkeypatch.setattr("attnwidget.capture.projection._BLOCK_ELEMENTS", 7 * 32)
    np.testing.assert_allclose(value_norms(value, weight, HEADS), whole, rtol=1e-6)
    expected = by_hand(value.transpose(0, 1).flatten(1).double(), weight.matrix, 2)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)


# ---------------------------------------------------------------------- what has none


class Own(nn.Module):
    """One attention layer of somebody's own; `project` says what becomes of the output [batch, n, width]."""

    def __init__(self, project: Callable[[Own, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.embed = nn.Embedding(50, 32)
        self.fused = nn.Linear(32, 96)
        self.out, self.second, self.low = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 4)
        self.project = project

    def forward(self, input_ids: Tensor) -> Tensor:
        states = self.embed(input_ids)
        q, k, v = self.fused(states).view(1, -1, 3, HEADS, 8).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return states + self.project(self, attended)


def _adapter_last(model: Own, attended: Tensor) -> Tensor:
    flat = attended.flatten(2)
    return model.out(flat) + model.low(flat) @ torch.ones(4, 32)


def _adapter_first(model: Own, attended: Tensor) -> Tensor:
    flat = attended.flatten(2)
    return model.low(flat) @ torch.ones(4, 32) + model.out(flat)


def _adapter_at_the_end(model: Own, attended: Tensor) -> Tensor:
    flat = attended.flatten(2)
    states = torch.relu(model.out(flat) + 1)
    return states + model.low(flat) @ torch.ones(4, 32)


REWORKED: dict[str, Callable[[Own, Tensor], Tensor]] = {
    "gated": lambda model, attended: model.out(attended.flatten(2) * 0.5),
    "gated in place": lambda model, attended: model.out(attended.flatten(2).mul_(0.5)),
    "an adapter after": _adapter_last,
    "an adapter much later": _adapter_at_the_end,
    "an adapter before": _adapter_first,
    "two projections": lambda model, attended: model.second(model.out(attended.flatten(2))),
    "heads mixed up": lambda model, attended: model.out(attended.transpose(2, 3).flatten(2)),
    "no projection": lambda model, attended: attended.flatten(2),
}


@pytest.mark.parametrize("way", REWORKED)
def test_norms_are_not_guessed(way: str) -> None:
    (site,) = run_with_capture(Own(REWORKED[way]).eval(), {"input_ids": torch.arange(3, 15)[None]}).sites
    assert site.has_scores
    assert site.value_norms is None


def test_the_same_model_with_a_plain_projection_has_norms() -> None:
    model = Own(lambda own, attended: own.out(attended.flatten(2))).eval()
    (site,) = run_with_capture(model, {"input_ids": torch.arange(3, 15)[None]}).sites
    values = model.fused(model.embed(torch.arange(3, 15)))[:, 64:].double()
    assert site.value_norms is not None
    np.testing.assert_allclose(site.value_norms, by_hand(values, model.out.weight, HEADS), rtol=1e-4)


def test_a_gated_or_normed_output_has_none() -> None:
    config = hf.BitNetConfig(
        vocab_size=199,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
    )
    torch.manual_seed(0)
    model = hf.BitNetModel(config).eval()
    for site in run_with_capture(model, {"input_ids": torch.arange(5, 25)[None]}).sites:
        assert site.value_norms is None, "a norm lies between the heads and the projection"
