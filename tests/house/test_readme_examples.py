"""The README's Python examples run, in order, in one namespace."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"(<!-- not run: (?P<why>[^>]+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
BLOCKS = list(BLOCK.finditer(README.read_text(encoding="utf-8")))


def test_examples_run_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    namespace: dict[str, object] = {}
    run = [block for block in BLOCKS if not block["why"]]
    assert len(run) >= 4
    for block in run:
        exec(compile(block["code"], f"README.md, character {block.start()}", "exec"), namespace)


def test_examples_that_cannot_run_here_are_python() -> None:
    skipped = [block for block in BLOCKS if block["why"]]
    assert len(skipped) == 1
    for block in skipped:
        ast.parse(block["code"])
