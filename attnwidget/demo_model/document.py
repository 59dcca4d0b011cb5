"""A training document: text in pieces, how much each piece counts, and which word should look at which.

Documents are text first; token positions appear only when a document is encoded, so the same links hold for
words of one token and for words that fall into several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

Encode = Callable[[str], list[int]]
"""Text -> token ids, without special tokens."""


class Job(IntEnum):
    """What a head can be guided to do; the value is its row in the key table of a batch."""

    SAME_WORD = 0
    INDUCTION = 1
    BRACKET = 2
    PRONOUN = 3
    SUBJECT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that is a word of its own to the tokenizer, and its weight in the loss."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Link:
    """The piece `query` should look at the piece `key` (indices into the document's pieces)."""

    job: Job
    query: int
    key: int


@dataclass(frozen=True, slots=True)
class TokenLink:
    """A link in token positions."""

    job: Job
    query: int
    key: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A document as tokens.

    Attributes
    ----------
    ids : list of int
        Token ids, without special tokens.
    weights : list of float
        Loss weight of predicting each token.
    links : list of TokenLink
        Links between token positions; a word of several tokens is represented by its last one.
    last_token : list of int
        For each piece, the position of its last token.
    """

    ids: list[int]
    weights: list[float]
    links: list[TokenLink]
    last_token: list[int]


@dataclass(frozen=True, slots=True)
class Document:
    """One generated text.

    Attributes
    ----------
    kind : str
        Name of the generator that wrote it.
    pieces : tuple of Piece
        The text, in pieces.
    links : tuple of Link
        Who should look at whom.
    keys : tuple of str
        What is held out: a document belongs to the evaluation if one of its keys is reserved.
    period : int
        For a list of words that repeats: the number of pieces in one copy; otherwise 0.
    """

    kind: str
    pieces: tuple[Piece, ...]
    links: tuple[Link, ...]
    keys: tuple[str, ...]
    period: int = 0

    @property
    def text(self) -> str:
        """The document as one string."""
        return "".join(piece.text for piece in self.pieces)

    def encode(self, encode: Encode) -> Encoded:
        """Tokenise the pieces and move the links to token positions.

        Parameters
        ----------
        encode : callable
            Text -> token ids without special tokens. Pieces must be words of their own to it.
        """
        ids: list[int] = []
        weights: list[float] = []
        first: list[int] = []
        last: list[int] = []
        for piece in self.pieces:
            tokens = encode(piece.text)
            first.append(len(ids))
            ids += tokens
            last.append(len(ids) - 1)
            weights += [piece.weight] * len(tokens)
        links = [TokenLink(link.job, last[link.query], last[link.key]) for link in self.links]
        if self.period:
            links += _repeat_links(first, last, self.period)
        return Encoded(ids, weights, links, last)


def _repeat_links(first: list[int], last: list[int], period: int) -> list[TokenLink]:
    """Link each token of a later copy to its twin one copy earlier, and to the token after that twin."""
    links: list[TokenLink] = []
    for piece in range(period, len(first)):
        twin = piece - period
        same_length = last[piece] - first[piece] == last[twin] - first[twin]
        steps = range(last[piece] - first[piece] + 1) if same_length else []
        for step in steps:
            links.append(TokenLink(Job.SAME_WORD, first[piece] + step, first[twin] + step))
            links.append(TokenLink(Job.INDUCTION, first[piece] + step, first[twin] + step + 1))
        if not same_length:
            links.append(TokenLink(Job.INDUCTION, last[piece], last[twin] + 1))
    return links


@dataclass(slots=True)
class Writer:
    """Writes a document piece by piece and remembers where each word went.

    Parameters
    ----------
    opening : str
        What stands before the first word: nothing, or a space when the document continues a line.
    """

    opening: str = ""
    pieces: list[Piece] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    _sentence_starts: bool = True

    def raw(self, text: str, weight: float = 0.7) -> int:
        """Append text as it stands and return its index."""
        self.pieces.append(Piece(text, weight))
        self._sentence_starts = False
        return len(self.pieces) - 1

    def word(self, word: str, weight: float = 0.4) -> int:
        """Append a word after a space, capitalised where a sentence starts, and return its index."""
        space = " " if self.pieces else self.opening
        if self._sentence_starts:
            word = word[0].upper() + word[1:]
        return self.raw(space + word, weight)

    def words(self, text: str) -> int:
        """Append several words and return the index of the last."""
        return [self.word(word) for word in text.split()][-1]

    def stop(self, mark: str = ".") -> None:
        """End the sentence: the next word is capitalised."""
        self.raw(mark)
        self._sentence_starts = True

    def link(self, job: Job, query: int, key: int) -> None:
        """Note that the piece `query` should look at the piece `key`."""
        self.links.append(Link(job, query, key))

    def document(self, kind: str, period: int = 0) -> Document:
        """Return what was written; without keys of its own the whole text is the key."""
        keys = tuple(self.keys) or ("".join(piece.text for piece in self.pieces).strip(),)
        return Document(kind, tuple(self.pieces), tuple(self.links), keys, period)
