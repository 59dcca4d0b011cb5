"""Numbers of every head of a record, and where in the model they are largest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.measure import measure_rows
from attnwidget.metrics.metric import Doubles, HeadMetric, Metric
from attnwidget.metrics.progress import Progress, counting
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.sampling import order
from attnwidget.record import AttentionRecord, Kind, Pick

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, repr=False)
class HeadValue:
    """One metric of one head.

    Parameters
    ----------
    layer, head : int
    value : float
        NaN where nothing is eligible.
    baseline : float
        The metric of weights spread evenly over the visible keys.
    count : int
        Queries (or cells) that the value is over.
    margin : float
        Half width of the value's 95 % confidence interval where queries were sampled: 0 where all were read,
        NaN where there is none.
    """

    layer: int
    head: int
    value: float
    baseline: float
    count: int
    margin: float = 0.0

    def __repr__(self) -> str:
        margin = f" ± {self.margin:.3f}" if self.margin > 0 else ""
        return (
            f"HeadValue(layer={self.layer}, head={self.head}, value={self.value:.3f}{margin}, "
            f"baseline={self.baseline:.3f}, count={self.count})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class HeadTable:
    """Metrics of every head of one kind of attention.

    Parameters
    ----------
    site : {"encoder", "decoder", "cross"}
    layers : tuple of int
        Layers with this attention, ascending.
    heads : tuple of int
        How many heads each of them has.
    metrics : Registry
        What was measured: title, formula, source, ... of each name.
    measured : mapping of str to HeadMetric
        Flat, layer after layer.
    queries, sampled : int
        Queries of the prompt, and how many of them were read.
    failed : mapping of str to str
        Detectors that raised an error on this prompt, and what it said; their values are NaN.
    """

    site: Kind
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    metrics: Registry
    measured: Mapping[str, HeadMetric]
    queries: int
    sampled: int
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics, in order."""
        return self.metrics.names

    @cached_property
    def values(self) -> dict[str, Doubles]:
        """Each metric by name: float64 [layers, most heads]; NaN where nothing is eligible or no head is."""
        return {name: self._spread(self.measured[name].values, np.nan) for name in self.names}

    @cached_property
    def baselines(self) -> dict[str, Doubles]:
        """The same of weights spread evenly over the visible keys: float64 [layers, most heads]."""
        return {name: self._spread(self.measured[name].baselines, np.nan) for name in self.names}

    @cached_property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Queries or cells behind each value: int64 [layers, most heads]; 0 where no head is."""
        return {name: self._spread(self.measured[name].counts, 0) for name in self.names}

    @cached_property
    def margins(self) -> dict[str, Doubles]:
        """Half width of each value's 95 % confidence interval: float64 [layers, most heads].

        0 where all queries were read. NaN where nothing is eligible, no head is, or there is no interval: of
        `positional`, which is no mean over queries; where fewer than two queries are eligible, or all have
        the same value; and where the caller chose the queries. What it rests on is said in
        `attnwidget.metrics.sampling.half_width`.
        """
        return {name: self._spread(self.measured[name].margins, np.nan) for name in self.names}

    def top(self, metric: str, k: int = 5, *, lowest: bool = False) -> list[HeadValue]:
        """Return the heads with the largest values of a metric, best first.

        Parameters
        ----------
        metric : str
            One of `names`.
        k : int
            How many at most; heads without a value are left out.
        lowest : bool
            The smallest values instead.

        Returns
        -------
        list of HeadValue
            Each has layer, head, value, baseline, count and margin.

        Raises
        ------
        InputError
            If there is no such metric; it names those that exist.
        """
        of = self.measured[self.metrics[metric].name]
        order = np.argsort(of.values if lowest else -of.values, kind="stable")
        places = [(layer, head) for layer, heads in self._rows for head in range(heads)]
        return [
            HeadValue(
                layer=places[at][0],
                head=places[at][1],
                value=float(of.values[at]),
                baseline=float(of.baselines[at]),
                count=int(of.counts[at]),
                margin=float(of.margins[at]),
            )
            for at in order[: max(0, k)]
            if not np.isnan(of.values[at])
        ]

    def to_dict(self) -> dict[str, list[float]]:
        """Return columns of equal length: "layer", "head", and each metric; one entry per head.

        It is what `pandas.DataFrame` takes.
        """
        places = [(layer, head) for layer, heads in self._rows for head in range(heads)]
        columns: dict[str, list[float]] = {
            "layer": [layer for layer, _ in places],
            "head": [head for _, head in places],
        }
        return columns | {name: self.measured[name].values.tolist() for name in self.names}

    def with_(self, other: HeadTable) -> HeadTable:
        """Return a table with another's metrics of the same heads too; they replace those of their names."""
        measured = {**self.measured, **other.measured}
        known = {metric.name: metric for metric in (*self.metrics, *other.metrics)}
        failed = {name: text for name, text in self.failed.items() if name not in other.measured}
        return replace(
            self,
            metrics=Registry(tuple(known.values())),
            measured=measured,
            failed={**failed, **other.failed},
        )

    def only(self, metrics: Registry) -> HeadTable:
        """Return a table of some of the metrics, in their order."""
        kept = {name: self.measured[name] for name in metrics.names}
        failed = {name: text for name, text in self.failed.items() if name in kept}
        return replace(self, metrics=metrics, measured=kept, failed=failed)

    def __repr__(self) -> str:
        queries = f"{self.queries:,} queries"
        if self.sampled < self.queries:
            queries = f"{self.sampled:,} of {queries}"
        return (
            f"HeadTable({self.site}, {len(self.layers)} layers, {sum(self.heads)} heads, {len(self.names)} "
            f"metrics, {queries})"
        )

    @property
    def _rows(self) -> Iterable[tuple[int, int]]:
        return zip(self.layers, self.heads, strict=True)

    def _spread(self, flat: NDArray[_T], empty: float) -> NDArray[_T]:
        """Put what is flat, layer after layer, into rows of equal length."""
        out = np.full((len(self.layers), max(self.heads)), empty, dtype=flat.dtype)
        out[np.arange(max(self.heads)) < np.asarray(self.heads)[:, None]] = flat
        return out


def measure_heads(
    record: AttentionRecord,
    site: Kind | None = None,
    metrics: Iterable[str | Metric] | None = None,
    *,
    queries: Pick | None = None,
    sample: int | None = None,
    progress: Progress = False,
) -> HeadTable:
    """Measure every head of every layer.

    Parameters
    ----------
    record : AttentionRecord
    site : {"encoder", "decoder", "cross"}, optional
        The record's default kind if not given.
    metrics : iterable of str or Metric, optional
        Names of standard metrics, or metrics; all standard ones if not given.
    queries : slice, int or sequence of int, optional
        Which queries to read; all by default. It reads them in blocks, and never holds the patterns of all
        heads.
    sample : int, optional
        Read only so many queries, evenly spread over the prompt: the values are estimates then, each with a
        margin. More queries than there are reads all.
    progress : bool or function
        True draws a bar (tqdm). A function is called as `progress(done, total)`, in queries of layers; it may
        raise an error to stop.

    Returns
    -------
    HeadTable

    Raises
    ------
    InputError
        If a metric, query or kind of attention does not exist, or both queries and a sample are asked for.
    MissingDependencyError
        If there is to be a bar and tqdm is not installed.

    Examples
    --------
    >>> import attnwidget as aw
    >>> weights = [[[[1, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]]
    >>> record = aw.AttentionRecord.from_attentions(weights, ["The", "cat", "sat"])
    >>> table = aw.measure_heads(record, metrics=["previous", "current"])
    >>> table.values["previous"]
    array([[1., 0.]])
    >>> best = table.top("current", k=1)[0]
    >>> best.layer, best.head, best.value
    (0, 1, 1.0)

    Of a long prompt, some queries are often enough; the table says how sure it is.

    >>> import numpy as np
    >>> rows = np.tril(np.random.default_rng(0).random((1, 1, 256, 256)))
    >>> long = aw.AttentionRecord.from_attentions(rows / rows.sum(-1, keepdims=True), ["word"] * 256)
    >>> some = aw.measure_heads(long, metrics=["entropy"], sample=64)
    >>> some
    HeadTable(decoder, 1 layers, 1 heads, 1 metrics, 64 of 256 queries)
    >>> exact = aw.measure_heads(long, metrics=["entropy"]).values["entropy"]
    >>> bool(abs(some.values["entropy"] - exact) <= some.margins["entropy"])
    True
    """
    kind = record.default_kind if site is None else site
    standards = standard()
    given = standards if metrics is None else metrics
    registry = Registry(tuple(standards[one] if isinstance(one, str) else one for one in given))
    layers = record.layers(kind)
    axes, sites = Axes.of_record(record, kind), [record.site(layer, kind) for layer in layers]
    if sample is not None and (queries is not None or sample < 1):
        raise InputError(
            f"{sample} queries are to be sampled" + (" of chosen ones." if queries is not None else "."),
            "Give queries, or a sample of at least 1.",
        )
    rows = np.unique(sites[0].pick_queries(slice(None) if queries is None else queries))
    if sample is not None:
        rows = np.sort(order(sites[0].queries)[:sample])
    with counting(progress, len(sites) * len(rows), "query") as told:
        parts = [measure_rows(one, axes, registry, rows, told) for one in sites]
    measured = {name: HeadMetric.joined([part[name] for part in parts]) for name in registry.names}
    if queries is not None and len(rows) < sites[0].queries:
        # Chosen queries are no sample of the others.
        none = np.full(sum(one.heads for one in sites), np.nan)
        measured = {name: replace(metric, margins=none) for name, metric in measured.items()}
    return HeadTable(
        site=kind,
        layers=layers,
        heads=tuple(one.heads for one in sites),
        metrics=registry,
        measured=measured,
        queries=sites[0].queries,
        sampled=len(rows),
    )
