"""The README's table of sharing is what the marked tests assert, and a marked test cannot go unrun."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.sharing.table import (
    BEGIN,
    END,
    READ_ONLY,
    Shown,
    TableError,
    between,
    every_mark,
    marked,
    sharing_table,
    table_in,
)

FILE = '''"""A browser opens it.

More."""
import pytest

@pytest.mark.shows("a page", "lines")
@pytest.mark.shows("a book", "lines")
def test_it():
    pass
'''


def test_readme_has_what_the_tests_assert() -> None:
    made = sharing_table(every_mark())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table_in(readme) == made, "Run `python -m tests.sharing.table --write README.md`."


def test_rows_come_from_marks() -> None:
    found = list(marked(FILE, "tests/test_it.py"))
    assert found == [
        Shown(place, "lines", "tests/test_it.py", "A browser opens it") for place in ("a page", "a book")
    ]
    table = sharing_table([*found, Shown("a page", "lines", "tests/test_b.py", "So does another")])
    assert (
        "| a page | lines | [A browser opens it](tests/test_it.py); [So does another](tests/test_b.py) |"
        in table.splitlines()
    )
    assert table.count("| [read, not tried](https://") == READ_ONLY.read_text().count('"place"') > 0
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert table_in(between(page, table)) == table
    assert between(page, table).startswith("before\n")
    assert between(page, table).endswith("\nafter\n")


@pytest.mark.parametrize("arguments", ["'one'", "'one', name", ""])
def test_a_mark_is_two_texts(arguments: str) -> None:
    source = f"@pytest.mark.shows({arguments})\ndef test_it(): ..."
    with pytest.raises(TableError, match=r"a\.py:1"):
        list(marked(source, "a.py"))


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(TableError, match="has no"):
        between("text", "table")
