"""One run: what it must leave as it was, what it reports on the way, and what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from transformers import AttentionInterface

from attnwidget.capture import run_with_capture
from attnwidget.capture.store import Store
from attnwidget.capture.structure import Structure
from attnwidget.capture.tape import ACTIVE, Tape
from attnwidget.errors import CancelledError, CaptureError, NoAttentionError, OutOfMemoryError
from tests.capture.families import FAMILIES, Family, eager_weights, largest_difference

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks_always_called",
)


def family(name: str) -> Family:
    return next(f for f in FAMILIES if f.name == name)


def state_of(model: nn.Module) -> dict[str, Any]:
    """Everything that a capture could leave changed."""
    found: dict[str, Any] = {
        "interface": dict(vars(AttentionInterface)),
        "registry": dict(AttentionInterface._global_mapping),
        "modes": list(_get_current_function_mode_stack()),
        "tape": ACTIVE.get(),
        "gradients": torch.is_grad_enabled(),
    }
    for name, module in model.named_modules():
        found[f"{name}.training"] = module.training
        found[f"{name}.forward"] = module.__dict__.get("forward")
        for hooks in _HOOKS:
            found[f"{name}.{hooks}"] = list(getattr(module, hooks).items())
        config = getattr(module, "config", None)
        if config is not None:
            found[f"{name}.implementation"] = config._attn_implementation_internal
            found[f"{name}.config"] = config.to_dict()
    return found


@pytest.fixture(params=["GPT-2", "Falcon", "Bloom", "T5", "Jamba"])
def built(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Tensor]]:
    chosen = family(request.param)
    model, inputs = chosen.build(), chosen.inputs()
    with torch.no_grad():
        model(**inputs)  # transformers installs hooks of its own at the first call
    return model, inputs


@pytest.mark.parametrize("exact", [False, True])
def test_the_model_is_as_it_was_after_success(built: tuple[Any, dict[str, Tensor]], exact: bool) -> None:
    model, inputs = built
    before = state_of(model)
    run_with_capture(model, inputs, exact=exact)
    assert state_of(model) == before


@pytest.mark.parametrize("exact", [False, True])
def test_the_model_is_as_it_was_after_an_exception(built: tuple[Any, dict[str, Tensor]], exact: bool) -> None:
    model, inputs = built
    model.train()
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]

    def fail(*_: object) -> None:
        raise ZeroDivisionError("in the forward")

    handle = last.register_forward_hook(fail)
    before = state_of(model)
    with pytest.raises(ZeroDivisionError):
        run_with_capture(model, inputs, exact=exact)
    assert state_of(model) == before
    handle.remove()
    model.eval()
    assert run_with_capture(model, inputs, exact=exact).sites


def test_training_mode_is_switched_off_and_said() -> None:
    chosen = family("GPT-2")
    model = chosen.build().train()
    model.transformer.h[1].eval()
    before = state_of(model)
    captured = run_with_capture(model, chosen.inputs())
    assert any("dropout" in note for note in captured.notes)
    again = run_with_capture(model, chosen.inputs())
    assert torch.equal(captured.output.logits, again.output.logits)
    assert {k: v for k, v in state_of(model).items() if "hooks" not in k} == {
        k: v for k, v in before.items() if "hooks" not in k
    }


def test_captures_in_two_threads_do_not_see_each_other() -> None:
    chosen = [family("GPT-2"), family("Llama")]
    models = [f.build() for f in chosen]
    lengths = (11, 23)
    inputs = [{"input_ids": f.inputs()["input_ids"][:, :n]} for f, n in zip(chosen, lengths, strict=True)]
    with torch.no_grad():
        expected = [m(**i).logits for m, i in zip(models, inputs, strict=True)]
    meeting = threading.Barrier(2)
    found: dict[int, list[Any]] = {0: [], 1: []}
    failures: list[BaseException] = []

    def work(which: int) -> None:
        def meet(done: int, _total: int) -> None:
            if done == 2:
                meeting.wait(timeout=60)  # both are in the middle of their run now

        try:
            for _ in range(5):
                found[which].append(run_with_capture(models[which], inputs[which], progress=meet))
        except BaseException as failure:
            failures.append(failure)
            meeting.abort()

    threads = [threading.Thread(target=work, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for which, n in enumerate(lengths):
        for captured in found[which]:
            assert torch.equal(captured.output.logits, expected[which])
            assert [site.layer for site in captured.sites] == [0, 1, 2, 3]
            assert all(site.queries == n for site in captured.sites)
    assert "get_interface" in vars(AttentionInterface)
    assert "__getitem__" not in vars(AttentionInterface)


def test_another_thread_that_runs_a_model_is_not_recorded() -> None:
    chosen = family("GPT-2")
    model, other = chosen.build(), chosen.build()
    inputs = chosen.inputs()
    short = {"input_ids": inputs["input_ids"][:, :7]}
    with torch.no_grad():
        expected = other(**short).logits
    seen: list[Tensor] = []

    def outside() -> None:
        with torch.no_grad():
            seen.append(other(**short).logits)
            model(**short)

    def meanwhile(done: int, _total: int) -> None:
        thread = threading.Thread(target=outside)
        thread.start()
        thread.join()

    captured = run_with_capture(model, inputs, progress=meanwhile)
    assert len(captured.sites) == 4
    assert all(site.queries == inputs["input_ids"].shape[1] for site in captured.sites)
    assert len(seen) == 4
    assert all(torch.equal(logits, expected) for logits in seen)


def test_progress_counts_layers() -> None:
    for name, total in (("GPT-2", 4), ("T5", 6), ("Jamba", 2), ("Bloom", 4)):
        heard: list[tuple[int, int]] = []
        chosen = family(name)
        run_with_capture(chosen.build(), chosen.inputs(), progress=lambda *step, h=heard: h.append(step))
        assert heard == [(done + 1, total) for done in range(total)]


@pytest.mark.parametrize("name", ["GPT-2", "Falcon", "Bloom"])
def test_a_run_is_cancelled_between_layers(name: str) -> None:
    chosen = family(name)
    model, inputs = chosen.build(), chosen.inputs()
    with torch.no_grad():
        model(**inputs)
    before = state_of(model)
    heard: list[int] = []
    with pytest.raises(CancelledError):
        run_with_capture(
            model, inputs, progress=lambda done, _: heard.append(done), cancelled=lambda: len(heard) == 2
        )
    assert heard == [1, 2]
    assert state_of(model) == before


# ---------------------------------------------------------------------- precision


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "Gemma 2", "gpt-oss", "Bloom"])
@pytest.mark.parametrize(("dtype", "worst"), [(torch.bfloat16, 1e-2), (torch.float16, 2e-3)], ids=str)
def test_half_precision_is_verified_and_exact_equals_eager(
    name: str, dtype: torch.dtype, worst: float
) -> None:
    chosen = family(name)
    model = chosen.build().to(dtype)
    with torch.no_grad():
        before = model(**chosen.inputs()).logits
    captured = run_with_capture(model, chosen.inputs())
    assert torch.equal(captured.output.logits, before)
    for site in captured.sites:
        assert site.fidelity is not None
        assert 0 < site.fidelity <= worst
        assert site.weights().dtype == np.float32
    exact = run_with_capture(model, chosen.inputs(), exact=True)
    reference = eager_weights(chosen.build("eager").to(dtype), chosen.inputs())
    # One unit in the last place of a weight near 1: both runs round the same scores.
    assert largest_difference(exact, reference) <= torch.finfo(dtype).eps


# ---------------------------------------------------------------------- batches and padding


def padded(chosen: Family, side: str, missing: int = 7) -> tuple[dict[str, Tensor], np.ndarray]:
    """Two prompts, the second shorter; inputs and the flags of its tokens."""
    one = chosen.inputs()["input_ids"]
    other = one.flip(1).clone()
    mask = torch.ones(2, one.shape[1], dtype=torch.long)
    gap = slice(0, missing) if side == "left" else slice(one.shape[1] - missing, None)
    other[0, gap] = 0
    mask[1, gap] = 0
    inputs = {"input_ids": torch.cat([one, other]), "attention_mask": mask}
    if "cross" in chosen.layers:
        inputs["decoder_input_ids"] = chosen.inputs()["decoder_input_ids"].repeat(2, 1)
    return inputs, mask[1].bool().numpy()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("exact", [False, True], ids=["default", "exact"])
@pytest.mark.parametrize(
    "name", ["GPT-2", "BERT", "Llama", "Mistral", "Gemma 2", "gpt-oss", "Falcon", "Bloom", "T5", "BART"]
)
def test_padding_is_cut_out(name: str, exact: bool, side: str) -> None:
    chosen = family(name)
    inputs, flags = padded(chosen, side)
    stream = "encoder" if "encoder" in chosen.layers else "decoder"
    captured = run_with_capture(chosen.build(), inputs, exact=exact, row=1, keep={stream: flags})
    reference = eager_weights(chosen.build("eager"), inputs, row=1)
    cut: dict[tuple[str, int], np.ndarray] = {}
    for (output, place), weights in reference.items():
        queries = flags if output in ("attentions", "encoder_attentions") else slice(None)
        keys = slice(None) if output == "decoder_attentions" else flags
        cut[output, place] = weights[:, queries][:, :, keys]
    assert largest_difference(captured, cut) <= (1e-5 if exact else 1e-4)
    for site in captured.sites:
        assert site.window == chosen.windows.get(site.layer)
        assert site.visibility.mask is None, "without the padding a rule describes what is visible"


def test_a_decoders_own_padding_is_cut_out() -> None:
    chosen = family("BART")
    inputs, flags = padded(chosen, "right")
    answer = inputs["decoder_input_ids"]
    answered = np.arange(answer.shape[1]) < 12
    inputs["decoder_attention_mask"] = torch.from_numpy(answered).long().expand(2, -1)
    keep = {"encoder": flags, "decoder": answered}
    captured = run_with_capture(chosen.build(), inputs, row=1, keep=keep)
    shapes = {(site.kind, site.queries, site.keys) for site in captured.sites}
    n = int(flags.sum())
    assert shapes == {("encoder", n, n), ("decoder", 12, 12), ("cross", 12, n)}
    for site in captured.sites:
        np.testing.assert_allclose(site.weights().sum(-1), 1, atol=1e-5)


def test_padding_that_is_attended_to_is_an_error() -> None:
    chosen = family("BERT")
    inputs, flags = padded(chosen, "right")
    del inputs["attention_mask"]
    with pytest.raises(CaptureError, match="marked as padding"):
        run_with_capture(chosen.build(), inputs, row=1, keep={"encoder": flags})
    causal = family("GPT-2")
    inputs, flags = padded(causal, "left")
    del inputs["attention_mask"]
    with pytest.raises(CaptureError, match="marked as padding"):
        run_with_capture(causal.build(), inputs, row=1, keep={"decoder": flags})


def test_padding_after_a_causal_prompt_needs_no_mask() -> None:
    chosen = family("GPT-2")
    inputs, flags = padded(chosen, "right")
    del inputs["attention_mask"]
    site = run_with_capture(chosen.build(), inputs, row=1, keep={"decoder": flags}).sites[0]
    assert (site.queries, site.keys) == (flags.sum(), flags.sum())
    np.testing.assert_allclose(site.weights().sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [("GPT-2", "decoder"), ("BERT", "encoder"), ("Bloom", "decoder")])
def test_one_token_is_a_prompt(name: str, kind: str) -> None:
    chosen = family(name)
    for exact in (False, True):
        captured = run_with_capture(chosen.build(), {"input_ids": torch.tensor([[7]])}, exact=exact)
        assert [site.kind for site in captured.sites] == [kind] * 4
        for site in captured.sites:
            assert np.array_equal(site.weights(), np.ones((4, 1, 1), dtype=np.float32))


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["GPT-2", "Falcon", "Bloom"])
def test_a_model_that_produces_nan_is_refused_from_that_layer(name: str) -> None:
    chosen = family(name)
    model = chosen.build()
    attention = [m for m in model.modules() if type(m).__name__.endswith("Attention")]
    with torch.no_grad():
        next(attention[2].parameters()).fill_(float("nan"))
    with pytest.raises(CaptureError, match="NaN or infinite values from layer 2 on"):
        run_with_capture(model, chosen.inputs())


def test_patterns_that_do_not_fit_are_refused_before_the_run() -> None:
    model = family("Bloom").build()
    long = torch.full((1, 400_000), 7)
    with pytest.raises(OutOfMemoryError, match=r"4 x 400000 x 400000\) need 7\d\d\d\.\d GB"):
        run_with_capture(model, {"input_ids": long})


class Block(nn.Module):
    """Self-attention written by somebody else."""

    def __init__(
        self, attend: Callable[[Tensor, Tensor, Tensor], Tensor], heads: int = 2, d: int = 8
    ) -> None:
        super().__init__()
        self.project = nn.Linear(heads * d, 3 * heads * d)
        self.heads, self.attend = heads, attend

    def forward(self, states: Tensor) -> Tensor:
        batch, n, width = states.shape
        q, k, v = self.project(states).view(batch, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return states + self.attend(3 * q, 3 * k, v).transpose(1, 2).reshape(batch, n, width)


class Home(nn.Module):
    """Model that is not from transformers."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.embed = nn.Embedding(50, 16)
        self.blocks = nn.ModuleList(Block(attend) for _ in range(3))

    def forward(self, input_ids: Tensor) -> Tensor:
        states = self.embed(input_ids)
        for block in self.blocks:
            states = block(states)
        return states


def by_hand(q: Tensor, k: Tensor, hidden: Tensor | None = None) -> np.ndarray:
    scores = (q.double() @ k.double().T) / q.shape[-1] ** 0.5
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    return torch.softmax(scores, -1).numpy()


_IDS = {"input_ids": torch.arange(3, 15)[None]}


def test_any_torch_model_that_calls_sdpa_works() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    model = Home(attend).eval()
    with torch.no_grad():
        before = model(**_IDS)
    captured = run_with_capture(model, _IDS)
    assert torch.equal(captured.output, before)
    assert [(s.kind, s.layer, s.route) for s in captured.sites] == [
        ("decoder", i, "functional") for i in range(3)
    ]
    above = torch.ones(12, 12, dtype=torch.bool).triu(1)
    for site in captured.sites:
        for head in (0, 1):
            q, k = map(torch.from_numpy, site.qk(head))
            np.testing.assert_allclose(site.weights(head)[0], by_hand(q, k, above), atol=1e-6)


class HomeAttention(nn.Module):
    """Attention under a name that says what it is."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.attend = attend

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.attend(q, k, v)


class Torch(nn.Module):
    """Model of torch's own layers."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.causal = causal
        self.embed = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.stack = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

    def forward(self, input_ids: Tensor, padding: Tensor | None = None) -> Tensor:
        n = input_ids.shape[1]
        mask = torch.ones(n, n, dtype=torch.bool).triu(1) if self.causal else None
        return self.stack(
            self.embed(input_ids), mask=mask, src_key_padding_mask=padding, is_causal=self.causal
        )


@pytest.mark.parametrize("causal", [False, True])
def test_torchs_own_multi_head_attention(causal: bool) -> None:
    model = Torch(causal).eval()
    with torch.no_grad():
        before = model(**_IDS)
    captured = run_with_capture(model, _IDS)
    # The layer's fused fast path is not taken under observation.
    torch.testing.assert_close(captured.output, before, atol=1e-5, rtol=0)
    assert [(s.kind, s.layer, s.heads) for s in captured.sites] == [
        ("decoder" if causal else "encoder", layer, 2) for layer in range(3)
    ]
    first = model.stack.layers[0].self_attn
    q, k, _ = (
        nn.functional.linear(model.embed(_IDS["input_ids"][0]), first.in_proj_weight, first.in_proj_bias)
        .detach()
        .view(12, 3, 2, 8)
        .permute(1, 2, 0, 3)
    )
    above = torch.ones(12, 12, dtype=torch.bool).triu(1)
    for head in (0, 1):
        expected = by_hand(q[head], k[head], above if causal else None)
        np.testing.assert_allclose(captured.sites[0].weights(head)[0], expected, atol=1e-6)


def test_padding_in_torchs_own_layers() -> None:
    ids = _IDS["input_ids"].repeat(2, 1)
    padding = torch.zeros(2, 12, dtype=torch.bool)
    padding[1, 9:] = True
    model = Torch(False).eval()
    captured = run_with_capture(
        model, {"input_ids": ids, "padding": padding}, row=1, keep={"encoder": ~padding[1].numpy()}
    )
    alone = run_with_capture(model, {"input_ids": ids[1:, :9]})
    for site, other in zip(captured.sites, alone.sites, strict=True):
        np.testing.assert_allclose(site.weights(), other.weights(), atol=1e-5)


def test_sdpa_with_heads_folded_into_the_batch() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        folded = (t.reshape(-1, *t.shape[2:]) for t in (q, k, v))
        return nn.functional.scaled_dot_product_attention(*folded).view(q.shape)

    captured = run_with_capture(Home(attend).eval(), {"input_ids": _IDS["input_ids"].repeat(3, 1)}, row=2)
    assert [(s.kind, s.heads, s.queries) for s in captured.sites] == [("encoder", 2, 12)] * 3


def test_sdpa_masks_of_every_form_are_understood() -> None:
    hole = torch.ones(12, 12, dtype=torch.bool)
    hole[5:, 2] = False
    per_head = torch.randn(2, 12, 12, generator=torch.Generator().manual_seed(0))
    added = torch.zeros(12, 12).masked_fill(~hole, -10000.0)
    for mask, hidden in ((hole, ~hole), (added, ~hole), (per_head, None), (hole[None, None], ~hole)):

        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor = mask) -> Tensor:
            return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

        captured = run_with_capture(Home(attend).eval(), _IDS)
        masks = {id(site.visibility.mask) for site in captured.sites}
        assert len(masks) == 1, "layers share one mask"
        for site in captured.sites:
            assert (site.visibility.mask is None) == (hidden is None)
            if hidden is not None:
                assert np.array_equal(site.visible(), ~hidden.numpy())
            np.testing.assert_allclose(site.weights().sum(-1), 1, atol=1e-5)


def test_attention_that_is_not_what_it_says_is_refused() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.5)

    with pytest.raises(CaptureError, match=r"blocks\.0 differs from the module's own output") as caught:
        run_with_capture(Home(attend).eval(), _IDS)
    assert caught.value.code == "fidelity"


class Tempered(nn.Module):
    """Attention that goes through the interface with a change that nobody announces."""

    is_causal = False

    def __init__(self) -> None:
        super().__init__()
        self.temper = nn.Parameter(torch.tensor([0.3, 2.0]))

    def eager(
        self, module: Any, q: Tensor, k: Tensor, v: Tensor, mask: None, **_: Any
    ) -> tuple[Tensor, Tensor]:
        weights = torch.softmax(q @ k.transpose(-1, -2) * self.temper[:, None, None], -1)
        return (weights @ v).transpose(1, 2), weights

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        attend = hf.modeling_utils.ALL_ATTENTION_FUNCTIONS.get_interface("eager", self.eager)
        output, _ = attend(self, q, k, v, None)
        return output.transpose(1, 2)


def test_an_unannounced_change_is_refused_unless_exact() -> None:
    model = Home(Tempered()).eval()
    with pytest.raises(CaptureError, match="exact=True"):
        run_with_capture(model, _IDS)
    captured = run_with_capture(model, _IDS, exact=True)
    states = model.embed(_IDS["input_ids"])
    q, k, _ = model.blocks[0].project(states).view(1, 12, 3, 2, 8).permute(2, 0, 3, 1, 4)
    scores = 9 * q @ k.transpose(-1, -2) * torch.tensor([0.3, 2.0])[:, None, None]
    np.testing.assert_allclose(
        captured.sites[0].weights(), torch.softmax(scores, -1)[0].detach().numpy(), atol=1e-5
    )
    assert not captured.sites[0].has_scores


class HiddenAttention(nn.Module):
    """SDPA by a kernel that cannot be watched, eager by a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.config = hf.LlamaConfig(attn_implementation="sdpa")

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if self.config._attn_implementation == "sdpa":
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)[0]
        return nn.functional.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1) @ v


def test_what_neither_route_saw_is_taken_from_a_second_eager_run() -> None:
    model = Home(HiddenAttention()).eval()
    with torch.no_grad():
        before = model(**_IDS)
    captured = run_with_capture(model, _IDS)
    assert torch.equal(captured.output, before)
    assert model.blocks[0].attend.config._attn_implementation == "sdpa"
    # One shared module: its calls are told apart by their order.
    assert [(s.layer, s.route) for s in captured.sites] == [(i, "softmax") for i in range(3)]
    assert any("order of the run" in note for note in captured.notes)


def test_flash_attention_is_replaced_and_said() -> None:
    chosen = family("Llama")
    model, inputs = chosen.build(), chosen.inputs()
    with torch.no_grad():
        expected = model(**inputs).logits
    model.config._attn_implementation_internal = "flash_attention_2"
    captured = run_with_capture(model, inputs)
    assert torch.equal(captured.output.logits, expected)
    assert any("flash_attention_2" in note for note in captured.notes)
    assert model.config._attn_implementation == "flash_attention_2"


# ---------------------------------------------------------------------- what is stored


def test_keys_are_stored_once_per_key_value_head_and_copied() -> None:
    chosen = family("Llama")
    captured = run_with_capture(chosen.build(), chosen.inputs())
    for site in captured.sites:
        assert (tuple(site.q.shape), tuple(site.k.shape)) == ((4, 40, 16), (2, 40, 16))
        assert site.nbytes == 4 * 40 * 16 * (4 + 2) + 4 * 40 * 4, "queries, keys, and the norms of values"
        assert site.q.untyped_storage().nbytes() == site.q.nbytes
        assert site.k.untyped_storage().nbytes() == site.k.nbytes


def test_queries_and_keys_are_no_views_of_a_fused_buffer() -> None:
    chosen = family("GPT-2")
    captured = run_with_capture(chosen.build(), chosen.inputs())
    for site in captured.sites:
        for tensor in (site.q, site.k):
            assert tensor.is_contiguous()
            assert tensor.untyped_storage().nbytes() == tensor.nbytes == 4 * 40 * 16 * 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_lasting_copies_are_copies(dtype: torch.dtype) -> None:
    for n in (3, 200_000):
        original = torch.randn(n, 4).to(dtype)[:, 1:3]
        copy = Store().keep(original)
        assert torch.equal(copy, original)
        assert copy.is_contiguous()
        original.zero_()
        assert copy.abs().sum() > 0


def test_equal_masks_built_for_each_layer_are_held_once() -> None:
    hole = torch.ones(12, 12, dtype=torch.bool)
    hole[5:, 2] = False
    bias = torch.randn(2, 12, 12, generator=torch.Generator().manual_seed(0))
    for mask in (hole, bias):

        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor = mask) -> Tensor:
            return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask.clone())

        captured = run_with_capture(Home(attend).eval(), _IDS)
        shared = {entry for site in captured.sites for entry in site.shared}
        assert [size for _, size in shared] == [mask.nbytes]


def test_a_sink_in_a_softmax_of_the_models_own_keeps_its_mass() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-1, -2)
        column = torch.ones_like(scores[..., :1])
        return torch.softmax(torch.cat([scores, column], -1), -1)[..., :-1] @ v

    model = Home(HomeAttention(attend)).eval()
    site = run_with_capture(model, _IDS).sites[0]
    assert (site.route, site.has_sinks, site.keys) == ("softmax", True, 12)
    assert site.sink().max() > 0.01
    np.testing.assert_allclose(site.weights().sum(-1) + site.sink(), 1, atol=1e-6)


def test_weights_of_all_layers_must_fit() -> None:
    class WideAttention(nn.Module):
        def forward(self, states: Tensor) -> Tensor:
            return states

    module = WideAttention()
    model = nn.Sequential(module, WideAttention())
    tape = Tape(Structure(model, {}))
    wide = torch.zeros(1).expand(1, 4, 300_000, 300_000)
    value = output = torch.zeros(1, 1, 1, 1)
    with pytest.raises(OutOfMemoryError, match=r"weights of all layers need 2880\.0 GB"):
        tape.record_dense(module, wide, value, output)


def test_attention_without_a_softmax_is_left_out_and_said() -> None:
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(q, k, v)

    class PlainAttention(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return nn.functional.relu(q @ k.transpose(-1, -2)) @ v

    model = Home(attend).eval()
    model.blocks[1].attend = PlainAttention().eval()
    captured = run_with_capture(model, _IDS)
    assert [site.layer for site in captured.sites] == [0, 2]
    assert captured.notes == ("Attention modules without a softmax are not shown: 1 x PlainAttention.",)
    with pytest.raises(NoAttentionError, match="runs PlainAttention without a softmax"):
        run_with_capture(Home(PlainAttention()).eval(), _IDS)


def test_two_calls_with_equal_queries_and_keys_are_one_site() -> None:
    config = hf.DiffLlamaConfig(
        vocab_size=199,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    captured = run_with_capture(hf.DiffLlamaModel(config).eval(), {"input_ids": torch.arange(5, 25)[None]})
    assert [site.layer for site in captured.sites] == [0, 1, 2]
    assert captured.notes == ()


def test_layers_with_shared_parameters_are_numbered_in_order() -> None:
    config = hf.AlbertConfig(
        vocab_size=199,
        embedding_size=32,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
    )
    torch.manual_seed(0)
    inputs = {"input_ids": torch.arange(5, 25)[None]}
    captured = run_with_capture(hf.AlbertModel(config).eval(), inputs)
    torch.manual_seed(0)
    eager = hf.AlbertModel._from_config(config, attn_implementation="eager").eval()
    assert [site.layer for site in captured.sites] == [0, 1, 2, 3]
    assert largest_difference(captured, eager_weights(eager, inputs)) <= 1e-5


def test_a_window_on_both_sides_is_one_shared_mask() -> None:
    config = hf.ModernBertConfig(
        vocab_size=199,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
        global_attn_every_n_layers=3,
        local_attention=8,
        cls_token_id=1,
        sep_token_id=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    captured = run_with_capture(hf.ModernBertModel(config).eval(), {"input_ids": torch.arange(5, 45)[None]})
    local = [site for site in captured.sites if site.visibility.mask is not None]
    assert [site.layer for site in local] == [1, 2]
    assert local[0].visibility.mask is local[1].visibility.mask
    distance = np.abs(np.arange(40)[:, None] - np.arange(40)[None])
    assert np.array_equal(local[0].visible(), distance <= 4)
