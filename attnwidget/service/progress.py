"""What the status says of a run: how far it is, and how long it will still take; not too often."""

from __future__ import annotations

import time
from typing import Any, Protocol

PROGRESS_SECONDS = 0.1
"""Progress is told at most this often."""


class Tell(Protocol):
    """Tells a running run's status."""

    def __call__(self, *, done: int, total: int, message: str) -> None:
        """Tell it."""


class Telling:
    """The progress of one run.

    Runners that know nothing of steps call it with work done and work in all; `ModelRunner` tells whole
    steps, and its plan before the first.

    Parameters
    ----------
    tell : callable
        Told of progress.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = time.monotonic()
        self._kept = ""

    def __call__(self, done: int, total: int) -> None:
        """Work done, and work in all."""
        self._say(done, total, "")

    def step(self, step: Any) -> None:
        """Say which layer of which chunk is done, and how long the rest takes (`capture.steps.Step`)."""
        # Of short runs the front end counts the layers where they take no room.
        worth = self._kept or step.chunks > 1 or step.left is not None or step.predicted is not None
        self._say(step.done, step.total, step.text + self._kept if worth else "")

    def announce(self, plan: Any) -> None:
        """Say what a run takes that is worth it (`runner.budget.Plan`)."""
        if plan.large:
            self._kept = f" · {plan.brief}"
            self._tell(done=0, total=0, message=plan.text)

    def _say(self, done: int, total: int, message: str) -> None:
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._tell(done=done, total=total, message=message)
