"""Tokens as BertViz takes them: strings of a vocabulary, with or without its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from attnwidget.errors import InputError
from attnwidget.record import Token, text_tokens
from attnwidget.record.labels import CONTINUED, visible
from attnwidget.runner.pieces import Piece, Spelling, join_bytes, piece_bytes

MARKS = {"Ġ": " ", "▁": " ", "</w>": ""}
"""How vocabularies spell a leading space, or the end of a word, and what is shown for it."""


def read_tokens(
    tokens: Any, option: str, *, prettify: bool = True, sentence_b_start: int | None = None
) -> tuple[Token, ...]:
    """Make tokens of strings.

    Parameters
    ----------
    tokens : sequence of str or Token
        One per position.
    option : str
        The argument, for messages.
    prettify : bool
        Whether labels leave out the vocabulary's marks for spaces, and spell out letters that it writes byte
        by byte.
    sentence_b_start : int, optional
        Position at which the second sentence begins.

    Returns
    -------
    tuple of Token
        With segment 1 from `sentence_b_start` on.

    Raises
    ------
    InputError
        If they are no strings, or the second sentence would be empty.
    """
    if hasattr(tokens, "tolist"):
        tokens = tokens.tolist()
    if isinstance(tokens, str) or not isinstance(tokens, Sequence):
        raise InputError(f"{option} is of type {type(tokens).__name__}.", "Give a list of strings.")
    if wrong := [type(token).__name__ for token in tokens if not isinstance(token, str | Token)]:
        raise InputError(
            f"{option} holds {wrong[0]}, not strings.",
            f"Pass {option}=tokenizer.convert_ids_to_tokens(ids) for the ids of one sentence.",
        )
    made = _made(tokens)
    if not prettify:
        raw = [token if isinstance(token, str) else token.label for token in tokens]
        made = tuple(replace(token, label=visible(piece)) for token, piece in zip(made, raw, strict=True))
    if sentence_b_start is None:
        return made
    if not 0 < sentence_b_start < len(made):
        raise InputError(
            f"sentence_b_start is {sentence_b_start}, with {len(made)} tokens.",
            f"It is the position of the second sentence's first token: 1 to {len(made) - 1}.",
        )
    return tuple(
        replace(token, segment=int(position >= sentence_b_start)) for position, token in enumerate(made)
    )


def _made(tokens: Sequence[str | Token]) -> tuple[Token, ...]:
    if any(isinstance(token, Token) for token in tokens):
        return text_tokens(tokens)
    strings = [str(token) for token in tokens]
    pieces = _decoded(strings)
    if pieces is None:
        return text_tokens([_pretty(piece) for piece in strings])
    return tuple(
        replace(token, label=CONTINUED, continued=True) if piece.continued and not piece.text else token
        for token, piece in zip(text_tokens([_pretty(piece.text) for piece in pieces]), pieces, strict=True)
    )


def _decoded(strings: Sequence[str]) -> list[Piece] | None:
    """Read what byte-level vocabularies spell with a letter per byte; None if the strings are not such."""
    if "".join(strings).isascii():
        return None
    read = join_bytes([piece_bytes(string, Spelling("bytes")) for string in strings])
    text = "".join(piece.text for piece in read)
    return None if "\ufffd" in text or text == "".join(strings) else read


def _pretty(piece: str) -> str:
    for mark, shown in MARKS.items():
        piece = piece.replace(mark, shown)
    return piece


def text_of(tokens: Sequence[Token], segment: int) -> str:
    """Return the text of one sentence, without special tokens."""
    return "".join(t.text for t in tokens if t.segment == segment and not t.special).strip()
