"""Metrics of patterns whose values follow from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attnwidget.metrics.axes import Axes
from attnwidget.metrics.measure import measure_arrays
from attnwidget.metrics.metric import HeadMetric
from attnwidget.metrics.registry import standard
from attnwidget.record import Token
from tests.metrics.patterns import axes, causal, even, one_hot, tokens

N = 12
NAMES = standard().names


def of_head(
    weights: np.ndarray, visible: np.ndarray, on: Axes, **options: np.ndarray
) -> dict[str, HeadMetric]:
    return measure_arrays(weights[None], visible, on, **options)


def test_previous_token_head() -> None:
    found = of_head(one_hot([0, *range(N - 1)], N), causal(N), axes(N))
    assert found["previous"].values[0] == 1
    assert found["previous"].counts[0] == N - 1
    assert found["previous"].baselines[0] == pytest.approx(np.mean([1 / (q + 1) for q in range(1, N)]))
    assert found["entropy"].values[0] == 0
    assert found["distance"].values[0] == 1
    assert found["local"].values[0] == 1
    assert found["local"].counts[0] == N - 5  # queries 5 to 11 see keys outside the window
    assert found["current"].values[0] == 0
    assert found["first"].values[0] == pytest.approx(1 / (N - 1))  # query 1 alone has it before itself
    # The corner cell is alone on its diagonal and does not count; all others lie on diagonals of one value.
    assert found["positional"].values[0] == pytest.approx(1)
    assert found["positional"].counts[0] == N * (N + 1) // 2 - 2


def test_current_and_first_token_heads() -> None:
    both = np.stack([one_hot(range(N), N), one_hot([0] * N, N)])
    found = measure_arrays(both, causal(N), axes(N))
    assert found["current"].values.tolist() == [1, 0]
    assert found["first"].values.tolist() == [0, 1]
    assert found["distance"].values.tolist() == [0, pytest.approx(np.mean(range(1, N)))]
    assert found["positional"].values[0] == 1
    assert found["positional"].values[1] < 0.3


def test_next_token_head_looks_ahead() -> None:
    everything = np.ones((N, N), dtype=bool)
    found = of_head(one_hot([*range(1, N), 0], N), everything, axes(N))
    assert (found["next"].values[0], found["next"].counts[0]) == (1, N - 1)
    assert found["next"].baselines[0] == pytest.approx(1 / N)
    masked = of_head(even(causal(N)), causal(N), axes(N))["next"]
    assert np.isnan(masked.values[0])
    assert np.isnan(masked.baselines[0])
    assert masked.counts[0] == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_even_spread_is_its_own_baseline(name: str, bidirectional: bool) -> None:
    visible = np.ones((N, N), dtype=bool) if bidirectional else causal(N)
    text = tokens(" a", " b", ",", " a", " c", " b", " d", ".", " e", " a", " f", " g")
    found = of_head(even(visible), visible, Axes.of_self(text))[name]
    absent = {"sink"} | ({"positional"} if bidirectional else {"next"})
    assert (found.counts[0] == 0) == (name in absent)
    np.testing.assert_allclose(found.values, found.baselines, rtol=1e-6)


def test_an_even_causal_spread() -> None:
    found = of_head(even(causal(N)), causal(N), axes(N))
    assert found["entropy"].values[0] == pytest.approx(1)
    assert found["uniform"].values[0] == pytest.approx(1)
    assert found["entropy"].counts[0] == found["uniform"].counts[0] == N - 1
    assert found["distance"].values[0] == pytest.approx(np.mean([q / 2 for q in range(1, N)]))


def test_induction_on_a_repeated_sequence() -> None:
    half = 6
    text = tokens(*[f" w{i}" for i in range(half)] * 2)
    columns = [0] * half + [q - half + 1 for q in range(half, 2 * half)]
    found = of_head(one_hot(columns, 2 * half), causal(2 * half), Axes.of_self(text))
    assert (found["induction"].values[0], found["induction"].counts[0]) == (1, half)
    assert found["induction"].baselines[0] == pytest.approx(np.mean([1 / (q + 1) for q in range(half, 12)]))
    assert found["same_word"].values[0] == 0


def test_same_word_looks_both_ways_where_it_may() -> None:
    text = tokens("The", " cat", " The", " cat")
    both_ways = one_hot([2, 3, 0, 1], 4)
    found = of_head(both_ways, np.ones((4, 4), dtype=bool), Axes.of_self(text))["same_word"]
    assert (found.values[0], found.counts[0], found.baselines[0]) == (1, 4, 0.25)
    back = of_head(one_hot([0, 0, 0, 1], 4), causal(4), Axes.of_self(text))["same_word"]
    assert (back.values[0], back.counts[0]) == (1, 2)


def test_words_without_a_repetition_have_no_induction() -> None:
    found = of_head(even(causal(N)), causal(N), axes(N))
    for name in ("induction", "same_word", "delimiter"):
        assert np.isnan(found[name].values[0])
        assert found[name].counts[0] == 0


def test_a_token_repeated_at_once_is_not_followed_by_itself() -> None:
    found = of_head(one_hot([0, 1, 1, 2], 4), causal(4), Axes.of_self(tokens(*"aaab")))["induction"]
    # Query 1 follows itself, which does not count; query 2 has key 1; query 3 is new.
    assert (found.values[0], found.counts[0]) == (1, 1)


def test_special_tokens_are_delimiters_and_no_words() -> None:
    sep = Token(id=7, text="[SEP]", label="[SEP]", special=True)
    text = (sep, *tokens(" a", "!?", " $", " b"), sep)
    on = Axes.of_self(text)
    assert on.delimiters.tolist() == [True, False, True, False, False, True]
    assert on.words.tolist() == [-1, 0, 1, 2, 3, -1]
    found = of_head(one_hot([0] * 6, 6), np.ones((6, 6), dtype=bool), on)
    assert (found["delimiter"].values[0], found["delimiter"].baselines[0]) == (1, 0.5)
    assert found["same_word"].counts[0] == found["induction"].counts[0] == 0


def test_the_first_token_at_itself_is_no_first_token() -> None:
    found = of_head(one_hot([0, 1, 2], 3), np.ones((3, 3), dtype=bool), axes(3))["first"]
    assert (found.values[0], found.counts[0]) == (0, 2)


def test_tokens_without_a_text_are_told_apart_by_id() -> None:
    text = [Token(id=i, text="", label="·", continued=True) for i in (3, 4, 3)]
    text += [Token(id=None, text=" ", label="␣"), Token(id=None, text="\n", label="↵")]
    assert Axes.of_self(tuple(text)).words.tolist() == [0, 1, 0, 2, 3]
    broken = [Token(id=i, text="\N{REPLACEMENT CHARACTER}", label="·", continued=True) for i in (3, 4)]
    assert Axes.of_self(tuple(broken)).words.tolist() == [0, 1]


def test_sparsity_counts_cells() -> None:
    weights = np.asarray([[1, 0, 0], [0.995, 0.005, 0], [0.5, 0.495, 0.005]], dtype=np.float32)
    found = of_head(weights, causal(3), axes(3))["sparsity"]
    assert found.counts[0] == 5
    assert found.values[0] == pytest.approx(2 / 5)
    assert found.baselines[0] == 0
    wide = np.ones((101, 101), dtype=bool)
    assert of_head(even(wide), wide, axes(101))["sparsity"].values[0] == 1
    narrow = np.ones((100, 100), dtype=bool)
    spread = of_head(even(narrow), narrow, axes(100))["sparsity"]
    assert spread.values[0] == spread.baselines[0] == 0


def test_positional_share_by_hand() -> None:
    # Window of two keys: diagonals 0 and -1, of which the first cell (one visible key) does not count.
    visible = np.tri(4, dtype=bool) & ~np.tri(4, k=-2, dtype=bool)
    weights = np.zeros((4, 4), dtype=np.float32)
    weights[0, 0] = 1
    before = np.asarray([0.75, 0.5, 0.25])
    for q, share in zip((1, 2, 3), before, strict=True):
        weights[q, q - 1], weights[q, q] = share, 1 - share
    found = of_head(weights, visible, axes(4))["positional"]
    assert found.counts[0] == 6
    assert found.values[0] == pytest.approx(0, abs=1e-12)  # both diagonals have mean 1/2
    tilted = weights.copy()
    tilted[1] = [1, 0, 0, 0]
    means = [(1 + 0.5 + 0.25) / 3, (0 + 0.5 + 0.75) / 3]
    cells = np.asarray([1, 0.5, 0.25, 0, 0.5, 0.75])
    expected = 3 * sum((m - 0.5) ** 2 for m in means) / ((cells - 0.5) ** 2).sum()
    assert of_head(tilted, visible, axes(4))["positional"].values[0] == pytest.approx(expected)


def test_one_token_has_nothing_to_choose() -> None:
    found = of_head(np.ones((1, 1), dtype=np.float32), causal(1), axes(1))
    assert {name for name, metric in found.items() if metric.counts[0]} == set()
    assert all(np.isnan(metric.values[0]) for metric in found.values())


def test_learned_sinks_keep_their_mass() -> None:
    sink = np.full((1, N), 0.5, dtype=np.float32)
    found = of_head(even(causal(N)) / 2, causal(N), axes(N), sink=sink)
    assert found["sink"].values[0] == 0.5
    assert found["sink"].counts[0] == N
    assert found["sink"].baselines[0] == 0
    assert found["uniform"].values[0] == pytest.approx(0.5)
    assert found["previous"].values[0] == pytest.approx(found["previous"].baselines[0] / 2)
    entropy = [(math.log(2) + math.log(v) / 2) / math.log(v + 1) for v in range(2, N + 1)]
    assert found["entropy"].values[0] == pytest.approx(np.mean(entropy))
    assert found["entropy"].baselines[0] == pytest.approx(
        np.mean([math.log(v) / math.log(v + 1) for v in range(2, N + 1)])
    )


def test_models_without_sinks_have_no_sink_share() -> None:
    found = of_head(even(causal(3)), causal(3), axes(3))["sink"]
    assert np.isnan(found.values[0])
    assert found.counts[0] == 0


def test_cross_attention_has_no_neighbours() -> None:
    on = Axes(tokens(" x", " y"), tokens("a", ",", "b", "a"), self_attention=False)
    weights = one_hot([0, 1], 4)
    found = of_head(weights, np.ones((2, 4), dtype=bool), on)
    measured = {name for name, metric in found.items() if metric.counts[0]}
    assert measured == {"entropy", "uniform", "sparsity", "first", "delimiter"}
    assert found["first"].values[0] == found["delimiter"].values[0] == 0.5
    assert found["first"].counts[0] == 2
