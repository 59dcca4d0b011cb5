"""What a vocabulary entry says: byte-level, SentencePiece, WordPiece and word-end spellings undone.

A tokenizer's vocabulary writes text in a spelling of its own ("Ġcat", "▁cat", "##ing", "<0xF0>").
`Spelling` names the spelling, `read_pieces` undoes it for a run of tokens and puts characters together
that were cut into several. Pure; reading the spelling off a tokenizer is in `vocabulary`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_PRINTABLE = (range(0x21, 0x7F), range(0xA1, 0xAD), range(0xAE, 0x100))


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a vocabulary writes text.

    Attributes
    ----------
    kind : {"bytes", "space", "wordpiece", "suffix", "words"}
        "bytes": one letter per byte (byte-level BPE), with a mark if it ends words. "space": a mark stands
        for the space (SentencePiece).
        "wordpiece": a prefix marks what carries on a word. "suffix": a suffix marks what ends a word.
        "words": every entry is a word.
    mark : str
        The mark, prefix or suffix ("▁", "##", "</w>").
    byte_fallback : bool
        Whether entries such as "<0xF0>" stand for a byte.
    leading_space : bool
        Whether the tokenizer puts a space of its own before the text, which does not count as typed.
    """

    kind: Literal["bytes", "space", "wordpiece", "suffix", "words"]
    mark: str = ""
    byte_fallback: bool = False
    leading_space: bool = False

    @property
    def ends_words(self) -> bool:
        """Whether the mark stands at the end of a word."""
        return self.kind == "suffix" or (self.kind == "bytes" and bool(self.mark))


@dataclass(frozen=True, slots=True)
class Piece:
    """One token undone.

    Attributes
    ----------
    text : str
        The characters that begin in this token; empty where it only carries on one begun before.
    continued : bool
        Whether the token's first byte carries on a character begun in an earlier token.
    data : bytes
        The token's own bytes (UTF-8).
    """

    text: str
    continued: bool
    data: bytes


@cache
def _byte_letters() -> dict[str, int]:
    """Map each letter of the byte-level alphabet to its byte.

    As GPT-2 introduced it (Radford et al. 2019): printable bytes stand for themselves, the others take the
    code points from 256 on, in order.
    """
    letters = {chr(byte): byte for part in _PRINTABLE for byte in part}
    missing = (byte for byte in range(256) if byte not in letters.values())
    return letters | {chr(256 + index): byte for index, byte in enumerate(missing)}


def piece_bytes(piece: str, spelling: Spelling) -> bytes:
    """Undo the spelling of one vocabulary entry.

    Parameters
    ----------
    piece : str
        The entry as the vocabulary writes it.
    spelling : Spelling
        How that vocabulary writes text.

    Returns
    -------
    bytes
        UTF-8, possibly only a part of a character.
    """
    if spelling.kind == "bytes":
        letters = _byte_letters()
        ends = bool(spelling.mark) and piece.endswith(spelling.mark)
        inner = piece.removesuffix(spelling.mark) if ends else piece
        if all(char in letters for char in inner):
            return bytes(letters[char] for char in inner) + b" " * ends
        return piece.encode("utf-8", "replace")
    if spelling.byte_fallback and (match := _BYTE_PIECE.fullmatch(piece)):
        return bytes([int(match[1], 16)])
    if spelling.kind == "space":
        text = piece.replace(spelling.mark, " ")
    elif spelling.kind == "wordpiece":
        text = piece.removeprefix(spelling.mark) if piece != spelling.mark else piece
        text = text if text != piece else f" {piece}"
    elif spelling.kind == "suffix":
        text = piece.removesuffix(spelling.mark) + (" " if piece.endswith(spelling.mark) else "")
    else:
        text = f" {piece}"
    return text.encode("utf-8", "replace")


def join_bytes(parts: Sequence[bytes]) -> list[Piece]:
    """Decode consecutive tokens' bytes, each character going to the token that begins it.

    Parameters
    ----------
    parts : sequence of bytes
        Each token's bytes, in order.

    Returns
    -------
    list of Piece
        One per token. Joined, the texts are the UTF-8 decoding of all bytes ("�" where they are not UTF-8).
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [""] * len(parts)
    continued = [False] * len(parts)
    begun: int | None = None
    for index, part in enumerate(parts):
        for position, byte in enumerate(part):
            if position == 0 and begun is not None and 0x80 <= byte < 0xC0:
                continued[index] = True
            out = decoder.decode(bytes([byte]))
            pending = bool(decoder.getstate()[0])
            if out:
                owner = index if begun is None else begun
                texts[owner] += out[0]
                texts[index] += out[1:]
                begun = index if pending else None
            elif begun is None:
                begun = index
    rest = decoder.decode(b"", final=True)
    if begun is not None:
        texts[begun] += rest
    return [Piece(*each) for each in zip(texts, continued, parts, strict=True)]


def read_pieces(pieces: Sequence[str], spelling: Spelling) -> list[Piece]:
    """Undo the spelling of consecutive tokens.

    Parameters
    ----------
    pieces : sequence of str
        Vocabulary entries without special tokens, in order.
    spelling : Spelling
        How that vocabulary writes text.

    Returns
    -------
    list of Piece
        One per token. A space that the tokenizer itself puts before the text is left out.
    """
    read = join_bytes([piece_bytes(piece, spelling) for piece in pieces])
    drops = spelling.leading_space or spelling.kind in {"wordpiece", "words"}
    if read and drops and read[0].text.startswith(" "):
        read[0] = Piece(read[0].text[1:], read[0].continued, read[0].data)
    if read and spelling.ends_words:
        read[-1] = Piece(read[-1].text.removesuffix(" "), read[-1].continued, read[-1].data)
    return read
