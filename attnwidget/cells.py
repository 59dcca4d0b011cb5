"""Which cell of the notebook made and shows which explorer, and which explorers nobody needs any more.

Every live explorer stores its state in the notebook that is saved. An explorer is closed when

1. the cell that made it has been executed again,
2. no cell's output shows it any more, and
3. no variable and no other widget holds it.

Where only the third does not hold, it stays open and gives up its snapshot until it is shown again.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Protocol, cast
from weakref import WeakKeyDictionary

from ipywidgets.widgets import widget as widget_module

from attnwidget.saved import OPENING_SECONDS, Saver

DEPTH = 3
"""A variable holds an explorer also through this many containers or attributes, one inside the other."""

MOST_ITEMS = 1_000
"""Containers with more items than this are not looked into."""

MOST_VALUES = 100_000
"""Values that are looked at; where there are more, an explorer counts as held."""


class Explorer(Protocol):
    """What is kept track of."""

    _saver: Saver

    def close(self) -> None:
        """Leave the page, and the state that is saved."""


@dataclass
class Place:
    """Where an explorer was made and is shown; None stands for what is in no cell that is known."""

    made: str | None
    shown: set[str | None] = field(default_factory=set)
    superseded: bool = False


class Cells:
    """Follows the cells of one IPython shell.

    Parameters
    ----------
    shell : InteractiveShell
        Its events tell when a cell begins and ends.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()
        shell.events.register("pre_run_cell", self._begun)
        shell.events.register("post_run_cell", self._ended)

    def made(self, explorer: Explorer) -> None:
        """Take note of a new explorer."""
        self._places[explorer] = Place(self._cell())

    def shown(self, explorer: Explorer) -> None:
        """Take note that an output shows an explorer."""
        self._places.setdefault(explorer, Place(None)).shown.add(self._cell())

    def _message(self) -> Mapping[str, Any]:
        """Return the metadata of the message that the kernel works on; empty outside a kernel."""
        with suppress(AttributeError, KeyError, TypeError):
            return dict(self._shell.get_parent()["metadata"])
        return {}

    def _cell(self) -> str | None:
        cell = self._message().get("cellId")
        return cell if isinstance(cell, str) else None

    def _begun(self, info: Any = None) -> None:
        """Its output is emptied, and so is that of the cells that were deleted."""
        cell = self._cell()
        gone = {cell, *self._message().get("deletedCells", ())} - {None}
        for place in self._places.values():
            place.shown -= gone
            place.superseded |= cell is not None and place.made == cell

    def _ended(self, result: Any = None) -> None:
        """Store what is shown, and let go of what is not."""
        # Who runs notebooks without a page tells no cells, and waits for no thread.
        attended = self._cell() is not None
        boxed = _in_boxes(self._places)
        for explorer, place in list(self._places.items()):
            saver = explorer._saver
            saver.visible = bool(place.shown) or (id(explorer) in boxed and not place.superseded)
            if saver.visible:
                if attended and not saver.quick:
                    saver.save_later(OPENING_SECONDS)
                else:
                    saver.save()
            elif place.superseded and id(explorer) not in boxed and not self._is_held(explorer):
                del self._places[explorer]
                explorer.close()
            else:
                saver.drop()

    def _is_held(self, explorer: Explorer) -> bool:
        hidden = getattr(self._shell, "user_ns_hidden", {})
        names = self._shell.user_ns
        # What IPython itself remembers (`_`, `_3`, `Out`) holds every result for ever.
        values = [names[name] for name in list(names) if not name.startswith("_") and name not in hidden]
        return holds(values, explorer)


def holds(values: Iterable[object], wanted: object) -> bool:
    """Return whether an object is one of some values, or in their containers and attributes."""
    layer, seen = list(values), 0
    for _ in range(DEPTH + 1):
        inner: list[object] = []
        for value in layer:
            if value is wanted:
                return True
            seen += 1
            inner.extend(_within(value))
            if seen + len(inner) > MOST_VALUES:
                return True
        layer = inner
    return False


def _within(value: object) -> Iterable[object]:
    if isinstance(value, type | ModuleType):
        return ()
    if not isinstance(value, dict | list | tuple | set | frozenset):
        value = getattr(value, "__dict__", None)
    if not isinstance(value, Collection) or len(value) > MOST_ITEMS:
        return ()
    return list(value.values() if isinstance(value, dict) else value)


def _in_boxes(explorers: Iterable[Explorer]) -> set[int]:
    """Return which explorers are in other widgets, as ids of the objects."""
    wanted = {id(explorer) for explorer in explorers}
    if not wanted:
        return set()
    children = (getattr(other, "children", ()) for other in list(_live().values()))
    return {id(child) for some in children if isinstance(some, tuple) for child in some} & wanted


def _live() -> Mapping[str, Any]:
    """Return every widget that is open."""
    live = getattr(widget_module, "_instances", None)
    # ipywidgets 7 keeps them in its class.
    return cast(Mapping[str, Any], live if live is not None else widget_module.Widget.widgets)


_CELLS: WeakKeyDictionary[Any, Cells] = WeakKeyDictionary()


def cells() -> Cells | None:
    """Return what follows the cells of the running IPython; None outside IPython."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        return None
    if shell not in _CELLS:
        _CELLS[shell] = Cells(shell)
    return _CELLS[shell]
