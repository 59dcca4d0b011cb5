"""Request -> reply for numbers per head: the metrics map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.measure import measure
from attnwidget.metrics.metric import Metric
from attnwidget.metrics.registry import Registry
from attnwidget.record import AttentionRecord
from attnwidget.service.answers import model_queries
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.schema import MetricInfo, MetricsMeta, SiteKind


def describe_metric(metric: Metric, own: bool) -> MetricInfo:
    """Return what the front end is told of a metric; `own` marks one that the user added."""
    return {
        "name": metric.name,
        "title": metric.title,
        "formula": metric.formula,
        "eligible": metric.eligible,
        "source": metric.source,
        "sinks": metric.sinks,
        "unit": metric.unit,
        "low": metric.low,
        "high": metric.high,
        "counted": metric.counted,
        "own": own,
    }


def answer_metrics(
    record: AttentionRecord, site: SiteKind, registry: Registry, own: frozenset[str] = frozenset()
) -> tuple[MetricsMeta, Buffers]:
    """Answer `metrics`: every metric of every head, over all queries or evenly spaced ones.

    Parameters
    ----------
    record : AttentionRecord
    site : {"encoder", "decoder", "cross"}
    registry : Registry
        Which metrics, in order.
    own : frozenset of str
        Names of those that the user added.

    Raises
    ------
    InputError
        If the record has no attention of this kind.
    """
    layers = record.layers(site)
    sites = [record.site(layer, site) for layer in layers]
    total = sum(attention.heads for attention in sites)
    rows = model_queries(total, sites[0].queries, sites[0].keys)
    tokens, key_tokens = record.query_tokens(site), record.key_tokens(site)
    measured = [measure(attention, tokens, registry, rows, key_tokens=key_tokens) for attention in sites]

    def table(name: str, dtype: str) -> NDArray[np.generic]:
        columns = [[getattr(of[metric], name) for of in measured] for metric in registry.names]
        return np.asarray([np.concatenate(column) for column in columns]).astype(dtype)

    buffers = Buffers()
    return {
        "site": site,
        "layers": list(layers),
        "heads": [attention.heads for attention in sites],
        "metrics": [describe_metric(metric, metric.name in own) for metric in registry],
        "values": buffers.add(table("values", "<f4")),
        "baselines": buffers.add(table("baselines", "<f4")),
        "counts": buffers.add(table("counts", "<i4")),
        "queries": sites[0].queries,
        "sampled": len(rows),
    }, buffers
