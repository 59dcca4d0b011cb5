"""Stands in for BertViz's copies of model classes: every name here is that of transformers.

>>> from attnwidget.compat.transformers_neuron_view import GPT2Model
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import transformers

    return getattr(transformers, name)
