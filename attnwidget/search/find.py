"""Finds a text in a prompt and says which tokens it is in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, Kind, Stream, Token, streams_of
from attnwidget.search.spans import Span


def find(
    record: AttentionRecord,
    text: str,
    site: Kind | None = None,
    *,
    stream: Stream | None = None,
    regex: bool = False,
    case: bool = False,
) -> list[Span]:
    """Find a text among a record's tokens; see `AttentionRecord.find`."""
    kind = record.default_kind if site is None else site
    which = streams_of(kind)[1] if stream is None else stream
    tokens = record.streams.get(which) if stream is not None else record.key_tokens(kind)
    if tokens is None:
        known = ", ".join(record.streams)
        raise InputError(f"The record has no tokens of the {which}.", f"Streams that exist: {known}.")
    return find_tokens(tokens, _pattern(text, regex, case), which)


def find_tokens(
    tokens: Sequence[Token], pattern: re.Pattern[str], stream: Stream | None = None
) -> list[Span]:
    """Find the matches of a pattern among tokens, each as the tokens that it touches, in their order.

    Parameters
    ----------
    tokens : sequence of Token
    pattern : re.Pattern
        Matches neither cross a special token nor go from one text of a pair to the other; a special token is
        matched by itself, by its text or its label. Matches without a character are none.
    stream : {"encoder", "decoder"}, optional
        What the spans say of where they are.
    """
    spans: dict[tuple[int, int], Span] = {}
    for first, last in _texts(tokens):
        for start, stop, widened in _matches(tokens, first, last, pattern):
            known = spans.get((start, stop))
            if known is None or (known.widened and not widened):
                said = "".join(token.text for token in tokens[start:stop])
                spans[start, stop] = Span(start, stop, said or tokens[start].label, stream, widened)
    return list(spans.values())


def _pattern(text: str, regex: bool, case: bool) -> re.Pattern[str]:
    if not isinstance(text, str):
        raise InputError(
            f"A {type(text).__name__} cannot be found in a text.", "Give what to find as a string."
        )
    if text == "":
        raise InputError("There is nothing to find.", "Give at least one character.")
    try:
        return re.compile(text if regex else re.escape(text), 0 if case else re.IGNORECASE)
    except re.error as error:
        raise InputError(
            f"{text!r} is no regular expression: {error}.", "Correct it, or leave regex=True out."
        ) from None


def _texts(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield the half-open ranges that are read as one text: special tokens each for itself."""
    begin = 0
    for place in range(1, len(tokens) + 1):
        ends = place == len(tokens) or (
            tokens[place].special
            or tokens[place - 1].special
            or tokens[place].segment != tokens[begin].segment
        )
        if ends:
            yield begin, place
            begin = place


def _matches(
    tokens: Sequence[Token], first: int, last: int, pattern: re.Pattern[str]
) -> Iterator[tuple[int, int, bool]]:
    """Yield the tokens that each match touches, and whether it is less than they say."""
    texts = [token.text for token in tokens[first:last]]
    if tokens[first].special:
        if any(form and pattern.fullmatch(form) for form in (texts[0], tokens[first].label)):
            yield first, last, False
        return
    edges = np.cumsum([0, *map(len, texts)])
    for match in pattern.finditer("".join(texts)):
        said = match.group()
        if not said:
            continue
        # A space at either end is part of some token, which is not thereby found.
        bare = said.strip() or said
        a = match.start() + said.index(bare)
        b = a + len(bare)
        start = int(np.searchsorted(edges, a, side="right")) - 1
        stop = int(np.searchsorted(edges, b, side="left"))
        before = texts[start][: a - int(edges[start])]
        after = texts[stop - 1][b - int(edges[stop - 1]) :]
        while first + stop < last and tokens[first + stop].continued and not texts[stop]:
            stop += 1
        yield first + start, first + stop, bool(before.strip() or after.strip())
