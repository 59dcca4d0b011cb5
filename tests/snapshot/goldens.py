"""Writes the snapshots that both readers are tested with: python -m tests.snapshot.goldens.

Beside each, as JSON, is what the Python reader makes of it; the front end's reader has to agree.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from attnwidget.errors import NotRecordedError
from attnwidget.record import AttentionRecord
from attnwidget.service import Service, answers
from attnwidget.snapshot import decode, encode
from attnwidget.snapshot import long as snapshot_long
from attnwidget.snapshot.fit import Snapshot, _made
from attnwidget.snapshot.frame import Frame
from attnwidget.snapshot.patterns import Patterns
from attnwidget.snapshot.sites import SnapshotSite
from attnwidget.snapshot.terms import keep_rows, keep_terms
from tests.snapshot.records import RECORDS

FOLDER = Path(__file__).with_name("golden")

WHOLE = (
    *("causal", "window and hybrid layers", "mask per head", "two stacks", "sinks", "bias per head"),
    *("given, not a number", "predictions", "odd tokens", "words"),
)
CUT = ("window and hybrid layers", "mask per head", "two stacks", "sinks", "given, not a number")


def cut(one: AttentionRecord, k: int) -> Snapshot:
    """Return a snapshot of which rows keep `k` weights, with terms of one head and exact rows of query 3."""
    frame = Frame.of(Service(one), one)
    patterns = Patterns(
        frame.sites, {key: range(0, each.heads, 1 + each.layer % 2) for key, each in frame.sites.items()}
    )
    first = {key: [min(1, each.heads - 1)] for key, each in frame.sites.items()}
    every = {key: range(each.heads) for key, each in frame.sites.items()}
    parts = [
        patterns.top_rows(patterns.best(k), k),
        keep_terms(frame.sites, first),
        keep_rows(frame.sites, every, 3),
    ]
    return _made(frame, parts, frame.pictures(8), True)


def dense(one: AttentionRecord, step: int) -> Snapshot:
    """Return a snapshot of whole rows in codes."""
    frame = Frame.of(Service(one), one)
    patterns = Patterns(frame.sites, {key: range(each.heads) for key, each in frame.sites.items()})
    parts = [
        patterns.whole_rows("dense", step),
        keep_terms(frame.sites, {}),
        keep_rows(frame.sites, {}, None),
    ]
    return _made(frame, parts, frame.pictures(), True)


def long(one: AttentionRecord) -> Snapshot:
    """Return a snapshot as of a prompt whose patterns are too large, with few weights of each row."""
    with patch.object(answers, "WHOLE_CELLS", 16), patch.object(snapshot_long, "MOST", 32):
        return encode(
            one, held=[{"site": one.kinds[0], "layer": one.layers(one.kinds[0])[0], "head": 0}], query=3
        )


def snapshots() -> dict[str, bytes]:
    """Return every golden snapshot by name."""
    made = {name: encode(RECORDS[name]()).data for name in WHOLE}
    made |= {f"{name}, dense": dense(RECORDS[name](), 1 + at % 2).data for at, name in enumerate(WHOLE)}
    made |= {f"{name}, cut": cut(RECORDS[name](), 3).data for name in CUT}
    made |= {f"{name}, long": long(RECORDS[name]()).data for name in CUT}
    return {name.replace(", ", "-").replace(" ", "-"): data for name, data in made.items()}


def expected(data: bytes) -> dict[str, Any]:
    """Return what is in a snapshot."""
    record = decode(data)
    return {
        "prompt": record.prompt,
        "precision": record.precision,
        "layers": [_layer(site) for site in record.sites if isinstance(site, SnapshotSite)],
    }


def _layer(site: SnapshotSite) -> dict[str, Any]:
    visible = np.broadcast_to(site.visible(), (site.heads, site.queries, site.keys))
    heads: list[dict[str, Any]] = []
    for head in range(site.heads):
        kept = bool((site.cells.heads == head).any())
        place = int(np.searchsorted(site.cells.heads, head))
        pattern = site.expanded[place] if kept else None
        try:
            width: int | None = site.qk(head)[0].shape[1]
        except NotRecordedError:
            width = None
        rest = site.left_out(head)
        row = site.rows.get(head)
        heads.append(
            {
                "pattern": None if pattern is None else _numbers(pattern),
                "visible": "".join("01"[int(cell)] for cell in visible[head].reshape(-1)),
                "sink": _numbers(site.sink(head)[0]) if site.has_sinks and site.peaks is None else None,
                "rest": None if rest is None else _numbers(rest),
                "row": None if row is None else _numbers(row),
                "width": width,
                "scores": None if width is None else _numbers(site.scores(head, site.queries - 1)[0, 0]),
            }
        )
    return {
        "kind": site.kind,
        "layer": site.layer,
        "form": site.cells.form,
        "query": site.row_query,
        "heads": heads,
        **({} if site.peaks is None else {"peaks": [_peak(site, int(at)) for at in site.peaks.queries]}),
    }


def _peak(site: SnapshotSite, query: int) -> dict[str, Any]:
    """Return what is kept of one query, head after head."""
    lost = [site.lost(head) for head in range(site.heads)]
    return {
        "query": query,
        "weights": _numbers(site.weights(queries=query)),
        "floor": _numbers(np.array([each.floor[query] for each in lost if each])),
        "sink": _numbers(site.sink(queries=query)),
    }


def _numbers(array: np.ndarray) -> list[float | str]:
    """Return numbers that JSON has, as they are, and others by name."""
    return [
        float(f"{value:.9g}") if np.isfinite(value) else str(value) for value in array.reshape(-1).tolist()
    ]


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name, data in snapshots().items():
        (FOLDER / f"{name}.snap").write_bytes(data)
        text = json.dumps(expected(data), separators=(",", ":"), sort_keys=True)
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
