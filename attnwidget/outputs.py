"""What an explorer is saved as: one HTML file, a cell output of its own, a picture."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from attnwidget.export import Look, Shared
from attnwidget.export.image import check_paper, check_width, view_named, write_image
from attnwidget.export.share import shared
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.wire.schema import State, View


class Outputs:
    """The part of an explorer that writes what it shows; it reads the traits and changes nothing."""

    _service: Service
    _shown: AttentionRecord | None

    def _ready(self) -> AttentionRecord:
        """Return what is shown, as it is read; waits for the first run."""
        raise NotImplementedError

    def save_html(self, path: str | os.PathLike[str], *, snapshot: int | str = "full") -> Path:
        """Save the explorer as one HTML file that opens from disk, without a kernel and without a network.

        Parameters
        ----------
        path : path
            The file; one that exists is replaced.
        snapshot : "full", "auto", int or str
            "full" keeps everything; a size such as "500 kB" bounds what is kept of the record, as stored, and
            "auto" stands for 1 MB. The page says how exact its numbers are.

        Returns
        -------
        Path

        Raises
        ------
        InputError
            If the file cannot be written, or the page would be too large.

        Examples
        --------
        >>> import attnwidget as aw
        >>> import tempfile, pathlib
        >>> ex = aw.explore("The cat sat.")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = ex.save_html(pathlib.Path(folder) / "cat.html")
        ...     path.stat().st_size < 1_000_000
        True
        """
        return self._shared(snapshot).save(path)

    def share(self, *, snapshot: int | str = "auto", height: int | None = None) -> Shared:
        """Return the explorer as a cell output that stays interactive without a kernel.

        Displayed, it is a sandboxed frame that holds the same page as `save_html` writes; where frames are
        taken out (a notebook that is not trusted, GitHub, e-mail) its picture is left.

        Parameters
        ----------
        snapshot : "auto", "full", int or str
            As in `save_html`.
        height : int, optional
            Height of the frame in CSS pixels; by default the whole explorer fits.

        Returns
        -------
        Shared

        Examples
        --------
        >>> import attnwidget as aw
        >>> shared = aw.explore("The cat sat.").share()
        >>> len(shared.html) < 1_000_000
        True
        """
        return self._shared(snapshot, height)

    def save_image(
        self,
        path: str | os.PathLike[str],
        *,
        view: str | None = None,
        width: float = 7.2,
        dpi: float = 300,
        theme: str = "light",
        transparent: bool = False,
        caption: bool = True,
    ) -> Path:
        """Write what the explorer shows as a picture for a paper or a talk.

        Letters keep their size whatever the width, so that a picture of 3.5 inches fits a column of a paper
        (89 mm) and one of 7.2 inches its page (183 mm), both unscaled. SVG and PDF are lines and real text.

        Parameters
        ----------
        path : str or path
            Ends in .png, .svg or .pdf.
        view : {"head", "model", "matrix", "neuron", "text", "metrics"}, optional
            The view on screen if not given; "heads" is another name of "metrics".
        width : float
            Inches, 2 to 40.
        dpi : float
            Pixels per inch of a PNG.
        theme : {"light", "dark"}
            The paper.
        transparent : bool
            Leave the paper out.
        caption : bool
            Draw the heading (model, layer, heads, prompt) and the notes (what is held, how exact, what is
            left out). Without them the file's own description still says the same.

        Returns
        -------
        Path
            The file. The same view gives the same bytes.

        Raises
        ------
        InputError
            If the ending, the view, the width, the theme or the dpi is another.

        Examples
        --------
        >>> import attnwidget as aw, pathlib, tempfile
        >>> ex = aw.explore("The cat sat.")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = ex.save_image(pathlib.Path(folder) / "cat.svg", view="matrix", width=3.5)
        ...     "sat" in path.read_text(encoding="utf-8")
        True
        """
        record = self._ready()
        shown = view_named(view or self._view_state()["view"])
        look = replace(
            self._look(shown), dark=check_paper(theme), width=72 * check_width(width), caption=caption
        )
        return write_image(record, look, path, dpi=dpi, transparent=transparent)

    def _view_state(self) -> State:
        """Return what is on screen and how, by name."""
        return cast(State, {name: getattr(self, name) for name in State.__annotations__})

    def _shared(self, snapshot: int | str, height: int | None = None) -> Shared:
        self._ready()
        return shared(self._service, self._view_state(), self._look(), snapshot=snapshot, height=height)

    def _look(self, view: View | None = None) -> Look:
        traits = self._view_state()
        view = view or traits["view"]
        measures = view == "metrics" or (
            view == "model" and (traits["order"] == "metric" or traits["cut"] is not None)
        )
        named = {field.name for field in fields(Look)}
        same = {name: value for name, value in traits.items() if name in named}
        return Look(
            **cast(Any, same)
            | {
                "view": view,
                "heads": tuple(traits["heads"]),
                "pinned": tuple(traits["pinned"]),
                "query": traits["selection"]["query"],
                "key": traits["selection"]["key"],
                "dark": traits["theme"] == "dark",
                "measured": self._service.metrics(traits["site"]) if measures else None,
            }
        )
