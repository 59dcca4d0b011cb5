"""How long a prompt may be, ids that do not fit, memory that runs out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from attnwidget.errors import InputError, PromptTooLongError, TokenizerMismatchError
from attnwidget.runner import ModelRunner
from attnwidget.runner.limits import (
    bytes_needed,
    embedding_rows,
    is_out_of_memory,
    out_of_memory,
    position_limit,
)
from attnwidget.runner.needs import working_bytes
from tests.runner import tiny_models
from tests.runner.tiny_models import seeded
from tests.runner.tiny_tokenizers import kept, unigram

ROOT = Path(__file__).resolve().parents[2]


def opt() -> Any:
    config = transformers.OPTConfig(
        num_hidden_layers=1,
        num_attention_heads=2,
        hidden_size=16,
        ffn_dim=32,
        word_embed_proj_dim=16,
        max_position_embeddings=40,
        vocab_size=50,
    )
    return seeded(transformers.OPTForCausalLM, config)


def bloom() -> Any:
    return seeded(
        transformers.BloomForCausalLM,
        transformers.BloomConfig(n_layer=1, n_head=2, hidden_size=16, vocab_size=50),
    )


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        (tiny_models.gpt2(50, positions=33), 33),
        (tiny_models.bert(50, positions=33), 33),
        (tiny_models.roberta(50, positions=66), 64),
        (opt(), 40),
        (tiny_models.llama(50, positions=77), 77),
        (bloom(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_limit_is_what_the_model_can_really_take(model: Any, limit: int | None) -> None:
    assert position_limit(model, None, "decoder") == limit
    ids = torch.full((1, limit or 100), 5)
    with torch.no_grad():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
        if limit is not None and not isinstance(model, transformers.LlamaForCausalLM):
            longer = torch.full((1, limit + 1), 5)
            with pytest.raises((IndexError, RuntimeError)):
                model(input_ids=longer, attention_mask=torch.ones_like(longer))


def test_encoder_and_decoder_have_limits_of_their_own() -> None:
    model = tiny_models.bart(50, positions=30)
    assert position_limit(model, None, "encoder") == position_limit(model, None, "decoder") == 30


def test_a_model_without_a_limit_takes_that_of_its_tokenizer() -> None:
    tokenizer = unigram()
    assert position_limit(tiny_models.t5(len(tokenizer)), tokenizer, "encoder") is None
    tokenizer.model_max_length = 8
    assert position_limit(tiny_models.t5(len(tokenizer)), tokenizer, "encoder") == 8
    assert position_limit(tiny_models.gpt2(50), tokenizer, "decoder") == 64


@pytest.mark.parametrize("make", [tiny_models.gpt2, tiny_models.llama])
def test_a_long_prompt_is_refused_and_the_numbers_are_said(make: Any) -> None:
    tokenizer = kept("byte-level")
    runner = ModelRunner(make(len(tokenizer), positions=16), tokenizer)
    assert len(runner.run("a" * 16).tokens) == 16
    with pytest.raises(
        PromptTooLongError,
        match=r"The prompt has 20 tokens and the model takes 16: 4 too many. Shorten it by 4",
    ):
        runner.run("a" * 20)


def test_a_long_target_is_refused_too() -> None:
    tokenizer = kept("unigram")
    runner = ModelRunner(tiny_models.bart(len(tokenizer), positions=16), tokenizer)
    with pytest.raises(PromptTooLongError, match=r"The target has .* the model takes 16"):
        runner.run("The cat", target="a b c d e f g h i j k l m n o p")


def test_a_tokenizer_of_another_model_is_told_before_the_run() -> None:
    tokenizer = kept("byte-level")
    runner = ModelRunner(tiny_models.gpt2(100), tokenizer)
    with pytest.raises(TokenizerMismatchError) as caught:
        runner.run("The cat")
    assert f"The tokenizer has {len(tokenizer)} tokens" in caught.value.what
    assert "the model has only 100" in caught.value.what


def test_ids_that_the_model_does_not_have() -> None:
    with pytest.raises(
        InputError, match=r"holds the id 100, and the model has 100 tokens. Give ids from 0 to 99"
    ):
        ModelRunner(tiny_models.gpt2(100)).run([1, 100])


def test_embedding_rows_of_both_sides() -> None:
    model = tiny_models.t5(123)
    assert embedding_rows(model, "encoder") == embedding_rows(model, "decoder") == 123


def test_which_errors_mean_memory() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ..."))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to ..."))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_advice_is_what_would_fit() -> None:
    model = tiny_models.llama(50)
    error = out_of_memory(model, 1000, int(bytes_needed(model, 100) / 0.8) + 1)
    assert "1,000 tokens" in error.what
    assert error.todo.startswith("About 100 tokens would fit")
    assert "Try a shorter prompt" in out_of_memory(model, 50, None).todo


def test_what_a_run_needs_grows_with_tokens_vocabulary_and_dtype() -> None:
    model = tiny_models.llama(50)
    assert bytes_needed(model, 200) == 2 * bytes_needed(model, 100)
    assert bytes_needed(model, 100) < bytes_needed(tiny_models.llama(5000), 100)
    # Norms, and predictions while they are ranked, are in single precision whatever the model is.
    single = 4 * 100 * (2 * 4 + 3 * 50)
    halved = bytes_needed(tiny_models.llama(50).to(torch.bfloat16), 100) - single
    assert halved == (bytes_needed(model, 100) - single) / 2


def test_the_queries_and_keys_that_a_record_keeps_are_counted_right() -> None:
    model = tiny_models.llama(50)
    record = ModelRunner(model).run(list(range(40)))
    config = model.config
    kept = 2 * (config.num_attention_heads + config.num_key_value_heads) * 4 * 40 * 4
    norms = 2 * config.num_attention_heads * 40 * 4
    assert sum(site.nbytes for site in record.sites) == kept + norms
    assert bytes_needed(model, 40) == kept + norms + working_bytes(model, 40)


STARVED = """
import json, resource, sys, torch
from attnwidget.errors import OutOfMemoryError
from attnwidget.runner import ModelRunner
from attnwidget.runner.budget import Plan
from tests.runner import tiny_models

torch.set_num_threads(1)
runner = ModelRunner(tiny_models.llama(50_000, positions=100_000))
runner.run([1, 2, 3])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, resource.RLIM_INFINITY))
def refused():
    try:
        runner.run([5] * 4_000)
    except OutOfMemoryError as error:
        return [error.what, error.todo]

before = refused()
Plan.demand = lambda self: None
during = refused()
short = runner.run([7, 8, 9, 10])
json.dump([before, during, len(short.tokens), short.predictions.ids.shape], sys.stdout)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does"
)
def test_memory_really_runs_out_and_the_runner_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARVED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, during, tokens, shape = json.loads(done.stdout)
    assert before[0].startswith("4,000 tokens need ")
    assert during[0].startswith("Memory ran out in a run of 4,000 tokens: it needs about ")
    for what, todo in (before, during):
        assert " MB " in what
        assert "free" in what
        assert "tokens would fit" in todo
    assert (tokens, shape) == (4, [4, 10])
