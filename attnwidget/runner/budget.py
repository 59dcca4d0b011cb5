"""What a run will take, said before it begins, and where its queries and keys go: memory, device or files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch

from attnwidget.capture.store import Store, free_on_disk, lies_in_memory, spill_folder
from attnwidget.errors import CacheError, InputError, OutOfMemoryError
from attnwidget.record.sites import Place
from attnwidget.runner.cache import ByteCache, parse_bytes, show_bytes
from attnwidget.runner.needs import most_tokens

Spill: TypeAlias = "bool | str | os.PathLike[str]"
Sum: TypeAlias = Callable[[int], int]
Free: TypeAlias = Callable[[], "int | None"]

SMALL = 64 * 10**6
"""Records up to this size are not worth a word or a file: the oldest go when the budget is spent."""

_AUTO_SHARE = 4
_AUTO_LEAST = 10**9
_SHARE = 0.8  # of the memory that is free; the rest stays for everybody else
_ON_DEVICE = 0.25  # what a record may take of the memory that is free on an accelerator
_WHERE: dict[Place, str] = {"memory": "in memory", "device": "on the device", "disk": "on disk"}
_HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
_STORED = 0.5  # of what there is of a disk, for all records that are kept on it


@dataclass(frozen=True)
class Plan:
    """What a run will take, and where what it keeps will lie.

    Parameters
    ----------
    tokens : int
        Of the prompt.
    kept : int
        Bytes of queries and keys, in the precision that they are kept in, and of the norms of values.
    working : int
        Bytes of memory that the run takes beside the model and what it keeps in memory: an estimate.
    place : {"memory", "device", "disk"}
    folder : Path or None
        Of the files, if they go to disk.
    free : int or None
        Bytes of memory that are free for the run, on the device that it runs on; None where unknown.
    room : int or None
        Bytes of the budget that are left beside the records in use; None if there is no budget.
    disk : int or None
        Bytes that may be taken of the disk of `folder`; None if nobody looked.
    problem, advice : str
        Why it does not fit, and what to do; empty if it fits.

    Examples
    --------
    >>> import attnwidget as aw
    >>> plan = aw.ModelRunner().plan("The cat sat on the mat because it was tired.")
    >>> plan.fits, plan.place
    (True, 'memory')
    >>> print(plan.text)  # doctest: +ELLIPSIS
    12 tokens: keeps ... kB of queries and keys in memory, about ... to work.
    """

    tokens: int
    kept: int
    working: int
    place: Place = "memory"
    folder: Path | None = None
    free: int | None = None
    room: int | None = None
    disk: int | None = None
    problem: str = ""
    advice: str = ""

    @property
    def fits(self) -> bool:
        """Whether the run can begin."""
        return not self.problem

    @property
    def large(self) -> bool:
        """Whether it is worth announcing."""
        return self.kept > SMALL

    @property
    def text(self) -> str:
        """One sentence for a person."""
        if not self.fits:
            return f"{self.problem} {self.advice}"
        kept, where = f"{show_bytes(self.kept)} of queries and keys", _WHERE[self.place]
        more = "to work" if self.place == "memory" else "of memory to work"
        return f"{self.tokens:,} tokens: keeps {kept} {where}, about {show_bytes(self.working)} {more}."

    @property
    def brief(self) -> str:
        """The same in a few words, to stand beside how far the run is."""
        return f"keeps {show_bytes(self.kept)} {_WHERE[self.place]}"

    def demand(self) -> None:
        """Raise the error that names every figure, if the run does not fit.

        Raises
        ------
        OutOfMemoryError
            If not even what the run works with fits into memory.
        CacheError
            If what it keeps fits nowhere that is allowed.
        """
        if self.fits:
            return
        if self.place != "device" and self.free is not None and self.working > self.free:
            raise OutOfMemoryError(self.problem, self.advice)
        raise CacheError(self.problem, self.advice)


@dataclass(frozen=True)
class _Rooms:
    """Bytes that there are for a record; None where nothing sets a limit, for the disk where it is closed."""

    budget: int | None
    host: int | None
    device: int | None
    disk: int | None = None

    def easy(self, kept: int, working: int) -> Place | None:
        """Where a record goes that has plenty of room; None if it has not."""
        if self.within(kept) and self.device is not None and kept < _ON_DEVICE * self.device:
            return "device"
        needed = kept + self.here(working)
        return "memory" if self.within(kept) and (self.host is None or needed <= _SHARE * self.host) else None

    def place(self, kept: int, working: int, apart: int) -> Place | None:
        """Where a record goes; None if it fits nowhere."""
        easy, here = self.easy(kept, working), self.here(working)
        if easy is not None:
            return easy
        fits = self.host is None or self.here(working + apart) <= self.host
        if self.disk is not None and kept <= self.disk and fits:
            return "disk"
        # A disk would be better; without one, the last of the memory is used.
        return "memory" if self.within(kept) and self.host is not None and kept + here <= self.host else None

    def within(self, kept: int) -> bool:
        """Whether the budget allows a record in memory."""
        return self.budget is None or kept <= max(SMALL, self.budget)

    def here(self, working: int) -> int:
        """Bytes that the run takes of the host's memory to work."""
        return working if self.device is None else 0


class Budget:
    """Decides where the record of a run goes.

    Parameters
    ----------
    cache : ByteCache
        Of the records that are kept.
    spill : bool, str or path
        Whether records that do not fit go to files, and in which folder.
    dtype : torch.dtype or None
        Precision in which queries and keys are kept.
    """

    def __init__(self, cache: ByteCache[Any], spill: Spill = True, dtype: torch.dtype | None = None) -> None:
        if not isinstance(spill, (bool, str, os.PathLike)):
            raise InputError(
                f"spill={spill!r} is no folder.", "Give True, False, or a folder for large files."
            )
        self._cache = cache
        self._spill = spill
        self.dtype = dtype

    def store(self, plan: Plan) -> Store:
        """Return what keeps the queries and keys of a planned run."""
        return Store(plan.folder if plan.place == "disk" else None, self.dtype)

    def plan(
        self, tokens: int, kept: Sum, working: Sum, apart: Sum, free: Free, device_free: Free | None = None
    ) -> Plan:
        """Plan a run. Records that nobody uses are dropped where that makes room for it.

        Parameters
        ----------
        tokens : int
        kept, working : callable
            Bytes that runs of so many tokens keep and work with.
        apart : callable
            Bytes that they work with besides if what they keep is not in memory.
        free : callable
            Tells how many bytes of memory are free on the host; None where unknown.
        device_free : callable, optional
            The same of the accelerator that the model runs on.
        """
        size, work = kept(tokens), working(tokens)
        rooms = self._rooms(size, free, device_free)
        if rooms.easy(size, work) is None:
            # What was kept for later gives way to what is wanted now.
            self._cache.make_room(self._cache.info().budget)
            rooms = self._rooms(size, free, device_free)
        folder, closed = None, ""
        if rooms.easy(size, work) is None:
            folder, closed = self._folder()
            rooms = replace(rooms, disk=None if folder is None else self._on_disk(folder, size))
        place = rooms.place(size, work, apart(tokens))
        found = Plan(
            tokens=tokens,
            kept=size,
            working=work + (apart(tokens) if place == "disk" else 0),
            place=place or "memory",
            folder=folder if place == "disk" else None,
            free=rooms.host if rooms.device is None else rooms.device,
            room=rooms.budget,
            disk=rooms.disk,
        )
        if place is not None:
            return found
        return replace(
            found,
            problem=self._problem(found, rooms, folder, closed),
            advice=self._advice(
                tokens, lambda count: rooms.place(kept(count), working(count), apart(count)) is not None
            ),
        )

    def _rooms(self, wanted: int, free: Free, device_free: Free | None) -> _Rooms:
        # A budget of nothing means that nothing is kept for later, not that nothing may run.
        budget = self._cache.make_room(wanted) if wanted > SMALL and self._cache.info().budget else None
        return _Rooms(budget, free(), None if device_free is None else device_free())

    def _folder(self) -> tuple[Path | None, str]:
        """Return the folder for files, or why there is none."""
        if self._spill is False:
            return None, "spill=False keeps them off the disk"
        folder = spill_folder() if self._spill is True else Path(self._spill)
        if self._spill is True and lies_in_memory(folder):
            return None, f"{folder} is no disk but memory"
        try:
            free_on_disk(folder)
        except CacheError as error:
            return None, error.what.rstrip(".")
        return folder, ""

    def _on_disk(self, folder: Path, wanted: int) -> int:
        """Bytes that may be taken of a disk, once records that nobody uses have made room there."""
        while wanted + self._cache.info().disk > _STORED * (free_on_disk(folder) + self._cache.info().disk):
            if not self._cache.drop_from_disk():
                break
        return free_on_disk(folder)

    def _problem(self, plan: Plan, rooms: _Rooms, folder: Path | None, closed: str) -> str:
        figures = []
        if rooms.host is not None and plan.kept + rooms.here(plan.working) > _SHARE * rooms.host:
            figures.append(f"{show_bytes(rooms.host)} of memory are free")
        if not rooms.within(plan.kept):
            total = show_bytes(self._cache.info().budget)
            figures.append(f"the cache has {show_bytes(rooms.budget or 0)} of its {total} left")
        if rooms.disk is not None and plan.kept > rooms.disk:
            figures.append(f"{show_bytes(rooms.disk)} of the disk of {folder} may be taken")
        figures += [closed] if closed else []
        said = figures[0] if len(figures) == 1 else f"{', '.join(figures[:-1])}, and {figures[-1]}"
        return (
            f"{plan.tokens:,} tokens need {show_bytes(plan.kept)} for queries and keys and about "
            f"{show_bytes(plan.working)} to work, but {said}."
        )

    def _advice(self, tokens: int, fits: Callable[[int], bool]) -> str:
        most = most_tokens(tokens, fits)
        other = []
        if self._spill is False:
            other.append("spill=True, which keeps what does not fit on disk")
        elif self._spill is True:
            other.append("spill= a folder with more room")
        if self.dtype is None:
            other.append('cache_dtype="float16", which keeps half as much')
        ways = ", or ".join(["a shorter prompt", *other, "a larger cache"])
        return f"About {most:,} tokens would fit; or use {ways}." if most > 0 else f"Use {ways}."


def budget_of(cache: int | str, free: int | None) -> int:
    """Read the budget of a cache.

    Parameters
    ----------
    cache : int or str
        Bytes, a text such as "8 GB", or "auto": a quarter of the memory that is free, at least 1 GB.
    free : int or None
        Bytes of memory that are free.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if cache == "auto":
        return max(_AUTO_LEAST, (free or 0) // _AUTO_SHARE)
    return parse_bytes(cache)


def half_of(dtype: object) -> torch.dtype | None:
    """Read the precision of a cache: None, "float16" or "bfloat16", or torch's own; InputError for others."""
    name = str(dtype).removeprefix("torch.")
    if dtype is not None and name not in _HALVES:
        raise InputError(
            f"Queries and keys cannot be kept in {dtype!r}.",
            'Give cache_dtype="float16", "bfloat16", or None for the precision of the model.',
        )
    return None if dtype is None else _HALVES[name]
