"""Writes snapshots of one record in every form, and the kernel's replies, for the front end's tests.

python -m tests.wire.snapshots
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from attnwidget.record import AttentionRecord, DenseSite, ModelInfo, Predictions, text_tokens
from attnwidget.record.qk import QKSite
from attnwidget.record.visibility import Visibility
from attnwidget.service import Service
from attnwidget.snapshot import encode
from attnwidget.snapshot.container import Pieces
from attnwidget.snapshot.frame import Frame
from attnwidget.snapshot.parts import Part, assemble
from attnwidget.snapshot.patterns import Patterns
from attnwidget.snapshot.terms import keep_rows, keep_terms
from attnwidget.wire.schema import PROTOCOL, Precision

HELD = 5
"""The query whose exact rows are kept."""

FOLDER = Path(__file__).parent / "snapshots"
WORDS = ["<s>", "Ein", "猫", "👋", "sat", "on", "it", "."]
ENCODED = ["The", "cat", "sat", "down", "</s>", "<pad>"]


def record() -> AttentionRecord:
    """Return a record with grouped queries, soft cap, sinks, bias, window, mask, given weights and a gap."""
    random = np.random.default_rng(5)

    def of(*shape: int, times: float = 1.0) -> torch.Tensor:
        return torch.from_numpy((times * random.standard_normal(shape)).astype(np.float32))

    queries, keys = len(WORDS), len(ENCODED)
    padding = np.ones((keys, keys), dtype=np.bool_)
    padding[:, -1] = False
    cross = np.exp(2 * random.standard_normal((2, queries, keys))).astype(np.float32)
    cross[:, :, -1] = 0
    cross /= cross.sum(-1, keepdims=True)
    cross[1, 2, :] = np.nan
    common: dict[str, Any] = {"route": "interface", "heads": 4, "queries": queries, "keys": queries}
    sites = (
        QKSite(
            kind="encoder",
            layer=0,
            name="encoder.0",
            route="interface",
            heads=2,
            kv_heads=2,
            queries=keys,
            keys=keys,
            visibility=Visibility(mask=padding),
            scaling=0.5,
            q=of(2, keys, 4, times=2),
            k=of(2, keys, 4, times=2),
            bias=of(2, keys, keys),
        ),
        QKSite(
            kind="decoder",
            layer=0,
            name="decoder.0",
            kv_heads=2,
            visibility=Visibility(causal=True),
            scaling=0.5,
            softcap=4.0,
            has_sinks=True,
            rotary=True,
            fidelity=2e-7,
            q=of(4, queries, 4, times=3),
            k=of(2, queries, 4, times=3),
            sink_scores=of(4),
            **common,
        ),
        QKSite(
            kind="decoder",
            layer=2,
            name="decoder.2",
            kv_heads=4,
            visibility=Visibility(causal=True, window=3),
            scaling=0.5,
            fidelity=3e-7,
            q=of(4, queries, 4, times=2),
            k=of(4, queries, 4, times=2),
            **common,
        ),
        DenseSite(
            kind="cross",
            layer=0,
            name="cross.0",
            route="given",
            heads=2,
            kv_heads=2,
            queries=queries,
            keys=keys,
            visibility=Visibility(mask=np.broadcast_to(padding[:1], (queries, keys))),
            values=cross,
        ),
    )
    probs = -np.sort(-random.dirichlet(np.ones(4), queries)[:, :3].astype(np.float32))
    return AttentionRecord(
        model=ModelInfo(name="small", architecture="Small", layers=3),
        prompt=" ".join(ENCODED[:-2]),
        context=" ".join(WORDS),
        streams={"encoder": text_tokens(ENCODED), "decoder": text_tokens(WORDS)},
        sites=sites,
        predictions=Predictions(
            ids=np.tile(np.arange(3, dtype=np.int32), (queries, 1)),
            probs=probs,
            labels=(("a", "猫", "↵"),) * queries,
        ),
        id="g1",
    )


def asked(shown: AttentionRecord) -> list[tuple[str, dict[str, Any]]]:
    """Return what is asked of a kernel and of its snapshots."""
    requests: list[tuple[str, dict[str, Any]]] = [("open", {}), ("predictions", {})]
    requests += [(kind, {"site": site}) for site in shown.kinds for kind in ("model", "metrics")]
    for site in shown.sites:
        place = {"site": site.kind, "layer": site.layer}
        heads = list(range(site.heads))
        requests.append(("layer", {**place, "heads": heads, "thumbnails": True}))
        for query in (0, HELD, site.queries - 1):
            requests.append(("row", {**place, "heads": heads, "query": query}))
            requests += [("neuron", {**place, "head": head, "query": query}) for head in heads]
    return requests


def reply(service: Service, kind: str, args: dict[str, Any]) -> dict[str, Any]:
    """Return one reply, its arrays in base64."""
    heard: list[tuple[Any, Any]] = []
    request = {"protocol": PROTOCOL, "id": "r", "kind": kind, "record": "", "args": args}
    service.handle(request, lambda content, buffers: heard.append((content, buffers)))
    [(content, buffers)] = heard
    return {
        "kind": kind,
        "args": args,
        "meta": content["meta"],
        "buffers": [base64.b64encode(bytes(part)).decode("ascii") for part in buffers],
    }


def forms(shown: AttentionRecord) -> dict[str, bytes]:
    """Return the record's snapshots: exact, 8-bit, the two largest of each row, without patterns."""
    frame = Frame.of(Service(shown).fixed(), shown)
    every = {key: range(site.heads) for key, site in frame.sites.items()}
    patterns, rows = Patterns(frame.sites, every), keep_rows(frame.sites, every, HELD)
    some = keep_terms(frame.sites, {("decoder", 0): [1]})
    top = patterns.top_rows(patterns.best(2), 2)
    return {
        "exact": encode(shown).data,
        "dense": _packed(frame, [patterns.whole_rows("dense"), some, rows], frame.pictures()),
        "top": _packed(frame, [top, some, rows], frame.pictures(4)),
        "none": without_patterns(shown, HELD, 4),
    }


def without_patterns(shown: AttentionRecord, query: int, pixels: int = 32) -> bytes:
    """Return a snapshot of tokens, metrics, thumbnails, and the exact rows of one query."""
    frame = Frame.of(Service(shown).fixed(), shown)
    every = {key: range(site.heads) for key, site in frame.sites.items()}
    nothing = Patterns(frame.sites, dict.fromkeys(frame.sites, ())).nothing()
    rows = keep_rows(frame.sites, every, query)
    return _packed(frame, [nothing, keep_terms(frame.sites, {}), rows], frame.pictures(pixels))


def _packed(frame: Frame, parts: list[Part], pictures: Any) -> bytes:
    pieces = Pieces()
    precision: dict[str, Any] = {}
    layers = assemble(parts, pieces)
    for part in parts:
        precision |= part.facts
    return frame.pack(pieces, layers, pictures, cast(Precision, precision), predictions=True)


def write() -> None:
    """Write the kernel's replies, and the snapshots."""
    shown = record()
    service = Service(shown)
    replies = [reply(service, kind, args) for kind, args in asked(shown)]
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(replies, ensure_ascii=False, indent=None, separators=(",", ":"))
    (FOLDER / "kernel.json").write_text(text.replace('},{"kind"', '},\n{"kind"') + "\n", encoding="utf-8")
    for form, data in forms(shown).items():
        (FOLDER / f"{form}.snapshot").write_bytes(data)


if __name__ == "__main__":
    write()
