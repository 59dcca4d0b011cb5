"""A record from BertViz's arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from attnwidget.compat.given import Weights, how_to, read_weights
from attnwidget.compat.tokens import read_tokens, text_of
from attnwidget.errors import InputError, NoAttentionError
from attnwidget.record import AttentionRecord, Token

QUERIES = {
    "attention": "tokens",
    "decoder_attention": "decoder_tokens",
    "cross_attention": "decoder_tokens",
}
"""Argument -> the tokens on its query axis, where the last may be one that was generated."""


def record_of(
    attention: Any = None,
    tokens: Any = None,
    sentence_b_start: int | None = None,
    prettify_tokens: bool = True,
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Any = None,
    decoder_tokens: Any = None,
    include_layers: Iterable[int] | None = None,
) -> AttentionRecord:
    """Make a record of what BertViz's functions take.

    Parameters
    ----------
    attention, tokens, sentence_b_start, prettify_tokens
        Weights and tokens of a model with one stack.
    encoder_attention, decoder_attention, cross_attention, encoder_tokens, decoder_tokens
        Those of a model with two.
    include_layers : iterable of int, optional
        Layers to keep, all by default; they keep their numbers. A negative one counts from the last.

    Returns
    -------
    AttentionRecord

    Raises
    ------
    NoAttentionError, InputError, ShapeError
        What is wrong, and what to pass.
    """
    two_stacks = {
        "encoder_attention": encoder_attention,
        "decoder_attention": decoder_attention,
        "cross_attention": cross_attention,
    }
    options = {name: given for name, given in two_stacks.items() if given is not None}
    if attention is not None:
        if options or encoder_tokens is not None or decoder_tokens is not None:
            raise InputError(
                "attention was given together with arguments of an encoder or a decoder.",
                "Give attention and tokens for a model with one stack, the others for a model with two.",
            )
        options = {"attention": attention}
    if not options:
        raise NoAttentionError("No attention was given.", how_to("attention"))
    weights = {option: read_weights(given, option) for option, given in options.items()}
    kept = _include(weights, include_layers)
    streams = {
        option: read_tokens(
            given,
            option,
            prettify=prettify_tokens,
            sentence_b_start=sentence_b_start if option == "tokens" else None,
        )
        for option, given in (
            ("tokens", tokens),
            ("encoder_tokens", encoder_tokens),
            ("decoder_tokens", decoder_tokens),
        )
        if given is not None
    }
    notes = _trim(kept, streams)
    arguments: dict[str, Any] = {
        "attentions" if option == "attention" else option: item.layers for option, item in kept.items()
    }
    record = AttentionRecord.from_attentions(**arguments, **cast(dict[str, Any], streams))
    depth = max(len(item.layers) for item in weights.values())
    record = replace(record, model=replace(record.model, layers=depth), notes=(*record.notes, *notes))
    if "encoder_tokens" in streams:
        record = replace(record, prompt=text_of(streams["encoder_tokens"], 0))
    if sentence_b_start is not None:
        first, second = text_of(record.tokens, 0), text_of(record.tokens, 1)
        record = replace(record, prompt=first, context=second)
    return record


def _include(weights: dict[str, Weights], include: Iterable[int] | None) -> dict[str, Weights]:
    """Leave out all but some layers; where stacks differ in depth, each keeps those that it has."""
    chosen = list(include) if include is not None else []
    if not chosen:
        return weights
    depths = {option: len(item.layers) for option, item in weights.items()}
    deepest = max(depths.values())
    if wrong := [number for number in chosen if not -deepest <= number < deepest]:
        raise InputError(
            f"include_layers names layer {wrong[0]}.",
            f"There are layers 0 to {deepest - 1}.",
        )
    kept: dict[str, Weights] = {}
    for option, item in weights.items():
        depth = depths[option]
        numbers = {number % depth for number in chosen if -depth <= number < depth}
        layers = [layer if at in numbers else None for at, layer in enumerate(item.layers)]
        if any(layer is not None for layer in layers):
            kept[option] = replace(item, layers=layers)
    if not kept:
        raise InputError(
            f"The layers {sorted(chosen)} of include_layers have no attention.", "Name layers that have some."
        )
    return kept


def _trim(weights: dict[str, Weights], streams: dict[str, tuple[Token, ...]]) -> tuple[str, ...]:
    """Take off the last generated token where the model chose it and never read it; say so."""
    for option, stream in QUERIES.items():
        item, tokens = weights.get(option), streams.get(stream)
        if item is None or not item.steps or tokens is None:
            continue
        queries = next(layer.shape[1] for layer in item.layers if layer is not None)
        if len(tokens) == queries + 1:
            streams[stream] = tokens[:-1]
            last = tokens[-1].label
            return (f"The last token, {last!r}, was generated and never read: it has no attention.",)
    return ()
