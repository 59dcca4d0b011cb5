"""The front end's bundle keeps its budget: each explorer stores it in the notebook's state."""

from __future__ import annotations

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
    """Return the module's text, which the stored one carries compressed, five letters for four bytes."""
    text = (bundle / "widget.js").read_text()
    found = re.search(r'const packed="([^"]+)"', text)
    size = re.search(r"view\.buffer,0,(\d+)", text)
    assert found is not None
    assert size is not None
    digits = [ord(letter) - 40 - (letter > "<") - (letter > "\\") for letter in found[1]]
    words = (digits[at : at + 5] for at in range(0, len(digits), 5))
    packed = b"".join(
        sum(digit * 85 ** (4 - place) for place, digit in enumerate(word)).to_bytes(4, "big")
        for word in words
    )
    return gzip.decompress(packed[: int(size[1])]).decode()


def test_size(bundle: Path) -> None:
    assert 1_000 < (bundle / "widget.js").stat().st_size <= STORED
    # Packed once: what undoes the packing is not packed itself.
    assert "packed=" not in unpacked(bundle)


def test_the_live_module_is_one_piece(bundle: Path) -> None:
    module = gzip.decompress((bundle / "live.js.gz").read_bytes()).decode()
    # It is loaded from a blob, where nothing can be imported by its name.
    assert not re.search(r"\bimport\b", module)
    assert module.startswith("export default")
    assert not re.search(r"(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+", module)


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
