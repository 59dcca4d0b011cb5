"""Golden messages that Python writes and both languages read (`python -m tests.wire.goldens`).

Each file holds the request, the messages that answer it (buffers as base64), and what they decode to.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from attnwidget.errors import PromptTooLongError
from attnwidget.metrics.table import measure_heads
from attnwidget.record import AttentionRecord
from attnwidget.service.answers import answer_layer, answer_row, describe
from attnwidget.service.heads import answer_metrics
from attnwidget.service.neuron import answer_neuron
from attnwidget.service.search import Searches
from attnwidget.service.thumbnails import answer_model
from attnwidget.service.tiles import answer_column, answer_strips, answer_tiles
from attnwidget.wire.arrays import Buffers, unpack
from attnwidget.wire.messages import messages, reply_error, reply_ok
from attnwidget.wire.patterns import compand, expand
from attnwidget.wire.schema import PROTOCOL, UNREAD, HeadNote, SearchArgs

FOLDER = Path(__file__).parent / "golden"

NOTE: HeadNote = {
    "layer": 0,
    "head": 1,
    "title": "previous token",
    "score": 1.0,
    "text": "It looks one back.",
}


def weights() -> np.ndarray:
    """Return two layers of two causal heads over four tokens, with one weight that is not a number."""
    head = np.array([[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.25, 0.25, 0], [0.125, 0.125, 0.25, 0.5]])
    other = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    values = np.stack([np.stack([head, other]), np.stack([other, head])]).astype(np.float32)
    values[1, 1, 3, 0] = np.nan
    return values


def record() -> AttentionRecord:
    """Return the record that the goldens speak of."""
    given = AttentionRecord.from_attentions(weights(), ["<s>", "Ein", "猫", "👋"], prompt="Ein猫👋")
    return AttentionRecord(
        model=given.model,
        prompt=given.prompt,
        streams=given.streams,
        sites=given.sites,
        notes=given.notes,
        id="g0",
    )


def plain(value: Any) -> Any:
    """Return arrays as nested lists, with "nan" for what is not a number."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.floating) and np.isnan(value):
        return "nan"
    return value.item() if isinstance(value, np.generic) else value


def golden(
    kind: str, args: dict[str, Any], meta: Any, buffers: Buffers, limit: int, **expect: Any
) -> dict[str, Any]:
    """Return one golden: request, messages, and what they decode to."""
    request = {"protocol": PROTOCOL, "id": "r1", "kind": kind, "record": "g0", "args": args}
    sent = [
        {"content": content, "buffers": [base64.b64encode(part).decode("ascii") for part in parts]}
        for content, parts in messages(reply_ok("r1", meta), buffers.data, limit)
    ]
    return {"request": request, "messages": sent, "expect": {"meta": meta, **expect}}


def goldens() -> dict[str, dict[str, Any]]:
    """Return every golden by name."""
    made: dict[str, dict[str, Any]] = {}
    shown, whole = record(), 1_000_000
    made["open"] = golden("open", {}, describe(shown, [NOTE]), Buffers(), whole)
    args = {"site": "decoder", "layer": 1, "heads": [0, 1], "thumbnails": True}
    meta, buffers = answer_layer(shown, "decoder", 1, [0, 1], thumbnails=True)
    assert meta["thumbnails"] is not None
    decoded = {
        "patterns": plain(unpack(meta["patterns"], buffers.data)),
        "thumbnails": plain(expand(unpack(meta["thumbnails"], buffers.data))),
    }
    made["layer-exact"] = golden("layer", args, meta, buffers, whole, **decoded)
    made["layer-chunked"] = golden("layer", args, meta, buffers, 50, **decoded)
    companded = Buffers()
    spec = companded.add(compand(weights()[1], np.tri(4, dtype=bool)))
    meta = {**meta, "patterns": spec, "thumbnails": None, "error": 0.004}
    codes = unpack(spec, companded.data)
    made["layer-companded"] = golden(
        "layer", {**args, "thumbnails": False}, meta, companded, whole, patterns=plain(expand(codes))
    )
    model, buffers = answer_model(shown, "decoder")
    made["model"] = golden(
        "model",
        {"site": "decoder"},
        model,
        buffers,
        whole,
        thumbnails=plain(expand(unpack(model["thumbnails"], buffers.data))),
    )
    row, buffers = answer_row(shown, "decoder", 1, [1], 3)
    row = {
        **row,
        "scores": buffers.add(np.array([[np.nan, -1.5, 0.0, 2.25]], dtype=np.float32)),
        "sink": [0.125],
    }
    made["row"] = golden(
        "row",
        {"site": "decoder", "layer": 1, "heads": [1], "query": 3},
        row,
        buffers,
        whole,
        weights=plain(unpack(row["weights"], buffers.data)),
        scores=plain(unpack(row["scores"], buffers.data)),
    )
    metrics, buffers = answer_metrics(
        measure_heads(shown, "decoder", ["previous", "first"]), frozenset(["first"])
    )
    made["metrics"] = golden(
        "metrics",
        {"site": "decoder"},
        metrics,
        buffers,
        whole,
        values=plain(unpack(metrics["values"], buffers.data)),
        baselines=plain(unpack(metrics["baselines"], buffers.data)),
        counts=plain(unpack(metrics["counts"], buffers.data)),
    )
    neuron, buffers = answer_neuron(shown, "decoder", 1, 1, 3)
    q, k = np.array([1, -2], dtype=np.float32), np.array([[1, 0], [0, 1], [2, 2], [0.5, 0]], dtype=np.float32)
    scores = k @ q * np.float32(0.5)
    neuron = {
        **neuron,
        "q": buffers.add(q),
        "k": buffers.add(k),
        "scores": buffers.add(scores),
        "scaling": 0.5,
    }
    made["neuron"] = golden(
        "neuron",
        {"site": "decoder", "layer": 1, "head": 1, "query": 3},
        neuron,
        buffers,
        whole,
        weights=plain(unpack(neuron["weights"], buffers.data)),
        q=plain(q),
        k=plain(k),
        scores=plain(scores),
    )
    tiles, buffers = answer_tiles(shown, "decoder", 1, 1, 1, "max", [[0, 0]], lambda: False)
    # As tiles are: only the corner of the pattern of four tokens is anything else than out of reach.
    tiles["codes"] = buffers.add(unpack(tiles["codes"], buffers.data)[:, :3, :3])
    tiles["codes"]["buffer"], buffers.data = 0, buffers.data[-1:]
    made["tiles"] = golden(
        "tiles",
        {"site": "decoder", "layer": 1, "head": 1, "level": 1, "pool": "max", "tiles": [[0, 0]]},
        tiles,
        buffers,
        whole,
        codes=plain(expand(unpack(tiles["codes"], buffers.data))),
    )
    for direction in ("from", "to"):
        strips, buffers = answer_strips(shown, "decoder", 2, direction, 2, lambda: False)
        made[f"strips-{direction}"] = golden(
            "strips",
            {"site": "decoder", "position": 2, "direction": direction, "pixels": 2},
            strips,
            buffers,
            whole,
            strips=plain(expand(unpack(strips["strips"], buffers.data))),
            peaks=plain(unpack(strips["peaks"], buffers.data)),
            weights=plain(unpack(strips["weights"], buffers.data)),
        )
    column, buffers = answer_column(shown, "decoder", 1, [1, 0], 1, lambda: False)
    values = unpack(column["weights"], buffers.data).copy()
    values[:, 2] = UNREAD
    column, buffers = {**column, "read": 3}, Buffers()
    column["weights"] = buffers.add(values)
    made["column"] = golden(
        "column",
        {"site": "decoder", "layer": 1, "heads": [1, 0], "key": 1},
        column,
        buffers,
        whole,
        weights=plain(values),
    )
    asked: SearchArgs = {
        "site": "decoder",
        "first": 1,
        "last": 3,
        "flow": "into",
        "by": "head",
        "k": 3,
        "plain": True,
    }
    search, buffers = Searches().answer(shown, asked, lambda: False)
    made["search"] = golden(
        "search",
        dict(asked),
        search,
        buffers,
        whole,
        hits=plain(unpack(search["hits"], buffers.data)),
        values=plain(unpack(search["values"], buffers.data)),
        baselines=plain(unpack(search["baselines"], buffers.data)),
        margins=plain(unpack(search["margins"], buffers.data)),
        read=plain(unpack(search["read"], buffers.data)),
    )
    buffers = Buffers()
    index = np.array([[0, 1], [2, 0]], dtype=np.int32)
    probs = np.array([[0.5, 0.25], [0.75, 0.125]], dtype=np.float32)
    predictions = {"labels": ["a", "猫", "↵"], "index": buffers.add(index), "probs": buffers.add(probs)}
    made["predictions"] = golden(
        "predictions", {}, predictions, buffers, whole, index=plain(index), probs=plain(probs)
    )
    error = PromptTooLongError(
        "The prompt has 300 tokens, 44 more than the model's 256 positions.", "Shorten it."
    )
    request = {"protocol": PROTOCOL, "id": "r1", "kind": "run", "record": "g0", "args": {"prompt": "…"}}
    reply = reply_error("r1", error)
    made["error"] = {
        "request": request,
        "messages": [{"content": reply, "buffers": []}],
        "expect": {"error": reply["error"]},
    }
    return made


def render(value: dict[str, Any]) -> str:
    """Return the file's text."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name, value in goldens().items():
        (FOLDER / f"{name}.json").write_text(render(value), encoding="utf-8")
