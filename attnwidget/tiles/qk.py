"""Rows from queries and keys, in blocks whose scores stay in one core's cache. Needs torch.

Scores are kept transposed, [keys, queries]: stretches of keys are then pooled along the slow axis, with
neighbouring queries side by side, which is what vector units are fast at.

Cost of a row of a head, for n visible keys and d dimensions: 2 n d FLOPs for the scores and about 6 n for
softmax and pooling (one exp each); it reads 4 n d bytes of keys, once per block of queries that share them.
A cell of a tile whose rows are normalised costs 2 d FLOPs and one exp.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.record.edges import seeing
from attnwidget.record.qk import QKSite
from attnwidget.record.rows import LEAST, finish, normaliser, queries, raise_rows
from attnwidget.record.sites import Floats
from attnwidget.tiles.source import Measured
from attnwidget.wire.schema import Pool

Ints = NDArray[np.intp]

ROWS = 128
"""Queries of a block; with fewer the keys are read too often, with more there is no room for many keys."""

BLOCK_CELLS = 1 << 18
"""Scores of a block: 1 MB, about a core's cache; with fewer, calls take longer than the work."""

TOGETHER = 32
"""Queries side by side, a multiple of what vector units pool in one go."""

FEWEST_ROWS = 32
"""Queries of a block at least, however far apart."""

PART_CELLS = 1 << 23
"""Cells of a part of the work at most: a few hundredths of a second, after which it can be cancelled."""

DEVICE_ROWS, DEVICE_CELLS = 1024, 1 << 24
"""The same on an accelerator, which is busy only with larger blocks."""

CONVERTED = 4
"""Key-value heads whose keys are held in float32, where they are stored in half precision."""


class Converted:
    """The keys in float32 that were used last."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], Tensor] = {}
        self._lock = threading.Lock()

    def keys(self, site: QKSite, kv: int) -> Tensor:
        """Return the keys of a key-value head: float32 [keys, d]."""
        keys = site.k[kv]
        if keys.dtype == torch.float32:
            return keys
        with self._lock:
            held = self._held.pop((site.layer, kv), None)
            if held is None:
                while len(self._held) >= CONVERTED:
                    self._held.pop(next(iter(self._held)))
                held = keys.float()
            self._held[site.layer, kv] = held
            return held


class QKSource:
    """Reads rows of a site that holds queries and keys and computes in float32.

    Parameters
    ----------
    site : QKSite
    converted : Converted
        What sites of one kind share.
    """

    def __init__(self, site: QKSite, converted: Converted) -> None:
        self.site = site
        self._on_cpu = site.q.device.type == "cpu"
        self._converted = converted

    def rows_at_once(self, spacing: int) -> int:
        """Return how many queries to ask for at a time: in a narrow window fewer, if far apart."""
        most = ROWS if self._on_cpu else DEVICE_ROWS
        most = max(min(FEWEST_ROWS, most), min(most, PART_CELLS // max(1, self.site.keys)))
        window = self.site.visibility.window
        if window is None or self.site.visibility.mask is not None:
            return most
        return max(min(FEWEST_ROWS, most), min(most, window // max(1, spacing)))

    @torch.no_grad()
    def measure(self, head: int, rows: Ints, size: int | None) -> Measured:
        """See `Source.measure`."""
        if size is None:
            return Measured(self._normalise(head, rows))
        site, stretch = self.site, size
        first, last = site.visibility.key_range(rows, site.keys)
        first = first // stretch * stretch
        step = self._keys_at_once(len(rows), stretch)
        q = queries(site, head, rows).T.contiguous()
        many, blocks = -(-(last - first) // stretch), -(-(last - first) // step)
        # One more for the sink, which is a block of one score.
        tops = torch.full((blocks + 1, len(rows)), LEAST, device=q.device)
        totals = torch.zeros_like(tops)
        if site.sink_scores is not None:
            tops[-1], totals[-1] = site.sink_scores[head].float(), 1.0
        pooled = torch.zeros((2, many, len(rows)), device=q.device)
        pooled[0] = -torch.inf
        for place, begin in enumerate(range(first, last, step)):
            end = min(last, begin + step)
            some = _widened(seeing(site.visibility, rows, begin, end), len(rows))
            if some.start == some.stop:
                continue
            top, part = tops[place, some], slice((begin - first) // stretch, -(-(end - first) // stretch))
            scores = self._scores(head, rows[some], q[:, some], begin, end, stretch)
            peaks, sums = pooled[0, part, some], pooled[1, part, some]
            stretches = scores.view(-1, stretch, scores.shape[1])
            torch.amax(stretches, 1, out=peaks)
            torch.amax(peaks, 0, out=top)
            scores.sub_(top.clamp_min_(LEAST)).exp_()
            torch.sum(stretches, 1, out=sums)
            torch.sum(sums, 0, out=totals[place, some])
        lse = normaliser(tops, totals)
        pooled[0].sub_(lse).exp_()
        factors = (tops - lse).exp_()
        for place, begin in enumerate(range(0, many, step // stretch)):
            pooled[1, begin : begin + step // stretch].mul_(factors[place])
        return Measured(_array(lse), first // stretch, _array(pooled[0].T), _array(pooled[1].T))

    def _normalise(self, head: int, rows: Ints) -> Floats:
        """Return what normalises rows. Row by row: nothing is pooled, and any number of rows is as fast."""
        step = self._keys_at_once(len(rows), 1)

        def room(some: slice, keys: slice) -> Tensor:
            shape = some.stop - some.start, keys.stop - keys.start
            return self._buffer(shape[0] * shape[1]).view(shape)

        tops, totals = raise_rows(self.site, head, rows, self._keys(head), step, room)
        return _array(normaliser(tops, totals))

    @torch.no_grad()
    def cells(
        self,
        head: int,
        rows: Ints,
        first: int,
        last: int,
        lse: Floats,
        size: int = 1,
        pool: Pool = "max",
    ) -> Floats:
        """See `Source.cells`."""
        out = np.zeros((len(rows), -(-(last - first) // size)), dtype=np.float32)
        low, high = self.site.visibility.key_range(rows, self.site.keys)
        # In whole stretches from `first`, so that those of a tile stay where they are.
        low = first + max(0, low - first) // size * size
        high = min(last, high)
        step = self._keys_at_once(len(rows), size)
        site = self.site
        q, norm = queries(site, head, rows).T.contiguous(), torch.from_numpy(lse).to(site.q.device)
        for begin in range(low, high, step):
            end = min(high, begin + step)
            some = seeing(site.visibility, rows, begin, end)
            if some.start == some.stop:
                continue
            weights = self._scores(head, rows[some], q[:, some], begin, end, size).sub_(norm[some]).exp_()
            if size > 1:
                stretches = weights.view(-1, size, weights.shape[1])
                weights = stretches.amax(1) if pool == "max" else stretches.sum(1)
            place = (begin - first) // size
            out[some, place : place + len(weights)] = weights.T.cpu().numpy()
        return out

    # ------------------------------------------------------------------ helpers

    def _keys_at_once(self, rows: int, stretch: int) -> int:
        """Return how many keys a block has, in whole stretches."""
        keys = (BLOCK_CELLS if self._on_cpu else DEVICE_CELLS) // rows
        return max(1, keys // stretch) * stretch

    def _scores(self, head: int, rows: Ints, q: Tensor, first: int, last: int, stretch: int) -> Tensor:
        """Return scores [keys, rows] of a block, in whole stretches; -inf where masked or past the end."""
        site = self.site
        keys, padded = last - first, -(-(last - first) // stretch) * stretch
        room = self._buffer(padded * len(rows)).view(padded, len(rows))
        scores = room[:keys]
        torch.mm(self._keys(head)[first:last], q, out=scores)
        finish(scores.T, site, head, rows, first, last)
        if padded > keys:
            room[keys:] = -torch.inf
        return room

    def _keys(self, head: int) -> Tensor:
        """Return a head's keys in float32: [keys, d]."""
        return self._converted.keys(self.site, head // (self.site.heads // self.site.kv_heads))

    def _buffer(self, cells: int) -> Tensor:
        """Return this thread's own room for so many scores."""
        held: Tensor | None = getattr(_room, "buffer", None)
        if held is None or held.numel() < cells or held.device != self.site.q.device:
            held = _room.buffer = torch.empty(cells, device=self.site.q.device)
        return held[:cells]


_room = threading.local()


def by_norms(site: QKSite, norms: Floats) -> QKSite | None:
    """Return a site whose weights are those of another times the norms of values, as shares of their row.

    A factor on a weight is a summand of its score, and the softmax divides by the row's sum; the sink, which
    has no value, takes no part. None where a position bias of every cell leaves no room for summands.
    """
    if site.bias is not None and site.bias.shape[1] > 1:
        return None
    with np.errstate(divide="ignore"):
        bias = torch.from_numpy(np.log(norms)[:, None]).to(site.q.device)
    bias = bias if site.bias is None else bias + site.bias
    return replace(site, bias=bias, sink_scores=None, has_sinks=False)


def _widened(some: slice, count: int) -> slice:
    """Return a slice of whole `TOGETHER`s that has another in it."""
    if some.start == some.stop:
        return some
    begin, end = some.start // TOGETHER * TOGETHER, -(-some.stop // TOGETHER) * TOGETHER
    return slice(begin, min(count, end))


def _array(values: Tensor) -> Floats:
    array: Floats = values.cpu().numpy()
    return array
