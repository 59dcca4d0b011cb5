"""Texts in prompts: which tokens they are in, whatever the tokenizer cut."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import InputError
from attnwidget.record import AttentionRecord, Token
from attnwidget.search.api import Span
from attnwidget.search.find import find_tokens
from tests.metrics.patterns import even
from tests.search.dense import record_of


def tokens(*texts: str, segments: str = "") -> tuple[Token, ...]:
    """Specials are in angle brackets; "~" stands for a token that carries on the character before it."""
    return tuple(
        Token(
            id=None,
            text="" if text == "~" else text,
            label=text.strip(),
            special=text.startswith("<"),
            continued=text == "~",
            segment=int(segments[place]) if segments else 0,
        )
        for place, text in enumerate(texts)
    )


def record(*texts: str, segments: str = "") -> AttentionRecord:
    made = tokens(*texts, segments=segments)
    visible = even(np.ones((len(made), len(made)), dtype=bool))
    return record_of([visible[None]], visible > 0, made, kind="encoder")


def spans(found: list[Span]) -> list[tuple[int, int, bool]]:
    return [(span.start, span.stop, span.widened) for span in found]


def test_a_text_is_found_over_tokens_and_without_its_leading_space() -> None:
    shown = record("The", " cat", " s", "at", ".", " A", " cat", "alogue")
    assert spans(shown.find("cat")) == [(1, 2, False), (6, 7, False)]
    assert spans(shown.find("the cat sat")) == [(0, 4, False)]
    assert shown.find("the cat", case=True) == []
    assert spans(shown.find(" cat s")) == [(1, 3, False)]
    # A match inside a token stands for the whole of it, and says so.
    assert shown.find("cata") == [Span(6, 8, " catalogue", "encoder", widened=True)]
    assert spans(shown.find("he c")) == [(0, 2, True)]
    # A space at the end is part of the next token, which is not found by it.
    assert spans(shown.find("cat ")) == [(1, 2, False)]
    assert spans(shown.find(" ")) == [(1, 2, True), (2, 3, True), (5, 6, True), (6, 7, True)]
    assert shown.find("dog") == []


def test_characters_over_several_tokens_and_wide_scripts() -> None:
    shown = record("中", "国的", "👋", "~", "~", "首都", "!")
    assert spans(shown.find("国")) == [(1, 2, True)]
    assert spans(shown.find("国的")) == [(1, 2, False)]
    assert spans(shown.find("👋")) == [(2, 5, False)]
    assert spans(shown.find("👋首都")) == [(2, 6, False)]
    assert spans(shown.find("首")) == [(5, 6, True)]


def test_no_match_goes_over_a_special_token_or_into_the_other_text() -> None:
    shown = record("<s>", "a", "b", "</s>", "b", "a", "b", segments="0000011")
    assert spans(shown.find("ab")) == [(1, 3, False), (5, 7, False)]
    assert spans(shown.find("ba")) == []
    assert spans(shown.find("<S>")) == [(0, 1, False)]
    assert spans(shown.find("s")) == []


def test_regular_expressions() -> None:
    shown = record("Call", " 12", "-", "34", " or", " 5")
    assert [span.text for span in shown.find(r"\d+-\d+", regex=True)] == [" 12-34"]
    assert shown.find(r"\d+-\d+") == []
    assert shown.find("x*", regex=True) == []
    assert [span.text for span in shown.find("^call", regex=True)] == ["Call"]
    with pytest.raises(InputError, match="no regular expression"):
        shown.find("(", regex=True)
    with pytest.raises(InputError, match="nothing to find"):
        shown.find("")
    with pytest.raises(InputError, match="A int cannot"):
        shown.find(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no tokens of the decoder"):
        shown.find("x", stream="decoder")


def test_streams_of_two_stacks() -> None:
    visible = even(np.ones((3, 2), dtype=bool))
    cross = record_of([visible[None]], visible > 0, kind="cross")
    assert [span.stream for span in cross.find("w1")] == ["encoder"]
    assert [span.stream for span in cross.find("w1", stream="decoder")] == ["decoder"]
    assert cross.find("w2") == []
    (asking,) = cross.find("w2", stream="decoder")
    assert cross.out_of(asking).counts.tolist() == [[1]]
    with pytest.raises(InputError, match="tokens of the decoder"):
        cross.into(asking)


@given(
    st.lists(st.text("ab ü👋", max_size=3), min_size=1, max_size=8), st.text("ab ü👋", min_size=1, max_size=4)
)
def test_every_match_in_the_joined_text_is_inside_its_span(texts: list[str], wanted: str) -> None:
    made = tuple(Token(id=None, text=text, label="x") for text in texts)
    found = find_tokens(made, re.compile(re.escape(wanted)))
    joined = "".join(texts)
    assert bool(found) == (wanted in joined)
    for span in found:
        assert (wanted.strip() or wanted) in span.text
        assert texts[span.start] != ""
        assert texts[span.stop - 1] != ""
    assert len({(span.start, span.stop) for span in found}) == len(found)
