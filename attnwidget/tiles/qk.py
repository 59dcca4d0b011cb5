"""Rows from queries and keys, in blocks whose scores stay in one core's cache. Needs torch.

Scores are kept transposed, [keys, queries]: stretches of keys are then pooled along the slow axis, with
neighbouring queries side by side, which is what vector units are fast at.

Cost of a row of a head, for n visible keys and d dimensions: 2 n d FLOPs for the scores and about 6 n for
softmax and pooling (one exp each); it reads 4 n d bytes of keys, once per block of queries that share them.
A cell of a tile whose rows are normalised costs 2 d FLOPs and one exp.
"""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.record.qk import QKSite
from attnwidget.record.sites import Floats
from attnwidget.tiles.source import Measured
from attnwidget.wire.schema import Pool

Ints = NDArray[np.intp]

ROWS = 128
"""Queries of a block; with fewer the keys are read too often, with more there is no room for many keys."""

BLOCK_CELLS = 1 << 17
"""Scores of a block: 512 kB, which fit a core's cache."""

FEWEST_ROWS = 16
"""Queries of a block at least, however far apart."""

DEVICE_ROWS, DEVICE_CELLS = 1024, 1 << 24
"""The same on an accelerator, which is busy only with larger blocks."""

LEAST = -3e38
"""Stands for the largest score where there is none: what is subtracted has to be a number."""

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
        window = self.site.visibility.window
        if window is None or self.site.visibility.mask is not None:
            return most
        return max(min(FEWEST_ROWS, most), min(most, window // max(1, spacing)))

    @torch.no_grad()
    def measure(self, head: int, rows: Ints, size: int | None) -> Measured:
        """See `Source.measure`."""
        site, stretch = self.site, 1 if size is None else size
        first, last = site.visibility.key_range(rows, site.keys)
        first = first // stretch * stretch
        step = self._keys_at_once(len(rows), stretch)
        q = self._queries(head, rows)
        many, blocks = -(-(last - first) // stretch), -(-(last - first) // step)
        # One more for the sink, which is a block of one score.
        tops = torch.full((blocks + 1, len(rows)), LEAST, device=q.device)
        totals = torch.zeros_like(tops)
        if site.sink_scores is not None:
            tops[-1], totals[-1] = site.sink_scores[head].float(), 1.0
        pooled = torch.zeros((2, 0 if size is None else many, len(rows)), device=q.device)
        pooled[0] = -torch.inf
        for place, begin in enumerate(range(first, last, step)):
            end = min(last, begin + step)
            some = self._seeing(rows, begin, end)
            if some.start == some.stop:
                continue
            top, total = tops[place, some], totals[place, some]
            scores = self._scores(head, rows[some], q[:, some], begin, end, stretch)
            if size is None:
                torch.amax(scores, 0, out=top)
                scores.sub_(top.clamp_min_(LEAST)).exp_()
                torch.sum(scores, 0, out=total)
            else:
                part = slice((begin - first) // stretch, -(-(end - first) // stretch))
                peaks, sums = pooled[0, part, some], pooled[1, part, some]
                stretches = scores.view(-1, stretch, scores.shape[1])
                torch.amax(stretches, 1, out=peaks)
                torch.amax(peaks, 0, out=top)
                scores.sub_(top.clamp_min_(LEAST)).exp_()
                torch.sum(stretches, 1, out=sums)
                torch.sum(sums, 0, out=total)
        lse = _together(tops, totals)
        if size is None:
            return Measured(_array(lse))
        pooled[0].sub_(lse).exp_()
        factors = (tops - lse).exp_()
        for place, begin in enumerate(range(0, many, step // stretch)):
            pooled[1, begin : begin + step // stretch].mul_(factors[place])
        return Measured(_array(lse), first // stretch, _array(pooled[0].T), _array(pooled[1].T))

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
        q, norm = self._queries(head, rows), torch.from_numpy(lse).to(self.site.q.device)
        for begin in range(low, high, step):
            end = min(high, begin + step)
            some = self._seeing(rows, begin, end)
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
        if site.softcap is not None:
            scores.div_(site.softcap).tanh_().mul_(site.softcap)
        if site.bias is not None:
            bias = site.bias[head if site.bias.shape[0] > 1 else 0]
            bias = bias if bias.shape[0] == 1 else bias[torch.from_numpy(rows).to(bias.device)]
            scores.add_(bias[:, first:last].T.to(scores))
        self._hide(scores, head, rows, first, last)
        if padded > keys:
            room[keys:] = -torch.inf
        return room

    def _seeing(self, rows: Ints, first: int, last: int) -> slice:
        """Return those of some ascending queries that see any of the keys by rule."""
        rule, begin, end = self.site.visibility, 0, len(rows)
        if rule.mask is None and rule.causal:
            begin = int(np.searchsorted(rows, first))
        if rule.mask is None and rule.window is not None:
            end = int(np.searchsorted(rows, last - 1 + rule.window))
        return slice(begin, max(begin, end))

    def _hide(self, scores: Tensor, head: int, rows: Ints, first: int, last: int) -> None:
        """Mask a block in place; where a rule says what is hidden, only along its edges."""
        rule, device = self.site.visibility, scores.device
        if rule.mask is not None:
            visible = rule.rows(rows, first, last)
            visible = visible[head if visible.shape[0] > 1 else 0] if visible.ndim == 3 else visible
            scores.masked_fill_(torch.from_numpy(~visible).to(device).T, -torch.inf)
            return
        if rule.causal:
            # Queries before the last key, and keys after the first of these.
            some = rows[: int(np.searchsorted(rows, last - 1))]
            begin = max(first, int(some[0]) + 1) if len(some) else last
            hidden = _numbers(begin, last, device) > _positions(some, device)
            scores[begin - first :, : len(some)].masked_fill_(hidden, -torch.inf)
        if rule.window is not None:
            # Queries that leave the first key behind, and keys that the last of these leaves.
            place = int(np.searchsorted(rows, first + rule.window))
            some = rows[place:] - rule.window
            end = min(last, int(some[-1]) + 1) if len(some) else first
            hidden = _numbers(first, end, device) <= _positions(some, device)
            scores[: end - first, place:].masked_fill_(hidden, -torch.inf)

    def _queries(self, head: int, rows: Ints) -> Tensor:
        """Return scaled queries, transposed: float32 [d, rows]."""
        contiguous = int(rows[-1]) - int(rows[0]) == len(rows) - 1
        of = self.site.q[head]
        q = of[int(rows[0]) : int(rows[-1]) + 1] if contiguous else of[torch.from_numpy(rows).to(of.device)]
        scaled = q.float() if self.site.scaling is None else q.float() * self.site.scaling
        return scaled.T.contiguous()

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


def _together(tops: Tensor, totals: Tensor) -> Tensor:
    """Return the log of sums of exp that are held as parts: total x exp(top), along the first axis."""
    top = tops.amax(0)
    total = totals.mul((tops - top).exp_()).sum(0)
    # A query that sees nothing has no weights rather than undefined ones.
    return total.log().add_(top).masked_fill_(total == 0, torch.inf)


def _numbers(first: int, last: int, device: torch.device) -> Tensor:
    """Return key positions, one a row. Half as wide as usual: comparing them is a good part of masking."""
    return torch.arange(first, last, dtype=torch.int32, device=device)[:, None]


def _positions(rows: Ints, device: torch.device) -> Tensor:
    return torch.from_numpy(rows.astype(np.int32)).to(device)


def _array(values: Tensor) -> Floats:
    array: Floats = values.cpu().numpy()
    return array
