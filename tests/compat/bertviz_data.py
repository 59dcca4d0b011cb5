"""What BertViz itself draws: the data that its pages carry; and what our explorer draws beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

import attnwidget as aw
from attnwidget.wire.arrays import unpack
from attnwidget.wire.schema import MASKED, PROTOCOL

MARKS = {"head": "const params = ", "model": "const params = ", "neuron": "window.bertviz_params = "}


@dataclass(frozen=True)
class Picture:
    """Two columns of tokens, and the weight of each line: float32 [layers, heads, queries, keys]."""

    left: list[str]
    right: list[str]
    weights: np.ndarray


def params(html: Any, view: str) -> dict[str, Any]:
    """Return the parameters in a page that BertViz returned."""
    text, mark = html.data, MARKS[view]
    found, _ = json.JSONDecoder().raw_decode(text[text.index(mark) + len(mark) :])
    return dict(found)


def pictures(html: Any, view: str) -> dict[str, Picture]:
    """Return what BertViz's drop-down offers, by name; "All" where it offers nothing."""
    return {
        entry["name"] or "All": Picture(entry["left_text"], entry["right_text"], np.float32(entry["attn"]))
        for entry in params(html, view)["attention"]
    }


def reply(explorer: aw.AttentionExplorer, kind: str, **args: Any) -> dict[str, Any]:
    """Return what the kernel tells the explorer's front end, arrays unpacked."""
    heard: list[tuple[Any, Any]] = []
    request = {"protocol": PROTOCOL, "id": "1", "kind": kind, "record": "", "args": args}
    explorer._service.handle(request, lambda content, buffers: heard.append((content, buffers)))
    ((message, buffers),) = heard
    assert message["ok"], message
    return {
        name: unpack(value, buffers) if isinstance(value, dict) and "buffer" in value else value
        for name, value in message["meta"].items()
    }


def drawn(explorer: aw.AttentionExplorer, site: str, pair: str = "all") -> Picture:
    """Return what the front end has to draw for one kind of attention, or one pair of segments of it."""
    opened = reply(explorer, "open")
    (info,) = [each for each in opened["sites"] if each["kind"] == site]
    queries, keys = (opened["streams"][info[f"{axis}_stream"]] for axis in ("query", "key"))
    layers = []
    for layer in info["layers"]:
        heads = list(range(layer["heads"]))
        got = reply(explorer, "layer", site=site, layer=layer["layer"], heads=heads, thumbnails=False)
        assert got["error"] == 0
        layers.append(np.where(got["patterns"] == MASKED, 0, got["patterns"]))
    rows, columns = (
        [at for at, segment in enumerate(tokens["segment"]) if pair == "all" or "ab"[segment] == side]
        for tokens, side in zip((queries, keys), pair if pair != "all" else "xx", strict=False)
    )
    weights = np.stack(layers)[:, :, rows][..., columns]
    return Picture([queries["label"][at] for at in rows], [keys["label"][at] for at in columns], weights)


def assert_same(theirs: Picture, ours: Picture, tolerance: float = 0.0) -> None:
    """Compare tokens, and every layer, head and pair of tokens; BertViz keeps the space before a word."""
    assert [token.strip() for token in theirs.left] == ours.left
    assert [token.strip() for token in theirs.right] == ours.right
    assert theirs.weights.shape == ours.weights.shape
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=0, atol=tolerance)
