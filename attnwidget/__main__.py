"""The command line: `attnwidget clean notebook.ipynb`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from attnwidget.clean import Cleaned, clean_notebook
from attnwidget.errors import AttnWidgetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line's own if not given.

    Returns
    -------
    int
        0, or 1 where `--check` found something to clean, or 2 where a file could not be cleaned.
    """
    parser = argparse.ArgumentParser(prog="attnwidget", description="An interactive attention explorer.")
    commands = parser.add_subparsers(dest="command", required=True)
    clean = commands.add_parser(
        "clean",
        help="take the widgets out of notebooks, so that GitHub shows their pictures",
        description="Takes the widgets' state, and their views where there is a picture, out of notebooks.",
    )
    clean.add_argument("notebooks", nargs="+", metavar="NOTEBOOK")
    clean.add_argument("-o", "--output", help="write here; the notebook itself is left as it is")
    clean.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if there is something"
    )
    options = parser.parse_args(arguments)
    if options.output is not None and len(options.notebooks) > 1:
        parser.error("--output takes one notebook")
    return _clean(options.notebooks, options.output, check=options.check)


def _clean(paths: Sequence[str], output: str | None, *, check: bool) -> int:
    status = 0
    for path in paths:
        try:
            done = clean_notebook(path, output, write=not check)
        except AttnWidgetError as error:
            print(f"attnwidget: {error}", file=sys.stderr)
            status = 2
            continue
        print(f"{path}: {_said(done, check)}")
        if check and done.changed:
            status = max(status, 1)
    return status


def _said(done: Cleaned, check: bool) -> str:
    said = "nothing to take out"
    if done.changed:
        verb = "would be" if check else "now"
        said = f"{done.before / 1000:,.0f} kB, {verb} {done.after / 1000:,.0f} kB"
        said += f"; {_count(done.pictures, 'picture')}"
    if done.without_picture:
        said += f"; {_count(done.without_picture, 'widget')} without a picture"
    return said


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


if __name__ == "__main__":
    sys.exit(main())
