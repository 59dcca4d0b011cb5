"""The cache and its budget."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import InputError
from attnwidget.runner.cache import ByteCache, CacheInfo, parse_bytes, show_bytes


@dataclass(frozen=True)
class Block:
    nbytes: int


@pytest.mark.parametrize(
    ("given_size", "count"),
    [
        (0, 0),
        (123, 123),
        ("0", 0),
        ("17", 17),
        ("17 B", 17),
        ("1 GB", 10**9),
        ("1gb", 10**9),
        (" 500 MB ", 5 * 10**8),
        ("1.5 GiB", 3 * 2**29),
        ("2 kB", 2000),
        ("2 KiB", 2048),
        ("0.25 TB", 25 * 10**10),
    ],
)
def test_sizes_that_can_be_read(given_size: int | str, count: int) -> None:
    assert parse_bytes(given_size) == count


@pytest.mark.parametrize("size", [-1, True, 1.5, "", "GB", "1 XB", "-1 GB", "1 GB 2", "1e9", None])
def test_sizes_that_cannot(size: object) -> None:
    with pytest.raises(InputError, match='Give a whole number, or a text such as "500 MB"') as caught:
        parse_bytes(size)  # type: ignore[arg-type]
    assert repr(size) in caught.value.what


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_530_000, "1.5 MB"),
        (512e6, "512 MB"),
        (999.7e6, "1.0 GB"),
        (3e12, "3.0 TB"),
    ],
)
def test_bytes_for_people(count: float, shown: str) -> None:
    assert show_bytes(count) == shown


def test_what_was_used_last_stays() -> None:
    cache: ByteCache[Block] = ByteCache(100)
    first, second, third = Block(40), Block(40), Block(40)
    cache.put("first", first)
    cache.put("second", second)
    assert cache.get("first") is first
    cache.put("third", third)
    assert cache.get("second") is None
    assert cache.get("first") is first
    assert cache.get("third") is third
    assert cache.info() == CacheInfo(hits=3, misses=1, records=2, nbytes=80, budget=100)


def test_a_value_over_the_budget_is_not_kept_and_drops_nothing() -> None:
    cache: ByteCache[Block] = ByteCache(100)
    cache.put("small", Block(10))
    cache.put("large", Block(101))
    assert cache.get("large") is None
    assert cache.get("small") == Block(10)


def test_a_budget_of_nothing_keeps_nothing() -> None:
    cache: ByteCache[Block] = ByteCache(0)
    cache.put("one", Block(1))
    cache.put("two", Block(1), on_disk=True)
    assert cache.info().records == 0


def test_values_on_disk_take_no_budget_and_go_when_asked() -> None:
    cache: ByteCache[Block] = ByteCache(100)
    used = Block(500)
    cache.put("used", used, on_disk=True)
    cache.put("idle", Block(300), on_disk=True)
    cache.put("memory", Block(100))
    assert cache.info() == CacheInfo(hits=0, misses=0, records=3, nbytes=100, budget=100, disk=800)
    assert cache.drop_from_disk()
    assert not cache.drop_from_disk()
    assert cache.info()[2:] == (2, 100, 100, 500)
    assert cache.get("used") is used


def test_room_is_made_by_dropping_what_nobody_holds_in_the_order_of_use() -> None:
    cache: ByteCache[Block] = ByteCache(100)
    held = Block(30)
    cache.put("old", Block(20))
    cache.put("held", held)
    cache.put("new", Block(20))
    assert cache.make_room(30) == 30
    assert cache.make_room(40) == 50
    assert [cache.get(key) is not None for key in ("old", "held", "new")] == [False, True, True]
    assert cache.make_room(90) == 70
    assert cache.get("held") is held
    cache.clear()
    assert cache.make_room(0) == 70, "dropped, and still in use"
    del held
    assert cache.make_room(0) == 100


def test_replacing_and_clearing_give_the_bytes_back() -> None:
    cache: ByteCache[Block] = ByteCache(100)
    cache.put("one", Block(90))
    cache.put("one", Block(30))
    assert cache.info().nbytes == 30
    cache.clear()
    assert cache.info()[2:4] == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60))))
def test_bytes_held_are_those_of_the_values_and_within_the_budget(puts: list[tuple[int, int]]) -> None:
    cache: ByteCache[Block] = ByteCache(100)
    for key, size in puts:
        cache.put(key, Block(size))
        held = [value for value in map(cache.get, range(6)) if value is not None]
        assert cache.info().nbytes == sum(value.nbytes for value in held) <= 100
        assert cache.get(key) == Block(size)
