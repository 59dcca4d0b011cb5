"""Sub-words merged into words: which tokens belong together, and a site that answers for the words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.record.labels import text_label
from attnwidget.record.sites import ALL, Floats, Pick, Place, Site, facts
from attnwidget.record.tokens import Token
from attnwidget.record.visibility import Visibility

Starts = NDArray[np.intp]
"""First token of each word, ascending, from 0."""


def word_starts(tokens: Sequence[Token]) -> Starts:
    """Return the first token of each word: int array [words].

    A token carries on a word where its text begins with a letter, digit or mark that follows one directly in
    the same segment; parts of one character belong together; scripts without spaces (Chinese, Japanese, Thai
    ...) keep their tokens, since nothing says where their words end.

    Parameters
    ----------
    tokens : sequence of Token
    """
    starts = [0] if tokens else []
    before = ""
    for place, token in enumerate(tokens):
        if place and not _carries_on(tokens[place - 1], token, before):
            starts.append(place)
            before = ""
        before += token.text
    return np.asarray(starts, dtype=np.intp)


def word_tokens(tokens: Sequence[Token], starts: Starts) -> tuple[Token, ...]:
    """Return one token per word; a word of one token is that token."""
    ends = [*starts[1:], len(tokens)]
    return tuple(_joined(tokens[start:end]) for start, end in zip(starts, ends, strict=True))


@dataclass(frozen=True, eq=False, kw_only=True)
class WordSite(Site):
    """A site read word by word: weights are summed over a word's keys and averaged over its queries.

    As in Clark et al. 2019, "What Does BERT Look At?", section 4.1. Rows keep their sum.

    Parameters
    ----------
    tokenwise : Site
        The site over tokens.
    query_starts, key_starts : int arrays
        First token of each word.
    """

    tokenwise: Site
    query_starts: Starts
    key_starts: Starts

    @property
    def has_scores(self) -> bool:
        """Always False: the scores of a word's tokens do not add up to a score."""
        return False

    @property
    def nbytes(self) -> int:
        """Nothing beyond the site over tokens."""
        return 0

    @property
    def place(self) -> Place:
        """Where the arrays of that site lie."""
        return self.tokenwise.place

    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Weights between words: float32 [heads, queries, keys]; masked cells are 0."""
        rows, first, sizes = self._rows(queries)
        if rows.size == 0:
            return np.zeros((len(self.pick_heads(heads)), 0, self.keys), dtype=np.float32)
        summed = np.add.reduceat(self.tokenwise.weights(heads, rows), self.key_starts, axis=-1)
        mean = np.add.reduceat(summed, first, axis=1) / sizes[:, None]
        return mean.astype(np.float32)

    def sink(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Mass of the learned sink, averaged over a word's queries: float32 [heads, queries]."""
        rows, first, sizes = self._rows(queries)
        if rows.size == 0:
            return np.zeros((len(self.pick_heads(heads)), 0), dtype=np.float32)
        mean = np.add.reduceat(self.tokenwise.sink(heads, rows), first, axis=-1) / sizes
        return mean.astype(np.float32)

    def visible(self, queries: Pick = ALL) -> NDArray[np.bool_]:
        """Which words a word sees with any of its tokens: bool [queries, keys] or [heads, queries, keys]."""
        rows, first, _ = self._rows(queries)
        seen = self.tokenwise.visible(rows)
        if rows.size == 0:
            return np.zeros((*seen.shape[:-2], 0, self.keys), dtype=np.bool_)
        by_key = np.logical_or.reduceat(seen, self.key_starts, axis=-1)
        return np.asarray(np.logical_or.reduceat(by_key, first, axis=-2))

    def _rows(self, queries: Pick) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return the tokens of some words, where each word's begin among them, and how many it has."""
        words = self.pick_queries(queries)
        ends = np.append(self.query_starts[1:], self.tokenwise.queries)
        sizes = (ends - self.query_starts)[words]
        if words.size == 0:
            return words, words, sizes
        rows = np.concatenate([np.arange(self.query_starts[word], ends[word]) for word in words])
        return rows, np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp), sizes


def merged_site(site: Site, query_starts: Starts, key_starts: Starts) -> WordSite:
    """Return a site that answers for the words of another's tokens."""
    words = {
        "queries": len(query_starts),
        "keys": len(key_starts),
        "visibility": Visibility(causal=site.causal),
    }
    return WordSite(**facts(site) | words, tokenwise=site, query_starts=query_starts, key_starts=key_starts)


def _carries_on(last: Token, token: Token, word: str) -> bool:
    if last.special or token.special or last.segment != token.segment:
        return False
    if token.continued:
        return True
    ahead, behind = token.text[:1], word[-1:]
    return bool(ahead and behind) and _in_word(ahead) and _in_word(behind)


_UNSPACED = ((0x0E00, 0x0F00), (0x1000, 0x10A0), (0x1780, 0x1800))
"""Thai and Lao, Burmese, Khmer: alphabets without spaces between words."""


def _in_word(character: str) -> bool:
    """Whether a character is part of a word whose end a space or a mark shows."""
    kind = unicodedata.category(character)
    if kind[0] not in "LNM":
        return False
    if "HANGUL" in unicodedata.name(character, ""):
        return True
    wide = unicodedata.east_asian_width(character) in "WFH"
    return not wide and not any(start <= ord(character) < end for start, end in _UNSPACED)


def _joined(tokens: Sequence[Token]) -> Token:
    first = tokens[0]
    if len(tokens) == 1:
        return first
    text = "".join(token.text for token in tokens)
    return Token(
        id=None,
        text=text,
        label=text_label(text) if text else first.label,
        segment=first.segment,
        start=first.start,
        end=tokens[-1].end,
    )
