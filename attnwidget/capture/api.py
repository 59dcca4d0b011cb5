"""Run a model once and keep the attention of every site."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnwidget.capture import memory, state
from attnwidget.capture.chunked import demand_unpadded, run_in_chunks
from attnwidget.capture.functional import Watch, module_stack
from attnwidget.capture.registry import tapped_interface
from attnwidget.capture.rules import NotInChunks
from attnwidget.capture.steps import Progress
from attnwidget.capture.store import Store
from attnwidget.capture.structure import Structure
from attnwidget.capture.tape import Tape
from attnwidget.errors import CaptureError, FidelityError, NoAttentionError
from attnwidget.record import Kind, Site
from attnwidget.record.qk import QKSite


@dataclass(frozen=True, eq=False)
class Captured:
    """What one run left behind.

    Parameters
    ----------
    output : object
        What the model returned.
    sites : tuple of Site
        By kind (encoder, decoder, cross), then by layer.
    notes : tuple of str
        What a reader of the numbers should know.
    chunks : int
        Pieces in which the prompt ran; `output` is that of the last.
    """

    output: Any
    sites: tuple[Site, ...]
    notes: tuple[str, ...]
    chunks: int = 1


def run_with_capture(
    model: nn.Module,
    inputs: Mapping[str, Any],
    *,
    exact: bool = False,
    row: int = 0,
    keep: Mapping[str, NDArray[np.bool_] | None] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    store: Store | None = None,
    chunk: int | None = None,
    on_chunk: Callable[[Any, int], None] | None = None,
) -> Captured:
    """Run a model once and capture its attention.

    Parameters
    ----------
    model : Module
        A transformers model, or any torch model that calls ``scaled_dot_product_attention`` in its modules.
        It is afterwards exactly as it was before, whatever happens.
    inputs : mapping of str to Tensor
        Keyword arguments of the model, on its device.
    exact : bool
        Run eager, so that weights equal those of ``output_attentions=True``. The default watches the model's
        own run, which may differ from an eager one by rounding.
    row : int
        Prompt of the batch that is recorded.
    keep : mapping of {"encoder", "decoder"} to bool array [n] or None
        Positions that are not padding; only these remain.
    progress : callable, optional
        Called with layers done and layers in all, or in chunks with their cost; see `steps.Progress`.
    cancelled : callable, optional
        Asked between layers; the run stops once it returns True.
    store : Store, optional
        Keeps queries and keys; in memory, as they are, by default.
    chunk : int, optional
        Run a longer prompt in chunks of so many tokens through the model's own key-value cache, where that
        is the same as one piece; where it is not, the notes say why.
    on_chunk : callable, optional
        Called after each chunk with what the model returned for it and the position of its first token.

    Returns
    -------
    Captured

    Raises
    ------
    NoAttentionError
        If the model has no attention.
    CaptureError
        If a site cannot be captured, or the model produces values that are not numbers.
    FidelityError
        If recomputed attention does not agree with what the model did.
    OutOfMemoryError
        If whole patterns are needed and do not fit.
    CacheError
        If the store cannot keep queries and keys.
    CancelledError
        If `cancelled` returned True.
    """
    given, model = model, getattr(model, "_orig_mod", model)
    structure = Structure(model, inputs)
    store = Store() if store is None else store
    notes: dict[str, None] = {}
    tape: Tape | None = None
    output: Any = None
    chunks = 1
    with contextlib.ExitStack() as stack:
        stack.enter_context(state.alone_with(model))
        stack.enter_context(torch.no_grad())
        if stack.enter_context(state.uncompiled(given)):
            notes["Compiled parts of the model ran as they were written, which can differ by rounding."] = (
                None
            )
        if stack.enter_context(state.evaluation_mode(model)):
            notes["The model was in training mode: dropout was switched off for this run."] = None
        if exact:
            stack.enter_context(state.implementation(model, state.to_eager))
        else:
            others = state.unwatched(model)
            if others:
                stack.enter_context(state.implementation(model, state.to_watched))
                notes[f"The run used SDPA instead of {', '.join(others)}, which cannot be watched."] = None
        eager = state.runs_eager(model)
        if chunk is not None and not exact and chunk < (structure.length or 0):
            try:
                demand_unpadded(keep)
                if eager:
                    _demand_eager_memory(model, structure, chunk)
                tape, output, chunks = run_in_chunks(
                    model,
                    inputs,
                    structure,
                    chunk,
                    lambda part, part_tape: _run(model, part, part_tape, sdpa=True),
                    progress=progress,
                    on_chunk=on_chunk,
                    cancelled=cancelled,
                    store=store,
                )
            except (NotInChunks, FidelityError) as why:
                store.restart()
                # Only the words: whoever holds the error holds what was stitched so far.
                told = isinstance(why, NotInChunks)
                reason = str(why) if told else "its attention cannot be checked in chunks"
                notes[f"The prompt ran in one piece, not in chunks: {reason}."] = None
        if tape is None:
            tape = Tape(
                structure,
                row=row,
                keep=keep,
                exact=exact,
                progress=progress,
                cancelled=cancelled,
                store=store,
            )
            if eager:
                _demand_eager_memory(model, structure, structure.length)
            output = _run(model, inputs, tape, sdpa=True)
        if tape.unseen() and not exact and state.configurations(model):
            _demand_eager_memory(model, structure, structure.length)
            tape.close_found()
            with state.implementation(model, state.to_eager):
                _run(model, inputs, tape, sdpa=False)
    sites = _finished(tape)
    notes |= tape.notes | dict.fromkeys((*_precision(tape, sites), *store.notes()))
    return Captured(output=output, sites=sites, notes=tuple(notes), chunks=chunks)


def _precision(tape: Tape, sites: tuple[Site, ...]) -> Iterator[str]:
    """Say what accuracy half precision leaves."""
    for dtype in tape.halves:
        worst = max((site.fidelity for site in sites if site.fidelity is not None), default=0.0)
        yield (
            f"The model runs in {str(dtype).removeprefix('torch.')}, which rounds every number by up to "
            f"{50 * torch.finfo(dtype).eps:.2g} %; recomputed outputs agree with its own to {worst:.1g}."
        )


def _run(model: nn.Module, inputs: Mapping[str, Any], tape: Tape, *, sdpa: bool) -> Any:
    with tape.active(), tapped_interface(), module_stack(tape), Watch(tape, sdpa=sdpa):
        return model(**inputs)


def _demand_eager_memory(model: nn.Module, structure: Structure, queries: int | None) -> None:
    """Make sure that the patterns of one layer fit, which an eager run holds two or three times."""
    config = getattr(model, "config", None)
    heads = getattr(config, "num_attention_heads", None)
    if structure.length is None or queries is None or not isinstance(heads, int):
        return
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    cells = structure.batch * heads * queries * structure.length
    size = 3 * cells * (4 if parameter is None else parameter.itemsize)
    memory.demand(size, device, f"The weights of one layer ({heads} x {queries} x {structure.length})")


def _finished(tape: Tape) -> tuple[Site, ...]:
    """Give each site its kind and layer, after checking that nothing is missing."""
    structure = tape.structure
    _demand_complete(tape)
    _leave_out_pooling(tape)
    causal = _reads_forward(tape)
    groups: dict[Kind, list[tuple[nn.Module, Site]]] = {"encoder": [], "decoder": [], "cross": []}
    for module, site in tape.found:
        groups[structure.kind(module, causal)].append((module, site))
    sites: list[Site] = []
    for kind, members in groups.items():
        members = _without_repeats(members)
        _demand_alike(kind, [site for _, site in members])
        layers = [structure.layer(module) for module, _ in members]
        if None in layers or len(set(layers)) < len(layers):
            if len(members) > 1:
                tape.notes[f"Layers ({kind}) are numbered in the order of the run."] = None
            layers = list(range(len(members)))
        done = [replace(s, kind=kind, layer=n or 0) for (_, s), n in zip(members, layers, strict=True)]
        sites += sorted(done, key=lambda site: site.layer)
    return tuple(sites)


def _demand_complete(tape: Tape) -> None:
    structure, label = tape.structure, type(tape.structure.model).__name__
    lost = [module for module in tape.unseen() if id(module) in tape.softmax_in]
    silent = [module for module in tape.unseen() if id(module) not in tape.softmax_in]
    if lost:
        raise CaptureError(
            f"The attention of {len(lost)} modules of {label} could not be followed, "
            f"the first is {structure.name(lost[0])} ({type(lost[0]).__name__}).",
            "Pass the model's own attentions to AttentionRecord.from_attentions.",
        )
    if not tape.found:
        what = (
            "has no attention layers" if not silent else f"runs {type(silent[0]).__name__} without a softmax"
        )
        raise NoAttentionError(
            f"{label} {what}: there are no weights to show.",
            "Use a model with softmax attention over tokens.",
        )
    if silent:
        counts = Counter(type(module).__name__ for module in silent)
        names = ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))
        tape.notes[f"Attention modules without a softmax are not shown: {names}."] = None
    if structure.reads_text and not structure.two_stacks and structure.length is not None:
        for _, site in tape.found:
            expected = tape.kept(structure.length)
            if (site.queries, site.keys) != (expected, expected):
                raise CaptureError(
                    f"{site.name} attends with {site.queries} queries to {site.keys} keys, "
                    f"but the prompt has {expected} tokens.",
                    "Pass the model's own attentions to AttentionRecord.from_attentions.",
                )


def _leave_out_pooling(tape: Tape) -> None:
    """Drop heads that sum up an image or a sound: one learned query, which is none of its positions."""
    if tape.structure.reads_text or tape.structure.two_stacks:
        return
    lengths = {site.keys for _, site in tape.found if site.queries == site.keys}
    rest = [(m, s) for m, s in tape.found if s.queries > 1 or s.keys not in lengths or s.keys == 1]
    if len(rest) < len(tape.found):
        tape.notes["Attention that sums up all positions for one output is not shown."] = None
        tape.found = rest


def _demand_alike(kind: Kind, sites: list[Site]) -> None:
    """Raise CaptureError unless all sites of a kind look from the same positions at the same positions."""
    for site in sites:
        shape, first = (site.queries, site.keys), (sites[0].queries, sites[0].keys)
        if shape != first or (kind != "cross" and site.queries != site.keys):
            other = (
                f"{sites[0].name} with {first[0]} to {first[1]}" if shape != first else "not to themselves"
            )
            raise CaptureError(
                f"{site.name} attends with {shape[0]} queries to {shape[1]} keys, {other}: "
                "its attention is not over one row of tokens.",
                "Use a model whose attention spans the whole input in every layer.",
            )


def _reads_forward(tape: Tape) -> bool:
    """Whether a model with one stack is a decoder: no query sees a later key."""
    own = [(m, s) for m, s in tape.found if not tape.structure.is_cross(m)]
    longer = [site for _, site in own if site.queries > 1]
    if longer:
        return any(site.causal for site in longer)
    # One token tells nothing: ask what the model was made for.
    return any(getattr(module, "is_causal", tape.structure.generates) for module, _ in own)


def _without_repeats(members: list[tuple[nn.Module, Site]]) -> list[tuple[nn.Module, Site]]:
    """Drop calls that repeat an earlier one of the same module with the same queries and keys."""
    unique: list[tuple[nn.Module, Site]] = []
    for module, site in members:
        if not any(m is module and _same(s, site) for m, s in unique):
            unique.append((module, site))
    return unique


def _same(one: Site, other: Site) -> bool:
    if not isinstance(one, QKSite) or not isinstance(other, QKSite):
        return False
    return _equal(one.q, other.q) and _equal(one.k, other.k)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other))
