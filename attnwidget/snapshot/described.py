"""What a saved record says in words and numbers besides its arrays: tokens, model, predictions, sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from attnwidget.record import AttentionRecord, ModelInfo, Predictions, Stream, Token
from attnwidget.snapshot.fields import Fields, is_count, is_count_or_none, is_flag, is_text
from attnwidget.snapshot.tensors import Tensor, TensorFile, damaged

MOST_LAYERS = 1 << 16
"""Layers that a model has at most; views have a place for each."""

_TOKEN = {
    "id": is_count_or_none,
    "text": is_text,
    "label": is_text,
    "special": is_flag,
    "continued": is_flag,
    "segment": is_count,
    "start": is_count_or_none,
    "end": is_count_or_none,
}


def describe(record: AttentionRecord, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return what JSON says of a record, its sites left out; predictions go to `tensors`."""
    return {
        "id": record.id,
        "model": asdict(record.model),
        "prompt": record.prompt,
        "context": record.context,
        "exact": record.exact,
        "notes": list(record.notes),
        "streams": {
            stream: {name: [getattr(token, name) for token in tokens] for name in _TOKEN}
            for stream, tokens in record.streams.items()
        },
        "predictions": _describe_predictions(record.predictions, tensors),
    }


def read_description(said: Fields, file: TensorFile) -> dict[str, Any]:
    """Return the fields of a record, its sites left out, as `describe` wrote them.

    Raises
    ------
    SnapshotError
        If something is missing, or is not of its kind.
    """
    model = said.inner("model")
    streams = said.inner("streams")
    read: Mapping[Stream, tuple[Token, ...]] = {
        stream: _read_tokens(streams.inner(stream))
        for stream in ("encoder", "decoder")
        if stream in streams.given
    }
    if not read:
        raise damaged("it has no tokens")
    return {
        "id": said.text("id"),
        "model": ModelInfo(
            name=model.text("name"),
            architecture=model.text("architecture"),
            layers=model.count("layers", most=MOST_LAYERS),
            embedded=model.flag("embedded"),
            dtype=model.text("dtype"),
            device=model.text("device"),
            parameters=model.count("parameters", most=1 << 53),
        ),
        "prompt": said.text("prompt"),
        "context": said.optional("context", said.text),
        "exact": said.flag("exact"),
        "notes": tuple(said.each("notes", is_text)),
        "streams": read,
        "predictions": _read_predictions(said, file, len(read.get("decoder") or read["encoder"])),
    }


def _read_tokens(said: Fields) -> tuple[Token, ...]:
    columns = {name: said.each(name, usable) for name, usable in _TOKEN.items()}
    if len({len(column) for column in columns.values()}) != 1:
        raise damaged(f"the columns of {said.place} differ in length")
    rows = zip(*(columns[field.name] for field in fields(Token)), strict=True)
    return tuple(Token(*row) for row in rows)


def _describe_predictions(predictions: Predictions | None, tensors: dict[str, Tensor]) -> Any:
    if predictions is None:
        return None
    table: dict[str, int] = {}
    index = [[table.setdefault(label, len(table)) for label in labels] for labels in predictions.labels]
    shape = (predictions.probs.shape[0], predictions.probs.shape[1])
    tensors["predictions.ids"] = Tensor("I32", shape, lambda: predictions.ids)
    tensors["predictions.probs"] = Tensor("F32", shape, lambda: predictions.probs)
    tensors["predictions.labels"] = Tensor("I32", shape, lambda: np.asarray(index).reshape(shape))
    return {"labels": list(table)}


def _read_predictions(said: Fields, file: TensorFile, positions: int) -> Predictions | None:
    if said.given.get("predictions", False) is None:
        return None
    labels = said.inner("predictions").each("labels", is_text)
    probs = file.array("predictions.probs", ["F32"], [positions, None])
    ids, index = (file.array(f"predictions.{name}", ["I32"], probs.shape) for name in ("ids", "labels"))
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < len(labels):
        raise damaged("a prediction has no label")
    return Predictions(
        ids=ids, probs=probs, labels=tuple(tuple(labels[place] for place in row) for row in index.tolist())
    )
