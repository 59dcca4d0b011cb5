"""What of an explorer's state fits a record: checks that name what exists, clamps that keep the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

import numpy as np

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, Token, streams_of
from attnwidget.record.words import word_starts
from attnwidget.wire.schema import Filters, HeadRef, Pair, Selection, SiteKind

NOTHING_HELD: Selection = {
    "query": None,
    "key": None,
    "locked": False,
    "query_token": None,
    "key_token": None,
}

ALL_SHOWN: Filters = {"pair": "all", "special": True, "top": 0, "heads": None}


def check_layer(record: AttentionRecord, site: SiteKind, layer: int) -> int:
    """Return a layer that has this kind of attention; InputError names those that do."""
    layers = record.layers(site)
    if layer not in layers:
        raise InputError(
            f"There is no {site} attention in layer {layer}.",
            f"Layers with attention: {', '.join(map(str, layers))}.",
        )
    return layer


def check_heads(record: AttentionRecord, site: SiteKind, layer: int, heads: Iterable[int]) -> list[int]:
    """Return head numbers, ascending and once each; InputError names those that exist."""
    count, chosen = record.site(layer, site).heads, sorted(set(heads))
    if wrong := [head for head in chosen if not 0 <= head < count]:
        raise InputError(f"There is no head {wrong[0]} in layer {layer}.", f"It has heads 0 to {count - 1}.")
    return chosen


def check_selection(record: AttentionRecord, site: SiteKind, selection: Mapping[str, Any]) -> Selection:
    """Return a whole selection; positions that the record does not have are let go.

    Parameters
    ----------
    record : AttentionRecord
    site : {"encoder", "decoder", "cross"}
    selection : mapping
        "query" and "key": positions, None, or a token as it is shown, if only one is.

    Raises
    ------
    InputError
        If it names something else than a query and a key, or a token that is not there exactly once.
    """
    if unknown := sorted(selection.keys() - NOTHING_HELD.keys()):
        raise InputError(
            f"A selection has no {unknown[0]!r}.", "It has a query and a key: token positions, or None."
        )
    held: dict[str, Any] = {**NOTHING_HELD}
    for name, stream in zip(("query", "key"), streams_of(site), strict=True):
        tokens = record.streams[stream]
        position = selection.get(name)
        if isinstance(position, str):
            position = find_token(tokens, position)
        if position is not None and 0 <= position < len(tokens):
            held[name], held[f"{name}_token"] = int(position), tokens[position].label
    held["locked"] = held["query"] is not None or held["key"] is not None
    return cast(Selection, held)


def find_token(tokens: Sequence[Token], text: str) -> int:
    """Return the position of the one token that is shown as `text`, or whose own text it is.

    Raises
    ------
    InputError
        If there is none, or more than one; it names the positions.
    """
    found = [place for place, token in enumerate(tokens) if text in (token.label, token.text)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"No token reads {text!r}.", "Give its position, or a token as it is shown.")
    places = ", ".join(map(str, found))
    raise InputError(f"{len(found)} tokens read {text!r}.", f"Give a position: {places}.")


def check_filters(filters: Mapping[str, Any]) -> Filters:
    """Return whole filters: what is not given is all shown.

    Raises
    ------
    InputError
        If there is no such filter, or it has no such value.
    """
    if unknown := sorted(filters.keys() - ALL_SHOWN.keys()):
        raise InputError(f"There is no filter {unknown[0]!r}.", f"Filters: {', '.join(sorted(ALL_SHOWN))}.")
    whole = {**ALL_SHOWN, **filters}
    if whole["pair"] not in get_args(Pair):
        raise InputError(f"There is no pair {whole['pair']!r}.", f"Pairs: {', '.join(get_args(Pair))}.")
    if not isinstance(whole["top"], int) or whole["top"] < 0:
        raise InputError(f"The top {whole['top']!r} is no number of weights.", "Give 0 for all, or a number.")
    if whole["heads"] is not None:
        whole["heads"] = sorted({int(head) for head in whole["heads"]})
    whole["special"] = bool(whole["special"])
    return cast(Filters, whole)


def check_pinned(pinned: Iterable[Any], site: SiteKind) -> list[HeadRef]:
    """Return pinned heads, each once, in the order given; a pair (layer, head) is of the site on screen.

    Heads that this record does not have stay pinned: the next prompt or site may have them.

    Raises
    ------
    InputError
        If an entry names no head.
    """
    whole: list[HeadRef] = []
    for entry in pinned:
        try:
            one: HeadRef
            if isinstance(entry, Mapping):
                kind, layer, head = entry.get("site", site), entry["layer"], entry["head"]
            else:
                kind, (layer, head) = site, entry
            one = {"site": kind, "layer": int(layer), "head": int(head)}
        except (KeyError, TypeError, ValueError):
            raise InputError(
                f"{entry!r} names no head.", 'Give (layer, head), or {"layer": 2, "head": 0}.'
            ) from None
        if one["site"] not in get_args(SiteKind) or min(one["layer"], one["head"]) < 0:
            raise InputError(f"{entry!r} names no head.", 'Give (layer, head), or {"layer": 2, "head": 0}.')
        if one not in whole:
            whole.append(one)
    return whole


def kept_selection(
    old: AttentionRecord, new: AttentionRecord, site: SiteKind, selection: Selection
) -> Selection:
    """Return what stays held after a new prompt: a position whose token reads the same as before."""
    held: dict[str, int | None] = {"query": selection["query"], "key": selection["key"]}
    for name, stream in zip(("query", "key"), streams_of(site), strict=True):
        before, after = (record.streams.get(stream, ()) for record in (old, new))
        position = held[name]
        if position is not None and (
            position >= min(len(before), len(after)) or before[position].text != after[position].text
        ):
            held[name] = None
    return check_selection(new, site, held)


def moved_selection(
    old: AttentionRecord,
    new: AttentionRecord,
    tokenwise: AttentionRecord,
    site: SiteKind,
    selection: Selection,
) -> Selection:
    """Return what is held after words were merged or taken apart again: the word, or its first token."""
    held: dict[str, int | None] = {"query": selection["query"], "key": selection["key"]}
    for name, stream in zip(("query", "key"), streams_of(site), strict=True):
        position, starts = held[name], word_starts(tokenwise.streams[stream])
        if position is not None and new.words and not old.words:
            held[name] = int(np.searchsorted(starts, position, side="right")) - 1
        elif position is not None and old.words and not new.words:
            held[name] = int(starts[position])
    return check_selection(new, site, held)


def nearest_layer(record: AttentionRecord, site: SiteKind, layer: int) -> int:
    """Return the layer with this kind of attention that is nearest to `layer`."""
    return min(record.layers(site), key=lambda other: abs(other - layer))


def kept_heads(record: AttentionRecord, site: SiteKind, layer: int, heads: list[int]) -> list[int]:
    """Return the heads that the layer has; its first if none is left of some."""
    count = record.site(layer, site).heads
    return [head for head in heads if head < count] or [0][: len(heads)]
