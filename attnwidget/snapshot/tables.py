"""Metrics that a snapshot keeps, as the tables that they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.metric import Block, HeadMetric, Metric, Sums
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import HeadTable
from attnwidget.wire.arrays import unpack
from attnwidget.wire.schema import MetricsMeta


@dataclass(frozen=True, kw_only=True)
class RecordedMetric(Metric):
    """A metric of which only its values in one run are known, such as a detector of the user's own."""

    def bind(self, axes: Axes) -> Callable[[Block], Sums] | None:
        """Return None: nothing computes it here."""
        return None


def read_table(stored: MetricsMeta, arrays: Sequence[memoryview]) -> HeadTable:
    """Return the table that a reply to `metrics` is.

    Raises
    ------
    ValueError, IndexError
        If its arrays do not fit.
    """
    heads = sum(stored["heads"])
    shape = (len(stored["metrics"]), heads)
    values, baselines, counts = (
        unpack(stored[name], arrays).reshape(shape) for name in ("values", "baselines", "counts")
    )
    margins = np.where(np.isnan(values), np.nan, 0.0 if stored["sampled"] == stored["queries"] else np.nan)
    if "margins" in stored:
        margins = unpack(stored["margins"], arrays).reshape(shape)
    known = standard()
    metrics: list[Metric] = []
    for info in stored["metrics"]:
        name = info["name"]
        if name in known and not info["own"] and known[name].formula == info["formula"]:
            metrics.append(known[name])
            continue
        metrics.append(
            RecordedMetric(
                name=info["name"],
                title=info["title"],
                formula=info["formula"],
                eligible=info["eligible"],
                source=info["source"],
                sinks=info["sinks"],
                unit=info["unit"],
                low=info["low"],
                high=info["high"],
                counted=info["counted"],
            )
        )
    return HeadTable(
        site=stored["site"],
        layers=tuple(stored["layers"]),
        heads=tuple(stored["heads"]),
        metrics=Registry(tuple(metrics)),
        measured={
            metric.name: HeadMetric(
                values[row].astype(np.float64),
                counts[row].astype(np.int64),
                baselines[row].astype(np.float64),
                np.zeros(heads, dtype=np.int64),
                margins[row].astype(np.float64),
            )
            for row, metric in enumerate(metrics)
        },
        queries=stored["queries"],
        sampled=stored["sampled"],
    )
