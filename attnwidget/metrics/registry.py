"""The metrics that there are, by name: an immutable registry to which detectors of one's own are added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attnwidget.errors import InputError
from attnwidget.metrics import targets
from attnwidget.metrics.metric import Metric
from attnwidget.metrics.spread import Entropy, Positional, SinkShare, Sparsity, Uniformity
from attnwidget.metrics.targets import TargetMetric

_CHOICE = "Queries that see at least two keys."
_CELLS = "Visible cells of queries that see at least two keys."
_SELF = "In self-attention, queries that see the target key and at least one other key."


@dataclass(frozen=True)
class Registry:
    """Metrics in the order in which they are shown.

    Parameters
    ----------
    metrics : tuple of Metric

    Raises
    ------
    InputError
        If two have the same name, or one has none.
    """

    metrics: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for metric in self.metrics:
            if not metric.name:
                raise InputError("A metric has no name.", "Give it a name.")
            if metric.name in seen:
                raise InputError(
                    f"There are two metrics named {metric.name!r}.", "Give each a name of its own."
                )
            seen.add(metric.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(metric.name for metric in self.metrics)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Metric:
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise InputError(f"There is no metric {name!r}.", f"Metrics that exist: {', '.join(self.names)}.")

    def with_(self, *metrics: Metric) -> Registry:
        """Return a registry that has these metrics too; InputError if a name is taken."""
        return Registry((*self.metrics, *metrics))

    def only(self, names: Iterable[str]) -> Registry:
        """Return a registry of the named metrics, in the order given; InputError names what exists."""
        return Registry(tuple(self[name] for name in names))


def standard(window: int = 4, threshold: float = 0.01) -> Registry:
    """Return the metrics of the metrics map.

    Parameters
    ----------
    window : int
        How many tokens away "local" reaches, to both sides.
    threshold : float
        Weights below it are "sparse".

    Returns
    -------
    Registry

    Raises
    ------
    InputError
        If the window is negative or the threshold not between 0 and 1.
    """
    if window < 0:
        raise InputError(f"The window is {window}.", "Give 0 or more tokens.")
    if not 0 <= threshold <= 1:
        raise InputError(f"The threshold is {threshold}.", "Give a weight between 0 and 1.")
    return Registry(
        (
            Entropy(
                name="entropy",
                title="Entropy",
                formula="mean over q of −Σₖ w ln w / ln(number of visible keys)",
                eligible=_CHOICE,
                source="Clark et al. 2019; divided by its maximum here",
                sinks="Counts as one more key, in the sum and in the maximum.",
            ),
            Uniformity(
                name="uniform",
                title="Broad",
                formula="mean over q of 1 − ½ Σₖ |w(q, k) − 1 / number of visible keys|",
                eligible=_CHOICE,
                sinks="Counts as one more key, to which the even spread gives nothing.",
            ),
            TargetMetric(
                name="distance",
                title="Mean distance",
                formula="mean over q of Σₖ w(q, k) · |q − k|",
                eligible="In self-attention, queries that see keys at different distances.",
                source="Vig & Belinkov 2019; a mean over queries here",
                sinks="Adds no distance; weights are not renormalised, so a strong sink shortens it.",
                unit="tokens",
                high=None,
                rule=targets.distance(),
            ),
            TargetMetric(
                name="local",
                title=f"Within {window} tokens",
                formula=f"mean over q of Σₖ w(q, k) where |q − k| ≤ {window}",
                eligible="In self-attention, queries that see keys both within the window and outside it.",
                rule=targets.within(window),
            ),
            Sparsity(
                name="sparsity",
                title="Sparsity",
                formula=f"share of visible cells with w(q, k) < {threshold:g}",
                eligible=_CELLS,
                sinks="Is no cell; the weights beside it count as they are.",
                threshold=threshold,
            ),
            TargetMetric(
                name="previous",
                title="Previous token",
                formula="mean over q of w(q, q − 1)",
                eligible=_SELF,
                source="Clark et al. 2019; Voita et al. 2019",
                rule=targets.at_offset(-1),
            ),
            TargetMetric(
                name="current",
                title="Current token",
                formula="mean over q of w(q, q)",
                eligible=_SELF,
                rule=targets.at_offset(0),
            ),
            TargetMetric(
                name="next",
                title="Next token",
                formula="mean over q of w(q, q + 1)",
                eligible=_SELF + " None under a causal mask.",
                source="Clark et al. 2019; Voita et al. 2019",
                rule=targets.at_offset(1),
            ),
            TargetMetric(
                name="first",
                title="First token",
                formula="mean over q of w(q, 0)",
                eligible="Queries that see the first key and another one; not the first token itself.",
                source="Xiao et al. 2023 (attention sinks)",
                sinks="Adds nothing: a learned sink is no token and has a metric of its own.",
                rule=targets.first_key,
            ),
            SinkShare(
                name="sink",
                title="Learned sink",
                formula="mean over q of 1 − Σₖ w(q, k), as the model computed it",
                eligible="Queries that see a key, in models with learned sinks.",
                sinks="Is what is measured.",
            ),
            TargetMetric(
                name="delimiter",
                title="Delimiters",
                formula="mean over q of Σₖ w(q, k) where k is a special token or punctuation",
                source="Clark et al. 2019",
                rule=targets.delimiter,
            ),
            TargetMetric(
                name="same_word",
                title="Same word",
                formula="mean over q of Σₖ w(q, k) where k ≠ q has the same text as q",
                eligible="In self-attention, queries that see another occurrence of their text,"
                " and one other key.",
                source="Wang et al. 2022 (duplicate token heads); occurrences on both sides here",
                rule=targets.same_word,
            ),
            TargetMetric(
                name="induction",
                title="Induction",
                formula="mean over q of Σₖ w(q, k) where k < q and k − 1 has the same text as q",
                eligible="In self-attention, queries that see such a key and another one.",
                source="Olsson et al. 2022",
                rule=targets.after_same_word,
            ),
            Positional(
                name="positional",
                title="Positional",
                formula="variance of w(q, k) between the diagonals k − q / variance over all cells",
                eligible="In self-attention, visible cells that are not alone on their diagonal, of queries "
                "that see at least two keys.",
                sinks="Is no cell; the weights beside it count as they are.",
            ),
        )
    )
