"""How much memory is free, asked before something large is computed."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
from pathlib import Path

import torch
from torch import Tensor

from attnwidget.errors import OutOfMemoryError

_OWN_PAGES = 1 << 20
_HUGE = 2 << 20
# Linux' MADV_POPULATE_WRITE, for which Python has no name yet: every page at once, not one fault each.
_POPULATE = 23
_CONTAINER = Path("/sys/fs/cgroup")
_SHARE = 0.8  # of what is free; the rest stays for everybody else


def free_bytes(device: torch.device) -> int | None:
    """Bytes free on a device, or None where that cannot be known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds back for later is free for it, too.
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    known = [value for value in (_linux_available(), _container_available(), _pages_available()) if value]
    return min(known) if known else None


def demand(needed: int, device: torch.device, what: str) -> None:
    """Raise OutOfMemoryError if `needed` bytes do not fit on the device.

    Parameters
    ----------
    needed : int
        Bytes.
    device : torch.device
    what : str
        What they are for, to complete "... need 12 GB".
    """
    free = free_bytes(device)
    if free is not None and needed > _SHARE * free:
        raise OutOfMemoryError(
            f"{what} need {_readable(needed)}, and {_readable(free)} are free.",
            "Use a shorter prompt, or a model that runs SDPA without exact=True.",
        )


def own_pages(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor that is not filled yet; on the CPU, and if it is large, in pages of its own.

    Taken from the heap, between the run's own short-lived tensors, it would keep those from being given back,
    which costs about as much again as the tensor itself. Where the system has huge pages they are used: they
    are there in half the time, and reading the tensor later looks up fewer of them.
    """
    nbytes = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or nbytes < _OWN_PAGES:
        return torch.empty(shape, dtype=dtype, device=device)
    return _mapped(nbytes).view(dtype).view(shape)


def _mapped(nbytes: int) -> Tensor:
    """Return bytes in private pages that are all there already, where the system can do that."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        return torch.frombuffer(mmap.mmap(-1, nbytes, **private), dtype=torch.uint8)
    # More addresses than bytes, so that huge pages can begin where they must; no page is taken for the rest.
    pages = mmap.mmap(-1, nbytes + _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    first = -torch.frombuffer(pages, dtype=torch.uint8).data_ptr() % _HUGE
    # Hints: a system that does not take them gives the same memory, later or in smaller pages.
    with contextlib.suppress(OSError, ValueError):
        if nbytes >= _HUGE:
            pages.madvise(mmap.MADV_HUGEPAGE, first, nbytes // _HUGE * _HUGE)
        pages.madvise(_POPULATE, first, nbytes)
    return torch.frombuffer(pages, dtype=torch.uint8, count=nbytes, offset=first)


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _linux_available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    return None


def _container_available() -> int | None:
    group = _CONTAINER
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        # The page cache counts as used there, but is given back when asked for: also that of mapped weights.
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        pages = sum(int(statistics.get(name, 0)) for name in ("inactive_file", "active_file"))
        return max(0, limit - used + pages)
    except (OSError, ValueError):
        return None


def _pages_available() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
