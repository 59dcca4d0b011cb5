"""Each tool's view as an HTML page of its own, made by the tool from the same tensors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.bench import tensors
from tests.bench.tensors import Source


@dataclass(frozen=True)
class Document:
    """A tool's view: the HTML to open, and the bytes that a notebook holds of it where they differ."""

    html: str
    stored: int | None = None

    @property
    def bytes(self) -> int:
        """Bytes that a notebook stores to show all layers and heads."""
        return len(self.html.encode()) if self.stored is None else self.stored


Build = Callable[[], Document]


def _returned(function: Any, *args: Any, **kwargs: Any) -> Build:
    return lambda: Document(function(*args, html_action="return", **kwargs).data)


def _bertviz(view: str, tokens: int, source: Source) -> Build:
    if view == "neuron":
        from bertviz.neuron_view import show
        from bertviz.transformers_neuron_view import GPT2Config, GPT2Model

        # Its own class of 2019, with the weights that ours has.
        config = GPT2Config(
            vocab_size_or_config_json_file=tokens + 1,
            n_positions=tokens,
            n_ctx=tokens,
            n_layer=tensors.LAYERS,
            n_head=tensors.HEADS,
            n_embd=tensors.WIDTH,
            output_attentions=True,
        )
        model = GPT2Model(config).eval()
        model.load_state_dict(tensors.model(tokens).transformer.state_dict(), strict=False)
        return _returned(show, model, "gpt2", tensors.tokenizer(tokens), tensors.sentence(tokens))
    from bertviz import head_view, model_view

    function = {"head": head_view, "model": model_view}[view]
    return _returned(function, tensors.layers(tokens, source), tensors.labels(tokens, source))


def _ours(view: str, tokens: int, source: Source) -> Build:
    from attnwidget import compat

    if view == "neuron":
        model, tokenizer = tensors.model(tokens), tensors.tokenizer(tokens)
        return _returned(compat.neuron_view.show, model, "gpt2", tokenizer, tensors.sentence(tokens))
    function = {"head": compat.head_view, "model": compat.model_view}[view]
    return _returned(function, tensors.layers(tokens, source), tensors.labels(tokens, source))


def _saved(view: str, tokens: int, source: Source) -> Build:
    explorer = tensors.explorer(tokens, source)
    explorer.view = view

    def build() -> Document:
        with tempfile.TemporaryDirectory() as folder:
            return Document(explorer.save_html(Path(folder) / "saved.html").read_text(encoding="utf-8"))

    return build


def _circuitsvis(view: str, tokens: int, source: Source) -> Build:
    from circuitsvis.attention import attention_heads

    layers, labels = tensors.attention(tokens, source), tensors.labels(tokens, source)

    def build() -> Document:
        shown = [attention_heads(attention=layer, tokens=labels) for layer in layers]
        # It shows one layer a display: all are stored, and one is opened, with its script inside.
        return Document(shown[0].local_src, sum(len(str(layer).encode()) for layer in shown))

    return build


def _inspectus(view: str, tokens: int, source: Source) -> Build:
    import inspectus

    layers, labels = tensors.attention(tokens, source), tensors.labels(tokens, source)

    def build() -> Document:
        # It can only display, so what it displays is caught.
        shown: list[Any] = []
        with patch("IPython.display.display", shown.append):
            inspectus.attention(layers, labels)
        return Document("".join(part.data for part in shown))

    return build


def _treescope(view: str, tokens: int, source: Source) -> Build:
    import treescope

    weights = tensors.attention(tokens, source)
    # All cells, as the others draw.
    return lambda: Document(treescope.render_array(weights, truncate=False)._repr_html_())


BUILDERS = {
    "bertviz": _bertviz,
    "attnwidget": _ours,
    "saved": _saved,
    "circuitsvis": _circuitsvis,
    "inspectus": _inspectus,
    "treescope": _treescope,
}


def prepare(tool: str, view: str, tokens: int, source: Source = "random") -> Build:
    """Return what makes the page; the tensors and the model it needs are there already.

    Raises
    ------
    ImportError
        If the tool is not installed, or no longer imports.
    """
    return BUILDERS[tool](view, tokens, source)
