"""From the mask that a model passes to what the record keeps: a rule where one fits, else one shared mask."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnwidget.errors import CaptureError
from attnwidget.record import Visibility
from attnwidget.record.visibility import recognise

# Layers take turns between few masks (full, sliding, position bias). Holding on to more would keep whole
# patterns alive in models that build one per layer.
_REMEMBERED = 4
# Older models write "masked" as a large finite number instead of the smallest one.
_LARGE = -9.0e3
_BLOCK = 1 << 24


@dataclass(frozen=True, eq=False)
class Keep:
    """Positions of a stream that are not padding.

    Parameters
    ----------
    positions : int array or None
        None keeps everything.
    total : int or None
        Length with padding; None if unknown.
    """

    positions: NDArray[np.intp] | None = None
    total: int | None = None

    @classmethod
    def of(cls, flags: NDArray[np.bool_] | None) -> Keep:
        """Make one from a flag per position."""
        if flags is None:
            return cls()
        flags = np.asarray(flags, dtype=np.bool_)
        return cls(None if bool(flags.all()) else np.flatnonzero(flags), len(flags))

    def count(self, length: int) -> int:
        """Count the positions that remain of `length`."""
        return length if self.positions is None else len(self.positions)

    def cut(self, tensor: Tensor, dim: int) -> Tensor:
        """Return a tensor with only these positions along a dimension; itself if all remain."""
        if self.positions is None:
            return tensor
        return tensor.index_select(dim, torch.from_numpy(self.positions).to(tensor.device))

    def gone(self, length: int) -> NDArray[np.intp]:
        """Return the positions that are cut out."""
        if self.positions is None:
            return np.zeros(0, dtype=np.intp)
        return np.setdiff1d(np.arange(length), self.positions)


@dataclass(frozen=True, eq=False)
class Reduced:
    """What remains of a mask: who sees what, and what is added to the scores."""

    visibility: Visibility
    bias: Tensor | None


class Masks:
    """Reduces masks to one prompt without padding, once per distinct mask.

    Parameters
    ----------
    row : int
        Prompt of the batch.
    """

    def __init__(self, row: int) -> None:
        self._row = row
        self._known: OrderedDict[object, tuple[object, Reduced]] = OrderedDict()

    def reduce(
        self,
        mask: Tensor | None,
        bias: Tensor | None,
        causal: bool,
        queries: Keep,
        keys: Keep,
        shape: tuple[int, int],
    ) -> Reduced:
        """Reduce the mask and position bias of one call.

        Parameters
        ----------
        mask : bool or float Tensor, broadcastable to [batch, heads, queries, keys], or None
            True where visible, or added to the scores.
        bias : float Tensor, broadcastable alike, or None
            Added to the scores.
        causal : bool
            Whether the causal rule applies on top.
        queries, keys : Keep
        shape : tuple of int
            Number of queries and keys with padding.

        Returns
        -------
        Reduced

        Raises
        ------
        CaptureError
            If a token is looked at that is marked as padding.
        """
        key = (identity(mask), identity(bias), causal, id(queries), id(keys), shape)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key][1]
        made = self._make(mask, bias, causal, queries, keys, shape)
        made = self._shared(made)
        self._known[key] = ((mask, bias, queries, keys), made)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return made

    def _make(
        self,
        mask: Tensor | None,
        bias: Tensor | None,
        causal: bool,
        queries: Keep,
        keys: Keep,
        shape: tuple[int, int],
    ) -> Reduced:
        visible: NDArray[np.bool_] | None = None
        added: list[Tensor] = []
        if mask is not None:
            mask = _cut_rows(one_prompt(mask, self._row), queries, shape)
            if mask.dtype == torch.bool:
                seen = mask
            else:
                seen, extra = split(mask)
                if extra is not None:
                    added.append(_cut_keys(extra, keys, shape))
            if not bool(seen.all()):
                visible = _plain(seen, queries.count(shape[0]), shape[1])
        if bias is not None:
            bias = _cut_keys(_cut_rows(one_prompt(bias, self._row), queries, shape), keys, shape)
            if bool(bias.any()):
                added.append(bias)
        visible = _without_padding(visible, causal, queries, keys, shape)
        visibility = Visibility() if visible is None else recognise(visible)
        if causal:
            visibility = _also_causal(visibility, queries.count(shape[0]), keys.count(shape[1]))
        return Reduced(visibility, sum(added[1:], added[0]) if added else None)

    def _shared(self, made: Reduced) -> Reduced:
        """Use an equal mask or bias that is already held instead of a second copy."""
        visibility, bias = made.visibility, made.bias
        for _, other in self._known.values():
            held = other.visibility
            if (
                visibility.mask is not None
                and held.mask is not None
                and (visibility.causal, visibility.window) == (held.causal, held.window)
                and np.array_equal(visibility.mask, held.mask)
            ):
                visibility = held
            if bias is not None and other.bias is not None and _equal(bias, other.bias):
                bias = other.bias
        return Reduced(visibility, bias)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and bool(torch.equal(one, other))


def identity(tensor: Tensor | None) -> object:
    """Tell a mask from others, as long as it lives and nothing is written to it."""
    if tensor is None:
        return None
    version = None if tensor.is_inference() else tensor._version
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device, version)


def one_prompt(mask: Tensor, row: int) -> Tensor:
    """Return [heads or 1, queries or 1, keys] of one prompt, by the rules of broadcasting to four."""
    mask = mask.detach()
    if mask.ndim > 4:
        raise CaptureError(
            f"A mask has {mask.ndim} dimensions {tuple(mask.shape)}.",
            "Pass the model's own attentions to AttentionRecord.from_attentions.",
        )
    while mask.ndim < 4:
        mask = mask.unsqueeze(0)
    return mask[row if mask.shape[0] > 1 else 0]


def _cut_rows(mask: Tensor, queries: Keep, shape: tuple[int, int]) -> Tensor:
    # A preallocated cache is wider than what has been written to it.
    mask = mask[..., : shape[1]]
    return mask if mask.shape[1] == 1 else queries.cut(mask, 1)


def _cut_keys(mask: Tensor, keys: Keep, shape: tuple[int, int]) -> Tensor:
    return mask if mask.shape[2] == 1 else keys.cut(mask, 2)


def split(mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """Split what is added to scores into "visible" and a bias, None if the bias is zero everywhere."""
    lowest = float(mask.amin())
    if lowest <= torch.finfo(mask.dtype).min / 2:
        hidden = mask <= torch.finfo(mask.dtype).min / 2
    elif lowest <= _LARGE and bool(((mask == 0) | (mask == lowest)).all()):
        hidden = mask == lowest
    else:
        return torch.ones((1, 1, 1), dtype=torch.bool), mask if bool(mask.any()) else None
    # By rows: masks of long prompts are as large as a pattern, and most hold nothing else.
    rows = range(0, mask.shape[1], max(1, _BLOCK // max(1, mask.shape[0] * mask.shape[2])))
    slices = [slice(begin, begin + rows.step) for begin in rows]
    added = any(bool(((mask[:, some] != 0) & ~hidden[:, some]).any()) for some in slices)
    return ~hidden, mask.masked_fill(hidden, 0.0) if added else None


def _plain(seen: Tensor, queries: int, keys: int) -> NDArray[np.bool_]:
    """Write a mask out as [queries, keys], or [heads, queries, keys] where heads differ."""
    array = seen.cpu().numpy()
    if array.shape[0] > 1 and bool((array == array[:1]).all()):
        array = array[:1]
    full = np.broadcast_to(array, (array.shape[0], queries, keys))
    return np.ascontiguousarray(full[0] if full.shape[0] == 1 else full)


def _without_padding(
    visible: NDArray[np.bool_] | None, causal: bool, queries: Keep, keys: Keep, shape: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """Drop the padded keys, after making sure that nothing looks at them."""
    gone = keys.gone(shape[1])
    if len(gone):
        rows = np.arange(shape[0]) if queries.positions is None else queries.positions
        looked = np.ones((len(rows), len(gone)), dtype=np.bool_) if visible is None else visible[..., gone]
        if causal:
            looked = looked & (gone[None] <= rows[:, None])
        if bool(looked.any()):
            raise CaptureError(
                "Tokens that are marked as padding are attended to.",
                "Pass the model the attention_mask that belongs to the padding.",
            )
        if visible is not None:
            visible = np.ascontiguousarray(visible[..., keys.positions])
    return visible


def _also_causal(visibility: Visibility, queries: int, keys: int) -> Visibility:
    if visibility.causal or queries != keys:
        return visibility
    if visibility.mask is None:
        return Visibility(causal=True, window=visibility.window)
    return recognise(visibility.mask & np.tri(queries, keys, dtype=np.bool_))
