"""Attention sites in a file: what each needs to answer as it did; masks that several share are kept once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord, DenseSite, Kind, Route, Site, Visibility
from attnwidget.snapshot.described import MOST_LAYERS
from attnwidget.snapshot.fields import Fields, is_text
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged

QK = "queries and keys"
_DENSE = "weights"
_ARRAYS = {_DENSE: {"values"}, QK: {"q", "k"}}


def needs_torch(said: Fields) -> bool:
    """Whether some site is kept as queries and keys, from which torch computes its rows."""
    return any(site.given.get("holds") == QK for site in said.objects("sites"))


@dataclass
class Arrays:
    """The arrays of a file that is to be written; what several sites share is kept once."""

    tensors: dict[str, Tensor]
    _shared: dict[Hashable, int] = field(default_factory=dict)

    def share(self, noun: str, key: Hashable, tensor: Tensor) -> int:
        """Keep an array as `noun` and a number, and return the number; `key` tells whether it is there."""
        known = sum(name[0] == noun for name in self._shared if isinstance(name, tuple))
        number = self._shared.setdefault((noun, key), known)
        self.tensors[f"{noun}.{number}"] = tensor
        return number


def describe_sites(record: AttentionRecord, arrays: Arrays) -> list[dict[str, Any]]:
    """Return what JSON says of a record's sites; their arrays go to `arrays`.

    Raises
    ------
    NotRecordedError
        If a site does not hold what its numbers are made of.
    """
    return [_describe(site, arrays) for site in record.sites]


def _describe(site: Site, arrays: Arrays) -> dict[str, Any]:
    own: dict[str, Tensor] = {}
    if type(site) is DenseSite:
        more: dict[str, Any] = {"holds": _DENSE}
        own["values"] = _floats(site.values)
        if site.sinks is not None:
            own["sinks"] = _floats(site.sinks)
    else:
        more = _of_queries_and_keys(site, own, arrays)
    if site.value_norms is not None:
        own["value_norms"] = _floats(site.value_norms)
    for name, tensor in own.items():
        arrays.tensors[f"{site.kind}.{site.layer}.{name}"] = tensor
    mask = site.visibility.mask
    return {
        "kind": site.kind,
        "layer": site.layer,
        "name": site.name,
        "route": site.route,
        "heads": site.heads,
        "kv_heads": site.kv_heads,
        "queries": site.queries,
        "keys": site.keys,
        "causal": site.visibility.causal,
        "window": site.visibility.window,
        "mask": None if mask is None else arrays.share("mask", id(mask), _packed(mask)),
        "fidelity": site.fidelity,
        "softcap": site.softcap,
        "scaling": site.scaling,
        "has_sinks": site.has_sinks,
        "rotary": site.rotary,
        "arrays": sorted(own),
        **more,
    }


def _of_queries_and_keys(site: Site, own: dict[str, Tensor], arrays: Arrays) -> dict[str, Any]:
    try:
        from attnwidget.record.qk import QKSite
        from attnwidget.snapshot.queries_keys import describe_queries_keys
    except ImportError:
        raise _not_kept(site) from None
    if type(site) is not QKSite:
        raise _not_kept(site)
    return {"holds": QK, **describe_queries_keys(site, own, arrays)}


def _not_kept(site: Site) -> NotRecordedError:
    return NotRecordedError(
        f"The {site.kind} attention of layer {site.layer} does not hold what its numbers are made of.",
        "Save a snapshot of it: record.save(path, exact=False).",
    )


def read_sites(said: Fields, file: TensorFile) -> tuple[Site, ...]:
    """Return the sites of a file; their arrays are read when they are asked.

    Raises
    ------
    SnapshotError
        If something is missing, or contradicts something else.
    ImportError
        If queries and keys need torch, and it is not there.
    """
    masks: dict[tuple[int, int], NDArray[np.bool_]] = {}
    return tuple(_read(site, file, masks) for site in said.objects("sites"))


def _read(said: Fields, file: TensorFile, masks: dict[tuple[int, int], NDArray[np.bool_]]) -> Site:
    kind, layer = said.name("kind", Kind), said.count("layer", most=MOST_LAYERS)
    heads, kv_heads, queries, keys = (
        said.count(name, 1) for name in ("heads", "kv_heads", "queries", "keys")
    )
    holds = said.text("holds")
    names = set(said.each("arrays", is_text))
    has_sinks = said.flag("has_sinks")
    if heads % kv_heads or not names >= _ARRAYS.get(holds, names | {""}):
        raise damaged(f"{kind} layer {layer} contradicts itself")

    def floats(name: str, *shape: int) -> Any:
        return file.array(f"{kind}.{layer}.{name}", ["F32"], shape) if name in names else None

    facts: dict[str, Any] = {
        "kind": kind,
        "layer": layer,
        "name": said.text("name"),
        "route": said.name("route", Route),
        "heads": heads,
        "kv_heads": kv_heads,
        "queries": queries,
        "keys": keys,
        "visibility": _read_visibility(said, file, masks, (heads, queries, keys)),
        "fidelity": said.optional("fidelity", said.number),
        "softcap": said.optional("softcap", said.number),
        "scaling": said.optional("scaling", said.number),
        "has_sinks": has_sinks,
        "rotary": said.flag("rotary"),
        "value_norms": floats("value_norms", heads, keys),
    }
    if holds == QK:
        from attnwidget.snapshot.queries_keys import read_queries_keys

        return read_queries_keys(said, file, facts, floats("sink_scores", heads))
    return DenseSite(
        **facts, values=floats("values", heads, queries, keys), sinks=floats("sinks", heads, queries)
    )


def _read_visibility(
    said: Fields,
    file: TensorFile,
    masks: dict[tuple[int, int], NDArray[np.bool_]],
    shape: tuple[int, int, int],
) -> Visibility:
    number = said.optional("mask", said.count)
    mask = None
    if number is not None:
        heads, queries, keys = shape
        mask = masks.get((number, keys))
        if mask is None:
            name = f"mask.{number}"
            lead = [None] if name in file.places and len(file.places[name].shape) == 3 else []
            packed = file.array(name, ["U8"], [*lead, queries, -(-keys // 8)])
            mask = np.unpackbits(packed, axis=-1, count=keys).view(np.bool_)
            masks[number, keys] = mask
        if mask.shape not in ((queries, keys), (1, queries, keys), (heads, queries, keys)):
            raise damaged(f"the mask of {said.place} is of another shape")
    return Visibility(
        causal=said.flag("causal"),
        window=said.optional("window", lambda name: said.count(name, 1)),
        mask=mask,
    )


def _floats(array: NDArray[np.float32]) -> Tensor:
    return Tensor("F32", array.shape, lambda: array)


def _packed(mask: NDArray[np.bool_]) -> Tensor:
    *lead, keys = mask.shape
    return Tensor("U8", (*lead, -(-keys // 8)), lambda: np.packbits(mask, axis=-1))
