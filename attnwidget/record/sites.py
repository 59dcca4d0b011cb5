"""Attention sites: what one attention module's call left behind, answered row by row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import InputError, NotRecordedError
from attnwidget.record.visibility import Visibility

Kind: TypeAlias = Literal["encoder", "decoder", "cross"]
Route: TypeAlias = Literal["interface", "functional", "softmax", "given"]
Pick: TypeAlias = "slice | int | Sequence[int] | NDArray[np.integer]"
Place: TypeAlias = Literal["memory", "device", "disk"]
Floats: TypeAlias = NDArray[np.float32]

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class ScoreTerms:
    """What the scores of one query are made of: cap(q · k x scaling) + bias.

    Parameters
    ----------
    q : float32 array [d]
        The query, after rotation where the model rotates.
    k : float32 array [keys, d]
        The keys, likewise.
    scaling : float
        1 / sqrt(d) in most models.
    softcap : float or None
        cap(x) is softcap x tanh(x / softcap), or x where there is none.
    bias : float32 array [keys] or None
        Position bias, added after the cap.
    sink_score : float or None
        Score of the learned sink, which takes part in the softmax.
    """

    q: Floats
    k: Floats
    scaling: float
    softcap: float | None = None
    bias: Floats | None = None
    sink_score: float | None = None

    def scores(self) -> Floats:
        """Return the scores that these terms add up to: float32 [keys]. Of masked keys too."""
        scores = self.k.astype(np.float64) @ self.q * self.scaling
        if self.softcap is not None:
            scores = np.tanh(scores / self.softcap) * self.softcap
        if self.bias is not None:
            scores = scores + self.bias
        return scores.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Lost:
    """What a snapshot lost of each row of a head.

    Parameters
    ----------
    error : float32 array [queries]
        Largest absolute error of a weight that is kept.
    rest : float32 array [queries]
        Mass that was left out, at most.
    floor : float32 array [queries]
        The most that a weight which was left out can be; such are 0. It is 0 where none was.
    """

    error: Floats
    rest: Floats
    floor: Floats


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Small pictures of the patterns of a site's heads.

    Parameters
    ----------
    codes : uint8 array [heads, rows, columns]
        Companded; see `attnwidget.wire.patterns`.
    size : int
        Queries, and keys, that a pixel stands for; it is the largest weight of this block.
    queries_read : int
        Of the queries of a pixel, how many were read.
    sampled : int or None
        Queries that were read altogether, where it is not the same number for each row of pixels.
    """

    codes: NDArray[np.uint8]
    size: int
    queries_read: int
    sampled: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Site(ABC):
    """One attention module's call, for one prompt, with padding cut out.

    Heads and queries are picked by a slice, a number or a sequence of numbers; the axis always stays.

    Parameters
    ----------
    kind : {"encoder", "decoder", "cross"}
        Self-attention of the encoder or of the decoder, or cross-attention.
    layer : int
        0-based layer number in the model; layers without attention keep theirs.
    name : str
        The module's dotted name.
    route : {"interface", "functional", "softmax", "given"}
        How it was captured.
    heads, kv_heads : int
        Query heads, and heads that have keys and values of their own.
    queries, keys : int
        Number of positions.
    visibility : Visibility
        Which keys each query sees.
    fidelity : float or None
        Worst relative error of the spot check, recomputed weights times values against the module's own
        output; None where nothing could be checked (given weights).
    softcap : float or None
        Scores are softcap * tanh(scores / softcap) before the mask.
    scaling : float or None
        Factor on q·k; None where unknown.
    has_sinks : bool
        Whether a learned sink takes part of each row's mass, so that rows sum to less than 1.
    rotary : bool
        Whether queries and keys are after rotation by position (RoPE), as seen in the run; layers of one
        model can differ. False where there are none.
    value_norms : float32 array [heads, keys] or None
        Norm of each key's value vector through its head's part of the output projection, bias left out
        (Kobayashi et al. 2020); None where no one projection reads the output as it is.
    """

    kind: Kind
    layer: int
    name: str
    route: Route
    heads: int
    kv_heads: int
    queries: int
    keys: int
    visibility: Visibility
    fidelity: float | None = None
    softcap: float | None = None
    scaling: float | None = None
    has_sinks: bool = False
    rotary: bool = False
    value_norms: Floats | None = None

    @property
    def causal(self) -> bool:
        """Whether no query sees a key after itself."""
        return self.visibility.causal

    @property
    def window(self) -> int | None:
        """Number of keys that a query sees at most, itself included; None without a sliding window."""
        return self.visibility.window

    @property
    @abstractmethod
    def has_scores(self) -> bool:
        """Whether queries and keys are known, and with them the scores."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held by this site alone; see `shared` for what it shares with others."""

    @property
    def place(self) -> Place:
        """Where its arrays lie: in memory, on the model's device, or on disk."""
        return "memory"

    @property
    def shared(self) -> tuple[tuple[int, int], ...]:
        """Identity and bytes of each array that several sites may share."""
        mask = self.visibility.mask
        return () if mask is None else ((id(mask), mask.nbytes),)

    @abstractmethod
    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Weights after the softmax.

        Parameters
        ----------
        heads, queries : slice, int or sequence of int
            Which ones; all by default.

        Returns
        -------
        float32 array [heads, queries, keys]
            Masked cells are 0. Rows sum to 1, or to less where a sink takes the rest.
        """

    @property
    def known(self) -> NDArray[np.intp]:
        """Heads whose patterns are known: all of them, but for a snapshot that did not keep them all."""
        return np.arange(self.heads)

    @property
    def thumbnails(self) -> Thumbnails | None:
        """Small pictures of the run's patterns, where a snapshot has these and not the whole patterns."""
        return None

    def lost(self, head: int) -> Lost | None:
        """Return what a snapshot lost of a head's rows; None where its weights are those of the run."""
        return None

    def visible(self, queries: Pick = ALL) -> NDArray[np.bool_]:
        """Which keys the queries see.

        Returns
        -------
        bool array [queries, keys], or [heads, queries, keys] where heads differ
            False is masked: not applicable, which is not a weight of zero.
        """
        return self.visibility.rows(self.pick_queries(queries), 0, self.keys)

    def scores(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Scores before the softmax, scaled, soft-capped and with position bias.

        Returns
        -------
        float32 array [heads, queries, keys]
            -inf where masked.

        Raises
        ------
        NotRecordedError
            Where only weights are known.
        """
        raise self._only_weights("scores")

    def qk(self, head: int) -> tuple[Floats, Floats]:
        """Return queries and keys of a head, after rotation where the model rotates.

        Returns
        -------
        float32 array [queries, d], float32 array [keys, d]
            The score before scaling is their product.

        Raises
        ------
        NotRecordedError
            Where only weights are known.
        """
        raise self._only_weights("queries and keys")

    def terms(self, head: int, query: int) -> ScoreTerms:
        """Return what the scores of one row are made of.

        Raises
        ------
        NotRecordedError
            Where only weights are known.
        """
        raise self._only_weights("queries and keys")

    def position_bias(self) -> Floats | None:
        """Return what is added to the scores, if anything: float32 [1 or heads, 1 or queries, keys]."""
        return None

    @property
    def half_precision(self) -> bool:
        """Whether the run rounded its scores and weights to half precision."""
        return False

    def sink(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Mass that goes to the learned sink.

        Returns
        -------
        float32 array [heads, queries]
            0 where there is no sink.
        """
        shape = (len(self.pick_heads(heads)), len(self.pick_queries(queries)))
        return np.zeros(shape, dtype=np.float32)

    def pick_heads(self, heads: Pick) -> NDArray[np.intp]:
        """Head numbers that a pick stands for; InputError if one does not exist."""
        return _picked(heads, self.heads, "head", self._place)

    def pick_queries(self, queries: Pick) -> NDArray[np.intp]:
        """Query positions that a pick stands for; InputError if one does not exist."""
        return _picked(queries, self.queries, "query", self._place)

    @property
    def _place(self) -> str:
        return f"{self.kind} layer {self.layer}"

    def _only_weights(self, what: str) -> NotRecordedError:
        return NotRecordedError(
            f"The {what} of {self._place} were not recorded: only its weights are known.",
            "Ask for its weights.",
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class DenseSite(Site):
    """A site of which the weights themselves are held.

    Parameters
    ----------
    values : float32 array [heads, queries, keys]
        Weights; masked cells are 0.
    sinks : float32 array [heads, queries] or None
        Mass of the learned sink.
    """

    values: Floats
    sinks: Floats | None = None

    @property
    def has_scores(self) -> bool:
        """Always False: there are no queries and keys."""
        return False

    @property
    def nbytes(self) -> int:
        """Bytes of the weights, and of the norms of values."""
        return sum(array.nbytes for array in (self.values, self.sinks, self.value_norms) if array is not None)

    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Weights as recorded: float32 [heads, queries, keys]."""
        picked = self.values[self.pick_heads(heads)[:, None], self.pick_queries(queries)[None]]
        return np.asarray(picked, dtype=np.float32)

    def sink(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Mass that goes to the learned sink: float32 [heads, queries]."""
        if self.sinks is None:
            return super().sink(heads, queries)
        return self.sinks[self.pick_heads(heads)[:, None], self.pick_queries(queries)[None]]


def facts(site: Site) -> dict[str, Any]:
    """Return what is known of a site besides its numbers, by field: for a site that reads it otherwise."""
    known = {field.name: getattr(site, field.name) for field in fields(Site)}
    return known | {"value_norms": None, "softcap": None, "scaling": None}


def _picked(pick: Pick, count: int, noun: str, place: str) -> NDArray[np.intp]:
    if isinstance(pick, slice):
        return np.arange(count)[pick]
    chosen = np.atleast_1d(np.asarray(pick))
    if chosen.size == 0:
        return np.zeros(0, dtype=np.intp)
    if chosen.ndim != 1 or not np.issubdtype(chosen.dtype, np.integer):
        raise InputError(
            f"{pick!r} does not name {noun} numbers.", f"Give a {noun} number, several, or a slice."
        )
    if int(chosen.min()) < 0 or int(chosen.max()) >= count:
        wrong = next(int(c) for c in chosen if not 0 <= c < count)
        plural = {"query": "queries"}.get(noun, noun + "s")
        has = f"one {noun}: 0" if count == 1 else f"{plural} 0 to {count - 1}"
        raise InputError(f"There is no {noun} {wrong} in {place}.", f"It has {has}.")
    return chosen.astype(np.intp)
