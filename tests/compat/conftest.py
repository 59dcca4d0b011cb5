"""What is displayed is kept, so that it can be looked at."""

from __future__ import annotations

from typing import Any

import IPython.display
import pytest


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything that was displayed."""
    displayed: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", displayed.append)
    return displayed
