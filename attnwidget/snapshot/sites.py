"""Attention sites of a snapshot: numbers as exact as it holds them, with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnwidget.errors import NotRecordedError
from attnwidget.record.sites import ALL, Floats, Lost, Pick, ScoreTerms, Site, Thumbnails
from attnwidget.snapshot.cells import WEIGHTS, Codes, Ints, places
from attnwidget.snapshot.peaks import Peaks
from attnwidget.wire.schema import U8_LEVELS, U8_NAN, StoredForm

BLOCK_CELLS = 1 << 20
"""Scores computed at a time."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Patterns of some heads of a site as they are kept; see `StoredLayer`.

    Parameters
    ----------
    form : {"exact", "dense", "top"}
    error : float
        Largest absolute error of a weight that is kept.
    heads : int array
        Heads whose patterns are kept, ascending.
    values : float32 or uint8 array [cells]
    counts, skipped : int arrays or None
        How many weights each row keeps, and which; for the form "top".
    rest : float32 array [heads, queries] or None
        Mass that is left out, rounded up; for the form "top".
    """

    form: StoredForm
    error: float
    heads: Ints
    values: NDArray[np.float32] | Codes
    counts: NDArray[np.integer] | None = None
    skipped: NDArray[np.integer] | None = None
    rest: Floats | None = None


@dataclass(frozen=True, eq=False)
class Terms:
    """Queries and keys of some heads of a site; see `StoredTerms`.

    Parameters
    ----------
    heads, kv_heads : int arrays
        Heads whose queries are kept, and key-value heads, ascending.
    q : float32 array [heads, queries, d]
    k : float32 array [kv_heads, keys, d]
    bias : float32 array [1 or heads, 1 or queries, keys] or None
        Of all heads, or the same for all.
    scaling : float
    softcap : float or None
    sink_scores : tuple of float or None
        Of `heads`.
    rounded : bool
        Whether the run rounded scores and weights to half precision.
    """

    heads: Ints
    kv_heads: Ints
    q: Floats
    k: Floats
    bias: Floats | None
    scaling: float
    softcap: float | None
    sink_scores: tuple[float | None, ...]
    rounded: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class SnapshotSite(Site):
    """A site of a snapshot.

    Weights are computed from queries and keys where these are kept, and are else those that the snapshot
    keeps: within its error, and 0 where they were left out.

    Parameters
    ----------
    cells : Cells
    sinks : float32 array [heads, queries] or None
        Mass of the learned sink.
    terms_kept : Terms or None
    row_query : int
        The query whose exact rows are kept.
    rows : mapping of int to float32 array [keys]
        By head; masked cells are negative.
    pictures : Thumbnails or None
        Where patterns are not all whole.
    peaks : Peaks or None
        Rows of a prompt too long for patterns.
    """

    cells: Cells
    sinks: Floats | None = None
    terms_kept: Terms | None = None
    row_query: int = -1
    rows: dict[int, Floats]
    pictures: Thumbnails | None = None
    peaks: Peaks | None = None

    @property
    def has_scores(self) -> bool:
        """Whether queries and keys of all heads are kept."""
        return self.terms_kept is not None and len(self.terms_kept.heads) == self.heads

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept; cells count as expanded."""
        terms = () if self.terms_kept is None else (self.terms_kept.q, self.terms_kept.k)
        cells = len(self.cells.heads) * self.queries * self.keys * self.cells.values.itemsize
        return cells + sum(array.nbytes for array in terms)

    @property
    def known(self) -> Ints:
        """Heads whose patterns are kept, or can be computed from queries and keys."""
        attended = [head for head in range(self.heads) if self._can_attend(head)]
        return np.union1d(self.cells.heads, np.asarray(attended, dtype=np.intp))

    @property
    def thumbnails(self) -> Thumbnails | None:
        """Small pictures of the run's patterns, where these are not all whole."""
        return self.pictures

    @property
    def half_precision(self) -> bool:
        """Whether the run rounded scores and weights to half precision."""
        return self.terms_kept is not None and self.terms_kept.rounded

    def weights(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Weights, as exactly as the snapshot holds them: float32 [heads, queries, keys]; masked cells are 0.

        Raises
        ------
        NotRecordedError
            If it holds nothing of one of these rows.
        """
        chosen, rows = self.pick_heads(heads), self.pick_queries(queries)
        if self.peaks is not None:
            return self._peak_rows(self.peaks, chosen, rows)
        out = np.zeros((len(chosen), len(rows), self.keys), dtype=np.float32)
        for index, head in enumerate(chosen):
            place = int(np.searchsorted(self.cells.heads, head))
            kept = place < len(self.cells.heads) and self.cells.heads[place] == head
            if self.cells.form != "exact" and self._can_attend(head):
                out[index], kept = self._attend(head, rows)[0], True
            elif kept:
                values = self.expanded[place, rows]
                out[index] = values if values.dtype == np.float32 else WEIGHTS[values]
            held = self.rows.get(int(head))
            if not kept and (held is None or not bool((rows == self.row_query).all())):
                raise NotRecordedError(
                    f"The snapshot does not hold the pattern of head {head} of {self._place}.",
                    "Ask for a head that it holds, or run the prompt again.",
                )
            if held is not None:
                out[index, rows == self.row_query] = np.where(held < 0, 0, held)
        return out

    def scores(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Scores from queries and keys: float32 [heads, queries, keys]; -inf where masked."""
        chosen, rows = self.pick_heads(heads), self.pick_queries(queries)
        out = np.empty((len(chosen), len(rows), self.keys), dtype=np.float32)
        for index, head in enumerate(chosen):
            out[index] = self._scores(int(head), rows)
        return out

    def sink(self, heads: Pick = ALL, queries: Pick = ALL) -> Floats:
        """Mass that goes to the learned sink: float32 [heads, queries]."""
        if self.peaks is not None and self.has_sinks:
            places = self.peaks.place(self.pick_queries(queries))
            if self.peaks.sinks is None or places is None:
                raise self._no_row(self.peaks)
            return self.peaks.sinks[places][:, self.pick_heads(heads)].T
        if self.sinks is None:
            return super().sink(heads, queries)
        return self.sinks[self.pick_heads(heads)[:, None], self.pick_queries(queries)[None]]

    def qk(self, head: int) -> tuple[Floats, Floats]:
        """Return queries and keys of a head: float32 [queries, d] and [keys, d]."""
        terms, place, kv = self._places(head)
        return terms.q[place].copy(), terms.k[kv].copy()

    def terms(self, head: int, query: int) -> ScoreTerms:
        """Return what the scores of one row are made of."""
        terms, place, kv = self._places(head)
        (row,) = self.pick_queries(query)
        return ScoreTerms(
            q=terms.q[place, row].copy(),
            k=terms.k[kv].copy(),
            scaling=terms.scaling,
            softcap=terms.softcap,
            bias=None if terms.bias is None else self._bias(terms.bias, int(head), np.array([row]))[0],
            sink_score=terms.sink_scores[place],
        )

    def position_bias(self) -> Floats | None:
        """Return what is added to the scores: float32 [1 or heads, 1 or queries, keys]."""
        return None if self.terms_kept is None else self.terms_kept.bias

    @property
    def fits(self) -> bool:
        """Whether the cells are those of what is visible."""
        cells = self.cells
        if len(cells.heads) == 0:
            return cells.values.size == 0
        visible = self.visible()
        seen = visible.sum(-1)[cells.heads] if visible.ndim == 3 else visible.sum(-1)[None]
        per_row = np.broadcast_to(seen, (len(cells.heads), self.queries)).reshape(-1)
        if cells.counts is None or cells.skipped is None:
            return cells.values.size == int(per_row.sum())
        counts, skipped = cells.counts.astype(np.int64), cells.skipped.astype(np.int64)
        if bool((counts < 0).any()) or bool((counts > per_row).any()) or bool((skipped < 0).any()):
            return False
        if not cells.values.size == skipped.size == int(counts.sum()):
            return False
        reached = np.concatenate([[0], np.cumsum(skipped + 1)])
        ends = np.cumsum(counts)
        return not bool((reached[ends] - reached[ends - counts] > per_row).any())

    def lost(self, head: int) -> Lost | None:
        """Return what was lost of a head's rows; None where they are kept exactly, computed, or not there."""
        if self.peaks is not None:
            return self.peaks.lost(head, self.queries)
        (place,) = np.nonzero(self.cells.heads == head)
        if len(place) == 0 or self.cells.form == "exact" or self._can_attend(head):
            return None
        error = np.full(self.queries, self.cells.error, dtype=np.float32)
        rest, floor = np.zeros_like(error), np.zeros_like(error)
        if self.cells.rest is not None:
            rest = self.cells.rest[place[0]].astype(np.float32)
            floor = self._floor(int(place[0]), rest)
        if head in self.rows:
            for array in (error, rest, floor):
                array[self.row_query] = 0
        return Lost(error, np.nan_to_num(rest), floor)

    def _floor(self, place: int, rest: Floats) -> Floats:
        """Return the most that a weight which a row left out can be: what it kept is no smaller."""
        codes, counts = self.expanded[place], self.cells.counts
        known = (codes > 0) & (codes < U8_NAN)
        least = np.where(known, codes, U8_NAN).min(-1, initial=U8_NAN).astype(np.float32)
        if counts is not None:
            least[known.sum(-1) < counts.reshape(-1, self.queries)[place]] = 0
        kept: Floats = np.square((least + np.float32(0.5)) / np.float32(U8_LEVELS), dtype=np.float32)
        # Of a row with weights that are not numbers, nothing is known.
        floor: Floats = np.where(np.isnan(rest), np.float32(1), np.minimum(rest, kept))
        return floor

    def left_out(self, head: int) -> Floats | None:
        """Return the mass that the rows of a head leave out, at most: float32 [queries]; None if whole."""
        place = np.flatnonzero(self.cells.heads == head)
        return None if self.cells.rest is None or place.size == 0 else self.cells.rest[place[0]]

    # ------------------------------------------------------------------ helpers

    def _peak_rows(self, peaks: Peaks, heads: Ints, queries: Ints) -> Floats:
        """Return rows of a prompt too long for patterns; what was left out of them is 0."""
        places = peaks.place(queries)
        if places is None:
            raise self._no_row(peaks)
        out = np.empty((len(heads), len(queries), self.keys), dtype=np.float32)
        for index, head in enumerate(heads.tolist()):
            for at, place in enumerate(places.tolist()):
                out[index, at] = peaks.row(head, place, self.keys)[0]
        return out

    def _no_row(self, peaks: Peaks) -> NotRecordedError:
        kept = ", ".join(f"{query:,}" for query in peaks.queries)
        return NotRecordedError(
            f"Of this prompt the snapshot keeps the rows of queries {kept} only.",
            "Ask for one of these, or run the prompt again.",
        )

    def _can_attend(self, head: int | np.integer) -> bool:
        terms = self.terms_kept
        return terms is not None and not terms.rounded and bool((terms.heads == head).any())

    def _places(self, head: int) -> tuple[Terms, int, int]:
        """Return where a head's queries and keys are."""
        (chosen,), terms = self.pick_heads(head), self.terms_kept
        if terms is None or not bool((terms.heads == chosen).any()):
            raise self._only_weights("queries and keys")
        place = np.flatnonzero(terms.heads == chosen)
        kv = np.flatnonzero(terms.kv_heads == chosen // (self.heads // self.kv_heads))
        return terms, int(place[0]), int(kv[0])

    def _bias(self, bias: Floats, head: int, rows: Ints) -> Floats:
        """Return the bias of some rows of a head: [rows, keys]."""
        of = bias[head if bias.shape[0] > 1 else 0]
        return np.broadcast_to(of if of.shape[0] == 1 else of[rows], (len(rows), self.keys))

    def _scores(self, head: int, rows: Ints) -> Floats:
        terms, place, kv = self._places(head)
        scores = terms.q[place][rows] @ terms.k[kv].T * np.float32(terms.scaling)
        if terms.softcap is not None:
            scores = np.tanh(scores / np.float32(terms.softcap)) * np.float32(terms.softcap)
        if terms.bias is not None:
            scores = scores + self._bias(terms.bias, head, rows)
        visible = self.visible(rows)
        seen = visible if visible.ndim == 2 else visible[head if visible.shape[0] > 1 else 0]
        return np.where(seen, scores, np.float32(-np.inf)).astype(np.float32)

    def _attend(self, head: np.integer, rows: Ints) -> tuple[Floats, Floats]:
        """Return weights [rows, keys] and the sink's mass [rows] from queries and keys."""
        terms, place, _ = self._places(int(head))
        sink_score = terms.sink_scores[place]
        weights = np.zeros((len(rows), self.keys), dtype=np.float32)
        sink = np.zeros(len(rows), dtype=np.float32)
        step = max(1, BLOCK_CELLS // max(1, self.keys))
        for begin in range(0, len(rows), step):
            part = slice(begin, begin + step)
            scores = self._scores(int(head), rows[part]).astype(np.float64)
            top = scores.max(-1, initial=-np.inf if sink_score is None else sink_score, keepdims=True)
            top[np.isneginf(top)] = 0.0
            powers = np.exp(scores - top)
            to_sink = np.zeros(len(powers)) if sink_score is None else np.exp(sink_score - top[:, 0])
            total = powers.sum(-1) + to_sink
            total[total == 0] = 1.0
            weights[part], sink[part] = powers / total[:, None], to_sink / total
        return weights, sink

    @cached_property
    def expanded(self) -> NDArray[np.float32] | Codes:
        """Kept patterns [heads, queries, keys]; 0 where cells are masked or were left out."""
        cells, shape = self.cells, (self.queries, self.keys)
        out = np.zeros((len(cells.heads), *shape), dtype=cells.values.dtype)
        visible = self.visible()
        begin = row = 0
        for place, head in enumerate(cells.heads):
            seen = visible if visible.ndim == 2 else visible[head if visible.shape[0] > 1 else 0]
            if cells.counts is None or cells.skipped is None:
                flat = places(seen)
                out[place].reshape(-1)[flat] = cells.values[begin : begin + len(flat)]
                begin += len(flat)
            else:
                counts = cells.counts[row : row + self.queries].astype(np.intp)
                row += self.queries
                end = begin + int(counts.sum())
                queries, keys = kept_cells(seen, counts, cells.skipped[begin:end])
                out[place, queries, keys] = cells.values[begin:end]
                begin = end
        return out


def kept_cells(visible: NDArray[np.bool_], counts: Ints, skipped: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Return the queries and keys of the cells that rows keep.

    Parameters
    ----------
    visible : bool [queries, keys]
    counts : int array [queries]
        How many weights each row keeps.
    skipped : int array [cells]
        Visible keys between each and the one before.
    """
    queries = np.repeat(np.arange(len(counts)), counts)
    onward = np.cumsum(skipped.astype(np.int64) + 1)
    before = np.concatenate([[0], onward])[np.cumsum(counts) - counts]
    ordinals = onward - 1 - before[queries]
    seen = visible.sum(-1)
    keys = np.nonzero(visible)[1]
    return queries, keys[(np.cumsum(seen) - seen)[queries] + ordinals]
