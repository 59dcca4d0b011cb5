"""BertViz's neuron view, for any model that can be captured."""

from __future__ import annotations

from inspect import signature
from typing import Any

from attnwidget.compat.present import check_action, check_numbers, present, theme_of
from attnwidget.errors import InputError


def show(
    model: Any,
    model_type: str | None,
    tokenizer: Any,
    sentence_a: str,
    sentence_b: str | None = None,
    display_mode: str = "dark",
    layer: int | None = None,
    head: int | None = None,
    html_action: str = "view",
) -> Any:
    """Show how the scores of one head come about, from queries and keys.

    Parameters
    ----------
    model : PreTrainedModel, str or PathLike
        A model of transformers, of any family; or its name. Queries and keys are captured in its own run.
    model_type : str or None
        As BertViz wants it ("bert", "gpt2", ...). Not needed: the model itself says what it is.
    tokenizer : tokenizer or None
        The model's; None where the model was given by name.
    sentence_a : str
        The text.
    sentence_b : str, optional
        The second text of a pair.
    display_mode : {"dark", "light", "auto"}
        Colours of the view; "auto" follows the notebook.
    layer, head : int, optional
        Where to open; the first by default. Negative numbers count from the last.
    html_action : {"view", "return"}
        Display the view, or return it.

    Returns
    -------
    IPython.display.HTML or None
        With "return", a page whose `data` can be saved and opens without a network.

    Raises
    ------
    AttnWidgetError
        What is wrong, and what to pass.

    Examples
    --------
    >>> import attnwidget as aw
    >>> from attnwidget.compat.neuron_view import show
    >>> runner = aw.ModelRunner()
    >>> html = show(runner.model, "gpt2", runner.tokenizer, "The cat sat.", html_action="return")
    >>> html.data.startswith("<!doctype html>")
    True
    """
    check_action(html_action)
    theme = theme_of(display_mode)
    if type(model).__module__.startswith("bertviz."):
        name = type(model).__name__
        raise InputError(
            f"The model is BertViz's own copy of {name}.",
            f"Load it with transformers: from transformers import {name}.",
        )
    from attnwidget.runner import ModelRunner

    runner = ModelRunner(model, tokenizer)
    record = runner.run(sentence_a, sentence_b or None)
    site = "decoder" if "decoder" in record.kinds else record.kinds[0]
    kept = record.layers(site)
    if layer is None:
        layer = kept[0]
    else:
        (layer,) = check_numbers([layer], max(kept) + 1, "layer", "layer")
    if layer not in kept:
        raise InputError(
            f"Layer {layer} has no {site} attention.",
            f"Layers that have some: {', '.join(map(str, kept))}.",
        )
    (chosen,) = check_numbers([head or 0], record.site(layer, site).heads, "head", "head")
    return present(
        record,
        html_action,
        runner=runner,
        view="neuron",
        site=site,
        layer=layer,
        heads=[chosen],
        theme=theme,
    )


class _NeuronView:
    """BertViz's `neuron_view`: call it, or its `show`."""

    show = staticmethod(show)
    __call__ = staticmethod(show)
    __signature__ = signature(show)


neuron_view = _NeuronView()
