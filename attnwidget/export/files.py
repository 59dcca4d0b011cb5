"""Writes a file completely or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from attnwidget.errors import InputError


def write_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file; what was there before stays until the new content is complete.

    Parameters
    ----------
    path : path
        Where to; `~` stands for the home folder.
    data : bytes
        The content.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    named = Path(path).expanduser()
    # Beside what a link points to, so that the link stays one.
    target = Path(os.path.realpath(named))
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with part.open("xb") as file:
                file.write(data)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{named} could not be written: {error.strerror or error}.",
            "Pass the path of a file in a folder that exists and that you may write to.",
        ) from error
    return named
