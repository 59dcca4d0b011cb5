"""Numbers of every head in Python, and detectors of the user's own."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

import attnwidget as aw
from attnwidget import demo_model
from attnwidget.demo_model import lexicon
from attnwidget.errors import InputError


@pytest.fixture(scope="module")
def repeated() -> aw.AttentionExplorer:
    words = Random(3).sample(sorted({noun.text for noun in lexicon.animals()}), 12)
    return aw.explore(" ".join(words * 2))


def test_the_induction_head_is_found(repeated: aw.AttentionExplorer) -> None:
    best = repeated.metrics().top("induction", k=1)[0]
    assert demo_model.card().head(best.layer, best.head).title == "induction"
    assert best.value > 0.8 > 5 * best.baseline
    few = repeated.metrics(queries=[3, 20])
    assert (few.sampled, few.names) == (2, repeated.metrics().names)


def test_a_detector_equal_to_a_standard_one_gives_its_numbers(repeated: aw.AttentionExplorer) -> None:
    def before(queries: tuple[aw.Token, ...], keys: tuple[aw.Token, ...]) -> Any:
        return np.eye(len(queries), k=-1, dtype=bool)

    heard: list[list[str]] = []
    repeated.observe(lambda change: heard.append(change.new), "detectors")
    repeated.add_detector("mine", before, title="Mine", formula="w(q, q − 1)")
    assert repeated.detectors == ["mine"]
    table = repeated.metrics()
    np.testing.assert_allclose(table.values["mine"], table.values["previous"])
    np.testing.assert_allclose(table.baselines["mine"], table.baselines["previous"])
    assert (table.metrics["mine"].title, table.metrics["mine"].source) == ("Mine", "you")
    repeated.metric = "mine"
    repeated.add_detector("mine", before)
    # Replaced: the page must hear of it although the names are the same.
    assert heard == [["mine"], [], ["mine"]]
    repeated.remove_detector("mine")
    assert (repeated.detectors, repeated.metric) == ([], "entropy")
    with pytest.raises(InputError, match="no detector 'mine'"):
        repeated.remove_detector("mine")


def test_metrics_are_of_what_is_on_screen() -> None:
    weights = np.stack([np.tri(4, dtype=np.float32) / np.arange(1, 5)[:, None]])[None]
    ex = aw.explore(attentions=weights, tokens=["The", " cat", "s", " sat"])
    assert ex.metrics().counts["previous"].tolist() == [[3]]
    ex.words = True
    assert ex.metrics().counts["previous"].tolist() == [[2]]
