"""Which explorers leave a notebook's state: those that no cell shows and nothing holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import ipywidgets
import numpy as np
import pytest

import attnwidget as aw
from attnwidget import cells as cells_module
from attnwidget import saved, widget
from attnwidget.cells import Cells, holds
from attnwidget.widget import AttentionExplorer


class Shell:
    """Runs functions as a notebook's cells."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.user_ns_hidden: dict[str, Any] = {"Out": None}
        self.events = SimpleNamespace(register=lambda name, callback: self._told.setdefault(name, callback))
        self._told: dict[str, Callable[[Any], None]] = {}
        self._parent: Mapping[str, Any] = {"metadata": {}}

    def get_parent(self) -> Mapping[str, Any]:
        return self._parent

    def run(self, cell: str | None, code: Callable[[], Any] = lambda: None, **metadata: Any) -> Any:
        """Run a cell; what it returns is displayed, and remembered as IPython does."""
        known = {} if cell is None else {"cellId": cell}
        self._parent = {"metadata": known | metadata}
        self._told["pre_run_cell"](None)
        result = code()
        if isinstance(result, AttentionExplorer):
            result._repr_mimebundle_()
            self.user_ns["_"] = result
            self.user_ns.setdefault("Out", {})[len(self.user_ns)] = result
        self._told["post_run_cell"](None)
        self._parent = {"metadata": {}}
        return result

    def assign(self, name: str, value: Any) -> Any:
        self.user_ns[name] = value
        return value


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell()
    cells = Cells(shell)
    monkeypatch.setattr(widget, "cells", lambda: cells)
    monkeypatch.setattr(widget, "picture", lambda *args: (b"", (1, 1)))
    return shell


def explorer(n: int = 3, **options: Any) -> AttentionExplorer:
    weights = np.tril(np.ones((1, 2, n, n), np.float32))
    return aw.explore(attentions=weights / weights.sum(-1, keepdims=True), tokens=["x"] * n, **options)


def is_open(ex: AttentionExplorer) -> bool:
    return ex.comm is not None


def test_a_cell_that_runs_again_replaces_what_it_showed(shell: Shell) -> None:
    first = shell.run("a", lambda: shell.assign("ex", explorer()))
    second = shell.run("a", lambda: shell.assign("ex", explorer()))
    assert not is_open(first)
    assert is_open(second)
    assert second._snapshot != b""
    # It is still good for its numbers.
    assert first.record.weights(0, 1).shape == (3, 3)
    bare = shell.run("b", explorer)
    shell.run("b", lambda: None)
    assert not is_open(bare)


def test_what_another_cell_shows_stays_until_that_runs_again(shell: Shell) -> None:
    first = shell.run("a", lambda: shell.assign("ex", explorer()))
    shell.run("b", lambda: shell.user_ns["ex"])
    second = shell.run("a", lambda: shell.assign("ex", explorer()))
    assert is_open(first)
    assert first._snapshot != b""
    shell.run("b", lambda: shell.user_ns["ex"])
    assert not is_open(first)
    assert is_open(second)


def test_what_a_variable_holds_stays_open_without_a_snapshot(shell: Shell) -> None:
    first = shell.run("a", lambda: shell.assign("ex", explorer()))
    shell.run("b", lambda: shell.assign("kept", {"mine": [shell.user_ns["ex"]]}))
    shell.run("a", lambda: shell.assign("ex", explorer()))
    assert is_open(first)
    assert first._snapshot == b""
    shell.run("c", lambda: first)
    assert first._snapshot != b""
    shell.user_ns.pop("kept")
    shell.run("c", lambda: None)
    assert not is_open(first)


def test_a_cell_that_shows_the_same_explorer_again_keeps_it(shell: Shell) -> None:
    first = shell.run("a", lambda: shell.assign("ex", explorer()))
    shell.run("a", lambda: shell.user_ns["ex"])
    assert is_open(first)
    assert first._snapshot != b""


def test_what_is_in_a_box_stays_open(shell: Shell) -> None:
    ex = explorer()
    assert shell.run("a", lambda: shell.assign("box", ipywidgets.VBox([ex]))).children == (ex,)
    assert ex._snapshot != b"", "the box may be shown"
    other = explorer()
    shell.run("b", lambda: shell.assign("box", ipywidgets.VBox([other])) and None)
    made = shell.run("c", lambda: shell.assign("box", ipywidgets.VBox([explorer()]))).children[0]
    shell.run("c", lambda: shell.assign("box", None))
    assert is_open(made)
    assert made._snapshot == b"", "its cell has run again, so it takes little room"


def test_what_no_cell_shows_needs_no_snapshot(shell: Shell) -> None:
    ex = explorer()
    shell.run("a", lambda: shell.assign("ex", ex) and None)
    assert is_open(ex)
    assert ex._snapshot == b""


def test_programs_without_a_page_get_it_before_the_cell_ends(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "QUICK_CELLS", 0)
    ex = shell.run(None, explorer)
    assert ex._snapshot != b""
    again = shell.run(None, explorer)
    assert is_open(ex)
    assert is_open(again)


def test_a_page_does_not_wait_for_what_takes_long(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    later: list[float] = []
    monkeypatch.setattr(saved, "QUICK_CELLS", 0)
    monkeypatch.setattr(saved.Saver, "save_later", lambda saver, seconds: later.append(seconds))
    ex = shell.run("a", explorer)
    assert ex._snapshot == b""
    assert later[-1] > 0


def test_a_deleted_cell_shows_nothing(shell: Shell) -> None:
    ex = shell.run("a", explorer)
    shell.run("b", deletedCells=["a"])
    assert ex._snapshot == b""
    # The deletion may be undone.
    assert is_open(ex)


def test_what_is_closed_leaves_little_behind(shell: Shell) -> None:
    ex = shell.run("a", explorer)
    sent: list[tuple[Any, Any]] = []
    ex.comm.send = lambda data, buffers: sent.append((data, buffers))
    shell.run("a")
    ((data, buffers),) = sent
    assert data["state"]["_esm"] == ""
    assert data["state"]["_model_name"] == "LayoutModel"
    assert data["buffer_paths"] == [["_snapshot"]]
    assert buffers == [b""]


def test_variables_hold_through_containers_and_attributes() -> None:
    wanted = object()
    assert holds([wanted], wanted)
    assert holds([1, {"a": [wanted]}], wanted)
    assert holds([SimpleNamespace(it=(wanted,))], wanted)
    assert holds([ipywidgets.VBox([button := ipywidgets.Button()])], button)
    assert not holds([[[[[wanted]]]]], wanted)
    assert not holds([1, "x", [2, {3}], np.zeros(3), cells_module], wanted)
    assert not holds([[wanted] * (cells_module.MOST_ITEMS + 1)], wanted)
