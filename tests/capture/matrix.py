"""How the capture of each family of the matrix ends, measured once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from attnwidget.capture import Captured, run_with_capture
from attnwidget.errors import AttnWidgetError, NoAttentionError
from tests.capture.families import eager_weights, largest_difference
from tests.capture.zoo import End, Entry


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found out about a family.

    `exact` and `drift` are the largest differences to eager's weights in the two modes; `peak` is the largest
    weight of the last query times the number of keys that it sees (1: it attends evenly).
    """

    end: End
    failures: tuple[AttnWidgetError, ...] = ()
    routes: tuple[str, ...] = ()
    exact: float = 0.0
    drift: float = 0.0
    fidelity: float = 0.0
    peak: float = 0.0
    identical: bool = False
    rotary: tuple[bool, ...] = ()
    norms: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()


@cache
def measured(entry: Entry) -> Measured:
    """Capture a family in both modes and compare with what the model returns under eager."""
    model, inputs = entry.build(), entry.inputs()
    with torch.no_grad():
        before = _first_tensor(model(**inputs))
    found: list[Captured] = []
    failures: list[AttnWidgetError] = []
    for exact in (False, True):
        try:
            found.append(run_with_capture(model, inputs, exact=exact))
        except AttnWidgetError as failure:
            failures.append(failure)
    if failures:
        none = all(isinstance(failure, NoAttentionError) for failure in failures)
        return Measured("none" if none else "refused", tuple(failures))
    reference = entry.expected(eager_weights(entry.build("eager"), inputs))
    default, eager = found
    checked = [site.fidelity for captured in found for site in captured.sites]
    return Measured(
        end="exact",
        routes=tuple(sorted({site.route for site in default.sites})),
        exact=largest_difference(eager, reference),
        drift=largest_difference(default, reference),
        fidelity=max(float("inf") if value is None else value for value in checked),
        peak=min(
            float(
                site.weights(queries=-1 + site.queries).max() * site.visible(site.queries - 1).sum(-1).max()
            )
            for site in default.sites
        ),
        identical=torch.equal(before, _first_tensor(default.output)),
        rotary=tuple(site.rotary for site in default.sites),
        norms=tuple(site.value_norms is not None for site in default.sites),
        notes=default.notes,
    )


def _first_tensor(output: Any) -> Tensor:
    return next(value for value in output.values() if isinstance(value, Tensor))
