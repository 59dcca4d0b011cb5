"""Attention that `generate` returned token by token, put together into whole patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnwidget.compat.arrays import as_array
from attnwidget.errors import ShapeError
from attnwidget.record.sites import Floats


def holds_arrays(entry: Any) -> bool:
    """Whether this is a sequence of arrays (or of None), as each step of `generate` is."""
    return isinstance(entry, Sequence) and all(item is None or hasattr(item, "shape") for item in entry)


def is_cache(steps: Sequence[Any]) -> bool:
    """Whether these are pairs of keys and values, as older models return them, one pair per layer."""
    shapes = {tuple(item.shape) for step in steps if step for item in step if hasattr(item, "shape")}
    if len(steps) == 1 or len(shapes) != 1 or {len(step) for step in steps} != {2}:
        return False
    (shape,) = shapes
    return len(shape) == 4 and shape[2] != 1 and shape[2] != shape[3]


def stitched(steps: Sequence[Any], option: str, *, cross: bool) -> list[Floats | None]:
    """Put the steps of one generation together.

    Parameters
    ----------
    steps : sequence (steps) of sequence (layers) of array [1, heads, queries, keys] or None
        The first step reads the prompt, each later one the token before it; without a cache, each step reads
        everything again. Static caches leave keys that do not exist yet, which are cut off; sliding ones keep
        the last keys.
    option : str
        The argument, for messages.
    cross : bool
        Whether keys are those of the encoder, the same at each step.

    Returns
    -------
    list of float32 array [heads, queries, keys], or None where a layer has no attention
        Weights towards keys that come later are 0.

    Raises
    ------
    ShapeError
        If a step holds several sequences, or the steps do not go together.
    """
    depths = {len(step) for step in steps}
    if len(depths) != 1:
        raise _mixed(option, "layers")
    layers: list[Floats | None] = []
    for layer in range(depths.pop()):
        parts = [step[layer] for step in steps]
        if all(part is None for part in parts):
            layers.append(None)
            continue
        arrays = [_one(part, f"{option}[{at}][{layer}]") for at, part in enumerate(parts)]
        layers.append(_joined(arrays, option, cross))
    return layers


def _one(part: Any, place: str) -> Floats:
    shape = tuple(getattr(part, "shape", ()))
    if len(shape) != 4:
        raise ShapeError(
            f"{place} has the shape {list(shape)}.",
            "Attention has the shape [1, heads, queries, keys]; hidden states have not.",
        )
    if shape[0] != 1:
        raise ShapeError(
            f"{place} holds {shape[0]} sequences, as beam search or several prompts give.",
            "Generate one sequence with num_beams=1, or run the model once over the one to be seen.",
        )
    return as_array(part[0], place)


def _joined(arrays: Sequence[Floats], option: str, cross: bool) -> Floats:
    if len({len(array) for array in arrays}) != 1:
        raise _mixed(option, "heads")
    spans, end = [], 0
    for at, array in enumerate(arrays):
        queries, keys = array.shape[1:]
        # Without a cache every step begins at the first token again.
        again = at > 0 and queries > 1 and (cross or keys != end + queries)
        end = queries if again else end + queries
        spans.append(slice(end - queries, end))
    width = arrays[0].shape[2] if cross else end
    whole = np.zeros((len(arrays[0]), end, width), dtype=np.float32)
    for span, array in zip(spans, arrays, strict=True):
        keys = array.shape[2]
        reach = width if cross else span.stop
        if cross and keys != width:
            raise _mixed(option, "keys")
        # More keys than tokens: a static cache has places to fill. Fewer: a sliding window keeps the last.
        kept = array[:, :, :reach]
        whole[:, span, reach - kept.shape[2] : reach] = kept
    return whole


def _mixed(option: str, noun: str) -> ShapeError:
    return ShapeError(
        f"The steps of {option} differ in their number of {noun}.",
        "Give the attention of one generation, as generate() returned it.",
    )
