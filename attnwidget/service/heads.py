"""Request -> reply for numbers per head: the metrics map, and what was measured for it so far."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import HeadMetric, Metric
from attnwidget.metrics.refine import Refinement, SampledPicture
from attnwidget.metrics.registry import Registry
from attnwidget.metrics.table import HeadTable, measure_heads
from attnwidget.record import AttentionRecord
from attnwidget.service.refine import Readings
from attnwidget.service.thumbnails import heads_of, model_at_once, model_pixels, model_queries
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.schema import MetricInfo, MetricsMeta, SiteKind

METRIC_CELLS = 1 << 24
"""Cells of all heads that are measured at once, about a second's work; beyond, a slice at a time."""

FEWEST = 8
"""Queries that are read first at least, however long the prompt."""

KEPT = 8
"""Tables that are kept: records times kinds of attention."""


def metric_queries(heads: int, queries: int, keys: int) -> int:
    """Return how many queries are measured before the map is shown: all, or a power of two of them.

    Parameters
    ----------
    heads : int
        Heads of all layers.
    queries, keys : int
        Size of a pattern.
    """
    count = max(FEWEST, METRIC_CELLS // (heads * keys))
    return queries if count >= queries else 1 << (count.bit_length() - 1)


class Measurements:
    """What was measured of the records that were shown lately: each metric of a record once."""

    def __init__(self) -> None:
        self._tables: OrderedDict[tuple[str, SiteKind], HeadTable] = OrderedDict()
        self._lock = threading.Lock()
        self._readings = Readings()
        self._tries: OrderedDict[tuple[Any, ...], _Tried] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Bytes that are held of what was read of long prompts."""
        return self._readings.nbytes

    def table(
        self,
        record: AttentionRecord,
        site: SiteKind,
        registry: Registry,
        *,
        more: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> HeadTable:
        """Return the metrics of a registry, in its order; a metric that raises an error is not measured.

        Of long prompts it is what was read so far: a first sample at least, and a slice more where `more` is
        asked for.

        Raises
        ------
        InputError
            If the record has no attention of this kind.
        CancelledError
            If it was cancelled before there is a first sample.
        """
        if _at_length(record, site):
            metrics, failed = self._tried(record, site, registry.metrics)
            refined = self._read(record, site, Registry(metrics), more, cancelled)
            return _with_failed(refined.table(), registry.metrics, failed)
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

    def pictures(
        self,
        record: AttentionRecord,
        site: SiteKind,
        registry: Registry,
        *,
        more: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Refinement | None:
        """Return the pictures of all heads of a long prompt, of the queries that `table` is about.

        None where all of them can be drawn at once, or a snapshot has them.
        """
        sites = [record.site(layer, site) for layer in record.layers(site)]
        if model_at_once(heads_of(sites), sites[0].queries, sites[0].keys) or sites[0].thumbnails is not None:
            return None
        metrics: tuple[Metric, ...] = ()
        if _at_length(record, site):
            metrics, _ = self._tried(record, site, registry.metrics)
        return self._read(record, site, Registry(metrics), more, cancelled)

    def picture(
        self, record: AttentionRecord, site: SiteKind, layer: int, *, more: bool = False
    ) -> SampledPicture:
        """Return the picture of the heads of one layer of a long prompt."""
        pixels = model_pixels(heads_of([record.site(one, site) for one in record.layers(site)]))
        return self._readings.picture(record, site, layer, pixels, more=more)

    def _tried(self, record: AttentionRecord, site: SiteKind, metrics: tuple[Metric, ...]) -> _Tried:
        """Return what `_tried` does, from memory where it can: it looks at every token."""
        key = record.id, site, metrics
        known = self._tries.get(key)
        if known is None:
            known = self._tries[key] = _tried(record, site, metrics)
            while len(self._tries) > KEPT:
                self._tries.popitem(last=False)
        return known

    def _read(
        self,
        record: AttentionRecord,
        site: SiteKind,
        metrics: Registry,
        more: bool,
        cancelled: Callable[[], bool],
    ) -> Refinement:
        sites = [record.site(layer, site) for layer in record.layers(site)]
        heads, queries, keys = heads_of(sites), sites[0].queries, sites[0].keys
        count = metric_queries if len(metrics) else model_queries
        return self._readings.read(
            record,
            site,
            metrics,
            count(heads, queries, keys),
            model_pixels(heads),
            more=more,
            cancelled=cancelled,
        )


def _at_length(record: AttentionRecord, site: SiteKind) -> bool:
    """Whether a record's metrics are measured a slice at a time; a snapshot's are known, or never will be."""
    sites = [record.site(layer, site) for layer in record.layers(site)]
    queries, keys = sites[0].queries, sites[0].keys
    short = metric_queries(heads_of(sites), queries, keys) == queries
    return not short and record.whole and site not in record.tables


def _recorded(table: HeadTable, registry: Registry) -> HeadTable:
    """Return what of a registry was measured in the run: metrics of the same title and formula."""
    texts = {metric.name: (metric.title, metric.formula) for metric in table.metrics}
    same = [metric for metric in registry if texts.get(metric.name) == (metric.title, metric.formula)]
    return table.only(Registry(tuple(same)))


_Tried: TypeAlias = tuple[tuple[Metric, ...], dict[str, str]]


def _tried(record: AttentionRecord, site: SiteKind, metrics: Sequence[Metric]) -> _Tried:
    """Return the metrics that can be measured, and what the others said."""
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
    return tuple(metric for metric in metrics if metric.name not in failed), failed


def _measured(record: AttentionRecord, site: SiteKind, metrics: tuple[Metric, ...]) -> HeadTable:
    good, failed = _tried(record, site, metrics)
    table = measure_heads(record, site, good, queries=None if good else [])
    return _with_failed(replace(table, sampled=table.queries), metrics, failed)


def _with_failed(table: HeadTable, metrics: tuple[Metric, ...], failed: dict[str, str]) -> HeadTable:
    heads = sum(table.heads)
    none = HeadMetric.none(heads, np.zeros(heads, dtype=np.int64))
    measured = {**table.measured, **dict.fromkeys(failed, none)}
    kept = tuple(metric for metric in metrics if metric.name in measured)
    return replace(table, metrics=Registry(kept), measured=measured, failed=failed)


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
    meta: MetricsMeta = {
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
    }
    if table.sampled < table.queries:
        meta["margins"] = buffers.add(rows("margins", "<f4"))
    return meta, buffers
