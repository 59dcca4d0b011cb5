"""How far a run is: layers and chunks weighted by what they cost, with an estimate of the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_TRUSTED_AFTER = 1.0
"""Seconds of work before an estimate is made."""
_KEYS_PER_TOKEN = 1000
"""What a token costs a layer beside attention, in keys attended to; the run itself corrects it."""


@dataclass(frozen=True)
class Step:
    """One layer of one chunk is done.

    Attributes
    ----------
    done, total : int
        Work done and work in all, in units of cost: layers, where the prompt runs in one piece.
    layer, layers : int
        Layers done of this chunk, and layers in all.
    chunk, chunks : int
        Which chunk this is, counted from 1, of how many.
    left : float or None
        Seconds that the rest will take, as fitted to the steps so far; None as long as that is a guess.
    predicted : float or None
        Once all layers are done: the share of positions whose predictions are computed.
    """

    done: int
    total: int
    layer: int
    layers: int
    chunk: int = 1
    chunks: int = 1
    left: float | None = None
    predicted: float | None = None

    @property
    def text(self) -> str:
        """Say it: "layer 7 of 24, chunk 3 of 8, about 40 s left"."""
        if self.predicted is not None:
            return f"next tokens, {self.predicted:.0%}".replace("%", " %")
        said = [f"layer {self.layer} of {self.layers}"]
        if self.chunks > 1:
            said.append(f"chunk {self.chunk} of {self.chunks}")
        if self.left:
            said.append(f"{time_text(self.left)} left")
        return ", ".join(said)


Progress = Callable[[int, int], None]
"""Told work done and work in all. If it has a method `step`, that is called instead, with a `Step`."""


def tell(progress: Progress | None, step: Step) -> None:
    """Tell a progress callable about a step, in full if it has a method `step`."""
    if progress is None:
        return
    whole: Any = getattr(progress, "step", None)
    if whole is None:
        progress(step.done, step.total)
    else:
        whole(step)


def time_text(seconds: float) -> str:
    """Write an estimated duration for a person: "about 40 s", "about 3 min"."""
    if seconds < 2:
        return "about 1 s"
    if seconds < 10:
        return f"about {seconds:.0f} s"
    if seconds < 95:
        return f"about {round(seconds, -1):.0f} s" if seconds >= 15 else f"about {5 * round(seconds / 5)} s"
    return f"about {seconds / 60:.0f} min"


class Work:
    """Counts the layers of each chunk of a run.

    A layer's time is a x tokens + b x tokens x keys; both are fitted to the steps that are done.

    Parameters
    ----------
    chunks : sequence of int
        Tokens of each chunk.
    layers : int
        Layers of each.
    progress : callable or None
        Told after each layer; see `Progress`.
    clock : callable
        Seconds, for tests.
    """

    def __init__(
        self,
        chunks: Sequence[int],
        layers: int,
        progress: Progress | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chunks, self._layers = tuple(chunks), layers
        self._ends = [sum(chunks[: at + 1]) for at in range(len(chunks))]
        self._progress, self._clock = progress, clock
        self._begun = self._told = clock()
        self._chunk = 0
        self._done = self._steps = 0
        # Sums of the least squares fit of time to (tokens, tokens x keys).
        self._aa = self._ab = self._bb = self._at = self._bt = 0.0

    def begin(self, chunk: int) -> None:
        """Go on with a chunk, counted from 0."""
        self._chunk, self._done = chunk, 0

    def did(self, layers: int) -> None:
        """So many layers of this chunk are done."""
        new, self._done = layers - self._done, layers
        self._layers = max(self._layers, layers)
        now = self._clock()
        spent, self._told = now - self._told, now
        # The first step is slower than its like: memory is taken, threads are started.
        if new > 0 and self._steps > 0:
            a, b = self._features(self._chunk)
            self._aa += new * a * a
            self._ab += new * a * b
            self._bb += new * b * b
            self._at += a * spent
            self._bt += b * spent
        self._steps += 1
        step = Step(
            done=round(self._before(self._chunk) + self._done * self._cost(self._chunk)),
            total=round(self._before(len(self._chunks))),
            layer=self._done,
            layers=self._layers,
            chunk=self._chunk + 1,
            chunks=len(self._chunks),
            left=self._left(now),
        )
        tell(self._progress, step)

    def _features(self, chunk: int) -> tuple[float, float]:
        tokens = self._chunks[chunk]
        return float(tokens), float(tokens) * self._ends[chunk]

    def _cost(self, chunk: int) -> float:
        if len(self._chunks) == 1:
            return 1.0
        linear, quadratic = self._features(chunk)
        return linear + quadratic / _KEYS_PER_TOKEN

    def _before(self, chunk: int) -> float:
        return sum(self._layers * self._cost(at) for at in range(chunk))

    def _left(self, now: float) -> float | None:
        if now - self._begun < _TRUSTED_AFTER or self._at <= 0:
            return None
        a, b = self._fit()
        left = 0.0
        for chunk in range(self._chunk, len(self._chunks)):
            linear, quadratic = self._features(chunk)
            todo = self._layers - (self._done if chunk == self._chunk else 0)
            left += max(0, todo) * (a * linear + b * quadratic)
        return left

    def _fit(self) -> tuple[float, float]:
        """Seconds per token and per token and key: least squares, neither below zero."""
        determinant = self._aa * self._bb - self._ab**2
        if determinant > 1e-6 * self._aa * self._bb:
            a = (self._at * self._bb - self._bt * self._ab) / determinant
            b = (self._bt * self._aa - self._at * self._ab) / determinant
            if a >= 0 and b >= 0:
                return a, b
            return (self._at / self._aa, 0.0) if b < 0 else (0.0, self._bt / self._bb)
        # One chunk tells nothing about the share of attention: take the usual one.
        ratio = 1 / _KEYS_PER_TOKEN
        scale = self._at / (self._aa + ratio * self._ab)
        return scale, ratio * scale
