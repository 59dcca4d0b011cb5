"""Request -> reply for the neuron view: how the scores of one query come about."""

from __future__ import annotations

import numpy as np

from attnwidget.record import AttentionRecord
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.patterns import mark
from attnwidget.wire.schema import NeuronMeta, SiteKind


def answer_neuron(
    record: AttentionRecord, site: SiteKind, layer: int, head: int, query: int, keys: bool = True
) -> tuple[NeuronMeta, Buffers]:
    """Answer `neuron`: query, keys, and each step from their products to the weights of one row.

    Without `keys`, the keys stay here: they are the same for every query of a head.

    Raises
    ------
    InputError
        If the layer, head, site or query does not exist.
    """
    attention = record.site(layer, site)
    visible = attention.visible(query)
    reach = visible[0] if visible.ndim == 2 else visible[head if visible.shape[0] > 1 else 0, 0]
    group = attention.heads // attention.kv_heads
    kv_head = head // group
    buffers = Buffers()
    meta: NeuronMeta = {
        "site": site,
        "layer": layer,
        "head": head,
        "query": query,
        "q": None,
        "k": None,
        "bias": None,
        "scores": None,
        "weights": buffers.add(mark(attention.weights(head, query)[0, 0], reach)),
        "scaling": None,
        "softcap": attention.softcap,
        "sink": float(attention.sink(head, query)[0, 0]),
        "sink_score": None,
        "kv_head": kv_head,
        "shared": list(range(kv_head * group, (kv_head + 1) * group)),
        "rotary": attention.rotary,
    }
    if lost := attention.lost(head):
        meta["error"], meta["floor"] = float(lost.error[query]), float(lost.floor[query])
    if attention.has_scores:
        terms = attention.terms(head, query)
        scores = attention.scores(head, query)[0, 0]
        meta["q"] = buffers.add(terms.q)
        meta["k"] = buffers.add(terms.k) if keys else None
        meta["bias"] = None if terms.bias is None else buffers.add(terms.bias)
        meta["scores"] = buffers.add(np.where(reach, scores, np.float32(np.nan)))
        meta["scaling"], meta["sink_score"] = terms.scaling, terms.sink_score
    return meta, buffers
