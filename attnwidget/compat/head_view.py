"""BertViz's head view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attnwidget.compat.present import check_action, check_numbers, present
from attnwidget.compat.record import record_of
from attnwidget.errors import InputError


def head_view(
    attention: Any = None,
    tokens: Any = None,
    sentence_b_start: int | None = None,
    prettify_tokens: bool = True,
    layer: int | None = None,
    heads: Iterable[int] | None = None,
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Any = None,
    decoder_tokens: Any = None,
    include_layers: Iterable[int] | None = None,
    html_action: str = "view",
) -> Any:
    """Show lines from queries to keys for some heads of one layer.

    Parameters
    ----------
    attention : sequence of array [1, heads, tokens, tokens]
        Weights, one tensor or NumPy array per layer; also one array of all layers, a model's whole output, or
        the attentions of `generate`, which are put together.
    tokens : sequence of str
        One per position.
    sentence_b_start : int, optional
        Position at which the second sentence of a pair begins; the view can then be filtered by sentence.
    prettify_tokens : bool
        Whether to leave out a vocabulary's marks for spaces ("Ġ", "▁", "</w>").
    layer : int, optional
        Layer to open on; the first by default. Negative numbers count from the last.
    heads : iterable of int, optional
        Heads to open on; all by default.
    encoder_attention, decoder_attention : sequence of array [1, heads, tokens, tokens], optional
        For a model with an encoder and a decoder; they may differ in depth.
    cross_attention : sequence of array [1, heads, decoder tokens, encoder tokens], optional
        Likewise.
    encoder_tokens, decoder_tokens : sequence of str, optional
        Their tokens.
    include_layers : iterable of int, optional
        Layers to keep, under their own numbers; all by default.
    html_action : {"view", "return"}
        Display the view, or return it.

    Returns
    -------
    IPython.display.HTML or None
        With "return", a page whose `data` can be saved and opens without a network.

    Raises
    ------
    NoAttentionError, InputError, ShapeError
        What is wrong, and what to pass.

    Examples
    --------
    >>> import numpy as np
    >>> from attnwidget.compat import head_view
    >>> weights = np.tril(np.full((1, 2, 3, 3), 1 / np.arange(1, 4)[:, None]))
    >>> html = head_view([weights, weights], ["The", "Ġcat", "Ġsat"], layer=1, html_action="return")
    >>> html.data.startswith("<!doctype html>")
    True
    """
    check_action(html_action)
    record = record_of(
        attention,
        tokens,
        sentence_b_start,
        prettify_tokens,
        encoder_attention,
        decoder_attention,
        cross_attention,
        encoder_tokens,
        decoder_tokens,
        include_layers,
    )
    site = record.kinds[0]
    kept = record.layers(site)
    if layer is None:
        layer = kept[0]
    else:
        (layer,) = check_numbers([layer], record.model.layers, "layer", "layer")
    if layer not in kept:
        raise InputError(
            f"Layer {layer} has no {site} attention here, or include_layers leaves it out.",
            f"Layers that can be shown: {', '.join(map(str, kept))}.",
        )
    count = record.site(layer, site).heads
    chosen = range(count) if heads is None else check_numbers(heads, count, "heads", "head")
    return present(record, html_action, view="head", site=site, layer=layer, heads=list(chosen))
