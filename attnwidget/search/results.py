"""What a search gives to Python: hits, sums per head, and how far it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnwidget.record import AttentionRecord, Kind, Token
from attnwidget.search.question import Question
from attnwidget.search.search import Search


@dataclass(frozen=True, repr=False, kw_only=True)
class Hit:
    """One of the best of a search.

    Parameters
    ----------
    layer, head : int
    value : float
        What it is ranked by. By head: the mean mass over the queries that count. By query: its mass. By key:
        the mean weight on it over the queries that see it.
    baseline : float
        The same of weights spread evenly over the keys that each query sees.
    query : int
        By head: the query that gives most. By query: the query. By key: the one with the largest weight on
        it.
    key : int
        By key: the key; else the key in question with that query's largest weight.
    query_label, key_label : str
        The tokens there.
    count : int
        Queries behind the value.
    read, of : int
        Queries of this head that were read, of those that may count: fewer are an estimate.
    margin : float
        Half width of an estimated mean's confidence interval at 95 %, by head; NaN where there is none.
    """

    layer: int
    head: int
    value: float
    baseline: float
    query: int
    key: int
    query_label: str
    key_label: str
    count: int
    read: int
    of: int
    margin: float = math.nan

    @property
    def exact(self) -> bool:
        """Whether all queries were read."""
        return self.read == self.of

    def __repr__(self) -> str:
        about = "" if self.exact else f", sampled {self.read:,} of {self.of:,} queries"
        sure = "" if math.isnan(self.margin) else f" ± {self.margin:.3f}"
        return (
            f"Hit(layer={self.layer}, head={self.head}, value={self.value:.3f}{sure}, "
            f"baseline={self.baseline:.3f}, query={self.query} {self.query_label!r}, "
            f"key={self.key} {self.key_label!r}{about})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class SearchState:
    """How far a search is, and the best so far.

    Parameters
    ----------
    hits : tuple of Hit
        Best first; those of heads that were only sampled are estimates, and say so.
    sampled, done, total : int
        Heads of which some queries were read, heads that were read whole, and all of them.
    """

    hits: tuple[Hit, ...]
    sampled: int
    done: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether every head was read whole."""
        return self.done == self.total

    def __repr__(self) -> str:
        return f"SearchState({len(self.hits)} hits, searched {self.done:,} of {self.total:,} heads)"


@dataclass(frozen=True, eq=False, repr=False)
class HeadSums:
    """Attention into, or out of, a span, per head.

    Parameters
    ----------
    flow : {"into", "out of"}
    first, last : int
        The span, half open.
    site : {"encoder", "decoder", "cross"}
    layers : tuple of int
        Layer numbers, ascending: the first axis.
    values : float32 array [layers, heads]
        Mean mass over the queries that count; NaN where none does, or a layer has fewer heads.
    baselines : float32 array [layers, heads]
        The same of weights spread evenly over the keys that each query sees.
    counts : int64 array [layers, heads]
        How many queries count.
    margins : float32 array [layers, heads]
        Half widths of the confidence intervals of estimates at 95 %; NaN where values are exact.
    read, of : int
        Queries of each head that were read, of those that may count: fewer are an estimate.
    """

    flow: Literal["into", "out of"]
    first: int
    last: int
    site: Kind
    layers: tuple[int, ...]
    values: NDArray[np.float32]
    baselines: NDArray[np.float32]
    counts: NDArray[np.int64]
    margins: NDArray[np.float32]
    read: int
    of: int

    @property
    def exact(self) -> bool:
        """Whether all queries were read."""
        return self.read == self.of

    def top(self, k: int = 5) -> list[tuple[int, int, float]]:
        """Return layer, head and value of the heads with the largest values, best first."""
        flat = self.values.ravel()
        wide = self.values.shape[1]
        best = [int(at) for at in np.argsort(-flat, kind="stable") if not np.isnan(flat[at])]
        return [(self.layers[at // wide], at % wide, float(flat[at])) for at in best[: max(0, k)]]

    def __repr__(self) -> str:
        queries = f"{self.of:,} queries" if self.exact else f"sampled {self.read:,} of {self.of:,} queries"
        best = "".join(
            f", most in layer {layer} head {head}: {value:.3f}" for layer, head, value in self.top(1)
        )
        return (
            f"HeadSums({self.flow} tokens {self.first}-{self.last - 1}, {self.site}, "
            f"{len(self.layers)} layers x {self.values.shape[1]} heads, {queries}{best})"
        )


def hits_of(record: AttentionRecord, search: Search) -> SearchState:
    """Return the best of a search so far, with the tokens' labels."""
    found, kind = search.found(), search.question.kind
    queries, keys = record.query_tokens(kind), record.key_tokens(kind)
    hits = []
    for result, place in found.hits:
        one = result.best[place]
        key = one.key if one.key is not None else search.key_of(result.layer, result.head, one.query)
        hits.append(
            Hit(
                layer=result.layer,
                head=result.head,
                value=one.value,
                baseline=one.baseline,
                query=one.query,
                key=key,
                query_label=_label(queries, one.query),
                key_label=_label(keys, key),
                count=one.count,
                read=result.read,
                of=result.of,
                margin=one.margin,
            )
        )
    return SearchState(tuple(hits), found.sampled, found.done, found.total)


def sums_of(search: Search, flow: Literal["into", "out of"], span: tuple[int, int]) -> HeadSums:
    """Return the sums of a search by head that is at its end."""
    question: Question = search.question
    sites = [search.site(layer) for layer in question.layers]
    shape = (len(sites), max(site.heads for site in sites))
    values, baselines, margins = (np.full(shape, np.nan, np.float32) for _ in range(3))
    counts = np.zeros(shape, dtype=np.int64)
    for result in search.results:
        if result.best:
            place = question.layers.index(result.layer), result.head
            (one,) = result.best
            values[place], baselines[place], margins[place] = one.value, one.baseline, one.margin
            counts[place] = one.count
    return HeadSums(
        flow=flow,
        first=span[0],
        last=span[1],
        site=question.kind,
        layers=question.layers,
        values=values,
        baselines=baselines,
        counts=counts,
        margins=margins,
        read=max((result.read for result in search.results), default=0),
        of=max((result.of for result in search.results), default=0),
    )


def _label(tokens: tuple[Token, ...], place: int) -> str:
    return tokens[place].label if place >= 0 else ""
