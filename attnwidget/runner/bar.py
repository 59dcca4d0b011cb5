"""The progress of a run as a tqdm bar, where there is no widget to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attnwidget.capture.steps import Progress, Step
from attnwidget.errors import MissingDependencyError
from attnwidget.runner.budget import Plan

Announce = Callable[[Plan], None]


class Bar:
    """A bar that shows the steps of one run; it appears with the first.

    Parameters
    ----------
    make : callable
        `tqdm`, or a class like it.
    """

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._bar: Any = None
        self._said = ""

    def __call__(self, done: int, total: int) -> None:
        """Draw work done of work in all."""
        self._to(done, total)

    def step(self, step: Step) -> None:
        """Draw a step, and say where the run is."""
        self._to(step.done, step.total, step.text)

    def announce(self, plan: Plan) -> None:
        """Say how long the prompt is, and what its record takes."""
        self._said = f"{plan.tokens:,} tokens, {plan.brief}"

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def _to(self, done: int, total: int, text: str = "") -> None:
        if self._bar is None:
            # Work is counted in units of cost, which mean nothing to a reader: a share, and the time.
            shown = "{l_bar}{bar}| {elapsed}{postfix}"
            self._bar = self._make(total=total, desc=self._said or None, bar_format=shown)
        self._bar.total = total
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)


@contextmanager
def showing(
    progress: bool | Progress | None, announce: Announce | None
) -> Iterator[tuple[Progress | None, Announce | None]]:
    """Yield what is to be told of a run: the callables given, or a bar.

    Parameters
    ----------
    progress : bool, callable or None
        True draws a bar.
    announce : callable or None

    Raises
    ------
    MissingDependencyError
        If a bar is wanted and tqdm is not installed.
    """
    if callable(progress):
        yield progress, announce
        return
    if not progress:
        yield None, announce
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise MissingDependencyError(
            "A progress bar needs tqdm.", "Install tqdm, or pass a function as progress."
        ) from None
    bar = Bar(tqdm)

    def both(plan: Plan) -> None:
        bar.announce(plan)
        if announce is not None:
            announce(plan)

    try:
        yield bar, both
    finally:
        bar.close()
