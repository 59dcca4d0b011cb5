"""One self-contained HTML page of an explorer: the still picture, then the bundle over a snapshot."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from attnwidget.errors import InputError, MissingDependencyError, NotRecordedError
from attnwidget.export.frame import Look
from attnwidget.export.picture import describe, picture
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.snapshot import encode
from attnwidget.wire.schema import HeadRef, State

LIMIT = 32_000_000
"""Bytes that a page may hold."""

PRESSED = 8
"""Where all is to be kept, this many numbers for each byte of the limit are too many to try."""

STYLE = """\
.attnwidget-page > p { font: 13px system-ui, sans-serif }
@media screen {
  .attnwidget-page[data-open="1"] > img { display: none }
  .attnwidget-page .attnwidget:not([data-width="narrow"]) {
    display: flex; flex-direction: column; max-height: calc(100vh - 26px);
  }
  .attnwidget-page .attnwidget:not([data-width="narrow"]) > * { flex: none }
  .attnwidget-page .attnwidget:not([data-width="narrow"]) > .aw-main { flex: 0 1 auto; min-height: 260px }
}
@media print { .attnwidget-page[data-open="1"] > img ~ div { display: none } }"""
"""The picture gives way to the explorer, on paper the explorer to the picture; low windows lower the view."""

NO_SCRIPTS = "The interactive view needs JavaScript; the picture shows how it opens."

_HERE = Path(__file__).parent


def page(service: Service, state: State, still: str, *, budget: int | None = None, limit: int = LIMIT) -> str:
    """Return an explorer as one HTML page that opens from disk, without a kernel and without a network.

    It begins with the picture, which is what is left where scripts are banned, and what is printed. Its
    content security policy lets it run its own scripts alone and connect to nothing. It can also be part of
    another page or of a notebook's output, several times.

    Parameters
    ----------
    service : Service
        Holds the record that is shown.
    state : State
        The explorer's traits: where it opens, and how.
    still : str
        The picture, from `still_of`, or an empty text.
    budget : int or None
        Bytes that the snapshot of the record may take before base64; None keeps everything.
    limit : int
        Bytes that the page may hold.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    InputError
        If the page would hold more than `limit` bytes.
    SnapshotError
        If the budget is too small for the record.
    MissingDependencyError
        If the front end has not been built.
    """
    esm = _built()
    if not esm:
        raise MissingDependencyError(
            "The front end is missing from this copy of attnwidget.", "Run `make build` in the clone."
        )
    record = service.shown
    if record is None:
        raise NotRecordedError("Nothing has run yet.", "Run a prompt first.")
    cells = sum(site.heads * site.queries * site.keys for site in record.sites)
    # What comes from a snapshot is passed on, and takes no more than that did.
    if budget is None and record.precision is None and cells > PRESSED * limit:
        raise _too_large(f"the weights of all heads alone are {cells / 1e6:,.0f} million numbers", limit)
    snapshot = encode(service, budget=budget, held=held_heads(state), query=state["selection"]["query"])
    opener = _opener()
    data = {"state": state, "snapshot": base64.b64encode(snapshot.data).decode("ascii"), "esm": esm}
    scheme = "light dark" if state["theme"] == "auto" else state["theme"]
    text = (
        f'<!doctype html>\n<html lang="en" style="color-scheme: {scheme}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(opener)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(_title(record))}</title>\n</head>\n"
        '<body style="margin: 12px auto; max-width: 1200px; padding: 0 12px">\n'
        f'<div class="attnwidget-page">\n<style>\n{STYLE}\n</style>\n'
        f"{still}\n<p>{NO_SCRIPTS}</p>\n<div></div>\n"
        f'<script type="application/json">{_json(data)}</script>\n</div>\n'
        f"<script>{opener}</script>\n</body>\n</html>\n"
    )
    if len(text) > limit:
        raise _too_large(f"it takes {len(text) / 1e6:,.0f} MB", limit)
    return text


def still_of(record: AttentionRecord, look: Look) -> str:
    """Return the picture as an `<img>` that holds it and says what it shows; empty if it cannot be drawn."""
    try:
        png, (width, height) = picture(record, look)
    except Exception as error:
        warnings.warn(f"attnwidget could not draw the still picture: {error}", stacklevel=3)
        return ""
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{source}" alt="{html.escape(describe(record, look))}" '
        f'width="{width}" height="{height}" style="max-width: 100%; height: auto">'
    )


def held_heads(state: State) -> list[HeadRef]:
    """Return the heads that matter most to who opens the page: the chosen ones, then the pinned ones."""
    site, layer = state["site"], state["layer"]
    chosen: list[HeadRef] = [{"site": site, "layer": layer, "head": head} for head in state["heads"]]
    return chosen + [pin for pin in state["pinned"] if pin not in chosen]


def _too_large(why: str, limit: int) -> InputError:
    return InputError(
        f"The page may hold {limit / 1e6:,.0f} MB, and {why}.",
        'Pass a size, such as snapshot="5 MB", or show fewer layers or a shorter prompt.',
    )


@cache
def _built() -> str:
    path = _HERE.parent / "static" / "widget.js"
    return path.read_text(encoding="utf-8") if path.exists() else ""


@cache
def _opener() -> str:
    """Return the one script of the page that is not data."""
    return (_HERE / "open.js").read_text(encoding="utf-8")


def _policy(opener: str) -> str:
    """Return what the page may do: run `opener` and what it unpacks, and show what it holds."""
    digest = base64.b64encode(hashlib.sha256(opener.encode()).digest()).decode("ascii")
    rules = {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}' blob:",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _json(data: Mapping[str, Any]) -> str:
    """Return JSON that holds nothing which could end or open an element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _title(record: AttentionRecord) -> str:
    text = " ".join(record.prompt.split())
    short = text if len(text) <= 60 else text[:59] + "…"
    # What is half a character has no form in a file.
    short = short.encode("utf-8", "replace").decode("utf-8")
    return f"Attention: {short}" if short else "Attention"
