"""The embedded model and its evaluation, loaded once for all of its tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import torch

from attnwidget import demo_model
from attnwidget.demo_model import evaluate, measure
from attnwidget.demo_model.evaluate import Measurements
from attnwidget.demo_model.probe import Probe
from attnwidget.demo_model.suites import Suite


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def probe() -> Probe:
    """The model that the package ships."""
    return Probe(demo_model.PATH)


@pytest.fixture(scope="session")
def behaviours() -> Mapping[str, Suite]:
    """The evaluation's texts and questions."""
    return measure.behaviour_suites()


@pytest.fixture(scope="session")
def measured(probe: Probe, behaviours: Mapping[str, Suite]) -> Measurements:
    """Every head and behaviour, measured now."""
    return evaluate.take_measurements(probe, behaviours)
