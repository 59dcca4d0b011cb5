"""Run without torch, threads and mapped files: opens saved records, and asks an explorer everything.

These are what Python in a browser lacks (Pyodide, in JupyterLite). Each argument names a file; what is read
of it is written as one line of JSON.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
import threading
from typing import Any

import numpy as np

GONE = ("torch", "transformers", "tokenizers", "safetensors")


class Refuse(importlib.abc.MetaPathFinder):
    """Finds none of the packages that are not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise ImportError for these, and leave all others to whom they concern."""
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def no_threads(thread: threading.Thread) -> None:
    """Say what Python says where there are no threads."""
    raise RuntimeError("can't start new thread")


def no_mapping(*given: Any, **named: Any) -> None:
    """Say what a drive says that cannot map files."""
    raise OSError(19, "Operation not supported by device")


def requests(record: Any) -> list[dict[str, Any]]:
    """Return requests of every kind, for every layer."""
    asked: list[tuple[str, dict[str, Any]]] = [("open", {}), ("predictions", {})]
    for kind in record.kinds:
        asked += [("model", {"site": kind}), ("metrics", {"site": kind})]
        for layer in record.layers(kind):
            place = {"site": kind, "layer": layer}
            query = record.site(layer, kind).queries - 1
            asked += [
                ("layer", {**place, "heads": [0, 1], "thumbnails": True}),
                ("row", {**place, "heads": [0, 1], "query": query}),
                ("neuron", {**place, "head": 1, "query": query}),
            ]
    return [{"protocol": 1, "id": "x", "kind": kind, "record": "", "args": args} for kind, args in asked]


def read(path: str) -> dict[str, Any]:
    """Return what a saved record says here."""
    import attnwidget as aw
    from attnwidget.errors import AttnWidgetError

    try:
        record = aw.load(path)
    except AttnWidgetError as error:
        return {"error": error.code, "text": str(error)}
    service, failed = aw.explore(record=record)._service.fixed(), []
    for request in requests(record):
        heard: list[Any] = []
        service.handle(request, lambda content, parts, heard=heard: heard.append(content))
        reply = heard[0].get("reply", heard[0])
        if not reply["ok"]:
            failed.append([request["kind"], reply["error"]["code"]])
    first = record.layers()[0]
    return {
        "labels": [token.label for token in record.tokens],
        "weights": record.weights(first, 1).tolist(),
        "previous": aw.measure_heads(record, metrics=["previous"]).to_dict()["previous"],
        "precision": record.precision,
        "notes": record.notes,
        "failed": failed,
    }


if __name__ == "__main__":
    sys.meta_path.insert(0, Refuse())
    threading.Thread.start = no_threads  # type: ignore[method-assign]
    np.memmap = no_mapping  # type: ignore[assignment, misc]
    for path in sys.argv[1:]:
        sys.stdout.write(json.dumps(read(path)) + "\n")
    if loaded := [name for name in GONE if name in sys.modules]:
        sys.exit(f"loaded {loaded}")
