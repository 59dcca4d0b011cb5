"""Weights of whole rows from queries and keys in memory, in blocks that stay in one core's cache.

A row of a head costs 2 n d FLOPs for n visible keys of d dimensions and one exp a key; it reads 4 n d bytes
of keys (once per block of queries) and writes 4 n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.record.edges import hide, seeing
from attnwidget.record.threads import share

if TYPE_CHECKING:
    from attnwidget.record.qk import QKSite
    from attnwidget.record.sites import Floats

Ints = NDArray[np.intp]

ROWS = 128
"""Queries of a block at most."""

BLOCK_CELLS = 1 << 17
"""Scores that are worked on at a time: 512 kB."""

LEAST = -3e38
"""Stands for the largest score where there is none: what is subtracted has to be a number."""


def read_rows(site: QKSite, heads: Ints, rows: Ints) -> Floats:
    """Return weights of whole rows, computed in float32 on as many threads as torch uses.

    Parameters
    ----------
    site : QKSite
        In the CPU's memory.
    heads : int array [h]
    rows : int array [r]
        Query positions in any order.

    Returns
    -------
    float32 array [h, r, keys]
        Masked cells are 0.
    """
    if len(rows) > 1 and bool((np.diff(rows) < 0).any()):
        order = np.argsort(rows, kind="stable")
        out = np.empty((len(heads), len(rows), site.keys), dtype=np.float32)
        out[:, order] = read_rows(site, heads, rows[order])
        return out
    out = np.zeros((len(heads), len(rows), site.keys), dtype=np.float32)
    # What keys of half precision are in float32 is the same for all blocks of a head.
    single = site.k.dtype == torch.float32
    whole = len(rows) > ROWS and not single

    def tasks() -> Iterator[tuple[int, Tensor, slice]]:
        for place, head in enumerate(heads):
            k = site.k[int(head) // (site.heads // site.kv_heads)]
            k = k.float() if whole else k
            for begin in range(0, len(rows), ROWS):
                yield place, k, slice(begin, begin + ROWS)

    def work(task: tuple[int, Tensor, slice]) -> None:
        place, k, part = task
        with torch.no_grad():
            _fill(site, int(heads[place]), rows[part], k, torch.from_numpy(out[place, part]))

    share(work, tasks())
    return out


def _fill(site: QKSite, head: int, rows: Ints, keys: Tensor, out: Tensor) -> None:
    """Compute weights [rows, keys] of ascending queries in place; what they do not see stays as it is."""
    step = max(1, BLOCK_CELLS // len(rows))
    tops, totals = raise_rows(site, head, rows, keys, step, lambda some, part: out[some, part])
    top = tops.amax(0)
    total = totals.mul((tops - top).exp_()).sum(0)
    # A query that sees nothing has no weights rather than undefined ones.
    shares = total.clamp_min_(torch.finfo(total.dtype).tiny) * (top - tops).exp_()
    for place, begin in enumerate(_begins(site, rows, step)):
        some = seeing(site.visibility, rows, begin, min(site.keys, begin + step))
        out[some, begin : min(site.keys, begin + step)].div_(shares[place, some, None])


def raise_rows(
    site: QKSite,
    head: int,
    rows: Ints,
    keys: Tensor,
    step: int,
    room: Callable[[slice, slice], Tensor],
) -> tuple[Tensor, Tensor]:
    """Compute exp(score) of rows, block by block, each less its largest score.

    Parameters
    ----------
    site : QKSite
    head : int
    rows : int array [rows]
        Ascending query positions.
    keys : Tensor [keys, d]
        Those of the head.
    step : int
        Keys of a block.
    room : callable
        Where a block of some rows and keys is put: both slices -> float32 Tensor [rows, keys].

    Returns
    -------
    float32 Tensors [blocks + 1, rows]
        The largest score of each block and the sum of exp, as for `normaliser`; the sink comes last.
    """
    begins, last = _begins(site, rows, step), site.visibility.key_range(rows, site.keys)[1]
    q = queries(site, head, rows)
    # One more for the sink, which is a block of one score.
    tops = torch.full((len(begins) + 1, len(rows)), LEAST, device=q.device)
    totals = torch.zeros_like(tops)
    if site.sink_scores is not None:
        tops[-1], totals[-1] = site.sink_scores[head].float(), 1.0
    for place, begin in enumerate(begins):
        end = min(last, begin + step)
        some = seeing(site.visibility, rows, begin, end)
        if some.start == some.stop:
            continue
        block, top = room(some, slice(begin, end)), tops[place, some]
        k = keys[begin:end].float()
        if block.shape[0] == 1:
            torch.mv(k, q[some.start], out=block[0])
        else:
            torch.mm(q[some], k.T, out=block)
        finish(block, site, head, rows[some], begin, end)
        torch.amax(block, 1, out=top)
        block.sub_(top.clamp_min_(LEAST)[:, None]).exp_()
        torch.sum(block, 1, out=totals[place, some])
    return tops, totals


def _begins(site: QKSite, rows: Ints, step: int) -> range:
    first, last = site.visibility.key_range(rows, site.keys)
    return range(first, last, step)


def queries(site: QKSite, head: int, rows: Ints) -> Tensor:
    """Return scaled queries of ascending positions: float32 [rows, d]."""
    of = site.q[head]
    contiguous = int(rows[-1]) - int(rows[0]) == len(rows) - 1
    q = of[int(rows[0]) : int(rows[-1]) + 1] if contiguous else of[torch.from_numpy(rows).to(of.device)]
    return q.float() if site.scaling is None else q.float() * site.scaling


def finish(products: Tensor, site: QKSite, head: int, rows: Ints, first: int, last: int) -> None:
    """Make scores of scaled products [rows, last - first], in place: cap, position bias and mask."""
    if site.softcap is not None:
        products.div_(site.softcap).tanh_().mul_(site.softcap)
    if site.bias is not None:
        bias = site.bias[head if site.bias.shape[0] > 1 else 0]
        bias = bias if bias.shape[0] == 1 else bias[torch.from_numpy(rows).to(bias.device)]
        products.add_(bias[:, first:last].to(products))
    hide(products, site.visibility, head, rows, first, last)


def normaliser(tops: Tensor, totals: Tensor) -> Tensor:
    """Return the log of sums of exp that are held in parts, total x exp(top): float32 [rows].

    Parameters
    ----------
    tops, totals : float32 Tensors [parts, rows]
        `LEAST` and 0 where a part has nothing.

    Returns
    -------
    float32 Tensor [rows]
        +inf where there is nothing at all: such a query has no weights rather than undefined ones.
    """
    top = tops.amax(0)
    total = totals.mul((tops - top).exp_()).sum(0)
    return total.log().add_(top).masked_fill_(total == 0, torch.inf)
