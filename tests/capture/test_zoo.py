"""Every family of the matrix ends as it must: exact, refused with a reason, or without attention."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnwidget.errors import CaptureError, FidelityError, NoAttentionError
from tests.capture import table
from tests.capture.families import EXACT
from tests.capture.matrix import measured
from tests.capture.zoo import ZOO, Entry

README = Path(__file__).parents[2] / "README.md"

# Between the heads and the projection lies more than a projection, or there are several of them.
WITHOUT_NORMS = {"diffllama", "deepseek_v4", "jetmoe", "qwen3_next", "xlnet"}
# The image part of a model that reads text, and what else is left out.
SAID = {
    "albert": "numbered in the order of the run",
    "llava": "images or sound is not shown",
    "gemma3": "images or sound is not shown",
    "siglip": "sums up all positions",
    "prophetnet": "5 dimensions is not shown",
}


def entry(name: str) -> Entry:
    return next(e for e in ZOO if e.name == name)


each = pytest.mark.parametrize("entry", ZOO, ids=lambda entry: entry.name)


@each
def test_each_family_ends_as_it_must(entry: Entry) -> None:
    found = measured(entry)
    assert found.end == entry.end
    if found.end == "exact":
        assert found.exact <= EXACT
        assert found.fidelity <= 1e-5
        assert found.identical, "the capture must not change what the model returns"
        assert found.peak > 2, "heads that attend evenly would agree with anything"
        if entry.drift is not None:
            assert found.drift <= entry.drift
        else:
            assert entry.why
    else:
        assert len(found.failures) == 2, "both modes must agree"
        for failure in found.failures:
            assert isinstance(failure, (CaptureError, FidelityError, NoAttentionError))
            assert failure.what.endswith(".")
            assert failure.todo.endswith(".")
    assert bool(entry.why) == (entry.end == "refused" or entry.drift is None)


@each
def test_norms_are_known_but_where_they_cannot_be(entry: Entry) -> None:
    found = measured(entry)
    if found.end == "exact":
        assert all(found.norms) == (entry.name not in WITHOUT_NORMS)
        assert any(found.norms) == all(found.norms)


@each
def test_what_is_left_out_is_said(entry: Entry) -> None:
    found = measured(entry)
    expected = SAID.get(entry.name)
    assert any(expected in note for note in found.notes) if expected else found.notes == ()


def test_names_are_unique() -> None:
    assert len({entry.name for entry in ZOO}) == len(ZOO)


# ---------------------------------------------------------------------- the table


def test_the_readme_shows_this_matrix() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(table.BEGIN) == text.count(table.END) == 1
    shown = table.parse(text.partition(table.BEGIN)[2].partition(table.END)[0])
    assert shown == table.parse(table.families_table())


def test_the_table_reads_back() -> None:
    chosen = [entry("bert"), entry("gpt2"), entry("opt"), entry("mamba"), entry("longformer")]
    rows = table.groups(chosen)
    made = "\n".join((*table.HEADER, *(table.line(*row) for row in rows.items())))
    assert table.parse(made) == {
        "Encoders": "bert",
        "Decoders": "gpt2, opt",
        "Refused, with a reason": "longformer (weights are n x (window + 1))",
        "No attention, said so": "mamba",
    }
    page = f"above\n{table.BEGIN}\nold\n{table.END}\nbelow"
    assert table.between(page, made) == f"above\n{table.BEGIN}\n{made}\n{table.END}\nbelow"
    assert [table.order(value) for value in (0, 3e-7, 1e-6, 0.02)] == ["0", "≤ 1e-6", "≤ 1e-6", "≤ 1e-1"]
