"""Detectors of the user's own: tried on the record at hand before they join the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attnwidget.errors import InputError, ShapeError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.targets import Target, TargetMetric, detector
from attnwidget.record import AttentionRecord

FORMULA = "mean over q of Σₖ w(q, k) · target(q, k)"


def make_detector(
    records: Sequence[AttentionRecord],
    name: str,
    target: Target,
    *,
    title: str | None = None,
    formula: str | None = None,
    source: str = "you",
) -> TargetMetric:
    """Make a detector that is about some records, if it is an array, or about any, if it is a function.

    Parameters
    ----------
    records : sequence of AttentionRecord
        What is on screen, and other ways to read it; an array has to fit one of them.
    name : str
    target : array [queries, keys], or function of the query tokens and the key tokens
    title, formula, source : str, optional
        For readers.

    Raises
    ------
    InputError
        If there is no name, or the values are not between 0 and 1.
    ShapeError
        If an array fits no kind of attention of the records, or the function's does not fit its tokens.
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError("The detector has no name.", 'Name it, for instance "brackets".')
    every = [Axes.of_record(record, kind) for record in records for kind in record.kinds]
    fitting = every
    if not callable(target):
        target = np.array(target)
        fitting = [axes for axes in every if target.shape == (len(axes.queries), len(axes.keys))]
        if every and not fitting:
            shapes = sorted({f"({len(axes.queries)}, {len(axes.keys)})" for axes in every})
            raise ShapeError(
                f"The target is {target.shape}, the pattern {' or '.join(shapes)}.",
                "Give one value per query and key of the current prompt, or a function of the tokens.",
            )
    made = detector(
        name,
        title or name,
        target,
        formula=formula or FORMULA,
        source=source,
        of=fitting,
    )
    for axes in fitting:
        made.bind(axes)
    return made
