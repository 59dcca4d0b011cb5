"""Tokens as the explorer shows them: id, decoded text, and a label in which nothing is invisible."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from attnwidget.errors import InputError
from attnwidget.record.labels import special_label, text_label

# How vocabularies spell a leading space or a newline: byte-level BPE, SentencePiece.
_VOCABULARY_MARKS = {"Ġ": " ", "▁": " ", "Ċ": "\n", "ĉ": "\t"}
_SPACED = {*_VOCABULARY_MARKS, " ", "\n", "\t"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a prompt.

    Parameters
    ----------
    id : int or None
        Vocabulary id; None where only texts were given.
    text : str
        Decoded text with its leading space, such as ``" cat"``.
    label : str
        What a token column shows: ``"cat"``, ``"↵"``, ``"␣"``, ``"⟨bos⟩"``.
    special : bool
        Whether the tokenizer adds it (begin, end, separator, ...) and no text stands behind it.
    continued : bool
        Whether it carries on the character that the token before began.
    segment : int
        0 for the first text of a pair, 1 for the second.
    start, end : int or None
        Character offsets in the typed text, where known.
    """

    id: int | None
    text: str
    label: str
    special: bool = False
    continued: bool = False
    segment: int = 0
    start: int | None = None
    end: int | None = None


def text_tokens(tokens: Iterable[object]) -> tuple[Token, ...]:
    """Turn given tokens into `Token` objects.

    Parameters
    ----------
    tokens : iterable of str or Token
        Strings may be vocabulary pieces: the marks for a leading space in byte-level and SentencePiece
        vocabularies become that space. Where no string has one, they are taken as words, with spaces between.

    Returns
    -------
    tuple of Token

    Raises
    ------
    InputError
        If an entry is neither a string nor a `Token`, or a bare string was given instead of a sequence.
    """
    if isinstance(tokens, str):
        raise InputError("tokens is one string.", "Give a list with one entry per token.")
    made: list[Token] = []
    given = list(tokens)
    for place, token in enumerate(given):
        if isinstance(token, Token):
            made.append(token)
        elif isinstance(token, str):
            text = token
            if text[:1] in _VOCABULARY_MARKS:
                text = _VOCABULARY_MARKS[text[0]] + text[1:]
            special = _looks_special(token)
            label = special_label(text) if special else text_label(text)
            made.append(Token(id=None, text=text, label=label, special=special))
        else:
            raise InputError(
                f"Token {place} is of type {type(token).__name__}, not a string.",
                "Give the tokens as strings, for example tokenizer.convert_ids_to_tokens(ids).",
            )
    if not any(isinstance(token, Token) or str(token)[:1] in _SPACED for token in given):
        made = _as_words(made)
    return tuple(made)


def _as_words(tokens: list[Token]) -> list[Token]:
    """Put spaces between tokens that are plain words, and join WordPiece's continuations (##)."""
    words: list[Token] = []
    for place, token in enumerate(tokens):
        text = token.text
        if text.startswith("##") and len(text) > 2:
            text = text[2:]
        elif place and _apart(tokens[place - 1], token):
            text = " " + text
        words.append(replace(token, text=text))
    return words


def _apart(before: Token, token: Token) -> bool:
    """Whether a space is usual between two words: not before marks, after openers, or in wide scripts."""
    if before.special or token.special or not token.text[:1].isalnum() or before.text[-1:] in "([{¿¡“‘«":
        return False
    return "W" not in {
        unicodedata.east_asian_width(character) for character in before.text[-1:] + token.text[0]
    }


def _looks_special(piece: str) -> bool:
    bracketed = len(piece) > 2 and (piece[0] + piece[-1]) in ("[]", "<>", "⟨⟩")
    return bracketed and piece[1:-1].strip("|/").replace("_", "").isalnum() and " " not in piece
