"""From a tokenizer's output to `Token`s: texts that add up to what was typed, labels that can be read."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.record import Token
from attnwidget.runner.pieces import Piece
from attnwidget.runner.vocabulary import Vocabulary


def tokens_from_ids(ids: Sequence[int], vocabulary: Vocabulary) -> tuple[Token, ...]:
    """Tokens of ids whose typed text is not known.

    Parameters
    ----------
    ids : sequence of int
        Token ids in order.
    vocabulary : Vocabulary
        The tokenizer's.

    Returns
    -------
    tuple of Token
        Without character offsets. Joined without specials, their texts are the decoded text.
    """
    pieces = vocabulary.read(ids)
    return tuple(_token(index, piece, vocabulary) for index, piece in zip(ids, pieces, strict=True))


def tokens_from_offsets(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    segments: Sequence[int | None],
    texts: Sequence[str],
    vocabulary: Vocabulary,
) -> tuple[Token, ...]:
    """Tokens of a typed text, cut where the tokenizer says it cut.

    Parameters
    ----------
    ids : sequence of int
        Token ids in order.
    offsets : sequence of (int, int)
        Each token's first character and the one after its last, in its own text.
    segments : sequence of int or None
        Which text a token belongs to; None for those that the tokenizer added.
    texts : sequence of str
        The typed texts, one or two.
    vocabulary : Vocabulary
        The tokenizer's.

    Returns
    -------
    tuple of Token
        Joined without those the tokenizer added, the texts of a segment's tokens are exactly the typed text:
        characters between two tokens (a space that the tokenizer drops) belong to the token after them, and
        those after the last token to the last. Where the offsets lie outside the text, texts are decoded
        from the ids, as in `tokens_from_ids`.
    """
    pieces = vocabulary.read(ids)
    tokens: list[Token] = []
    reached = [0] * len(texts)
    last: dict[int, int] = {}
    segment = 0
    for position, (index, piece, (start, end), typed) in enumerate(
        zip(ids, pieces, offsets, segments, strict=True)
    ):
        if typed is None:
            tokens.append(_token(index, piece, vocabulary, segment=segment))
            continue
        segment = typed
        text, done = texts[segment], reached[segment]
        if not 0 <= start <= end <= len(text):
            return _without_offsets(ids, segments, pieces, vocabulary)
        cut = text[done:end]
        carries_on = end <= done and start < end
        if not piece.text.strip() and not piece.continued and piece.data and cut.strip() and start < end:
            # A mark for a space that the tokenizer put there claims the first character of the word after it.
            cut = cut[: len(cut) - len(cut.lstrip())]
        reached[segment] = done + len(cut)
        last[segment] = position
        tokens.append(
            _token(
                index,
                piece,
                vocabulary,
                text=cut,
                segment=segment,
                continued=piece.continued or (carries_on and not cut and bool(piece.text.strip())),
                span=(start, end),
                # Where the unknown token is the end token as well, it may stand for a text that was typed.
                special=vocabulary.is_special(index) and cut.strip().endswith(vocabulary.name(index) or ""),
            )
        )
    for which, position in last.items():
        rest = texts[which][reached[which] :]
        if rest:
            tokens[position] = _with_text(tokens[position], tokens[position].text + rest)
    return tuple(tokens)


def _without_offsets(
    ids: Sequence[int], segments: Sequence[int | None], pieces: Sequence[Piece], vocabulary: Vocabulary
) -> tuple[Token, ...]:
    return tuple(
        _token(index, piece, vocabulary, segment=segment or 0)
        for index, piece, segment in zip(ids, pieces, segments, strict=True)
    )


def _token(
    index: int,
    piece: Piece,
    vocabulary: Vocabulary,
    *,
    text: str | None = None,
    segment: int = 0,
    continued: bool | None = None,
    span: tuple[int, int] | None = None,
    special: bool | None = None,
) -> Token:
    return Token(
        id=index,
        text=piece.text if text is None else text,
        label=vocabulary.token_label(index, piece),
        special=vocabulary.is_special(index) if special is None else special,
        continued=piece.continued if continued is None else continued,
        segment=segment,
        start=None if span is None else span[0],
        end=None if span is None else span[1],
    )


def _with_text(token: Token, text: str) -> Token:
    return Token(
        token.id, text, token.label, token.special, token.continued, token.segment, token.start, token.end
    )
