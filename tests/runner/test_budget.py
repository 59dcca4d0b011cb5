"""What a run will take, said before it begins; where its record goes; what is refused."""

from __future__ import annotations

import errno
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.capture import run_with_capture
from attnwidget.errors import AttnWidgetError, CacheError, CancelledError, InputError, OutOfMemoryError
from attnwidget.record import AttentionRecord
from attnwidget.runner import ModelRunner, budget, needs
from attnwidget.runner.budget import Budget, Plan, budget_of, half_of
from attnwidget.runner.cache import ByteCache
from tests.capture.families import ANSWER, FAMILIES, PROMPT, Family
from tests.runner import tiny_models

GB = 10**9
IDS = [5 + place % 40 for place in range(60)]


def plan_of(
    tokens: int = 100,
    *,
    cache: int = 10 * GB,
    free: int | None = 100 * GB,
    device: int | None = None,
    spill: Any = False,
    held: ByteCache[Any] | None = None,
) -> Plan:
    """Plan a run that keeps 50 MB and works with 10 MB for each token."""
    made = Budget(ByteCache(cache) if held is None else held, spill)
    on_device = None if device is None else lambda: device
    kept, working, apart = (lambda n, each=each: n * each * 10**6 for each in (50, 10, 2))
    return made.plan(tokens, kept, working, apart, lambda: free, on_device)


class Held:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


# ---------------------------------------------------------------------- estimates


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_a_record_will_hold_is_known_before_the_run(family: Family) -> None:
    model = family.build()
    real = sum(site.nbytes for site in run_with_capture(model, family.inputs()).sites)
    target = ANSWER if model.config.is_encoder_decoder else 0
    said = needs.kept_bytes(model, PROMPT, target=target)
    if family.route == "softmax":
        assert said < real, "weights that are recorded whole show only in a run"
    else:
        assert said == real


@pytest.mark.parametrize("make", [tiny_models.gpt2, tiny_models.llama, tiny_models.bert])
def test_a_plan_is_what_then_happens(make: Any) -> None:
    runner = ModelRunner(make(50))
    said = runner.plan(IDS)
    told: list[Plan] = []
    record = runner.run(IDS, announce=told.append)
    assert [replace(plan, free=None) for plan in told] == [replace(said, free=None)]
    assert (said.tokens, said.kept, said.place) == (60, record.nbytes, record.place)
    assert said.fits
    assert said.text.startswith("60 tokens: keeps ")
    assert said.working > said.kept / 10
    runner.run(IDS, announce=told.append)
    assert len(told) == 1, "nothing runs"


def test_weights_that_are_recorded_whole_are_foreseen_after_one_run() -> None:
    family = next(one for one in FAMILIES if one.name == "Bloom")
    runner = ModelRunner(family.build())
    assert runner.plan(IDS).kept < runner.run(IDS).nbytes
    longer = IDS + IDS
    assert runner.plan(longer).kept == pytest.approx(runner.run(longer).nbytes, rel=1e-3)


def test_a_run_in_chunks_works_with_less() -> None:
    model = tiny_models.llama(50)
    whole, chunked = needs.working_bytes(model, 400), needs.working_bytes(model, 400, chunk=20)
    assert chunked + needs.key_cache_bytes(model, 400, 20) < whole / 2
    assert needs.key_cache_bytes(model, 400, 20) == 2 * 2 * 4 * 400 * 4
    assert needs.key_cache_bytes(model, 400, None) == needs.key_cache_bytes(model, 400, 400) == 0
    assert needs.working_bytes(model, 400, eager=True) > whole + 3 * 4 * 4 * 400**2 - 1
    assert needs.working_bytes(model, 50, chunk=50) == needs.working_bytes(model, 50)


def test_what_would_fit_is_found_where_needs_fall_again() -> None:
    for bound, fits, most in (
        (1000, {*range(1, 301), *range(700, 803)}, 802),
        (1000, set(range(1, 8)), 7),
        (1000, set(range(1, 1000)), 999),
        (1000, set[int](), 0),
        (1, {1}, 0),
    ):
        assert needs.most_tokens(bound, fits.__contains__) == most


# ---------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "memory"),
        ({"free": None}, "memory"),
        ({"cache": 0}, "memory"),
        ({"cache": 4 * GB, "spill": True}, "disk"),
        ({"free": 7 * GB, "spill": True}, "disk"),
        ({"free": 7 * GB}, "memory"),
        ({"cache": 1 * GB, "tokens": 1}, "memory"),
        ({"device": 30 * GB}, "device"),
        ({"device": 10 * GB}, "memory"),
        ({"device": 10 * GB, "free": 2 * GB, "spill": True}, "disk"),
        ({"device": 30 * GB, "cache": 1 * GB, "spill": True}, "disk"),
    ],
)
def test_where_a_record_goes(options: dict[str, Any], place: str, tmp_path: Path) -> None:
    if options.get("spill"):
        options = {**options, "spill": tmp_path}
    plan = plan_of(**options)
    assert plan.fits
    assert plan.place == place
    assert plan.folder == (tmp_path if place == "disk" else None)
    assert plan.working == plan.tokens * (12 if place == "disk" else 10) * 10**6
    plan.demand()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error", "said", "todo"),
    [
        (
            {"cache": 1 * GB},
            CacheError,
            "100 tokens need 5.0 GB for queries and keys and about 1.0 GB to work, but the cache has 1.0 GB "
            "of its 1.0 GB left, and spill=False keeps them off the disk.",
            "About 20 tokens would fit; or use a shorter prompt, or spill=True",
        ),
        ({"free": 5 * GB}, CacheError, "but 5.0 GB of memory are free, and spill=False", "About 83 tokens"),
        (
            {"free": 0.5 * GB},
            OutOfMemoryError,
            "about 1.0 GB to work, but 500 MB of memory are free",
            "8 tok",
        ),
        ({"cache": 1 * GB, "spill": "/no/such/folder"}, CacheError, "cannot be written to", "larger cache"),
    ],
)
def test_what_fits_nowhere_is_refused_with_the_sum(
    options: dict[str, Any], error: type[Exception], said: str, todo: str
) -> None:
    plan = plan_of(**options)
    assert not plan.fits
    assert said in plan.problem
    assert todo in plan.advice
    assert plan.text == f"{plan.problem} {plan.advice}"
    with pytest.raises(error):
        plan.demand()


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "free_on_disk", lambda folder: 2 * GB)
    plan = plan_of(cache=1 * GB, spill=tmp_path)
    assert f"the cache has 1.0 GB of its 1.0 GB left, and 2.0 GB of the disk of {tmp_path}" in plan.problem
    assert plan.advice.startswith("About 40 tokens would fit")
    monkeypatch.setattr(budget, "lies_in_memory", lambda folder: True)
    assert "is no disk but memory" in plan_of(cache=1 * GB, spill=True).problem


def test_records_that_nobody_uses_make_room_and_those_in_use_do_not(tmp_path: Path) -> None:
    cache: ByteCache[Held] = ByteCache(8 * GB)
    used = Held(4 * GB)
    cache.put("used", used)
    cache.put("idle", Held(4 * GB))
    assert plan_of(70, held=cache, spill=tmp_path).place == "memory"
    assert (cache.get("used"), cache.get("idle")) == (used, None)
    cache.put("idle", Held(4 * GB))
    assert plan_of(100, held=cache, spill=tmp_path).place == "disk"
    assert cache.get("used") is used
    del used
    cache.clear()
    assert plan_of(100, held=cache, spill=tmp_path).place == "memory"


def test_files_that_nobody_uses_make_room_for_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: ByteCache[Held] = ByteCache(1 * GB)
    used = Held(4 * GB)
    cache.put("used", used, on_disk=True)
    cache.put("idle", Held(6 * GB), on_disk=True)
    assert cache.info()[2:] == (2, 0, 1 * GB, 10 * GB)
    monkeypatch.setattr(budget, "free_on_disk", lambda folder: 20 * GB - cache.info().disk)
    assert plan_of(100, held=cache, spill=tmp_path).disk == 16 * GB
    assert (cache.get("used"), cache.get("idle")) == (used, None)


def test_budgets_and_precisions_that_can_be_read() -> None:
    assert budget_of("auto", 100 * GB) == 25 * GB
    assert budget_of("auto", 2 * GB) == budget_of("auto", None) == GB
    assert budget_of("8 GB", None) == 8 * GB
    assert half_of(None) is None
    assert half_of("float16") is half_of(torch.float16) is torch.float16
    with pytest.raises(InputError, match="cannot be kept in 'int8'"):
        half_of("int8")
    with pytest.raises(InputError, match="spill=3 is no folder"):
        Budget(ByteCache(0), 3)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- records on disk, records in half


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is small."""
    monkeypatch.setattr(budget, "SMALL", 0)


def mapped(folder: Path) -> int:
    """Count the mappings of files in a folder, deleted ones too."""
    gc.collect()
    return Path("/proc/self/maps").read_text().count(str(folder))


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("make", [tiny_models.gpt2, tiny_models.llama])
def test_a_record_on_disk_has_the_same_numbers_and_goes_with_the_cache(make: Any, tmp_path: Path) -> None:
    model = make(50)
    here = ModelRunner(model).run(IDS)
    runner = ModelRunner(model, cache=1000, spill=tmp_path)
    record = runner.run(IDS)
    assert (here.place, record.place) == ("memory", "disk")
    assert "Queries and keys are kept on disk." in record.notes
    for layer in record.layers():
        assert np.array_equal(here.weights(layer, 1), record.weights(layer, 1))
    assert repr(record).endswith(" MB on disk>")
    assert {record.norm_weighted().place, record.merge_words().place} == {"disk"}
    assert runner.run(IDS) is record
    info = runner.cache_info()
    assert (info.records, info.nbytes, info.disk) == (1, 0, record.nbytes)
    assert list(tmp_path.iterdir()) == [], "files have no name once they are mapped"
    if Path("/proc/self/maps").exists():
        assert mapped(tmp_path) == 2 * len(record.sites)
        runner.clear_cache()
        assert mapped(tmp_path) == 2 * len(record.sites), "in use"
        del record
        assert mapped(tmp_path) == 0


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("dtype", [None, "float16"])
@pytest.mark.parametrize("on_disk", [True, False])
def test_chunks_are_stitched_where_the_record_is_kept(
    dtype: str | None, on_disk: bool, tmp_path: Path
) -> None:
    model = tiny_models.llama(50)
    cache = 1000 if on_disk else "1 GB"
    runner = ModelRunner(model, chunk=17, cache=cache, spill=tmp_path, cache_dtype=dtype)
    whole, said = ModelRunner(model).run(IDS), runner.plan(IDS)
    record = runner.run(IDS)
    assert any("4 chunks" in note for note in record.notes)
    assert (said.kept, said.place) == (record.nbytes, record.place)
    assert record.place == ("disk" if on_disk else "memory")
    assert {getattr(site, "k").dtype for site in record.sites} == {half_of(dtype) or torch.float32}  # noqa: B009
    assert any("on disk" in note for note in record.notes) == on_disk
    assert any("kept in float16" in note for note in record.notes) == (dtype is not None)
    assert worst(whole, record) < (1e-6 if dtype is None else 1e-3)


@pytest.mark.usefixtures("tight")
def test_two_runners_spill_side_by_side(tmp_path: Path) -> None:
    model = tiny_models.gpt2(50)
    records = [ModelRunner(model, cache=1000, spill=tmp_path).run(IDS[:length]) for length in (30, 40, 40)]
    assert [record.place for record in records] == ["disk"] * 3
    assert records[0].weights(1, 1).shape == (30, 30)
    assert np.array_equal(records[1].weights(1, 1), records[2].weights(1, 1))


@pytest.mark.usefixtures("tight")
def test_a_prompt_that_is_refused_leaves_the_records_alone() -> None:
    runner = ModelRunner(tiny_models.gpt2(50), cache=17_000, spill=False)
    first = runner.run(IDS[:10])
    with pytest.raises(CacheError, match=r"60 tokens need .* the cache has 14.3 kB of its 17.0 kB left"):
        runner.run(IDS)
    assert runner.run(IDS[:10]) is first


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("how", ["full", "cancelled"])
def test_nothing_stays_on_the_disk_of_a_run_that_did_not_end(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = ModelRunner(tiny_models.gpt2(50), cache=1000, spill=tmp_path)
    before = runner.run(IDS[:20])
    allocate, taken = getattr(os, "posix_fallocate", None), []

    def fill(handle: int, start: int, size: int) -> None:
        taken.append(size)
        if how == "full" and len(taken) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if allocate is not None:
            allocate(handle, start, size)

    monkeypatch.setattr(os, "posix_fallocate", fill, raising=False)
    expected: type[AttnWidgetError] = CacheError if how == "full" else CancelledError
    stop: Callable[[], bool] = lambda: how == "cancelled" and len(taken) >= 2  # noqa: E731
    with pytest.raises(expected) as caught:
        runner.run(IDS, cancelled=stop)
    assert len(taken) == (3 if how == "full" else 2)
    assert list(tmp_path.iterdir()) == []
    if Path("/proc/self/maps").exists():
        assert mapped(tmp_path) == 2 * len(before.sites), "also while the error is held"
    assert runner.run(IDS[:20]) is before
    assert before.weights(0, 0).sum() == pytest.approx(20, rel=1e-4)
    monkeypatch.undo()
    assert caught.value.todo
    assert runner.run(IDS).layers() == (0, 1)


def worst(one: AttentionRecord, other: AttentionRecord) -> float:
    return max(
        float(abs(a.weights() - b.weights()).max()) for a, b in zip(one.sites, other.sites, strict=True)
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("make", [tiny_models.gpt2, tiny_models.llama, tiny_models.bert])
def test_half_precision_takes_half_and_says_what_it_costs(make: Any, dtype: str) -> None:
    model = make(50)
    # Random models hardly look anywhere: make their patterns sharp.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("q_proj", "k_proj", "c_attn", "query", "key")):
                parameter.mul_(20)
    runner = ModelRunner(model, cache_dtype=dtype)
    full, half = ModelRunner(model).run(IDS), runner.run(IDS)
    norms = sum(0 if site.value_norms is None else site.value_norms.nbytes for site in full.sites)
    assert half.nbytes - norms == (full.nbytes - norms) / 2
    assert half.id != full.id
    assert half.fidelity == full.fidelity, "what was recorded was checked before it was rounded"
    note = next(note for note in half.notes if f"kept in {dtype}" in note)
    said = float(note.partition("by up to ")[2].partition(",")[0])
    loss = worst(full, half)
    assert 0 < said <= loss * 1.06
    assert loss < (0.02 if dtype == "float16" else 0.15)
    assert not any("kept in" in note for note in full.notes)
    assert runner.plan(IDS).kept == half.nbytes


def test_half_precision_models_are_kept_as_they_are() -> None:
    model: Any = tiny_models.llama(50)
    record = ModelRunner(model.to(torch.bfloat16), cache_dtype="float16").run(IDS)
    assert {getattr(site, "q").dtype for site in record.sites} == {torch.bfloat16}  # noqa: B009
    assert not any("are kept in" in note for note in record.notes)
