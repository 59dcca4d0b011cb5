"""Table of families for the README: `python -m tests.capture.table [--write README.md]`."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path

from tests.capture.families import FAMILIES, Outcome, measure

BEGIN, END = "<!-- families:start -->", "<!-- families:end -->"
HEADER = (
    "| family | class | route | heads / key-value heads | exact | drift | fidelity |",
    "|---|---|---|---|---|---|---|",
)


def order(value: float) -> str:
    """Write a difference as an order of magnitude."""
    return "0" if value == 0 else f"≤ 1e{math.ceil(math.log10(value))}"


def line(outcome: Outcome) -> str:
    """One row of the table."""
    family = outcome.family
    drift = order(outcome.drift) if family.drift is not None else f"{outcome.drift:.1f} (see note)"
    cells = (
        family.name,
        f"`{family.model.__name__}`",
        ", ".join(outcome.routes),
        f"{outcome.heads} / {outcome.kv_heads}",
        order(outcome.exact),
        drift,
        order(outcome.fidelity),
    )
    return f"| {' | '.join(cells)} |"


def families_table() -> str:
    """Return the whole table in Markdown, with the notes that it refers to."""
    rows = [line(measure(family)[0]) for family in FAMILIES]
    notes = [f"{family.name}: {family.why}" for family in FAMILIES if family.drift is None]
    return "\n".join((*HEADER, *rows, "", *notes))


def parse(table: str) -> dict[str, str]:
    """Read family names and routes out of a table.

    Parameters
    ----------
    table : str
        Markdown.

    Returns
    -------
    dict of str to str
        From family to what it is captured by.
    """
    found: dict[str, str] = {}
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        full = row.strip().startswith("|") and len(cells) == HEADER[0].count("|") - 1
        if full and cells[0] != "family" and cells[0].strip("-: "):
            found[cells[0]] = cells[2]
    return found


def between(page: str, made: str) -> str:
    """Put a table between the marks of a page."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"The page has no {BEGIN} ... {END}.")
    return f"{before}{begin}\n{made}\n{end}{after}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    made = families_table()
    if sys.argv[1:2] == ["--write"]:
        page = Path(sys.argv[2])
        page.write_text(between(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    else:
        sys.stdout.write(made + "\n")
