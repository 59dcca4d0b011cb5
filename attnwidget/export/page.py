"""One self-contained HTML page of an explorer: the still picture, then the bundle over recorded replies."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from attnwidget.errors import InputError, MissingDependencyError
from attnwidget.export.frame import Look
from attnwidget.export.picture import describe, picture
from attnwidget.export.recording import Recording, record_replies
from attnwidget.record import AttentionRecord
from attnwidget.service.service import IDLE
from attnwidget.wire.patterns import COMPAND_ERROR
from attnwidget.wire.schema import PROTOCOL, HeadNote, State

LIMIT = 32_000_000
"""Bytes that a page may hold."""

FRAME = 330
"""Height of a frame around a page, without that of the view: CSS pixels."""

_HERE = Path(__file__).parent


def page(
    record: AttentionRecord,
    state: State,
    *,
    head_notes: Sequence[HeadNote] = (),
    esm: str | None = None,
    limit: int = LIMIT,
) -> str:
    """Return an explorer as one HTML page that opens from disk, without a kernel and without a network.

    Every pane works on what was recorded; a new prompt needs a kernel, and the page says so. It can also be
    part of another page or of a notebook's output, several times.

    Parameters
    ----------
    record : AttentionRecord
        What to show.
    state : State
        The explorer's traits: where it opens, and how.
    head_notes : sequence of HeadNote
        What is known about the model's heads.
    esm : str, optional
        The front end's module; the one that comes with the package by default.
    limit : int
        Bytes that the page may hold.

    Returns
    -------
    str
        HTML. Weights are exact float32 in small records, and 8-bit (within 0.004) in larger ones; the page
        says which.

    Raises
    ------
    InputError
        If the page would hold more than `limit` bytes.
    MissingDependencyError
        If the front end has not been built.

    Examples
    --------
    >>> import attnwidget as aw
    >>> from attnwidget.export.page import page
    >>> from attnwidget.wire.schema import State
    >>> ex = aw.explore("The cat sat.")
    >>> text = page(ex.record, {name: getattr(ex, name) for name in State.__annotations__})
    >>> len(text) < 500_000
    True
    """
    esm = _built() if esm is None else esm
    if not esm:
        raise MissingDependencyError(
            "The front end is missing from this copy of attnwidget.", "Run `make build` in the clone."
        )
    recording = record_replies(record, head_notes, limit=limit)
    shown = {
        **state,
        "protocol": PROTOCOL,
        "record_id": recording.header["open"]["record"],
        "can_run": False,
        "status": IDLE,
        "words": False,
        "weighting": "weights",
    }
    packed = _pack({**recording.header, "state": shown, "esm": esm}, recording.arrays)
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    name = hashlib.sha256(packed.encode()).hexdigest()[:12]
    look = look_of(state)
    scheme = "light dark" if state["theme"] == "auto" else state["theme"]
    text = (
        f'<!doctype html>\n<html lang="en" style="color-scheme: {scheme}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(_title(record))}</title>\n</head>\n"
        '<body style="margin: 12px auto; max-width: 1200px; padding: 0 12px">\n'
        f'<div data-attnwidget-page="{name}">\n'
        f"{still(record, look)}\n<div></div>\n{_note(recording)}\n"
        f'<script type="text/plain">{packed}</script>\n</div>\n'
        f"<script>\n{script}openPage({json.dumps(name)});\n</script>\n"
        "</body>\n</html>\n"
    )
    if len(text) > limit:
        raise too_large(len(text), limit)
    return text


def too_large(size: int, limit: int) -> InputError:
    """Say that a page would hold too much, and how it can hold less."""
    return InputError(
        f"The page would hold about {size / 1e6:,.0f} MB, and may hold {limit / 1e6:,.0f} MB.",
        "Show fewer layers (include_layers=[...]) or a shorter prompt.",
    )


def look_of(state: State) -> Look:
    """Return what a still picture has to know of an explorer's traits."""
    names = {field.name for field in fields(Look)}
    known = {name: value for name, value in state.items() if name in names}
    selection = state["selection"]
    known |= {"query": selection["query"], "key": selection["key"], "dark": state["theme"] == "dark"}
    return Look(**cast(Any, known | {"heads": tuple(state["heads"])}))


def _built() -> str:
    path = _HERE.parent / "static" / "widget.js"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _pack(header: dict[str, Any], arrays: Sequence[bytes | memoryview]) -> str:
    """Return base64 of gzip of: length of the header (4 bytes), header (JSON), arrays one after the other."""
    header = {**header, "lengths": [memoryview(array).nbytes for array in arrays]}
    # What Python writes for infinity and for what is no number, a browser does not read.
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    whole = b"".join([len(text).to_bytes(4, "little"), text, *arrays])
    return base64.b64encode(gzip.compress(whole, mtime=0)).decode("ascii")


def _title(record: AttentionRecord) -> str:
    text = " ".join(record.prompt.split())
    short = text if len(text) <= 60 else text[:59] + "…"
    return f"Attention: {short}" if short else "Attention"


def still(record: AttentionRecord, look: Look) -> str:
    """Return the picture that is there before any script runs, or an empty text."""
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


def _note(recording: Recording) -> str:
    """Return the line under the explorer: what kind of numbers these are."""
    said = ["A recording made with attnwidget."]
    if recording.exact:
        said.append("Weights are exact float32.")
    else:
        said.append(f"Weights are 8-bit: each within {COMPAND_ERROR:.3f} of the recorded one.")
        if recording.terms:
            said.append(
                "The row of a token that is pointed at is computed exactly from its query and the keys."
            )
    if recording.terms is False:
        said.append("Queries and keys are left out, they are too large for a page.")
    said.append("A new prompt needs a notebook.")
    style = "font: 12px system-ui, sans-serif; opacity: 0.75; margin: 8px 2px"
    return f'<p style="{style}" hidden>{" ".join(said)}</p>'
