"""Small models of true classes with random weights, and folders that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

torch.set_num_threads(1)


def seeded(model_class: Any, config: Any) -> PreTrainedModel:
    """A model whose random weights are the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model_class(config).eval()


def gpt2(vocabulary: int, positions: int = 64, **more: Any) -> PreTrainedModel:
    config = transformers.GPT2Config(
        n_layer=2,
        n_head=2,
        n_embd=16,
        n_positions=positions,
        vocab_size=vocabulary,
        bos_token_id=0,
        eos_token_id=1,
        **more,
    )
    return seeded(transformers.GPT2LMHeadModel, config)


def bert(vocabulary: int, positions: int = 64, model_class: Any = transformers.BertModel) -> PreTrainedModel:
    config = transformers.BertConfig(
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_size=16,
        intermediate_size=32,
        max_position_embeddings=positions,
        vocab_size=vocabulary,
    )
    return seeded(model_class, config)


def roberta(vocabulary: int, positions: int = 66) -> PreTrainedModel:
    config = transformers.RobertaConfig(
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_size=16,
        intermediate_size=32,
        max_position_embeddings=positions,
        type_vocab_size=1,
        vocab_size=vocabulary,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    return seeded(transformers.RobertaForMaskedLM, config)


def llama(vocabulary: int, positions: int = 512, **more: Any) -> PreTrainedModel:
    config = transformers.LlamaConfig(
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        hidden_size=16,
        intermediate_size=32,
        max_position_embeddings=positions,
        vocab_size=vocabulary,
        bos_token_id=0,
        eos_token_id=1,
        **more,
    )
    return seeded(transformers.LlamaForCausalLM, config)


def t5(vocabulary: int, encoder: int = 2, decoder: int = 3) -> PreTrainedModel:
    config = transformers.T5Config(
        num_layers=encoder,
        num_decoder_layers=decoder,
        num_heads=2,
        d_model=16,
        d_kv=8,
        d_ff=32,
        vocab_size=vocabulary,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )
    return seeded(transformers.T5ForConditionalGeneration, config)


def bart(vocabulary: int, positions: int = 64, encoder: int = 2, decoder: int = 2) -> PreTrainedModel:
    config = transformers.BartConfig(
        encoder_layers=encoder,
        decoder_layers=decoder,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        d_model=16,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=positions,
        vocab_size=vocabulary,
        decoder_start_token_id=1,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=0,
        forced_eos_token_id=None,
    )
    return seeded(transformers.BartForConditionalGeneration, config)


def saved(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None = None) -> Path:
    """Write a model, and its tokenizer, as a folder that `from_pretrained` reads."""
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder
