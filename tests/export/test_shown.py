"""Stills leave out what filters hide, put heads together, and say both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attnwidget.export import Look, picture
from attnwidget.export.shown import describe_shown, drawn, read
from attnwidget.record import AttentionRecord, Token

TEXTS = ("[CLS]", "who", "[SEP]", "the", "cat")
TOKENS = tuple(
    Token(id=None, text=text, label=text, special=text.startswith("["), segment=int(place > 2))
    for place, text in enumerate(TEXTS)
)
ALL = {"pair": "all", "special": True, "top": 0, "heads": None}
LOOK = Look(view="head", site="encoder", layer=0, heads=(0, 1), query=1)


def record() -> AttentionRecord:
    made = np.random.default_rng(3).random((1, 2, 5, 5)) + 0.01
    return AttentionRecord.from_attentions((made / made.sum(-1, keepdims=True)).astype(np.float32), TOKENS)


def filtered(**filters: Any) -> Look:
    return replace(LOOK, filters={**ALL, **filters})  # type: ignore[arg-type]


def hidden(look: Look) -> np.ndarray:
    return read(record(), look, drawn(look)[0], slice(None))[2]


def test_pairs_and_special_tokens() -> None:
    second = np.array([False, False, False, True, True])
    np.testing.assert_array_equal(~hidden(filtered(pair="ab")), ~second[:, None] & second)
    special = np.array([True, False, True, False, False])
    np.testing.assert_array_equal(hidden(filtered(special=False)), special[:, None] | special)
    assert not hidden(LOOK).any()


def test_the_strongest_of_each_query_among_what_is_left() -> None:
    weights = record().weights(0, 0)
    np.testing.assert_array_equal(hidden(filtered(top=2)).sum(1), [3] * 5)
    left = ~hidden(filtered(top=1, special=False))
    assert left.sum() == 3
    assert left[1, [1, 3, 4]].argmax() == weights[1, [1, 3, 4]].argmax()


@pytest.mark.parametrize(("how", "together"), [("mean", np.mean), ("max", np.max)])
def test_heads_put_together(how: Any, together: Any) -> None:
    look = replace(LOOK, combine=how)
    (one,) = drawn(look)
    weights, reach, _ = read(record(), look, one, [2, 0])
    both = record().site(0).weights()[:, [2, 0]]
    np.testing.assert_allclose(weights, together(both, axis=0), rtol=1e-6)
    assert reach.all()
    assert one.name == f"{how} of heads 0, 1"
    assert one.colour(False) != one.colour(True)


def test_words_say_what_was_done_and_nothing_else() -> None:
    assert describe_shown(record(), LOOK) == ""
    look = replace(filtered(pair="ab", special=False, top=3), combine="max")
    assert describe_shown(record(), look) == (
        "max of 2 heads  ·  only A → B  ·  special tokens hidden  ·  top 3 of each query"
    )
    plain = AttentionRecord.from_attentions(np.full((1, 1, 2, 2), 0.5, np.float32), ["a", "b"])
    assert describe_shown(plain, replace(filtered(pair="ab", special=False), heads=(0,))) == ""


@pytest.mark.parametrize("view", ["head", "matrix", "text"])
def test_each_picture_changes_with_filters_and_with_heads_together(view: Any) -> None:
    looks = [
        replace(look, view=view)
        for look in (LOOK, filtered(top=1), filtered(special=False), replace(LOOK, combine="max"))
    ]
    assert len({picture(record(), look)[0] for look in looks}) == len(looks)
