"""Given tokens: vocabulary pieces, plain words, labels that cannot act, refusals."""

from __future__ import annotations

import pytest

from attnwidget.errors import InputError
from attnwidget.record import Token, text_tokens


def test_vocabulary_pieces_become_text() -> None:
    tokens = text_tokens(["[CLS]", "Ġcat", "▁cat", "##s", "Ċ", "<|bos|>", "<s>", "a[0]"])
    assert [t.text for t in tokens] == ["[CLS]", " cat", " cat", "##s", "\n", "<|bos|>", "<s>", "a[0]"]
    assert [t.label for t in tokens] == ["[CLS]", "cat", "cat", "##s", "↵", "⟨bos⟩", "⟨s⟩", "a[0]"]
    assert [t.special for t in tokens] == [True, False, False, False, False, True, True, False]
    assert all(t.id is None for t in tokens)


def test_plain_words_are_set_apart() -> None:
    words = ["[CLS]", "The", "cat", "(", "play", "##ing", ")", ",", "2", "Ein", "猫", "坐", ""]
    text = "".join(token.text for token in text_tokens(words))
    assert text == "[CLS]The cat(playing), 2 Ein猫坐"
    assert [token.label for token in text_tokens(words)][4:6] == ["play", "##ing"]
    assert [token.text for token in text_tokens([" a", "b"])] == [" a", "b"]


def test_given_tokens_cannot_act_on_the_screen() -> None:
    labels = [token.label for token in text_tokens(["\x1b[31m", "</script> ", "\u202eabc"])]
    assert labels == ["␛[31m", "</script>␣", "⟨U+202E⟩abc"]


def test_tokens_pass_through() -> None:
    token = Token(id=5, text=" x", label="x", segment=1, start=0, end=2)
    assert text_tokens([token]) == (token,)


def test_what_is_no_token_is_named() -> None:
    with pytest.raises(InputError, match="Token 1 is of type int"):
        text_tokens(["a", 7])
    with pytest.raises(InputError, match="one string"):
        text_tokens("the cat")
