"""Snapshot -> record: what was kept, ready for Python, with numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from attnwidget.errors import AttnWidgetError, SnapshotError
from attnwidget.record import (
    AttentionRecord,
    Kind,
    ModelInfo,
    Predictions,
    Thumbnails,
    Token,
    Visibility,
    streams_of,
)
from attnwidget.snapshot.cells import WEIGHTS, Bools, Ints
from attnwidget.snapshot.container import damaged, unpack
from attnwidget.snapshot.origin import remember
from attnwidget.snapshot.peaks import Peaks
from attnwidget.snapshot.sites import Cells, SnapshotSite, Terms
from attnwidget.snapshot.tables import read_table
from attnwidget.wire.arrays import unpack as read
from attnwidget.wire.check import mismatch
from attnwidget.wire.schema import (
    U8_MASKED,
    ArraySpec,
    LayerInfo,
    Precision,
    PredictionsMeta,
    SnapshotHeader,
    StoredLayer,
    StoredModel,
    StoredPeaks,
    StoredRows,
    StoredTerms,
    Tokens,
)

MAX_PATTERN = 1 << 24
"""Cells of a pattern that is kept at most; longer prompts are kept without."""

MAX_CELLS = 1 << 30
"""Cells of the patterns of one site at most."""

Arrays = Sequence[memoryview]


def decode(data: bytes | memoryview) -> AttentionRecord:
    """Return the record that a snapshot holds.

    Parameters
    ----------
    data : bytes
        What `encode` returned as `data`.

    Returns
    -------
    AttentionRecord
        Its `precision` says what stands between its numbers and those of the run; what is not kept raises
        `NotRecordedError` when it is asked for.

    Raises
    ------
    SnapshotError
        If the bytes are not a snapshot, are of another version, or are damaged.

    Examples
    --------
    >>> import attnwidget as aw
    >>> weights = [[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]]
    >>> record = aw.AttentionRecord.from_attentions(weights, ["The", "cat", "sat"])
    >>> from attnwidget.snapshot import decode, encode
    >>> again = decode(encode(record).data)
    >>> again.precision["form"], bool((again.weights(0, 0) == record.weights(0, 0)).all())
    ('exact', True)
    """
    given, arrays = unpack(data)
    if wrong := mismatch(given, SnapshotHeader):
        raise damaged(f"{wrong} is not what it must be")
    header = cast(SnapshotHeader, given)
    try:
        return remember(_record(header, arrays), bytes(data))
    except SnapshotError:
        raise
    except (AttnWidgetError, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise damaged(f"its parts do not fit ({error})") from error


def _record(header: SnapshotHeader, arrays: Arrays) -> AttentionRecord:
    opened = header["open"]
    streams = {stream: _tokens(columns) for stream, columns in opened["streams"].items()}
    sites = []
    for site in opened["sites"]:
        kind = site["kind"]
        query_stream, key_stream = streams_of(kind)
        stored = header["sites"][kind]["layers"]
        sizes = len(streams[query_stream]), len(streams[key_stream])
        pictures = _pictures(header["sites"][kind]["model"], site["layers"], *sizes, arrays)
        for info in site["layers"]:
            found = _site(kind, info, stored[str(info["layer"])], *sizes, arrays)
            sites.append(replace(found, pictures=pictures.get(info["layer"])))
    precision = opened.get("precision")
    if precision is None:
        raise damaged("it does not say how precise it is")
    model = opened["model"]
    return AttentionRecord(
        model=ModelInfo(
            name=model["name"],
            architecture=model["architecture"],
            layers=header["layers"],
            embedded=model["embedded"],
            dtype=model["dtype"],
            device=model["device"],
            parameters=model["parameters"] or 0,
        ),
        prompt=header["prompt"],
        context=header["context"],
        streams=streams,
        sites=tuple(sites),
        predictions=_predictions(header["predictions"], arrays),
        exact=opened["exact"],
        notes=(*opened["notes"], *_notes(precision)),
        words=opened["words"],
        weighting=opened["weighting"],
        id=opened["record"],
        precision=precision,
        tables={
            kind: read_table(stored["metrics"], arrays)
            for kind, stored in header["sites"].items()
            if stored["metrics"] is not None
        },
    )


def _notes(precision: Precision) -> list[str]:
    """Return what a reader of the numbers should know."""
    if precision["form"] == "exact" and precision["patterns"] == "all":
        return ["Read from a snapshot; its weights are exact."]
    if rows := precision.get("rows"):
        several = (
            f"those of queries {', '.join(map(str, rows))}" if len(rows) > 1 else f"that of query {rows[0]}"
        )
        return [
            f"Read from a snapshot of a long prompt: of its rows it holds {several}, at most the "
            f"{precision['kept']:,} largest weights of each, exactly; {precision['dropped']:.1%} of their "
            f"mass was left out, {precision['dropped_most']:.1%} of the worst row's."
        ]
    if precision["patterns"] == "none":
        return ["Read from a snapshot that holds no patterns: small pictures, metrics and tokens only."]
    notes = [f"Read from a snapshot; its weights are within {precision['error']:.2g} of the run's."]
    if precision["form"] == "top":
        notes.append(
            f"Each row keeps at most {precision['kept']} weights; {precision['dropped']:.1%} of the mass was "
            f"left out, {precision['dropped_most']:.1%} of the worst row's."
        )
    if precision["patterns"] != "all":
        notes.append("It does not hold the patterns of all heads.")
    return notes


def _tokens(columns: Tokens) -> tuple[Token, ...]:
    names = ("text", "label", "id", "special", "continued", "segment")
    return tuple(
        Token(**dict(zip(names, values, strict=True)))
        for values in zip(*(columns[name] for name in names), strict=True)  # type: ignore[literal-required]
    )


def _predictions(stored: PredictionsMeta | None, arrays: Arrays) -> Predictions | None:
    if stored is None:
        return None
    index, probs = _of(stored["index"], arrays, "i4"), _of(stored["probs"], arrays, "f4")
    if index.ndim != 2 or index.shape != probs.shape:
        raise damaged("its predictions do not fit")
    labels = stored["labels"]
    if index.size and not 0 <= int(index.min()) <= int(index.max()) < len(labels):
        raise damaged("its predictions name no token")
    ids = np.full(index.shape, -1, dtype=np.int32)
    return Predictions(ids, probs, tuple(tuple(labels[at] for at in row) for row in index))


def _of(spec: ArraySpec, arrays: Arrays, *dtypes: str) -> Any:
    """Return an array, if it is of one of these dtypes and fits its bytes."""
    if (
        spec["dtype"] not in dtypes
        or not 0 <= spec["buffer"] < len(arrays)
        or min(spec["shape"], default=0) < 0
    ):
        raise damaged("an array is not what it must be")
    return read(spec, arrays)


def _pictures(
    stored: StoredModel, infos: list[LayerInfo], queries: int, keys: int, arrays: Arrays
) -> dict[int, Thumbnails]:
    """Return the thumbnails of each layer, if there are any."""
    if stored["thumbnails"] is None:
        return {}
    codes, size = _of(stored["thumbnails"], arrays, "u1"), stored["pooled_keys"]
    heads = [info["heads"] for info in infos]
    if size < 1 or not 1 <= stored["pooled_queries"] <= size:
        raise damaged("thumbnails are not what they must be")
    if not 0 <= stored["sampled"] <= queries:
        raise damaged("thumbnails say that more was read than there is")
    if codes.shape != (sum(heads), -(-queries // size), -(-keys // size)):
        raise damaged("thumbnails do not fit")
    parts = np.split(codes, np.cumsum(heads)[:-1])
    return {
        info["layer"]: Thumbnails(part, size, stored["pooled_queries"], stored["sampled"])
        for info, part in zip(infos, parts, strict=True)
    }


def _site(
    kind: Kind, info: LayerInfo, stored: StoredLayer, queries: int, keys: int, arrays: Arrays
) -> SnapshotSite:
    heads, kv_heads = info["heads"], info["kv_heads"]
    if not 1 <= kv_heads <= heads or heads % kv_heads:
        raise damaged("it has an impossible number of heads")
    if stored["heads"] and (
        queries * keys > MAX_PATTERN or len(stored["heads"]) * queries * keys > MAX_CELLS
    ):
        raise damaged("its patterns are too large")
    if stored["window"] is not None and stored["window"] < 1:
        raise damaged("a window is not what it must be")
    mask: Bools | None = None
    if stored["mask"] is not None:
        bits = _of(stored["mask"], arrays, "u1")
        if bits.ndim != 2 or len(bits) not in (1, heads) or bits.shape[1] != -(-queries * keys // 8):
            raise damaged("a mask does not fit")
        mask = np.unpackbits(bits, axis=-1, count=queries * keys).astype(np.bool_).reshape(-1, queries, keys)
        mask = mask[0] if len(mask) == 1 else mask
    terms = _terms(stored["terms"], heads, kv_heads, queries, keys, arrays)
    query, rows = _rows(stored["rows"], heads, queries, keys, arrays)
    sinks = None
    if stored["sink"] is not None:
        sinks = _of(stored["sink"], arrays, "f4", "u1")
        sinks = WEIGHTS[sinks] if sinks.dtype == np.uint8 else sinks
        if sinks.shape != (heads, queries):
            raise damaged("a sink does not fit")
    site = SnapshotSite(
        kind=kind,
        layer=info["layer"],
        name=f"{kind}.{info['layer']}",
        route=info["route"],
        heads=heads,
        kv_heads=kv_heads,
        queries=queries,
        keys=keys,
        visibility=Visibility(stored["causal"], stored["window"], mask),
        fidelity=info["fidelity"],
        softcap=None if terms is None else terms.softcap,
        scaling=None if terms is None else terms.scaling,
        has_sinks=info["sinks"],
        rotary=info["rotary"],
        cells=_cells(stored, heads, queries, arrays),
        sinks=sinks,
        terms_kept=terms,
        row_query=query,
        rows=rows,
        peaks=_peaks(stored.get("peaks"), heads, queries, keys, arrays),
    )
    if not site.fits:
        raise damaged("its cells do not fit what is visible")
    return site


def _chosen(numbers: list[int], count: int) -> Ints:
    """Return head numbers, if they are ascending and exist."""
    heads = np.asarray(numbers, dtype=np.intp)
    if heads.size and (int(heads.min()) < 0 or int(heads.max()) >= count or bool((np.diff(heads) < 1).any())):
        raise damaged("a head does not exist")
    return heads


def _cells(stored: StoredLayer, heads: int, queries: int, arrays: Arrays) -> Cells:
    form, chosen = stored["form"], _chosen(stored["heads"], heads)
    values = _of(stored["cells"], arrays, "f4" if form == "exact" else "u1")
    if form != "exact" and bool((values == U8_MASKED).any()):
        raise damaged("a cell that is kept is masked")
    if form != "top":
        return Cells(form, stored["error"], chosen, values)
    counts, places, rest = stored["counts"], stored["places"], stored["rest"]
    if counts is None or places is None or rest is None:
        raise damaged("rows that were cut do not say how")
    mass, rows = WEIGHTS[_of(rest, arrays, "u1")], _of(counts, arrays, "u1", "i4")
    if rows.shape != (len(chosen), queries) or mass.shape != rows.shape:
        raise damaged("rows that were cut do not fit")
    return Cells(
        form, stored["error"], chosen, values, rows.reshape(-1), _of(places, arrays, "u1", "i4"), mass
    )


def _rows(
    stored: StoredRows | None, heads: int, queries: int, keys: int, arrays: Arrays
) -> tuple[int, dict[int, Any]]:
    if stored is None:
        return -1, {}
    chosen, weights = _chosen(stored["heads"], heads), _of(stored["weights"], arrays, "f4")
    if not 0 <= stored["query"] < queries or weights.shape != (len(chosen), keys):
        raise damaged("a row does not fit")
    return stored["query"], {int(head): weights[at] for at, head in enumerate(chosen)}


def _peaks(stored: StoredPeaks | None, heads: int, queries: int, keys: int, arrays: Arrays) -> Peaks | None:
    if stored is None:
        return None
    counts, skipped = _of(stored["counts"], arrays, "i4"), _of(stored["places"], arrays, "i4")
    cells, rest = _of(stored["cells"], arrays, "f4"), _of(stored["rest"], arrays, "f4")
    sinks = None if stored["sinks"] is None else _of(stored["sinks"], arrays, "f4")
    chosen, shape = _chosen(stored["queries"], queries), (len(stored["queries"]), heads)
    fits = counts.shape == rest.shape == shape and (sinks is None or sinks.shape == shape)
    if not fits or not cells.shape == skipped.shape == (int(counts.sum(dtype=np.int64)),):
        raise damaged("rows do not fit")
    if min(counts.min(initial=0), skipped.min(initial=0)) < 0:
        raise damaged("a row is not what it must be")
    ends = np.cumsum(counts.reshape(-1), dtype=np.int64)
    onward = np.concatenate([[0], np.cumsum(skipped.astype(np.int64) + 1)])
    begins = onward[ends - counts.reshape(-1)]
    if bool((onward[ends] - begins > keys).any()):
        raise damaged("a row goes beyond its end")
    places = onward[1:] - 1 - np.repeat(begins, counts.reshape(-1))
    return Peaks(chosen, counts, places.astype(np.int32), cells, rest, sinks)


def _terms(
    stored: StoredTerms | None, heads: int, kv_heads: int, queries: int, keys: int, arrays: Arrays
) -> Terms | None:
    if stored is None:
        return None
    chosen, kv_chosen = _chosen(stored["heads"], heads), _chosen(stored["kv_heads"], kv_heads)
    q, k = _of(stored["q"], arrays, "f4"), _of(stored["k"], arrays, "f4")
    bias = None if stored["bias"] is None else _of(stored["bias"], arrays, "f4")
    width = q.shape[-1] if q.ndim else 0
    fits = q.shape == (len(chosen), queries, width) and k.shape == (len(kv_chosen), keys, width)
    fits &= set((chosen // (heads // kv_heads)).tolist()) <= set(kv_chosen.tolist())
    if bias is not None:
        fits &= bias.ndim == 3 and bias.shape[0] in (1, heads) and bias.shape[1] in (1, queries)
        fits &= bias.shape[-1] == keys
    if not fits or width < 1 or len(stored["sink_score"]) != len(chosen) or stored["softcap"] == 0:
        raise damaged("queries and keys do not fit")
    sinks = tuple(stored["sink_score"])
    return Terms(
        chosen, kv_chosen, q, k, bias, stored["scaling"], stored["softcap"], sinks, stored["rounded"]
    )
