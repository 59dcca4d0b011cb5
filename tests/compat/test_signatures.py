"""Changing the import line of a BertViz notebook is enough."""

from __future__ import annotations

import base64
import importlib
import inspect
import json
import re
from html import escape
from typing import Any

import numpy as np
import pytest
import torch
from IPython.display import HTML

import attnwidget as aw
import attnwidget.compat.transformers_neuron_view as classes
from attnwidget import compat
from attnwidget.compat import head_view, model_view, neuron_view
from attnwidget.compat.neuron_view import show
from attnwidget.snapshot import decode
from tests.compat.test_same_picture import weights
from tests.house.test_imports import loaded_after

bertviz = pytest.importorskip("bertviz")


def parameters(function: Any) -> list[tuple[str, Any]]:
    return [(name, item.default) for name, item in inspect.signature(function).parameters.items()]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (head_view, bertviz.head_view),
        (model_view, bertviz.model_view),
        (show, importlib.import_module("bertviz.neuron_view").show),
        (neuron_view, importlib.import_module("bertviz.neuron_view").show),
    ],
)
def test_arguments_are_bertviz_own(ours: Any, theirs: Any) -> None:
    assert parameters(ours) == parameters(theirs)


def test_every_way_to_import() -> None:
    assert compat.neuron_view.show is show
    for name in ("head_view", "model_view"):
        module = importlib.import_module(f"attnwidget.compat.{name}")
        assert getattr(module, name) is getattr(compat, name)
    assert importlib.import_module("attnwidget.compat.neuron_view").show is show


def test_the_old_classes_are_those_of_transformers() -> None:
    import transformers

    assert classes.BertModel is transformers.BertModel
    with pytest.raises(AttributeError, match="NoSuchModel"):
        _ = classes.NoSuchModel


def test_importing_loads_no_model_library() -> None:
    assert loaded_after("from attnwidget.compat import head_view, model_view, neuron_view") == []


def test_view_displays_one_explorer_and_returns_nothing(shown: list[Any]) -> None:
    tensors = weights(2, 3)
    assert head_view(tensors, ["a", "b", "c"]) is None
    assert model_view(tensors, ["a", "b", "c"], html_action="view") is None
    assert all(isinstance(explorer, aw.AttentionExplorer) for explorer in shown)
    assert [explorer.view for explorer in shown] == ["head", "model"]


@pytest.mark.parametrize("view", [head_view, model_view])
def test_return_gives_a_page_and_displays_nothing(view: Any, shown: list[Any], bundle: Any) -> None:
    tensors = weights(2, 3)
    html = view(tensors, ["a", "b", "c"], html_action="return")
    assert isinstance(html, HTML)
    assert html.data.startswith("<!doctype html>")
    assert escape(html.data) in html._repr_html_()
    (data,) = re.findall(r'<script type="application/json">(.*)</script>', html.data)
    record = decode(base64.b64decode(json.loads(data)["snapshot"]))
    for layer, tensor in enumerate(tensors):
        assert np.array_equal(record.site(layer).weights(), tensor[0].numpy())
    assert shown == []


def test_tensors_are_left_alone(shown: list[Any]) -> None:
    tensors = weights(2, 3)
    before = [tensor.clone() for tensor in tensors]
    head_view(tensors, tokens := ["a", "Ġb", "c"])
    assert all(torch.equal(*pair) for pair in zip(tensors, before, strict=True))
    assert tokens == ["a", "Ġb", "c"]
