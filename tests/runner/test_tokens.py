"""Tokens of real tokenizers: readable, and together exactly what was typed."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, CanineTokenizer, PreTrainedTokenizerFast

from attnwidget.errors import EmptyPromptError
from attnwidget.record import Token
from attnwidget.runner.prompt import encode_text
from attnwidget.runner.tokens import tokens_from_ids, tokens_from_offsets
from attnwidget.runner.vocabulary import Vocabulary
from tests.runner.tiny_tokenizers import KINDS, byte_level, kept

ADDED = {"[CLS]", "[SEP]", "</s>", "<s>", "<|bos|>", "<|eos|>"}

TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \n\tabcTheé中国🙂ﬁ.,'\u0301\u200d\u202e"),
        st.characters(exclude_categories=["Cs"], exclude_characters="<>[]|"),
    ),
    max_size=40,
)


@cache
def slow(tokenizer_class: type) -> Any:
    return tokenizer_class()


def tokens_of(kind: str, text: str, context: str | None = None) -> tuple[Token, ...]:
    return encode_text(text, context, Vocabulary(kept(kind))).tokens


def typed(tokens: tuple[Token, ...], segment: int = 0) -> str:
    return "".join(token.text for token in tokens if not token.special and token.segment == segment)


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS)
def test_tokens_add_up_to_the_typed_text(kind: str, text: str) -> None:
    try:
        tokens = tokens_of(kind, text)
    except EmptyPromptError:
        assert not kept(kind)(text, add_special_tokens=False)["input_ids"]
        return
    assert typed(tokens) == text
    assert all(token.label.strip() for token in tokens)
    ends = [token.end for token in tokens if token.end is not None]
    assert all(0 <= end <= len(text) for end in ends)


@pytest.mark.parametrize("kind", KINDS)
@given(text=TEXTS, context=TEXTS)
def test_pairs_add_up_as_well(kind: str, text: str, context: str) -> None:
    tokenizer = kept(kind)
    alone = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, context)]
    if not all(alone):
        return
    tokens = tokens_of(kind, text, context)
    assert typed(tokens, 0) == text
    assert typed(tokens, 1) == context


@pytest.mark.parametrize("kind", ["byte-level", "byte-level, trimmed", "byte fallback", "marked spaces"])
@given(text=TEXTS)
def test_ids_alone_give_the_text_back_where_the_tokenizer_loses_nothing(kind: str, text: str) -> None:
    ids = kept(kind)(text, add_special_tokens=False)["input_ids"]
    tokens = tokens_from_ids(ids, Vocabulary(kept(kind)))
    assert "".join(token.text for token in tokens) == text
    assert [token.id for token in tokens] == ids


@pytest.mark.parametrize("tokenizer_class", [ByT5Tokenizer, CanineTokenizer])
@given(text=st.text(st.sampled_from(" abé中🙂\n"), min_size=1, max_size=12))
def test_slow_tokenizers_are_read_by_decoding(tokenizer_class: type, text: str) -> None:
    tokens = encode_text(text, None, Vocabulary(slow(tokenizer_class))).tokens
    # Canine writes its begin and end as private characters that it does not call special.
    assert "".join(token.text for token in tokens if not token.special).strip("\ue000\ue001") == text


def test_a_byte_tokenizer_shows_each_character_once() -> None:
    tokens = encode_text("é中🙂", None, Vocabulary(ByT5Tokenizer())).tokens
    assert [token.label for token in tokens] == ["é", "⋯", "中", "⋯", "⋯", "🙂", "⋯", "⋯", "⋯", "⟨/s⟩"]
    assert [token.continued for token in tokens] == [0, 1, 0, 1, 1, 0, 1, 1, 1, 0]
    assert [token.special for token in tokens] == [False] * 9 + [True]


def labels(kind: str, text: str) -> list[str]:
    return [token.label for token in tokens_of(kind, text)]


def test_byte_level_labels() -> None:
    assert labels("byte-level", "The  cat\n\t 🙂<|eos|>") == ["The", "␣", "cat", "↵", "⇥", "🙂", "⟨eos⟩"]
    tokens = tokens_of("byte-level", "龍")
    assert [(token.text, token.label, token.continued) for token in tokens] == [
        ("龍", "龍", False),
        *[("", "⋯", True)] * (len(tokens) - 1),
    ]
    assert len(tokens) > 1
    assert {(token.start, token.end) for token in tokens} == {(0, 1)}


def test_wordpiece_labels_are_the_vocabulary_as_its_users_know_it() -> None:
    assert labels("wordpiece, lower case", "The Catsing") == ["[CLS]", "the", "cats", "##ing", "[SEP]"]
    assert [token.text for token in tokens_of("wordpiece, lower case", "The Catsing")] == [
        "[CLS]",
        "The",
        " Cats",
        "ing",
        "[SEP]",
    ]


def test_metaspace_labels() -> None:
    tokens = tokens_of("unigram", "The cat")
    assert [token.label for token in tokens] == ["␣", "T", "he", "cat", "⟨/s⟩"]
    assert [token.text for token in tokens] == ["", "T", "he", " cat", "</s>"]


@pytest.mark.parametrize("kind", ["word end", "word end, bytes"])
def test_marks_of_word_ends_do_not_show(kind: str) -> None:
    tokens = tokens_of(kind, "cats sat")
    shown = "".join(token.label for token in tokens)
    assert shown == "catssat"
    read = tokens_from_ids([token.id or 0 for token in tokens], Vocabulary(kept(kind)))
    assert "".join(token.text for token in read) == "cats sat"


def test_an_unknown_word_keeps_its_text_and_is_not_special() -> None:
    unknown = next(token for token in tokens_of("wordpiece", "The ☃") if token.label == "[UNK]")
    assert (unknown.text, unknown.special) == (" ☃", False)


def test_a_mask_is_content_and_the_frame_is_not() -> None:
    tokens = tokens_of("wordpiece", "The [MASK] sat")
    assert [token.label for token in tokens if token.special] == ["[CLS]", "[SEP]"]
    assert "[MASK]" in [token.label for token in tokens]


def test_a_special_token_that_was_typed_has_its_place_in_the_text() -> None:
    token = tokens_of("byte-level", "The<|eos|>cat")[1]
    assert (token.text, token.special, token.start, token.end) == ("<|eos|>", True, 3, 10)


def test_an_unknown_character_is_content_even_if_its_token_is_the_end_token() -> None:
    tokens = tokens_of("word end, bytes", "0<|eos|>")
    assert [(token.text, token.special) for token in tokens] == [("0", False), ("<|eos|>", True)]
    assert {token.label for token in tokens} == {"⟨eos⟩"}


def test_a_normalised_ligature_is_one_character_over_two_tokens() -> None:
    tokens = [token for token in tokens_of("unigram, normalised", "aﬁ") if not token.special]
    assert [(token.text, token.label, token.continued) for token in tokens[-2:]] == [
        ("ﬁ", "f", False),
        ("", "i", True),
    ]


def test_segments_of_a_pair() -> None:
    tokens = tokens_of("wordpiece", "The cat", "the mat")
    assert [(token.label, token.segment) for token in tokens] == [
        ("[CLS]", 0),
        ("The", 0),
        ("cat", 0),
        ("[SEP]", 0),
        ("the", 1),
        ("mat", 1),
        ("[SEP]", 1),
    ]
    assert (tokens[5].start, tokens[5].end) == (4, 7)


def test_offsets_outside_the_text_fall_back_to_decoding() -> None:
    tokenizer = kept("byte-level")
    ids = tokenizer("The cat")["input_ids"]
    tokens = tokens_from_offsets(ids, [(0, 3), (3, 99)], [0, 0], ["The cat"], Vocabulary(tokenizer))
    assert [token.text for token in tokens] == ["The", " cat"]
    assert tokens[0].start is None


def test_without_a_tokenizer_ids_are_shown() -> None:
    assert [token.label for token in tokens_from_ids([3, 4], Vocabulary(None))] == ["⟨3⟩", "⟨4⟩"]


def test_an_id_that_the_tokenizer_does_not_have_is_shown_as_a_number() -> None:
    (token,) = tokens_from_ids([99_999], Vocabulary(kept("byte-level")))
    assert (token.label, token.text) == ("⟨99999⟩", "")


def test_labels_of_predicted_ids() -> None:
    tokenizer = kept("byte-level")
    vocabulary = Vocabulary(tokenizer)

    def label(piece: str) -> str:
        return vocabulary.label(tokenizer.convert_tokens_to_ids(piece))

    assert label("Ġcat") == "cat"
    assert label("Ġ") == "␣"
    assert label("ð") == "⟨F0⟩"
    assert label("<|eos|>") == "⟨eos⟩"


def test_an_added_word_reads_as_itself() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level().backend_tokenizer)
    tokenizer.add_tokens(["<think>"])
    tokens = encode_text("The<think> cat", None, Vocabulary(tokenizer)).tokens
    assert [(token.text, token.label, token.special) for token in tokens] == [
        ("The", "The", False),
        ("<think>", "<think>", False),
        (" cat", "cat", False),
    ]
