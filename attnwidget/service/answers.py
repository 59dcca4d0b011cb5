"""Request -> reply: pure functions of a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.metrics.interest import content_score
from attnwidget.metrics.refine import SampledPicture
from attnwidget.metrics.thumbnails import block_size
from attnwidget.record import AttentionRecord, Site, Token, streams_of
from attnwidget.service.refine import LAYER_QUERIES
from attnwidget.service.thumbnails import THUMBNAIL_PIXELS, whole_thumbnails
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.patterns import COMPAND_ERROR, compand, mark
from attnwidget.wire.schema import (
    MAX_MESSAGE_BYTES,
    WHOLE_CELLS,
    HeadNote,
    LayerInfo,
    LayerMeta,
    OpenMeta,
    PredictionsMeta,
    RowMeta,
    SiteInfo,
    SiteKind,
    Tokens,
)

SAMPLED_QUERIES = 32
"""Rows looked at when the opening view is chosen; fewer of long prompts."""

SAMPLED_WEIGHTS = 1 << 17
"""Weights of a head looked at then."""


def describe_tokens(tokens: Sequence[Token]) -> Tokens:
    """Return tokens as columns."""
    return {
        "text": [token.text for token in tokens],
        "label": [token.label for token in tokens],
        "id": [token.id for token in tokens],
        "special": [token.special for token in tokens],
        "continued": [token.continued for token in tokens],
        "segment": [token.segment for token in tokens],
    }


def is_tiled(site: Site) -> bool:
    """Whether a site's patterns are too large to send whole, so that they come as tiles."""
    return site.queries * site.keys > WHOLE_CELLS


def describe_site(site: Site) -> LayerInfo:
    """Return what the front end is told about one attention site."""
    info: LayerInfo = {
        "layer": site.layer,
        "heads": site.heads,
        "kv_heads": site.kv_heads,
        "causal": site.causal,
        "window": site.window,
        "route": site.route,
        "scores": site.has_scores,
        "sinks": site.has_sinks,
        "rotary": site.rotary,
        "fidelity": site.fidelity,
    }
    if is_tiled(site):
        info["tiled"] = True
    return info


def describe(record: AttentionRecord, head_notes: Iterable[HeadNote]) -> OpenMeta:
    """Answer `open`."""
    sites: list[SiteInfo] = []
    for kind in record.kinds:
        query_stream, key_stream = streams_of(kind)
        layers = [describe_site(record.site(layer, kind)) for layer in record.layers(kind)]
        sites.append({"kind": kind, "query_stream": query_stream, "key_stream": key_stream, "layers": layers})
    opened: OpenMeta = {
        "record": record.id,
        "model": {
            "name": record.model.name,
            "architecture": record.model.architecture,
            "embedded": record.model.embedded,
            "dtype": record.model.dtype,
            "device": record.model.device,
            "parameters": record.model.parameters or None,
        },
        "streams": {name: describe_tokens(tokens) for name, tokens in record.streams.items()},
        "sites": sites,
        "fidelity": record.fidelity,
        "exact": record.exact,
        "notes": list(record.notes),
        "head_notes": list(head_notes),
        "predictions": record.predictions is not None,
        "words": record.words,
        "weighting": record.weighting,
        "can_merge": record.can_merge,
        "can_weigh": record.can_weigh,
    }
    if record.precision is not None:
        opened["precision"] = record.precision
    return opened


def answer_layer(
    record: AttentionRecord,
    site: SiteKind,
    layer: int,
    heads: Sequence[int],
    thumbnails: bool,
    picture: SampledPicture | None = None,
) -> tuple[LayerMeta, Buffers]:
    """Answer `layer`: patterns of the chosen heads (of none if tiled), and thumbnails of all if asked for.

    `picture` is what was read of a tiled layer; without it, some queries are read now.

    Raises
    ------
    InputError
        If a head or layer does not exist.
    """
    attention = record.site(layer, site)
    chosen = attention.pick_heads([] if is_tiled(attention) else list(heads))
    visible = attention.visible() if len(chosen) else np.zeros((0, 0), dtype=np.bool_)
    buffers = Buffers()
    exact = len(chosen) * attention.queries * attention.keys * 4 <= MAX_MESSAGE_BYTES
    encode = mark if exact else compand
    shape = (len(chosen), attention.queries, attention.keys)
    patterns: NDArray[Any] = np.empty(shape, dtype=np.float32 if exact else np.uint8)
    for index, head in enumerate(chosen):
        patterns[index] = encode(attention.weights(head)[0], _of_head(visible, head))
    packed = buffers.add(patterns)
    sinks = buffers.add(attention.sink(chosen)) if attention.has_sinks else None
    lost = [attention.lost(int(head)) for head in chosen]
    error = max([0.0 if exact else COMPAND_ERROR, *(float(each.error.max()) for each in lost if each)])
    size = block_size(attention.queries, attention.keys, THUMBNAIL_PIXELS)
    meta: LayerMeta = {
        "site": site,
        "layer": layer,
        "heads": [int(head) for head in chosen],
        "patterns": packed,
        "sinks": sinks,
        "thumbnails": None,
        "error": error,
        "pooled": size,
    }
    kept = attention.thumbnails
    if kept is not None:
        meta["pooled"] = kept.size
    if thumbnails and kept is not None:
        meta["thumbnails"] = buffers.add(kept.codes)
    elif thumbnails and is_tiled(attention):
        if picture is None:
            picture = SampledPicture(attention, THUMBNAIL_PIXELS)
            picture.read_to(LAYER_QUERIES)
        largest, reached, _ = picture.pixels()
        meta["thumbnails"] = buffers.add(compand(largest, reached))
        meta["pooled"], meta["sampled"] = picture.size, picture.read
    elif thumbnails:
        meta["thumbnails"] = buffers.add(whole_thumbnails(attention, size))
    if any(each is not None and each.floor.any() for each in lost):
        whole = np.zeros(attention.queries, dtype=np.float32)
        meta["rest"] = buffers.add(np.stack([whole if each is None else each.rest for each in lost]))
        meta["floor"] = buffers.add(np.stack([whole if each is None else each.floor for each in lost]))
    return meta, buffers


def answer_row(
    record: AttentionRecord, site: SiteKind, layer: int, heads: Sequence[int], query: int
) -> tuple[RowMeta, Buffers]:
    """Answer `row`: exact weights, and scores where queries and keys are known."""
    attention = record.site(layer, site)
    chosen = attention.pick_heads(list(heads))
    visible = attention.visible(query)
    visible = visible if visible.ndim == 2 else visible[chosen, 0]
    buffers = Buffers()
    weights = buffers.add(mark(attention.weights(chosen, query)[:, 0], visible))
    scores = None
    if attention.has_scores:
        values = attention.scores(chosen, query)[:, 0]
        scores = buffers.add(np.where(visible, values, np.float32(np.nan)))
    meta: RowMeta = {
        "site": site,
        "layer": layer,
        "heads": [int(head) for head in chosen],
        "query": query,
        "weights": weights,
        "scores": scores,
        "sink": [float(mass) for mass in attention.sink(chosen, query)[:, 0]],
    }
    lost = [attention.lost(int(head)) for head in chosen]
    if any(lost):
        meta["error"] = max(float(each.error[query]) for each in lost if each)
        meta["floor"] = [0.0 if each is None else float(each.floor[query]) for each in lost]
    return meta, buffers


def answer_predictions(record: AttentionRecord) -> tuple[PredictionsMeta, Buffers]:
    """Answer `predictions`.

    Raises
    ------
    NotRecordedError
        If the model does not predict next tokens.
    """
    predictions = record.predictions
    if predictions is None:
        raise NotRecordedError(
            f"{record.model.name} does not predict next tokens.",
            "Use a model with a causal language model head.",
        )
    table: dict[str, int] = {}
    index = [[table.setdefault(label, len(table)) for label in labels] for labels in predictions.labels]
    buffers = Buffers()
    shape = predictions.probs.shape
    return {
        "index": buffers.add(np.asarray(index, dtype="<i4").reshape(shape)),
        "probs": buffers.add(predictions.probs.astype("<f4", copy=False)),
        "labels": list(table),
    }, buffers


def opening(
    record: AttentionRecord, site: SiteKind | None = None, layer: int | None = None
) -> tuple[SiteKind, int, list[int]]:
    """Choose the site, layer and heads that an explorer opens on, as far as they are not given.

    It is the head that most singles out keys by content (`metrics.interest.content_score`, on up to
    `SAMPLED_QUERIES` rows, fewer of long prompts).
    """
    kind: SiteKind = site or ("decoder" if "decoder" in record.kinds else record.kinds[0])
    layers = record.layers(kind) if layer is None else (layer,)
    best = (-1.0, layers[0], 0)
    for layer in layers:
        attention = record.site(layer, kind)
        if len(attention.known) == 0:
            continue
        rows = max(4, min(SAMPLED_QUERIES, SAMPLED_WEIGHTS // max(1, attention.keys)))
        queries = np.unique(np.linspace(0, attention.queries - 1, rows).astype(np.intp))
        weights = attention.weights(attention.known, queries)
        scores = content_score(weights, queries, kind != "cross")
        place = int(scores.argmax())
        head = int(attention.known[place])
        best = max(best, (float(scores[place]), layer, head), key=lambda item: item[0])
    return kind, best[1], [best[2]]


def _of_head(visible: NDArray[np.bool_], head: int) -> NDArray[np.bool_]:
    """Return one head's [queries, keys] of a visibility that heads may share."""
    return visible if visible.ndim == 2 else visible[head]
