"""Runs prompts through a model: loading, tokenising, limits, cache, and `ModelRunner`, the whole of it.

Importing this package loads neither torch nor transformers; asking it for `ModelRunner` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnwidget.runner.cache import CacheInfo

if TYPE_CHECKING:
    from attnwidget.runner.budget import Plan
    from attnwidget.runner.model_runner import ModelRunner

__all__ = ["CacheInfo", "ModelRunner", "Plan"]


def __getattr__(name: str) -> object:
    if name == "ModelRunner":
        from attnwidget.runner.model_runner import ModelRunner

        return ModelRunner
    if name == "Plan":
        from attnwidget.runner.budget import Plan

        return Plan
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
