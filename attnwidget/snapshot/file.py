"""Records on disk: `record.save` writes one safetensors file, `attnwidget.load` opens it.

The file holds a snapshot, which numpy alone reads, and what exact numbers are made of: queries and keys in
the model's own dtype, or the weights where these were given. Nothing in it is ever run.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from attnwidget.errors import (
    AttnWidgetError,
    InputError,
    MissingDependencyError,
    NotRecordedError,
    SnapshotError,
)
from attnwidget.record import AttentionRecord
from attnwidget.snapshot.budget import budget_of
from attnwidget.snapshot.decode import decode
from attnwidget.snapshot.described import KeptRecord, describe, parse_description, read_description
from attnwidget.snapshot.encode import encode
from attnwidget.snapshot.kept import Arrays, describe_sites, needs_torch, read_sites
from attnwidget.snapshot.origin import origin, remember
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged, read_tensors, write_tensors

FORMAT = "attnwidget.record"
"""What the file's metadata name as its format."""

VERSION = 1
"""Version of the file; readers refuse any other. The snapshot in it has a version of its own."""

_SNAPSHOT, _RECORD = "snapshot", "record"

_INEXACT = "The file holds exact queries and keys too: where torch is installed it opens with exact numbers."


def save_record(
    record: AttentionRecord,
    path: str | os.PathLike[str],
    *,
    exact: bool = True,
    snapshot: int | str | bool = "auto",
) -> None:
    """Write a record to a file; see `AttentionRecord.save`."""
    if exact and record.precision is not None:
        raise NotRecordedError(
            "This record is itself what a snapshot kept of one.", "Save it as that: exact=False."
        )
    if exact and (record.words or record.weighting == "norms"):
        how = "word by word" if record.words else "by norms"
        raise NotRecordedError(
            f"This record is another one read {how}.",
            "Save the record that it was made from, or a snapshot of this one: exact=False.",
        )
    if not exact and snapshot is False:
        raise InputError("There is nothing to save.", "Leave exact or snapshot as they are.")
    tensors: dict[str, Tensor] = {}
    metadata = {"format": FORMAT, "version": str(VERSION), "attnwidget": version("attnwidget")}
    if exact:
        said = describe(record, describe_sites(record, Arrays(tensors)), tensors)
        metadata[_RECORD] = json.dumps(said, separators=(",", ":"), allow_nan=False)
    if snapshot is not False:
        data = _snapshot(record, snapshot, optional=exact and snapshot == "auto")
        if data is not None:
            tensors[_SNAPSHOT] = Tensor("U8", (len(data),), lambda: np.frombuffer(data, dtype=np.uint8))
    write_tensors(path, metadata, tensors)


def load(path: str | os.PathLike[str], *, exact: bool | None = None) -> AttentionRecord:
    """Open a record that `AttentionRecord.save` wrote.

    Arrays stay on disk until they are asked for, so that a file of many gigabytes opens at once. Nothing in a
    file is ever run, whoever it comes from.

    Parameters
    ----------
    path : str or path
    exact : bool, optional
        True: the exact numbers, or an error. False: the snapshot, as readers without torch see it. By default
        exact numbers where the file has them and torch is there to compute them, else the snapshot.

    Returns
    -------
    AttentionRecord
        Its `precision` is None where its numbers are those of the run; else it says what a snapshot lost, and
        a note what would make them exact.

    Raises
    ------
    SnapshotError
        If the file is no saved record, is of a version that is not known, or is damaged.
    NotRecordedError
        If it does not hold what `exact` asks for.
    MissingDependencyError
        If torch is needed for that, and is not installed.
    OSError
        If there is no such file, or it cannot be read.

    Examples
    --------
    >>> import attnwidget as aw, tempfile
    >>> record = aw.ModelRunner().run("The cat sat.")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record.save(folder + "/cat.attn")
    ...     again = aw.load(folder + "/cat.attn")
    >>> bool((again.weights(1, 0) == record.weights(1, 0)).all())
    True
    """
    file = read_tensors(path, FORMAT, VERSION)
    has_exact, has_snapshot = _RECORD in file.metadata, _SNAPSHOT in file.places
    if not has_exact and not has_snapshot:
        raise damaged("there is no record in it")
    if exact is True and not has_exact:
        raise NotRecordedError("The file holds a snapshot only.", "Load it without exact=True.")
    if exact is False and not has_snapshot:
        raise NotRecordedError("The file holds no snapshot.", "Load it without exact=False.")
    if exact is False or not has_exact:
        return _read_snapshot(file)
    said = parse_description(file.metadata[_RECORD])
    try:
        return _read_exact(said, file)
    except ImportError as error:
        if not needs_torch(said):
            raise
        if exact or not has_snapshot:
            raise MissingDependencyError(
                "The file holds queries and keys, from which torch computes the weights.",
                "Install torch: pip install torch.",
            ) from error
    record = _read_snapshot(file)
    data = origin(record)
    if _is_whole(record) or data is None:
        return record
    return remember(replace(record, notes=(*record.notes, _INEXACT)), data)


def _is_whole(record: AttentionRecord) -> bool:
    """Whether a snapshot kept everything as it was."""
    precision = record.precision
    if precision is None:
        return True
    return (precision["form"], precision["patterns"], precision["terms"]) == ("exact", "all", "all")


def _snapshot(record: AttentionRecord, budget: int | str, optional: bool) -> bytes | None:
    """Return a snapshot; None if nobody asked for one and the record is too long for it."""
    try:
        return encode(record, budget=budget_of(budget)).data
    except SnapshotError:
        if optional:
            return None
        raise


def _read_snapshot(file: TensorFile) -> AttentionRecord:
    return decode(file.array(_SNAPSHOT, ["U8"], [None]).tobytes())


def _read_exact(said: KeptRecord, file: TensorFile) -> AttentionRecord:
    fields = read_description(said, file)
    sites = read_sites(said, file)
    try:
        return AttentionRecord(**fields, sites=sites)
    except AttnWidgetError as error:
        raise damaged("its tokens and layers do not fit") from error
