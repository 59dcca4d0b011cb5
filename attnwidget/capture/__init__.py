"""Taps on a running model: queries, keys and weights of every attention site, verified in the run."""

from __future__ import annotations

from attnwidget.capture.api import Captured, run_with_capture

__all__ = ["Captured", "run_with_capture"]
