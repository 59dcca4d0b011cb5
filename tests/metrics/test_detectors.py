"""Targets of one's own, and the registry they join."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.errors import InputError, ShapeError
from attnwidget.metrics.axes import Axes
from attnwidget.metrics.measure import measure_arrays
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import measure_heads
from attnwidget.metrics.targets import detector, target_score
from attnwidget.record import AttentionRecord, Token
from tests.metrics.patterns import axes, causal, even, one_hot, softmax, tokens


@given(st.integers(0, 1000), st.integers(1, 7), st.integers(1, 7), st.booleans(), st.booleans())
def test_a_target_score_agrees_with_a_plain_loop(
    seed: int, queries: int, keys: int, by_head: bool, graded: bool
) -> None:
    random = np.random.default_rng(seed)
    heads = 2
    visible = random.random((heads, queries, keys) if by_head else (queries, keys)) < 0.7
    weights, _ = softmax(seed, heads, visible, sink=True)
    target = random.random((queries, keys)) if graded else random.random((queries, keys)) < 0.4
    found = target_score(weights, visible, target)
    for head in range(heads):
        values, bases = [], []
        for query in range(queries):
            seen = np.flatnonzero((visible[head] if by_head else visible)[query])
            if len({float(target[query, key]) for key in seen}) > 1:
                values.append(sum(float(weights[head, query, k]) * float(target[query, k]) for k in seen))
                bases.append(np.mean([float(target[query, k]) for k in seen]))
        assert found.counts[head] == len(values)
        expected = (np.mean(values), np.mean(bases)) if values else (np.nan, np.nan)
        np.testing.assert_allclose(
            (found.values[head], found.baselines[head]), expected, rtol=1e-6, atol=1e-9
        )


def test_a_matrix_and_a_function_join_the_registry() -> None:
    text = tokens("(", "a", "b", ")")

    def opener(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> np.ndarray:
        return np.asarray([[q.text == ")" and k.text == "(" for k in keys] for q in queries])

    own = standard().with_(
        detector("opener", "Bracket to opener", opener),
        detector("opener matrix", "The same", opener(text, text), source="A test"),
    )
    assert own.names == (*standard().names, "opener", "opener matrix")
    assert "opener" not in standard()
    found = measure_arrays(one_hot([0, 0, 0, 0], 4)[None], causal(4), Axes.of_self(text), own)
    for name in ("opener", "opener matrix"):
        assert (found[name].values[0], found[name].counts[0], found[name].baselines[0]) == (1, 1, 0.25)
    assert own["opener matrix"].source == "A test"


def test_targets_apply_across_unless_they_say_not() -> None:
    crossed = Axes(tokens("a"), tokens("b", "c"), self_attention=False)

    def second(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> np.ndarray | None:
        return np.asarray([[key.text == "c" for key in keys] for _ in queries])

    def among_themselves(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> np.ndarray | None:
        return None if queries != keys else np.eye(len(keys))

    own = [
        detector("function", "Function", second),
        detector("self", "Self", among_themselves),
        detector("matrix", "Matrix", np.asarray([[True, False]])),
    ]
    weights = np.asarray([[[0.25, 0.75]]], dtype=np.float32)
    found = measure_arrays(weights, np.ones((1, 2), bool), crossed, own)
    assert found["function"].values[0] == 0.75
    assert found["self"].counts[0] == 0
    assert found["matrix"].values[0] == 0.25


def test_a_matrix_that_belongs_to_some_tokens_is_about_no_others() -> None:
    target = np.tri(3, k=-1, dtype=bool)
    own = [detector("own", "Own", target, of=[axes(2), axes(3)])]
    weights = one_hot([0, 0, 1], 3)[None]
    assert measure_arrays(weights, causal(3), axes(3), own)["own"].values[0] == 1
    others = Axes.of_self(tokens("x", "y", "z"))
    assert measure_arrays(weights, causal(3), others, own)["own"].counts[0] == 0


def test_a_function_is_asked_once_for_all_layers() -> None:
    asked: list[int] = []

    def target(queries: tuple[Token, ...], keys: tuple[Token, ...]) -> np.ndarray:
        asked.append(len(queries))
        return np.eye(len(queries))

    weights = np.stack([even(causal(3))[None]] * 4)
    record = AttentionRecord.from_attentions(weights, ["a", "b", "c"])
    table = measure_heads(record, metrics=[detector("own", "Own", target)])
    assert asked == [3]
    assert table.values["own"].shape == (4, 1)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (np.ones((2, 3)), ShapeError),
        (np.full((3, 3), np.nan), InputError),
        (np.full((3, 3), 2.0), InputError),
        (np.full((3, 3), "x"), InputError),
    ],
)
def test_targets_that_are_none(target: np.ndarray, error: type[Exception]) -> None:
    weights = even(causal(3))[None]
    with pytest.raises(error):
        target_score(weights, causal(3), target)
    with pytest.raises(error):
        measure_arrays(weights, causal(3), axes(3), [detector("own", "Own", target)])
    with pytest.raises(ShapeError):
        target_score(weights[0], causal(3), np.ones((3, 3)))


def test_the_registry_is_immutable_and_names_are_unique() -> None:
    registry = standard()
    own = detector("own", "Own", np.ones((1, 1)))
    assert len(registry.with_(own)) == len(registry) + 1
    assert len(Registry()) == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.metrics = ()  # type: ignore[misc]
    with pytest.raises(InputError, match="two metrics named 'entropy'"):
        registry.with_(registry["entropy"])
    with pytest.raises(InputError, match="no metric 'entropie'"):
        registry.only(["entropy", "entropie"])
    with pytest.raises(InputError, match="no name"):
        registry.with_(detector("", "", np.ones((1, 1))))
    assert registry.only(["next", "entropy"]).names == ("next", "entropy")


def test_every_metric_says_what_a_reader_must_know() -> None:
    for metric in standard():
        texts = (metric.title, metric.formula, metric.eligible, metric.source, metric.sinks, metric.unit)
        assert all(texts), metric.name
        assert "\n" not in metric.formula
        assert metric.counted in ("queries", "cells")
    assert "2" in standard(window=2)["local"].title


@pytest.mark.parametrize(("window", "threshold"), [(-1, 0.1), (4, -0.1), (4, 1.5)])
def test_settings_out_of_range(window: int, threshold: float) -> None:
    with pytest.raises(InputError):
        standard(window, threshold)
