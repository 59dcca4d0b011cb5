"""What every test shares: no hub, no display, hypothesis without a clock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# The platform default of the near future; without it jupyter_core warns, and warnings are errors here.
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The folder of the built front end; it must have been built."""
    folder = ROOT / "attnwidget" / "static"
    if not (folder / "widget.js").exists():
        pytest.fail("The front end is not built. Run `make build`, or `npm run build` in js/.", pytrace=False)
    return folder
