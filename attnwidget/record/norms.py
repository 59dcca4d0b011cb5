"""Attention weighted by what each key's value adds: a site whose numbers are shares of a row's norms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.record.sites import ALL, Floats, Pick, Place, Site, facts


@dataclass(frozen=True, eq=False, kw_only=True)
class NormSite(Site):
    """A site read by norms: weight times the norm of the value through the output projection.

    Kobayashi et al. 2020, "Attention is Not Only a Weight". Each row is divided by its sum, the learned
    sink's part excluded (it has no value), so that numbers are shares of what the row's keys add.

    Parameters
    ----------
    weighed : Site
        The site with the weights.
    norms : float32 array [heads, keys]
        Norm of each key's value vector through its head's part of the output projection.
    """

    weighed: Site
    norms: NDArray[np.float32]

    @property
    def has_scores(self) -> bool:
        """Always False: scores belong to the weights."""
        return False

    @property
    def nbytes(self) -> int:
        """Nothing beyond the site with the weights."""
        return 0

    @property
    def place(self) -> Place:
        """Where the arrays of that site lie."""
        return self.weighed.place

    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Shares of each row's norms: float32 [heads, queries, keys]; masked cells are 0."""
        chosen = self.pick_heads(heads)
        parts = self.weighed.weights(chosen, queries) * self.norms[chosen, None]
        total = parts.sum(-1, keepdims=True)
        shares: Floats = np.divide(parts, total, out=np.zeros_like(parts), where=total != 0)
        return shares

    def visible(self, queries: Pick = ALL) -> NDArray[np.bool_]:
        """Which keys the queries see; see `Site.visible`."""
        return self.weighed.visible(queries)


def norm_site(site: Site, norms: NDArray[np.float32]) -> NormSite:
    """Return a site that answers with norms instead of weights."""
    return NormSite(**facts(site) | {"has_sinks": False}, weighed=site, norms=norms)
