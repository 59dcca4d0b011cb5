"""Request -> reply for numbers per head: the metrics map, and what was measured for it so far."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import HeadMetric, Metric
from attnwidget.metrics.registry import Registry
from attnwidget.metrics.table import HeadTable, measure_heads
from attnwidget.record import AttentionRecord
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.schema import MetricInfo, MetricsMeta, SiteKind

METRIC_CELLS = 1 << 24
"""Cells of all heads that are read for the map, about a second's work; beyond, queries are sampled."""

FEWEST = 16
"""Queries that are read at least, however long the prompt."""

KEPT = 8
"""Tables that are kept: records times kinds of attention."""


def metric_queries(heads: int, queries: int, keys: int) -> NDArray[np.intp]:
    """Return the queries that the map is about: all of them, or evenly spaced ones.

    Parameters
    ----------
    heads : int
        Heads of all layers.
    queries, keys : int
        Size of a pattern.
    """
    count = min(queries, max(FEWEST, METRIC_CELLS // (heads * keys)))
    return np.linspace(0, queries - 1, count).round().astype(np.intp)


class Measurements:
    """What was measured of the records that were shown lately: each metric of a record once."""

    def __init__(self) -> None:
        self._tables: OrderedDict[tuple[str, SiteKind], HeadTable] = OrderedDict()
        self._lock = threading.Lock()

    def table(self, record: AttentionRecord, site: SiteKind, registry: Registry) -> HeadTable:
        """Return the metrics of a registry, in its order; a metric that raises an error is not measured.

        Raises
        ------
        InputError
            If the record has no attention of this kind.
        """
        with self._lock:
            key = record.id, site
            held = self._tables.get(key)
            if held is None and site in record.tables:
                held = self._tables[key] = _recorded(record.tables[site], registry)
            known = () if held is None else held.metrics.metrics
            missing = tuple(metric for metric in registry if metric not in known)
            if held is None or missing:
                made = _measured(record, site, missing)
                held = made if held is None else held.with_(made)
                self._tables[key] = held
            self._tables.move_to_end(key)
            while len(self._tables) > KEPT:
                self._tables.popitem(last=False)
        return held.only(registry)


def _recorded(table: HeadTable, registry: Registry) -> HeadTable:
    """Return what of a registry was measured in the run: metrics of the same title and formula."""
    texts = {metric.name: (metric.title, metric.formula) for metric in table.metrics}
    same = [metric for metric in registry if texts.get(metric.name) == (metric.title, metric.formula)]
    return table.only(Registry(tuple(same)))


def _measured(record: AttentionRecord, site: SiteKind, metrics: tuple[Metric, ...]) -> HeadTable:
    sites = [record.site(layer, site) for layer in record.layers(site)]
    axes = Axes.of_record(record, site)
    failed: dict[str, str] = {}
    for metric in metrics:
        if not record.whole:
            failed[metric.name] = "the snapshot left out weights"
            continue
        try:
            metric.bind(axes)
        except Exception as error:
            # Only the user's own run code that is not ours; the others are still worth showing.
            failed[metric.name] = f"{type(error).__name__}: {error}"
    good = [metric for metric in metrics if metric.name not in failed]
    heads = sum(one.heads for one in sites)
    rows = metric_queries(heads, sites[0].queries, sites[0].keys)
    table = measure_heads(record, site, good, queries=rows if good else [])
    none = HeadMetric.none(heads, np.zeros(heads, dtype=np.int64))
    measured = {**table.measured, **dict.fromkeys(failed, none)}
    return replace(table, metrics=Registry(metrics), measured=measured, failed=failed, sampled=len(rows))


def describe_metric(metric: Metric, own: bool, failed: str | None = None) -> MetricInfo:
    """Return what the front end is told of a metric; `own` marks one that the user added."""
    eligible = metric.eligible if failed is None else f"Nothing: its function failed here ({failed})."
    return {
        "name": metric.name,
        "title": metric.title,
        "formula": metric.formula,
        "eligible": eligible,
        "source": metric.source,
        "sinks": metric.sinks,
        "unit": metric.unit,
        "low": metric.low,
        "high": metric.high,
        "counted": metric.counted,
        "own": own,
    }


def answer_metrics(table: HeadTable, own: frozenset[str] = frozenset()) -> tuple[MetricsMeta, Buffers]:
    """Answer `metrics`: every metric of every head.

    Parameters
    ----------
    table : HeadTable
    own : frozenset of str
        Names of the metrics that the user added.
    """

    def rows(name: str, dtype: str) -> NDArray[np.generic]:
        return np.asarray([getattr(table.measured[metric], name) for metric in table.names]).astype(dtype)

    buffers = Buffers()
    return {
        "site": table.site,
        "layers": list(table.layers),
        "heads": list(table.heads),
        "metrics": [
            describe_metric(metric, metric.name in own, table.failed.get(metric.name))
            for metric in table.metrics
        ],
        "values": buffers.add(rows("values", "<f4")),
        "baselines": buffers.add(rows("baselines", "<f4")),
        "counts": buffers.add(rows("counts", "<i4")),
        "queries": table.queries,
        "sampled": table.sampled,
    }, buffers
