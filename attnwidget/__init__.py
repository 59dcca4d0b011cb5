"""An interactive attention explorer that lives in a notebook.

>>> import attnwidget as aw
>>> ex = aw.explore("The cat sat on the mat because it was tired.")

Importing this package imports neither torch nor transformers; they are loaded when a model is.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from attnwidget import errors
from attnwidget.clean import Cleaned, clean_notebook
from attnwidget.explore import explore
from attnwidget.metrics.table import measure_heads
from attnwidget.record import AttentionRecord, Token
from attnwidget.snapshot.file import load
from attnwidget.widget import AttentionExplorer

if TYPE_CHECKING:
    from attnwidget.runner import ModelRunner

__version__ = version("attnwidget")

__all__ = [
    "AttentionExplorer",
    "AttentionRecord",
    "Cleaned",
    "ModelRunner",
    "Token",
    "clean_notebook",
    "errors",
    "explore",
    "load",
    "measure_heads",
]


def __getattr__(name: str) -> Any:
    if name == "ModelRunner":
        from attnwidget.runner import ModelRunner

        return ModelRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
