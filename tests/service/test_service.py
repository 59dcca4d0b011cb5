"""Requests, runs, cancellation: one reply to each, and the last good record stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from attnwidget.errors import CancelledError, EmptyPromptError, NotRecordedError
from attnwidget.record import AttentionRecord
from attnwidget.service import Service
from attnwidget.wire.schema import PROTOCOL, Status


class Uniform:
    """Runs "models" whose attention is uniform; waits at a gate so that tests decide when a run ends."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def run(
        self,
        prompt: str,
        context: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> AttentionRecord:
        if not prompt:
            raise EmptyPromptError("The prompt is empty.", "Type something.")
        self.started.set()
        while not self.gate.wait(0.005):
            if cancelled is not None and cancelled():
                raise CancelledError("The run was cancelled.", "Run it again.")
        words = prompt.split()
        n = len(words)
        if progress is not None:
            progress(1, 1)
        return AttentionRecord.from_attentions(np.full((1, 1, n, n), 1 / n, np.float32), words, prompt=prompt)


class Wire:
    """Collects what is sent and waits for replies."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[Any]]] = []
        self.arrived = threading.Condition()

    def __call__(self, content: Any, buffers: list[Any]) -> None:
        with self.arrived:
            self.sent.append((content, buffers))
            self.arrived.notify_all()

    def reply(self, request_id: str) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [content for content, _ in self.sent if content["id"] == request_id]

        with self.arrived:
            assert self.arrived.wait_for(lambda: bool(found()), 10)
            (content,) = found()
            return content


def ask(kind: str, request_id: str = "a", record: str = "", **args: object) -> dict[str, object]:
    return {"protocol": PROTOCOL, "id": request_id, "kind": kind, "record": record, "args": args}


@pytest.fixture
def runner() -> Uniform:
    return Uniform()


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_run_answers_when_it_is_done_and_becomes_the_record(runner: Uniform, wire: Wire) -> None:
    seen: list[str] = []
    phases: list[Status] = []
    service = Service(runner=runner, on_record=lambda record: seen.append(record.id), on_status=phases.append)
    service.handle(ask("run", prompt="one two"), wire)
    assert wire.reply("a")["meta"] == {"record": seen[0]}
    assert service.record is not None
    assert [token.label for token in service.record.tokens] == ["one", "two"]
    assert phases[0]["phase"] == "running"
    assert phases[0]["run"] == "a"
    service.handle(ask("open", "b"), wire)
    assert wire.reply("b")["meta"]["record"] == seen[0]


def test_a_failed_run_keeps_the_last_record_and_says_why(runner: Uniform, wire: Wire) -> None:
    phases: list[Status] = []
    service = Service(runner=runner, on_status=phases.append)
    good = service.run("one two")
    service.handle(ask("run", prompt=""), wire)
    error = {"code": "empty-prompt", "what": "The prompt is empty.", "todo": "Type something."}
    assert wire.reply("a")["error"] == error
    assert service.record is good
    assert phases[-1]["phase"] == "failed"
    assert phases[-1]["error"] == error
    with pytest.raises(EmptyPromptError):
        service.run("")
    assert service.record is good
    assert service.run("three") is service.record
    assert phases[-1]["phase"] == "idle"


def test_data_is_answered_while_a_run_is_under_way_and_cancel_ends_it(runner: Uniform, wire: Wire) -> None:
    service = Service(runner=runner)
    good = service.run("one two")
    runner.gate.clear()
    runner.started.clear()
    service.handle(ask("run", prompt="long"), wire)
    assert runner.started.wait(10)
    service.handle(ask("row", "b", site="encoder", layer=0, heads=[0], query=1), wire)
    assert wire.reply("b")["ok"]
    service.handle(ask("cancel", "c"), wire)
    assert wire.reply("c")["ok"]
    assert wire.reply("a")["error"]["code"] == "cancelled"
    assert service.record is good
    runner.gate.set()
    assert service.run("again") is service.record


def test_cancelling_another_run_does_nothing(runner: Uniform, wire: Wire) -> None:
    service = Service(runner=runner)
    runner.gate.clear()
    service.handle(ask("run", prompt="x"), wire)
    service.handle(ask("cancel", "c", id="not-it"), wire)
    runner.gate.set()
    assert wire.reply("a")["ok"]


def test_the_newest_prompt_wins(runner: Uniform, wire: Wire) -> None:
    phases: list[Status] = []
    service = Service(runner=runner, on_status=phases.append)
    runner.gate.clear()
    service.handle(ask("run", "old", prompt="old one"), wire)
    assert runner.started.wait(10)
    service.handle(ask("run", "new", prompt="new"), wire)
    assert wire.reply("old")["error"]["code"] == "cancelled"
    runner.gate.set()
    assert wire.reply("new")["ok"]
    assert service.record is not None
    assert service.record.prompt == "new"
    # The overtaken run says nothing after the new one has started.
    ids = [status["run"] for status in phases if status["phase"] == "running"]
    assert ids == sorted(ids, key=["old", "new"].index)


def test_requests_about_an_older_record_are_told_apart(runner: Uniform, wire: Wire) -> None:
    service = Service(runner=runner)
    old = service.run("one")
    service.run("two")
    service.handle(ask("open", record=old.id), wire)
    assert wire.reply("a")["error"]["code"] == "not-recorded"


@pytest.mark.parametrize("content", [None, {"kind": "open"}, ask("nonsense"), ask("row") | {"protocol": 0}])
def test_malformed_messages_get_an_error_in_band(content: object, wire: Wire) -> None:
    Service().handle(content, wire)
    ((reply, buffers),) = wire.sent
    assert reply["ok"] is False
    assert reply["error"]["code"] == "protocol"
    assert buffers == []


def test_a_wrong_type_in_a_request_is_answered_too(runner: Uniform, wire: Wire) -> None:
    service = Service(runner=runner)
    service.run("one two")
    service.handle(ask("row", site="encoder", layer="x", heads=[0], query=0), wire)
    assert wire.reply("a")["ok"] is False


def test_without_a_model_prompts_do_not_run(wire: Wire) -> None:
    with pytest.raises(NotRecordedError, match="no model"):
        Service().run("x")
    Service().handle(ask("open"), wire)
    assert wire.reply("a")["error"]["what"] == "Nothing has run yet."


def test_an_interrupt_leaves_the_service_idle() -> None:
    class Interrupted(Uniform):
        def run(self, *args: object, **options: object) -> AttentionRecord:
            raise KeyboardInterrupt

    phases: list[Status] = []
    service = Service(runner=Interrupted(), on_status=phases.append)
    with pytest.raises(KeyboardInterrupt):
        service.run("x")
    assert phases[-1]["phase"] == "idle"


def test_a_fixed_service_stays_with_what_was_shown(runner: Uniform, wire: Wire) -> None:
    service = Service(runner=runner, apart=True)
    first = service.run("one two three")
    fixed = service.fixed()
    service.run("four five")
    fixed.handle(ask("metrics", record=first.id, site=first.kinds[0]), wire)
    # It is there at once: nothing waited.
    ((reply, _),) = wire.sent
    assert reply["ok"] is True
    fixed.handle(ask("open", "b"), wire)
    assert wire.reply("b")["meta"]["record"] == first.id != service.record.id
