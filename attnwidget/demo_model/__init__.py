"""A small GPT-2 that comes with the package, whose heads have measured jobs.

It needs no network: `PATH` is a folder that `from_pretrained` reads. Importing this module loads neither
torch nor transformers; the training and evaluation code beside it does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attnwidget.demo_model.cards import Behaviour, Card, Example, HeadCard, Reach, Twin
from attnwidget.demo_model.cards import read as _read

PATH: Path = Path(__file__).parent / "weights"
"""Folder of the embedded model: weights, configuration, tokenizer and card."""

EXAMPLE_PROMPT: str = "The cat chased the dog because it meowed, so the dog barked at the cat."
"""A prompt that shows several heads at work."""

__all__ = ["EXAMPLE_PROMPT", "PATH", "Behaviour", "Card", "Example", "HeadCard", "Reach", "Twin", "card"]


@cache
def card() -> Card:
    """Return what was measured about the embedded model."""
    return _read(PATH / "card.json")
