"""BertViz's functions, drawn by the attention explorer: in a BertViz notebook only the import line changes.

>>> from attnwidget.compat import head_view, model_view
>>> from attnwidget.compat.neuron_view import show

`bertviz.transformers_neuron_view` has its counterpart too, whose names are those of transformers itself.
"""

from attnwidget.compat.head_view import head_view
from attnwidget.compat.model_view import model_view
from attnwidget.compat.neuron_view import neuron_view

__all__ = ["head_view", "model_view", "neuron_view"]
