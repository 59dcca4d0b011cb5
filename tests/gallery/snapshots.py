"""Writes real snapshots for the gallery: of every form, of two stacks, of learned sinks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import attnwidget as aw
from attnwidget.capture import run_with_capture
from attnwidget.record import AttentionRecord, ModelInfo, text_tokens
from attnwidget.service import Service
from attnwidget.service.answers import opening
from attnwidget.snapshot import encode
from tests.capture.families import ANSWER, FAMILIES, PROMPT
from tests.wire.snapshots import without_patterns

NAMES = ("exact", "dense", "top", "none", "two-stacks", "sinks")
"""The cases; "none" has no patterns, only thumbnails, and the rows of one query."""

LONG = " ".join(["The cat sat on the mat because it was tired and the dog that saw it did not bark."] * 8)
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "it",
    "was",
    "so",
    "very",
    "tired",
    "that",
    "nobody",
    "could",
    "have",
    "woken",
    "it",
    "up",
]
BUDGETS = {"dense": 240_000, "top": 46_000, "sinks": 40_000}
"""Bytes that make snapshots of these forms; what they hold is asserted where they are looked at."""


def family(name: str) -> AttentionRecord:
    """Return a record of a tiny random model."""
    found = next(one for one in FAMILIES if one.name == name)
    captured = run_with_capture(found.build(), found.inputs())
    tokens = {"encoder": PROMPT, "decoder": ANSWER if "cross" in found.layers else PROMPT}
    sides = {"decoder"} | ({"encoder"} if "cross" in found.layers else set())
    streams = {
        side: text_tokens([f" {WORDS[at % len(WORDS)]}" for at in range(tokens[side])]) for side in sides
    }
    model = ModelInfo(name=f"tiny-random-{name}", architecture=name, layers=4)
    return AttentionRecord(
        model=model, prompt=" ".join(WORDS), streams=streams, sites=captured.sites, id=name.lower()
    )


def snapshots() -> dict[str, dict[str, Any]]:
    """Return each case's bytes in base64, what was chosen, and what was lost."""
    short, long = aw.explore(), aw.explore(LONG)
    services = {"exact": short._service, **dict.fromkeys(("dense", "top", "none"), long._service)}
    services |= {"two-stacks": Service(family("BART")), "sinks": Service(family("gpt-oss"))}
    made = {}
    for name in NAMES:
        service = services[name]
        record = service.shown
        assert record is not None
        site, layer, heads = opening(record)
        held = [{"site": site, "layer": layer, "head": head} for head in heads]
        if name == "none":
            data = without_patterns(record, 7)
        else:
            data = encode(service, budget=BUDGETS.get(name), held=held, query=7).data  # type: ignore[arg-type]
        made[f"snapshot-{name}"] = {
            "data": base64.b64encode(data).decode("ascii"),
            "state": {"site": site, "layer": layer, "heads": heads},
        }
    return made


def write(path: Path) -> None:
    """Write the snapshots as a script that the gallery page loads."""
    path.write_text(f"window.savedSnapshots = {json.dumps(snapshots())};\n", encoding="utf-8")
