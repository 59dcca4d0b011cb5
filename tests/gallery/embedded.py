"""Writes the embedded model's record for the gallery: real weights, queries and keys, notes, predictions."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

import attnwidget as aw
from attnwidget.service.answers import answer_predictions, answer_row, describe
from attnwidget.service.heads import answer_metrics
from attnwidget.wire.arrays import Buffers, unpack


def _base64(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode("ascii")


def _read(buffers: Buffers, spec: Any) -> np.ndarray[Any, Any]:
    return unpack(spec, buffers.data)


def record() -> dict[str, Any]:
    """Return the record as the gallery reads it; its numbers are those that the kernel would send."""
    explorer = aw.explore()
    shown = explorer.record
    meta = describe(shown, explorer._service.head_notes)
    meta["record"] = "embedded"
    matrices: dict[str, dict[str, str]] = {}
    queries = len(shown.tokens)
    for info in meta["sites"][0]["layers"]:
        heads = list(range(info["heads"]))
        rows = [answer_row(shown, "decoder", info["layer"], heads, query) for query in range(queries)]
        weights = np.stack([_read(buffers, row["weights"]) for row, buffers in rows], axis=1)
        scores = np.stack([_read(buffers, row["scores"]) for row, buffers in rows], axis=1)
        for head in heads:
            q, k = shown.qk(info["layer"], head)
            arrays = {"weights": weights[head], "scores": scores[head], "q": q, "k": k}
            entry = {name: _base64(array) for name, array in arrays.items()}
            matrices[f"{info['layer']}.{head}"] = entry
    predictions, buffers = answer_predictions(shown)
    index, probs = _read(buffers, predictions["index"]), _read(buffers, predictions["probs"])
    expected = [
        [[predictions["labels"][at], round(float(prob), 6)] for at, prob in zip(row, shares, strict=True)]
        for row, shares in zip(index, probs, strict=True)
    ]
    metrics, measured = answer_metrics(explorer.metrics())
    return {
        "open": meta,
        "prompt": explorer.prompt,
        "layer": explorer.layer,
        "heads": explorer.heads,
        "selection": explorer.selection,
        "matrices": matrices,
        "predictions": expected,
        "metrics": {
            "meta": metrics,
            "buffers": [base64.b64encode(bytes(data)).decode("ascii") for data in measured.data],
        },
    }


def write(path: Path) -> None:
    """Write the record as a script that the gallery page loads."""
    path.write_text(f"window.embeddedRecord = {json.dumps(record())};\n", encoding="utf-8")
