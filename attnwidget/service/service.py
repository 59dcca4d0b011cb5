"""One explorer's kernel side: the current record, the run under way, and the answers."""

from __future__ import annotations

import copy
import inspect
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from attnwidget.errors import CancelledError, InputError, NotRecordedError, StillRunningError
from attnwidget.metrics.registry import Registry, standard
from attnwidget.metrics.table import HeadTable, measure_heads
from attnwidget.metrics.targets import Target
from attnwidget.record import AttentionRecord, Pick
from attnwidget.service.answers import (
    answer_layer,
    answer_predictions,
    answer_row,
    describe,
    is_tiled,
)
from attnwidget.service.detectors import make_detector
from attnwidget.service.heads import Measurements, answer_metrics
from attnwidget.service.live import answer_live
from attnwidget.service.neuron import answer_neuron
from attnwidget.service.progress import Telling
from attnwidget.service.search import Searches
from attnwidget.service.thumbnails import answer_model
from attnwidget.service.tiles import answer_column, answer_strips, answer_tiles
from attnwidget.tiles import let_go
from attnwidget.wire.arrays import Buffers
from attnwidget.wire.messages import Buffer, check_request, error_info, messages, reply_error, reply_ok
from attnwidget.wire.schema import HeadNote, LayerMeta, Request, SearchArgs, SiteKind, Status, Weighting

LONG = frozenset({"metrics", "model", "tiles", "strips", "column", "search"})
"""Kinds of request that may take a while; `cancel` stops them between blocks of work."""

IDLE: Status = {"phase": "idle", "run": None, "done": 0, "total": 0, "message": "", "error": None}


class Runner(Protocol):
    """What runs prompts (`attnwidget.ModelRunner`)."""

    def run(
        self,
        prompt: Any,
        context: str | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> AttentionRecord:
        """Run a prompt and return its record."""


class Send(Protocol):
    """Sends one message with its buffers to the front end."""

    def __call__(self, content: Any, buffers: list[Buffer]) -> None:
        """Send."""


class Service:
    """Answers requests, runs prompts one at a time, and keeps the last good record.

    Messages may arrive on any thread. Data requests are answered in the calling thread; a run that the front
    end asks for works on a thread of its own, so that requests and cancellation get through meanwhile.

    Parameters
    ----------
    record : AttentionRecord or None
        What to show first.
    runner : Runner or None
        Runs new prompts; None where there is no model (given tensors).
    head_notes : sequence of HeadNote
        What is known about the model's heads.
    on_record : callable
        Called with each new record and with the prompt and context that it belongs to.
    on_status : callable
        Called with each new status.
    apart : bool
        Answer requests that take long on a thread of their own, so that quick ones need not wait.
    """

    def __init__(
        self,
        record: AttentionRecord | None = None,
        *,
        runner: Runner | None = None,
        head_notes: Sequence[HeadNote] = (),
        on_record: Callable[[AttentionRecord], None] = lambda record: None,
        on_status: Callable[[Status], None] = lambda status: None,
        apart: bool = False,
    ) -> None:
        self.record = record
        self.shown = record
        self._words = False
        self._weighting: Weighting = "weights"
        self.runner = runner
        self.head_notes = tuple(head_notes)
        self.standard: Registry = standard()
        self.registry: Registry = self.standard
        self._measurements = Measurements()
        self._searches = Searches()
        self._apart = apart
        self._on_record, self._on_status = on_record, on_status
        self._lock = threading.RLock()
        self._current: _Run | None = None
        self._latest: _Run | None = None
        self._asked: dict[str, threading.Event] = {}

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the detectors that the user added."""
        return self.registry.names[len(self.standard) :]

    @property
    def weighting(self) -> Weighting:
        """What the numbers on screen are; a record without norms is shown by its weights."""
        return self._weighting

    def handle(self, content: object, send: Send) -> None:
        """Answer one message; every request gets exactly one reply, also when it fails.

        Parameters
        ----------
        content : object
            The message as it arrived.
        send : callable
            Sends replies; called from this thread, or from the run's.
        """
        request_id = content.get("id", "") if isinstance(content, dict) else ""
        try:
            request = check_request(content)
            if request["kind"] == "run":
                prompt, context = request["args"]["prompt"], request["args"].get("context")
                self._spawn(_Run(request["id"]), prompt, context, send)
            elif request["kind"] in LONG:
                self._asked[request["id"]] = threading.Event()
                if self._apart:
                    _on_thread(lambda: self._reply(request, send))
                else:
                    self._reply(request, send)
            else:
                self._reply(request, send)
        except Exception as error:
            send(reply_error(str(request_id), error), [])

    def add_detector(self, name: str, target: Target, **texts: Any) -> None:
        """Measure a detector of the user's own from now on, in place of an earlier one of its name.

        Raises
        ------
        InputError, ShapeError
            If a standard metric has this name, or the target fits nothing; see `make_detector`.
        """
        if name in self.standard:
            raise InputError(f"There is a standard metric named {name!r}.", "Choose another name.")
        records = [record for record in (self.shown, self.record) if record is not None]
        made = make_detector(records, name, target, **texts)
        others = [other for other in self.registry.names if other != name]
        self.registry = self.registry.only(others).with_(made)

    def remove_detector(self, name: str) -> None:
        """Measure a detector no more; InputError if there is none of this name."""
        if name not in self.own:
            known = ", ".join(self.own) or "none"
            raise InputError(f"There is no detector {name!r}.", f"Detectors that were added: {known}.")
        self.registry = self.registry.only([other for other in self.registry.names if other != name])

    def metrics(self, site: SiteKind, queries: Pick | None = None) -> HeadTable:
        """Return the metrics of every head of the record on screen, over some queries or as in the map."""
        record = self._record("")
        if queries is not None:
            return measure_heads(record, site, self.registry, queries=queries)
        return self._measurements.table(record, site, self.registry)

    def run(self, prompt: Any, context: str | None = None) -> AttentionRecord:
        """Run a prompt in this thread and make it the current record.

        A run that is under way is cancelled first. If this one fails, the last good record stays.

        Raises
        ------
        AttnWidgetError
            Whatever the runner says is wrong; `CancelledError` if it was cancelled or overtaken.
        """
        run = _Run()
        self._take_over(run)
        return self._run(run, prompt, context)

    def start(self, prompt: Any, context: str | None = None) -> None:
        """Run a prompt on a thread of its own; what goes wrong is told by the status, and by `wait`."""
        self._spawn(_Run(), prompt, context, lambda content, buffers: None)

    def wait(self, timeout: float | None = None) -> AttentionRecord:
        """Wait until the run under way, and any that overtakes it, has ended, and return its record.

        If waiting is interrupted, the run is cancelled.

        Raises
        ------
        AttnWidgetError
            What went wrong with it; `StillRunningError` after `timeout` seconds; `NotRecordedError` if
            nothing ever ran.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while (run := self._latest) is not None:
                if not run.ended.wait(None if until is None else max(0.0, until - time.monotonic())):
                    raise StillRunningError("The prompt is still running.", "Wait on, or cancel it.")
                if run is self._latest:
                    if run.error is not None:
                        raise run.error
                    break
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self.record is None:
            raise NotRecordedError("Nothing has run yet.", "Run a prompt.")
        return self.record

    def read_as(self, *, words: bool, weighting: Weighting) -> None:
        """Show the current record word by word, or by norms; see `AttentionRecord`.

        Raises
        ------
        NotRecordedError
            If the record does not know the norms of its values.
        """
        with self._lock:
            shown = None if self.record is None else _read(self.record, words, weighting)
            self._words, self._weighting, self.shown = words, weighting, shown
            if self.record is not None:
                self._on_record(self.record)

    def fixed(self) -> Service:
        """Return a service of what is shown now: it follows no run, and answers in the calling thread."""
        with self._lock:
            fixed = copy.copy(self)
        fixed._apart = False
        return fixed

    def cancel(self, run: str | None = None) -> None:
        """Cancel the run under way, or only if it is `run`; or the long request of that id."""
        asked = None if run is None else self._asked.get(run)
        if asked is not None:
            asked.set()
        with self._lock:
            if self._current is not None and run in (None, self._current.id):
                self._current.cancelled.set()

    def _answer(self, request: Request, cancelled: Callable[[], bool]) -> tuple[Any, Buffers]:
        args, none = request["args"], Buffers()
        if request["kind"] == "cancel":
            self.cancel(args.get("id"))
            return {}, none
        if request["kind"] == "live":
            return answer_live()
        record = self._record(request["record"])
        match request["kind"]:
            case "open":
                return describe(record, self.head_notes), none
            case "layer":
                return self._layer(record, args)
            case "model":
                site, more = args["site"], args.get("more", False)
                made = self._measurements.pictures(
                    record, site, self.registry, more=more, cancelled=cancelled
                )
                return answer_model(record, site, made)
            case "row":
                return answer_row(record, args["site"], args["layer"], args["heads"], args["query"])
            case "metrics":
                site, more = args["site"], args.get("more", False)
                table = self._measurements.table(record, site, self.registry, more=more, cancelled=cancelled)
                return answer_metrics(table, frozenset(self.own))
            case "tiles":
                return answer_tiles(
                    record,
                    args["site"],
                    args["layer"],
                    args["head"],
                    args["level"],
                    args["pool"],
                    args["tiles"],
                    cancelled,
                )
            case "strips":
                return answer_strips(
                    record, args["site"], args["position"], args["direction"], args["pixels"], cancelled
                )
            case "column":
                return answer_column(
                    record, args["site"], args["layer"], args["heads"], args["key"], cancelled
                )
            case "search":
                return self._searches.answer(record, cast(SearchArgs, args), cancelled)
            case "neuron":
                return answer_neuron(
                    self._tokenwise(record),
                    args["site"],
                    args["layer"],
                    args["head"],
                    args["query"],
                    keys=args.get("keys", True),
                )
            case _:
                return answer_predictions(record)

    def _layer(self, record: AttentionRecord, args: dict[str, Any]) -> tuple[LayerMeta, Buffers]:
        site, layer, thumbnails = args["site"], args["layer"], args["thumbnails"]
        picture = None
        if thumbnails and is_tiled(record.site(layer, site)) and record.site(layer, site).thumbnails is None:
            picture = self._measurements.picture(record, site, layer, more=args.get("more", False))
        return answer_layer(record, site, layer, args["heads"], thumbnails, picture)

    def _record(self, record_id: str) -> AttentionRecord:
        record = self.shown
        if record is None:
            raise NotRecordedError("Nothing has run yet.", "Type a prompt and press Run.")
        if record_id not in ("", record.id):
            raise NotRecordedError("This view asks about an earlier prompt.", "It will follow by itself.")
        return record

    def _tokenwise(self, shown: AttentionRecord) -> AttentionRecord:
        """Return the record with scores behind the one that is shown."""
        if shown.words:
            raise NotRecordedError(
                "Merged words have no queries and keys of their own.", "Turn off Words to see the tokens'."
            )
        return cast(AttentionRecord, self.record)

    def _reply(self, request: Request, send: Send) -> None:
        asked = self._asked.get(request["id"], _NEVER)
        try:
            meta, buffers = self._answer(request, asked.is_set)
        except Exception as error:
            send(reply_error(request["id"], error), [])
            return
        finally:
            self._asked.pop(request["id"], None)
        for content, parts in messages(reply_ok(request["id"], meta), buffers.data):
            send(content, parts)

    def _spawn(self, run: _Run, prompt: Any, context: str | None, send: Send) -> None:
        # At once, so that whoever waits from now on waits for this run.
        self._take_over(run)

        def work() -> None:
            try:
                record = self._run(run, prompt, context or None)
            except Exception as error:
                send(reply_error(run.id, error), [])
            else:
                send(reply_ok(run.id, {"record": record.id}), [])

        _on_thread(work)

    def _run(self, run: _Run, prompt: Any, context: str | None) -> AttentionRecord:
        self._tell(run, phase="running")
        telling = Telling(partial(self._tell, run, phase="running"))
        try:
            if self.runner is None:
                raise NotRecordedError(
                    "There is no model here, only the attention that was given.",
                    "Pass model= to aw.explore to run prompts.",
                )
            announced = {"announce": telling.announce} if _announces(self.runner) else {}
            record = self.runner.run(
                prompt, context, progress=telling, cancelled=run.cancelled.is_set, **announced
            )
            with self._lock:
                if self._current is not run:
                    raise CancelledError("A newer prompt took over.", "Nothing to do.")
                earlier = [self.record, self.shown]
                self.record = record
                if not record.can_weigh:
                    self._weighting = "weights"
                self.shown = _read(record, self._words, self._weighting)
                for one in earlier:
                    # A runner may keep the record, but nobody looks at its pieces any more.
                    if one is not None and one is not record:
                        let_go(one)
                self._on_record(record)
        except (CancelledError, KeyboardInterrupt) as error:
            run.error = error if isinstance(error, CancelledError) else None
            self._tell(run, message="cancelled")
            raise
        except Exception as error:
            run.error = error
            self._tell(run, phase="failed", error=error_info(error))
            raise
        else:
            self._tell(run)
        finally:
            with self._lock:
                if self._current is run:
                    self._current = None
            run.ended.set()
        return record

    def _take_over(self, run: _Run) -> None:
        """Make a run the one under way; the one before is cancelled, and ends within a layer."""
        with self._lock:
            if self._current is not None and self._current is not run:
                self._current.cancelled.set()
            self._current = self._latest = run

    def _tell(self, run: _Run, **changes: Any) -> None:
        """Tell the status of a run, unless a newer one has taken over."""
        with self._lock:
            if self._current is run:
                status = {**IDLE, **changes, "run": run.id if changes.get("phase") == "running" else None}
                self._on_status(status)  # type: ignore[arg-type]


_NEVER = threading.Event()


class _Run:
    def __init__(self, run_id: str | None = None) -> None:
        self.id = run_id or uuid.uuid4().hex
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self.error: Exception | None = None


def _announces(runner: Runner) -> bool:
    """Whether a runner says what a run takes before it begins."""
    return "announce" in inspect.signature(runner.run).parameters


def _read(record: AttentionRecord, words: bool, weighting: Weighting) -> AttentionRecord:
    record = record.norm_weighted() if weighting == "norms" else record
    return record.merge_words() if words else record


def _on_thread(work: Callable[[], None]) -> None:
    try:
        threading.Thread(target=work, name="attnwidget", daemon=True).start()
    except RuntimeError:
        # Hosts without threads (Pyodide): it then blocks, which is the best that can be had there.
        work()
