"""Table of places where shared work is opened: `python -m tests.sharing.table [--write README.md]`.

A row is what a test marked `shows(place, what the reader gets)` asserts; CI runs all of them. Places that
were only read about are listed in `read_only.json`, with the source, and say so.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

BEGIN, END = "<!-- sharing:start -->", "<!-- sharing:end -->"
HEADER = ("| where it is opened | what the reader gets | how it was checked |", "|---|---|---|")
READ_ONLY = Path(__file__).parent / "read_only.json"
ORDER = (
    "JupyterLab, trusted",
    "JupyterLab, untrusted",
    "JupyterLab",
    "nbconvert",
    "myst-nb",
    "a file",
    "a page",
    "marimo",
    "GitHub",
)
"""Places begin with these, in this order; others follow by name."""


class TableError(ValueError):
    """A mark cannot be read, or a page has no place for the table."""


@dataclass(frozen=True)
class Shown:
    """What one marked test asserts.

    Parameters
    ----------
    place, reader : str
        Where it is opened, and what the reader gets.
    test : str
        The test's file, relative to the repository.
    how : str
        First line of that file's docstring.
    """

    place: str
    reader: str
    test: str
    how: str


def marked(source: str, test: str) -> Iterator[Shown]:
    """Read the marks of a test file.

    Parameters
    ----------
    source : str
        Its text; nothing of it is run.
    test : str
        Its path.

    Yields
    ------
    Shown
        One for each mark, in order.

    Raises
    ------
    TableError
        A mark that is not two texts.
    """
    tree = ast.parse(source)
    how = (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.shows":
            try:
                place, reader = (ast.literal_eval(argument) for argument in node.args)
            except ValueError:
                raise TableError(f"{test}:{node.lineno}: shows() takes two literal texts") from None
            yield Shown(place, reader, test, how)


def every_mark(root: Path = ROOT) -> list[Shown]:
    """Return what all tests of the repository assert."""
    files = sorted((root / "tests").rglob("test_*.py"))
    texts = ((path, path.read_text(encoding="utf-8")) for path in files)
    return [
        shown
        for path, text in texts
        if "mark.shows(" in text
        for shown in marked(text, path.relative_to(root).as_posix())
    ]


def _rank(place: str) -> tuple[int, str]:
    found = [number for number, start in enumerate(ORDER) if place.startswith(start)]
    return (found[0] if found else len(ORDER), place)


def sharing_table(shown: Iterable[Shown]) -> str:
    """Return the table in Markdown: what was tried, then what was only read about."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for item in shown:
        rows.setdefault((item.place, item.reader), {})[item.test] = item.how
    lines = [
        f"| {place} | {reader} | {'; '.join(f'[{how}]({test})' for test, how in tests.items())} |"
        for (place, reader), tests in sorted(rows.items(), key=lambda row: _rank(row[0][0]))
    ]
    lines += [
        f"| {item['place']} | {item['reader']} | [read, not tried]({item['source']}) |"
        for item in json.loads(READ_ONLY.read_text(encoding="utf-8"))
    ]
    return "\n".join((*HEADER, *lines))


def table_in(page: str) -> str:
    """Return what stands between the marks of a page; TableError where they are not there."""
    _, begin, rest = page.partition(BEGIN)
    table, end, _ = rest.partition(END)
    if not begin or not end:
        raise TableError(f"The page has no {BEGIN} ... {END}.")
    return table.strip("\n")


def between(page: str, made: str) -> str:
    """Return the page with the table between its marks."""
    table_in(page)
    before, after = page.split(BEGIN, 1)[0], page.split(END, 1)[1]
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(prog="python -m tests.sharing.table")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put it between the marks of a page")
    options = parser.parse_args()
    made = sharing_table(every_mark())
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(between(text, made), encoding="utf-8")
    else:
        sys.stdout.write(made + "\n")


if __name__ == "__main__":
    main()
