"""Explorers of long prompts: there at once, the run meanwhile, and nothing lost or left running."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import attnwidget as aw
from attnwidget.errors import (
    CancelledError,
    EmptyPromptError,
    NotRecordedError,
    OutOfMemoryError,
    PromptTooLongError,
    StillRunningError,
)
from attnwidget.record import AttentionRecord
from attnwidget.service.state import NOTHING_HELD
from attnwidget.widget import AttentionExplorer

LONG = "the cat saw the dog and the bird saw the cat and the dog saw the bird"


class Gated:
    """Runs prompts once a gate is open, as if each took long."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.running: list[str] = []
        self.told: list[Any] = []

    def run(
        self,
        prompt: str,
        context: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> AttentionRecord:
        self.running.append(prompt)
        try:
            while not self.gate.wait(0.005):
                if cancelled is not None and cancelled():
                    raise CancelledError("The run was cancelled.", "Run it again.")
            if prompt == "too much":
                raise OutOfMemoryError("It does not fit.", "Shorten it.")
            words = prompt.split()
            n = len(words)
            weights = np.tril(np.ones((3, 1, 2, n, n), np.float32))
            weights /= weights.sum(-1, keepdims=True)
            return AttentionRecord.from_attentions(list(weights), words, prompt=prompt)
        finally:
            self.running.remove(prompt)


@pytest.fixture
def gated() -> Iterator[Gated]:
    runner = Gated()
    yield runner
    runner.gate.set()


def until(happened: Callable[[], bool]) -> None:
    for _ in range(2000):
        if happened():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen within 10 seconds")


def open_at_once(runner: Gated, prompt: str = "one two three", **traits: Any) -> AttentionExplorer:
    return aw.explore(prompt, runner=runner, wait=False, **traits)


def test_it_is_there_before_its_record(gated: Gated) -> None:
    ex = open_at_once(gated, view="matrix", layer=9, heads=[1, 5], selection={"query": 2})
    assert ex.status["phase"] == "running"
    assert (ex.record_id, ex.prompt, ex.can_run, ex.view) == ("", "one two three", True, "matrix")
    assert "running" in repr(ex)
    bundle = ex._repr_mimebundle_()
    assert bundle is not None
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "image/png" not in data
    assert "running" in data["text/plain"]
    with pytest.raises(NotRecordedError, match="Nothing has run yet"):
        ex.metrics()
    with pytest.raises(StillRunningError, match="still running"):
        ex.wait(timeout=0.01)
    gated.gate.set()
    record = ex.record
    assert ex.wait() is record
    assert ex.record_id == record.id
    assert ex.status["phase"] == "idle"
    # What was asked for before there was a record, as far as it has that.
    assert (ex.layer, ex.heads, ex.selection["query_token"]) == (2, [1], "three")
    assert "3 tokens, decoder layer 2, head 1" in repr(ex)


def test_what_is_set_meanwhile_counts(gated: Gated) -> None:
    ex = open_at_once(gated)
    ex.layer, ex.heads, ex.selection = 1, [0, 1], {"query": 77}
    ex.words = True
    gated.gate.set()
    ex.wait()
    assert (ex.layer, ex.heads, ex.selection) == (1, [0, 1], NOTHING_HELD)
    assert ex._shown is not None
    assert ex._shown.words


def test_cancelled_it_stays_usable(gated: Gated) -> None:
    ex = open_at_once(gated)
    until(lambda: bool(gated.running))
    ex.cancel()
    with pytest.raises(CancelledError):
        ex.wait()
    with pytest.raises(CancelledError):
        _ = ex.record
    until(lambda: not gated.running)
    assert ex.status["phase"] == "idle"
    gated.gate.set()
    assert ex.run("four five").prompt == "four five"
    assert ex.record_id == ex.record.id


def test_a_second_prompt_overtakes_the_first_and_whoever_waits_gets_it(gated: Gated) -> None:
    ex = open_at_once(gated)
    until(lambda: gated.running == ["one two three"])
    found: list[AttentionRecord] = []
    waiter = threading.Thread(target=lambda: found.append(ex.wait()))
    waiter.start()
    ex._service.start("four five")
    until(lambda: gated.running == ["four five"])
    gated.gate.set()
    waiter.join(10)
    assert [record.prompt for record in found] == ["four five"]
    assert ex.prompt == "four five"


def test_an_interrupted_wait_cancels_the_run(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    ex = open_at_once(gated)
    until(lambda: bool(gated.running))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ex._service._latest.ended, "wait", stop)
    with pytest.raises(KeyboardInterrupt):
        ex.wait()
    until(lambda: not gated.running)
    assert ex.status["message"] == "cancelled"


def test_what_goes_wrong_is_raised_where_the_record_is_asked_for(gated: Gated) -> None:
    ex = open_at_once(gated, "too much")
    gated.gate.set()
    for _ in range(2):
        with pytest.raises(OutOfMemoryError, match="does not fit"):
            _ = ex.record
    assert ex.status["phase"] == "failed"
    with pytest.raises(OutOfMemoryError):
        ex.save_image("never.png")
    assert ex.run("one two").prompt == "one two"
    assert ex.wait().prompt == "one two"


@pytest.fixture(scope="module")
def chunked() -> aw.ModelRunner:
    return aw.ModelRunner(chunk=5)


class TestWithAModel:
    """What is long, and what is said at once."""

    def test_long_prompts_are_not_waited_for(
        self, chunked: aw.ModelRunner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys.modules["attnwidget.explore"], "LONG_TOKENS", 12)
        told: list[str] = []
        monkeypatch.setattr(AttentionExplorer, "_tell", lambda self, status: told.append(status["message"]))
        monkeypatch.setattr("attnwidget.service.progress.PROGRESS_SECONDS", 0.0)
        monkeypatch.setattr("attnwidget.runner.budget.SMALL", 0)
        ex = aw.explore(LONG, runner=chunked)
        record = ex.wait()
        assert [token.text.strip() for token in record.tokens][-3:] == ["saw", "the", "bird"]
        assert any("tokens: keeps" in message for message in told)
        kept = chunked.plan(LONG).brief
        # With an estimate of the time left where it took long enough for one.
        assert any(m.startswith("layer 2 of 4, chunk 3 of 4") and m.endswith(f" · {kept}") for m in told)
        assert ex.layer in record.layers("decoder")
        assert len(ex.heads) == 1
        assert capsys.readouterr().err == ""
        chunked.clear_cache()
        waited = aw.explore(LONG, runner=chunked, wait=True)
        assert waited._service.record is not None
        assert "100%" in capsys.readouterr().err
        short = aw.explore("the cat", runner=chunked)
        assert short._service.record is not None

    def test_bad_prompts_are_refused_before_anything_opens(
        self, chunked: aw.ModelRunner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.modules["attnwidget.explore"], "LONG_TOKENS", 12)
        threads = threading.active_count()
        for wait in (None, False):
            with pytest.raises(PromptTooLongError):
                aw.explore(LONG * 200, runner=chunked, wait=wait)
            with pytest.raises(EmptyPromptError):
                aw.explore("", runner=chunked, wait=wait)
        assert threading.active_count() <= threads
