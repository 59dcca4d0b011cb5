"""Tells how far a long computation is: to a function, or to a tqdm bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from attnwidget.errors import MissingDependencyError

Progress: TypeAlias = "bool | Callable[[int, int], None]"
"""True draws a bar; a function is called with how much is done, and of how much."""


@contextmanager
def telling(progress: Progress, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how much is done.

    Parameters
    ----------
    progress : bool or callable
    total : int
    unit : str
        What is counted, for the bar.

    Raises
    ------
    MissingDependencyError
        If a bar is wanted and tqdm is not installed.
    """
    if callable(progress):
        told = progress
        yield lambda done: told(done, total)
    elif progress:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise MissingDependencyError(
                "A progress bar needs tqdm.", "Install tqdm, or pass a function as progress."
            ) from None
        with tqdm(total=total, unit=unit) as bar:
            yield lambda done: bar.update(done - bar.n)
    else:
        yield lambda done: None
