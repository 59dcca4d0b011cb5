"""Record -> snapshot: what a reader without a kernel needs, within a budget of bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import AttnWidgetError, NotRecordedError
from attnwidget.record import AttentionRecord, Site
from attnwidget.service import Service
from attnwidget.snapshot.container import pack
from attnwidget.wire.arrays import Buffers, unpack
from attnwidget.wire.patterns import COMPAND_ERROR, compand
from attnwidget.wire.schema import (
    PROTOCOL,
    ArraySpec,
    HeadNote,
    HeadRef,
    Precision,
    StoredLayer,
    StoredTerms,
)

EXACT_BYTES = 2_000_000
"""Patterns of all heads that take no more than this in float32 are kept exactly; else in 8 bits."""

NEURON_BYTES = 8_000_000
"""Queries and keys of all heads are kept if they take no more than this in float32."""


@dataclass(frozen=True)
class Snapshot:
    """A record as bytes.

    Attributes
    ----------
    data : bytes
        See `FORMAT.md` beside this module.
    precision : Precision
        What was lost.
    """

    data: bytes
    precision: Precision


def encode(
    shown: Service | AttentionRecord,
    *,
    budget: int | None = None,
    held: Sequence[HeadRef] = (),
    query: int | None = None,
    head_notes: Sequence[HeadNote] = (),
) -> Snapshot:
    """Return a snapshot of what a service shows, or of a record.

    Parameters
    ----------
    shown : Service or AttentionRecord
        A service brings its own detectors and what it has measured.
    budget : int or None
        Bytes that `data` may take; None keeps everything.
    held : sequence of HeadRef
        Heads that matter most (chosen, pinned): past the budget these keep queries and keys, and whole rows.
    query : int or None
        The query that is held: its row stays exact in all heads.
    head_notes : sequence of HeadNote
        What is known about the model's heads, where a record is given.

    Returns
    -------
    Snapshot
    """
    service = shown.fixed() if isinstance(shown, Service) else Service(shown, head_notes=head_notes)
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    cells = sum(site.heads * site.queries * site.keys for site in record.sites)
    exact = 4 * cells <= EXACT_BYTES
    with_terms = sum(_term_bytes(site) for site in record.sites) <= NEURON_BYTES
    precision: Precision = {
        "form": "exact" if exact else "dense",
        "error": 0.0 if exact else COMPAND_ERROR,
        "kept": None,
        "dropped": 0.0,
        "dropped_most": 0.0,
        "terms": "all" if with_terms and all(site.has_scores for site in record.sites) else "none",
    }
    buffers = Buffers()
    opened = _ask(service, "open")
    # There is nobody to read the record otherwise.
    opened |= {"can_merge": False, "can_weigh": False, "precision": precision}
    for info in (info for site in opened["sites"] for info in site["layers"]):
        info["scores"] = info["scores"] and with_terms
    sites: dict[str, Any] = {}
    for kind in record.kinds:
        model = _ask(service, "model", site=kind)
        if model["sampled"] == model["queries"]:
            model["thumbnails"] = None
        sites[kind] = {
            "model": _stored(model, buffers),
            "metrics": _stored(_ask(service, "metrics", site=kind), buffers),
            "layers": {
                str(layer): _layer(service, record.site(layer, kind), buffers, exact, with_terms)
                for layer in record.layers(kind)
            },
        }
    header = {
        "version": version("attnwidget"),
        "prompt": record.prompt,
        "context": record.context,
        "layers": record.model.layers,
        "open": opened,
        "sites": sites,
        "predictions": _stored(_ask(service, "predictions"), buffers) if opened["predictions"] else None,
    }
    return Snapshot(pack(header, buffers.data), precision)


def _layer(service: Service, site: Site, buffers: Buffers, exact: bool, with_terms: bool) -> StoredLayer:
    """Store one site: the visible cells of all heads, sinks, and queries and keys."""
    visible = np.broadcast_to(site.visible(), (site.heads, site.queries, site.keys))
    cells: NDArray[Any] = np.concatenate(
        [site.weights(head)[0][visible[head]] for head in range(site.heads)]
    ).astype("<f4", copy=False)
    mask = site.visibility.mask
    masks = None if mask is None else buffers.add(np.packbits(mask.reshape(-1, *mask.shape[-2:])))
    reply = _ask(service, "layer", site=site.kind, layer=site.layer, heads=[], thumbnails=False)
    sinks = site.sink()
    return {
        "form": "exact" if exact else "dense",
        "error": 0.0 if exact else COMPAND_ERROR,
        "causal": site.causal,
        "window": site.window,
        "mask": masks,
        "cells": buffers.add(cells if exact else compand(cells, np.ones(1, dtype=np.bool_))),
        "counts": None,
        "places": None,
        "rest": None,
        "floor": None,
        "sink": buffers.add(sinks) if site.has_sinks else None,
        "pooled": reply["pooled"],
        "thumbnails": None,
        "terms": _terms(site, buffers) if with_terms and site.has_scores else None,
    }


def _terms(site: Site, buffers: Buffers) -> StoredTerms:
    """Store what the scores of one layer are made of."""
    group = site.heads // site.kv_heads
    pairs = [site.qk(head) for head in range(site.heads)]
    first = [site.terms(head, 0) for head in range(site.heads)]
    bias: ArraySpec | None = None
    if any(terms.bias is not None for terms in first):
        rows = [[site.terms(head, query).bias for query in range(site.queries)] for head in range(site.heads)]
        bias = buffers.add(np.asarray(rows, dtype="<f4"))
    return {
        "heads": list(range(site.heads)),
        "kv_heads": list(range(site.kv_heads)),
        "q": buffers.add(np.stack([q for q, _ in pairs])),
        "k": buffers.add(np.stack([k for _, k in pairs[::group]])),
        "bias": bias,
        "scaling": first[0].scaling,
        "softcap": first[0].softcap,
        "sink_score": [_finite(terms.sink_score) for terms in first],
    }


def _finite(score: float | None) -> float | None:
    """Return None for a sink that takes nothing."""
    return score if score is not None and math.isfinite(score) else None


def _term_bytes(site: Site) -> int:
    if not site.has_scores:
        return 0
    width = int(site.qk(0)[0].shape[1])
    has_bias = site.terms(0, 0).bias is not None
    cells = site.heads * site.queries * site.keys if has_bias else 0
    return 4 * ((site.heads * site.queries + site.kv_heads * site.keys) * width + cells)


def _ask(service: Service, kind: str, **args: Any) -> dict[str, Any]:
    """Return what the kernel replies, with its arrays."""
    heard: list[tuple[Any, list[Any]]] = []
    request = {"protocol": PROTOCOL, "id": kind, "kind": kind, "record": "", "args": args}
    service.handle(request, lambda content, parts: heard.append((content, parts)))
    reply, parts = heard[0]
    if "parts" in reply:
        whole = memoryview(b"".join(piece for _, pieces in heard for piece in pieces))
        reply, lengths, parts = reply["reply"], reply["lengths"], []
        for length in lengths:
            parts.append(whole[:length])
            whole = whole[length:]
    if not reply["ok"]:
        raise AttnWidgetError(reply["error"]["what"], reply["error"]["todo"])
    return {name: unpack(value, parts) if _is_spec(value) else value for name, value in reply["meta"].items()}


def _stored(reply: dict[str, Any], buffers: Buffers) -> dict[str, Any]:
    """Return a reply whose arrays are in `buffers`."""
    return {
        name: buffers.add(value) if isinstance(value, np.ndarray) else value for name, value in reply.items()
    }


def _is_spec(value: Any) -> TypeGuard[ArraySpec]:
    return isinstance(value, dict) and value.keys() == ArraySpec.__annotations__.keys()
