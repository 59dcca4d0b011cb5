"""A saved record is opened by a Python that can import no torch, start no thread and map no file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.record import AttentionRecord
from tests.capture.families import FAMILIES
from tests.conftest import ROOT
from tests.snapshot.saved import of_family, predictions, queries_keys, record_of

PROGRAM = Path(__file__).with_name("without_torch.py")
EACH_KIND = ("T5", "Bloom", "gpt-oss", "Jamba", "DeepSeek-V3")
WITH_TORCH = "where torch is installed it opens with exact numbers"


class Read(NamedTuple):
    """A record, the file that it was saved to, and what a program without torch reads in that."""

    record: AttentionRecord
    path: Path
    read: dict[str, Any]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Read]:
    """Every file of these tests, read by one program."""
    given = np.tril(np.random.default_rng(0).random((2, 3, 6, 6), dtype=np.float32))
    given /= given.sum(-1, keepdims=True)
    long = queries_keys(0, heads=16, n=200)
    records = {family.name: of_family(family) for family in FAMILIES if family.name in EACH_KIND}
    records |= {
        "short": aw.ModelRunner().run("The cat sat."),
        "long": record_of((long,), predictions=predictions(200)),
        "given": AttentionRecord.from_attentions(given, list("abcdef")),
        "no snapshot": record_of((queries_keys(0),)),
    }
    folder = tmp_path_factory.mktemp("saved")
    paths = [folder / f"{place}.attn" for place in range(len(records))]
    for path, (name, record) in zip(paths, records.items(), strict=True):
        record.save(path, snapshot=False if name in ("given", "no snapshot") else "auto")
    done = subprocess.run(
        [sys.executable, PROGRAM, *paths], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, done.stdout.splitlines())
    return {
        name: Read(record, path, read)
        for (name, record), path, read in zip(records.items(), paths, lines, strict=True)
    }


@pytest.mark.shows(
    'Python without torch: `aw.load("x.attn")`',
    "every answer, from the snapshot in the file; weights that were given, exactly",
)
def test_a_record_opens_from_its_snapshot(opened: dict[str, Read]) -> None:
    record, path, read = opened["long"]
    assert read["failed"] == []
    assert read["labels"] == [token.label for token in record.tokens]
    assert read["precision"]["form"] == "dense"
    assert any(WITH_TORCH in note for note in read["notes"])
    worst = np.abs(np.asarray(read["weights"]) - record.weights(0, 1)).max()
    assert worst <= read["precision"]["error"] + 1e-6
    previous = aw.measure_heads(record, metrics=["previous"]).to_dict()["previous"]
    np.testing.assert_allclose(read["previous"], previous, atol=read["precision"]["error"] + 1e-6)
    # With torch the same file says the same as the run; who wants to see what others see can.
    assert aw.load(path).precision is None
    assert aw.load(path, exact=False).precision == read["precision"]


def test_what_a_snapshot_keeps_exactly_is_exact(opened: dict[str, Read]) -> None:
    record, _, read = opened["short"]
    assert read["failed"] == []
    assert read["precision"]["form"] == "exact"
    assert not any(WITH_TORCH in note for note in read["notes"])
    assert np.array_equal(np.float32(read["weights"]), record.weights(0, 1))


@pytest.mark.parametrize("name", EACH_KIND)
def test_every_kind_of_attention_answers(name: str, opened: dict[str, Read]) -> None:
    record, _, read = opened[name]
    # These were captured without a prompt's predictions; whatever else is asked has an answer.
    assert read["failed"] == [["predictions", "not-recorded"]]
    assert np.array_equal(np.float32(read["weights"]), record.weights(record.layers()[0], 1))


def test_given_weights_need_no_torch(opened: dict[str, Read]) -> None:
    record, _, read = opened["given"]
    assert read["precision"] is None
    assert np.array_equal(np.float32(read["weights"]), record.weights(0, 1))


def test_a_file_without_a_snapshot_names_what_it_needs(opened: dict[str, Read]) -> None:
    read = opened["no snapshot"].read
    assert read["error"] == "missing-dependency"
    assert "queries and keys, from which torch computes the weights" in read["text"]
    assert "pip install torch" in read["text"]
