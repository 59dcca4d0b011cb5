"""What BertViz's functions do with a view: display it, or return it as a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, cast, get_args

from attnwidget.errors import InputError, MissingDependencyError
from attnwidget.record import AttentionRecord
from attnwidget.widget import AttentionExplorer
from attnwidget.wire.schema import Theme

PAGE_BYTES = 30_000_000
"""What the snapshot in a page may take: smaller records are kept whole."""

Action: TypeAlias = Literal["view", "return"]


def check_action(action: str) -> None:
    """Raise InputError unless this is something that can be done with a view."""
    if action not in get_args(Action):
        raise InputError(
            f"html_action is {action!r}.", "Pass 'view' to display the view, 'return' to get it as HTML."
        )


def theme_of(display_mode: str) -> Theme:
    """Return the theme that BertViz calls `display_mode`; InputError if there is none."""
    if display_mode not in get_args(Theme):
        raise InputError(f"display_mode is {display_mode!r}.", "Pass 'dark', 'light', or 'auto'.")
    return cast(Theme, display_mode)


def check_numbers(given: Iterable[int], count: int, option: str, noun: str) -> list[int]:
    """Return layer or head numbers, ascending and once each; negative ones count from the last.

    Raises
    ------
    InputError
        If one does not exist.
    """
    numbers = [int(number) for number in given]
    if wrong := [number for number in numbers if not -count <= number < count]:
        raise InputError(f"{option} names {noun} {wrong[0]}.", f"There are {noun}s 0 to {count - 1}.")
    return sorted({number % count for number in numbers})


def present(record: AttentionRecord, action: str, *, runner: Any = None, **traits: Any) -> Any:
    """Display an explorer, or return it as a page.

    Parameters
    ----------
    record : AttentionRecord
        What to show.
    action : {"view", "return"}
        What to do.
    runner : ModelRunner, optional
        Runs new prompts where the explorer is displayed.
    **traits
        How it is shown.

    Returns
    -------
    IPython.display.HTML or None
        None where it was displayed.
    """
    try:
        from IPython.display import HTML, display
    except ImportError as error:
        raise MissingDependencyError("This needs IPython.", "Install it: pip install ipython.") from error
    show: Any = display
    explorer = AttentionExplorer(record, runner=runner if action == "view" else None, **traits)
    if action == "view":
        show(explorer)
        return None
    shared = explorer.share(snapshot=PAGE_BYTES)
    explorer.close()
    html: Any = HTML

    class Page(html):  # type: ignore[misc]
        """The page as its data, to be saved; displayed, it is in a frame of its own."""

        def _repr_html_(self) -> str:
            return shared.html

    return Page(shared.page)
