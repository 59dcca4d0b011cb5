"""What the record's own methods call: find, top, into, out_of, search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np

from attnwidget.errors import InputError
from attnwidget.metrics.progress import Progress, counting
from attnwidget.record import AttentionRecord, Kind
from attnwidget.search.find import find
from attnwidget.search.question import Question, ask
from attnwidget.search.results import HeadSums, Hit, SearchState, hits_of, sums_of
from attnwidget.search.search import Search
from attnwidget.search.spans import Span, Where
from attnwidget.wire.schema import Searched

__all__ = [
    "HeadSums",
    "Hit",
    "Progress",
    "SearchState",
    "Span",
    "Where",
    "find",
    "search",
    "span_sums",
    "top",
]

SLICE_SECONDS = 0.2
"""Work between two answers of a search that is followed."""


def top(
    record: AttentionRecord,
    key: Where | None = None,
    query: Where | None = None,
    by: Searched = "head",
    k: int = 10,
    *,
    site: Kind | None = None,
    layers: Iterable[int] | None = None,
    plain: bool = False,
    sample: int | None = None,
    progress: Progress = False,
    cancelled: Callable[[], bool] | None = None,
) -> list[Hit]:
    """Find the heads, queries or keys with the most attention; see `AttentionRecord.top`."""
    question = ask(record, key, query, by, site=site, layers=layers, plain=plain)
    made = Search(record, question, _whole(k, "k"), sample=_sample(sample), provisional=False)
    _finish(made, progress, cancelled)
    return list(hits_of(record, made).hits)


def search(
    record: AttentionRecord,
    key: Where | None = None,
    query: Where | None = None,
    by: Searched = "head",
    k: int = 10,
    *,
    site: Kind | None = None,
    layers: Iterable[int] | None = None,
    plain: bool = False,
) -> Iterator[SearchState]:
    """Search in slices; see `AttentionRecord.search`."""
    made = Search(record, ask(record, key, query, by, site=site, layers=layers, plain=plain), _whole(k, "k"))

    def states() -> Iterator[SearchState]:
        while True:
            finished = made.step(SLICE_SECONDS)
            yield hits_of(record, made)
            if finished:
                return

    return states()


def span_sums(
    record: AttentionRecord,
    span: Where,
    flow: Literal["into", "out of"],
    *,
    site: Kind | None = None,
    layers: Iterable[int] | None = None,
    plain: bool = False,
    sample: int | None = None,
    progress: Progress = False,
    cancelled: Callable[[], bool] | None = None,
) -> HeadSums:
    """Add up attention into or out of a span; see `AttentionRecord.into` and `AttentionRecord.out_of`."""
    key, query = (span, None) if flow == "into" else (None, span)
    question = ask(record, key, query, "head", site=site, layers=layers, plain=plain)
    made = Search(record, question, 1, sample=_sample(sample), provisional=False)
    _finish(made, progress, cancelled)
    return sums_of(made, flow, _about(question, flow))


def _about(question: Question, flow: Literal["into", "out of"]) -> tuple[int, int]:
    ((first, last),) = question.keys if flow == "into" else question.queries
    return first, last


def _finish(made: Search, progress: Progress, cancelled: Callable[[], bool] | None) -> None:
    with counting(progress, made.total, "head") as tell:
        told = 0
        while True:
            finished = made.step(SLICE_SECONDS, cancelled)
            tell(made.known - told)
            told = made.known
            if finished:
                return


def _sample(sample: int | None) -> int | None:
    return None if sample is None else _whole(sample, "sample")


def _whole(number: int, name: str) -> int:
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
        raise InputError(f"{name}={number!r} is no count.", f"Give {name} as a whole number, at least 1.")
    return int(number)
