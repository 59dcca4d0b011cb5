"""Arrays out of tensors, arrays and nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnwidget.errors import ShapeError
from attnwidget.record.sites import Floats


def as_array(given: Any, place: str) -> Floats:
    """Return a float32 array of a tensor, an array, or nested lists of numbers."""
    values = given.detach().float().cpu().numpy() if hasattr(given, "detach") else given
    try:
        return np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ShapeError(
            f"{place} is no array of numbers.", "Give one array [1, heads, queries, keys] per layer."
        ) from error
