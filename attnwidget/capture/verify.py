"""The spot check: recomputed weights times values against what the module really returned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from attnwidget.errors import CaptureError, FidelityError
from attnwidget.record import Site

# Relative error of a sound site, with room for other kernels: values, weights and output are rounded.
_TOLERANCE = {torch.float16: 5e-3, torch.bfloat16: 3e-2}
_TOLERANCE_FULL = 1e-3
# A head's own size is the measure of its error, unless the head is silent beside the others.
_SILENT = 1e-3


def checked_rows(queries: int) -> list[int]:
    """Return the queries that are checked: the last, and two before that also see a wrong mask or window."""
    return sorted({queries // 4, queries // 2, queries - 1})


def tolerance(dtype: torch.dtype) -> float:
    """Largest relative error that counts as agreement in a dtype."""
    return _TOLERANCE.get(dtype, _TOLERANCE_FULL)


def spot_check(site: Site, value: Tensor, output: Tensor) -> float:
    """Compare recomputed weights times values with the module's output on a few queries.

    Parameters
    ----------
    site : Site
        As it will be recorded.
    value : Tensor [kv_heads or heads, keys, d]
        Padding cut out.
    output : Tensor [queries, heads, d]
        What the attention function returned, padding cut out.

    Returns
    -------
    float
        Worst error of a head, relative to that head's largest output.
    """
    rows = [row for row in checked_rows(site.queries) if bool(np.any(site.visible(row)))]
    if not rows:
        return 0.0
    weights = torch.from_numpy(site.weights(queries=rows)).to(value.device)
    groups = value.shape[0]
    again = torch.matmul(weights.reshape(groups, -1, site.keys), value.float())
    again = again.view(site.heads, len(rows), value.shape[-1]).transpose(0, 1)
    return relative_error(again, output[torch.tensor(rows, device=output.device)])


def relative_error(again: Tensor, real: Tensor) -> float:
    """Worst error of a head relative to that head's largest value; both are [queries, heads, d]."""
    real = real.float()
    size = real.abs().amax((0, 2))
    size = torch.maximum(size, _SILENT * size.max()).clamp_min(torch.finfo(torch.float32).tiny)
    return float(((again.float() - real).abs().amax((0, 2)) / size).max())


def demand_finite(output: Tensor, name: str, layer: int | None) -> None:
    """Raise CaptureError if the output of a site has values that are not numbers."""
    # Both ends are NaN if anything is; several times faster than asking each value.
    if output.numel() and not all(bool(torch.isfinite(end)) for end in torch.aminmax(output)):
        place = f"layer {layer}" if layer is not None else name
        raise CaptureError(
            f"The model produces NaN or infinite values from {place} on ({name}).",
            "Check its weights, or load it in float32 if it overflows in half precision.",
        )


def demand_fidelity(fidelity: float, dtype: torch.dtype, name: str, exact: bool) -> None:
    """Raise FidelityError if a site's recomputation does not agree with the module; `exact` was the mode."""
    limit = tolerance(dtype)
    if not fidelity <= limit:
        raise FidelityError(
            f"Recomputed attention of {name} differs from the module's own output by {fidelity:.1e} "
            f"(limit {limit:.0e}): the model changes attention in a way that is not understood.",
            "Pass the model's own attentions to AttentionRecord.from_attentions."
            if exact
            else "Try exact=True, which records the weights of an eager run.",
        )
