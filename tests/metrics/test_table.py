"""Every head of a record in one table: its order, its gaps, the same numbers as layer by layer."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

import attnwidget as aw
from attnwidget import demo_model
from attnwidget.demo_model import lexicon
from attnwidget.errors import InputError
from attnwidget.metrics.measure import measure
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import HeadTable
from tests.metrics.patterns import causal, even, one_hot, softmax


def record(*heads: int, n: int = 5) -> aw.AttentionRecord:
    """A record whose layers have these numbers of heads."""
    layers = [softmax(layer, count, causal(n))[0] if count else None for layer, count in enumerate(heads)]
    return aw.AttentionRecord.from_attentions(layers, ["a", " b", " a", " c", " b"][:n])


def test_it_holds_what_each_layer_gives() -> None:
    given = record(3, 0, 2)
    table = aw.measure_heads(given)
    assert (table.layers, table.heads, table.site) == ((0, 2), (3, 2), "decoder")
    assert table.names == standard().names
    for row, layer in enumerate(table.layers):
        for name, expected in measure(given.site(layer), given.tokens).items():
            heads = table.heads[row]
            np.testing.assert_array_equal(table.values[name][row, :heads], expected.values)
            np.testing.assert_array_equal(table.baselines[name][row, :heads], expected.baselines)
            assert table.counts[name][row, :heads].tolist() == expected.counts.tolist()
    assert np.isnan(table.values["entropy"][1, 2])
    assert table.counts["entropy"][1, 2] == 0
    assert repr(table) == "HeadTable(decoder, 2 layers, 5 heads, 14 metrics, 5 queries)"


def test_columns_have_one_entry_per_head() -> None:
    table = aw.measure_heads(record(3, 0, 2), metrics=["entropy", "next"])
    columns = table.to_dict()
    assert list(columns) == ["layer", "head", "entropy", "next"]
    assert columns["layer"] == [0, 0, 0, 2, 2]
    assert columns["head"] == [0, 1, 2, 0, 1]
    assert columns["entropy"] == [*table.values["entropy"][0], *table.values["entropy"][1, :2]]
    assert np.isnan(columns["next"]).all()


def test_top_heads_are_ordered_and_have_a_value() -> None:
    weights = np.stack([one_hot([0, 0, 1], 3), one_hot([0, 1, 2], 3), even(causal(3))])[None]
    table = aw.measure_heads(aw.AttentionRecord.from_attentions(weights, ["x", "y", "z"]))
    best = table.top("previous", k=2)
    assert [(head.layer, head.head, head.value) for head in best] == [
        (0, 0, 1),
        (0, 2, pytest.approx(5 / 12)),
    ]
    assert (best[0].count, best[0].baseline) == (2, pytest.approx(5 / 12))
    assert [head.head for head in table.top("previous", lowest=True)] == [1, 2, 0]
    assert table.top("next") == table.top("previous", k=0) == []
    with pytest.raises(InputError, match="no metric 'magic'"):
        table.top("magic")


def test_some_queries_are_said_to_be_some() -> None:
    given = record(2, 2)
    some = aw.measure_heads(given, queries=[4, 1, 4])
    assert (some.queries, some.sampled) == (5, 2)
    assert "2 of 5 queries" in repr(some)
    expected = measure(given.site(1), given.tokens, rows=[1, 4])
    np.testing.assert_array_equal(some.values["entropy"][1], expected["entropy"].values)
    with pytest.raises(InputError, match="no query 9"):
        aw.measure_heads(given, queries=[9])
    with pytest.raises(InputError, match="no 'cross' site"):
        aw.measure_heads(given, "cross")


def test_tables_are_put_together_and_taken_apart() -> None:
    given = record(2)
    one, two = (aw.measure_heads(given, metrics=[name]) for name in ("entropy", "previous"))
    both = one.with_(two)
    assert both.names == ("entropy", "previous")
    turned = both.only(standard().only(["previous", "entropy"]))
    assert list(turned.to_dict()) == ["layer", "head", "previous", "entropy"]
    other = aw.measure_heads(given, metrics=[standard(threshold=0.5)["sparsity"]])
    assert (
        other.with_(aw.measure_heads(given, metrics=["sparsity"])).values["sparsity"][0, 0]
        != (other.values["sparsity"][0, 0])
    )
    assert isinstance(both.metrics, Registry)


def test_the_embedded_models_induction_head_is_found() -> None:
    words = Random(3).sample(sorted({noun.text for noun in lexicon.animals()}), 12)
    table: HeadTable = aw.measure_heads(aw.ModelRunner().run(" ".join(words * 2)))
    best = table.top("induction", k=1)[0]
    assert demo_model.card().head(best.layer, best.head).title == "induction"
    assert best.value > 0.8 > 5 * best.baseline
