"""The embedded tokenizer keeps known words whole, loses nothing, and points at the right text."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from attnwidget import demo_model
from attnwidget.demo_model import corpus, lexicon, tokenizer
from attnwidget.demo_model.probe import Probe


def test_saved_tokenizer_is_the_one_that_the_lexicon_builds(probe: Probe) -> None:
    assert probe.tokenizer.get_vocab() == tokenizer.build().get_vocab()
    automatic = AutoTokenizer.from_pretrained(demo_model.PATH)
    text = "The zebra saw Müller (in 北京)\n\nbecause it rained 12 times 😀."
    wanted = tokenizer.build().encode(text).ids
    assert probe.tokenizer(text)["input_ids"] == automatic(text)["input_ids"] == wanted


def test_every_word_is_one_token() -> None:
    assert all(len(tokenizer.encode(" " + word)) == 1 for word in lexicon.words())


def test_saved_tokenizer_gives_what_the_model_takes(probe: Probe) -> None:
    assert set(probe.tokenizer("The cat")) == {"input_ids", "attention_mask"}
    assert probe.ids("The cat")[0] == probe.tokenizer.bos_token_id == 0
    assert len(probe.ids("The cat")) == 3


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert tokenizer.build().decode(tokenizer.build().encode(text, add_special_tokens=False).ids) == text


@pytest.mark.parametrize(
    "text", ["The cat sat.", "Anna (in Rome) saw a zebra, didn't she?", "小猫坐在 垫子上。", "a é ß 😀b"]
)
def test_offsets_cover_the_text_without_spaces(probe: Probe, text: str) -> None:
    encoded = probe.tokenizer(text, return_offsets_mapping=True)
    covered = {place for start, end in encoded["offset_mapping"] for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if character != " "}
    for number, (start, end) in zip(encoded["input_ids"][1:], encoded["offset_mapping"][1:], strict=True):
        piece = probe.tokenizer.decode([number]).strip()
        if "\N{REPLACEMENT CHARACTER}" not in piece:
            assert text[start:end] == piece


def test_no_piece_of_a_word_is_a_space_alone() -> None:
    random = Random(3)
    for word in (corpus.sentences.invented(random) for _ in range(300)):
        assert all(tokenizer.build().decode([number]).strip() for number in tokenizer.encode(" " + word))


def test_pieces_of_documents_are_words_to_the_tokenizer() -> None:
    for document in islice(corpus.documents(Random(4)), 1500):
        whole = tokenizer.build().encode(document.text, add_special_tokens=False).ids
        assert document.encode(tokenizer.encode).ids == whole


def test_embedded_folder_holds_what_from_pretrained_needs() -> None:
    names = {file.name for file in demo_model.PATH.iterdir()}
    assert {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "card.json",
    } <= names
    assert sum(file.stat().st_size for file in demo_model.PATH.iterdir()) < 2_000_000
