"""Every family of the capture matrix: a tiny random model of the true class, and how its capture must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import transformers as hf
from torch import Tensor

from tests.capture.families import VOCABULARY, lively

End = Literal["exact", "refused", "none"]
Weights = dict[tuple[str, int], np.ndarray]
"""From output and place to float32 [heads, queries, keys]."""

N = 24
ANSWER = 11

_SIZE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GROUPED: dict[str, Any] = {**_SIZE, "num_key_value_heads": 2}
_EXPERTS: dict[str, Any] = {
    **_GROUPED,
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
_GPT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_BLOOM: dict[str, Any] = {"vocab_size": VOCABULARY, "hidden_size": 64, "n_layer": 2, "n_head": 4}
_T5: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 96,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
}
_BART: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 64,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}
_PROPHET: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "num_encoder_attention_heads": 4,
    "num_decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "max_position_embeddings": 128,
}
_LATENT: dict[str, Any] = {
    **_SIZE,
    "num_key_value_heads": 4,
    "q_lora_rank": 32,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 12,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
    "n_group": 1,
    "topk_group": 1,
}
_INKLING: dict[str, Any] = {
    **_EXPERTS,
    "unpadded_vocab_size": VOCABULARY,
    "head_dim": 16,
    "swa_num_attention_heads": 4,
    "swa_num_key_value_heads": 2,
    "swa_head_dim": 16,
    "sliding_window_size": 8,
    "d_rel": 8,
    "rel_extent": 16,
    "n_routed_experts": 4,
}
_VISION: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "image_size": 32,
    "patch_size": 8,
}
_SPEECH: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


@dataclass(frozen=True, eq=False)
class Entry:
    """One family of the matrix.

    Parameters
    ----------
    name : str
        The model type in transformers.
    group : str
        Row of the table that it belongs to.
    model : str
        The class.
    config : callable
        Makes a fresh configuration.
    inputs : callable
        Makes its inputs.
    end : {"exact", "refused", "none"}
        How the capture ends: agreement with eager, an error that gives a reason, no attention at all.
    drift : float or None
        Largest difference of the default mode to eager; None where that says nothing.
    why : str
        For any end but the usual one, in a sentence for the table.
    expected : callable
        Makes weights out of what the model returns under eager, where that is something else.
    """

    name: str
    group: str
    model: str
    config: Callable[[], Any]
    inputs: Callable[[], dict[str, Tensor]]
    end: End = "exact"
    drift: float | None = 1e-4
    why: str = ""
    expected: Callable[[Weights], Weights] = dict

    def build(self, implementation: str | None = None) -> Any:
        """Random model in evaluation mode; equal weights for every implementation."""
        options = {} if implementation is None else {"attn_implementation": implementation}
        torch.manual_seed(0)
        return lively(getattr(hf, self.model)._from_config(self.config(), **options)).eval()


def prompt() -> dict[str, Tensor]:
    """One prompt."""
    ids = torch.randint(5, 190, (1, N), generator=torch.Generator().manual_seed(3))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def translation() -> dict[str, Tensor]:
    """One prompt and the beginning of an answer."""
    answer = torch.randint(5, 190, (1, ANSWER), generator=torch.Generator().manual_seed(4))
    return prompt() | {"decoder_input_ids": answer}


def image() -> dict[str, Tensor]:
    """One picture of 32 x 32 pixels."""
    return {"pixel_values": torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(5))}


def sound() -> dict[str, Tensor]:
    """One wave of 400 samples."""
    return {"input_values": torch.randn(1, 400, generator=torch.Generator().manual_seed(6))}


def speech() -> dict[str, Tensor]:
    """One spectrogram of 32 frames, and the beginning of its transcript."""
    features = torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(7))
    return {"input_features": features, "decoder_input_ids": translation()["decoder_input_ids"]}


def _with_image(tokens: int, image_id: int = 190) -> Callable[[], dict[str, Tensor]]:
    """Prompt that holds an image's place in tokens."""

    def made() -> dict[str, Tensor]:
        given = prompt()
        given["input_ids"][0, 2 : 2 + tokens] = image_id
        return given | image()

    return made


def _softmax_layers_only(found: Weights) -> Weights:
    """Leave out MiniMax's first layer, whose linear attention eager lists too."""
    return {("attentions", place - 1): weights for (_, place), weights in found.items() if place}


def _after_softmax(found: Weights) -> Weights:
    """Apply the softmax where eager returns scores, as ProphetNet's encoder and cross-attention do."""

    def applied(values: np.ndarray) -> np.ndarray:
        scores = torch.from_numpy(values)
        return values if values.min() >= 0 else torch.softmax(scores, -1).numpy()

    return {key: applied(values) for key, values in found.items()}


def _entry(
    name: str,
    group: str,
    stem: str,
    size: Mapping[str, Any],
    *,
    head: str = "Model",
    config: str | None = None,
    inputs: Callable[[], dict[str, Tensor]] = prompt,
    end: End = "exact",
    drift: float | None = 1e-4,
    why: str = "",
    expected: Callable[[Weights], Weights] = dict,
    **more: Any,
) -> Entry:
    made = config or f"{stem}Config"
    return Entry(
        name=name,
        group=group,
        model=f"{stem}{head}",
        config=lambda: getattr(hf, made)(**{**size, **more}),
        inputs=inputs,
        end=end,
        drift=drift,
        why=why,
        expected=expected,
    )


def _encoders() -> list[Entry]:
    g = "Encoders"
    return [
        _entry("bert", g, "Bert", _SIZE),
        _entry("roberta", g, "Roberta", _SIZE),
        _entry("xlm-roberta", g, "XLMRoberta", _SIZE),
        _entry("camembert", g, "Camembert", _SIZE),
        _entry("electra", g, "Electra", _SIZE, embedding_size=64),
        _entry("ernie", g, "Ernie", _SIZE),
        _entry("esm", g, "Esm", _SIZE, mask_token_id=3),
        _entry("layoutlm", g, "LayoutLM", _SIZE),
        _entry("albert", g, "Albert", _SIZE, embedding_size=32),
        _entry(
            "distilbert",
            g,
            "DistilBert",
            {"vocab_size": VOCABULARY, "dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 96},
        ),
        _entry("modernbert", g, "ModernBert", _SIZE, local_attention=8, global_attn_every_n_layers=2),
    ]


def _decoders() -> list[Entry]:
    g = "Decoders"
    return [
        _entry("gpt2", g, "GPT2", _GPT),
        _entry("gpt_bigcode", g, "GPTBigCode", _GPT, multi_query=True),
        _entry("gpt_neox", g, "GPTNeoX", _SIZE),
        _entry("opt", g, "OPT", {**_SIZE, "ffn_dim": 96, "word_embed_proj_dim": 64}),
        _entry("biogpt", g, "BioGpt", _SIZE),
        _entry("phi", g, "Phi", _SIZE),
    ]


def _grouped() -> list[Entry]:
    g = "Grouped-query decoders"
    stems = {
        "llama": "Llama",
        "qwen2": "Qwen2",
        "qwen3": "Qwen3",
        "gemma": "Gemma",
        "phi3": "Phi3",
        "olmo": "Olmo",
        "olmo2": "Olmo2",
        "olmo3": "Olmo3",
        "stablelm": "StableLm",
        "cohere": "Cohere",
        "glm": "Glm",
        "glm4": "Glm4",
        "smollm3": "SmolLM3",
        "helium": "Helium",
        "ernie4_5": "Ernie4_5",
        "hunyuan_v1_dense": "HunYuanDenseV1",
        "doge": "Doge",
        "granite": "Granite",
        "nemotron": "Nemotron",
        "diffllama": "DiffLlama",
    }
    more = {name: {"head_dim": 16} for name in ("hunyuan_v1_dense", "gemma", "helium")}
    return [_entry(name, g, stem, _GROUPED, **more.get(name, {})) for name, stem in stems.items()]


def _windowed() -> list[Entry]:
    g = "Sliding or chunked windows"
    turns = ["sliding_attention", "full_attention"]
    return [
        _entry("mistral", g, "Mistral", _GROUPED, sliding_window=8),
        _entry(
            "qwen2 with windows",
            g,
            "Qwen2",
            _GROUPED,
            use_sliding_window=True,
            sliding_window=8,
            max_window_layers=1,
        ),
        _entry("starcoder2", g, "Starcoder2", _GROUPED, sliding_window=8),
        _entry(
            "gemma3_text",
            g,
            "Gemma3Text",
            _GROUPED,
            query_pre_attn_scalar=16,
            head_dim=16,
            sliding_window=8,
            layer_types=turns,
        ),
        _entry("cohere2", g, "Cohere2", _GROUPED, sliding_window=8, layer_types=turns),
        _entry("exaone4", g, "Exaone4", _GROUPED, sliding_window=8, layer_types=turns),
        _entry(
            "llama4_text",
            g,
            "Llama4Text",
            _EXPERTS,
            head_dim=16,
            intermediate_size_mlp=96,
            attention_chunk_size=8,
            no_rope_layers=[1, 0],
        ),
    ]


def _special() -> list[Entry]:
    g = "Soft caps, sinks, latent attention"
    turns = ["sliding_attention", "full_attention"]
    return [
        _entry("gemma2", g, "Gemma2", _GROUPED, head_dim=16, sliding_window=8, attn_logit_softcapping=5.0),
        _entry(
            "vaultgemma", g, "VaultGemma", _GROUPED, head_dim=16, sliding_window=8, attn_logit_softcapping=5.0
        ),
        _entry("gpt_oss", g, "GptOss", _EXPERTS, head_dim=16, sliding_window=8, layer_types=turns),
        _entry(
            "mimo_v2_flash",
            g,
            "MiMoV2Flash",
            _EXPERTS,
            n_routed_experts=4,
            head_dim=24,
            v_head_dim=16,
            sliding_window=8,
            layer_types=turns,
            mlp_layer_types=["dense", "sparse"],
        ),
        _entry("deepseek_v2", g, "DeepseekV2", _LATENT),
        _entry("deepseek_v3", g, "DeepseekV3", _LATENT),
        _entry("deepseek_v32", g, "DeepseekV32", _LATENT, index_topk=8),
        _entry("deepseek_v4", g, "DeepseekV4", _LATENT),
        _entry("glm_moe_dsa", g, "GlmMoeDsa", _LATENT, index_topk=8),
        _entry("inkling_text", g, "InklingText", _INKLING, layer_types=["hybrid_sliding", "hybrid"]),
        _entry(
            "inkling2_text",
            g,
            "Inkling2Text",
            _INKLING,
            layer_types=["hybrid_sliding", "hybrid"],
            end="refused",
            why="sinks that depend on the query, in a form of its own",
        ),
    ]


def _mixtures() -> list[Entry]:
    g = "Mixtures of experts"
    stems = {
        "mixtral": "Mixtral",
        "phimoe": "Phimoe",
        "qwen2_moe": "Qwen2Moe",
        "qwen3_moe": "Qwen3Moe",
        "olmoe": "Olmoe",
        "glm4_moe": "Glm4Moe",
        "jetmoe": "JetMoe",
        "granitemoe": "GraniteMoe",
    }
    return [_entry(name, g, stem, _EXPERTS) for name, stem in stems.items()]


def _hybrids() -> list[Entry]:
    g = "Hybrids (the layers with attention)"
    ssm: dict[str, Any] = {
        "mamba_n_heads": 8,
        "mamba_d_head": 16,
        "mamba_d_state": 8,
        "mamba_n_groups": 1,
        "mamba_expand": 2,
    }
    return [
        _entry(
            "qwen3_next",
            g,
            "Qwen3Next",
            _EXPERTS,
            head_dim=16,
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=4,
            linear_num_key_heads=2,
            linear_key_head_dim=16,
            linear_value_head_dim=16,
            shared_expert_intermediate_size=32,
        ),
        _entry(
            "jamba",
            g,
            "Jamba",
            _EXPERTS,
            attn_layer_period=2,
            attn_layer_offset=1,
            expert_layer_period=2,
            mamba_d_state=8,
        ),
        _entry("bamba", g, "Bamba", {**_GROUPED, **ssm}, attn_layer_indices=[1]),
        _entry(
            "granitemoehybrid", g, "GraniteMoeHybrid", {**_EXPERTS, **ssm}, layer_types=["mamba", "attention"]
        ),
        _entry("lfm2", g, "Lfm2", _GROUPED, layer_types=["conv", "full_attention"]),
        _entry("falcon_h1", g, "FalconH1", {**_GROUPED, **ssm}, mamba_d_ssm=128),
        _entry("recurrent_gemma", g, "RecurrentGemma", {**_GROUPED, "num_hidden_layers": 3}),
        _entry(
            "minimax",
            g,
            "MiniMax",
            _EXPERTS,
            layer_types=["linear_attention", "full_attention"],
            expected=_softmax_layers_only,
        ),
    ]


def _two_stacks() -> list[Entry]:
    g = "Encoder-decoders"
    t5 = {"t5": "T5", "mt5": "MT5", "umt5": "UMT5", "switch_transformers": "SwitchTransformers"}
    bart = {
        "bart": "Bart",
        "mbart": "MBart",
        "marian": "Marian",
        "pegasus": "Pegasus",
        "blenderbot": "Blenderbot",
        "m2m_100": "M2M100",
    }
    return [
        *(_entry(name, g, stem, _T5, inputs=translation) for name, stem in t5.items()),
        *(_entry(name, g, stem, _BART, inputs=translation) for name, stem in bart.items()),
        _entry(
            "longt5",
            g,
            "LongT5",
            _T5,
            inputs=translation,
            local_radius=4,
            end="refused",
            why="the encoder attends block by block",
        ),
        _entry(
            "bigbird_pegasus", g, "BigBirdPegasus", _BART, inputs=translation, attention_type="original_full"
        ),
        _entry(
            "sparse bigbird_pegasus",
            g,
            "BigBirdPegasus",
            _BART,
            inputs=translation,
            block_size=2,
            num_random_blocks=1,
            end="refused",
            why="the encoder attends block by block",
        ),
        _entry("prophetnet", g, "ProphetNet", _PROPHET, inputs=translation, expected=_after_softmax),
        _entry(
            "whisper",
            g,
            "Whisper",
            _BART,
            inputs=speech,
            num_mel_bins=8,
            max_source_positions=16,
            max_target_positions=64,
        ),
        _entry(
            "led",
            g,
            "LED",
            _BART,
            inputs=translation,
            attention_window=8,
            end="refused",
            why="the encoder's weights are n x (window + 1)",
        ),
    ]


def _senses() -> list[Entry]:
    g = "Images and sound"
    return [
        _entry("vit", g, "ViT", _VISION, inputs=image),
        _entry("deit", g, "DeiT", _VISION, inputs=image),
        _entry("dinov2", g, "Dinov2", _VISION, inputs=image),
        _entry("beit", g, "Beit", _VISION, inputs=image),
        _entry("siglip", g, "SiglipVision", _VISION, inputs=image),
        _entry("clip", g, "CLIPVision", _VISION, inputs=image),
        _entry(
            "swin",
            g,
            "Swin",
            {
                "image_size": 32,
                "patch_size": 2,
                "embed_dim": 16,
                "depths": [2],
                "num_heads": [4],
                "window_size": 4,
            },
            inputs=image,
            end="refused",
            why="attends within windows of the image",
        ),
        _entry(
            "llava",
            g,
            "Llava",
            {
                "vision_config": {**_VISION, "model_type": "clip_vision_model"},
                "text_config": {**_GROUPED, "model_type": "llama"},
                "image_token_index": 190,
                "image_token_id": 190,
            },
            inputs=_with_image(16),
        ),
        _entry(
            "gemma3",
            g,
            "Gemma3",
            {
                "vision_config": {**_VISION, "model_type": "siglip_vision_model"},
                "text_config": {
                    **_GROUPED,
                    "query_pre_attn_scalar": 16,
                    "head_dim": 16,
                    "sliding_window": 8,
                    "layer_types": ["sliding_attention", "full_attention"],
                },
                "mm_tokens_per_image": 4,
                "image_token_id": 190,
                "image_token_index": 190,
            },
            inputs=_with_image(4),
        ),
        _entry(
            "qwen2_vl",
            g,
            "Qwen2VL",
            {
                "vision_config": {
                    "depth": 1,
                    "embed_dim": 32,
                    "hidden_size": 64,
                    "num_heads": 2,
                    "patch_size": 8,
                },
                "text_config": {
                    **_GROUPED,
                    "rope_parameters": {
                        "rope_type": "default",
                        "rope_theta": 10000.0,
                        "mrope_section": [2, 3, 3],
                    },
                },
            },
        ),
        _entry("wav2vec2", g, "Wav2Vec2", _SPEECH, inputs=sound),
        _entry("hubert", g, "Hubert", _SPEECH, inputs=sound),
    ]


def _own_arithmetic() -> list[Entry]:
    g = "Attention of their own"
    return [
        _entry("falcon", g, "Falcon", {**_SIZE, "num_kv_heads": 2, "new_decoder_architecture": True}),
        _entry(
            "falcon with ALiBi",
            g,
            "Falcon",
            _SIZE,
            alibi=True,
            multi_query=False,
            parallel_attn=False,
            bias=True,
            drift=None,
            why="Falcon's eager code adds the linear biases a second time, its SDPA run adds them once.",
        ),
        _entry(
            "gpt_neo",
            g,
            "GPTNeo",
            {**_SIZE, "num_layers": 2, "num_heads": 4},
            attention_types=[[["global", "local"], 1]],
            window_size=8,
        ),
        _entry("gptj", g, "GPTJ", _GPT, rotary_dim=8),
        _entry("codegen", g, "CodeGen", _GPT, rotary_dim=8),
        _entry("bloom", g, "Bloom", _BLOOM),
        _entry(
            "mpt",
            g,
            "Mpt",
            {
                "vocab_size": VOCABULARY,
                "d_model": 64,
                "n_layers": 2,
                "n_heads": 4,
                "expansion_ratio": 2,
                "max_seq_len": 128,
            },
        ),
        _entry("deberta", g, "Deberta", _SIZE, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        _entry("deberta-v2", g, "DebertaV2", _SIZE, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        _entry("mpnet", g, "MPNet", _SIZE),
        _entry("rembert", g, "RemBert", _SIZE, input_embedding_size=32, output_embedding_size=32),
        _entry("roformer", g, "RoFormer", _SIZE, embedding_size=64),
        _entry(
            "xlnet",
            g,
            "XLNet",
            {"vocab_size": VOCABULARY, "d_model": 64, "n_layer": 2, "n_head": 4, "d_inner": 96},
        ),
        _entry("big_bird", g, "BigBird", _SIZE, attention_type="original_full"),
        _entry(
            "sparse big_bird",
            g,
            "BigBird",
            _SIZE,
            block_size=2,
            num_random_blocks=1,
            end="refused",
            why="attends block by block",
        ),
        _entry(
            "xglm", g, "XGLM", {**_SIZE, "d_model": 64, "num_layers": 2, "attention_heads": 4, "ffn_dim": 96}
        ),
        _entry(
            "longformer",
            g,
            "Longformer",
            _SIZE,
            attention_window=8,
            end="refused",
            why="weights are n x (window + 1)",
        ),
    ]


def _none() -> list[Entry]:
    g = "No attention"
    return [
        _entry(
            "mamba",
            g,
            "Mamba",
            {"vocab_size": VOCABULARY, "hidden_size": 64, "num_hidden_layers": 2},
            end="none",
        ),
        _entry(
            "mamba2",
            g,
            "Mamba2",
            {
                "vocab_size": VOCABULARY,
                "hidden_size": 64,
                "num_hidden_layers": 2,
                "num_heads": 8,
                "head_dim": 16,
                "n_groups": 1,
            },
            end="none",
        ),
        _entry(
            "rwkv",
            g,
            "Rwkv",
            {
                "vocab_size": VOCABULARY,
                "hidden_size": 64,
                "attention_hidden_size": 64,
                "num_hidden_layers": 2,
            },
            end="none",
        ),
    ]


ZOO: tuple[Entry, ...] = tuple(
    entry
    for part in (
        _encoders,
        _decoders,
        _grouped,
        _windowed,
        _special,
        _mixtures,
        _hybrids,
        _two_stacks,
        _senses,
        _own_arithmetic,
        _none,
    )
    for entry in part()
)
