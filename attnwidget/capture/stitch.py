"""The tape of a run in chunks: queries and keys of each chunk, stitched to sites of the whole prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnwidget.capture import verify
from attnwidget.capture.kv import shared_room
from attnwidget.capture.projection import Follower, Weight
from attnwidget.capture.rules import NotInChunks, Rules, shown
from attnwidget.capture.steps import Work
from attnwidget.capture.tape import HALF, Call, Tape, without_copies
from attnwidget.errors import FidelityError
from attnwidget.record import Route, Visibility
from attnwidget.record.qk import QKSite

# Of each chunk, the keys that are compared with those of later chunks.
_COMPARED = 3


@dataclass(frozen=True)
class Span:
    """Where a chunk lies: tokens `first` to `last`, half open."""

    first: int
    last: int

    @property
    def tokens(self) -> int:
        """How many it has."""
        return self.last - self.first


class Part:
    """One site that is being stitched.

    Parameters
    ----------
    site : QKSite
        Of the whole prompt; its queries and keys are filled chunk by chunk, and its rule is what is known.
    """

    def __init__(self, site: QKSite) -> None:
        self.site = site
        self.q, self.k = site.q, site.k
        self.shared = False
        self.fidelity = 0.0
        self.window: int | None = None
        self.norms: NDArray[np.float32] | None = np.zeros((site.heads, site.queries), dtype=np.float32)
        self.normed = 0
        self._unwindowed = 0

    def follows(self, window: int | None, length: int) -> None:
        """Take note of what a chunk's mask shows; NotInChunks if it contradicts an earlier one."""
        if window is None:
            self._unwindowed = max(self._unwindowed, length)
        elif self.window not in (None, window):
            raise NotInChunks("its window changes on the way")
        else:
            self.window = window
        if self.window is not None and self._unwindowed > self.window:
            raise NotInChunks("its window changes on the way")

    def whole(self) -> QKSite:
        """Return the site once every chunk is there."""
        norms = self.norms if self.normed == self.site.queries else None
        visibility = Visibility(causal=True, window=self.window)
        return replace(
            self.site, visibility=visibility, fidelity=self.fidelity, value_norms=norms, q=self.q, k=self.k
        )


class ChunkTape(Tape):
    """What a run in chunks records; for one prompt without padding, in a model with one stack.

    Parameters
    ----------
    structure : Structure
        Of the model, with the inputs of the whole prompt.
    work : Work
        Told of each layer.
    layers : sequence of cache layers
        Of the model's cache, where it is one made by `kv.roomy`: their keys are shared instead of copied.
    **options
        Of `Tape`.
    """

    def __init__(self, structure: Any, *, work: Work, layers: Sequence[Any] = (), **options: Any) -> None:
        super().__init__(structure, **options)
        self._work, self._layers = work, layers
        self._parts: dict[tuple[int, int], tuple[nn.Module, Part]] = {}
        self._calls: dict[int, int] = {}
        self._rules = Rules()
        self._span = Span(0, 0)
        self._ends: list[int] = []
        self._awaited: tuple[Follower, Part] | None = None

    # ------------------------------------------------------------------ chunks

    def begin(self, number: int, span: Span) -> None:
        """Go on with a chunk."""
        self.checkpoint()
        self._span = span
        self._calls.clear()
        self._awaited = None
        self._work.begin(number)

    def end(self) -> None:
        """Make sure that the chunk went through every site; NotInChunks if not."""
        self._rules.forget()
        self._awaited = None
        seen = {key for key, _ in self._parts}
        if not seen or any(key not in seen for key in self.ran):
            raise NotInChunks("its attention is not seen as queries and keys")
        if seen != set(self._calls) or any(at >= self._calls[key] for key, at in self._parts):
            raise NotInChunks("not every chunk goes through the same layers")
        self._ends.append(self._span.last)

    def finish(self) -> None:
        """Put the sites together."""
        self.found = [(module, part.whole()) for module, part in self._parts.values()]
        for _, part in self._parts.values():
            if part.shared:
                self.store.adopt(part.k)

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
        """Record one attention call of a chunk and verify it; as in `Tape`."""
        span, (queries, keys) = self._span, (call.query.shape[2], call.key.shape[2])
        if call.query.shape[0] != 1 or queries != span.tokens:
            raise NotInChunks("it attends over something else than the tokens of a chunk")
        if call.bias is not None:
            raise NotInChunks("it adds a position bias")
        self._check(module, output[0])
        window = self._rules.window(call.mask, call.causal, queries, keys, span.first)
        q, k = call.query.detach()[0], call.key.detach()[0]
        if route == "functional":
            k = without_copies(k, self.structure.kv_heads)
        part = self._part(module, route, call, q, k)
        part.follows(window, span.last)
        checked = self._checked(part, call, q, k, window)
        value = call.value[0]
        rows = torch.tensor(verify.checked_rows(queries), device=output.device)
        fidelity = verify.spot_check(checked, value, output[0][rows])
        verify.demand_fidelity(fidelity, q.dtype, self.structure.name(module), self.exact)
        part.fidelity = max(part.fidelity, fidelity)
        self._stitch(part, call, q, k)
        self._compare(part, checked)
        begun = output if start is None else start
        self._await(part, begun, value[:, -queries:], output)
        self._work.did(len(self._calls))

    def record_dense(self, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Leave weights alone; if they were the attention, `end` sees that queries and keys are missing."""

    def record_weights(self, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        """Likewise."""

    def _part(self, module: nn.Module, route: Route, call: Call, q: Tensor, k: Tensor) -> Part:
        """Return what the call is a part of."""
        at = self._calls.get(id(module), 0)
        self._calls[id(module)] = at + 1
        if (id(module), at) not in self._parts:
            if self._span.first > 0:
                raise NotInChunks("not every chunk goes through the same layers")
            self._parts[id(module), at] = module, Part(self._empty(module, route, call, q, k))
        part = self._parts[id(module), at][1]
        site = part.site
        if (q.shape[0], k.shape[0], call.softcap) != (site.heads, site.kv_heads, site.softcap):
            raise NotInChunks("its layers change on the way")
        return part

    def _empty(self, module: nn.Module, route: Route, call: Call, q: Tensor, k: Tensor) -> QKSite:
        """Return a site of the whole prompt without queries and keys yet."""
        length = self.structure.length or 0
        place = torch.device("cpu")
        if self.store.place == "memory":
            place = self.place_for(q.device, q.nbytes // q.shape[1] * length, len(self._parts))
        nothing = torch.empty(0, dtype=q.dtype)
        return QKSite(
            kind=self._stream_kind(module),
            layer=-1,
            name=self.structure.name(module),
            route=route,
            heads=q.shape[0],
            kv_heads=k.shape[0],
            queries=length,
            keys=length,
            visibility=Visibility(causal=True),
            softcap=call.softcap,
            scaling=call.scaling if call.scaling is not None else q.shape[-1] ** -0.5,
            has_sinks=call.sinks is not None,
            rotary=self.rotation.turned(module, call.query),
            q=self.store.empty((q.shape[0], length, q.shape[2]), q.dtype, place),
            k=nothing,
            sink_scores=None if call.sinks is None else call.sinks.detach().float().flatten().to(place),
            rounded=call.rounded and q.dtype in HALF,
            on_disk=self.store.place == "disk",
        )

    def _checked(self, part: Part, call: Call, q: Tensor, k: Tensor, window: int | None) -> QKSite:
        """Return the site of a few of the chunk's queries, with queries and keys as the run has them."""
        rows = np.array(verify.checked_rows(q.shape[1]))
        first, keys = self._span.last - k.shape[1], k.shape[1]
        seen = shown(rows + self._span.first, first, keys, window)
        sinks = part.site.sink_scores
        return replace(
            part.site,
            queries=len(rows),
            keys=keys,
            visibility=Visibility(mask=seen),
            q=q[:, torch.from_numpy(rows).to(q.device)],
            k=k,
            sink_scores=None if sinks is None else sinks.to(q.device),
        )

    def _stitch(self, part: Part, call: Call, q: Tensor, k: Tensor) -> None:
        """Put the queries of a chunk, and its keys, where they belong."""
        span = self._span
        self.store.write(part.q[:, span.first : span.last], q)
        if span.first == 0:
            room = self._room(part, call, k)
            part.shared = room is not None
            shape = (k.shape[0], part.site.keys, k.shape[2])
            part.k = self.store.empty(shape, k.dtype, part.q.device) if room is None else room
        if part.shared:
            if self._room(part, call, k) is None:
                raise NotInChunks("its cache changes on the way")
            return
        self._demand_same_keys(part, k)
        self.store.write(part.k[:, span.first : span.last], k[:, -span.tokens :])

    def _room(self, part: Part, call: Call, k: Tensor) -> Tensor | None:
        """Return the model's own cache of these keys, if that can be kept instead of a copy."""
        alike = self.store.place == "memory" and self.store.dtype_for(k.dtype) == k.dtype
        if not alike or part.q.device != k.device:
            return None
        return shared_room(self._layers, k[None])

    def _demand_same_keys(self, part: Part, k: Tensor) -> None:
        """Make sure that the keys of earlier chunks are still those that were recorded."""
        gone = self._span.last - k.shape[1]
        begins = (0, *self._ends[:-1])
        places = {
            int(place)
            for begin, end in zip(begins, self._ends, strict=False)
            for place in np.linspace(begin, end - 1, _COMPARED)
            if place >= gone
        }
        if not places:
            return
        at = torch.tensor(sorted(places))
        held = part.k[:, at.to(part.k.device)]
        now = k[:, (at - gone).to(k.device)].to(held)
        if not torch.equal(held, now):
            raise NotInChunks("its keys change afterwards")

    def _compare(self, part: Part, checked: QKSite) -> None:
        """Let the store measure what its precision does to the weights of the checked queries."""
        if part.q.dtype == checked.q.dtype and part.k.dtype == checked.k.dtype:
            return
        span = self._span
        rows = torch.tensor(verify.checked_rows(span.tokens)) + span.first
        kept = replace(
            checked,
            q=part.q[:, rows.to(part.q.device)],
            k=part.k[:, span.last - checked.keys : span.last],
            sink_scores=part.site.sink_scores,
        )
        self.store.compare(checked, kept)

    # ------------------------------------------------------------------ what becomes of the output

    def _await(self, part: Part, start: Tensor, value: Tensor, output: Tensor) -> None:
        """Look out for the projection that reads the output of this call."""
        if part.norms is None or part.site.heads % value.shape[0]:
            part.norms = self._awaited = None
            return
        last = output[0, -1].detach().flatten().clone()
        follower = Follower(start, value, part.site.heads, last, output.shape[1] - 1)
        self._awaited = follower, part

    def follow(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        """Look at one function call on the way from an attention function's output."""
        if self._awaited is None:
            return
        follower, part = self._awaited
        weight = follower.follow(name, args, dict(kwargs), result)
        if follower.done:
            self._awaited = None
        if weight is None:
            return
        if not isinstance(weight, Weight) or part.norms is None:
            part.norms = self._awaited = None
            return
        span = self._span
        part.norms[:, span.first : span.last] = follower.norms(weight)
        part.normed += span.tokens


def no_chunks(error: Exception) -> bool:
    """Whether an error only says that the run has to go through in one piece."""
    return isinstance(error, (NotInChunks, FidelityError))
