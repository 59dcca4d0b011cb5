"""The card says what is measured now, and reads without torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from attnwidget import demo_model
from attnwidget.demo_model import cards, evaluate, model_card
from attnwidget.demo_model.evaluate import Measurements
from attnwidget.demo_model.probe import Probe
from attnwidget.demo_model.suites import Suite

TOLERANCE = 0.02
"""Other processors add in another order; a question or two may tip."""


def test_figures_are_those_measured_now(measured: Measurements) -> None:
    said = demo_model.card()
    for job, grid in measured.scores.items():
        np.testing.assert_allclose(said.scores[job], grid, atol=TOLERANCE, err_msg=job)
    for name, answer in measured.answers.items():
        behaviour = said.behaviours[name]
        assert behaviour.count == answer.count
        assert behaviour.accuracy == pytest.approx(answer.accuracy, abs=TOLERANCE)
        np.testing.assert_allclose(behaviour.zeroed, measured.zeroed[name], atol=TOLERANCE, err_msg=name)


def test_titles_are_earned(measured: Measurements) -> None:
    jobs = evaluate.jobs_of_heads(measured.scores)
    assert len(jobs) >= 7
    for entry in demo_model.card().heads:
        job = jobs.get((entry.layer, entry.head))
        assert entry.title == (evaluate.JOBS[job].title if job else "")
        assert (entry.score is None) == (job is None)


def test_twins(probe: Probe, measured: Measurements, behaviours: Mapping[str, Suite]) -> None:
    card = demo_model.card()
    pair = evaluate.twins(probe, measured, behaviours["pronoun"])
    for said, found in zip((card.working, card.idle), pair, strict=True):
        assert (said.layer, said.head) == (found.layer, found.head)
        assert said.swapped == pytest.approx(found.swapped, abs=TOLERANCE)
        assert said.weight == pytest.approx(found.weight, abs=TOLERANCE)


def test_reach(probe: Probe) -> None:
    card = demo_model.card()
    found = evaluate.reach(probe, card.working)
    assert found.keys() == card.reach.keys()
    for name, reach in found.items():
        assert card.reach[name].count == reach.count
        assert card.reach[name].top == pytest.approx(reach.top, abs=TOLERANCE)


def test_every_job_of_the_card_is_held_by_a_head() -> None:
    titles = {entry.title for entry in demo_model.card().named_heads}
    assert titles == {kind.title for kind in evaluate.JOBS.values()}


def test_lookup() -> None:
    card = demo_model.card()
    assert card.head(2, 1) is card.heads[2 * card.heads_per_layer + 1]
    with pytest.raises(KeyError):
        card.head(9, 0)


def test_markdown_is_made_from_the_card() -> None:
    written = (demo_model.PATH / "MODEL_CARD.md").read_text("utf-8")
    assert written == model_card.markdown(demo_model.card())


def test_card_survives_writing_and_reading(tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    file.write_text(demo_model.card().to_json(), "utf-8")
    assert cards.read(file) == demo_model.card()


def test_reading_the_card_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from attnwidget import demo_model; demo_model.card();"
        "print([name for name in ('torch', 'transformers', 'tokenizers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
