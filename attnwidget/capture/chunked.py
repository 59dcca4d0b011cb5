"""A long prompt in chunks through the model's own key-value cache, wherever that is the same as one piece."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnwidget.capture.kv import roomy
from attnwidget.capture.rules import NotInChunks
from attnwidget.capture.steps import Progress, Work
from attnwidget.capture.stitch import ChunkTape, Span
from attnwidget.capture.structure import Structure

_OURS = {"input_ids", "attention_mask", "token_type_ids", "use_cache", "return_dict"}
# What passes a state from token to token in another way than by keys and values.
_RECURRENT = re.compile(r"mamba|recurrent|rglru|delta|lightning|retention|rwkv|linear_?attention", re.I)
_PROBE, _FIRST = 48, 29
_AGREES, _AGREES_IN_HALF = 1e-4, 5e-2

Runs = Callable[[Mapping[str, Any], ChunkTape], Any]
Outputs = Callable[[Any, int], None]

_probed: weakref.WeakKeyDictionary[nn.Module, Any] = weakref.WeakKeyDictionary()


def demand_chunkable(model: nn.Module, inputs: Mapping[str, Any], structure: Structure) -> None:
    """Raise NotInChunks, saying why, if a run can be seen not to go in chunks before it begins."""
    length, ids = structure.length, inputs.get("input_ids")
    if structure.two_stacks or not isinstance(ids, Tensor) or length is None:
        raise NotInChunks("only decoders of text can go on from a cache")
    if structure.batch != 1 or not inputs.keys() <= _OURS:
        raise NotInChunks("it has inputs besides its tokens")
    mask = inputs.get("attention_mask")
    if mask is not None and not (mask.shape == ids.shape and bool(mask.all())):
        raise NotInChunks("it is padded")
    reason = _reason_against(model)
    if reason is not None:
        raise NotInChunks(reason)
    if _depends_on_length(getattr(model, "config", None), length):
        raise NotInChunks("the model's positions depend on the length of the prompt")


def may_run_in_chunks(model: nn.Module) -> bool:
    """Whether a model looks as if long prompts could go through it in chunks; the run itself makes sure."""
    model = getattr(model, "_orig_mod", model)
    two_stacks = bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))
    return not two_stacks and _reason_against(model) is None


def _reason_against(model: nn.Module) -> str | None:
    if not {"past_key_values", "use_cache"} <= inspect.signature(model.forward).parameters.keys():
        return "the model has no cache"
    for module in model.modules():
        if isinstance(module, nn.Conv1d) or _RECURRENT.search(type(module).__name__):
            return "the model passes states from token to token"
    return None


def demand_unpadded(keep: Mapping[str, NDArray[np.bool_] | None] | None) -> None:
    """Raise NotInChunks if some positions are padding."""
    if any(flags is not None and not flags.all() for flags in (keep or {}).values()):
        raise NotInChunks("it is padded")


def run_in_chunks(
    model: nn.Module,
    inputs: Mapping[str, Any],
    structure: Structure,
    chunk: int,
    run: Runs,
    *,
    progress: Progress | None,
    on_chunk: Outputs | None,
    **options: Any,
) -> tuple[ChunkTape, Any, int]:
    """Run a prompt chunk by chunk and stitch what is captured.

    Parameters
    ----------
    model : Module
    inputs : mapping of str to Tensor
        Keyword arguments of the model, of the whole prompt.
    structure : Structure
    chunk : int
        Tokens of a chunk; the last one has what is left.
    run : callable
        Calls the model with some inputs under a tape.
    progress : callable or None
        See `steps.Progress`.
    on_chunk : callable or None
        Called with the model's output for each chunk, and the position of the chunk's first token.
    **options
        Of `Tape`.

    Returns
    -------
    tape : ChunkTape
        Finished.
    output : object
        What the model returned for the last chunk.
    chunks : int
        How many there were.

    Raises
    ------
    NotInChunks
        If the run would not be the same as one in a single piece.
    """
    demand_chunkable(model, inputs, structure)
    length = structure.length or 0
    spans = [Span(at, min(length, at + chunk)) for at in range(0, length, chunk)]
    cache = roomy(_continues(model, inputs), length)
    layers: list[Any] = [] if cache is None else cache.layers
    work = Work([span.tokens for span in spans], len(structure.candidates), progress)
    tape = ChunkTape(structure, work=work, layers=layers, **options)
    output: Any = None
    try:
        for number, span in enumerate(spans):
            tape.begin(number, span)
            output = None
            output = run(_part(inputs, span) | {"past_key_values": cache}, tape)
            cache = getattr(output, "past_key_values", None)
            if cache is None:
                raise NotInChunks("the model returns no cache")
            tape.end()
            if on_chunk is not None:
                on_chunk(output, span.first)
    finally:
        # Keys that were recorded stay; values, and what else the cache holds, do not.
        if output is not None and hasattr(output, "past_key_values"):
            output.past_key_values = None
        layers.clear()
    tape.finish()
    tape.notes[
        f"The prompt ran in {len(spans)} chunks of up to {chunk:,} tokens, through the model's cache."
    ] = None
    return tape, output, len(spans)


def _part(inputs: Mapping[str, Any], span: Span) -> dict[str, Any]:
    part = dict(inputs) | {"use_cache": True}
    for name in ("input_ids", "token_type_ids"):
        if name in part:
            part[name] = part[name][:, span.first : span.last]
    if "attention_mask" in part:
        part["attention_mask"] = part["attention_mask"][:, : span.last]
    return part


def _continues(model: nn.Module, inputs: Mapping[str, Any]) -> Any:
    """Return a cache that the model makes, after seeing that it goes on from it as if nothing had been.

    The first few tokens run in one piece and in two, once for each model.

    Raises
    ------
    NotInChunks
        If the results differ, or there is no cache.
    """
    if model not in _probed:
        _probed[model] = _probe(model, inputs)
    found = _probed[model]
    if isinstance(found, str):
        raise NotInChunks(found)
    return found


def _probe(model: nn.Module, inputs: Mapping[str, Any]) -> Any:
    last = min(_PROBE, inputs["input_ids"].shape[1])
    first = min(_FIRST, last - 1)
    try:
        whole = _result(model(**_part(inputs, Span(0, last)) | {"use_cache": False}))
        begun = model(**_part(inputs, Span(0, first)))
        cache = getattr(begun, "past_key_values", None)
        if cache is None:
            return "the model returns no cache"
        rest = model(**_part(inputs, Span(first, last)), past_key_values=cache)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if "memory" in str(error).lower():
            raise
        return f"the model does not go on from its cache ({type(error).__name__})"
    if not bool(torch.isfinite(whole).all()):
        raise NotInChunks("its results are not numbers")
    one, two = whole[:, first:].float(), _result(rest).float()
    limit = _AGREES if whole.dtype in (torch.float32, torch.float64) else _AGREES_IN_HALF
    if one.shape != two.shape or not float((one - two).norm()) <= limit * float(one.norm()):
        return "the model does not go on from its cache as if it had not stopped"
    for layer in getattr(cache, "layers", ()):
        layer.keys = layer.values = None
    return cache


def _result(output: Any) -> Tensor:
    """Return what a model computes for each token."""
    found = getattr(output, "logits", None)
    found = getattr(output, "last_hidden_state", None) if found is None else found
    if not isinstance(found, Tensor) or found.ndim != 3:
        raise TypeError("The model returns nothing for each token.")
    return found


def _depends_on_length(config: Any, length: int) -> bool:
    """Whether the rotation of a position depends on how long the whole prompt is."""
    limits = [
        getattr(config, name, None)
        for name in ("original_max_position_embeddings", "max_position_embeddings")
    ]
    for name in ("rope_parameters", "rope_scaling"):
        for rope in _ropes(getattr(config, name, None)):
            if rope.get("rope_type", rope.get("type")) in ("dynamic", "longrope"):
                known = [
                    n for n in (rope.get("original_max_position_embeddings"), *limits) if isinstance(n, int)
                ]
                return not known or length > min(known)
    return False


def _ropes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _ropes(inner)
