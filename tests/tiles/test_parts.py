"""Turns, the store, reading orders, counts of visible cells, and threads that share work."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget.errors import CancelledError
from attnwidget.record import AttentionRecord, Visibility
from attnwidget.record.threads import share
from attnwidget.tiles.order import read_of, reading_order, spread_groups
from attnwidget.tiles.reach import seen, seen_in_blocks
from attnwidget.tiles.store import Store
from attnwidget.tiles.turns import Turns


def test_the_newest_goes_first_and_whoever_is_not_wanted_goes_away() -> None:
    turns, order, unwanted = Turns(), [], threading.Event()
    waiting = threading.Semaphore(0)

    def work(name: str, wanted: threading.Event | None = None) -> None:
        def cancelled() -> bool:
            waiting.release()
            return wanted is not None and wanted.is_set()

        try:
            with turns.take(cancelled):
                order.append(name)
        except CancelledError:
            order.append(f"{name} gone")

    threads = []
    with turns.take(lambda: False):
        for name, wanted in (("old", None), ("unwanted", unwanted), ("new", None)):
            threads.append(threading.Thread(target=work, args=(name, wanted)))
            threads[-1].start()
            # It asks whether it is wanted once it waits.
            assert waiting.acquire(timeout=10)
            while waiting.acquire(blocking=False):
                pass
        unwanted.set()
        threads[1].join(10)
        assert order == ["unwanted gone"]
    for thread in threads:
        thread.join(10)
    assert order == ["unwanted gone", "new", "old"]


def test_the_store_lets_go_of_what_was_not_used_for_longest() -> None:
    store: Store[str] = Store(100)
    store.put("a", "A", 40)
    store.put("b", "B", 40)
    assert store.get("a") == "A"
    store.put("c", "C", 40)
    assert (store.get("a"), store.get("b"), store.get("c")) == ("A", None, "C")
    assert (store.nbytes, len(store)) == (80, 2)
    store.put("c", "C2", 10)
    assert (store.nbytes, store.get("c")) == (50, "C2")
    store.put("large", "L", 1000)
    assert (store.get("large"), len(store)) == ("L", 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(0, 6))
def test_each_group_has_a_query_of_each_pixel(queries: int, level: int) -> None:
    groups = reading_order(np.arange(queries), level, queries)
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(queries))
    assert len(groups[0]) == -(-queries >> level)
    done = np.zeros(queries, dtype=bool)
    for group in groups:
        before = read_of(done, level)
        assert (np.diff(group) > 0).all()
        assert np.bincount(group >> level).max() <= min(8, max(1, int(done.sum())))
        done[group] = True
        # A last pixel of few queries may be whole, or have none in this turn.
        assert read_of(done, level) >= max(1, before)
    assert read_of(done, level) == 1 << level


def test_groups_of_a_whole_prompt_are_spread_evenly() -> None:
    groups = spread_groups(1000)
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(1000))
    assert [len(group) for group in groups[:4]] == [32, 32, 64, 128]
    read = np.sort(np.concatenate(groups[:2]))
    assert np.diff(read).max() <= 2 * 1000 / len(read)
    assert [group.tolist() for group in spread_groups(1)] == [[0]]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 30),
    st.booleans(),
    st.none() | st.integers(1, 40),
    st.lists(st.integers(0, 30), max_size=4),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_visible_cells_are_counted_by_their_rule(
    n: int, causal: bool, window: int | None, row_edges: list[int], key_edges: list[int]
) -> None:
    rule = Visibility(causal=causal, window=window)
    rows, keys = (np.unique(np.clip([0, n, *each], 0, n)) for each in (row_edges, key_edges))
    visible = rule.rows(np.arange(n), 0, n)
    blocks = [
        [visible[a:b, c:d].sum() for c, d in itertools.pairwise(keys)] for a, b in itertools.pairwise(rows)
    ]
    assert seen_in_blocks(rule, rows, keys).tolist() == np.array(blocks).tolist()
    record = AttentionRecord.from_attentions(np.zeros((1, 1, n, n), np.float32), ["a"] * n)
    object.__setattr__(record.site(0), "visibility", rule)
    picked = np.arange(0, n, 2)
    edges = np.array([0, n // 2, n]) if n > 1 else np.array([0, 1])
    by_row = np.stack([visible[picked, a:b].sum(-1) for a, b in itertools.pairwise(edges)], 1)
    assert np.array_equal(seen(record.site(0), 0, picked, edges), by_row)


def test_shared_work_is_done_once_each_and_leaves_torch_as_it_was() -> None:
    before, done, lock = torch.get_num_threads(), [], threading.Lock()

    def work(item: int) -> None:
        with lock:
            done.append(item)

    share(work, range(100))
    assert sorted(done) == list(range(100))
    assert torch.get_num_threads() == before
    inherited: list[int] = []
    thread = threading.Thread(target=lambda: inherited.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert inherited == [before]


def test_shared_work_stops_when_asked_and_when_it_fails() -> None:
    done: list[int] = []
    share(done.append, range(1000), lambda: len(done) >= 3)
    assert 3 <= len(done) < 1000

    def fail(item: int) -> None:
        if item == 5:
            raise ValueError("five")

    with pytest.raises(ValueError, match="five"):
        share(fail, range(10))
