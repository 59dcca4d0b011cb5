"""What is passed as attention: weights told from everything else that a model returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnwidget.compat.arrays import as_array
from attnwidget.compat.steps import holds_arrays, is_cache, stitched
from attnwidget.errors import AttnWidgetError, InputError, NoAttentionError, ShapeError
from attnwidget.record.sites import Floats

FIELDS = {
    "attention": ("attentions",),
    "encoder_attention": ("encoder_attentions", "attentions"),
    "decoder_attention": ("decoder_attentions", "attentions"),
    "cross_attention": ("cross_attentions",),
}
"""Argument -> where a model's output keeps it."""

TOLERANCE = 1e-2
"""What rounding to half precision can add to a weight of 1, with room to spare."""


@dataclass(frozen=True)
class Weights:
    """Attention weights of one kind.

    Attributes
    ----------
    layers : list of float32 array [heads, queries, keys], or None
        None for a layer without attention, or one that was left out.
    steps : int
        How many steps of `generate` they were put together from; 0 if one run gave them.
    """

    layers: list[Floats | None]
    steps: int = 0


def read_weights(given: Any, option: str) -> Weights:
    """Read attention weights of one kind out of whatever was passed.

    Parameters
    ----------
    given : sequence of arrays, array, model output, or nested sequence of arrays
        One array [1, heads, queries, keys] or [heads, queries, keys] per layer; one array with all layers; a
        model's whole output, which holds them; or what `generate` returns, step by step.
    option : {"attention", "encoder_attention", "decoder_attention", "cross_attention"}
        The argument, for messages.

    Returns
    -------
    Weights

    Raises
    ------
    NoAttentionError
        If there are no weights in it.
    InputError
        If it is something else: hidden states, a pooled output, a key-value cache, a model.
    ShapeError
        If it holds several sentences, or has no shape that weights can have.
    """
    if isinstance(given, Mapping):
        given = _from_output(given, option)
    _refuse_strangers(given, option)
    entries = _entries(given, option)
    if not entries:
        raise _nothing(
            f"{option} is empty: a model that runs SDPA returns no weights, and outputs[-1] is not always "
            "its attention.",
            option,
        )
    steps = 0
    if any(holds_arrays(entry) for entry in entries):
        if is_cache(entries):
            raise _wrong(option, "keys and values kept for the next token")
        steps, entries = len(entries), stitched(entries, option, cross=option == "cross_attention")
    layers = [
        None if entry is None else _layer(entry, f"{option}[{place}]", option)
        for place, entry in enumerate(entries)
    ]
    if all(layer is None for layer in layers):
        raise _nothing(f"Every entry of {option} is None: the model returned no weights.", option)
    return Weights(layers, steps)


def _from_output(given: Mapping[Any, Any], option: str) -> Any:
    """Find the weights in a model's output."""
    for field in FIELDS[option]:
        if field in given:
            return given[field]
    if option == "attention" and given.keys() & {"encoder_attentions", "decoder_attentions"}:
        raise InputError(
            "attention is the output of a model with an encoder and a decoder.",
            "Pass encoder_attention=outputs.encoder_attentions, decoder_attention=outputs.decoder_attentions "
            "and cross_attention=outputs.cross_attentions, with encoder_tokens and decoder_tokens.",
        )
    raise _nothing(f"{option} is a model's whole output, and holds no attention.", option)


def _refuse_strangers(given: Any, option: str) -> None:
    kind = type(given).__name__
    if kind.endswith("Cache"):
        raise _wrong(option, f"a {kind}, the keys and values kept for the next token")
    if hasattr(given, "named_parameters"):
        raise InputError(
            f"{option} is a model.",
            "Pass what it returned, outputs.attentions; or open the model itself with "
            "attnwidget.explore(text, model=model, tokenizer=tokenizer).",
        )
    if isinstance(given, str) or not (hasattr(given, "shape") or isinstance(given, Sequence)):
        raise _wrong(option, f"of type {kind}")


def _entries(given: Any, option: str) -> list[Any]:
    """Return one entry per layer (or per step)."""
    if not hasattr(given, "shape"):
        return list(given)
    rank = len(given.shape)
    if rank == 2:
        raise _wrong(option, f"of the shape {list(given.shape)}, a pooled output or one head's pattern")
    return [given] if rank == 3 else list(given)


def _layer(entry: Any, place: str, option: str) -> Floats:
    array = as_array(entry, place)
    if array.ndim == 4:
        if len(array) != 1:
            raise ShapeError(
                f"{place} holds {len(array)} sentences.",
                f"Pick one: {option}=[layer[i : i + 1] for layer in {option}], with its own tokens.",
            )
        array = array[0]
    shape = list(array.shape)
    if array.ndim == 2:
        raise _wrong(place, f"of the shape {shape}, a pooled output or one head's pattern")
    if array.ndim != 3 or array.size == 0:
        raise ShapeError(
            f"{place} has the shape {list(np.shape(entry))}.",
            "Attention weights have the shape [1, heads, queries, keys].",
        )
    finite = array[~np.isnan(array)]
    inside = not finite.size or -TOLERANCE <= finite.min() <= finite.max() <= 1 + TOLERANCE
    square = shape[1] == shape[2] or option == "cross_attention"
    if len(np.shape(entry)) == 3 and not (inside and square):
        raise _wrong(place, f"of the shape {shape}, hidden states or logits")
    if not square:
        raise ShapeError(
            f"{place} has {shape[1]} queries and {shape[2]} keys.",
            "Self-attention has as many keys as queries; cross-attention goes into cross_attention.",
        )
    if not inside:
        raise InputError(
            f"{place} has values from {finite.min():.3g} to {finite.max():.3g}: scores, not weights.",
            "Apply the softmax over the keys first.",
        )
    return array


def how_to(option: str) -> str:
    """Say what to pass, and where it comes from."""
    return (
        f"Pass {option}=outputs.{FIELDS[option][0]}, from a model loaded with attn_implementation='eager' "
        "and called with output_attentions=True."
    )


def _wrong(place: str, what: str) -> InputError:
    return InputError(f"{place} is {what}: no attention weights.", how_to(place.partition("[")[0]))


def _nothing(what: str, option: str) -> AttnWidgetError:
    return NoAttentionError(
        what,
        f"{how_to(option)} Or open the model itself, which needs no such output: "
        "attnwidget.explore(text, model=model, tokenizer=tokenizer).",
    )
