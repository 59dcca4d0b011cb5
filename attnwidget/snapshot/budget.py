"""How much of a record a notebook or a page may keep: "auto", a size, or everything."""

from __future__ import annotations

from attnwidget.errors import InputError
from attnwidget.runner.cache import parse_bytes

AUTO_BYTES = 1_000_000
"""What "auto" stands for: bytes as stored, in base64."""


def budget_of(option: int | str) -> int | None:
    """Return how many bytes a snapshot may have.

    Parameters
    ----------
    option : int or str
        "auto", "full", or how many bytes it may take once it is stored: a number, or a size such as "500 kB".

    Returns
    -------
    int or None
        Bytes before base64 makes four of three; None is no limit.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if option == "full":
        return None
    size = AUTO_BYTES if option == "auto" else parse_bytes(option)
    if size < 1:
        raise InputError("A snapshot of no bytes holds nothing.", 'Give a size such as "500 kB".')
    return size * 3 // 4
