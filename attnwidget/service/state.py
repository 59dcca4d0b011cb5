"""What of an explorer's state fits a record: checks that name what exists, clamps that keep the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord
from attnwidget.service.answers import streams_of
from attnwidget.wire.schema import Selection, SiteKind

NOTHING_HELD: Selection = {"query": None, "key": None, "locked": False}


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

    Raises
    ------
    InputError
        If it names something else than a query and a key.
    """
    if unknown := sorted(selection.keys() - NOTHING_HELD.keys()):
        raise InputError(
            f"A selection has no {unknown[0]!r}.", "It has a query and a key: token positions, or None."
        )
    held = {**NOTHING_HELD, **selection}
    for name, stream in zip(("query", "key"), streams_of(site), strict=True):
        position = held[name]
        if position is not None and not 0 <= position < len(record.streams[stream]):
            held[name] = None
    held["locked"] = held["query"] is not None or held["key"] is not None
    return cast(Selection, held)


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


def nearest_layer(record: AttentionRecord, site: SiteKind, layer: int) -> int:
    """Return the layer with this kind of attention that is nearest to `layer`."""
    return min(record.layers(site), key=lambda other: abs(other - layer))


def kept_heads(record: AttentionRecord, site: SiteKind, layer: int, heads: list[int]) -> list[int]:
    """Return the heads that the layer has; its first if none is left of some."""
    count = record.site(layer, site).heads
    return [head for head in heads if head < count] or [0][: len(heads)]
