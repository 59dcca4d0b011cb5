"""Sub-words merged into words: which tokens belong together, and what that does to rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from attnwidget.errors import NotRecordedError
from attnwidget.record import (
    AttentionRecord,
    DenseSite,
    ModelInfo,
    Predictions,
    Token,
    Visibility,
    text_tokens,
)
from attnwidget.record.words import word_starts, word_tokens


def merged(tokens: Sequence[Token]) -> list[str]:
    return [token.label for token in word_tokens(tokens, word_starts(tokens))]


def plain(*texts: str) -> tuple[Token, ...]:
    return tuple(Token(id=i, text=text, label=text.strip() or "␣") for i, text in enumerate(texts))


def rows(heads: int, queries: int, keys: int, causal: bool = False) -> np.ndarray:
    made = np.random.default_rng(queries * keys).random((heads, queries, keys)) + 0.01
    made = np.tril(made) if causal else made
    return (made / made.sum(-1, keepdims=True)).astype(np.float32)


def site(kind: str, values: np.ndarray, causal: bool = False, **more: object) -> DenseSite:
    heads, queries, keys = values.shape
    return DenseSite(
        kind=kind,  # type: ignore[arg-type]
        layer=0,
        name=kind,
        route="given",
        heads=heads,
        kv_heads=heads,
        queries=queries,
        keys=keys,
        visibility=Visibility(causal=causal),
        values=values,
        **more,  # type: ignore[arg-type]
    )


def record(streams: dict[str, tuple[Token, ...]], *sites: DenseSite, **more: object) -> AttentionRecord:
    return AttentionRecord(
        model=ModelInfo(name="toy"),
        prompt="x",
        streams=streams,  # type: ignore[arg-type]
        sites=sites,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["[CLS]", "play", "##ing", "chess", ".", "[SEP]"], ["[CLS]", "playing", "chess", ".", "[SEP]"]),
        (["The", "Ġcat", "s", "Ġmeow", "ed", "!"], ["The", "cats", "meowed", "!"]),
        (["▁trans", "late", "▁it", "</s>"], ["translate", "it", "⟨/s⟩"]),
    ],
    ids=["wordpiece", "byte-level", "sentencepiece"],
)
def test_pieces_of_each_kind_of_vocabulary(pieces: list[str], words: list[str]) -> None:
    assert merged(text_tokens(pieces)) == words


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["中国", "的", "首都"], ["中国", "的", "首都"]),
        (["日", "本", "ハ", "ﾊ", "ﾞ"], ["日", "本", "ハ", "ﾊ", "ﾞ"]),
        (["ไทย", "ภาษา"], ["ไทย", "ภาษา"]),
        (["មនុស្ស", "ភាសា"], ["មនុស្ស", "ភាសា"]),
        (["မြန်", "မာ"], ["မြန်", "မာ"]),
        (["고양", "이", "가", " 잔", "다"], ["고양이가", "잔다"]),
        (["יש", "ראל", " של"], ["ישראל", "של"]),
        (["nai", "\u0308", "ve"], ["nai\u0308ve"]),
        (["well", "-", "known", ",", " 20", "26"], ["well", "-", "known", ",", "2026"]),
        ([" a", "\n", "b", " ", "c"], ["a", "␣", "b", "␣", "c"]),
    ],
    ids=["chinese", "japanese", "thai", "khmer", "burmese", "korean", "hebrew", "marks", "signs", "blanks"],
)
def test_scripts_and_signs(texts: list[str], words: list[str]) -> None:
    tokens = plain(*texts)
    got = [token.text.strip() or token.label for token in word_tokens(tokens, word_starts(tokens))]
    assert got == words


def test_parts_of_one_character_stay_together_also_where_words_do_not() -> None:
    cat = Token(id=1, text="猫", label="猫")
    rest = Token(id=2, text="", label="⋯", continued=True)
    assert merged((cat, rest, rest, cat)) == ["猫", "猫"]
    unread = Token(id=3, text="", label="⟨F0 9F⟩")
    assert merged((unread, rest)) == ["⟨F0 9F⟩"]


def test_special_tokens_and_texts_of_a_pair_stay_apart() -> None:
    tokens = (
        Token(id=0, text="a", label="a"),
        Token(id=1, text="<x>", label="⟨x⟩", special=True),
        Token(id=2, text="b", label="b"),
        Token(id=3, text="c", label="c", segment=1),
        Token(id=4, text="d", label="d", segment=1),
    )
    words = word_tokens(tokens, word_starts(tokens))
    assert [(word.label, word.segment, word.special) for word in words] == [
        ("a", 0, False),
        ("⟨x⟩", 0, True),
        ("b", 0, False),
        ("cd", 1, False),
    ]


def test_a_word_spans_the_characters_of_its_tokens() -> None:
    tokens = (
        Token(id=7, text=" play", label="play", start=4, end=8),
        Token(id=8, text="ing", label="ing", start=8, end=11),
    )
    (word,) = word_tokens(tokens, word_starts(tokens))
    assert (word.text, word.start, word.end, word.id) == (" playing", 4, 11, None)
    assert word_tokens(tokens[:1], word_starts(tokens[:1])) == tokens[:1]
    assert word_starts(()).tolist() == []


WORDS = plain("The", " cat", "s", " meow", "ed", "ly")


def test_keys_are_summed_and_queries_averaged() -> None:
    values = rows(2, 6, 6)
    words = record({"encoder": WORDS}, site("encoder", values)).merge_words()
    groups = [[0], [1, 2], [3, 4, 5]]
    wanted = np.array(
        [
            [[head[np.ix_(q, k)].sum(1).mean() for k in groups] for q in groups]
            for head in values.astype(np.float64)
        ]
    )
    own = words.site(0)
    np.testing.assert_allclose(own.weights(), wanted, rtol=1e-6)
    np.testing.assert_allclose(own.weights().sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(own.weights(1, [2, 0])[0], own.weights()[1][[2, 0]])
    assert own.weights(queries=[]).shape == (2, 0, 3)
    assert own.visible([]).shape == (0, 3)


def test_a_word_sees_what_any_of_its_tokens_sees() -> None:
    words = record({"decoder": WORDS}, site("decoder", rows(1, 6, 6, causal=True), causal=True)).merge_words()
    np.testing.assert_array_equal(words.site(0).visible(), np.tri(3, dtype=bool))
    np.testing.assert_array_equal(words.site(0).weights()[0] > 0, np.tri(3, dtype=bool))
    assert words.site(0).causal


def test_what_is_not_a_number_stays_so_and_stays_there() -> None:
    values = rows(1, 6, 6)
    values[0, 4, 1] = np.nan
    weights = record({"encoder": WORDS}, site("encoder", values)).merge_words().weights(0, 0)
    np.testing.assert_array_equal(np.isnan(weights), [[False] * 3, [False] * 3, [False, True, False]])


def test_sinks_are_averaged_over_the_queries_of_a_word() -> None:
    values, sinks = rows(2, 6, 6) * 0.75, np.linspace(0, 0.5, 12, dtype=np.float32).reshape(2, 6)
    words = record({"encoder": WORDS}, site("encoder", values, sinks=sinks, has_sinks=True)).merge_words()
    np.testing.assert_allclose(
        words.site(0).sink(1)[0], [sinks[1, 0], sinks[1, 1:3].mean(), sinks[1, 3:].mean()]
    )
    assert words.site(0).has_sinks


def test_cross_attention_merges_each_axis_by_its_own_words() -> None:
    source, target = plain("trans", "late", " this"), plain("Über", "setze", " das", " hier")
    values = rows(1, 4, 3)
    words = record({"encoder": source, "decoder": target}, site("cross", values)).merge_words()
    assert words.weights(0, 0, "cross").shape == (3, 2)
    np.testing.assert_allclose(
        words.weights(0, 0, "cross")[0], [values[0, :2, :2].sum(1).mean(), values[0, :2, 2].mean()], rtol=1e-6
    )
    assert [token.label for token in words.key_tokens("cross")] == ["translate", "this"]


def test_predictions_are_those_after_the_words_last_token() -> None:
    predictions = Predictions(
        np.arange(6, dtype=np.int32)[:, None], np.ones((6, 1), np.float32), tuple((str(i),) for i in range(6))
    )
    words = record({"decoder": WORDS}, site("decoder", rows(1, 6, 6)), predictions=predictions).merge_words()
    assert words.predictions is not None
    assert words.predictions.labels == (("0",), ("2",), ("5",))
    assert words.predictions.ids.tolist() == [[0], [2], [5]]


def test_the_record_says_that_it_is_merged_and_scores_are_gone() -> None:
    whole = record({"encoder": WORDS}, site("encoder", rows(1, 6, 6)))
    words = whole.merge_words()
    assert (whole.can_merge, words.can_merge, words.words) == (True, False, True)
    assert words.merge_words() is words
    assert any("Clark et al. 2019" in note for note in words.notes)
    with pytest.raises(NotRecordedError):
        words.scores(0, 0)
    assert not record({"encoder": plain("a", " b")}, site("encoder", rows(1, 2, 2))).can_merge
