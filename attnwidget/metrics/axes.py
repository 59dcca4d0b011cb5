"""What metrics know of the two token axes: which tokens are the same word, which are delimiters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import ShapeError
from attnwidget.record import AttentionRecord, Kind, Token


@dataclass(frozen=True, eq=False)
class Axes:
    """Query and key tokens of an attention site.

    Parameters
    ----------
    queries, keys : tuple of Token
        The same tokens for self-attention.
    self_attention : bool
        Whether query i and key i are the same token, so that relative positions and words can be compared.

    Raises
    ------
    ShapeError
        If self-attention has different numbers of queries and keys.
    """

    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    self_attention: bool

    def __post_init__(self) -> None:
        if self.self_attention and len(self.queries) != len(self.keys):
            raise ShapeError(
                f"Self-attention has {len(self.queries)} queries and {len(self.keys)} keys.",
                "Give the same tokens for both, or say that it is cross-attention.",
            )

    @classmethod
    def of_self(cls, tokens: tuple[Token, ...]) -> Axes:
        """Return the axes of self-attention over tokens."""
        return cls(tuple(tokens), tuple(tokens), self_attention=True)

    @classmethod
    def of_record(cls, record: AttentionRecord, kind: Kind) -> Axes:
        """Return the axes of one kind of attention of a record: the same ones again while it is in use."""
        known = _AXES.setdefault(record, {})
        if kind not in known:
            queries, keys = record.query_tokens(kind), record.key_tokens(kind)
            known[kind] = cls(queries, keys, self_attention=kind != "cross")
        return known[kind]

    def alike(self, other: Axes) -> bool:
        """Whether these are the same tokens on both axes."""
        return (self.queries, self.keys) == (other.queries, other.keys)

    @cached_property
    def words(self) -> NDArray[np.intp]:
        """Number of each key's word: equal for the same text, spaces around it aside; -1 for special tokens.

        Case counts. Tokens without a text of their own (spaces, parts of a character) are told apart by their
        id, or by their text where no id is known.
        """
        numbers: dict[object, int] = {}
        return np.asarray(
            [-1 if t.special else numbers.setdefault(_identity(t), len(numbers)) for t in self.keys],
            dtype=np.intp,
        )

    @cached_property
    def delimiters(self) -> NDArray[np.bool_]:
        """Which keys are special tokens or consist of punctuation (Unicode category P): bool [keys]."""
        return np.asarray([t.special or is_punctuation(t.text) for t in self.keys], dtype=np.bool_)


# Which words there are takes a look at every token.
_AXES: WeakKeyDictionary[AttentionRecord, dict[Kind, Axes]] = WeakKeyDictionary()


def is_punctuation(text: str) -> bool:
    """Whether a text has characters and, spaces aside, all are punctuation (Unicode category P)."""
    bare = text.strip()
    return bool(bare) and all(unicodedata.category(character).startswith("P") for character in bare)


def _identity(token: Token) -> object:
    bare = token.text.strip()
    if bare and not token.continued:
        return bare
    return (token.text,) if token.id is None else token.id
