"""What every snapshot keeps of a record: tokens, metrics, predictions; and the header around the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeGuard

import numpy as np

from attnwidget.errors import AttnWidgetError
from attnwidget.record import AttentionRecord, Kind, Site
from attnwidget.service import Service
from attnwidget.snapshot.container import Pieces, pack
from attnwidget.snapshot.pictures import Pictures, draw, no_pictures
from attnwidget.wire.arrays import unpack
from attnwidget.wire.schema import PROTOCOL, ArraySpec, Precision, StoredLayer

Key = tuple[Kind, int]
"""Kind and layer of a site."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The replies of the service that a snapshot keeps, with their arrays.

    Parameters
    ----------
    record : AttentionRecord
        What is shown.
    opened : dict
        Reply to `open`.
    metrics : mapping of kind to dict
        Replies to `metrics`.
    predictions : dict or None
        Reply to `predictions`.
    """

    record: AttentionRecord
    opened: dict[str, Any]
    metrics: Mapping[Kind, dict[str, Any]]
    predictions: dict[str, Any] | None

    @classmethod
    def of(cls, service: Service, record: AttentionRecord) -> Frame:
        """Ask a service for what it shows."""
        opened = ask(service, "open")
        metrics = {kind: ask(service, "metrics", site=kind) for kind in record.kinds}
        return cls(record, opened, metrics, ask(service, "predictions") if opened["predictions"] else None)

    @property
    def sites(self) -> dict[Key, Site]:
        """Each site of the record."""
        return {(site.kind, site.layer): site for site in self.record.sites}

    def pictures(self, pixels: int | None = None) -> dict[Kind, Pictures]:
        """Return thumbnails of all heads, or what it takes to pool whole patterns."""
        return {
            kind: no_pictures(self.record, kind) if pixels is None else draw(self.record, kind, pixels)
            for kind in self.record.kinds
        }

    def pack(
        self,
        pieces: Pieces,
        layers: Mapping[Key, StoredLayer],
        pictures: Mapping[Kind, Pictures],
        precision: Precision,
        *,
        predictions: bool = True,
    ) -> bytes:
        """Return a snapshot.

        Parameters
        ----------
        pieces : Pieces
            What `layers` speak of; those of the frame are added.
        layers : mapping
            Of each site.
        pictures : mapping of kind to Pictures
            Thumbnails.
        precision : Precision
        predictions : bool
            Whether to keep the predictions.
        """
        record, told = self.record, self.predictions if predictions else None
        # There is nobody to read the record otherwise.
        opened = {
            **self.opened,
            "can_merge": False,
            "can_weigh": False,
            "precision": precision,
            "predictions": told is not None,
        }
        opened["sites"] = [
            {
                **site,
                "layers": [
                    {**info, "scores": layers[site["kind"], info["layer"]]["terms"] is not None}
                    for info in site["layers"]
                ],
            }
            for site in opened["sites"]
        ]
        header = {
            "version": version("attnwidget"),
            "prompt": record.prompt,
            "context": record.context,
            "layers": record.model.layers,
            "open": opened,
            "sites": {
                kind: {
                    "model": pictures[kind].store(pieces),
                    "metrics": _stored(self.metrics[kind], pieces),
                    "layers": {str(layer): layers[kind, layer] for layer in record.layers(kind)},
                }
                for kind in record.kinds
            },
            "predictions": None if told is None else _stored(told, pieces),
        }
        return pack(header, pieces)


def ask(service: Service, kind: str, **args: Any) -> dict[str, Any]:
    """Return what the kernel replies, with its arrays.

    Raises
    ------
    AttnWidgetError
        Whatever the kernel says is wrong.
    """
    heard: list[tuple[Any, list[Any]]] = []
    request = {"protocol": PROTOCOL, "id": kind, "kind": kind, "record": "", "args": args}
    service.handle(request, lambda content, parts: heard.append((content, parts)))
    reply, parts = heard[0]
    if "parts" in reply:
        whole = memoryview(b"".join(piece for _, pieces in heard for piece in pieces))
        reply, lengths, parts = reply["reply"], reply["lengths"], []
        for length in lengths:
            parts.append(whole[:length])
            whole = whole[length:]
    if not reply["ok"]:
        raise AttnWidgetError(reply["error"]["what"], reply["error"]["todo"])
    return {name: unpack(value, parts) if _is_spec(value) else value for name, value in reply["meta"].items()}


def _stored(reply: dict[str, Any], pieces: Pieces) -> dict[str, Any]:
    """Return a reply whose arrays are in `pieces`."""
    return {
        name: pieces.add(value) if isinstance(value, np.ndarray) else value for name, value in reply.items()
    }


def _is_spec(value: Any) -> TypeGuard[ArraySpec]:
    return isinstance(value, dict) and value.keys() == ArraySpec.__annotations__.keys()
