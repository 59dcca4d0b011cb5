"""Vocabulary spellings undone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, pre_tokenizers

from attnwidget.runner.pieces import Piece, Spelling, join_bytes, piece_bytes, read_pieces

BYTES = Spelling("bytes")


def test_the_byte_alphabet_is_that_of_the_tokenizers_library() -> None:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    assert len({piece_bytes(letter, BYTES) for letter in alphabet}) == 256
    decoder = decoders.ByteLevel()
    for text in ("The cat\n", "中国", "🙂 naïve", "\x00\x7f\xa0\xad"):
        ((spelled, _),) = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(
            text
        )
        assert piece_bytes(spelled, BYTES).decode() == text == decoder.decode([spelled])


@given(st.text(min_size=1), st.data())
def test_characters_cut_anywhere_come_together_again(text: str, data: st.DataObject) -> None:
    whole = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)) | {0, len(whole)})
    parts = [whole[a:b] for a, b in pairwise(cuts)]
    pieces = join_bytes(parts)
    assert "".join(piece.text for piece in pieces) == text
    for piece, start in zip(pieces, cuts, strict=False):
        assert piece.continued == (0x80 <= whole[start] < 0xC0)


@given(st.lists(st.binary(max_size=6)))
def test_any_bytes_read_as_python_reads_them(parts: list[bytes]) -> None:
    pieces = join_bytes(parts)
    assert len(pieces) == len(parts)
    assert "".join(piece.text for piece in pieces) == b"".join(parts).decode("utf-8", "replace")


def test_first_token_of_a_character_shows_it() -> None:
    smile = "🙂".encode()
    first, second, third = join_bytes([b" " + smile[:1], smile[1:3], smile[3:] + b"!"])
    assert (first.text, first.continued) == (" 🙂", False)
    assert (second.text, second.continued) == ("", True)
    assert (third.text, third.continued) == ("!", True)


@pytest.mark.parametrize(
    ("pieces", "spelling", "texts"),
    [
        (["The", "Ġcat", "Ċ"], BYTES, ["The", " cat", "\n"]),
        (["▁The", "▁cat", "s"], Spelling("space", "▁", leading_space=True), ["The", " cat", "s"]),
        (["▁The", "▁cat"], Spelling("space", "▁"), [" The", " cat"]),
        (["▁", "<0xC3>", "<0xA9>"], Spelling("space", "▁", byte_fallback=True), [" ", "é", ""]),
        (["<0xC3>"], Spelling("space", "▁"), ["<0xC3>"]),
        (["run", "##ning", "fast"], Spelling("wordpiece", "##"), ["run", "ning", " fast"]),
        (["##", "x"], Spelling("wordpiece", "##"), ["##", " x"]),
        (["run", "ning</w>", "fast</w>"], Spelling("suffix", "</w>"), ["run", "ning ", "fast"]),
        (["run", "ningÃ©</w>", "</w>"], Spelling("bytes", "</w>"), ["run", "ningé ", ""]),
        (["run", "fast"], Spelling("words"), ["run", " fast"]),
        (["not in the alphabet: 中"], BYTES, ["not in the alphabet: 中"]),
    ],
)
def test_spellings(pieces: list[str], spelling: Spelling, texts: list[str]) -> None:
    assert [piece.text for piece in read_pieces(pieces, spelling)] == texts


def test_nothing_in_nothing_out() -> None:
    assert read_pieces([], BYTES) == []
    assert join_bytes([b""]) == [Piece("", False, b"")]
