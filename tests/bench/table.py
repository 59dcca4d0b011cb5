"""Markdown tables, and their place in the README."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Marks: TypeAlias = tuple[str, str]

START, END = MARKS = ("<!-- bench:start -->", "<!-- bench:end -->")
"""Around the tables in the README."""

LONG: Marks = ("<!-- long:start -->", "<!-- long:end -->")
"""Around those of long prompts."""


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are figures."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_between(text: str, new: str, marks: Marks = MARKS) -> str:
    """Return the text with what stands between the two marks replaced.

    Raises
    ------
    ValueError
        If the text does not hold each mark once, in order.
    """
    start, end = marks
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"{start} and {end} must each stand once, in this order")
    before, after = text.split(start)[0], text.split(end)[1]
    return f"{before}{start}\n{new.strip()}\n{end}{after}"
