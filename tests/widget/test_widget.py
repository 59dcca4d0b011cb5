"""Traits both ways, validation, runs, and what stands in a saved notebook."""

from __future__ import annotations

import base64
import json
from typing import Any

import ipywidgets
import numpy as np
import pytest
import traitlets

import attnwidget as aw
from attnwidget.errors import EmptyPromptError, InputError, NotRecordedError
from attnwidget.service.state import NOTHING_HELD
from attnwidget.widget import AttentionExplorer, StateError
from attnwidget.wire.schema import PROTOCOL, State


def uniform(layers: int = 2, heads: int = 3, n: int = 4) -> np.ndarray:
    weights = np.tril(np.ones((layers, heads, n, n), dtype=np.float32))
    return weights / weights.sum(-1, keepdims=True)


@pytest.fixture
def given() -> AttentionExplorer:
    return aw.explore(attentions=uniform(), tokens=["a", "b", "c", "d"])


@pytest.fixture(scope="module")
def runner() -> aw.ModelRunner:
    return aw.ModelRunner()


@pytest.fixture
def live(runner: aw.ModelRunner) -> AttentionExplorer:
    return aw.explore("The cat chased the dog because it", runner=runner)


def test_the_synced_traits_are_the_schema(given: AttentionExplorer) -> None:
    own = {name for name in given.traits(sync=True) if name in AttentionExplorer.class_own_traits()}
    assert own == set(State.__annotations__) | {"_snapshot"}


def test_traits_take_what_exists_and_name_what_does_not(given: AttentionExplorer) -> None:
    given.layer, given.heads = 1, [2, 0, 2]
    assert (given.layer, given.heads) == (1, [0, 2])
    with pytest.raises(StateError, match=r"layer 7.*Layers with attention: 0, 1"):
        given.layer = 7
    with pytest.raises(StateError, match=r"no head 3.*heads 0 to 2"):
        given.heads = [3]
    with pytest.raises(traitlets.TraitError):
        given.view = "globe"
    with pytest.raises(StateError, match="no 'token'"):
        given.selection = {"token": 1}
    assert (given.layer, given.heads, given.view) == (1, [0, 2], "head")
    given.heads = []
    assert given.heads == []


def test_selection_is_completed_and_cut_to_the_tokens(given: AttentionExplorer) -> None:
    held = {"query": 3, "key": None, "locked": True, "query_token": "d", "key_token": None}
    given.selection = {"query": 3}
    assert given.selection == held
    given.selection = {"query": 3, "key": 99}
    assert given.selection == held
    given.selection = None
    assert given.selection == NOTHING_HELD


def test_selection_takes_tokens_by_name(given: AttentionExplorer) -> None:
    given.selection = {"query": "c", "key": "a"}
    assert given.selection == {"query": 2, "key": 0, "locked": True, "query_token": "c", "key_token": "a"}
    with pytest.raises(StateError, match="No token reads 'z'"):
        given.selection = {"query": "z"}
    ex = aw.explore(attentions=uniform(), tokens=["the", "cat", "the", "dog"])
    with pytest.raises(StateError, match=r"2 tokens read 'the'.*0, 2"):
        ex.selection = {"query": "the"}


def test_filters_and_pins_are_completed_and_checked(given: AttentionExplorer) -> None:
    given.filters = {"top": 3}
    assert given.filters == {"pair": "all", "special": True, "top": 3, "heads": None}
    with pytest.raises(StateError, match="no filter 'tops'"):
        given.filters = {"tops": 3}
    with pytest.raises(StateError, match="no pair 'ac'"):
        given.filters = {"pair": "ac"}
    given.filters = None
    assert given.filters == {"pair": "all", "special": True, "top": 0, "heads": None}
    given.pinned = [(1, 2), {"layer": 0, "head": 1}, (1, 2)]
    assert given.pinned == [
        {"site": "decoder", "layer": 1, "head": 2},
        {"site": "decoder", "layer": 0, "head": 1},
    ]
    with pytest.raises(StateError, match="names no head"):
        given.pinned = [3]
    given.metric = "induction"
    with pytest.raises(StateError, match="no metric 'magic'"):
        given.metric = "magic"


def test_words_are_a_way_to_read_the_record() -> None:
    ex = aw.explore(attentions=uniform(), tokens=["The", " cat", "s", " sat"])
    ex.selection = {"query": 3, "key": 2}
    before = ex.record_id
    ex.words = True
    assert ex.record_id != before
    assert ex.record.id == before
    assert (ex.selection["query"], ex.selection["key_token"]) == (2, "cats")
    ex.words = False
    assert ex.record_id == before
    assert (ex.selection["query"], ex.selection["key"]) == (3, 1)


def test_norms_need_values(given: AttentionExplorer) -> None:
    with pytest.raises(StateError, match="norms of the values"):
        given.weighting = "norms"
    assert given.weighting == "weights"


def test_initial_traits_are_arguments() -> None:
    ex = aw.explore(
        attentions=uniform(), tokens=list("abcd"), layer=1, heads=[2], view="matrix", theme="dark", height=300
    )
    assert (ex.layer, ex.heads, ex.view, ex.theme, ex.height) == (1, [2], "matrix", "dark", 300)
    with pytest.raises(TypeError, match="colour"):
        aw.explore(attentions=uniform(), tokens=list("abcd"), colour="red")
    with pytest.raises(InputError, match="Layer 5 has no decoder attention"):
        aw.explore(attentions=uniform(), tokens=list("abcd"), layer=5)
    with pytest.raises(InputError, match="Both attentions and a model"):
        aw.explore(attentions=uniform(), tokens=list("abcd"), model="gpt2")


def test_given_attention_has_no_model_to_run(given: AttentionExplorer) -> None:
    assert given.can_run is False
    with pytest.raises(NotRecordedError, match="no model"):
        given.prompt = "something else"
    assert given.status["phase"] == "failed"
    assert given.record.prompt == "a b c d"
    given.prompt = given.record.prompt
    assert given.status["phase"] == "idle"


def test_setting_the_prompt_runs_it_and_keeps_the_place(live: AttentionExplorer) -> None:
    first = live.record
    live.layer, live.heads, live.selection = 1, [0, 3], {"query": 6, "key": 2}
    live.prompt = "The cat barked"
    assert live.record is not first
    assert live.record_id == live.record.id != first.id
    assert live.record.prompt == "The cat barked"
    assert (live.layer, live.heads) == (1, [0, 3])
    # Token 6 is gone with the longer prompt; token 2 is still the cat.
    assert live.selection == {**NOTHING_HELD, "key": 2, "locked": True, "key_token": "cat"}
    live.prompt = "The dog barked"
    assert live.selection == NOTHING_HELD
    assert live.status["phase"] == "idle"


def test_a_failed_prompt_leaves_the_last_view(live: AttentionExplorer) -> None:
    good = live.record
    with pytest.raises(EmptyPromptError):
        live.prompt = ""
    assert live.record is good
    assert live.record_id == good.id
    assert live.status["phase"] == "failed"
    assert live.status["error"]["code"] == "empty-prompt"
    live.prompt = good.prompt
    assert live.status["phase"] == "idle"


def test_run_returns_the_record(live: AttentionExplorer) -> None:
    record = live.run("Anna told Tom")
    assert record is live.record
    assert live.prompt == "Anna told Tom"


def test_observers_and_links_see_changes(given: AttentionExplorer) -> None:
    seen: list[Any] = []
    given.observe(lambda change: seen.append(change.new), "layer")
    other = aw.explore(attentions=uniform(), tokens=list("abcd"))
    link = traitlets.link((given, "layer"), (other, "layer"))
    given.layer = 1
    assert seen == [1]
    assert other.layer == 1
    other.layer = 0
    assert given.layer == 0
    link.unlink()
    slider = ipywidgets.IntSlider(min=0, max=1)
    assert ipywidgets.jslink((slider, "value"), (given, "layer")).target == (given, "layer")


def test_a_prompt_that_is_set_in_the_page_runs_without_blocking(live: AttentionExplorer) -> None:
    import threading

    done = threading.Event()
    live.observe(lambda change: done.set(), "record_id")
    live.set_state({"prompt": "The bird flew"})
    assert done.wait(20)
    assert live.record.prompt == "The bird flew"


def test_messages_are_answered_through_the_comm(
    live: AttentionExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(live, "send", lambda content, buffers=None: sent.append((content, buffers)))
    request = {"protocol": PROTOCOL, "id": "a", "kind": "open", "record": "", "args": {}}
    live._handle_msg({"content": {"data": {"method": "custom", "content": request}}, "buffers": []})
    ((reply, _),) = sent
    json.dumps(reply)
    assert reply["meta"]["record"] == live.record_id
    notes = {(note["layer"], note["head"]): note["title"] for note in reply["meta"]["head_notes"]}
    assert "pronoun → antecedent" in notes.values()


def test_the_mimebundle_has_view_picture_and_text(given: AttentionExplorer) -> None:
    bundle = given._repr_mimebundle_()
    assert bundle is not None
    data, metadata = bundle
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == given.model_id
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"]["width"] > 300
    expected = "AttentionExplorer(given attention, 4 tokens, decoder layer 0, head 0, head view)"
    assert data["text/plain"] == repr(given) == expected
    again = given._repr_mimebundle_()
    assert again is not None
    assert again[0] == data
    assert given._ipython_display_ is None


def test_repr_is_the_same_in_another_explorer(given: AttentionExplorer) -> None:
    assert repr(given) == repr(aw.explore(attentions=uniform(), tokens=list("abcd")))
