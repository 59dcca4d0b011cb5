"""Patterns as a snapshot may keep them: exactly, in 8 bits, or the largest weights of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attnwidget.record import Site, Visibility
from attnwidget.record.sites import Floats
from attnwidget.record.words import WordSite
from attnwidget.snapshot.cells import (
    Bools,
    Cut,
    Top,
    compact,
    error_of,
    gather,
    quantise,
    raised,
)
from attnwidget.snapshot.frame import Key
from attnwidget.snapshot.parts import Heads, Part, Stored
from attnwidget.wire.schema import StoredForm

_TOGETHER = 1 << 21
_ROWS = 256  # under a causal mask, early rows need not be looked through to the end
_NOT_KEPT: dict[str, Any] = {"counts": None, "places": None, "rest": None, "sink": None}


class Patterns:
    """The patterns of a record, as far as a snapshot may keep them; each site's visible cells.

    Parameters
    ----------
    sites : mapping
        Each site of the record.
    heads : mapping
        Heads of each site whose patterns may be kept.
    """

    def __init__(self, sites: Mapping[Key, Site], heads: Heads) -> None:
        self.sites, self.heads = sites, heads
        self._masks: dict[tuple[object, ...], tuple[Bools, Stored | None]] = {}
        self._floats: dict[Key, Floats] = {}

    @property
    def whole(self) -> bool:
        """Whether these are all heads."""
        return all(len(self.heads[key]) == site.heads for key, site in self.sites.items())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(len(self.heads[key]) * site.queries for key, site in self.sites.items())

    def cells(self, keys: Sequence[Key] | None = None) -> int:
        """Return the number of visible cells, of some sites."""
        total = 0
        for key in self.sites if keys is None else keys:
            visible, heads = self.visible(key), list(self.heads[key])
            seen = int(visible.sum()) * len(heads) if visible.ndim == 2 else int(visible[heads].sum())
            total += seen
        return total

    def visible(self, key: Key) -> Bools:
        """Return which keys queries see: bool [queries, keys] or [heads, queries, keys]."""
        return self._mask(key)[0]

    def whole_rows(self, form: StoredForm, step: int = 1, only: Sequence[Key] | None = None) -> Part:
        """Return patterns of which every cell is kept, of all sites or of some.

        Parameters
        ----------
        form : {"exact", "dense"}
        step : int
            Codes are its multiples.
        only : sequence of Key, optional
        """
        layers: dict[Key, dict[str, Any]] = {}
        for key in self.sites if only is None else only:
            site, cells = self.sites[key], self._cells(key)
            codes = None if form == "exact" else quantise(cells, step)
            error = 0.0 if codes is None else error_of(cells, codes)
            kept = Stored.of(cells if codes is None else codes)
            sinks = Stored.of(site.sink().astype("<f4")) if site.has_sinks else None
            layers[key] = self._fields(key, form, error, step, kept, sink=sinks)
        return Part(layers, self._facts(form, layers))

    def dense_size(self, step: int) -> int:
        """Return about how many bytes patterns take in codes, from some of the sites."""
        keys = [key for key in self.sites if self.heads[key]]
        looked_at = keys[:: max(1, len(keys) // 3)]
        part = self.whole_rows("dense", step, looked_at)
        return int(part.nbytes * self.cells() / max(1, self.cells(looked_at)))

    def best(self, most: int) -> dict[Key, Top]:
        """Return each row's largest weights of every site."""
        return {key: self._best(key, most) for key in self.sites}

    def top_rows(self, best: Mapping[Key, Top], k: int, only: Sequence[Key] | None = None) -> Part:
        """Return patterns of which each row keeps its largest weights, of all sites or of some.

        Parameters
        ----------
        best : mapping
            What `best` returned.
        k : int
            How many weights a row keeps at most.
        only : sequence of Key, optional
        """
        layers: dict[Key, dict[str, Any]] = {}
        cuts: list[Cut] = []
        for key in self.sites if only is None else only:
            site, cut = self.sites[key], best[key].cut(k)
            cuts.append(cut)
            codes = quantise(cut.weights)
            error, sinks = error_of(cut.weights, codes), None
            if site.has_sinks:
                mass = site.sink()
                sinks = Stored.of(quantise(mass))
                error = max(error, error_of(mass, quantise(mass)))
            layers[key] = self._fields(key, "top", error, 1, Stored.of(codes), sink=sinks) | {
                "counts": Stored.of(compact(cut.counts.reshape(-1, site.queries))),
                "places": Stored.of(compact(cut.skipped)),
                "rest": Stored.of(raised(cut.rest.astype(np.float32)).reshape(-1, site.queries)),
            }
        counts = [int(cut.counts.max(initial=0)) for cut in cuts]
        shares = np.concatenate([[0.0], *(cut.rest[cut.mass > 0] / cut.mass[cut.mass > 0] for cut in cuts)])
        facts = self._facts("top", layers) | {
            "kept": max(counts, default=0),
            "dropped": float(np.sum(shares) / max(1, len(shares) - 1)),
            "dropped_most": float(shares.max()),
        }
        return Part(layers, facts)

    def nothing(self) -> Part:
        """Return no patterns at all; what the queries see is not said beyond the rule."""
        layers: dict[Key, dict[str, Any]] = {}
        for key, site in self.sites.items():
            fields = {"form": "dense", "error": 0.0, "step": 1, **_rule(site), "mask": None, "heads": []}
            empty = Stored.of(np.zeros(0, dtype=np.uint8))
            layers[key] = fields | {"cells": empty} | _NOT_KEPT
        return Part(layers, self._facts("dense", layers) | {"patterns": "none"})

    # ------------------------------------------------------------------ helpers

    def _fields(
        self, key: Key, form: StoredForm, error: float, step: int, cells: Stored, sink: Stored | None
    ) -> dict[str, Any]:
        fields = {"form": form, "error": error, "step": step, **_rule(self.sites[key])}
        heads = [int(head) for head in self.heads[key]]
        return (
            fields | {"mask": self._mask(key)[1], "heads": heads, "cells": cells} | _NOT_KEPT | {"sink": sink}
        )

    def _facts(self, form: StoredForm, layers: Mapping[Key, dict[str, Any]]) -> dict[str, Any]:
        return {
            "form": form,
            "error": max((fields["error"] for fields in layers.values()), default=0.0),
            "kept": None,
            "dropped": 0.0,
            "dropped_most": 0.0,
            "patterns": "all" if self.whole else "some",
        }

    def _cells(self, key: Key) -> Floats:
        """Return the visible cells of a site, which are kept: forms are tried one after the other."""
        if key not in self._floats:
            site, heads, visible = self.sites[key], list(self.heads[key]), self.visible(key)
            seen = visible if visible.ndim == 2 else visible[heads]
            self._floats[key] = gather(site.weights(heads), seen) if heads else np.zeros(0, dtype=np.float32)
        return self._floats[key]

    def _best(self, key: Key, most: int) -> Top:
        site, heads, visible = self.sites[key], list(self.heads[key]), self.visible(key)
        queries = max(1, min(site.queries, _ROWS))
        together = max(1, _TOGETHER // max(1, queries * site.keys))
        parts = []
        for begin in range(0, max(1, len(heads)), together):
            some = heads[begin : begin + together]
            blocks = []
            for first in range(0, site.queries, queries):
                rows = range(first, min(site.queries, first + queries))
                seen = visible[..., first : rows.stop, :]
                seen = seen if visible.ndim == 2 else seen[some]
                blocks.append(Top.of(site.weights(some, rows), seen, min(most, site.keys)))
            parts.append(Top.joined(blocks, len(some)))
        return Top.joined(parts)

    def _mask(self, key: Key) -> tuple[Bools, Stored | None]:
        """Return the mask of a site, and it as it is stored where the rule does not say it all."""
        site = self.sites[key]
        rule, mask = site.visibility, site.visibility.mask
        name: tuple[object, ...] = (rule.causal, rule.window, site.queries, site.keys)
        if isinstance(site, WordSite):
            name = key
        elif mask is not None:
            name = (id(mask),)
        if name not in self._masks:
            visible = site.visible()
            visible = visible[0] if visible.ndim == 3 and len(visible) == 1 else visible
            by_rule = Visibility(rule.causal, rule.window).rows(np.arange(site.queries), 0, site.keys)
            bits = np.packbits(visible.reshape(-1, site.queries * site.keys), axis=-1)
            same = visible.ndim == 2 and np.array_equal(visible, by_rule)
            self._masks[name] = visible, None if same else Stored.of(bits)
        return self._masks[name]


def _rule(site: Site) -> dict[str, Any]:
    return {"causal": site.causal, "window": site.window}
