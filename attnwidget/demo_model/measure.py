"""Measures the embedded model: attention scores of heads, accuracies, knock-outs and row swaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from attnwidget.demo_model import corpus, suites
from attnwidget.demo_model.document import Job
from attnwidget.demo_model.probe import Outcome, Probe
from attnwidget.demo_model.suites import Suite

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """Where every head looks, averaged over the questions of a suite.

    Attributes
    ----------
    key : float64 array [layers, heads]
        Mean weight on the right key.
    top : float64 array [layers, heads]
        Share of the questions whose right key has the largest weight of the whole row, the first token
        included.
    count : int
        Number of questions.
    """

    key: Floats
    top: Floats
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How well a suite's predictions are answered.

    Attributes
    ----------
    accuracy : float
        Share of the questions answered rightly.
    log_odds : float
        Mean of log p(right) - log p(wrong), natural logarithm.
    count : int
        Number of questions.
    """

    accuracy: float
    log_odds: float
    count: int


def look(suite: Suite, outcome: Outcome) -> Look:
    """Average the attention of every head over the questions that say where to look."""
    asked = [(q.text, q.query, q.key) for q in suite.questions if q.query is not None and q.key is not None]
    text, query, key = np.asarray(asked).T
    # numpy puts the two indexed axes first: [questions, layers, heads, keys]
    rows = outcome.weights[:, text, :, query]
    on_key = rows[np.arange(len(asked)), :, :, key]
    top = rows.argmax(-1) == key[:, None, None]
    return Look(on_key.mean(0, np.float64), top.mean(0, np.float64), len(asked))


def answer(suite: Suite, outcome: Outcome) -> Answer:
    """Judge the predictions that the suite's questions ask for."""
    right = []
    odds = []
    for question in suite.questions:
        if question.at is None:
            continue
        log = outcome.log_probabilities[question.text, question.at].astype(np.float64)
        good = np.logaddexp.reduce(log[list(question.right)])
        if question.wrong:
            bad = np.logaddexp.reduce(log[list(question.wrong)])
            right.append(good > bad)
        else:
            others = np.delete(log, list(question.right))
            bad = np.logaddexp.reduce(others)
            right.append(log.argmax() in question.right)
        odds.append(good - bad)
    return Answer(float(np.mean(right)), float(np.mean(odds)), len(right))


def every_head(probe: Probe) -> Iterator[tuple[int, int]]:
    """Yield (layer, head) of every head."""
    for layer in range(probe.layers):
        for head in range(probe.heads):
            yield layer, head


def knock_outs(probe: Probe, suite: Suite) -> Floats:
    """Return the suite's accuracy with each head zeroed in turn, [layers, heads]."""
    accuracy = np.zeros((probe.layers, probe.heads))
    for layer, head in every_head(probe):
        with probe.zeroed(layer, head):
            accuracy[layer, head] = answer(suite, probe.run(suite.ids)).accuracy
    return accuracy


def swapped(probe: Probe, suite: Suite, layer: int, head: int) -> Answer:
    """Judge the predictions after one row of one head was edited in every text.

    The row is the query's; the weights on the right key and on the distractor change places, all else stays.
    """
    questions = suite.questions

    places = np.asarray([(question.key, question.distractor) for question in questions], np.int64)

    def swap(number: int, row: NDArray[np.float32]) -> NDArray[np.float32]:
        edited = row.copy()
        edited[places[number]] = row[places[number][::-1]]
        return edited

    queries = [question.query for question in questions if question.query is not None]
    return answer(suite, probe.run_edited(suite.ids, queries, layer, head, swap))


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What heads do on mixed held-out text.

    Attributes
    ----------
    previous : float64 array [layers, heads]
        Mean weight on the token before, over all queries that have one.
    first : float64 array [layers, heads]
        Mean weight on the first token, over the queries for which it is not the token before.
    idle_first : dict of Job to float64 array [layers, heads]
        Mean weight on the first token where a head with that job has nothing to do.
    knocked_loss : float64 array [layers, heads]
        Rise of the mean next-token loss (nats per token) when a head is zeroed.
    loss : float
        Mean next-token loss, nats per token, weighted as in training.
    """

    previous: Floats
    first: Floats
    idle_first: dict[Job, Floats]
    knocked_loss: Floats
    loss: float


def ordinary(probe: Probe, rows: int = 32, length: int = 100, seed: int = 8) -> Ordinary:
    """Measure heads on rows of mixed documents that training never saw."""
    batch = corpus.batch(Random(seed), rows, length, held_out=True)
    texts = batch.ids.tolist()
    outcome = probe.run(texts, weights=True)
    weights = outcome.weights
    previous = np.diagonal(weights, offset=-1, axis1=-2, axis2=-1).mean((1, 3))
    idle = {}
    for job in Job:
        row, query = np.nonzero(batch.rests[job])
        idle[job] = weights[:, row, :, query, 0].mean(0).astype(np.float64)
    loss = _loss(batch, outcome)
    rise = np.zeros((probe.layers, probe.heads))
    for layer, head in every_head(probe):
        with probe.zeroed(layer, head):
            rise[layer, head] = _loss(batch, probe.run(texts)) - loss
    first = weights[..., 2:, 0].mean((1, 3))
    return Ordinary(previous.astype(np.float64), first.astype(np.float64), idle, rise, loss)


def _loss(batch: corpus.Batch, outcome: Outcome) -> float:
    targets = batch.ids[:, 1:, None]
    picked = np.take_along_axis(outcome.log_probabilities[:, :-1], targets, -1)[..., 0]
    weights = batch.weights[:, 1:]
    return float(-(picked * weights).sum() / weights.sum())


def behaviour_suites() -> dict[str, Suite]:
    """Return the suite of every behaviour."""
    return {name: make() for name, make in suites.BEHAVIOURS.items()}
