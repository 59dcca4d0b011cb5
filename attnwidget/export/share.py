"""A cell output that stays interactive without a kernel: the page in a sandboxed frame, then its picture."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnwidget.errors import InputError, NotRecordedError
from attnwidget.export.files import write_whole
from attnwidget.export.frame import Look
from attnwidget.export.page import page, still_of
from attnwidget.export.picture import describe
from attnwidget.service import Service
from attnwidget.snapshot.budget import budget_of
from attnwidget.wire.schema import State

FRAME = 250
"""Height of what stands around the view in a frame of 780 CSS pixels or wider; narrower ones scroll."""

CHIPS = 34
"""Height of another row of heads."""


STYLE = """\
[data-jp-theme-light="true"] .attnwidget-shared iframe { color-scheme: light }
:is([data-jp-theme-light="false"], [theme="dark"], [data-theme="dark"]) .attnwidget-shared iframe
  { color-scheme: dark }
.attnwidget-shared iframe + details span,
.attnwidget-shared iframe + details:not([open]) img { display: none }"""
"""Of the output: the page within follows the host's theme; beside the frame its picture is folded."""


@dataclass(frozen=True, repr=False)
class Shared:
    """An explorer as the output of a cell; displayed, it needs neither a kernel nor a network.

    Attributes
    ----------
    page : str
        The page within the frame: one self-contained HTML document.
    title : str
        One line that says what is shown.
    still : str
        The picture as an `<img>` element, or an empty text.
    height : int
        Height of the frame in CSS pixels.
    """

    page: str
    title: str
    still: str
    height: int

    @property
    def html(self) -> str:
        """The output: a sandboxed frame that holds the page, and the picture.

        Beside the frame the picture is shown when its line is opened; where frames are taken out, at once.
        """
        title = html.escape(self.title)
        frame = (
            f'<iframe title="{title}" sandbox="allow-scripts allow-downloads" allow="clipboard-write" '
            f'style="width: 100%; height: {self.height}px; border: 0" '
            f'srcdoc="{html.escape(self.page)}"></iframe>'
        )
        picture = (
            f"<details>\n<summary>As a picture<span>; interactive where this notebook is trusted</span><br>\n"
            f"{self.still}\n</summary>\n</details>\n"
            if self.still
            else ""
        )
        return f'<div class="attnwidget-shared">\n<style>\n{STYLE}\n</style>\n{frame}{picture}</div>\n'

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page within the frame to a file; InputError if it cannot be written."""
        return write_whole(path, self.page.encode("utf-8"))

    def __repr__(self) -> str:
        return f"Shared({self.title}, {len(self.page) / 1e6:.2f} MB)"

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}


def shared(
    service: Service, state: State, look: Look, *, snapshot: int | str, height: int | None = None
) -> Shared:
    """Return what a service shows as a cell output.

    Parameters
    ----------
    service : Service
        Holds the record.
    state : State
        The explorer's traits.
    look : Look
        What the picture shows.
    snapshot : "auto", "full", int or str
        How much of the record is kept.
    height : int, optional
        Height of the frame in CSS pixels; by default the whole explorer fits.

    Returns
    -------
    Shared

    Raises
    ------
    InputError, SnapshotError, MissingDependencyError
        As `page`.
    """
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    try:
        budget = budget_of(snapshot)
    except InputError as error:
        raise InputError(error.what, 'Pass "auto", "full", or a size such as "500 kB".') from None
    still = still_of(record, look)
    text = page(service, state, still, budget=budget)
    if height is None:
        heads = max(site.heads for site in record.sites)
        height = state["height"] + FRAME + CHIPS * min(2, heads // 16)
    return Shared(text, describe(record, look), still, height)
