"""The examples in the documentation of BertViz's functions run and hold."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

MODULES = (
    "attnwidget.compat",
    "attnwidget.compat.head_view",
    "attnwidget.compat.model_view",
    "attnwidget.compat.neuron_view",
    "attnwidget.compat.transformers_neuron_view",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, bundle: Path) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
