"""`ModelRunner`: one model, its tokenizer, its records."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from attnwidget.capture import Captured, memory, run_with_capture
from attnwidget.capture.chunked import may_run_in_chunks
from attnwidget.capture.state import evaluation_mode, runs_eager
from attnwidget.capture.steps import Progress, Step, tell
from attnwidget.capture.store import Store
from attnwidget.errors import AttnWidgetError, CacheError, CancelledError, CaptureError, InputError
from attnwidget.record import AttentionRecord, ModelInfo, Predictions, Stream, Token
from attnwidget.runner.bar import showing
from attnwidget.runner.budget import Budget, Plan, Spill, budget_of, half_of
from attnwidget.runner.cache import ByteCache, CacheInfo
from attnwidget.runner.chunks import check_chunk, chunk_for
from attnwidget.runner.decoding import MOST_GENERATED, generated, shifted
from attnwidget.runner.inputs import accepted_arguments, all_arguments, input_device, model_inputs
from attnwidget.runner.limits import (
    check_ids,
    check_length,
    embedding_rows,
    free_bytes,
    is_out_of_memory,
    out_of_memory,
    position_limit,
)
from attnwidget.runner.load import fingerprint, load, weights_version
from attnwidget.runner.needs import Kept, kept_bytes, key_cache_bytes, seen, working_bytes
from attnwidget.runner.predict import LogitsTap, label_predictions
from attnwidget.runner.prompt import (
    AnyPrompt,
    Encoded,
    IdsPrompt,
    Prompt,
    SensePrompt,
    encode,
    encode_target,
    read_prompt,
)
from attnwidget.runner.senses import demand_readable, digest, position_tokens
from attnwidget.runner.tokens import tokens_from_ids
from attnwidget.runner.vocabulary import Vocabulary

_WAIT = 0.05
"""Seconds between two looks at `cancelled` while another run holds the model."""

_locks: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()
_locks_guard = RLock()

Cancelled = Callable[[], bool]


def _lock_of(model: nn.Module) -> Any:
    """One lock per model, however many runners share it."""
    with _locks_guard:
        return _locks.setdefault(model, RLock())


class ModelRunner:
    """Runs prompts through one model and keeps the records.

    Parameters
    ----------
    model : str, PathLike, torch.nn.Module or None
        A name on the hub, a folder, or a loaded model; None means the model that comes with attnwidget. A
        loaded model is left exactly as it is found.
    tokenizer : str, PathLike, PreTrainedTokenizerBase or None
        None means the one stored with the model.
    exact : bool
        Whether runs are eager by default, so that weights equal `output_attentions`.
    cache : int or str
        How many bytes of memory the records may take that are kept: "8 GB", "500 MB", a number, or 0 for
        none; "auto" is a quarter of the memory that is free, at least 1 GB. The longest unused go first.
    spill : bool, str or path
        Whether the queries and keys of a long prompt that do not fit into what is left of this, or into
        memory, go to memory-mapped files: in the system's folder of temporary files, or in this one. They
        have no name there and go with the record. False refuses such a prompt before it runs.
    cache_dtype : "float16", "bfloat16" or None
        Precision in which queries and keys are kept, where the model's own is wider. What that does to the
        weights is measured in each run and said in the record's notes. None keeps them as they are.
    chunk : int or None
        How many tokens of a long prompt go through the model at a time, from its own cache of keys and
        values, where that is the same as all at once. None leaves it to the memory that is free, from 4,096
        tokens on; 0 never does.
    **from_pretrained
        Passed on to `from_pretrained`: `dtype`, `device_map`, `revision`, `trust_remote_code`, `token`,
        `attn_implementation`, ...; `device` moves the model.

    Attributes
    ----------
    model : torch.nn.Module
        The model.
    tokenizer : PreTrainedTokenizerBase or None
        Its tokenizer.
    info : ModelInfo
        What to show of the model.
    lock : RLock
        Held during a run; shared by all runners of the same loaded model.

    Raises
    ------
    ModelLoadError
        If the model or a tokenizer named here cannot be loaded; says whether it does not exist, is gated, or
        cannot be reached.
    InputError
        If an argument is not usable.

    Examples
    --------
    >>> runner = ModelRunner()
    >>> record = runner.run("The cat sat on the mat because it was tired.")
    >>> record.weights(layer=0, head=0).shape[0] == len(record.tokens)
    True
    """

    def __init__(
        self,
        model: str | PathLike[str] | nn.Module | None = None,
        tokenizer: Any = None,
        *,
        exact: bool = False,
        cache: int | str = "auto",
        spill: Spill = True,
        cache_dtype: Any = None,
        chunk: int | None = None,
        **from_pretrained: Any,
    ) -> None:
        self._chunk = check_chunk(chunk)
        room = budget_of(cache, memory.free_bytes(torch.device("cpu")))
        self._cache: ByteCache[AttentionRecord] = ByteCache(room)
        self._budget = Budget(self._cache, spill, half_of(cache_dtype))
        self._seen: dict[bool, Kept] = {}
        loaded = load(model, tokenizer, from_pretrained)
        self.model = loaded.model
        self.tokenizer = loaded.tokenizer
        self.info: ModelInfo = loaded.info
        self.exact = exact
        self.lock = _lock_of(self.model)
        self._tokenizer_error = loaded.tokenizer_error
        self._vocabulary = Vocabulary(self.tokenizer)
        self._accepted = accepted_arguments(self.model)
        self._fingerprint: tuple[object, str] | None = None

    def __repr__(self) -> str:
        return (
            f"<ModelRunner {self.info.name}: {self.info.architecture}, {self.info.dtype}, {self.info.device}>"
        )

    def cache_info(self) -> CacheInfo:
        """Return what the cache holds and how often it helped."""
        return self._cache.info()

    def clear_cache(self) -> None:
        """Forget the records kept, and with them their files; those in use stay as they are."""
        self._cache.clear()

    def run(
        self,
        prompt: Prompt,
        context: str | None = None,
        *,
        target: str | None = None,
        exact: bool | None = None,
        progress: bool | Progress | None = None,
        cancelled: Cancelled | None = None,
        announce: Callable[[Plan], None] | None = None,
    ) -> AttentionRecord:
        """Run a prompt, or return the record of the same run if it is still kept.

        Parameters
        ----------
        prompt : str, (str, str), list of messages, list of int, array, tensor or mapping
            A text; a pair; chat messages, each a mapping with "role" and "content"; token ids of one
            sequence; what a tokenizer returns, whose masked positions are run but not recorded; or what an
            image processor or a feature extractor returns ("pixel_values", "input_features" or
            "input_values"), whose tokens are then patches ("r0 c3") or times ("0.02 s").
        context : str, optional
            Second text of a pair.
        target : str, optional
            What the decoder of an encoder-decoder reads; if not given, up to 40 tokens that the model
            generates greedily.
        exact : bool, optional
            Eager run whose weights equal `output_attentions`; the runner's own setting if not given.
        progress : callable or bool, optional
            Called with work done and work in all: layers, or of a prompt in chunks what they cost. True
            draws a tqdm bar, with an estimate of the time left.
        cancelled : callable, optional
            Asked between layers, and while another run holds the model.
        announce : callable, optional
            Called before the run with its `Plan`: what it will take, and where its record will lie. Not
            called for a record that is still kept.

        Returns
        -------
        AttentionRecord

        Raises
        ------
        EmptyPromptError, PromptTooLongError, TokenizerMismatchError, InputError
            If the prompt is not usable.
        NoAttentionError, CaptureError, FidelityError
            If the model's attention cannot be recorded.
        OutOfMemoryError
            If the run does not fit; the runner stays usable.
        CacheError
            If what it keeps fits neither into memory nor on the disk, within what is allowed.
        CancelledError
            If `cancelled` returned True.

        Examples
        --------
        An image, as its processor prepares it; each patch is a token:

        >>> import torch, transformers
        >>> config = transformers.ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        ...                                 intermediate_size=64, image_size=32, patch_size=16)
        >>> runner = ModelRunner(transformers.ViTModel(config))
        >>> record = runner.run({"pixel_values": torch.rand(1, 3, 32, 32)})
        >>> [token.label for token in record.tokens]
        ['cls', 'r0 c0', 'r0 c1', 'r1 c0', 'r1 c1']
        """
        given = self._given(prompt, context)
        with self._held(cancelled):
            encoded, asked = self._encoded(given, target)
            eager = self.exact if exact is None else exact
            version, identity = self._identity()
            record_id = _record_id(identity, encoded, asked, eager, self._budget.dtype)
            kept = self._cache.get((record_id, version))
            if kept is not None:
                return kept
            plan = self._plan(encoded, asked, eager)
            plan.demand()
            with showing(progress, announce) as (told, announced):
                if announced is not None and encoded.ids:
                    announced(plan)
                store = self._budget.store(plan)
                record = self._record(record_id, encoded, asked, eager, told, cancelled, store)
            self._learn(record, encoded, eager)
            self._cache.put((record_id, version), record, on_disk=record.place == "disk")
            return record

    def plan(
        self,
        prompt: Prompt,
        context: str | None = None,
        *,
        target: str | None = None,
        exact: bool | None = None,
    ) -> Plan:
        """Say what a run will take, without running it.

        Parameters
        ----------
        prompt, context, target, exact
            As in `run`.

        Returns
        -------
        Plan
            How many bytes the record takes, in memory or on disk, how many the run takes to work, and
            whether they fit. Queries and keys are kept of every position: also of layers with a sliding
            window, since any row may be asked for.

        Raises
        ------
        EmptyPromptError, PromptTooLongError, TokenizerMismatchError, InputError
            If the prompt is not usable.

        Examples
        --------
        >>> plan = ModelRunner().plan("The cat sat.")
        >>> plan.tokens, plan.place, plan.fits
        (5, 'memory', True)
        >>> plan.kept == ModelRunner().run("The cat sat.").nbytes
        True
        """
        given = self._given(prompt, context)
        with self._held(None):
            return self._plan(*self._encoded(given, target), self.exact if exact is None else exact)

    # ------------------------------------------------------------------ before the run

    def _given(self, prompt: Prompt, context: str | None) -> AnyPrompt:
        given = read_prompt(prompt, context)
        if self._tokenizer_error is not None and not isinstance(given, (IdsPrompt, SensePrompt)):
            raise self._tokenizer_error
        return given

    def _encoded(self, given: AnyPrompt, target: str | None) -> tuple[Encoded, Encoded | None]:
        """Return the tokens of the prompt and of the target, after making sure that the model takes them."""
        encoded = encode(given, self._vocabulary)
        demand_readable(self.model, list(encoded.more), all_arguments(self.model))
        if encoded.ids:
            typed = not isinstance(given, (IdsPrompt, SensePrompt))
            self._check(encoded, "encoder" if self._is_seq2seq else "decoder", typed)
        return encoded, None if target is None else self._encode_target(target)

    def _plan(self, encoded: Encoded, asked: Encoded | None, eager: bool) -> Plan:
        tokens = len(encoded.ids)
        if not tokens:
            return Plan(0, 0, 0)  # What an image or a sound becomes is known once it has run.
        target = 0 if not self._is_seq2seq else MOST_GENERATED + 1 if asked is None else len(asked.ids) + 1
        seen, device = self._seen.get(eager), input_device(self.model)

        def kept(count: int) -> int:
            if seen is not None:
                return seen.bytes(count)
            return kept_bytes(self.model, count, target=target, dtype=self._budget.dtype)

        def working(count: int) -> int:
            chunk = self._chunk_for(count, device, eager)
            more = 0 if self._budget.dtype is None else key_cache_bytes(self.model, count, chunk)
            whole = eager or runs_eager(self.model)
            return more + working_bytes(self.model, count, chunk=chunk, eager=whole, target=target)

        def apart(count: int) -> int:
            chunk = self._chunk_for(count, device, eager)
            return 0 if self._budget.dtype is not None else key_cache_bytes(self.model, count, chunk)

        host, cuda = torch.device("cpu"), device.type == "cuda"
        on_device = (lambda: free_bytes(device)) if cuda else None
        return self._budget.plan(tokens, kept, working, apart, lambda: free_bytes(host), on_device)

    def _learn(self, record: AttentionRecord, encoded: Encoded, eager: bool) -> None:
        """Remember what a record of this model takes: weights that were recorded whole cannot be foreseen."""
        if encoded.ids and len(record.streams) == 1:
            self._seen[eager] = seen(record)

    def _chunk_for(self, tokens: int, device: torch.device, exact: bool) -> int | None:
        if exact or self._is_seq2seq or not may_run_in_chunks(self.model):
            return None
        return chunk_for(self.model, tokens, self._chunk, device.type, free_bytes(device))

    @property
    def _is_seq2seq(self) -> bool:
        return bool(getattr(getattr(self.model, "config", None), "is_encoder_decoder", False))

    @contextmanager
    def _held(self, cancelled: Cancelled | None) -> Iterator[None]:
        """Hold the model; a run that is cancelled while it waits does not wait on."""
        while not self.lock.acquire(timeout=_WAIT if cancelled is not None else -1):
            if cancelled is not None and cancelled():
                raise CancelledError("The run was cancelled before it began.", "Start it again when needed.")
        try:
            yield
        finally:
            self.lock.release()

    def _check(self, encoded: Encoded, stream: Stream, typed: bool, what: str = "prompt") -> None:
        check_length(len(encoded.ids), position_limit(self.model, self.tokenizer, stream), what)
        check_ids(encoded.ids, embedding_rows(self.model, stream), self.tokenizer, typed=typed)

    def _encode_target(self, target: str) -> Encoded:
        if not self._is_seq2seq:
            raise InputError(
                f"{self.info.architecture} has no separate decoder that could read a target.",
                "Leave target out, or append it to the prompt.",
            )
        encoded = encode_target(target, self._vocabulary)
        self._check(encoded, "decoder", True, "target")
        return encoded

    def _identity(self) -> tuple[object, str]:
        """Return what the weights are, read again only if they were written to."""
        version = weights_version(self.model)
        if self._fingerprint is None or self._fingerprint[0] != version:
            self._fingerprint = version, f"{self.info.name} {fingerprint(self.model)}"
        return self._fingerprint

    # ------------------------------------------------------------------ the run

    def _record(
        self,
        record_id: str,
        encoded: Encoded,
        asked: Encoded | None,
        exact: bool,
        progress: Progress | None,
        cancelled: Cancelled | None,
        store: Store,
    ) -> AttentionRecord:
        device = input_device(self.model)
        free = free_bytes(device)
        count = len(encoded.ids)
        failure: AttnWidgetError
        try:
            with torch.no_grad():
                return self._run(record_id, encoded, asked, exact, progress, cancelled, device, store)
        except (CacheError, CancelledError) as error:
            # Whoever holds it would hold its frames, and with them what was kept so far.
            error.__cause__ = error.__context__ = None
            failure = error.with_traceback(None)
        except AttnWidgetError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                failure = out_of_memory(self.model, count, free)
            else:
                raise CaptureError(
                    f"The forward pass of {self.info.architecture} failed: {type(error).__name__}: {error}.",
                    "The error above this one says where.",
                ) from error
        # Outside the handler the failed run's tensors are no longer held by its traceback.
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise failure

    def _run(
        self,
        record_id: str,
        encoded: Encoded,
        asked: Encoded | None,
        exact: bool,
        progress: Progress | None,
        cancelled: Cancelled | None,
        device: torch.device,
        store: Store,
    ) -> AttentionRecord:
        inputs = model_inputs(self.model, encoded, self._accepted, device)
        notes: tuple[str, ...] = ()
        decoder: tuple[Token, ...] | None = None
        if self._is_seq2seq:
            if asked is not None:
                ids, decoder = shifted(asked, self.model, self._vocabulary)
            else:
                with evaluation_mode(self.model):
                    ids = generated(self.model, inputs, cancelled)
                decoder = tokens_from_ids(ids, self._vocabulary)
                notes = (
                    f"The decoder reads {len(ids)} tokens: its start token and what the model generated, "
                    f"always the most probable token, {MOST_GENERATED} at most.",
                )
            inputs["decoder_input_ids"] = torch.tensor([ids], device=device)
        kept = None if all(encoded.mask) else np.array(encoded.mask, dtype=bool)
        keep = {"encoder": kept, "decoder": None if self._is_seq2seq else kept}
        settings = {"use_cache": False, "return_dict": True}
        with LogitsTap(self.model) as tap:
            captured = run_with_capture(
                self.model,
                inputs | {name: value for name, value in settings.items() if name in self._accepted},
                exact=exact,
                keep=keep,
                progress=progress,
                cancelled=cancelled,
                store=store,
                chunk=self._chunk_for(len(encoded.ids), device, exact),
                on_chunk=lambda output, first: tap.take(output, first, cancelled=cancelled),
            )
        tokens = encoded.tokens
        named: tuple[str, ...] = ()
        if not encoded.ids:
            positions = next(s.keys for s in captured.sites if decoder is None or s.kind != "decoder")
            tokens, named = position_tokens(self.model, encoded.more, positions)
        streams = self._streams(captured, tokens, decoder)
        predictions, left_out = self._predictions(
            tap, captured, streams, keep["decoder"], progress, cancelled
        )
        return AttentionRecord(
            id=record_id,
            model=self.info,
            prompt=encoded.prompt,
            context=encoded.context,
            streams=streams,
            sites=captured.sites,
            predictions=predictions,
            exact=exact,
            notes=(*captured.notes, *named, *notes, *left_out),
        )

    def _streams(
        self, captured: Captured, tokens: tuple[Token, ...], decoder: tuple[Token, ...] | None
    ) -> dict[Stream, tuple[Token, ...]]:
        if decoder is not None:
            return {"encoder": tokens, "decoder": decoder}
        is_decoder = any(site.kind == "decoder" for site in captured.sites)
        return {"decoder" if is_decoder else "encoder": tokens}

    def _predictions(
        self,
        tap: LogitsTap,
        captured: Captured,
        streams: dict[Stream, tuple[Token, ...]],
        kept: np.ndarray | None,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> tuple[Predictions | None, tuple[str, ...]]:
        if "decoder" not in streams:
            return None, ()
        layers = len(captured.sites)

        def told(share: float) -> None:
            tell(progress, Step(done=layers, total=layers, layer=layers, layers=layers, predicted=share))

        whole = captured.chunks == 1
        found = tap.top(captured.output, cancelled=cancelled, told=told) if whole else tap.found
        if found is None:
            return None, ()
        if isinstance(found, str):
            return None, (found,)
        ids, probabilities = found if kept is None else (found[0][kept], found[1][kept])
        return label_predictions(ids, probabilities, self._vocabulary), ()


def _record_id(
    identity: str, encoded: Encoded, target: Encoded | None, exact: bool, dtype: torch.dtype | None
) -> str:
    """Short hexadecimal name of a run: the same in every process for the same model, prompt and settings."""
    said: dict[str, Any] = {
        "model": identity,
        "prompt": [encoded.prompt, encoded.context, encoded.ids, encoded.mask, encoded.segments],
        "target": None if target is None else [target.prompt, target.ids],
        "exact": exact,
    }
    if dtype is not None:
        said["kept in"] = str(dtype)
    if encoded.more:
        said["more"] = digest(encoded.more)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
