"""BertViz's model view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attnwidget.compat.present import check_action, check_numbers, present, theme_of
from attnwidget.compat.record import record_of
from attnwidget.service.answers import opening


def model_view(
    attention: Any = None,
    tokens: Any = None,
    sentence_b_start: int | None = None,
    prettify_tokens: bool = True,
    display_mode: str = "dark",
    encoder_attention: Any = None,
    decoder_attention: Any = None,
    cross_attention: Any = None,
    encoder_tokens: Any = None,
    decoder_tokens: Any = None,
    include_layers: Iterable[int] | None = None,
    include_heads: Iterable[int] | None = None,
    html_action: str = "view",
) -> Any:
    """Show every head of every layer as a small picture.

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
    display_mode : {"dark", "light", "auto"}
        Colours of the view; "auto" follows the notebook.
    encoder_attention, decoder_attention : sequence of array [1, heads, tokens, tokens], optional
        For a model with an encoder and a decoder; they may differ in depth.
    cross_attention : sequence of array [1, heads, decoder tokens, encoder tokens], optional
        Likewise.
    encoder_tokens, decoder_tokens : sequence of str, optional
        Their tokens.
    include_layers, include_heads : iterable of int, optional
        Layers and heads to keep, under their own numbers; all by default.
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
    >>> from attnwidget.compat import model_view
    >>> weights = np.tril(np.full((1, 4, 3, 3), 1 / np.arange(1, 4)[:, None]))
    >>> html = model_view([weights] * 6, ["a", "b", "c"], include_layers=[3, 5], html_action="return")
    >>> len(html.data) < 500_000
    True
    """
    check_action(html_action)
    theme = theme_of(display_mode)
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
    site, layer, heads = opening(record, record.kinds[0])
    traits: dict[str, Any] = {"theme": theme}
    chosen = list(include_heads) if include_heads is not None else []
    if chosen:
        count = max(record.site(each, kind).heads for kind in record.kinds for each in record.layers(kind))
        offered = check_numbers(chosen, count, "include_heads", "head")
        traits["filters"] = {"heads": offered}
        heads = [head for head in heads if head in offered] or offered[:1]
    return present(record, html_action, view="model", site=site, layer=layer, heads=heads, **traits)
