"""Says how far a long measurement is: to a function of the caller's, or with a tqdm bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from attnwidget.errors import MissingDependencyError

Progress: TypeAlias = bool | Callable[[int, int], None]
"""True draws a bar; a function is called with how much is done, and of how much."""


@contextmanager
def counting(progress: Progress, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how much more is done.

    Parameters
    ----------
    progress : bool or function
    total : int
    unit : str
        Of what, in the bar.

    Raises
    ------
    MissingDependencyError
        If there is to be a bar and tqdm is not installed.
    """
    if progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise MissingDependencyError(
                "A progress bar needs tqdm, which is not installed.",
                "Run pip install tqdm, or pass a function as progress.",
            ) from None
        with tqdm(total=total, unit=unit) as bar:
            yield bar.update
        return
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if callable(progress):
            progress(done, total)

    yield tell
