"""The widget: synced traits, one message handler, and what a notebook shows where no script runs."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

import anywidget
import traitlets as t

from attnwidget.cells import cells
from attnwidget.errors import InputError, MissingDependencyError, NotRecordedError
from attnwidget.export import describe, picture
from attnwidget.metrics.table import HeadTable
from attnwidget.metrics.targets import Target
from attnwidget.outputs import Outputs
from attnwidget.record import AttentionRecord, Pick
from attnwidget.saved import EMPTY, Held, Saver, check_option
from attnwidget.service import Service, state
from attnwidget.service.answers import opening
from attnwidget.service.service import IDLE, Runner
from attnwidget.wire.schema import (
    PROTOCOL,
    Combine,
    Direction,
    HeadNote,
    HeadRef,
    Order,
    Scale,
    SiteKind,
    State,
    Status,
    Theme,
    View,
    Weighting,
)


class StateError(InputError, t.TraitError):
    """A trait was set to something that the record does not have."""

    code = "state"


def _built(name: str) -> str:
    path = Path(__file__).parent / "static" / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


class _Whole(t.Dict):
    """A dictionary whose missing entries have defaults: None stands for all of them."""

    def validate(self, obj: Any, value: Any) -> Any:
        return super().validate(obj, {} if value is None else value)


def _set(trait: Any, help: str) -> Any:
    """Return a trait that travels both ways."""
    trait.help = help
    return trait.tag(sync=True)


def _told(trait: Any, help: str) -> Any:
    """Return a trait that only the kernel sets."""
    trait.read_only = True
    return _set(trait, help)


class AttentionExplorer(Outputs, anywidget.AnyWidget):
    """An interactive view of one prompt's attention; every trait can be read, set, observed and linked.

    Parameters
    ----------
    record : AttentionRecord or None
        What to show; None where a prompt is to be run first.
    runner : ModelRunner or None
        Runs the prompts that are typed or set; None where there is no model.
    running : (prompt, context), optional
        Where there is no record yet: what to run, on a thread, while the explorer is on screen already.
    head_notes : sequence of HeadNote
        What is known about the model's heads.
    snapshot : "auto", int or str, "full" or False
        How much of the record a saved notebook keeps, for readers without a kernel: at most 1 MB ("auto"), a
        size such as "500 kB", everything, or nothing. It can be set later as well.
    **traits
        Initial values of traits; unknown names raise TypeError.

    Examples
    --------
    >>> import attnwidget as aw
    >>> ex = aw.explore()
    >>> ex.layer, ex.heads = 1, [0, 3]
    >>> ex.record.weights(layer=1, head=0).shape == (len(ex.record.tokens),) * 2
    True
    """

    # ipywidgets 7 would show the widget through this method and bypass the mimebundle with its picture.
    _ipython_display_ = None
    _esm = _built("widget.js")

    protocol = _told(t.Int(PROTOCOL), "Version of the wire.")
    version = _told(t.Unicode(version("attnwidget")), "The kernel's version of this package.")
    record_id = _told(t.Unicode(), "Which record is shown.")
    status = _told(t.Dict(default_value={**IDLE}), "What the kernel is doing.")
    can_run = _told(t.Bool(False), "Whether there is a model to run prompts.")

    prompt = _set(t.Unicode(), "The text; setting it runs it.")
    context = _set(t.Unicode(), "The second text of a pair; setting it runs the pair.")
    view = _set(t.Enum(get_args(View), "head"), "The pane on screen.")
    site = _set(t.Enum(get_args(SiteKind), "decoder"), "The kind of attention.")
    layer = _set(t.Int(), "0-based layer number, as in the model.")
    heads = _set(t.List(t.Int()), "0-based head numbers, ascending; may be empty.")
    selection = _set(_Whole(default_value={**state.NOTHING_HELD}), "What is held; None lets go.")
    direction = _set(t.Enum(get_args(Direction), "from"), "Text view: looks at, or is looked at by.")
    threshold = _set(t.Float(0.02, min=0.0, max=1.0), "Head view hides weights below it.")
    scale = _set(t.Enum(get_args(Scale), "sqrt"), "Colour scale of weights.")
    filters = _set(_Whole(default_value={**state.ALL_SHOWN}), "What of the patterns is drawn.")
    combine = _set(t.Enum(get_args(Combine), "each"), "Chosen heads one by one, or their mean or maximum.")
    words = _set(t.Bool(False), "Merge sub-words into words.")
    weighting = _set(t.Enum(get_args(Weighting), "weights"), "Weights, or weights times value norms.")
    metric = _set(t.Unicode("entropy"), "The metric that colours the metrics map and sorts the model view.")
    detectors = _told(t.List(t.Unicode()), "Names of the detectors that were added.")
    order = _set(t.Enum(get_args(Order), "layer"), "Model view: by layer, or by the metric.")
    cut = _set(t.Float(None, allow_none=True), "Model view fades heads whose metric is below it.")
    pinned = _set(t.List(), "Heads put aside to compare: (layer, head) pairs, or site, layer and head.")
    comparing = _set(t.Bool(False), "Head view: pinned heads side by side.")
    theme = _set(t.Enum(get_args(Theme), "auto"), "auto follows the host.")
    height = _set(t.Int(470, min=200, max=4000), "Height of the view in CSS pixels.")

    snapshot = t.Any("auto", help="How much of the record a saved notebook keeps.")
    _snapshot = _told(t.Bytes(b""), "The record as bytes, for readers without a kernel; empty for none.")

    def __init__(
        self,
        record: AttentionRecord | None,
        *,
        runner: Runner | None = None,
        running: tuple[Any, str | None] | None = None,
        head_notes: Sequence[HeadNote] = (),
        **traits: Any,
    ) -> None:
        if not self._esm:
            raise MissingDependencyError(
                "The front end is missing from this copy of attnwidget.", "Run `make build` in the clone."
            )
        if unknown := sorted(set(traits) - (State.__annotations__.keys() | {"layout", "snapshot"})):
            raise TypeError(f"AttentionExplorer has no trait {', '.join(unknown)}.")
        self._service = Service(
            record,
            runner=runner,
            head_notes=head_notes,
            on_record=self._show,
            on_status=self._tell,
            apart=True,
        )
        self._cells = cells()
        self._saver = Saver(self._service, self._held, lambda data: self.set_trait("_snapshot", data))
        self._shown = record
        self._wanted = traits
        prompt, context = running or ("", None)
        self._asked = (prompt if isinstance(prompt, str) else "", context or "")
        shown: dict[str, Any] = dict(zip(("prompt", "context"), self._asked, strict=True))
        if record is not None:
            site, layer, heads = opening(record, traits.get("site"), traits.get("layer"))
            shown = {"site": site, "layer": layer, "heads": heads, "prompt": record.prompt}
            shown["context"] = record.context or ""
        super().__init__(**shown | traits)
        if record is not None:
            self.set_trait("record_id", self._service_shown.id)
        self.set_trait("can_run", runner is not None)
        self.on_msg(self._answer)
        if self._cells is not None:
            self._cells.made(self)
        if running is not None:
            self._service.start(prompt, context)

    @property
    def record(self) -> AttentionRecord:
        """The record on screen: that of the last prompt that ran.

        Where the first prompt is still running, this waits for it and raises what went wrong; see `wait`.
        """
        record = self._service.record
        return self._service.wait() if record is None else record

    def wait(self, timeout: float | None = None) -> AttentionRecord:
        """Wait for the prompt that is running, and return its record.

        Interrupting the wait (the stop button of the notebook) cancels the run; so does `cancel`.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        StillRunningError
            If it takes longer.
        AttnWidgetError
            What went wrong with the run.

        Examples
        --------
        >>> import attnwidget as aw
        >>> ex = aw.explore("The cat chased the dog because it", wait=False)
        >>> ex.wait() is ex.record
        True
        """
        return self._service.wait(timeout)

    @property
    def _service_shown(self) -> AttentionRecord:
        """The record as it is read: by tokens or words, weights or norms."""
        return cast(AttentionRecord, self._service.shown)

    @property
    def runner(self) -> Runner | None:
        """What runs the prompts; None where only tensors were given."""
        return self._service.runner

    def run(self, prompt: Any, context: str | None = None) -> AttentionRecord:
        """Run a prompt (text, chat messages or token ids), show it, and return its record.

        Raises
        ------
        AttnWidgetError
            What is wrong and what to do; the last good view stays.
        """
        return self._service.run(prompt, context)

    def cancel(self) -> None:
        """Cancel the run that is under way."""
        self._service.cancel()

    def metrics(self, site: SiteKind | None = None, queries: Pick | None = None) -> HeadTable:
        """Return every metric and detector of every head, as numbers.

        Parameters
        ----------
        site : {"encoder", "decoder", "cross"}, optional
            The kind of attention on screen if not given.
        queries : slice, int or sequence of int, optional
            Which queries to read. If not given, what the metrics map shows: all of them, or of long prompts
            evenly spread ones, as many as were read so far (`sampled` says how many, `margins` how sure the
            values are); `slice(None)` reads all, however long it takes.

        Returns
        -------
        HeadTable

        Examples
        --------
        >>> import attnwidget as aw
        >>> ex = aw.explore("the cat saw the cat saw the")
        >>> table = ex.metrics()
        >>> table.values["previous"].shape
        (4, 4)
        >>> best = table.top("previous", k=1)[0]
        >>> (best.layer, best.head), best.value > 0.9
        ((0, 0), True)
        """
        return self._service.metrics(site or self.site, queries)

    def add_detector(
        self,
        name: str,
        target: Target,
        *,
        title: str | None = None,
        formula: str | None = None,
        source: str = "you",
    ) -> None:
        """Measure, from now on, how much of each head's attention falls where a target says.

        It stands beside the other metrics in the metrics map and in `metrics()`: the mean over queries of the
        sum over keys of weight x target, over queries that can choose, with what an even spread would give.
        A detector of the same name is replaced.

        Parameters
        ----------
        name : str
            Value of `metric` that shows it.
        target : array [queries, keys], or function
            True and False, or values between 0 and 1. An array is about the current prompt alone. A function
            takes the query tokens and the key tokens, which are the same in self-attention, and returns such
            an array, for every prompt; or None where it does not apply.
        title, formula, source : str, optional
            What the screen says of it.

        Raises
        ------
        InputError, ShapeError
            If the name is taken by a standard metric, or the target does not fit the prompt.

        Examples
        --------
        >>> import attnwidget as aw
        >>> ex = aw.explore("the cat saw the dog")
        >>> def same_initial(queries, keys):
        ...     return [[q.text.strip()[:1] == k.text.strip()[:1] for k in keys] for q in queries]
        >>> ex.add_detector("initials", same_initial, title="Same first letter")
        >>> ex.detectors, ex.metrics().values["initials"].shape
        (['initials'], (4, 4))
        """
        self._service.add_detector(name, target, title=title, formula=formula, source=source)
        self._tell_detectors()

    def remove_detector(self, name: str) -> None:
        """Measure a detector no more; InputError names those that were added."""
        self._service.remove_detector(name)
        if self.metric == name:
            self.metric = "entropy"
        self._tell_detectors()

    def __repr__(self) -> str:
        if self._shown is None:
            return f"AttentionExplorer({self.status['phase']}, nothing to show yet)"
        return describe(self._shown, self._look())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if self._cells is not None:
            self._cells.shown(self)
        elif self.comm is not None:
            # marimo shows an element of its own, and asks for this before it does.
            self._saver.visible = True
            self._saver.save()
        data = {**data, "text/plain": repr(self)}
        if self._shown is None:
            return data, metadata
        try:
            png, size = picture(self._shown, self._look())
        except Exception as error:
            warnings.warn(f"attnwidget could not draw the still picture: {error}", stacklevel=2)
            return data, metadata
        data["image/png"] = base64.b64encode(png).decode("ascii")
        return data, {**metadata, "image/png": {"width": size[0], "height": size[1]}}

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the state, or a part of it, as it is sent and saved."""
        # Where no cells tell when (plain Python, marimo), whoever asks for everything wants the snapshot too.
        if key is None and self._cells is None and self.comm is not None:
            self._saver.save()
        return cast(dict[str, Any], super().get_state(key=key, drop_defaults=drop_defaults))

    def _get_embed_state(self, drop_defaults: bool = False) -> dict[str, Any]:
        self._saver.save()
        return cast(dict[str, Any], super()._get_embed_state(drop_defaults=drop_defaults))

    def close(self) -> None:
        """Leave the page, and the state that is saved with the notebook."""
        comm = self.comm
        self._saver.visible = False
        super().close()
        if comm is not None and self._cells is not None:
            # Programs that execute notebooks keep the last state of what was closed: let it be small.
            comm.send({"method": "update", "state": EMPTY, "buffer_paths": [["_snapshot"]]}, buffers=[b""])

    def _ready(self) -> AttentionRecord:
        self.record  # noqa: B018 - waits for the first
        return self._service_shown

    def _held(self) -> Held:
        chosen = [{"site": self.site, "layer": self.layer, "head": head} for head in self.heads]
        return Held(cast(tuple[HeadRef, ...], (*chosen, *self.pinned)), self.selection["query"])

    def _show(self, record: AttentionRecord) -> None:
        shown, before = self._service_shown, self._shown
        with self.hold_sync(), self.hold_trait_notifications():
            self.prompt, self.context = record.prompt, record.context or ""
            self._shown = shown
            if before is None:
                self._open(record, shown)
            else:
                site = self.site if self.site in record.kinds else record.kinds[0]
                self.site = site
                if before.id.split(".")[0] == shown.id.split(".")[0]:
                    held = state.moved_selection(before, shown, record, site, self.selection)
                else:
                    held = state.kept_selection(before, shown, site, self.selection)
                self.selection = held
            self.weighting = self._service.weighting
            self.set_trait("record_id", shown.id)

    def _open(self, record: AttentionRecord, shown: AttentionRecord) -> None:
        """Open on the first record: on what was asked for before it was there, as far as it has that."""
        wanted = self._wanted
        site = self.site if self.site in record.kinds else None
        layer = wanted.get("layer")
        if layer is not None:
            layer = state.nearest_layer(record, site or record.kinds[0], layer)
        self.site, self.layer, heads = opening(record, site, layer)
        if "heads" in wanted:
            heads = state.kept_heads(record, self.site, self.layer, sorted(set(wanted["heads"])))
        self.heads = heads
        try:
            self.selection = state.check_selection(shown, self.site, self._wanted.get("selection") or {})
        except InputError:
            self.selection = state.NOTHING_HELD

    def _tell_detectors(self) -> None:
        # Twice, so that the front end asks again where one was replaced by another of its name.
        for names in ([], list(self._service.own)):
            self.set_trait("detectors", names)
        self._saver.changed()

    def _answer(self, _: Any, content: Any, buffers: Any) -> None:
        self._saver.asked()
        self._service.handle(content, self.send)

    def _tell(self, status: Status) -> None:
        self.set_trait("status", status)

    @t.validate("layer", "heads", "selection", "filters", "pinned", "metric")
    def _fits(self, proposal: Any) -> Any:
        value, site, record, shown = proposal.value, self.site, self._service.record, self._shown
        try:
            match proposal.trait.name:
                case "filters":
                    return state.check_filters(value)
                case "pinned":
                    return state.check_pinned(value, site)
                case "metric":
                    return self._service.registry[value].name
                case _ if record is None or shown is None:
                    # Nothing to check it against; `_open` does once there is.
                    self._wanted = {**self._wanted, proposal.trait.name: value}
                    return value
                case "layer":
                    return state.check_layer(record, site, value)
                case "heads":
                    return state.check_heads(record, site, self.layer, value)
                case _:
                    return state.check_selection(shown, site, value)
        except InputError as error:
            raise StateError(error.what, error.todo) from None

    @t.validate("snapshot")
    def _is_option(self, proposal: Any) -> Any:
        try:
            return check_option(proposal.value)
        except InputError as error:
            raise StateError(error.what, error.todo) from None

    @t.observe("snapshot", "record_id")
    def _save_otherwise(self, change: Any) -> None:
        self._saver.option = self.snapshot
        self._saver.changed()

    @t.observe("site", "layer", "heads", "pinned", "selection")
    def _hold_otherwise(self, change: Any) -> None:
        self._saver.changed(held_only=True)

    @t.observe("site", "layer")
    def _follow(self, change: Any) -> None:
        record = self._service.record
        if record is None or self._shown is None:
            return
        self.layer = state.nearest_layer(record, self.site, self.layer)
        self.heads = state.kept_heads(record, self.site, self.layer, self.heads)
        self.selection = state.check_selection(self._shown, self.site, self.selection)

    @t.observe("words", "weighting")
    def _read_otherwise(self, change: Any) -> None:
        shown = self._shown
        if shown is not None and (self.words, self.weighting) == (shown.words, shown.weighting):
            return
        try:
            self._service.read_as(words=self.words, weighting=self.weighting)
        except NotRecordedError as error:
            self.weighting = "weights"
            raise StateError(error.what, error.todo) from None

    @t.observe("prompt", "context")
    def _prompt_was_set(self, change: Any) -> None:
        wanted, record = (self.prompt, self.context), self._service.record
        if wanted == (self._asked if record is None else (record.prompt, record.context or "")):
            if self.status["phase"] == "failed":
                self.set_trait("status", IDLE)
            return
        self._asked = wanted
        if change.name in self._property_lock:
            # It came from a widget that is linked in the page: do not block the message loop.
            self._service.start(*wanted)
        else:
            self._service.run(self.prompt, self.context or None)
