"""The front end's bundle keeps its budget: each explorer stores it in the notebook's state."""

from __future__ import annotations

import base64
import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

STORED = 120_000
"""Bytes of the packed module, its style sheet inside, as a notebook stores them."""


def unpacked(bundle: Path) -> str:
    """Return the module's text, which the stored one carries compressed."""
    found = re.search(r'const packed="([^"]+)"', (bundle / "widget.js").read_text())
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def test_size(bundle: Path) -> None:
    assert 1_000 < (bundle / "widget.js").stat().st_size <= STORED
    assert "createObjectURL" not in unpacked(bundle)


def test_asks_for_nothing_elsewhere(bundle: Path) -> None:
    text = unpacked(bundle)
    assert ".attnwidget{" in text
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", text))
    # Names of XML languages, which nobody fetches.
    assert addresses <= {"http://www.w3.org"}


def test_a_copy_without_it_says_so(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "attnwidget", tmp_path / "attnwidget", ignore=shutil.ignore_patterns("static"))
    code = (
        "import attnwidget as aw\n"
        "record = aw.AttentionRecord.from_attentions([[[[1.0]]]], ['a'])\n"
        "try:\n"
        "    aw.explore(record=record)\n"
        "except aw.errors.MissingDependencyError as error:\n"
        "    print(aw.__file__, error.todo)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(str(tmp_path))
    assert "make build" in shown.stdout
