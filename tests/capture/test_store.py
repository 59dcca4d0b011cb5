"""Where queries and keys are kept: memory or files, and in which precision."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget.capture import memory
from attnwidget.capture import store as module
from attnwidget.capture.store import Store, free_on_disk, lies_in_memory, spill_folder
from attnwidget.errors import CacheError
from attnwidget.record.qk import QKSite
from attnwidget.record.visibility import Visibility


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def site(q: torch.Tensor, k: torch.Tensor) -> QKSite:
    return QKSite(
        kind="decoder",
        layer=0,
        name="attn",
        route="interface",
        heads=q.shape[0],
        kv_heads=k.shape[0],
        queries=q.shape[1],
        keys=k.shape[1],
        visibility=Visibility(causal=True),
        scaling=0.5,
        q=q,
        k=k,
    )


@pytest.mark.parametrize("unlinks", [True, False])
@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_is_a_copy_and_leaves_nothing_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: bool, unlinks: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(module, "_UNLINKS_OPEN_FILES", unlinks)
    given = numbers(2, 5, 300, dtype=dtype).transpose(1, 2)
    store = Store(tmp_path if on_disk else None)
    kept = store.keep(given)
    assert kept.is_contiguous()
    assert torch.equal(kept, given)
    assert kept.data_ptr() != given.data_ptr()
    assert store.nbytes == given.nbytes == kept.nbytes
    assert store.place == ("disk" if on_disk else "memory")
    assert list(tmp_path.iterdir()) == []
    part = kept[:1, 7:9]
    del kept
    assert torch.equal(part, given[:1, 7:9])


def test_a_file_is_where_it_was_asked_for_and_gone_with_its_last_tensor(tmp_path: Path) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count(str(tmp_path))

    if not Path("/proc/self/maps").exists():
        pytest.skip("asks Linux for the mappings")
    kept = Store(tmp_path).empty((4, 1000), torch.float16)
    view = kept[2:]
    del kept
    assert mapped() == 1
    del view
    assert mapped() == 0


def test_what_a_child_process_writes_is_seen_and_survives_it(tmp_path: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    kept = Store(tmp_path).keep(torch.zeros(3))
    child = os.fork()
    if child == 0:
        kept[1] = 7
        os._exit(0)
    os.waitpid(child, 0)
    assert kept.tolist() == [0, 7, 0]


def test_nothing_is_kept_of_nothing(tmp_path: Path) -> None:
    assert Store(tmp_path).keep(torch.zeros(2, 0, 4)).shape == (2, 0, 4)


@pytest.mark.parametrize("allocate", [True, False], ids=["preallocated", "written"])
def test_a_full_disk_is_told_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allocate: bool
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    if allocate:
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    else:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.setattr(os, "write", full)
    with pytest.raises(CacheError, match=r"The disk of .* is full: 4 MB more are needed") as caught:
        Store(tmp_path).empty((1000, 1000), torch.float32)
    assert "another disk" in caught.value.todo
    assert list(tmp_path.iterdir()) == []


def test_without_preallocation_room_is_taken_by_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ZEROS", 1000)

    def unable(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "not here")

    written = []
    write = os.write

    def counted(file: int, data: bytes) -> int:
        written.append(len(data))
        return write(file, data)

    monkeypatch.setattr(os, "posix_fallocate", unable, raising=False)
    monkeypatch.setattr(os, "write", counted)
    kept = Store(tmp_path).keep(numbers(30, 21))
    assert sum(written) == kept.nbytes == 2520
    assert torch.equal(kept, numbers(30, 21))


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    for use in (
        lambda: Store(tmp_path / "none").keep(torch.ones(2)),
        lambda: free_on_disk(tmp_path / "none"),
    ):
        with pytest.raises(CacheError, match=r"cannot be written to .*none: No such file"):
            use()
    assert free_on_disk(tmp_path) > 0


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("tokens", [1, 255, 256, 700])
def test_what_lies_token_after_token_is_kept_head_after_head(
    tokens: int, on_disk: bool, tmp_path: Path
) -> None:
    fused = numbers(1, tokens, 3 * 24)
    q, k, v = (part.view(tokens, 3, 8).transpose(0, 1) for part in fused[0].split(24, -1))
    store = Store(tmp_path if on_disk else None)
    for part in (q, k, v, q.contiguous()):
        kept = store.keep(part)
        assert kept.is_contiguous()
        assert torch.equal(kept, part)
    half = Store(dtype=torch.float16).keep(k)
    assert torch.equal(half, k.half())


@pytest.mark.parametrize("hints", ["taken", "refused", "unknown"])
def test_large_tensors_have_pages_of_their_own(hints: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if hints == "refused":
        monkeypatch.setattr(memory, "_POPULATE", 10**6)  # no system knows that one
    elif hints == "unknown":
        monkeypatch.delattr("mmap.MADV_HUGEPAGE", raising=False)
    for shape in ((3, 100_000), (7, 100_001), (12, 70_000, 8)):
        made = memory.own_pages(shape, torch.float32, torch.device("cpu"))
        assert made.is_contiguous()
        # Nothing beside it is kept or saved with it.
        assert made.untyped_storage().nbytes() == 4 * made.numel()
        made.copy_(expected := numbers(*shape))
        assert torch.equal(made, expected)
    assert memory.own_pages((3, 4), torch.float16, torch.device("cpu")).shape == (3, 4)


def test_folders_that_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "/dev/a / ext4 rw 0 0\ntmpfs /mem tmpfs rw 0 0\n/dev/b /mem/disk ext4 rw 0 0\nbroken\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts.replace("broken\n", ""))
    assert lies_in_memory("/mem")
    assert lies_in_memory("/mem/some/folder")
    assert not lies_in_memory("/mem/disk/folder")
    assert not lies_in_memory("/home")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/mem")
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert spill_folder() == Path("/var/tmp")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert spill_folder() == Path("/mem")


def test_a_narrower_precision_is_measured_and_a_wider_one_is_not_used() -> None:
    run = site(numbers(4, 20, 8), numbers(2, 20, 8))
    store = Store(dtype=torch.float16)
    kept = replace(run, q=store.keep(run.q), k=store.keep(run.k))
    assert kept.q.dtype == kept.k.dtype == torch.float16
    assert store.nbytes == (run.q.nbytes + run.k.nbytes) / 2
    assert store.notes() == ()
    store.compare(run, kept)
    real = np.abs(run.weights(queries=[5, 10, 19]) - kept.weights(queries=[5, 10, 19])).max()
    assert store.loss is not None
    assert 0 < store.loss < 1e-3
    assert store.loss == pytest.approx(real)
    (said,) = store.notes()
    assert said.startswith("Queries and keys are kept in float16: weights differ from the run's by up to ")
    assert "measured on 3 or more queries" in said
    half = numbers(1, 3, 4, dtype=torch.bfloat16)
    assert store.keep(half).dtype == torch.bfloat16


def test_numbers_that_half_precision_does_not_have() -> None:
    with pytest.raises(CacheError, match="too large for float16"):
        Store(dtype=torch.float16).keep(torch.tensor([1.0, 7e4]))
    assert Store(dtype=torch.bfloat16).keep(torch.tensor([1.0, 7e4]))[1].item() == pytest.approx(
        7e4, rel=1e-2
    )


def test_a_containers_limit_counts_though_its_page_cache_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (
        ("memory.max", "1000000\n"),
        ("memory.current", "900000\n"),
        ("memory.stat", "anon 300000\ninactive_file 200000\nactive_file 350000\n"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "_CONTAINER", tmp_path)
    assert memory.free_bytes(torch.device("cpu")) == 650_000
    (tmp_path / "memory.max").write_text("max\n")
    free = memory.free_bytes(torch.device("cpu"))
    assert free is None or free > 650_000
