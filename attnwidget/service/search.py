"""Request -> reply for searches: a slice of work each time, and the best so far."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from attnwidget.errors import CancelledError, InputError
from attnwidget.record import AttentionRecord
from attnwidget.search.question import ask
from attnwidget.search.results import hits_of
from attnwidget.search.search import Search
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.schema import SearchArgs, SearchMeta

Asked: TypeAlias = tuple[object, ...]

SLICE_SECONDS = 0.2
"""Work before an answer."""

KEPT = 4
"""Searches that can be gone on with."""

MOST = 1000
"""Hits of one search."""


class Searches:
    """The searches that were asked for lately, each with what it knows so far."""

    def __init__(self) -> None:
        # A search holds on to what it reads; it must not outlive the record.
        self._kept: WeakKeyDictionary[AttentionRecord, OrderedDict[Asked, Search]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def answer(
        self, record: AttentionRecord, args: SearchArgs, cancelled: Callable[[], bool]
    ) -> tuple[SearchMeta, Buffers]:
        """Answer `search`: work on for a slice, and tell the best so far.

        Raises
        ------
        InputError
            If the span, kind of attention or number of hits is not possible.
        NotRecordedError
            If the record was read from a snapshot that left out weights.
        CancelledError
            If it was cancelled meanwhile; asked again, it goes on.
        """
        search = self._search(record, args)
        try:
            search.step(SLICE_SECONDS, cancelled)
        except CancelledError:
            raise
        except Exception:
            # What broke off cannot be gone on with.
            self._forget(record, search)
            raise
        state = hits_of(record, search)
        buffers = Buffers()
        hits = [(hit.layer, hit.head, hit.query, hit.key) for hit in state.hits]
        read = [(hit.read, hit.of) for hit in state.hits]
        return {
            "site": args["site"],
            "first": args["first"],
            "last": args["last"],
            "flow": args["flow"],
            "by": args["by"],
            "k": args["k"],
            "plain": args["plain"],
            "hits": buffers.add(np.asarray(hits, dtype="<i4").reshape(-1, 4)),
            "values": buffers.add(np.asarray([hit.value for hit in state.hits], dtype="<f4")),
            "baselines": buffers.add(np.asarray([hit.baseline for hit in state.hits], dtype="<f4")),
            "margins": buffers.add(np.asarray([hit.margin for hit in state.hits], dtype="<f4")),
            "counts": buffers.add(np.asarray([hit.count for hit in state.hits], dtype="<i4")),
            "read": buffers.add(np.asarray(read, dtype="<i4").reshape(-1, 2)),
            "sampled": state.sampled,
            "done": state.done,
            "total": state.total,
        }, buffers

    def _search(self, record: AttentionRecord, args: SearchArgs) -> Search:
        asked = tuple(value for _, value in sorted(args.items()))
        with self._lock:
            of = self._kept.setdefault(record, OrderedDict())
            if asked not in of:
                of[asked] = _made(record, args)
            of.move_to_end(asked)
            while len(of) > KEPT:
                of.popitem(last=False)
            return of[asked]

    def _forget(self, record: AttentionRecord, search: Search) -> None:
        with self._lock:
            of = self._kept.get(record, OrderedDict())
            for asked in [asked for asked, kept in of.items() if kept is search]:
                del of[asked]


def _made(record: AttentionRecord, args: SearchArgs) -> Search:
    if not 1 <= args["k"] <= MOST:
        raise InputError(f"{args['k']} hits cannot be found.", f"Ask for 1 to {MOST:,}.")
    span = slice(max(0, args["first"]), max(0, args["last"]))
    key, query = (span, None) if args["flow"] == "into" else (None, span)
    question = ask(record, key, query, args["by"], site=args["site"], plain=args["plain"])
    return Search(record, question, args["k"])
