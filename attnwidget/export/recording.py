"""Replies to everything that a front end can ask about a record, recorded for a page without a kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import AttnWidgetError, InputError
from attnwidget.record import AttentionRecord, Site
from attnwidget.service import Service
from attnwidget.wire.arrays import Buffers, unpack
from attnwidget.wire.patterns import COMPAND_ERROR, compand, mark
from attnwidget.wire.schema import PROTOCOL, ArraySpec, HeadNote

EXACT_BYTES = 2_000_000
"""Patterns of all heads that take no more than this in float32 are recorded exactly; else in 8 bits."""

NEURON_BYTES = 8_000_000
"""Queries and keys of all heads are recorded if they take no more than this in float32."""

PRESSED = 8
"""What is larger than the limit times this is not compressed to see whether it fits."""


@dataclass(frozen=True)
class Recording:
    """What a page answers from.

    Attributes
    ----------
    header : dict
        Replies, and how to read the arrays; see `page.js`.
    arrays : list of bytes
        Little-endian, in the order of the header's buffer numbers.
    exact : bool
        Whether patterns are float32, or 8-bit.
    terms : bool or None
        Whether queries and keys are among it; None where the record has none.
    """

    header: dict[str, Any]
    arrays: list[memoryview]
    exact: bool
    terms: bool | None


def record_replies(record: AttentionRecord, head_notes: Sequence[HeadNote] = (), *, limit: int) -> Recording:
    """Record the replies about a record.

    Parameters
    ----------
    record : AttentionRecord
        What to record.
    head_notes : sequence of HeadNote
        What is known about the model's heads.
    limit : int
        Bytes that the page may hold.

    Returns
    -------
    Recording

    Raises
    ------
    InputError
        If it cannot fit.
    """
    cells = sum(site.heads * site.queries * site.keys for site in record.sites)
    if cells > PRESSED * limit:
        raise InputError(
            f"The weights of all heads are {cells / 1e6:,.0f} million numbers, too many for a page of "
            f"{limit / 1e6:,.0f} MB.",
            "Show fewer layers (include_layers=[...]) or a shorter prompt.",
        )
    exact = 4 * cells <= EXACT_BYTES
    term_bytes = sum(_term_bytes(site) for site in record.sites)
    with_terms = term_bytes <= NEURON_BYTES
    service, buffers = Service(record, head_notes=head_notes), Buffers()
    opened = _ask(service, "open")
    # There is nobody to read the record otherwise.
    opened["can_merge"] = opened["can_weigh"] = False
    for site in opened["sites"]:
        for info in site["layers"]:
            info["scores"] = info["scores"] and with_terms
    replies: dict[str, Any] = {}
    for kind in record.kinds:
        replies[kind] = {
            "model": _model(service, kind, buffers),
            "metrics": _stored(_ask(service, "metrics", site=kind), buffers),
            "layers": {
                str(layer): _layer(service, record.site(layer, kind), buffers, exact, with_terms)
                for layer in record.layers(kind)
            },
        }
    predictions = _stored(_ask(service, "predictions"), buffers) if opened["predictions"] else None
    header = {
        "open": opened,
        "sites": replies,
        "predictions": predictions,
        "error": 0.0 if exact else COMPAND_ERROR,
    }
    return Recording(header, buffers.data, exact, with_terms if term_bytes else None)


def _model(service: Service, kind: str, buffers: Buffers) -> dict[str, Any]:
    """Record the thumbnails of all heads; the page makes them itself where no query is left out."""
    reply = _ask(service, "model", site=kind)
    shape = list(reply["thumbnails"].shape)
    if reply["sampled"] == reply["queries"]:
        reply["thumbnails"] = None
    return {**_stored(reply, buffers), "shape": shape}


def _layer(service: Service, site: Site, buffers: Buffers, exact: bool, with_terms: bool) -> dict[str, Any]:
    """Record one layer: the patterns of all heads, sinks, and queries and keys.

    Thumbnails are not recorded: the page pools the patterns.
    """
    reply = _ask(service, "layer", site=site.kind, layer=site.layer, heads=[], thumbnails=False)
    visible = site.visible()
    encode = mark if exact else compand
    shape = (site.heads, site.queries, site.keys)
    patterns: NDArray[Any] = np.empty(shape, dtype="<f4" if exact else "u1")
    for head in range(site.heads):
        patterns[head] = encode(site.weights(head)[0], visible if visible.ndim == 2 else visible[head])
    return {
        "patterns": buffers.add(patterns),
        "pooled": reply["pooled"],
        "sink": buffers.add(np.stack([site.sink(head)[0] for head in range(site.heads)])),
        "terms": _terms(site, buffers) if with_terms and site.has_scores else None,
    }


def _terms(site: Site, buffers: Buffers) -> dict[str, Any]:
    """Record what the scores of one layer are made of."""
    group = site.heads // site.kv_heads
    pairs = [site.qk(head) for head in range(site.heads)]
    first = [site.terms(head, 0) for head in range(site.heads)]
    bias: ArraySpec | None = None
    if any(terms.bias is not None for terms in first):
        rows = [[site.terms(head, query).bias for query in range(site.queries)] for head in range(site.heads)]
        bias = buffers.add(np.asarray(rows, dtype="<f4"))
    return {
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
