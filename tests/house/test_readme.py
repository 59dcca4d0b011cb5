"""The README's two commands do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.lab import LabServer

MAKE = ["make", "-s", "-C", str(ROOT), f"VENV={sys.prefix}"]


def first_block() -> list[str]:
    """Return the lines of the README's first block of commands."""
    match = re.search(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert match is not None
    return match[1].splitlines()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


def test_first_block_is_two_commands_that_exist() -> None:
    commands = first_block()
    assert len(commands) == 2
    targets = [command.split()[1] for command in commands if command.startswith("make ")]
    assert "demo" in targets
    for target in targets:
        subprocess.run([*MAKE, "-n", target], check=True, capture_output=True)


BADGE = "() => document.querySelector('img[alt=\"Open in Colab\"]').naturalWidth > 0"


@pytest.mark.e2e
@pytest.mark.release
@pytest.mark.timeout(600)
def test_demo_draws(bundle: Path, browser: Browser) -> None:
    with LabServer(ROOT, [*MAKE, "demo"]) as lab:
        notebook = lab.open(browser, "notebooks/quickstart.ipynb")
        notebook.run_all()
        explorer = notebook.page.locator(".attnwidget[data-ready='1']").first
        explorer.wait_for()
        assert explorer.locator("canvas").count() > 0
        notebook.page.wait_for_function(BADGE)
        # JupyterLab asks the browser for an attached picture before it puts in what is attached.
        assert browser.errors(r"attachment:open-in-colab\.png") == []
        assert browser.offsite() == []
        notebook.page.close()
