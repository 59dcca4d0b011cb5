"""Where the queries and keys of a run are kept: in memory or in files, in their own or in half precision."""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from attnwidget.capture import memory
from attnwidget.capture.verify import checked_rows
from attnwidget.errors import CacheError
from attnwidget.record.qk import QKSite
from attnwidget.record.sites import Place

# Where open files can be unlinked, nothing is left behind whatever happens to the process.
_UNLINKS_OPEN_FILES = os.name == "posix"
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_ZEROS = 1 << 22
_RUN = 256  # tokens
# Of the free bytes of a disk; the rest stays for everybody else.
_SHARE_OF_DISK = 0.8
_IN_MEMORY = {"tmpfs", "ramfs"}


class Store:
    """Keeps the queries and keys of one run.

    Parameters
    ----------
    folder : path or None
        Where memory-mapped files go; None keeps everything in memory. A file has no name in the folder once
        it is mapped, and its room is given back with the last tensor that looks at it, at the latest with
        the process, however that ends.
    dtype : torch.float16, torch.bfloat16 or None
        Keep in this precision what is wider; None keeps everything in its own.

    Attributes
    ----------
    nbytes : int
        Bytes handed out so far.
    loss : float or None
        Largest absolute difference of a weight that `compare` has seen; None before.

    Examples
    --------
    >>> import torch
    >>> store = Store(dtype=torch.float16)
    >>> kept = store.keep(torch.tensor([[0.1, 0.2]]))
    >>> kept.dtype, store.nbytes
    (torch.float16, 4)
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, dtype: torch.dtype | None = None
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.dtype = dtype
        self.nbytes = 0
        self.loss: float | None = None
        self._compared = 0

    @property
    def place(self) -> Place:
        """Where the tensors are."""
        return "memory" if self.folder is None else "disk"

    def dtype_for(self, dtype: torch.dtype) -> torch.dtype:
        """Return the precision in which numbers of a dtype are kept: never a wider one."""
        return dtype if self.dtype is None or self.dtype.itemsize >= dtype.itemsize else self.dtype

    def empty(
        self, shape: Sequence[int], dtype: torch.dtype, device: torch.device | str | None = None
    ) -> Tensor:
        """Return a tensor that is not filled yet.

        Parameters
        ----------
        shape : sequence of int
        dtype : torch.dtype
            Of the numbers to be kept; the tensor has `dtype_for` of it.
        device : torch.device, optional
            Where it lies if it is in memory; files are always on the CPU.

        Returns
        -------
        Tensor of this shape, contiguous

        Raises
        ------
        CacheError
            If the disk is full or the folder cannot be written to.
        """
        kept, size = self.dtype_for(dtype), math.prod(shape)
        nbytes = size * kept.itemsize
        self.nbytes += nbytes
        if self.folder is None:
            return memory.own_pages(tuple(shape), kept, torch.device(device or "cpu"))
        if nbytes == 0:
            return torch.empty(tuple(shape), dtype=kept)
        return _mapped(self.folder, size, kept).view(tuple(shape))

    def write(self, kept: Tensor, part: Tensor) -> None:
        """Copy numbers into (a part of) a tensor of this store.

        Raises
        ------
        CacheError
            If they are too large for the precision that they are kept in.
        """
        _copy(kept, part)
        if kept.dtype != part.dtype and kept.numel():
            low, high = torch.aminmax(kept)
            if not bool(torch.isfinite(low) & torch.isfinite(high)):
                name = _name(kept.dtype)
                raise CacheError(
                    f"Queries or keys of this model are too large for {name}.",
                    'Use cache_dtype="bfloat16", or None to keep them as they are.',
                )

    def keep(self, tensor: Tensor, device: torch.device | str | None = None) -> Tensor:
        """Return a contiguous copy that stays: on a device, its own if none is named, or in a file."""
        kept = self.empty(tensor.shape, tensor.dtype, tensor.device if device is None else device)
        self.write(kept, tensor)
        return kept

    def adopt(self, tensor: Tensor) -> None:
        """Count a tensor in memory that is kept as it is, though it was made elsewhere."""
        self.nbytes += tensor.nbytes

    def restart(self) -> None:
        """Forget what was handed out and measured: the run begins again."""
        self.nbytes, self.loss, self._compared = 0, None, 0

    def compare(self, run: QKSite, kept: QKSite) -> None:
        """Measure what a narrower precision does to the weights of a site, on a few queries.

        Parameters
        ----------
        run, kept : QKSite
            The same site, with queries and keys as the run has them and as they are kept.
        """
        if (run.q.dtype, run.k.dtype) == (kept.q.dtype, kept.k.dtype):
            return
        rows = checked_rows(run.queries)
        worst = float(abs(kept.weights(queries=rows) - run.weights(queries=rows)).max(initial=0.0))
        self.loss = worst if self.loss is None else max(self.loss, worst)
        self._compared = min(self._compared or len(rows), len(rows))

    def notes(self) -> tuple[str, ...]:
        """Say where queries and keys are and what precision costs, where that is worth saying."""
        said = []
        if self.place == "disk" and self.nbytes:
            said.append("Queries and keys are kept on disk.")
        if self.loss is not None and self.dtype is not None:
            said.append(
                f"Queries and keys are kept in {_name(self.dtype)}: weights differ from the run's by up to "
                f"{self.loss:.1g}, measured on {self._compared} or more queries of each head."
            )
        return tuple(said)


def _copy(kept: Tensor, part: Tensor) -> None:
    """Copy [heads, tokens, d] in runs of tokens: a model lays them out token after token.

    Head after head, every vector would lie in another page; this takes half the time.
    """
    if part.ndim != 3 or part.stride(1) <= part.stride(0) or part.device.type != "cpu":
        kept.copy_(part)
        return
    for first in range(0, part.shape[1], _RUN):
        kept[:, first : first + _RUN].copy_(part[:, first : first + _RUN])


def free_on_disk(folder: str | os.PathLike[str]) -> int:
    """Bytes that may be taken of the disk of a folder, which leaves some to everybody else.

    Raises
    ------
    CacheError
        If the folder does not exist or cannot be written to.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            return int(_SHARE_OF_DISK * shutil.disk_usage(folder).free)
    except OSError as error:
        raise _unusable(Path(folder), error) from error


def spill_folder() -> Path:
    """Return where records are spilled to if no folder is named: the system's folder of temporary files.

    Where that lies in memory, which would win nothing, it is /var/tmp if there is one on a disk.
    """
    folder = Path(tempfile.gettempdir())
    lasting = Path("/var/tmp")
    if not lies_in_memory(folder) or not os.access(lasting, os.W_OK) or lies_in_memory(lasting):
        return folder
    return lasting


def lies_in_memory(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder's files are known to lie in memory (tmpfs), as on some systems those in /tmp."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
        real = Path(folder).resolve()
    except OSError:
        return False
    found = (0, "")
    for line in lines:
        # The last of the longest: what was mounted there later covers what was there before.
        _, where, kind, *_ = line.split(" ")
        point = Path(where.replace("\\040", " "))
        if real.is_relative_to(point) and len(point.parts) >= found[0]:
            found = (len(point.parts), kind)
    return found[1] in _IN_MEMORY


def _mapped(folder: Path, count: int, dtype: torch.dtype) -> Tensor:
    """Return numbers that lie in a file of their own, all of its room taken from the disk beforehand."""
    nbytes = count * dtype.itemsize
    try:
        if not _UNLINKS_OPEN_FILES:
            # The system deletes it when the mapping, which has a handle of its own, is closed.
            with tempfile.TemporaryFile(dir=folder, prefix="attnwidget-") as file:
                _allocate(file.fileno(), nbytes)
                return torch.frombuffer(mmap.mmap(file.fileno(), nbytes), dtype=dtype)
        handle, name = tempfile.mkstemp(dir=folder, prefix="attnwidget-", suffix=".qk")
        try:
            _allocate(handle, nbytes)
            # Unlike Python's own, this mapping needs no open file: a record has many.
            return torch.from_file(name, shared=True, size=count, dtype=dtype)
        except RuntimeError as error:
            raise OSError(str(error)) from error
        finally:
            os.unlink(name)
            os.close(handle)
    except OSError as error:
        raise _unusable(folder, error, nbytes) from error


def _allocate(handle: int, nbytes: int) -> None:
    """Take room on the disk: a mapped file with holes kills the process if the disk fills up later."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        try:
            allocate(handle, 0, nbytes)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
    zeros = memoryview(bytes(_ZEROS))
    left = nbytes
    while left:
        left -= os.write(handle, zeros[: min(left, _ZEROS)])


def _unusable(folder: Path, error: OSError, nbytes: int = 0) -> CacheError:
    if error.errno in _FULL:
        return CacheError(
            f"The disk of {folder} is full: {nbytes / 1e6:,.0f} MB more are needed for queries and keys.",
            "Free some room, or pass spill= a folder on another disk; nothing was left behind.",
        )
    return CacheError(
        f"Queries and keys cannot be written to {folder}: {error.strerror or error}.",
        "Pass spill= a folder that exists and can be written to.",
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
