"""Measures a trained model and writes its card: `python -m attnwidget.demo_model.evaluate DIR`.

Reads the model and `training.json` of the folder; writes `card.json` and `MODEL_CARD.md` beside them. A
head gets a title only if its measured score reaches the job's minimum, whatever it was guided towards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attnwidget.demo_model import guidance, measure, model_card, suites, tokenizer
from attnwidget.demo_model.cards import Behaviour, Card, Example, Grid, HeadCard, Reach, Twin
from attnwidget.demo_model.document import Job
from attnwidget.demo_model.measure import Answer, Floats, Look, Ordinary
from attnwidget.demo_model.probe import Probe
from attnwidget.demo_model.suites import Suite
from attnwidget.errors import TokenizerMismatchError

_DIGITS = 3
_NO_EFFECT = 0.02
"""Accuracy may move by this much for what is called no effect."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A job that a head can be found to have.

    Attributes
    ----------
    title : str
        The job on screen.
    minimum : float
        Score from which a head has the job.
    behaviour : str
        The behaviour that should break without the head; empty for none.
    does : str
        What it does, as a sentence; `{score}` stands for the measured score.
    idle : Job or None
        The links that say where it has something to do, where its rest elsewhere is worth a figure.
    also : str
        A second behaviour that could break without the head; empty for none.
    """

    title: str
    minimum: float
    behaviour: str
    does: str
    idle: Job | None = None
    also: str = ""


JOBS: dict[str, JobKind] = {
    "previous": JobKind(
        "previous token",
        0.9,
        "induction",
        "It puts {score} of its attention on the token just before.",
    ),
    "same word": JobKind(
        "same word",
        0.6,
        "same word",
        "At a word that occurred before, it puts {score} of its attention on the earlier occurrence.",
        Job.SAME_WORD,
    ),
    "induction": JobKind(
        "induction",
        0.8,
        "induction",
        "In a list that repeats, it puts {score} of its attention on what followed the same token last time.",
        Job.INDUCTION,
    ),
    "bracket": JobKind(
        "bracket → opener",
        0.7,
        "bracket",
        "At a closing bracket or tag, it puts {score} of its attention on what opened it.",
    ),
    "subject": JobKind(
        "verb → subject",
        0.8,
        "predicate",
        "At a verb, it puts {score} of its attention on the subject, not on the noun between.",
        Job.SUBJECT,
        also="agreement",
    ),
    "pronoun": JobKind(
        "pronoun → antecedent",
        0.7,
        "pronoun",
        "At a pronoun, it puts {score} of its attention on the noun that the pronoun stands for.",
        Job.PRONOUN,
    ),
    "sink": JobKind(
        "sink",
        0.9,
        "",
        "It rests: {score} of its attention is on the first token, whatever the text.",
    ),
}
"""Jobs, in the order in which a head's best one is looked for."""

QUESTIONS: dict[str, str] = {
    "induction": "the next word of a list of 20 random words that is written a second time",
    "same word": "whether a listed word is new or was there before",
    "bracket": "which kind of bracket or tag closes next",
    "predicate": "what fits the subject after is or are, with another thing between",
    "agreement": "singular or plural verb, with a noun of the other number between",
    "pronoun": "the verb after a pronoun, which only one of two animals has",
}

EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("The cat chased the dog because it meowed, so the dog barked at the cat.", " it", "pronoun"),
    ("The cat sat on the mat because it was tired.", " it", "pronoun"),
    ("The animal did not cross the street because it was too tired.", " it", "pronoun"),
    ("Anna told Tom that she was late.", " she", "pronoun"),
    ("The zebra saw the queen because it was tired.", " it", "pronoun"),
    ("The keys to the cabinet are rusty.", " are", "subject"),
    ("red door cup red door", " door", "induction"),
    ("( tea [ milk ] )", " )", "bracket"),
)
"""Prompt, the token to look from (its last occurrence), and the job whose head is looked at."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that the card is made of."""

    ordinary: Ordinary
    looks: Mapping[str, Look]
    answers: Mapping[str, Answer]
    zeroed: Mapping[str, Floats]
    scores: Mapping[str, Floats]


def take_measurements(probe: Probe, behaviours: Mapping[str, Suite]) -> Measurements:
    """Measure every head and every behaviour.

    Parameters
    ----------
    probe : Probe
        The model.
    behaviours : mapping of str to Suite
        The suites of `suites.BEHAVIOURS`.
    """
    ordinary = measure.ordinary(probe)
    looks, answers, zeroed = {}, {}, {}
    for name, suite in behaviours.items():
        outcome = probe.run(suite.ids, weights=True)
        answers[name] = measure.answer(suite, outcome)
        looks[name] = measure.look(suite, outcome)
        zeroed[name] = measure.knock_outs(probe, suite)
    scores = {"previous": ordinary.previous, "sink": ordinary.first}
    scores |= {job: looks[kind.behaviour].key for job, kind in JOBS.items() if job not in scores}
    return Measurements(ordinary, looks, answers, zeroed, {job: scores[job] for job in JOBS})


def jobs_of_heads(scores: Mapping[str, Floats]) -> dict[tuple[int, int], str]:
    """Return the job of every head that has one: the best by score among those that reach their minimum."""
    layers, heads = next(iter(scores.values())).shape
    found = {}
    for layer in range(layers):
        for head in range(heads):
            reached = [job for job in JOBS if scores[job][layer, head] >= JOBS[job].minimum]
            # resting is what heads do between their jobs, so it is a job only where there is no other
            chosen = [job for job in reached if job != "sink"] or reached
            if chosen:
                found[layer, head] = max(chosen, key=lambda job: float(scores[job][layer, head]))
    return found


def working_head(measured: Measurements, job: str) -> tuple[int, int]:
    """Return, of the heads that have a job, the one without which its behaviour loses most."""
    kind = JOBS[job]
    zeroed = measured.zeroed[kind.behaviour]
    places = np.argwhere(measured.scores[job] >= kind.minimum)
    if not len(places):
        raise LookupError(f"no head reaches {kind.minimum} for {job!r}")
    layer, head = min(places.tolist(), key=lambda place: float(zeroed[place[0], place[1]]))
    return layer, head


def twins(probe: Probe, measured: Measurements, suite: Suite) -> tuple[Twin, Twin]:
    """Return the two heads that show a pronoun's antecedent best: the one that matters first.

    Parameters
    ----------
    probe : Probe
        The model.
    measured : Measurements
        Its measurements.
    suite : Suite
        The pronoun sentences.
    """
    found = measured.looks["pronoun"]
    best = sorted(measure.every_head(probe), key=lambda place: -float(found.top[place]))[:2]
    pair = []
    for layer, head in best:
        after = measure.swapped(probe, suite, layer, head)
        figures = (found.key[layer, head], found.top[layer, head], measured.zeroed["pronoun"][layer, head])
        rounded = [round(float(figure), _DIGITS) for figure in (*figures, after.accuracy, after.log_odds)]
        pair.append(Twin(layer, head, *rounded))
    working, idle = sorted(pair, key=lambda twin: twin.swapped)
    return working, idle


def reach(probe: Probe, head: Twin) -> dict[str, Reach]:
    """Return how well a pronoun head finds antecedents in every kind of sentence."""
    found = {}
    for name, make in suites.REACH.items():
        suite = make()
        seen = measure.look(suite, probe.run(suite.ids, weights=True))
        weight, top = (round(float(grid[head.layer, head.head]), _DIGITS) for grid in (seen.key, seen.top))
        found[name] = Reach(weight, top, seen.count)
    return found


def examples(probe: Probe, measured: Measurements) -> tuple[Example, ...]:
    """Return where the working head of a job looks in each of the example prompts."""
    found = []
    for prompt, token, job in EXAMPLES:
        layer, head = working_head(measured, job)
        ids = probe.ids(prompt)
        words = [str(probe.tokenizer.decode([number])) for number in ids]
        query = len(words) - 1 - words[::-1].index(token)
        row = probe.run([ids], weights=True).weights[layer, 0, head, query]
        key = int(row.argmax())
        weight = round(float(row[key]), _DIGITS)
        found.append(Example(prompt, layer, head, token.strip(), words[key].strip(), weight))
    return tuple(found)


def make_card(folder: Path) -> Card:
    """Measure the model of a folder.

    Parameters
    ----------
    folder : Path
        What `train.save` wrote.

    Raises
    ------
    TokenizerMismatchError
        If the folder's tokenizer is not the one that the lexicon gives.
    """
    probe = Probe(folder)
    if probe.tokenizer.get_vocab() != tokenizer.build().get_vocab():
        raise TokenizerMismatchError(
            f"The tokenizer in {folder} is not the one that this code builds.",
            "Train the model again, or evaluate it with the code that trained it.",
        )
    behaviours = measure.behaviour_suites()
    measured = take_measurements(probe, behaviours)
    jobs = jobs_of_heads(measured.scores)
    working, idle = twins(probe, measured, behaviours["pronoun"])
    config = probe.model.config
    return Card(
        architecture=type(probe.model).__name__,
        parameters=sum(parameter.numel() for parameter in probe.model.parameters()),
        layers=probe.layers,
        heads_per_layer=probe.heads,
        width=config.n_embd,
        vocabulary=config.vocab_size,
        positions=config.n_positions,
        weight_bytes=(folder / "model.safetensors").stat().st_size,
        heads=tuple(
            _head_card(place, jobs.get(place), measured, (working, idle))
            for place in measure.every_head(probe)
        ),
        scores={job: _grid(grid) for job, grid in measured.scores.items()},
        top={name: _grid(found.top) for name, found in measured.looks.items()},
        behaviours={
            name: Behaviour(
                QUESTIONS[name],
                round(found.accuracy, _DIGITS),
                round(found.log_odds, _DIGITS),
                found.count,
                _grid(measured.zeroed[name]),
            )
            for name, found in measured.answers.items()
        },
        reach=reach(probe, working),
        working=working,
        idle=idle,
        examples=examples(probe, measured),
        training=json.loads((folder / "training.json").read_text("utf-8")),
    )


def _head_card(
    place: tuple[int, int], job: str | None, measured: Measurements, pair: tuple[Twin, Twin]
) -> HeadCard:
    layer, head = place
    guided = any((entry.layer, entry.head) == place for entry in guidance.GUIDED)
    if job is None:
        return HeadCard(layer, head, "", None, guided, "No job was measured for this head.")
    kind = JOBS[job]
    score = round(float(measured.scores[job][place]), _DIGITS)
    sentences = [kind.does.format(score=f"{score:.2f}")]
    if not kind.behaviour:
        rise = measured.ordinary.knocked_loss[place]
        sentences.append(f"With it zeroed, the loss changes by {rise:+.3f} nats per token.")
        return HeadCard(layer, head, kind.title, score, guided, " ".join(sentences))
    before, after = _before_and_after(kind.behaviour, place, measured)
    asked = QUESTIONS[kind.behaviour]
    sentences.append(f"With it zeroed, {after:.1%} instead of {before:.1%} are right: {asked}.")
    if kind.also:
        whole, left = _before_and_after(kind.also, place, measured)
        sentences.append(f"Likewise {left:.1%} instead of {whole:.1%}: {QUESTIONS[kind.also]}.")
    for twin in pair:
        if place == (twin.layer, twin.head):
            sentences.append(f"With its weights on the two nouns exchanged, {twin.swapped:.1%}.")
            if abs(before - twin.swapped) <= _NO_EFFECT and abs(before - after) <= _NO_EFFECT:
                sentences.append("The picture is clear, and predictions do not rest on it.")
    if kind.idle is not None:
        resting = measured.ordinary.idle_first[kind.idle][place]
        sentences.append(f"Elsewhere {resting:.2f} is on the first token.")
    return HeadCard(layer, head, kind.title, score, guided, " ".join(sentences))


def _before_and_after(behaviour: str, place: tuple[int, int], measured: Measurements) -> tuple[float, float]:
    return measured.answers[behaviour].accuracy, float(measured.zeroed[behaviour][place])


def _grid(values: Floats) -> Grid:
    rounded = np.round(values, _DIGITS) + 0.0
    return tuple(tuple(float(value) for value in row) for row in rounded)


def main(arguments: list[str] | None = None) -> None:
    """Measure the model of a folder and write its card."""
    parser = argparse.ArgumentParser(prog="python -m attnwidget.demo_model.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder that train wrote")
    options: Any = parser.parse_args(arguments)
    torch.set_num_threads(1)
    card = make_card(options.folder)
    (options.folder / "card.json").write_text(card.to_json(), "utf-8")
    (options.folder / "MODEL_CARD.md").write_text(model_card.markdown(card), "utf-8")
    for entry in card.named_heads:
        print(f"L{entry.layer}H{entry.head} {entry.title}: {entry.text}")


if __name__ == "__main__":
    main()
