"""Sites from attention weights that somebody else computed: arrays or tensors of any source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnwidget.errors import InputError, NoAttentionError, ShapeError
from attnwidget.record.sites import DenseSite, Floats, Kind
from attnwidget.record.visibility import Visibility

_TOLERANCE = 1e-2  # what rounding to half precision can add to a weight of 1, with room to spare
_EAGER = (
    "Pass the model itself to attnwidget.explore, which needs no attention output, "
    "or load it with attn_implementation='eager'."
)


def sites_from_attentions(
    attentions: Any, *, encoder_attention: Any = None, decoder: Any = None, cross: Any = None
) -> tuple[tuple[DenseSite, ...], tuple[str, ...], frozenset[str]]:
    """Make dense sites from given weights.

    Parameters
    ----------
    attentions : array or sequence of arrays, optional
        Self-attention of a model with one stack.
    encoder_attention, decoder, cross : array or sequence of arrays, optional
        Those of a model with two stacks.

    Returns
    -------
    sites : tuple of DenseSite
    notes : tuple of str
        What a reader should know, such as undefined values.
    plain : frozenset of str
        The streams that `attentions` itself belongs to ("encoder" or "decoder").

    Raises
    ------
    NoAttentionError, ShapeError, InputError
    """
    if attentions is not None and any(other is not None for other in (encoder_attention, decoder, cross)):
        raise InputError(
            "attentions was given together with encoder_, decoder_ or cross_attention.",
            "Give attentions alone for a model with one stack, the others for a model with two.",
        )
    groups: list[tuple[Kind, str, Any]] = [
        ("encoder", "encoder_attention", encoder_attention),
        ("decoder", "decoder_attention", decoder),
        ("cross", "cross_attention", cross),
    ]
    plain: frozenset[str] = frozenset()
    layered: list[tuple[Kind, list[Floats | None]]] = []
    if attentions is not None:
        arrays = _per_layer(attentions, "attentions")
        kind: Kind = "decoder" if all(_is_causal(a) for a in arrays if a is not None) else "encoder"
        plain = frozenset({kind})
        layered.append((kind, arrays))
    for kind, option, given in groups:
        if given is not None:
            layered.append((kind, _per_layer(given, option)))
    if not layered:
        raise NoAttentionError("No attention was given.", "Pass attentions=outputs.attentions.")

    sites: list[DenseSite] = []
    notes: list[str] = []
    for kind, arrays in layered:
        for layer, array in enumerate(arrays):
            if array is not None:
                sites.append(_site(kind, layer, array))
                undefined = int(np.isnan(array).sum())
                if undefined:
                    notes.append(f"{undefined} weights of {kind} layer {layer} are undefined (NaN).")
    return tuple(sites), tuple(notes), plain


def _site(kind: Kind, layer: int, array: Floats) -> DenseSite:
    heads, queries, keys = array.shape
    causal = kind != "cross" and _is_causal(array)
    return DenseSite(
        kind=kind,
        layer=layer,
        name=f"{kind}.{layer}",
        route="given",
        heads=heads,
        kv_heads=heads,
        queries=queries,
        keys=keys,
        visibility=Visibility(causal=causal),
        values=array,
    )


def _is_causal(array: Floats) -> bool:
    """Whether everything above the diagonal is exactly zero, and there is something above it."""
    queries, keys = array.shape[-2:]
    return queries == keys and queries > 1 and not bool(np.triu(array, 1).any())


def _per_layer(given: Any, option: str) -> list[Floats | None]:
    """Weights per layer, [heads, queries, keys] each; None for layers without attention."""
    if hasattr(given, "shape"):
        array = _array(given, option)
        if array.ndim == 3:
            return [_checked(array, f"{option}[0]")]
        if array.ndim == 4:
            return [_checked(layer, f"{option}[{i}]") for i, layer in enumerate(array)]
        if array.ndim == 5:
            return [
                _checked(_one_row(layer, f"{option}[{i}]"), f"{option}[{i}]") for i, layer in enumerate(array)
            ]
        raise _wrong_rank(array, option)
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise InputError(
            f"{option} is of type {type(given).__name__}.",
            "Give an array, or a sequence with one array per layer.",
        )
    if len(given) == 0:
        raise NoAttentionError(f"{option} is empty: models that run SDPA return no weights.", _EAGER)
    layers: list[Floats | None] = []
    for i, entry in enumerate(given):
        place = f"{option}[{i}]"
        if entry is None:
            layers.append(None)
            continue
        if not hasattr(entry, "shape") and _holds_tensors(entry):
            raise InputError(
                f"{place} is itself a sequence of arrays, as generate() returns them.",
                "Run the model once over the generated ids, or pass the attentions of one step.",
            )
        array = _array(entry, place)
        if array.ndim == 4:
            array = _one_row(array, place)
        if array.ndim != 3:
            raise _wrong_rank(array, place)
        layers.append(_checked(array, place))
    present = [layer for layer in layers if layer is not None]
    if not present:
        raise NoAttentionError(f"Every entry of {option} is None: the model returned no weights.", _EAGER)
    if len({layer.shape[1:] for layer in present}) > 1:
        shapes = ", ".join(sorted({f"{a.shape[1]} x {a.shape[2]}" for a in present}))
        raise ShapeError(
            f"Layers of {option} differ in queries x keys: {shapes}.", "Give layers of one and the same run."
        )
    return layers


def _holds_tensors(entry: Any) -> bool:
    return isinstance(entry, Sequence) and len(entry) > 0 and (entry[0] is None or hasattr(entry[0], "shape"))


def _array(given: Any, place: str) -> Floats:
    """Float32 array of a tensor, an array or nested lists."""
    if hasattr(given, "detach"):
        given = given.detach().float().cpu().numpy()
    try:
        return np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"{place} is no array of numbers: its rows or heads differ in length.",
            "Give one rectangular array [heads, queries, keys] per layer.",
        ) from error


def _one_row(array: Floats, place: str) -> Floats:
    if array.shape[0] != 1:
        raise ShapeError(
            f"{place} holds a batch of {array.shape[0]}.",
            "Pick one prompt: [a[i:i+1] for a in attentions], and its tokens.",
        )
    return np.asarray(array[0])


def _wrong_rank(array: Floats, place: str) -> ShapeError:
    return ShapeError(
        f"{place} has {array.ndim} dimensions {tuple(array.shape)}.",
        "Give [heads, queries, keys] or [1, heads, queries, keys] per layer.",
    )


def _checked(array: Floats, place: str) -> Floats:
    """Return the array if its values can be weights."""
    if array.size == 0:
        raise ShapeError(
            f"{place} is empty, its shape is {tuple(array.shape)}.", "Give at least one head and token."
        )
    finite = array[~np.isnan(array)]
    if finite.size and (float(finite.min()) < -_TOLERANCE or float(finite.max()) > 1 + _TOLERANCE):
        raise InputError(
            f"{place} has values from {finite.min():.3g} to {finite.max():.3g}: scores, not weights.",
            "Apply the softmax over the keys first.",
        )
    return array
