"""The embedded model's heads do their jobs on texts that training never saw, and predictions need them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from attnwidget.demo_model import corpus, evaluate, guidance, measure, sentences, suites
from attnwidget.demo_model.evaluate import Measurements
from attnwidget.demo_model.probe import Probe
from attnwidget.demo_model.suites import Suite

BEHAVIOUR_OF = {job: kind.behaviour for job, kind in evaluate.JOBS.items() if kind.behaviour}


def best(measured: Measurements, job: str) -> tuple[int, int]:
    scores = measured.scores[job]
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    return int(layer), int(head)


@pytest.mark.parametrize(
    ("job", "minimum"),
    [
        ("previous", 0.95),
        ("induction", 0.9),
        ("same word", 0.75),
        ("bracket", 0.8),
        ("subject", 0.95),
        ("sink", 0.95),
    ],
)
def test_some_head_does_the_job(measured: Measurements, job: str, minimum: float) -> None:
    assert measured.scores[job].max() >= minimum


def test_pronoun_looks_at_its_antecedent_first(measured: Measurements) -> None:
    assert measured.looks["pronoun"].top[best(measured, "pronoun")] >= 0.9


@pytest.mark.parametrize(
    ("behaviour", "minimum"),
    [
        ("induction", 0.95),
        ("same word", 0.95),
        ("bracket", 0.9),
        ("predicate", 0.95),
        ("agreement", 0.95),
        ("pronoun", 0.9),
    ],
)
def test_predictions_are_right(measured: Measurements, behaviour: str, minimum: float) -> None:
    assert measured.answers[behaviour].accuracy >= minimum


@pytest.mark.parametrize(
    ("job", "loss"),
    [
        ("previous", 0.8),
        ("induction", 0.8),
        ("same word", 0.2),
        ("bracket", 0.05),
        ("subject", 0.15),
        ("pronoun", 0.25),
    ],
)
def test_without_its_head_a_behaviour_breaks(measured: Measurements, job: str, loss: float) -> None:
    behaviour = BEHAVIOUR_OF[job]
    head = evaluate.working_head(measured, job)
    assert measured.answers[behaviour].accuracy - measured.zeroed[behaviour][head] >= loss


def test_a_resting_head_changes_nothing(measured: Measurements) -> None:
    assert abs(measured.ordinary.knocked_loss[best(measured, "sink")]) < 0.02


def test_two_heads_show_one_picture_and_one_matters(
    probe: Probe, behaviours: Mapping[str, Suite], measured: Measurements
) -> None:
    working, idle = evaluate.twins(probe, measured, behaviours["pronoun"])
    whole = measured.answers["pronoun"]
    assert min(working.top, idle.top) >= 0.9
    assert min(working.weight, idle.weight) >= 0.8
    assert working.swapped <= 0.2
    assert working.swapped_log_odds <= -2
    assert abs(idle.swapped - whole.accuracy) <= 0.03
    assert abs(idle.zeroed - whole.accuracy) <= 0.03
    assert (idle.layer, idle.head) == (guidance.DECOY.layer, guidance.DECOY.head)


def test_antecedent_is_found_in_the_sentences_that_teachers_type(
    probe: Probe, measured: Measurements
) -> None:
    layer, head = evaluate.working_head(measured, "pronoun")
    found, wanted = {}, {}
    for prompt, pronoun, noun in (
        ("The cat sat on the mat because it was tired.", " it", " cat"),
        ("The animal did not cross the street because it was too tired.", " it", " animal"),
        ("The cat chased the dog because it meowed, so the dog barked at the cat.", " it", " cat"),
        ("The cat chased the dog, so it barked.", " it", " dog"),
        ("Anna told Tom that she was late.", " she", "Anna"),
        ("Anna told Tom that he was late.", " he", " Tom"),
    ):
        ids = probe.ids(prompt)
        tokens = [probe.tokenizer.decode([number]) for number in ids]
        row = probe.run([ids], weights=True).weights[layer, 0, head, tokens.index(pronoun)]
        found[prompt], wanted[prompt] = tokens[int(row.argmax())], noun
    assert found == wanted


def test_every_evaluation_text_is_held_out(behaviours: Mapping[str, Suite]) -> None:
    for name in ("induction", "same word", "bracket"):
        assert all(corpus.is_reserved(text) for text in behaviours[name].texts), name
    for name in ("pronoun", "predicate", "agreement"):
        for text in behaviours[name].texts:
            nouns = [word.strip(".,") for word in text.split() if is_noun(word.strip(".,"))]
            assert corpus.is_reserved(f"{nouns[0]}|{nouns[1]}"), text


def is_noun(word: str) -> bool:
    lexicon = sentences.lexicon
    groups = (
        lexicon.animals(),
        lexicon.animals(True),
        lexicon.objects(),
        lexicon.objects(True),
        lexicon.jobs("she"),
    )
    plurals = {lexicon.plural_of(word) for word in lexicon.JOBS}
    return word in plurals or any(noun.text == word for group in groups for noun in group)


def test_antecedents_of_every_kind(probe: Probe, measured: Measurements) -> None:
    layer, head = evaluate.working_head(measured, "pronoun")
    for known, minimum in ((True, 0.95), (False, 0.9)):
        suite = suites.pronouns_anywhere(known=known)
        assert measure.look(suite, probe.run(suite.ids, weights=True)).top[layer, head] >= minimum
