"""Sites that hold queries and keys, from which exact rows are recomputed in blocks. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.record.rows import read_rows
from attnwidget.record.sites import ALL, Floats, Pick, Place, ScoreTerms, Site

# Elements of one block of scores: larger ones fall out of the cache, smaller ones spend their time in calls.
BLOCK_ELEMENTS = 1 << 19
# Up to so many cells, all heads together in one piece are there sooner than head by head in the cache...
ONE_PIECE_CELLS = 1 << 22
# ... unless keys of half precision first become single ones that are more than this in bytes.
ONE_PIECE_KEYS = 1 << 26


@dataclass(frozen=True, eq=False, kw_only=True)
class QKSite(Site):
    """A site of which queries and keys are held, in the model's own precision.

    Parameters
    ----------
    q : Tensor [heads, queries, d]
        After rotation where the model rotates.
    k : Tensor [kv_heads, keys, d]
        Key-value head h // (heads / kv_heads) belongs to head h.
    bias : Tensor [1 or heads, 1 or queries, keys] or None
        Added to the scores (relative positions, linear biases).
    sink_scores : float32 Tensor [heads] or None
        Score of the learned sink.
    rounded : bool
        Whether scores are rounded to the dtype of q at each step, as an eager run in half precision does;
        otherwise everything is computed in float32.
    on_disk : bool
        Whether queries and keys are memory-mapped files. Of a layer with a sliding window all keys are kept,
        too: a query anywhere in the prompt may be asked for, and together their windows cover it.
    """

    q: Tensor
    k: Tensor
    bias: Tensor | None = None
    sink_scores: Tensor | None = None
    rounded: bool = False
    on_disk: bool = False

    @property
    def place(self) -> Place:
        """Where queries and keys lie."""
        if self.on_disk:
            return "disk"
        return "memory" if self.q.device.type == "cpu" else "device"

    @property
    def has_scores(self) -> bool:
        """Always True."""
        return True

    @property
    def nbytes(self) -> int:
        """Bytes of queries and keys, and of the norms of values."""
        norms = 0 if self.value_norms is None else self.value_norms.nbytes
        return self.q.nbytes + self.k.nbytes + norms

    @property
    def shared(self) -> tuple[tuple[int, int], ...]:
        """Mask and position bias, which layers share."""
        if self.bias is None:
            return super().shared
        return (*super().shared, (self.bias.data_ptr(), self.bias.nbytes))

    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Recomputed weights: float32 [heads, queries, keys]; masked cells are 0."""
        chosen, rows = self.pick_heads(heads), self.pick_queries(queries)
        if self.q.device.type == "cpu" and not self.half_precision and not self._in_one_piece(chosen, rows):
            return read_rows(self, chosen, rows)
        out = np.zeros((len(chosen), len(rows), self.keys), dtype=np.float32)
        for h, r, first, last in self._blocks(chosen, rows):
            block, _ = self.softmax_block(self.score_block(chosen[h], rows[r], first, last), chosen[h])
            out[h, r, first:last] = block.cpu().numpy()
        return out

    def scores(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Recomputed scores: float32 [heads, queries, keys]; -inf where masked."""
        chosen, rows = self.pick_heads(heads), self.pick_queries(queries)
        out = np.full((len(chosen), len(rows), self.keys), -np.inf, dtype=np.float32)
        for h, r, first, last in self._blocks(chosen, rows):
            out[h, r, first:last] = self.score_block(chosen[h], rows[r], first, last).cpu().numpy()
        return out

    def sink(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Mass that goes to the learned sink: float32 [heads, queries]."""
        if self.sink_scores is None:
            return super().sink(heads, queries)
        chosen, rows = self.pick_heads(heads), self.pick_queries(queries)
        out = np.zeros((len(chosen), len(rows)), dtype=np.float32)
        for h, r, first, last in self._blocks(chosen, rows):
            _, sink = self.softmax_block(self.score_block(chosen[h], rows[r], first, last), chosen[h])
            if sink is not None:
                out[h, r] = sink.cpu().numpy()
        return out

    def qk(self, head: int) -> tuple[Floats, Floats]:
        """Return queries and keys of a head: float32 [queries, d] and [keys, d]."""
        (chosen,) = self.pick_heads(head)
        q, k = self.q[chosen], self.k[chosen // (self.heads // self.kv_heads)]
        return _float_copy(q), _float_copy(k)

    def terms(self, head: int, query: int) -> ScoreTerms:
        """Return what the scores of one row are made of."""
        (chosen,), (row,) = self.pick_heads(head), self.pick_queries(query)
        k = self.k[chosen // (self.heads // self.kv_heads)]
        bias = None
        if self.bias is not None:
            picked = _rows_of(self.bias, np.array([chosen]), np.array([row]), 0, self.keys)
            bias = _float_copy(picked.reshape(-1).expand(self.keys))
        return ScoreTerms(
            q=_float_copy(self.q[chosen, row]),
            k=_float_copy(k),
            scaling=1.0 if self.scaling is None else self.scaling,
            softcap=self.softcap,
            bias=bias,
            sink_score=None if self.sink_scores is None else float(self.sink_scores[chosen]),
        )

    def position_bias(self) -> Floats | None:
        """Return what is added to the scores: float32 [1 or heads, 1 or queries, keys]."""
        return None if self.bias is None else _float_copy(self.bias)

    @property
    def half_precision(self) -> bool:
        """Whether scores and weights are rounded, and to half precision."""
        return self.rounded and self.q.dtype != torch.float32

    def score_block(
        self, heads: NDArray[np.intp], rows: NDArray[np.intp], first: int = 0, last: int | None = None
    ) -> Tensor:
        """Scores of one block in one piece.

        Parameters
        ----------
        heads, rows : int arrays
            Heads and queries.
        first, last : int
            Key range, half open; all keys by default.

        Returns
        -------
        float32 Tensor [heads, rows, last - first] on the device of q
            -inf where masked.
        """
        last = self.keys if last is None else last
        dtype = self.q.dtype if self.rounded else torch.float32
        scores = self._products(heads, rows, first, last, dtype)
        if self.scaling is not None:
            scores = scores.mul_(self.scaling)
        if self.softcap is not None:
            scores = scores.div_(self.softcap).tanh_().mul_(self.softcap)
        if self.bias is not None:
            scores = scores.add_(_rows_of(self.bias, heads, rows, first, last).to(scores))
        scores = scores.float()
        if not self.visibility.everything:
            visible = self.visibility.rows(rows, first, last)
            if visible.ndim == 3 and visible.shape[0] > 1:
                visible = visible[heads]
            scores.masked_fill_(~torch.from_numpy(visible).to(scores.device), -torch.inf)
        return scores

    def softmax_block(self, scores: Tensor, heads: NDArray[np.intp]) -> tuple[Tensor, Tensor | None]:
        """Apply the softmax in place: weights [heads, rows, keys], the sink's mass [heads, rows] or None."""
        top = scores.amax(-1, keepdim=True)
        sink = None
        if self.sink_scores is not None:
            sink = self.sink_scores[torch.from_numpy(heads)].to(scores)[:, None, None]
            top = torch.maximum(top, sink)
        top.masked_fill_(top == -torch.inf, 0.0)
        weights = scores.sub_(top).exp_()
        total = weights.sum(-1, keepdim=True)
        if sink is not None:
            sink = (sink - top).exp_()
            total = total + sink
            sink = (sink / total)[..., 0]
        # A query that sees nothing has no weights rather than undefined ones.
        weights.div_(total.clamp_min_(torch.finfo(total.dtype).tiny))
        if self.rounded:
            weights = weights.to(self.q.dtype).float()
        return weights, sink

    def _in_one_piece(self, heads: NDArray[np.intp], rows: NDArray[np.intp]) -> bool:
        """Whether weights of these rows are computed sooner for all heads together."""
        widened = 0 if self.k.dtype == torch.float32 else self.k.numel() * torch.float32.itemsize
        return len(heads) * len(rows) * self.keys <= ONE_PIECE_CELLS and widened <= ONE_PIECE_KEYS

    def _products(
        self, heads: NDArray[np.intp], rows: NDArray[np.intp], first: int, last: int, dtype: torch.dtype
    ) -> Tensor:
        """Return q·k for the block, each key-value head once however many heads share it."""
        group = self.heads // self.kv_heads
        contiguous = (
            len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all())
        )
        pick = slice(int(rows[0]), int(rows[-1]) + 1) if contiguous else torch.from_numpy(rows)
        if len(heads) == self.heads and bool((heads == np.arange(self.heads)).all()):
            q = self.q[:, pick].to(dtype)
            k = self.k[:, first:last].to(dtype)
            grouped = q.reshape(self.kv_heads, group * len(rows), q.shape[-1])
            return torch.matmul(grouped, k.transpose(-1, -2)).view(self.heads, len(rows), last - first)
        out = torch.empty((len(heads), len(rows), last - first), dtype=dtype, device=self.q.device)
        for kv in np.unique(heads // group):
            k = self.k[int(kv), first:last].to(dtype)
            for place in np.flatnonzero(heads // group == kv):
                torch.matmul(self.q[int(heads[place]), pick].to(dtype), k.T, out=out[int(place)])
        return out

    def _blocks(
        self, heads: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> Iterator[tuple[slice, slice, int, int]]:
        """Cut a request into blocks, each with the key range that it can see."""
        if len(heads) == 0 or len(rows) == 0:
            return
        step = max(1, BLOCK_ELEMENTS // max(1, self.keys))
        many = len(heads) if step >= len(rows) else max(1, (4 * BLOCK_ELEMENTS) // (step * self.keys))
        for begin in range(0, len(rows), step):
            r = slice(begin, min(len(rows), begin + step))
            first, last = self.visibility.key_range(rows[r], self.keys)
            if last == first:
                continue
            for start in range(0, len(heads), many):
                yield slice(start, min(len(heads), start + many)), r, first, last


def _float_copy(values: Tensor) -> Floats:
    # .numpy() shares memory with the cache when nothing had to be converted: hand out a copy.
    copy: Floats = values.to("cpu", torch.float32, copy=True).numpy()
    return copy


def _rows_of(bias: Tensor, heads: NDArray[np.intp], rows: NDArray[np.intp], first: int, last: int) -> Tensor:
    bias = bias if bias.shape[0] == 1 else bias[torch.from_numpy(heads)]
    bias = bias if bias.shape[1] == 1 else bias[:, torch.from_numpy(rows)]
    return bias[..., first:last]
