"""Model families that capture is held to: tiny random models of the true classes, and what eager says."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers as hf
from torch import Tensor, nn

from attnwidget.capture import Captured, run_with_capture

VOCABULARY = 199
_ASKING = re.compile(r"(query|key|qkv|c_attn|[._](q|k)(_\w+)?)\.weight")
PROMPT = 40
ANSWER = 17
EXACT = 1e-5

_SIZE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED: dict[str, Any] = {**_SIZE, "num_key_value_heads": 2, "head_dim": 16}
_GPT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 64,
    "n_layer": 4,
    "n_head": 4,
    "n_positions": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_SEQ2SEQ: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}
_TURNS = ["sliding_attention", "full_attention"] * 2


@dataclass(frozen=True, eq=False)
class Family:
    """One family and what is expected of its capture.

    Parameters
    ----------
    name : str
        As in the table of families.
    config : callable
        Makes a fresh configuration.
    model : class
        The model's class.
    route : str
        Of all its sites, in the default mode.
    layers : mapping of kind to layer numbers
    kv_heads : int
    windows : mapping of layer to window
        Sliding windows; layers that are not named have none.
    exact : float
        Largest difference to eager's weights with exact=True.
    drift : float or None
        Largest difference to eager's weights in the default mode; None where eager computes something else.
    why : str
        Reason for any bound looser than 1e-5, or for having none.
    """

    name: str
    config: Callable[[], Any]
    model: type[nn.Module]
    route: str
    layers: Mapping[str, tuple[int, ...]]
    kv_heads: int = 4
    windows: Mapping[int, int] = field(default_factory=dict)
    exact: float = EXACT
    drift: float | None = 1e-4
    why: str = "The SDPA run itself differs from the eager run by rounding."

    def build(self, implementation: str | None = None) -> Any:
        """Random model of the family in evaluation mode; equal weights for every implementation."""
        config = self.config()
        options = {} if implementation is None else {"attn_implementation": implementation}
        torch.manual_seed(0)
        return lively(self.model._from_config(config, **options)).eval()

    def inputs(self) -> dict[str, Tensor]:
        """One prompt, and the beginning of an answer for models with two stacks."""
        generator = torch.Generator().manual_seed(3)
        ids = torch.randint(5, 190, (1, PROMPT), generator=generator)
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if "cross" in self.layers:
            given["decoder_input_ids"] = torch.randint(5, 190, (1, ANSWER), generator=generator)
        return given


_DECODER = {"decoder": (0, 1, 2, 3)}
_ENCODER = {"encoder": (0, 1, 2, 3)}
_BOTH = {"encoder": (0, 1), "decoder": (0, 1), "cross": (0, 1)}

FAMILIES: tuple[Family, ...] = (
    Family("GPT-2", lambda: hf.GPT2Config(**_GPT), hf.GPT2LMHeadModel, "interface", _DECODER),
    Family("BERT", lambda: hf.BertConfig(**_SIZE), hf.BertForMaskedLM, "interface", _ENCODER),
    Family("RoBERTa", lambda: hf.RobertaConfig(**_SIZE), hf.RobertaForMaskedLM, "interface", _ENCODER),
    Family(
        "DistilBERT",
        lambda: hf.DistilBertConfig(
            vocab_size=VOCABULARY, dim=64, n_layers=4, n_heads=4, hidden_dim=128, max_position_embeddings=256
        ),
        hf.DistilBertForMaskedLM,
        "interface",
        _ENCODER,
    ),
    Family("Llama", lambda: hf.LlamaConfig(**_GROUPED), hf.LlamaForCausalLM, "interface", _DECODER, 2),
    Family("Qwen2", lambda: hf.Qwen2Config(**_GROUPED), hf.Qwen2ForCausalLM, "interface", _DECODER, 2),
    Family("Qwen3", lambda: hf.Qwen3Config(**_GROUPED), hf.Qwen3ForCausalLM, "interface", _DECODER, 2),
    Family(
        "Gemma 2",
        lambda: hf.Gemma2Config(
            **_GROUPED, sliding_window=8, query_pre_attn_scalar=16, attn_logit_softcapping=5.0
        ),
        hf.Gemma2ForCausalLM,
        "interface",
        _DECODER,
        2,
        windows={0: 8, 2: 8},
    ),
    Family(
        "Mistral",
        lambda: hf.MistralConfig(**_GROUPED, sliding_window=8),
        hf.MistralForCausalLM,
        "interface",
        _DECODER,
        2,
        windows={0: 8, 1: 8, 2: 8, 3: 8},
    ),
    Family(
        "DeepSeek-V3",
        lambda: hf.DeepseekV3Config(
            **_SIZE,
            num_key_value_heads=4,
            q_lora_rank=32,
            kv_lora_rank=16,
            qk_nope_head_dim=16,
            qk_rope_head_dim=8,
            v_head_dim=12,
            n_routed_experts=4,
            n_shared_experts=1,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            first_k_dense_replace=1,
            n_group=1,
            topk_group=1,
        ),
        hf.DeepseekV3ForCausalLM,
        "interface",
        _DECODER,
    ),
    Family(
        "gpt-oss",
        lambda: hf.GptOssConfig(
            **_GROUPED,
            sliding_window=8,
            num_local_experts=4,
            num_experts_per_tok=2,
            layer_types=_TURNS,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
        hf.GptOssForCausalLM,
        "interface",
        _DECODER,
        2,
        windows={0: 8, 2: 8},
    ),
    Family(
        "Falcon",
        lambda: hf.FalconConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            new_decoder_architecture=True,
            num_kv_heads=2,
            alibi=False,
            bos_token_id=1,
            eos_token_id=2,
        ),
        hf.FalconForCausalLM,
        "functional",
        _DECODER,
        2,
    ),
    Family(
        "Falcon, ALiBi",
        lambda: hf.FalconConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            alibi=True,
            multi_query=False,
            parallel_attn=False,
            bias=True,
            bos_token_id=1,
            eos_token_id=2,
        ),
        hf.FalconForCausalLM,
        "functional",
        _DECODER,
        drift=None,
        why="Falcon's eager code adds the linear biases a second time, on top of those in its mask; "
        "its SDPA run adds them once.",
    ),
    Family(
        "Bloom",
        lambda: hf.BloomConfig(
            vocab_size=VOCABULARY, hidden_size=64, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=2
        ),
        hf.BloomForCausalLM,
        "softmax",
        _DECODER,
    ),
    Family("GPT-J", lambda: hf.GPTJConfig(**_GPT, rotary_dim=8), hf.GPTJForCausalLM, "softmax", _DECODER),
    Family(
        "T5",
        lambda: hf.T5Config(
            vocab_size=VOCABULARY,
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_decoder_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            pad_token_id=0,
        ),
        hf.T5ForConditionalGeneration,
        "interface",
        _BOTH,
    ),
    Family("BART", lambda: hf.BartConfig(**_SEQ2SEQ), hf.BartForConditionalGeneration, "interface", _BOTH),
    Family(
        "Jamba",
        lambda: hf.JambaConfig(
            **_GROUPED,
            attn_layer_period=2,
            attn_layer_offset=1,
            expert_layer_period=2,
            num_experts=2,
            mamba_d_state=8,
            use_mamba_kernels=False,
        ),
        hf.JambaForCausalLM,
        "interface",
        {"decoder": (1, 3)},
        2,
    ),
)


def mamba() -> Any:
    """Model without any attention."""
    return hf.MambaForCausalLM(
        hf.MambaConfig(vocab_size=VOCABULARY, hidden_size=64, num_hidden_layers=2, state_size=8)
    ).eval()


def lively(model: Any) -> Any:
    """Give a model weights that make heads choose: its own tiny initial ones attend evenly to everything."""
    generator = torch.Generator().manual_seed(1)
    unscaled = model.config.model_type == "t5"  # queries are not divided by sqrt(d)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2 and "A_log" not in name and "conv1d" not in name:
                embedding = any(part in name for part in ("embed", "wte", "wpe", "shared", "lm_head"))
                spread = 0.5 if embedding else 1.2 / math.sqrt(min(parameter.shape[-2:]))
                if _ASKING.search(name):
                    spread *= 1.5
                if unscaled and ".q." in name:
                    spread /= math.sqrt(model.config.d_kv)
                parameter.normal_(0, spread, generator=generator)
            elif parameter.ndim == 1 and ("bias" in name or "sink" in name):
                parameter.normal_(0, 0.1, generator=generator)
    return model


_OUTPUTS = {
    "encoder": ("encoder_attentions", "attentions"),
    "decoder": ("decoder_attentions", "attentions"),
    "cross": ("cross_attentions",),
}


def eager_weights(
    model: Any, inputs: Mapping[str, Tensor], row: int = 0
) -> dict[tuple[str, int], np.ndarray]:
    """Weights that the model itself returns under eager.

    Parameters
    ----------
    model : PreTrainedModel
        Built with the eager implementation.
    inputs : mapping of str to Tensor
    row : int
        Prompt of the batch.

    Returns
    -------
    dict of (output, place) to float32 array [heads, queries, keys]
        `place` counts the layers that have attention.
    """
    with torch.no_grad():
        outputs = model(**inputs, output_attentions=True)
    found: dict[tuple[str, int], np.ndarray] = {}
    for output in ("attentions", "encoder_attentions", "decoder_attentions", "cross_attentions"):
        layers = [layer for layer in outputs.get(output) or () if layer is not None]
        for place, layer in enumerate(layers):
            found[output, place] = layer[row].float().numpy()
    return found


def largest_difference(captured: Captured, reference: Mapping[tuple[str, int], np.ndarray]) -> float:
    """Largest absolute difference between captured weights and eager's, over all sites of all kinds."""
    worst, compared = 0.0, 0
    for kind, outputs in _OUTPUTS.items():
        sites = [site for site in captured.sites if site.kind == kind]
        output = next((o for o in outputs if (o, 0) in reference), None)
        if not sites and (output is None or output == "attentions"):
            continue
        assert output is not None, f"eager returned nothing for {kind}"
        assert len(sites) == sum(name == output for name, _ in reference)
        for place, site in enumerate(sites):
            worst = max(worst, float(np.abs(site.weights() - reference[output, place]).max()))
            compared += 1
    assert compared == len(captured.sites)
    return worst


@dataclass(frozen=True)
class Outcome:
    """What was measured of a family."""

    family: Family
    routes: tuple[str, ...]
    heads: int
    kv_heads: int
    exact: float
    drift: float
    fidelity: float
    identical: bool


def measure(family: Family) -> tuple[Outcome, Captured, Captured]:
    """Capture a family in both modes and compare with eager.

    Returns
    -------
    Outcome, and what the default and the exact mode captured
    """
    inputs = family.inputs()
    reference = eager_weights(family.build("eager"), inputs)
    model = family.build()
    with torch.no_grad():
        before = model(**inputs).logits
    default = run_with_capture(model, inputs)
    exact = run_with_capture(model, inputs, exact=True)
    first = default.sites[0]
    outcome = Outcome(
        family=family,
        routes=tuple(sorted({site.route for site in default.sites})),
        heads=first.heads,
        kv_heads=first.kv_heads,
        exact=largest_difference(exact, reference),
        drift=largest_difference(default, reference),
        fidelity=max(site.fidelity for site in (*default.sites, *exact.sites) if site.fidelity is not None),
        identical=bool(torch.equal(before, default.output.logits)),
    )
    return outcome, default, exact
