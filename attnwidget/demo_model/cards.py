"""The embedded model's card: what was measured about it, typed, read from `card.json` without torch.

The card is written by `python -m attnwidget.demo_model.evaluate`; nothing in it is filled in by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Grid = tuple[tuple[float, ...], ...]
"""One number per head, [layers][heads]."""


@dataclass(frozen=True, slots=True)
class HeadCard:
    """One head and the job that was measured for it.

    Attributes
    ----------
    layer, head : int
        Which head, 0-based.
    title : str
        Its job in a few words, such as "pronoun → antecedent"; empty where no job was measured.
    score : float or None
        Mean attention weight where the job says it should be, between 0 and 1; None without a job.
    guided : bool
        Whether the head was guided towards a job while the model was trained.
    text : str
        One or two sentences with the measured figures, knock-outs among them.
    """

    layer: int
    head: int
    title: str
    score: float | None
    guided: bool
    text: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that the model predicts, and what is left of it without one head.

    Attributes
    ----------
    question : str
        What is asked of the model.
    accuracy : float
        Share of the questions answered rightly, on texts that training never saw.
    log_odds : float
        Mean of log p(right) - log p(wrong), natural logarithm.
    count : int
        Number of questions.
    zeroed : tuple of tuples of float
        The accuracy with one head zeroed, [layers][heads].
    """

    question: str
    accuracy: float
    log_odds: float
    count: int
    zeroed: Grid


@dataclass(frozen=True, slots=True)
class Twin:
    """One of two heads that show the same picture.

    Attributes
    ----------
    layer, head : int
        Which head, 0-based.
    weight : float
        Mean weight that a pronoun puts on its antecedent in this head.
    top : float
        Share of the sentences in which the antecedent has the largest weight.
    zeroed : float
        Accuracy of the verb after the pronoun with the head zeroed.
    swapped, swapped_log_odds : float
        The same accuracy, and the mean log odds, after the antecedent's and the distractor's weight changed
        places in the pronoun's row of this head alone.
    """

    layer: int
    head: int
    weight: float
    top: float
    zeroed: float
    swapped: float
    swapped_log_odds: float


@dataclass(frozen=True, slots=True)
class Reach:
    """How well the pronoun head finds the antecedent in one kind of sentence.

    Attributes
    ----------
    weight : float
        Mean weight on the antecedent.
    top : float
        Share of the sentences in which the antecedent has the largest weight.
    count : int
        Number of sentences.
    """

    weight: float
    top: float
    count: int


@dataclass(frozen=True, slots=True)
class Example:
    """Where a token of a prompt looks: `weight` of `query` on `key`, the largest of its row in that head."""

    prompt: str
    layer: int
    head: int
    query: str
    key: str
    weight: float


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that was measured about the embedded model.

    Attributes
    ----------
    architecture : str
        Name of the transformers class.
    parameters, layers, heads_per_layer, width, vocabulary, positions, weight_bytes : int
        Sizes.
    heads : tuple of HeadCard
        Every head, layer by layer.
    scores : dict of str to grid
        Mean attention weight of every head where each job says it should be, [layers][heads].
    top : dict of str to grid
        Share of the questions for which that key has the largest weight of the row, [layers][heads].
    behaviours : dict of str to Behaviour
        What the model predicts, with every head zeroed in turn.
    working, idle : Twin
        Two heads with one picture: the one that the prediction rests on, and the one that it does not.
    reach : dict of str to Reach
        How well the working head finds antecedents in other sentences, by kind of sentence.
    examples : tuple of Example
        Prompts, and where the head of a job looks in them.
    training : dict
        The recipe and what the run took.
    """

    architecture: str
    parameters: int
    layers: int
    heads_per_layer: int
    width: int
    vocabulary: int
    positions: int
    weight_bytes: int
    heads: tuple[HeadCard, ...]
    scores: Mapping[str, Grid]
    top: Mapping[str, Grid]
    behaviours: Mapping[str, Behaviour]
    working: Twin
    idle: Twin
    reach: Mapping[str, Reach]
    examples: tuple[Example, ...]
    training: Mapping[str, Any]

    def head(self, layer: int, head: int) -> HeadCard:
        """Return the entry of one head.

        Raises
        ------
        KeyError
            If the model has no such head.
        """
        for entry in self.heads:
            if (entry.layer, entry.head) == (layer, head):
                return entry
        raise KeyError(f"the embedded model has no head {head} in layer {layer}")

    @property
    def named_heads(self) -> tuple[HeadCard, ...]:
        """The heads whose job was measured."""
        return tuple(entry for entry in self.heads if entry.title)

    def to_json(self) -> str:
        """Return the card as JSON text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def read(file: Path) -> Card:
    """Read a card that `Card.to_json` wrote.

    Parameters
    ----------
    file : Path
        The `card.json` to read.
    """
    raw = json.loads(file.read_text("utf-8"))
    return Card(
        **{
            **raw,
            "heads": tuple(HeadCard(**entry) for entry in raw["heads"]),
            "scores": {job: _grid(rows) for job, rows in raw["scores"].items()},
            "top": {job: _grid(rows) for job, rows in raw["top"].items()},
            "behaviours": {
                name: Behaviour(**{**entry, "zeroed": _grid(entry["zeroed"])})
                for name, entry in raw["behaviours"].items()
            },
            "working": Twin(**raw["working"]),
            "idle": Twin(**raw["idle"]),
            "reach": {name: Reach(**entry) for name, entry in raw["reach"].items()},
            "examples": tuple(Example(**entry) for entry in raw["examples"]),
        }
    )


def _grid(rows: list[list[float]]) -> Grid:
    return tuple(tuple(row) for row in rows)
