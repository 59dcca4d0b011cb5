"""What a saved record says besides its arrays, as `FILE.md` beside this module declares it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, cast

import numpy as np

from attnwidget.record import AttentionRecord, ModelInfo, Predictions, Token
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged, parse_json
from attnwidget.wire.check import mismatch
from attnwidget.wire.schema import Route, SiteKind, StreamKind

Holds: TypeAlias = Literal["queries and keys", "weights"]

MOST_LAYERS = 1 << 16
"""Layers that a model has at most; views have a place for each."""


class KeptTokens(TypedDict):
    """Tokens of one stream, as columns of equal length."""

    id: list[int | None]
    text: list[str]
    label: list[str]
    special: list[bool]
    continued: list[bool]
    segment: list[int]
    start: list[int | None]
    end: list[int | None]


class KeptModel(TypedDict):
    """The fields of `ModelInfo`."""

    name: str
    architecture: str
    layers: int
    embedded: bool
    dtype: str
    device: str
    parameters: int


class KeptPredictions(TypedDict):
    """The distinct labels of predictions."""

    labels: list[str]


class KeptSite(TypedDict):
    """One attention site; its `arrays` are named by kind and layer, `mask` and `bias` by these numbers."""

    kind: SiteKind
    layer: int
    name: str
    route: Route
    heads: int
    kv_heads: int
    queries: int
    keys: int
    causal: bool
    window: int | None
    mask: int | None
    fidelity: float | None
    softcap: float | None
    scaling: float | None
    has_sinks: bool
    rotary: bool
    holds: Holds
    arrays: list[str]
    bias: NotRequired[int | None]
    rounded: NotRequired[bool]


class KeptRecord(TypedDict):
    """A record without its arrays."""

    id: str
    model: KeptModel
    prompt: str
    context: str | None
    exact: bool
    notes: list[str]
    streams: dict[StreamKind, KeptTokens]
    predictions: KeptPredictions | None
    sites: list[KeptSite]


def describe(record: AttentionRecord, sites: list[KeptSite], tensors: dict[str, Tensor]) -> KeptRecord:
    """Return what is said of a record; its predictions go to `tensors`."""
    return {
        "id": record.id,
        "model": cast(KeptModel, asdict(record.model)),
        "prompt": record.prompt,
        "context": record.context,
        "exact": record.exact,
        "notes": list(record.notes),
        "streams": {stream: _columns(tokens) for stream, tokens in record.streams.items()},
        "predictions": _describe_predictions(record.predictions, tensors),
        "sites": sites,
    }


def parse_description(text: str) -> KeptRecord:
    """Return what a file says of its record, after checking that every field is there and of its kind.

    Raises
    ------
    SnapshotError
    """
    parsed = parse_json(text.encode(errors="replace"))
    if wrong := mismatch(parsed, KeptRecord):
        raise damaged(f"{wrong} is not what it must be")
    said = cast(KeptRecord, parsed)
    layers = [said["model"]["layers"], *(site["layer"] for site in said["sites"])]
    if not said["streams"] or not all(0 <= layer <= MOST_LAYERS for layer in layers):
        raise damaged("its layers or tokens are missing")
    return said


def read_description(said: KeptRecord, file: TensorFile) -> dict[str, Any]:
    """Return the fields of a record, its sites left out.

    Raises
    ------
    SnapshotError
        If tokens or predictions contradict themselves.
    """
    streams = {stream: _tokens(columns) for stream, columns in said["streams"].items()}
    kept = said["predictions"]
    positions = len(streams.get("decoder") or streams["encoder"])
    return {
        "id": said["id"],
        "model": ModelInfo(**said["model"]),
        "prompt": said["prompt"],
        "context": said["context"],
        "exact": said["exact"],
        "notes": tuple(said["notes"]),
        "streams": streams,
        "predictions": None if kept is None else _predictions(kept["labels"], file, positions),
    }


def _columns(tokens: tuple[Token, ...]) -> KeptTokens:
    names = [field.name for field in fields(Token)]
    return cast(KeptTokens, {name: [getattr(token, name) for token in tokens] for name in names})


def _tokens(columns: KeptTokens) -> tuple[Token, ...]:
    lists: list[list[Any]] = [columns[field.name] for field in fields(Token)]  # type: ignore[literal-required]
    if len({len(column) for column in lists}) != 1:
        raise damaged("the columns of its tokens differ in length")
    return tuple(Token(*row) for row in zip(*lists, strict=True))


def _describe_predictions(
    predictions: Predictions | None, tensors: dict[str, Tensor]
) -> KeptPredictions | None:
    if predictions is None:
        return None
    table: dict[str, int] = {}
    index = [[table.setdefault(label, len(table)) for label in labels] for labels in predictions.labels]
    shape = predictions.probs.shape
    tensors["predictions.ids"] = Tensor("I32", shape, lambda: predictions.ids)
    tensors["predictions.probs"] = Tensor("F32", shape, lambda: predictions.probs)
    tensors["predictions.labels"] = Tensor("I32", shape, lambda: np.asarray(index).reshape(shape))
    return {"labels": list(table)}


def _predictions(labels: list[str], file: TensorFile, positions: int) -> Predictions:
    probs = file.array("predictions.probs", ["F32"], [positions, None])
    ids, index = (file.array(f"predictions.{name}", ["I32"], probs.shape) for name in ("ids", "labels"))
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < len(labels):
        raise damaged("a prediction has no label")
    named = tuple(tuple(labels[place] for place in row) for row in index.tolist())
    return Predictions(ids=ids, probs=probs, labels=named)
