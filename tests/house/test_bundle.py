"""The front end's bundle keeps its budget: each explorer stores it in the notebook's state."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

MINIFIED = 150_000
GZIPPED = 50_000


def test_size(bundle: Path) -> None:
    files = [bundle / "widget.js", bundle / "widget.css"]
    minified = sum(file.stat().st_size for file in files)
    gzipped = sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files)
    assert 1_000 < minified <= MINIFIED
    assert gzipped <= GZIPPED


def test_asks_for_nothing_elsewhere(bundle: Path) -> None:
    text = (bundle / "widget.js").read_text() + (bundle / "widget.css").read_text()
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", text))
    # Names of XML languages, which nobody fetches.
    assert addresses <= {"http://www.w3.org"}
