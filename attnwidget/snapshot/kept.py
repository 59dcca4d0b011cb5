"""Attention sites in a file: what each needs to answer as it did; masks that several share are kept once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord, DenseSite, Site, Visibility
from attnwidget.snapshot.described import Holds, KeptRecord, KeptSite
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged

QK: Holds = "queries and keys"
_DENSE: Holds = "weights"
_ARRAYS: dict[Holds, set[str]] = {_DENSE: {"values"}, QK: {"q", "k"}}

Masks = dict[tuple[int, int], NDArray[np.bool_]]
"""Masks that were read, by number and keys."""


def needs_torch(said: KeptRecord) -> bool:
    """Whether some site is kept as queries and keys, from which torch computes its rows."""
    return any(site["holds"] == QK for site in said["sites"])


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


def describe_sites(record: AttentionRecord, arrays: Arrays) -> list[KeptSite]:
    """Return what JSON says of a record's sites; their arrays go to `arrays`.

    Raises
    ------
    NotRecordedError
        If a site does not hold what its numbers are made of.
    """
    return [_describe(site, arrays) for site in record.sites]


def _describe(site: Site, arrays: Arrays) -> KeptSite:
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
        **more,  # type: ignore[typeddict-item]
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


def read_sites(said: KeptRecord, file: TensorFile) -> tuple[Site, ...]:
    """Return the sites of a file; their arrays are read when they are asked.

    Raises
    ------
    SnapshotError
        If something is missing, or contradicts something else.
    ImportError
        If queries and keys need torch, and it is not there.
    """
    masks: Masks = {}
    return tuple(_read(site, file, masks) for site in said["sites"])


def _read(said: KeptSite, file: TensorFile, masks: Masks) -> Site:
    place, names = f"{said['kind']}.{said['layer']}", set(said["arrays"])
    heads, kv_heads, queries, keys = said["heads"], said["kv_heads"], said["queries"], said["keys"]
    window, softcap = said["window"], said["softcap"]
    if (
        min(heads, kv_heads, queries, keys, 1 if window is None else window) < 1
        or (softcap is not None and softcap <= 0)
        or heads % kv_heads
        or not names >= _ARRAYS[said["holds"]]
        or (said["holds"] == QK and not said.keys() >= {"bias", "rounded"})
    ):
        raise damaged(f"{place} contradicts itself")

    def floats(name: str, *shape: int) -> Any:
        return file.array(f"{place}.{name}", ["F32"], shape) if name in names else None

    facts: dict[str, Any] = {
        "kind": said["kind"],
        "layer": said["layer"],
        "name": said["name"],
        "route": said["route"],
        "heads": heads,
        "kv_heads": kv_heads,
        "queries": queries,
        "keys": keys,
        "visibility": Visibility(causal=said["causal"], window=window, mask=_read_mask(said, file, masks)),
        "fidelity": said["fidelity"],
        "softcap": softcap,
        "scaling": said["scaling"],
        "has_sinks": said["has_sinks"],
        "rotary": said["rotary"],
        "value_norms": floats("value_norms", heads, keys),
    }
    if said["holds"] == QK:
        from attnwidget.snapshot.queries_keys import read_queries_keys

        return read_queries_keys(said, file, facts, floats("sink_scores", heads))
    return DenseSite(
        **facts, values=floats("values", heads, queries, keys), sinks=floats("sinks", heads, queries)
    )


def _read_mask(said: KeptSite, file: TensorFile, masks: Masks) -> NDArray[np.bool_] | None:
    number, keys = said["mask"], said["keys"]
    if number is None:
        return None
    if (number, keys) not in masks:
        name = f"mask.{number}"
        lead = [None] if name in file.places and len(file.places[name].shape) == 3 else []
        packed = file.array(name, ["U8"], [*lead, said["queries"], -(-keys // 8)])
        masks[number, keys] = np.unpackbits(packed, axis=-1, count=keys).view(np.bool_)
    mask = masks[number, keys]
    if mask.shape[-2] != said["queries"] or (mask.ndim == 3 and mask.shape[0] not in (1, said["heads"])):
        raise damaged(f"mask.{number} is of another shape")
    return mask


def _floats(array: NDArray[np.float32]) -> Tensor:
    return Tensor("F32", array.shape, lambda: array)


def _packed(mask: NDArray[np.bool_]) -> Tensor:
    *lead, keys = mask.shape
    return Tensor("U8", (*lead, -(-keys // 8)), lambda: np.packbits(mask, axis=-1))
