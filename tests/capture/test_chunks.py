"""A run in chunks: the same record as one piece, the same model afterwards, or one piece and a reason."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from torch import nn

from attnwidget.capture import Captured, chunked, run_with_capture, stitch
from attnwidget.capture.kv import RoomyLayer, roomy, shared_room
from attnwidget.capture.rules import NotInChunks, rule_of
from attnwidget.capture.steps import Step, Work, time_text
from attnwidget.capture.store import Store
from attnwidget.errors import CancelledError, CaptureError
from attnwidget.record.qk import QKSite
from tests.capture.families import FAMILIES, PROMPT, Family
from tests.capture.test_run import family, state_of

_IN_CHUNKS = ("GPT-2", "Llama", "Qwen2", "Qwen3", "Gemma 2", "Mistral", "DeepSeek-V3", "gpt-oss", "Falcon")
_REASONS = {
    "BERT": "the model has no cache",
    "T5": "only decoders",
    "Jamba": "passes states",
    "Bloom": "not seen as queries and keys",
    "Falcon, ALiBi": "heads have masks of their own",
}
_FACTS = (
    "kind",
    "layer",
    "name",
    "route",
    "heads",
    "kv_heads",
    "queries",
    "keys",
    "rotary",
    "has_sinks",
    "scaling",
    "softcap",
    "window",
    "causal",
    "rounded",
)
_IDS = torch.arange(5, 45)[None]


def in_chunks(captured: Captured) -> bool:
    return any(note.startswith("The prompt ran in ") and "chunks of" in note for note in captured.notes)


def largest_gap(one: Captured, other: Captured) -> float:
    """Compare two captures of one run: what they say of their sites, and all of their numbers."""
    worst = 0.0
    for a, b in zip(one.sites, other.sites, strict=True):
        assert isinstance(a, QKSite)
        assert isinstance(b, QKSite)
        for name in _FACTS:
            assert getattr(a, name) == getattr(b, name), (a.name, name)
        assert b.visibility.mask is None
        worst = max(worst, float(np.abs(a.weights() - b.weights()).max()))
        worst = max(worst, *(float((x - y).abs().max()) / 10 for x, y in ((a.q, b.q), (a.k, b.k))))
        assert (a.value_norms is None) == (b.value_norms is None)
        if a.value_norms is not None and b.value_norms is not None:
            worst = max(worst, float(np.abs(a.value_norms - b.value_norms).max() / a.value_norms.max()))
    return worst


@pytest.mark.parametrize("name", _IN_CHUNKS)
def test_the_record_is_that_of_one_piece(name: str) -> None:
    chosen = family(name)
    model, inputs = chosen.build(), chosen.inputs()
    before = state_of(model)
    logits: list[torch.Tensor] = []
    places: list[int] = []

    def heard(output: Any, first: int) -> None:
        places.append(first)
        logits.append(output.logits)

    one = run_with_capture(model, inputs, on_chunk=heard)
    assert (one.chunks, logits) == (1, [])
    whole = one.output.logits
    # An odd remainder, a last chunk of one token, a chunk larger than windows, one larger than the prompt.
    for chunk in (7, PROMPT - 1, 20, PROMPT + 1):
        logits.clear()
        places.clear()
        other = run_with_capture(model, inputs, chunk=chunk, on_chunk=heard)
        assert in_chunks(other) == (chunk < PROMPT)
        assert other.chunks == max(1, len(places))
        if chunk > PROMPT:
            heard(other.output, 0)
        else:
            assert places == list(range(0, PROMPT, chunk))
        assert largest_gap(one, other) < 3e-5
        assert float((torch.cat(logits, 1) - whole).abs().max()) < 1e-4
        assert all(site.fidelity is not None and site.fidelity < 1e-5 for site in other.sites)
    assert state_of(model) == before


@pytest.mark.parametrize("name", _REASONS)
def test_elsewhere_it_runs_in_one_piece_and_says_why(name: str) -> None:
    chosen = family(name)
    captured = run_with_capture(chosen.build(), chosen.inputs(), chunk=7)
    assert not in_chunks(captured)
    (note,) = (note for note in captured.notes if "in one piece, not in chunks" in note)
    assert _REASONS[name] in note
    store = Store()
    run_with_capture(chosen.build(), chosen.inputs(), chunk=7, store=store)
    assert store.nbytes == sum(site.nbytes for site in captured.sites if isinstance(site, QKSite)) - sum(
        site.value_norms.nbytes
        for site in captured.sites
        if isinstance(site, QKSite) and site.value_norms is not None
    )


def test_exact_runs_and_padded_prompts_are_not_cut() -> None:
    chosen = family("GPT-2")
    model, inputs = chosen.build(), chosen.inputs()
    assert not in_chunks(run_with_capture(model, inputs, chunk=7, exact=True))
    flags = np.arange(PROMPT) > 3
    inputs["attention_mask"][:, :4] = 0
    padded = run_with_capture(model, inputs, chunk=7, keep={"decoder": flags})
    assert any("it is padded" in note for note in padded.notes)
    assert {site.queries for site in padded.sites} == {PROMPT - 4}


def test_a_model_that_does_not_go_on_from_its_cache_is_found_out() -> None:
    class Forgetful(hf.GPT2LMHeadModel):  # type: ignore[no-untyped-call]
        def forward(
            self, *args: Any, past_key_values: Any = None, use_cache: bool = True, **more: Any
        ) -> Any:
            output = super().forward(*args, past_key_values=past_key_values, use_cache=use_cache, **more)
            past = 0 if past_key_values is None else past_key_values.get_seq_length()
            output.logits = output.logits * (1 + (past > more["input_ids"].shape[1]))
            return output

    model = Forgetful(hf.GPT2Config(n_layer=1, n_head=2, n_embd=16, n_positions=64, vocab_size=300))
    captured = run_with_capture(model, {"input_ids": _IDS}, chunk=7)
    assert any("does not go on from its cache as if" in note for note in captured.notes)


def test_positions_that_depend_on_the_length_are_not_cut() -> None:
    def config(positions: int) -> Any:
        return hf.LlamaConfig(
            vocab_size=199,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=positions,
            rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
        )

    for positions, cut in ((64, True), (16, False)):
        model = hf.LlamaForCausalLM(config(positions))
        assert in_chunks(run_with_capture(model, {"input_ids": _IDS}, chunk=7)) == cut


@pytest.mark.parametrize("at", [1, 9, 14])
def test_cancelled_in_the_middle_of_a_chunk(at: int) -> None:
    chosen = family("Mistral")
    model, inputs = chosen.build(), chosen.inputs()
    run_with_capture(model, inputs, chunk=7)
    before, heard = state_of(model), []
    with pytest.raises(CancelledError):
        run_with_capture(
            model,
            inputs,
            chunk=7,
            progress=lambda done, total: heard.append(done),
            cancelled=lambda: len(heard) == at,
        )
    # Within a layer.
    assert len(heard) == at
    assert state_of(model) == before


def test_values_that_are_not_numbers_are_said_from_the_chunk_where_they_appear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunked, "_PROBE", 12)
    monkeypatch.setattr(chunked, "_FIRST", 7)
    chosen = family("GPT-2")
    model, inputs = chosen.build(), chosen.inputs()
    heard: list[int] = []
    with torch.no_grad():
        model.transformer.wpe.weight[20] = torch.nan
    with pytest.raises(CaptureError, match="NaN or infinite"):
        run_with_capture(model, inputs, chunk=7, progress=lambda done, total: heard.append(done))
    assert len(heard) == 2 * 4


class TestStoring:
    """Keys are held once, queries as the store likes."""

    def test_full_layers_share_the_models_cache_and_windows_are_copied(self) -> None:
        chosen = family("Gemma 2")
        store = Store()
        captured = run_with_capture(chosen.build(), chosen.inputs(), chunk=7, store=store)
        held = sum(site.q.nbytes + site.k.nbytes for site in captured.sites if isinstance(site, QKSite))
        assert store.nbytes == held
        assert captured.output.past_key_values is None

    def test_disk_and_half_precision(self, tmp_path: Any) -> None:
        chosen = family("Qwen2")
        model, inputs = chosen.build(), chosen.inputs()
        one = run_with_capture(model, inputs)
        disk = run_with_capture(model, inputs, chunk=7, store=Store(tmp_path))
        assert largest_gap(one, disk) < 3e-5
        assert all(site.place == "disk" for site in disk.sites)
        half = run_with_capture(model, inputs, chunk=7, store=Store(dtype=torch.float16))
        (note,) = (note for note in half.notes if "kept in float16" in note)
        assert "weights differ from the run's by up to" in note
        for a, b in zip(one.sites, half.sites, strict=True):
            assert isinstance(b, QKSite)
            assert (b.q.dtype, b.k.dtype) == (torch.float16, torch.float16)
            assert 0 < float(np.abs(a.weights() - b.weights()).max()) < 1e-2

    def test_rooms_are_views_of_one_tensor(self) -> None:
        layer = RoomyLayer(10)
        parts = [torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)]
        for part in parts:
            keys, values = layer.update(part, part + 1)
        assert torch.equal(keys, torch.cat(parts, 2))
        assert torch.equal(values, torch.cat(parts, 2) + 1)
        assert layer.get_seq_length() == 10
        assert layer.get_mask_sizes(3) == (13, 0)
        room = shared_room([object(), layer], keys)
        assert room is not None
        assert room.shape == (2, 10, 4)
        assert room.data_ptr() == keys.data_ptr()
        assert shared_room([layer], keys.clone()) is None
        assert shared_room([layer], keys[:, :1]) is None
        assert roomy(object(), 4) is None


class TestRules:
    """Masks of one chunk."""

    @staticmethod
    def mask(queries: int, keys: int, past: int, window: int | None = None) -> torch.Tensor:
        rows, first = torch.arange(past, past + queries)[:, None], past + queries - keys
        columns = torch.arange(first, first + keys)[None]
        seen = columns <= rows
        return (seen if window is None else seen & (columns > rows - window))[None, None]

    def test_what_they_show(self) -> None:
        assert rule_of(None, True, 5, 5, 0) is None
        assert rule_of(None, False, 1, 9, 8) is None
        assert rule_of(None, False, 1, 4, 8) == 4
        assert rule_of(self.mask(3, 9, 6), False, 3, 9, 6) is None
        assert rule_of(self.mask(3, 9, 6, 4), False, 3, 9, 6) == 4
        assert rule_of(self.mask(3, 6, 6, 4), False, 3, 6, 6) == 4
        added = torch.zeros(1, 4, 3, 6).masked_fill(~self.mask(3, 6, 6, 4), torch.finfo(torch.float32).min)
        assert rule_of(added, False, 3, 6, 6) == 4

    @pytest.mark.parametrize(
        ("mask", "causal", "keys", "why"),
        [
            (None, False, 9, "later tokens"),
            (None, True, 9, "leaves earlier keys out"),
            (None, False, 12, "more keys"),
            (torch.ones(1, 1, 3, 9, dtype=torch.bool), False, 9, "not simply causal"),
            (torch.ones(1, 1, 3, 9, dtype=torch.bool), True, 9, "on top of"),
            (torch.linspace(-1, 0, 9).expand(1, 1, 3, 9), False, 9, "position bias"),
            (torch.eye(9, dtype=torch.bool)[None, None, :3], False, 9, "not simply causal"),
        ],
    )
    def test_what_is_no_rule(self, mask: Any, causal: bool, keys: int, why: str) -> None:
        with pytest.raises(NotInChunks, match=why):
            rule_of(mask, causal, 3, keys, 6)

    def test_one_wrong_cell_and_keys_that_are_gone(self) -> None:
        for place in ((0, 0), (1, 5), (2, 8)):
            wrong = self.mask(3, 9, 6, 4)
            wrong[0, 0][place] ^= True
            with pytest.raises(NotInChunks):
                rule_of(wrong, False, 3, 9, 6)
        with pytest.raises(NotInChunks, match="drops keys"):
            rule_of(self.mask(3, 5, 6, 4), False, 3, 5, 6)
        heads = torch.cat([self.mask(3, 9, 6), self.mask(3, 9, 6, 4)], 1)
        with pytest.raises(NotInChunks, match="of their own"):
            rule_of(heads, False, 3, 9, 6)


class TestWork:
    """How far a run is."""

    def test_time_left_is_fitted_to_what_layers_cost(self) -> None:
        now, told = [0.0], []
        chunks, layers = (100, 100, 100, 50), 3

        class Heard:
            def __call__(self, done: int, total: int) -> None:
                raise AssertionError("a step is told once, in full")

            def step(self, step: Step) -> None:
                told.append((step, now[0]))

        work = Work(chunks, layers, Heard(), clock=lambda: now[0])
        for chunk, tokens in enumerate(chunks):
            work.begin(chunk)
            for layer in range(layers):
                now[0] += 0.004 * tokens + 0.0001 * tokens * sum(chunks[: chunk + 1])
                now[0] += 30 * (chunk == layer == 0)  # a slow start tells nothing
                work.did(layer + 1)
        total = now[0]
        assert [step.done for step, _ in told] == sorted({step.done for step, _ in told})
        assert told[-1][0].done == told[-1][0].total
        assert told[-1][0].left == 0
        assert told[-1][0].text == "layer 3 of 3, chunk 4 of 4"
        # From the second chunk on the two costs are told apart, and the estimate is exact.
        for step, at in told[4:]:
            assert step.left == pytest.approx(total - at, abs=1e-6)
        assert told[7][0].text == f"layer 2 of 3, chunk 3 of 4, {time_text(total - told[7][1])} left"
        assert told[0][0].left is None
        assert told[1][0].left is not None
        assert 0.3 < told[1][0].left / (total - told[1][1]) < 3

    def test_one_piece_counts_layers(self) -> None:
        told: list[tuple[int, int]] = []
        work = Work((40,), 3, lambda done, total: told.append((done, total)))
        for layer in range(3):
            work.did(layer + 1)
        assert told == [(1, 3), (2, 3), (3, 3)]

    def test_next_tokens_come_last(self) -> None:
        assert Step(done=4, total=4, layer=4, layers=4, predicted=0.254).text == "next tokens, 25 %"

    def test_durations_are_readable(self) -> None:
        said = [time_text(seconds) for seconds in (0.2, 4.4, 12, 41, 200)]
        assert said == ["about 1 s", "about 4 s", "about 10 s", "about 40 s", "about 3 min"]


def test_what_was_stitched_is_let_go_before_the_run_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    class Observed(Store):
        """Knows whether what it handed out is still held."""

        def __init__(self) -> None:
            super().__init__()
            self.first: weakref.ref[torch.Tensor] | None = None
            self.held: list[bool] = []

        def empty(self, *given: Any, **named: Any) -> torch.Tensor:
            made = super().empty(*given, **named)
            self.first = self.first or weakref.ref(made)
            return made

        def keep(self, *given: Any, **named: Any) -> torch.Tensor:
            self.held.append(self.first is not None and self.first() is not None)
            self.first = None
            return super().keep(*given, **named)

    chosen, store = family("Qwen2"), Observed()
    model = chosen.build()

    def changes(*_: object) -> None:
        raise NotInChunks("its keys change afterwards")

    monkeypatch.setattr(stitch.Part, "follows", lambda part, window, length: length < 20 or changes())
    captured = run_with_capture(model, chosen.inputs(), chunk=7, store=store)
    assert any("its keys change afterwards" in note for note in captured.notes)
    assert len(store.held) == 2 * len(captured.sites)
    assert store.held[0] is False


@pytest.mark.parametrize("name", ["Qwen2", "gpt-oss"])
def test_half_precision_runs_in_chunks(name: str) -> None:
    chosen = family(name)
    model = chosen.build().to(torch.bfloat16)
    captured = run_with_capture(model, chosen.inputs(), chunk=13)
    assert in_chunks(captured)
    assert any("runs in bfloat16" in note for note in captured.notes)
    for site in captured.sites:
        assert isinstance(site, QKSite)
        assert (site.q.dtype, site.k.dtype) == (torch.bfloat16, torch.bfloat16)
        assert site.fidelity is not None
        assert 0 < site.fidelity < 3e-2


def test_a_model_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = family("GPT-2").build()
    tried: list[nn.Module] = []
    probe = chunked._probe

    def counted(tried_model: nn.Module, inputs: Any) -> Any:
        tried.append(tried_model)
        return probe(tried_model, inputs)

    monkeypatch.setattr(chunked, "_probe", counted)
    for _ in range(2):
        run_with_capture(model, {"input_ids": _IDS}, chunk=7)
    assert tried == [model]


def test_every_family_is_in_one_of_the_lists_or_has_two_stacks() -> None:
    rest = {f.name for f in FAMILIES} - {*_IN_CHUNKS, *_REASONS}
    known: dict[str, Family] = {f.name: f for f in FAMILIES}
    assert {name for name in rest if "decoder" in known[name].layers} <= {"GPT-J", "BART"}
