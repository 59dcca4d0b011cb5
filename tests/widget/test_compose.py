"""Explorers among other widgets, on the kernel's side: links, interact, containers, observers, pins."""

from __future__ import annotations

from typing import Any

import ipywidgets
import numpy as np
import pytest
import traitlets
from ipywidgets.embed import dependency_state

import attnwidget as aw
from attnwidget.widget import AttentionExplorer, StateError

TOKENS = ["a", "b", "c", "d"]


def explorer(layers: int = 3, heads: int = 2, **traits: Any) -> AttentionExplorer:
    weights = np.tril(np.ones((layers, heads, 4, 4), dtype=np.float32))
    return aw.explore(attentions=weights / weights.sum(-1, keepdims=True), tokens=TOKENS, **traits)


def test_links_move_both_and_rest() -> None:
    first, second = explorer(), explorer()
    heard: list[tuple[str, int]] = []
    first.observe(lambda change: heard.append(("first", change.new)), "layer")
    second.observe(lambda change: heard.append(("second", change.new)), "layer")
    link = traitlets.link((first, "layer"), (second, "layer"))
    # It begins with the layer that the first one opened on.
    heard.clear()
    first.layer = 2
    second.layer = 0
    assert sorted(heard) == [("first", 0), ("first", 2), ("second", 0), ("second", 2)]
    assert (first.layer, second.layer) == (0, 0)
    link.unlink()
    first.layer = 1
    assert second.layer == 0


def test_a_one_way_link_stays_one_way() -> None:
    first, second = explorer(layer=1), explorer(layer=0)
    traitlets.dlink((first, "selection"), (second, "selection"))
    first.selection = {"query": "c"}
    assert second.selection["query_token"] == "c"
    second.selection = None
    assert first.selection["query_token"] == "c"


def test_a_link_to_a_layer_that_is_not_there_says_so() -> None:
    deep, shallow = explorer(layers=3, layer=0), explorer(layers=2, layer=0)
    traitlets.link((deep, "layer"), (shallow, "layer"))
    with pytest.raises((StateError, traitlets.TraitError), match=r"Layers with attention: 0, 1"):
        deep.layer = 2
    assert shallow.layer == 0


@pytest.mark.parametrize("name", ["layer", "heads", "view", "selection", "pinned", "filters", "theme"])
def test_every_state_can_be_linked_in_the_page(name: str) -> None:
    first, second = explorer(), explorer()
    assert isinstance(ipywidgets.jslink((first, name), (second, name)), ipywidgets.Widget)
    assert isinstance(ipywidgets.jsdlink((first, name), (second, name)), ipywidgets.Widget)


def test_interactive_sets_traits_and_reads_the_record() -> None:
    ex = explorer()
    seen: list[float] = []

    def turn(layer: int) -> None:
        ex.layer = layer
        seen.append(float(ex.record.weights(ex.layer, 0)[3].max()))

    panel = ipywidgets.interactive(turn, layer=(0, 2))
    panel.children[0].value = 2
    panel.update()
    assert ex.layer == 2
    assert seen[-1] == pytest.approx(0.25)
    with pytest.raises(StateError, match="no decoder attention in layer 5"):
        turn(5)


@pytest.mark.parametrize("box", [ipywidgets.VBox, ipywidgets.HBox, ipywidgets.Tab, ipywidgets.Accordion])
def test_containers_carry_the_explorer_and_its_state(box: type[ipywidgets.Box]) -> None:
    ex = explorer(layer=2, pinned=[(0, 1)])
    # What nbconvert and embed_minimal_html store of it.
    state = dependency_state([box([ipywidgets.Label("beside"), ex])])
    stored = state[ex.model_id]["state"]
    assert stored["layer"] == 2
    assert stored["pinned"] == [{"site": ex.site, "layer": 0, "head": 1}]
    assert repr(ex) in repr(ipywidgets.VBox([ex]))


def test_observers_see_a_whole_state() -> None:
    ex = explorer(layer=0)
    seen: list[tuple[int, list[int], Any]] = []
    ex.observe(lambda change: seen.append((ex.layer, ex.heads, ex.selection["query_token"])), "selection")
    with ex.hold_trait_notifications():
        ex.layer, ex.heads = 2, [0]
        ex.selection = {"query": 1}
    assert seen == [(2, [0], "b")]


def test_pinned_heads_are_named_in_full_and_checked() -> None:
    ex = explorer()
    ex.pinned = [(2, 0), {"layer": 0, "head": 1}, (2, 0), {"site": "cross", "layer": 1, "head": 0}]
    own = ex.site
    assert ex.pinned == [
        {"site": own, "layer": 2, "head": 0},
        {"site": own, "layer": 0, "head": 1},
        {"site": "cross", "layer": 1, "head": 0},
    ]
    # This record lacks it; another prompt's may have it.
    ex.pinned = [(40, 3)]
    assert ex.pinned[0]["layer"] == 40
    with pytest.raises(StateError, match="names no head"):
        ex.pinned = ["L2H0"]
    assert ex.pinned[0]["layer"] == 40


def test_pinned_heads_outlive_a_prompt() -> None:
    ex = aw.explore("The cat chased the dog because it", pinned=[(2, 0), (30, 0)])
    pinned = list(ex.pinned)
    ex.prompt = "Anna told Tom that she"
    assert ex.record.prompt == "Anna told Tom that she"
    assert ex.pinned == pinned
