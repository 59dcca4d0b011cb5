"""Queries and keys in a file, in the model's own dtype. Needs torch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.record.qk import QKSite
from attnwidget.snapshot.described import KeptSite
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged

if TYPE_CHECKING:
    from attnwidget.snapshot.kept import Arrays

_NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


def describe_queries_keys(site: QKSite, own: dict[str, Tensor], arrays: Arrays) -> dict[str, Any]:
    """Return what JSON says of a site's queries and keys; they go to `own`, a shared bias to `arrays`.

    Raises
    ------
    NotRecordedError
        If the model computes in a dtype that the file does not have.
    """
    own["q"], own["k"] = _kept(site.q), _kept(site.k)
    if site.sink_scores is not None:
        own["sink_scores"] = _kept(site.sink_scores.float())
    bias = None
    if site.bias is not None:
        # What is the same for all heads or queries is often one row that is only said to be repeated.
        heads, queries = (slice(1 if stride == 0 else None) for stride in site.bias.stride()[:2])
        own_bias = site.bias[heads, queries]
        key = (own_bias.data_ptr(), own_bias.shape, own_bias.stride(), own_bias.dtype)
        bias = arrays.share("bias", key, _kept(own_bias))
    return {"bias": bias, "rounded": site.rounded}


def read_queries_keys(
    said: KeptSite, file: TensorFile, facts: dict[str, Any], sinks: NDArray[np.float32] | None
) -> QKSite:
    """Return a site of queries and keys, read when they are asked.

    Parameters
    ----------
    said : KeptSite
    file : TensorFile
    facts : dict
        The fields that every site has.
    sinks : float32 array [heads] or None
        Score of the learned sink.

    Raises
    ------
    SnapshotError
        If something is missing, or contradicts something else.
    """
    stem = f"{facts['kind']}.{facts['layer']}"
    floats = tuple(_DTYPES)
    q = file.array(f"{stem}.q", floats, [facts["heads"], facts["queries"], None])
    dtype, width = file.places[f"{stem}.q"].dtype, q.shape[2]
    k = file.array(f"{stem}.k", [dtype], [facts["kv_heads"], facts["keys"], width])
    number = said["bias"]
    bias = None
    if number is not None:
        name = f"bias.{number}"
        raw = file.array(name, floats, [None, None, facts["keys"]])
        if raw.shape[0] not in (1, facts["heads"]) or raw.shape[1] not in (1, facts["queries"]):
            raise damaged(f"{name} is of another shape")
        bias = _tensor(raw, file.places[name].dtype)
    if width < 1:
        raise damaged(f"{stem}.q is empty")
    return QKSite(
        **facts,
        q=_tensor(q, dtype),
        k=_tensor(k, dtype),
        bias=bias,
        sink_scores=None if sinks is None else _tensor(sinks, "F32"),
        rounded=said["rounded"],
    )


def _kept(tensor: torch.Tensor) -> Tensor:
    if tensor.dtype not in _NAMES:
        raise NotRecordedError(
            f"Numbers of dtype {str(tensor.dtype).removeprefix('torch.')} have no place in the file.",
            "Save a snapshot of the record: record.save(path, exact=False).",
        )

    def read() -> NDArray[Any]:
        here = tensor.detach().cpu().contiguous()
        array: NDArray[Any] = here.view(torch.int16).numpy() if here.dtype == torch.bfloat16 else here.numpy()
        return array.view(np.uint16) if here.dtype == torch.bfloat16 else array

    return Tensor(_NAMES[tensor.dtype], tuple(tensor.shape), read)


def _tensor(raw: NDArray[Any], dtype: str) -> torch.Tensor:
    """Return an array of a file as a tensor that shares its memory."""
    signed = raw.view(np.int16) if dtype == "BF16" else raw
    with warnings.catch_warnings():
        # Of arrays that cannot be written torch warns; nothing here writes.
        warnings.simplefilter("ignore")
        return torch.from_numpy(signed).view(_DTYPES[dtype])
