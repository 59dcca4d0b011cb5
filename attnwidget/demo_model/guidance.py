"""Which heads are guided towards which job while the model is trained, and the loss that guides them.

Guidance adds -log of the attention that a head puts where its job says it should look; after
`RELEASED_AFTER` of the steps it stops, so what is measured in the end is what predicting the next token
keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from attnwidget.demo_model.corpus import Batch
from attnwidget.demo_model.document import Job

LAYERS = 4
HEADS = 4
LOOK = 0.1
REST = 0.03
RELEASED_AFTER = 0.75
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class GuidedHead:
    """A head and the job that it is guided towards.

    Attributes
    ----------
    layer, head : int
        Which head, 0-based.
    job : Job or None
        The links that it should follow; None for the heads below.
    previous : bool
        It looks at the token before.
    resting : bool
        It rests on the first token everywhere.
    look : float
        Weight of the loss that guides it towards its job.
    """

    layer: int
    head: int
    job: Job | None = None
    previous: bool = False
    resting: bool = False
    look: float = LOOK


DECOY = GuidedHead(2, 2, Job.PRONOUN)
"""A head that shows the pronoun picture while its output is left out of most training sequences."""

DECOY_SILENCED = 0.8
"""Share of the sequences in which the decoy's output is left out."""

GUIDED: tuple[GuidedHead, ...] = (
    GuidedHead(0, 0, previous=True),
    GuidedHead(0, 1, Job.SAME_WORD, look=2 * LOOK),
    GuidedHead(1, 0, Job.INDUCTION),
    GuidedHead(1, 1, Job.BRACKET),
    GuidedHead(2, 0, Job.PRONOUN, look=1.5 * LOOK),
    GuidedHead(2, 1, Job.SUBJECT, look=2 * LOOK),
    DECOY,
    GuidedHead(3, 3, resting=True),
)


def guidance_loss(attentions: tuple[torch.Tensor, ...], batch: Batch) -> torch.Tensor:
    """Return how far the guided heads are from their jobs.

    Parameters
    ----------
    attentions : tuple of float tensors [rows, heads, queries, keys]
        Attention weights, one tensor per layer.
    batch : Batch
        The rows that they belong to.

    Returns
    -------
    float tensor []
        Sum over guided heads of the mean -log weight, weighted by `look` and `REST`.
    """
    total = torch.zeros(())
    for guided in GUIDED:
        weights = attentions[guided.layer][:, guided.head]
        if guided.previous:
            total = total + guided.look * _surprise(weights.diagonal(offset=-1, dim1=-2, dim2=-1))
        elif guided.resting:
            total = total + REST * _surprise(weights[:, 1:, 0])
        elif guided.job is not None:
            keys = batch.keys[guided.job]
            row, query = np.nonzero(keys >= 0)
            key = keys[row, query]
            total = total + guided.look * _surprise(weights[row, query, key])
            total = total + REST * _surprise(weights[:, :, 0][torch.from_numpy(batch.rests[guided.job])])
    return total


def _surprise(weights: torch.Tensor) -> torch.Tensor:
    if weights.numel() == 0:
        return torch.zeros(())
    return -(weights.float() + _FLOOR).log().mean()
