"""The tape: what one run records, in the context of that run only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnwidget.capture import memory, verify
from attnwidget.capture.masks import Keep, Masks
from attnwidget.capture.projection import Follower, Weight
from attnwidget.capture.rotary import Rotation
from attnwidget.capture.steps import Progress, Work
from attnwidget.capture.store import Store
from attnwidget.capture.structure import Structure
from attnwidget.errors import CancelledError, CaptureError
from attnwidget.record import DenseSite, Kind, Route, Site, Visibility
from attnwidget.record.qk import QKSite

ACTIVE: ContextVar[Tape | None] = ContextVar("attnwidget_tape", default=None)

HALF = (torch.float16, torch.bfloat16)
"""Half precision."""
# Q and K stay on the accelerator while they take less than this share of what is free there.
_SHARE_ON_DEVICE = 0.25


@dataclass(frozen=True, eq=False)
class Call:
    """Arguments of one attention call.

    Parameters
    ----------
    query : Tensor [batch, heads, queries, d]
    key : Tensor [batch, kv_heads, keys, d]
    value : Tensor [batch, kv_heads, keys, dv]
    mask, bias : Tensor or None
        Broadcastable to [batch, heads, queries, keys].
    causal : bool
        Whether the causal rule applies on top of the mask.
    scaling : float or None
        None for 1 / sqrt(d).
    softcap : float or None
    sinks : Tensor [heads] or None
    rounded : bool
        Whether scores are rounded to the model's dtype on the way.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None = None
    bias: Tensor | None = None
    causal: bool = False
    scaling: float | None = None
    softcap: float | None = None
    sinks: Tensor | None = None
    rounded: bool = False


class Tape:
    """What one run records.

    Parameters
    ----------
    structure : Structure
        Of the model.
    row : int
        Prompt of the batch.
    keep : mapping of stream to bool array or None
        Positions that are not padding.
    exact : bool
        Whether weights that an eager run returns may be recorded where queries and keys do not explain them.
    progress : callable or None
        Told after each layer; see `steps.Progress`.
    cancelled : callable or None
        Asked between layers.
    store : Store or None
        Keeps queries and keys; in memory, as they are, by default.
    """

    def __init__(
        self,
        structure: Structure,
        *,
        row: int = 0,
        keep: Mapping[str, NDArray[np.bool_] | None] | None = None,
        exact: bool = False,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        store: Store | None = None,
    ) -> None:
        self.structure = structure
        self.store = Store() if store is None else store
        self.row = row
        self.exact = exact
        self.found: list[tuple[nn.Module, Site]] = []
        self.ran: dict[int, nn.Module] = {}
        self.stack: list[nn.Module] = []
        self.softmax_in: set[int] = set()
        self.notes: dict[str, None] = {}
        self.halves: dict[torch.dtype, None] = {}
        self.within = 0
        self.rotation = Rotation()
        self._follower: tuple[Follower, Site] | None = None
        self._keep = {stream: Keep.of(flags) for stream, flags in (keep or {}).items()}
        self._masks = Masks(row)
        self._closed: frozenset[int] = frozenset()
        self._work = Work((1,), len(structure.candidates), progress)
        self._cancelled = cancelled

    # ------------------------------------------------------------------ where the run is

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Make this the tape of the current context."""
        token = ACTIVE.set(self)
        try:
            yield
        finally:
            ACTIVE.reset(token)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Mark that an attention function is running, whose own calls are its business."""
        self.within += 1
        try:
            yield
        finally:
            self.within -= 1

    def checkpoint(self) -> None:
        """Raise CancelledError if the user wants to stop."""
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The run was cancelled.", "Run it again to see its attention.")

    def close_found(self) -> None:
        """Record nothing more of the modules that are recorded already."""
        self._closed = frozenset(id(module) for module, _ in self.found)

    def unseen(self) -> list[nn.Module]:
        """Attention modules that ran and left nothing."""
        seen = {id(module) for module, _ in self.found}
        return [m for key, m in self.structure.candidates.items() if key in self.ran and key not in seen]

    def wants(self, module: nn.Module) -> bool:
        """Whether calls of this module are to be recorded; says so in the notes if not."""
        if not self.structure.owns(module) or id(module) in self._closed:
            return False
        if self.structure.is_other_sense(module):
            self.notes["Attention over images or sound is not shown: there are no tokens for it."] = None
            return False
        if self.structure.reads_text and self.structure.is_cross(module) and not self.structure.two_stacks:
            self.notes["Cross-attention to something other than the prompt is not shown."] = None
            return False
        return True

    # ------------------------------------------------------------------ recording

    def record(
        self,
        module: nn.Module,
        route: Route,
        call: Call,
        output: Tensor,
        weights: Tensor | None = None,
        start: Tensor | None = None,
    ) -> None:
        """Record one attention call and verify it.

        Parameters
        ----------
        module : Module
            Whose attention it is.
        route : {"interface", "functional"}
        call : Call
        output : Tensor [batch, queries, heads, dv]
            What the attention function returned.
        weights : Tensor [batch, heads, queries, keys] or None
            Weights, where the function returned them too.
        start : Tensor or None
            The tensor that the model goes on with, if that is not `output` itself.
        """
        start = output if start is None else start
        if call.query.shape[0] not in (1, self.structure.batch):
            raise CaptureError(
                f"{self.structure.name(module)} attends within {call.query.shape[0]} pieces of the input one "
                f"by one, for a batch of {self.structure.batch}.",
                "Use a model whose attention spans the whole input.",
            )
        queries, keys = self._streams(module)
        shape = (call.query.shape[2], call.key.shape[2])
        kept = queries.cut(output[self._row_of(output)], 0)
        self._check(module, kept)
        value = keys.cut(call.value[self._row_of(call.value)], 1)
        site = self._qk_site(module, route, call, queries, keys, shape)
        fidelity = verify.spot_check(site, value, kept)
        if weights is not None and not fidelity <= verify.tolerance(call.query.dtype) and self.exact:
            dense = self._dense_site(module, route, weights, queries, keys)
            if dense is not None:
                self.add_dense(module, dense, value, kept, call.query.dtype)
                self._begin_following(start, value, output)
                return
        verify.demand_fidelity(fidelity, call.query.dtype, self.structure.name(module), self.exact)
        # A softmax on the way, of a router for example, was not the attention after all.
        self.found = [(m, s) for m, s in self.found if m is not module or s.route != "softmax"]
        self._add(module, self._lasting(replace(site, fidelity=fidelity)))
        self._begin_following(start, value, output)

    def record_dense(
        self,
        module: nn.Module,
        weights: Tensor,
        value: Tensor,
        output: Tensor,
        sinks: bool = False,
        start: Tensor | None = None,
    ) -> None:
        """Record weights themselves and verify them.

        Parameters
        ----------
        module : Module
        weights : Tensor [batch, heads, queries, keys]
        value : Tensor [batch, heads, keys, dv]
        output : Tensor [batch, queries, heads, dv]
        sinks : bool
            Whether a sink's column was cut off, so that rows sum to less than 1.
        start : Tensor or None
            The tensor that the model goes on with, if that is not `output` itself.
        """
        queries, keys = self._streams(module)
        kept = queries.cut(output[self._row_of(output)], 0)
        self._check(module, kept)
        site = self._dense_site(module, "softmax", weights, queries, keys, sinks=sinks)
        if site is not None:
            value = keys.cut(value[self._row_of(value)], 1)
            self.add_dense(module, site, value, kept, weights.dtype)
            self._begin_following(output if start is None else start, value, output)

    def record_weights(self, module: nn.Module, weights: Tensor, output: Tensor, again: Tensor) -> None:
        """Record weights that a second call returned, after comparing the results of both calls.

        Parameters
        ----------
        module : Module
        weights : Tensor [batch, heads, queries, keys]
        output, again : Tensor [batch, queries, width]
            Results of the first and the second call.
        """
        queries, keys = self._streams(module)
        kept, second = (queries.cut(t[self._row_of(t)], 0) for t in (output, again))
        self._check(module, kept)
        site = self._dense_site(module, "softmax", weights, queries, keys)
        if site is not None:
            fidelity = verify.relative_error(second[:, None], kept[:, None])
            verify.demand_fidelity(fidelity, output.dtype, self.structure.name(module), self.exact)
            self._add(module, replace(site, fidelity=fidelity))

    def _check(self, module: nn.Module, output: Tensor) -> None:
        """Make sure that an output consists of numbers, and note their precision."""
        verify.demand_finite(output, self.structure.name(module), self.structure.layer(module))
        if output.dtype in HALF:
            self.halves[output.dtype] = None

    def add_dense(
        self, module: nn.Module, site: DenseSite, value: Tensor, kept: Tensor, dtype: torch.dtype
    ) -> None:
        """Verify a dense site and keep it."""
        fidelity = verify.spot_check(site, value, kept)
        verify.demand_fidelity(fidelity, dtype, self.structure.name(module), self.exact)
        self._add(module, replace(site, fidelity=fidelity))

    # ------------------------------------------------------------------ what becomes of the output

    def _begin_following(self, start: Tensor, value: Tensor, output: Tensor) -> None:
        """Look out for the projection that reads the output of the site recorded last."""
        row, length = self._row_of(output), output.shape[1]
        site = self.found[-1][1]
        if value.shape[1] != site.keys or site.heads % value.shape[0]:
            self._follower = None
            return
        last = output[row, -1].detach().flatten().clone()
        follower = Follower(start, value, site.heads, last, (row + 1) * length - 1)
        self._follower = (follower, site)

    def follow(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Look at one function call on the way from an attention function's output."""
        if self._follower is None:
            return
        follower, site = self._follower
        weight = follower.follow(name, args, kwargs, result)
        if follower.done:
            self._follower = None
        if weight is None:
            return
        norms = follower.norms(weight) if isinstance(weight, Weight) else None
        place = next(at for at, (_, one) in enumerate(self.found) if one is site)
        known = replace(site, value_norms=norms)
        self.found[place] = (self.found[place][0], known)
        self._follower = None if norms is None else (follower, known)

    # ------------------------------------------------------------------ sites

    def _add(self, module: nn.Module, site: Site) -> None:
        self.found.append((module, site))
        self.ran.setdefault(id(module), module)
        self._work.did(len({id(m) for m, _ in self.found}))

    def _qk_site(
        self,
        module: nn.Module,
        route: Route,
        call: Call,
        queries: Keep,
        keys: Keep,
        shape: tuple[int, int],
    ) -> QKSite:
        query, key = call.query.detach(), call.key.detach()
        reduced = self._masks.reduce(call.mask, call.bias, call.causal, queries, keys, shape)
        q = queries.cut(query[self._row_of(query)], 1)
        k = keys.cut(key[self._row_of(key)], 1)
        if route == "functional":
            k = without_copies(k, self.structure.kv_heads)
        return QKSite(
            kind=self._stream_kind(module),
            layer=-1,
            name=self.structure.name(module),
            route=route,
            heads=q.shape[0],
            kv_heads=k.shape[0],
            queries=q.shape[1],
            keys=k.shape[1],
            visibility=reduced.visibility,
            softcap=call.softcap,
            scaling=call.scaling if call.scaling is not None else q.shape[-1] ** -0.5,
            has_sinks=call.sinks is not None,
            rotary=self.rotation.turned(module, call.query),
            q=q,
            k=k,
            bias=reduced.bias,
            sink_scores=None if call.sinks is None else call.sinks.detach().float().flatten(),
            rounded=call.rounded and q.dtype in HALF,
        )

    def _lasting(self, site: QKSite) -> QKSite:
        """Return a site that holds copies of queries and keys, where and how they are to be kept.

        They are often views of one fused buffer, and a cache's buffer changes later.
        """
        store = self.store
        place = self._place(site.q) if store.place == "memory" else torch.device("cpu")
        kept = replace(
            site,
            q=store.keep(site.q, place),
            k=store.keep(site.k, place),
            bias=None if site.bias is None else site.bias.to(place),
            sink_scores=None if site.sink_scores is None else site.sink_scores.to(place),
            on_disk=store.place == "disk",
        )
        store.compare(site, kept)
        return kept

    def _dense_site(
        self,
        module: nn.Module,
        route: Route,
        weights: Tensor,
        queries: Keep,
        keys: Keep,
        sinks: bool = False,
    ) -> DenseSite | None:
        weights = weights.detach()[self._row_of(weights)]
        if weights.ndim != 3:
            return None
        left = max(1, len(self.structure.candidates.keys() - {id(m) for m, _ in self.found}))
        memory.demand(4 * weights.numel() * left, torch.device("cpu"), "The weights of all layers")
        cut = keys.cut(queries.cut(weights, 1), 2)
        values = cut.to("cpu", torch.float32, copy=True).numpy()
        return DenseSite(
            kind=self._stream_kind(module),
            layer=-1,
            name=self.structure.name(module),
            route=route,
            heads=values.shape[0],
            kv_heads=values.shape[0],
            queries=values.shape[1],
            keys=values.shape[2],
            visibility=_from_zeros(values),
            has_sinks=sinks,
            values=values,
            sinks=np.clip(1 - values.sum(-1), 0, 1) if sinks else None,
        )

    def kept(self, length: int) -> int:
        """Tokens that remain of a stack of `length` positions without padding."""
        return self._streams_of("decoder")[0].count(length)

    # ------------------------------------------------------------------ helpers

    def _row_of(self, tensor: Tensor) -> int:
        return self.row if tensor.shape[0] > 1 else 0

    def _stream_kind(self, module: nn.Module) -> Kind:
        return self.structure.kind(module, causal=True)

    def _streams(self, module: nn.Module) -> tuple[Keep, Keep]:
        return self._streams_of(self._stream_kind(module))

    def _streams_of(self, kind: Kind) -> tuple[Keep, Keep]:
        if not self.structure.two_stacks:
            # One stack, whichever name it goes by.
            only = next((keep for keep in self._keep.values() if keep.total is not None), _EVERYTHING)
            return only, only
        encoder, decoder = (self._keep.get(name) or _EVERYTHING for name in ("encoder", "decoder"))
        return (encoder if kind == "encoder" else decoder), (decoder if kind == "decoder" else encoder)

    def _place(self, tensor: Tensor) -> torch.device:
        return self.place_for(tensor.device, tensor.nbytes, len(self.found))

    def place_for(self, device: torch.device, nbytes: int, done: int) -> torch.device:
        """Where queries and keys are kept: on the device that made them while there is plenty of room.

        Parameters
        ----------
        device : torch.device
        nbytes : int
            Of a site's queries.
        done : int
            Sites that have their place.
        """
        if device.type == "cpu":
            return device
        free = memory.free_bytes(device)
        ahead = 2 * nbytes * max(1, len(self.structure.candidates) - done)
        return device if free is not None and ahead < _SHARE_ON_DEVICE * free else torch.device("cpu")


_EVERYTHING = Keep()
_ROWS_OF_A_WINDOW = 4


def without_copies(k: Tensor, kv_heads: int | None) -> Tensor:
    """Undo the repetition of key-value heads that some models do before they call SDPA."""
    if kv_heads is None or kv_heads >= k.shape[0] or k.shape[0] % kv_heads:
        return k
    groups = k.reshape(kv_heads, -1, *k.shape[1:])
    first = groups[:, :1]
    return first[:, 0] if bool((groups == first).all()) else k


def _from_zeros(values: NDArray[np.float32]) -> Visibility:
    """Read the rule off weights: exact zeros after the diagonal, and before a window, in every head."""
    _, queries, keys = values.shape
    if queries != keys or queries < 2:
        return Visibility()
    some: NDArray[np.bool_] = (values != 0).any(axis=0)
    if bool(np.triu(some, 1).any()):
        return Visibility()
    position = np.arange(queries)
    first = np.where(some.any(1), some.argmax(1), position)
    window = int((position - first).max()) + 1
    # Weights also vanish by underflow: a window is believed only if several rows end exactly where it says.
    banded = queries - window >= _ROWS_OF_A_WINDOW and np.array_equal(
        first, np.maximum(0, position - window + 1)
    )
    return Visibility(causal=True, window=window if banded else None)
