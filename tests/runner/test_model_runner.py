"""`ModelRunner` from prompt to record, on real model classes with random weights."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from attnwidget import demo_model
from attnwidget.errors import (
    CancelledError,
    CaptureError,
    EmptyPromptError,
    InputError,
    NoAttentionError,
    PromptTooLongError,
)
from attnwidget.record import AttentionRecord
from attnwidget.runner import ModelRunner
from tests.runner import tiny_models
from tests.runner.test_prompt import HELLO, TEMPLATE
from tests.runner.tiny_models import seeded
from tests.runner.tiny_tokenizers import byte_level, kept

PROMPT = "The cat sat on the mat because it was tired."


def gpt2(**more: Any) -> ModelRunner:
    tokenizer = kept("byte-level")
    return ModelRunner(tiny_models.gpt2(len(tokenizer)), tokenizer, **more)


def eager_attentions(model: Any, **inputs: Any) -> Any:
    """What `output_attentions` returns, of a copy of the model in eager attention."""
    copy = type(model)(type(model.config)(**model.config.to_dict(), attn_implementation="eager"))
    copy.load_state_dict(model.state_dict())
    with torch.no_grad():
        return copy.eval()(**inputs, output_attentions=True)


def assert_weights(record: AttentionRecord, kind: Any, attentions: Any, tolerance: float = 1e-5) -> None:
    assert record.layers(kind) == tuple(range(len(attentions)))
    for layer, expected in enumerate(attentions):
        for head in range(expected.shape[1]):
            difference = record.weights(layer, head, kind) - expected[0, head].numpy()
            assert np.abs(difference).max() < tolerance


# ---------------------------------------------------------------------- the families


def test_a_decoder() -> None:
    runner = gpt2()
    record = runner.run(PROMPT)
    assert record.kinds == ("decoder",)
    assert "".join(token.text for token in record.tokens) == record.prompt == PROMPT
    ids = torch.tensor([[token.id for token in record.tokens]])
    expected = eager_attentions(runner.model, input_ids=ids)
    assert_weights(record, "decoder", expected.attentions)
    assert record.predictions is not None
    assert record.predictions.ids.shape == (len(record.tokens), 10)
    with torch.no_grad():
        best = runner.model(input_ids=ids).logits[0].softmax(-1).topk(10)
    assert np.array_equal(record.predictions.ids, best.indices.numpy())
    assert np.abs(record.predictions.probs - best.values.numpy()).max() < 1e-6
    assert len(record.predictions.labels[0]) == 10
    assert record.fidelity is not None
    assert record.fidelity < 1e-5
    assert not record.exact


def test_a_pair_in_an_encoder_with_segment_ids() -> None:
    tokenizer = kept("wordpiece")
    model = tiny_models.bert(len(tokenizer))
    runner = ModelRunner(model, tokenizer)
    record = runner.run("Where is the cat?", "The cat sat on the mat.")
    assert record.kinds == ("encoder",)
    assert record.predictions is None
    assert (record.prompt, record.context) == ("Where is the cat?", "The cat sat on the mat.")
    assert {token.segment for token in record.tokens} == {0, 1}
    inputs = tokenizer("Where is the cat?", "The cat sat on the mat.", return_tensors="pt")
    assert inputs["token_type_ids"].any()
    assert_weights(record, "encoder", eager_attentions(model, **inputs).attentions)
    # Without segment ids the weights are others, so they were passed on.
    inputs.pop("token_type_ids")
    other = eager_attentions(model, **inputs).attentions[0][0, 0].numpy()
    assert np.abs(record.weights(0, 0) - other).max() > 1e-4


def test_a_masked_language_model_predicts_no_next_token() -> None:
    tokenizer = kept("wordpiece")
    record = ModelRunner(tiny_models.roberta(len(tokenizer)), tokenizer).run("The [MASK] sat")
    assert record.kinds == ("encoder",)
    assert record.predictions is None
    assert record.model.architecture == "RobertaForMaskedLM"


def test_a_model_without_segments_is_given_none() -> None:
    # GPT-2's forward takes token_type_ids and would add the word embedding of id 0 to every position.
    tokenizer = kept("wordpiece")
    model = tiny_models.gpt2(len(tokenizer))
    record = ModelRunner(model, tokenizer).run("The cat", "the mat")
    batch = tokenizer("The cat", "the mat", return_tensors="pt")
    assert "token_type_ids" in batch
    ids = batch["input_ids"]
    assert_weights(record, "decoder", eager_attentions(model, input_ids=ids).attentions)


def test_chat_messages_in_a_grouped_query_model() -> None:
    tokenizer = byte_level()
    tokenizer.chat_template = TEMPLATE
    runner = ModelRunner(tiny_models.llama(len(tokenizer)), tokenizer)
    record = runner.run([HELLO])
    assert record.prompt.startswith("<|bos|>user\nThe cat?")
    assert record.tokens[0].label == "⟨bos⟩"
    assert record.site(0).kv_heads == 2
    assert record.site(0).heads == 4


@pytest.mark.parametrize("make", [tiny_models.t5, tiny_models.bart], ids=["t5", "bart"])
def test_a_target_for_a_decoder(make: Any) -> None:
    tokenizer = kept("unigram")
    model = make(len(tokenizer))
    record = ModelRunner(model, tokenizer).run("The cat sat", target="Paris is")
    assert record.kinds == ("encoder", "decoder", "cross")
    target = tokenizer(text_target="Paris is")["input_ids"]
    start = model.config.decoder_start_token_id
    decoder_ids = [start, *target[:-1]]
    assert [token.id for token in record.streams["decoder"]] == decoder_ids
    assert "".join(token.text for token in record.streams["decoder"][1:]) == "Paris is"
    assert record.streams["decoder"][0].special
    ids = torch.tensor([tokenizer("The cat sat")["input_ids"]])
    expected = eager_attentions(model, input_ids=ids, decoder_input_ids=torch.tensor([decoder_ids]))
    assert_weights(record, "encoder", expected.encoder_attentions)
    assert_weights(record, "decoder", expected.decoder_attentions)
    assert_weights(record, "cross", expected.cross_attentions)
    assert record.predictions is not None
    assert np.array_equal(record.predictions.ids, expected.logits[0].topk(10).indices.numpy())
    assert not any("generated" in note for note in record.notes)


@pytest.mark.parametrize("depths", [(2, 2), (2, 3), (3, 1)])
@pytest.mark.parametrize("make", [tiny_models.t5, tiny_models.bart], ids=["t5", "bart"])
def test_a_decoder_without_a_target_reads_what_it_generates(make: Any, depths: tuple[int, int]) -> None:
    tokenizer = kept("unigram")
    model = make(len(tokenizer), encoder=depths[0], decoder=depths[1])
    record = ModelRunner(model, tokenizer).run("The cat sat")
    read = [token.id for token in record.streams["decoder"]]
    assert read[0] == model.config.decoder_start_token_id
    assert 1 <= len(read) <= 41
    assert record.predictions is not None
    assert list(record.predictions.ids[: len(read) - 1, 0]) == read[1:]
    assert len(read) == 41 or record.predictions.ids[-1, 0] == tokenizer.eos_token_id
    assert any(f"reads {len(read)} tokens" in note and "40 at most" in note for note in record.notes)
    assert record.layers("encoder") == tuple(range(depths[0]))
    assert record.layers("cross") == tuple(range(depths[1]))


def test_a_generation_that_ends_by_itself_does_not_read_its_end() -> None:
    tokenizer = kept("unigram")
    model = tiny_models.bart(len(tokenizer))
    with torch.no_grad():
        model.final_logits_bias[0, tokenizer.eos_token_id] = 100.0
    record = ModelRunner(model, tokenizer).run("The cat sat")
    assert [token.id for token in record.streams["decoder"]] == [model.config.decoder_start_token_id]


def test_a_target_needs_a_decoder_of_its_own() -> None:
    with pytest.raises(InputError, match="GPT2LMHeadModel has no separate decoder"):
        gpt2().run(PROMPT, target="x")


def test_a_model_without_attention() -> None:
    config = transformers.MambaConfig(num_hidden_layers=1, hidden_size=16, vocab_size=50, state_size=4)
    with pytest.raises(NoAttentionError):
        ModelRunner(seeded(transformers.MambaForCausalLM, config)).run([1, 2, 3])


class Plain(nn.Module):
    """A model that is not from transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.attend = nn.ModuleList([Attend() for _ in range(2)])

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        hidden = self.embed(input_ids)
        for layer in self.attend:
            hidden = hidden + layer(hidden)
        return hidden


class Attend(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        batch, length, _ = hidden.shape
        q, k, v = self.project(hidden).view(batch, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.transpose(1, 2).reshape(batch, length, 8)


def test_a_model_that_is_not_from_transformers() -> None:
    torch.manual_seed(0)
    record = ModelRunner(Plain().eval()).run([3, 4, 5, 6])
    assert len(record.layers()) == 2
    assert record.predictions is None
    assert np.allclose(record.weights(0, 1).sum(-1), 1, atol=1e-6)


# ---------------------------------------------------------------------- the embedded model


def test_no_argument_is_the_embedded_model(capfd: pytest.CaptureFixture[str]) -> None:
    runner = ModelRunner()
    record = runner.run(demo_model.EXAMPLE_PROMPT)
    assert runner.info.embedded
    assert runner.info.dtype == "float32"
    assert "".join(token.text for token in record.tokens if not token.special) == demo_model.EXAMPLE_PROMPT
    assert not any(token.label.startswith("##") for token in record.tokens)
    assert record.predictions is not None
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


# ---------------------------------------------------------------------- padding


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("make", [tiny_models.gpt2, tiny_models.bert], ids=["gpt2", "bert"])
def test_padding_never_shows(make: Any, side: str) -> None:
    tokenizer = kept("wordpiece")
    model = make(len(tokenizer))
    batch = tokenizer(
        "The cat sat", padding="max_length", max_length=9, padding_side=side, return_tensors="pt"
    )
    record = ModelRunner(model, tokenizer).run(batch)
    assert [token.label for token in record.tokens] == ["[CLS]", "The", "cat", "sat", "[SEP]"]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    expected = eager_attentions(model, **inputs).attentions[1][0, 1]
    kept_places = batch["attention_mask"][0].bool()
    difference = record.weights(1, 1) - expected[kept_places][:, kept_places].numpy()
    assert np.abs(difference).max() < 1e-5
    if record.predictions is not None:
        assert len(record.predictions.ids) == len(record.predictions.labels) == 5


# ---------------------------------------------------------------------- the model as found


def test_a_loaded_model_is_left_as_it_was_found() -> None:
    tokenizer = kept("byte-level")
    model = tiny_models.gpt2(len(tokenizer), attn_pdrop=0.5, resid_pdrop=0.5)
    model.train()
    model.transformer.h[1].eval()
    modes = {name: module.training for name, module in model.named_modules()}
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    runner = ModelRunner(model, tokenizer)
    first = runner.run(PROMPT)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.config._attn_implementation == "sdpa"
    runner.clear_cache()
    again = runner.run(PROMPT)
    assert again is not first
    assert np.array_equal(first.weights(1, 1), again.weights(1, 1))
    # Dropout was off: a model that never trained sees the same.
    assert np.array_equal(first.weights(1, 1), ModelRunner(model.eval(), tokenizer).run(PROMPT).weights(1, 1))


def test_what_is_generated_knows_no_dropout() -> None:
    tokenizer = kept("unigram")
    model = tiny_models.bart(len(tokenizer))
    calm = ModelRunner(model, tokenizer).run("The cat sat").streams["decoder"]
    model.model.decoder.dropout = 0.9
    model.train()
    for layer in model.model.decoder.layers:
        layer.dropout = 0.9
    runner = ModelRunner(model, tokenizer, cache=0)
    assert runner.run("The cat sat").streams["decoder"] == calm
    assert all(module.training for module in model.modules())


def test_training_goes_on_after_a_run() -> None:
    runner = gpt2()
    runner.run(PROMPT)
    ids = torch.tensor([[3, 4, 5]])
    runner.model(input_ids=ids, labels=ids).loss.backward()
    assert runner.model.transformer.wte.weight.grad is not None


def test_a_model_that_was_trained_on_is_run_anew() -> None:
    runner = gpt2()
    before = runner.run(PROMPT)
    with torch.no_grad():
        runner.model.transformer.h[0].attn.c_attn.weight.mul_(3)
    after = runner.run(PROMPT)
    assert after.id != before.id
    assert not np.array_equal(after.weights(0, 0), before.weights(0, 0))


def test_eager_stays_eager() -> None:
    tokenizer = kept("byte-level")
    model = tiny_models.gpt2(len(tokenizer), attn_implementation="eager")
    record = ModelRunner(model, tokenizer).run(PROMPT)
    assert model.config._attn_implementation == "eager"
    ids = torch.tensor([[token.id for token in record.tokens]])
    assert_weights(record, "decoder", eager_attentions(model, input_ids=ids).attentions)


def test_exact_by_default_or_for_one_run() -> None:
    for record in (gpt2(exact=True).run(PROMPT), gpt2().run(PROMPT, exact=True)):
        assert record.exact
        assert record.predictions is not None
    assert not gpt2(exact=True).run(PROMPT, exact=False).exact


# ---------------------------------------------------------------------- cache and ids


def test_the_same_run_is_the_same_record() -> None:
    runner = gpt2()
    first = runner.run(PROMPT)
    assert runner.run(PROMPT) is first
    assert runner.run(PROMPT, exact=True) is not first
    assert runner.run(PROMPT + " ") is not first
    info = runner.cache_info()
    assert (info.hits, info.misses, info.records) == (1, 3, 3)
    assert info.nbytes > first.nbytes


def test_the_cache_keeps_to_its_budget() -> None:
    size = gpt2().run("a" * 10).nbytes
    runner = gpt2(cache=2 * size)
    first, second = runner.run("a" * 10), runner.run("b" * 10)
    assert runner.run("a" * 10) is first
    runner.run("c" * 10)
    assert runner.run("a" * 10) is first
    assert runner.run("b" * 10) is not second
    assert runner.cache_info().nbytes <= 2 * size


def test_no_cache() -> None:
    runner = gpt2(cache=0)
    assert runner.run(PROMPT) is not runner.run(PROMPT)


def test_a_budget_that_cannot_be_read() -> None:
    with pytest.raises(InputError, match="'a lot' is not a number of bytes"):
        gpt2(cache="a lot")


def test_the_id_names_model_prompt_and_settings() -> None:
    runner = gpt2()
    ids = {
        runner.run(PROMPT).id,
        runner.run(PROMPT, exact=True).id,
        runner.run("The cat").id,
        runner.run([token.id for token in runner.run("The cat").tokens]).id,
    }
    assert len(ids) == 4
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in ids)
    assert gpt2().run(PROMPT).id == runner.run(PROMPT).id


def test_texts_that_read_the_same_are_records_of_their_own() -> None:
    tokenizer = kept("wordpiece, lower case")
    runner = ModelRunner(tiny_models.bert(len(tokenizer)), tokenizer)
    upper, lower = runner.run("THE CAT"), runner.run("the cat")
    assert [token.id for token in upper.tokens] == [token.id for token in lower.tokens]
    assert upper.id != lower.id
    assert upper.prompt == "THE CAT"


# ---------------------------------------------------------------------- threads, progress, cancelling


def test_progress_counts_layers() -> None:
    seen: list[tuple[int, int]] = []
    gpt2().run(PROMPT, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_cancelled_run_leaves_the_runner_usable() -> None:
    runner = gpt2()
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return True

    with pytest.raises(CancelledError):
        runner.run(PROMPT, cancelled=cancelled)
    assert asked
    assert runner.cache_info().records == 0
    assert runner.run(PROMPT, cancelled=lambda: False).layers() == (0, 1)


def test_generation_can_be_cancelled() -> None:
    tokenizer = kept("unigram")
    runner = ModelRunner(tiny_models.t5(len(tokenizer)), tokenizer)
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(len(asked) >= 2)
        return asked[-1]

    steps: list[bool] = []
    handle = runner.model.decoder.register_forward_hook(lambda *_: steps.append(True))
    with pytest.raises(CancelledError):
        runner.run("The cat", cancelled=cancelled)
    handle.remove()
    assert 1 <= len(steps) <= 3
    assert runner.run("The cat").kinds == ("encoder", "decoder", "cross")


def test_a_run_that_waits_can_be_cancelled() -> None:
    runner = gpt2()
    caught: list[Exception] = []

    def wait() -> None:
        try:
            runner.run(PROMPT, cancelled=lambda: True)
        except CancelledError as error:
            caught.append(error)

    with runner.lock:
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(timeout=60)
        assert not waiting.is_alive()
    assert "before it began" in str(caught[0])


def test_an_error_in_progress_reaches_the_caller_and_the_next_run_works() -> None:
    runner = gpt2()

    def broken(done: int, total: int) -> None:
        raise KeyError("mine")

    with pytest.raises((KeyError, CaptureError)):
        runner.run(PROMPT, progress=broken)
    assert runner.run(PROMPT).layers() == (0, 1)


def test_runs_on_several_threads_do_not_mix() -> None:
    runner = gpt2(cache=0)
    prompts = [PROMPT, "The cat", "Paris is the capital", "中国 🙂"]
    alone = {prompt: gpt2(cache=0).run(prompt) for prompt in prompts}
    found: list[tuple[str, AttentionRecord]] = []
    running = []

    def work(prompt: str) -> None:
        def progress(done: int, total: int) -> None:
            running.append(prompt)
            time.sleep(0.001)

        found.append((prompt, runner.run(prompt, progress=progress)))

    threads = [threading.Thread(target=work, args=(prompt,)) for prompt in prompts * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for prompt, record in found:
        assert record.prompt == prompt
        for layer in range(2):
            assert np.array_equal(record.weights(layer, 1), alone[prompt].weights(layer, 1))
    # One at a time: the steps of a run stand together.
    changes = sum(one != two for one, two in pairwise(running))
    assert changes <= 11


def test_two_runners_of_one_model_share_its_lock() -> None:
    tokenizer = kept("byte-level")
    model = tiny_models.gpt2(len(tokenizer))
    assert ModelRunner(model, tokenizer).lock is ModelRunner(model, tokenizer).lock
    assert ModelRunner(model, tokenizer).lock is not gpt2().lock


# ---------------------------------------------------------------------- errors


def test_a_run_that_fails_does_not_spoil_the_next() -> None:
    runner = gpt2()
    for prompt, error in (
        ("", EmptyPromptError),
        ("a" * 100, PromptTooLongError),
        ([10**6], InputError),
        ("half \ud83d", InputError),
    ):
        with pytest.raises(error):
            runner.run(prompt)
    assert runner.run(PROMPT).layers() == (0, 1)


def test_weights_that_are_not_numbers() -> None:
    tokenizer = kept("byte-level")
    model = tiny_models.gpt2(len(tokenizer))
    with torch.no_grad():
        model.transformer.h[1].attn.c_attn.weight[0, 0] = torch.nan
    with pytest.raises(CaptureError):
        ModelRunner(model, tokenizer).run(PROMPT)


def test_predictions_that_are_not_numbers() -> None:
    config = transformers.GPT2Config(
        n_layer=1, n_head=2, n_embd=16, n_positions=64, vocab_size=50, tie_word_embeddings=False
    )
    model = seeded(transformers.GPT2LMHeadModel, config)
    with torch.no_grad():
        model.lm_head.weight[7, 0] = torch.nan
    with pytest.raises(CaptureError, match="predictions are not numbers"):
        ModelRunner(model).run([1, 2, 3])


def test_a_forward_pass_that_fails_is_named() -> None:
    class Broken(transformers.GPT2LMHeadModel):
        def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
            raise ValueError("it needs pixel_values")

    model = Broken(transformers.GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50))
    with pytest.raises(
        CaptureError, match="forward pass of Broken failed: ValueError: it needs pixel_values"
    ):
        ModelRunner(model).run([1, 2, 3])


def test_the_package_is_imported_without_torch() -> None:
    code = "import sys, attnwidget.runner; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False"]
