"""A cell output that stays interactive without a kernel: the page in a sandboxed frame, then its picture."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnwidget.export.files import write_whole


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
            f'<iframe title="{title}" sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {self.height}px; border: 0; color-scheme: normal" '
            f'srcdoc="{html.escape(self.page)}"></iframe>'
        )
        if not self.still:
            return f'<div class="attnwidget-shared">\n{frame}\n<p>{title}</p>\n</div>\n'
        folded = ".attnwidget-shared iframe + details:not([open]) img { display: none }"
        return (
            f'<div class="attnwidget-shared">\n<style>{folded}</style>\n{frame}'
            f"<details>\n<summary>As a picture<br>\n{self.still}\n</summary>\n</details>\n</div>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page within the frame to a file; InputError if it cannot be written."""
        return write_whole(path, self.page.encode("utf-8"))

    def __repr__(self) -> str:
        return f"Shared({self.title}, {len(self.page) / 1e6:.2f} MB)"

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": repr(self)}
