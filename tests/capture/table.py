"""Table of families for the README: `python -m tests.capture.table [--write README.md]`."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from tests.capture.matrix import Measured, measured
from tests.capture.zoo import ZOO, Entry

BEGIN, END = "<!-- families:start -->", "<!-- families:end -->"
HEADER = ("| models | families | captured by | exact | drift |", "|---|---|---|---|---|")
ENDS = {"refused": "Refused, with a reason", "none": "No attention, said so"}


def order(value: float) -> str:
    """Write a difference as an order of magnitude."""
    return "0" if value == 0 else f"≤ 1e{math.ceil(math.log10(value))}"


def groups(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Put entries into rows: those that are exact by their group, the others by how they end."""
    rows: dict[str, list[Entry]] = {}
    for entry in entries:
        rows.setdefault(ENDS.get(measured(entry).end, entry.group), []).append(entry)
    # Whatever is not exact comes last.
    last = [name for name in ENDS.values() if name in rows]
    return {name: rows[name] for name in (*(name for name in rows if name not in last), *last)}


def line(group: str, entries: list[Entry]) -> str:
    """One row of the table."""
    found: list[tuple[Entry, Measured]] = [(entry, measured(entry)) for entry in entries]
    refused = [f"{entry.name} ({entry.why})" for entry, m in found if m.end == "refused"]
    names = ", ".join(refused or [entry.name for entry in entries])
    if all(m.end != "exact" for _, m in found):
        cells = [group, names, "", "", ""]
    else:
        routes = sorted({route for _, m in found for route in m.routes})
        drifts = [m.drift for e, m in found if e.drift is not None]
        exact = max(m.exact for _, m in found)
        cells = [group, names, ", ".join(routes), order(exact), order(max(drifts))]
    return f"| {' | '.join(cells)} |"


def families_table() -> str:
    """Return the whole table in Markdown, with the notes that it refers to."""
    rows = groups(ZOO)
    count = {end: sum(measured(entry).end == end for entry in ZOO) for end in ("exact", "refused", "none")}
    total = (
        f"{len(ZOO)} configurations: {count['exact']} exact, {count['refused']} refused, "
        f"{count['none']} without attention."
    )
    without = ", ".join(entry.name for entry in ZOO if not all(measured(entry).norms))
    notes = [f"{entry.name}: {entry.why}" for entry in ZOO if entry.drift is None]
    norms = f"Norms of values are known for all exact ones but: {without}." if without else ""
    return "\n".join((*HEADER, *(line(*row) for row in rows.items()), "", " ".join((total, norms, *notes))))


def parse(table: str) -> dict[str, str]:
    """Read the rows of a table.

    Parameters
    ----------
    table : str
        Markdown.

    Returns
    -------
    dict of str to str
        From group to the families in it, as written.
    """
    found: dict[str, str] = {}
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.strip().removeprefix("|").removesuffix("|").split("|")]
        if len(cells) == HEADER[0].count("|") - 1 and cells[0].strip("-: ") and cells[0] != "models":
            found[cells[0]] = cells[1]
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
