"""Long prompts through a runner: chunks of which size, the same record, a bar that says how far they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import transformers

from attnwidget.capture.steps import Step
from attnwidget.errors import CancelledError, InputError, PromptTooLongError
from attnwidget.runner import ModelRunner, chunks
from attnwidget.runner.bar import Bar
from attnwidget.runner.chunks import check_chunk, chunk_for
from tests.runner import tiny_models
from tests.runner.tiny_models import seeded

IDS = [int(index) for index in np.random.default_rng(0).integers(5, 290, 50)]


def runner(model: Any = None, **more: Any) -> ModelRunner:
    return ModelRunner(tiny_models.llama(300) if model is None else model, **more)


def test_a_prompt_in_chunks_gives_the_record_of_one_piece() -> None:
    model = tiny_models.llama(300)
    one = runner(model, chunk=0).run(IDS)
    for chunk in (7, 49):
        record = runner(model, chunk=chunk).run(IDS)
        assert any(note.startswith(f"The prompt ran in {-(-50 // chunk)} chunks") for note in record.notes)
        assert record.id == one.id
        assert record.nbytes == one.nbytes
        for site in record.sites:
            expected = one.site(site.layer).weights()
            assert np.abs(site.weights() - expected).max() < 1e-5
        assert record.predictions is not None
        assert one.predictions is not None
        assert np.array_equal(record.predictions.ids, one.predictions.ids)
        assert np.abs(record.predictions.probs - one.predictions.probs).max() < 1e-5


def test_chunks_begin_by_themselves_and_are_planned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ONE_PIECE", 40)
    monkeypatch.setattr(chunks, "_WORKING", 1000)
    monkeypatch.setitem(chunks._MOST, "cpu", 32)
    model = tiny_models.llama(300)
    long = runner(model)
    assert long.plan(IDS).working < runner(model, chunk=0).plan(IDS).working
    assert any("chunks of up to 32 tokens" in note for note in long.run(IDS).notes)
    assert not any("chunk" in note for note in long.run(IDS[:40]).notes)
    assert not any("chunk" in note for note in long.run(IDS, exact=True).notes)
    encoder = runner(tiny_models.bert(300), chunk=7)
    assert any("in one piece, not in chunks: the model returns no cache" in n for n in encoder.run(IDS).notes)


def test_sizes() -> None:
    model, little, plenty = tiny_models.llama(300), 2 * 10**6, 10**12

    def chosen(model: Any, device: str, free: int | None, *tokens: int) -> list[int | None]:
        return [chunk_for(model, count, None, device, free) for count in tokens]

    assert chosen(model, "cpu", little, 4096, 4097, 32768, 131072, 10**8) == [None, 1024, 1024, 256, 32]
    assert chosen(model, "cuda", little, 4097, 32768, 131072) == [4096, 4096, 1024]
    # One piece is faster while there is room; never for more than 4 GB.
    assert chosen(model, "cpu", plenty, 4097, 32768, 10**8) == [None, None, 32]
    assert chosen(model, "cpu", None, 32768, 10**8) == [None, 32]
    assert [chunk_for(model, 50, asked, "cpu", little) for asked in (0, 7, 50, 60)] == [None, 7, None, None]
    small = {"hidden_size": 64, "vocab_size": 50, "num_hidden_layers": 2, "intermediate_size": 64}
    mistral = transformers.MistralConfig(**small, sliding_window=8192)
    windows = seeded(transformers.MistralForCausalLM, mistral)
    assert chosen(windows, "cpu", plenty, 8192, 8193) == [None, 1024]
    qwen = transformers.Qwen2Config(**small, sliding_window=8192, use_sliding_window=False)
    assert chosen(seeded(transformers.Qwen2ForCausalLM, qwen), "cpu", plenty, 8193) == [None]
    config = transformers.LlamaConfig(**small, num_attention_heads=64)
    config._attn_implementation = "eager"
    eager = seeded(transformers.LlamaForCausalLM, config)
    # 64 heads x chunk x 32,768 weights are 1 GB in three copies.
    assert chosen(eager, "cpu", plenty, 900, 2048, 32768) == [None, 512, 32]
    for wrong in (-1, 2.5, "all", True):
        with pytest.raises(InputError, match="not how many tokens"):
            check_chunk(wrong)


def test_cancelled_in_a_chunk_leaves_nothing_and_the_next_run_works() -> None:
    model = tiny_models.llama(300)
    long = runner(model, chunk=7)
    good = long.run(IDS[:20])
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    heard: list[int] = []
    with pytest.raises(CancelledError):
        long.run(IDS, progress=lambda done, total: heard.append(done), cancelled=lambda: len(heard) == 9)
    assert len(heard) == 9
    assert hooks == [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert long.run(IDS[:20]) is good
    assert len(long.run(IDS).tokens) == 50


def test_a_bar_shows_steps_and_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    runner(chunk=7).run(IDS, progress=True)
    said = capsys.readouterr().err
    assert "50 tokens, keeps 11.2 kB in memory: 100%" in said
    assert "layer 2 of 2, chunk 8 of 8" in said
    with pytest.raises(PromptTooLongError):
        runner(chunk=7).run(IDS * 20, progress=True)
    assert capsys.readouterr().err == ""


def test_a_bar_follows_what_it_is_told() -> None:
    made: list[dict[str, Any]] = []

    class Drawn:
        def __init__(self, **options: Any) -> None:
            self.n, self.total, self.said, self.closed = 0, options["total"], "", False
            made.append(options | {"bar": self})

        def update(self, by: int) -> None:
            self.n += by

        def set_postfix_str(self, said: str, refresh: bool) -> None:
            self.said = said if not refresh else "drawn twice"

        def close(self) -> None:
            self.closed = True

    bar = Bar(Drawn)
    bar.close()
    assert made == []
    bar(1, 4)
    bar.step(Step(done=3, total=4, layer=1, layers=2, chunk=2, chunks=2, left=41.0))
    bar.close()
    (drawn,) = (options["bar"] for options in made)
    assert (drawn.n, drawn.total, drawn.closed) == (3, 4, True)
    assert drawn.said == "layer 1 of 2, chunk 2 of 2, about 40 s left"
