"""Markdown tables, and their place in the README."""

from __future__ import annotations

from collections.abc import Sequence

START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are figures."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_between(text: str, new: str) -> str:
    """Return the text with what stands between the two marks replaced.

    Raises
    ------
    ValueError
        If the text does not hold each mark once, in order.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise ValueError(f"{START} and {END} must each stand once, in this order")
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{new.strip()}\n{END}{after}"
