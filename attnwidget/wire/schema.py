"""The one schema of what travels between kernel and front end: state, requests, replies.

The TypeScript types in `js/src/wire/schema.gen.ts` are generated from this module
(`python -m attnwidget.wire.generate`); a check fails when they drift apart.

State is small and is what a person would set. Arrays travel only as replies to requests:
`Request` -> one `Reply` (`ok`, `meta` and buffers, or `error`). A reply larger than
`MAX_MESSAGE_BYTES` is cut into several `Chunk` messages with the same id.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

PROTOCOL = 1
"""Version of the wire; both sides refuse to talk to another one."""

MAX_MESSAGE_BYTES = 1_000_000
"""Largest sum of buffers in one message; hosts such as Colab cut larger ones off."""

MASKED = -1.0
"""Marks a masked cell (not available, as opposed to a weight of zero) in float32 patterns."""

U8_LEVELS = 253
"""Steps of a companded weight: code = round(U8_LEVELS * sqrt(weight)), 0 to 253."""

U8_NAN = 254
"""Marks a weight that is not a number in companded patterns."""

U8_MASKED = 255
"""Marks a masked cell in companded patterns."""

UNREAD = -3.0
"""Marks a weight that was not computed yet in float32 arrays; -2 is what a filter hides, on screen alone."""

WHOLE_CELLS = 4_194_304
"""Patterns of up to this many cells are sent whole; larger ones come as tiles."""

TILE = 256
"""Pixels of a tile's side; at level l a pixel stands for 2**l queries by 2**l keys."""

SiteKind: TypeAlias = Literal["encoder", "decoder", "cross"]
StreamKind: TypeAlias = Literal["encoder", "decoder"]
View: TypeAlias = Literal["head", "model", "neuron", "matrix", "text", "metrics"]
Theme: TypeAlias = Literal["auto", "light", "dark"]
Scale: TypeAlias = Literal["linear", "sqrt", "log"]
Direction: TypeAlias = Literal["from", "to"]
Phase: TypeAlias = Literal["idle", "running", "failed", "closed"]
Route: TypeAlias = Literal["interface", "functional", "softmax", "given"]
Pair: TypeAlias = Literal["all", "aa", "ab", "ba", "bb"]
Combine: TypeAlias = Literal["each", "mean", "max"]
Weighting: TypeAlias = Literal["weights", "norms"]
Order: TypeAlias = Literal["layer", "metric"]
Pool: TypeAlias = Literal["max", "mean"]
Flow: TypeAlias = Literal["into", "out"]
Searched: TypeAlias = Literal["head", "query", "key"]
DType: TypeAlias = Literal["u1", "i4", "f4"]
StoredForm: TypeAlias = Literal["exact", "dense", "top"]
StoredShare: TypeAlias = Literal["all", "some", "none"]


class ArraySpec(TypedDict):
    """How to read a buffer: little-endian, C order."""

    buffer: int
    dtype: DType
    shape: list[int]


class Selection(TypedDict):
    """What the user holds: a query token, a key token or both; `locked` is false when nothing is held.

    The kernel adds the labels of the tokens at these positions.
    """

    query: int | None
    key: int | None
    locked: bool
    query_token: NotRequired[str | None]
    key_token: NotRequired[str | None]


class Filters(TypedDict):
    """What of the patterns is drawn; what is left out is left out, nothing is renormalised.

    `pair` keeps the weights from one segment to another (a: first text, b: second). `special` false hides
    special tokens, on both axes. `top` keeps the strongest weights of each query; 0 keeps all. `heads` are
    the heads on offer; null offers all.
    """

    pair: Pair
    special: bool
    top: int
    heads: list[int] | None


class HeadRef(TypedDict):
    """One head of one attention site."""

    site: SiteKind
    layer: int
    head: int


class ErrorInfo(TypedDict):
    """A typed error: stable code, what is wrong, what to do."""

    code: str
    what: str
    todo: str


class Status(TypedDict):
    """What the kernel is doing; `done` of `total` layers while it runs."""

    phase: Phase
    run: str | None
    done: int
    total: int
    message: str
    error: ErrorInfo | None


class State(TypedDict):
    """The synced traits, by name."""

    protocol: int
    version: str
    record_id: str
    prompt: str
    context: str
    view: View
    site: SiteKind
    layer: int
    heads: list[int]
    selection: Selection
    direction: Direction
    threshold: float
    scale: Scale
    filters: Filters
    combine: Combine
    words: bool
    weighting: Weighting
    metric: str
    detectors: list[str]
    order: Order
    cut: float | None
    pinned: list[HeadRef]
    comparing: bool
    theme: Theme
    height: int
    status: Status
    can_run: bool


class Tokens(TypedDict):
    """The tokens of one stream, as columns of equal length."""

    text: list[str]
    label: list[str]
    id: list[int | None]
    special: list[bool]
    continued: list[bool]
    segment: list[int]


class LayerInfo(TypedDict):
    """One attention site; `fidelity` is the worst relative error of recomputed outputs, null if unchecked.

    `tiled` is there where its patterns have more than `WHOLE_CELLS` cells, which are never sent whole.
    """

    layer: int
    heads: int
    kv_heads: int
    causal: bool
    window: int | None
    route: Route
    scores: bool
    sinks: bool
    rotary: bool
    fidelity: float | None
    tiled: NotRequired[bool]


class SiteInfo(TypedDict):
    """All layers of one kind of attention, with the streams on its two axes."""

    kind: SiteKind
    query_stream: StreamKind
    key_stream: StreamKind
    layers: list[LayerInfo]


class ModelCard(TypedDict):
    """What the header says about the model."""

    name: str
    architecture: str
    embedded: bool
    dtype: str
    device: str
    parameters: int | None


class HeadNote(TypedDict):
    """What is known about one head, with its measured score (0 to 1)."""

    layer: int
    head: int
    title: str
    score: float
    text: str


class Precision(TypedDict):
    """What stands between a snapshot's numbers and those of the run.

    `form`: every weight is kept as float32 ("exact") or in 8 bits ("dense"), or each row keeps its largest
    weights in 8 bits ("top"). `error` is the largest absolute error of a weight that is kept. `kept` is the
    most weights that a row keeps, null where all are; `dropped` the share of a row's mass that was left out,
    mean over the rows of kept patterns, and `dropped_most` that of the worst row. `patterns` says of how many
    heads patterns are kept, `terms` of how many queries and keys are. Of a prompt too long for patterns,
    `rows` are the queries of which every head's largest weights are kept exactly, at most `kept` of a row,
    and `sampled` is how many queries stand behind thumbnails.
    """

    form: StoredForm
    error: float
    kept: int | None
    dropped: float
    dropped_most: float
    patterns: StoredShare
    terms: StoredShare
    rows: NotRequired[list[int]]
    sampled: NotRequired[int]


class OpenMeta(TypedDict):
    """Reply to `open`: the record without its arrays.

    `words` says whether its tokens are merged into words, `weighting` what its numbers are: weights, or
    weights times the norm of what each key's value adds, as shares of the row. `can_merge` and `can_weigh`
    say whether the run allows these. `precision` is there where the numbers come from a snapshot.
    """

    record: str
    model: ModelCard
    streams: dict[StreamKind, Tokens]
    sites: list[SiteInfo]
    fidelity: float | None
    exact: bool
    notes: list[str]
    head_notes: list[HeadNote]
    predictions: bool
    words: bool
    weighting: Weighting
    can_merge: bool
    can_weigh: bool
    precision: NotRequired[Precision]


class OpenArgs(TypedDict):
    """`open`: describe the current record."""


class RunArgs(TypedDict):
    """`run`: run a prompt; the views follow the `record` trait."""

    prompt: str
    context: NotRequired[str]


class RunMeta(TypedDict):
    """Reply to `run`, when it is done."""

    record: str


class LayerArgs(TypedDict):
    """`layer`: thumbnails of every head and the patterns of `heads`.

    `thumbnails` is false where the front end has them already. A tiled layer sends thumbnails alone, of
    sampled queries; `more` reads further ones before it answers.
    """

    site: SiteKind
    layer: int
    heads: list[int]
    thumbnails: bool
    more: NotRequired[bool]


class LayerMeta(TypedDict):
    """Reply to `layer`: patterns [heads, queries, keys] (f4, or u1 companded), thumbnails [heads, t, t] (u1).

    `error` is the largest absolute error of a pattern on the wire; 0 means exact float32.
    `pooled` says how many queries, and keys, stand behind one thumbnail pixel (1: every cell is
    shown); a pixel is the largest weight of its block. `sinks` [heads, queries] f4 is what each query gives
    to its learned sink, exactly; null where there is none. Where a snapshot left out the smallest weights of
    rows, these are 0; `rest` [heads, queries] f4 is then the mass that each row lacks, and `floor` [heads,
    queries] f4 the most that any cell of the row that was left out can hold, both 0 for whole rows. Of a
    tiled layer `patterns` are those of no head, and `sampled` queries stand behind the thumbnails, whose
    columns are `pooled` keys wide.
    """

    site: SiteKind
    layer: int
    heads: list[int]
    patterns: ArraySpec
    sinks: ArraySpec | None
    thumbnails: ArraySpec | None
    error: float
    pooled: float
    rest: NotRequired[ArraySpec]
    floor: NotRequired[ArraySpec]
    sampled: NotRequired[int]


class ModelArgs(TypedDict):
    """`model`: thumbnails of every head of every layer of one kind of attention.

    `more` reads further queries before it answers, where not all are read yet.
    """

    site: SiteKind
    more: NotRequired[bool]


class ModelMeta(TypedDict):
    """Reply to `model`: thumbnails [all heads, rows, columns] (u1 companded), layer after layer.

    `heads` is the number of heads of each of `layers`. `sampled` of `queries` queries stand behind a
    thumbnail: all of them, or as many evenly spaced ones, each computed exactly. A pixel is the largest
    weight of `pooled_queries` of these by `pooled_keys` keys.
    """

    site: SiteKind
    layers: list[int]
    heads: list[int]
    thumbnails: ArraySpec
    pooled_queries: int
    pooled_keys: int
    queries: int
    sampled: int


class RowArgs(TypedDict):
    """`row`: exact weights and scores of one query for some heads."""

    site: SiteKind
    layer: int
    heads: list[int]
    query: int


class RowMeta(TypedDict):
    """Reply to `row`: weights [heads, keys] f4, scores [heads, keys] f4 (null where only weights are known).

    Masked cells are `MASKED` in weights and not a number in scores. `sink` is the mass that each head's row
    gives to its learned sink. A snapshot may know the weights in 8 bits only: `error` is then their
    largest absolute error; without it they are exact. Where a snapshot left out the smallest weights of a row
    these are 0, and `floor` says per head what each of them is at most (0: nothing is left out).
    """

    site: SiteKind
    layer: int
    heads: list[int]
    query: int
    weights: ArraySpec
    scores: ArraySpec | None
    sink: list[float]
    error: NotRequired[float]
    floor: NotRequired[list[float]]


class PredictionsArgs(TypedDict):
    """`predictions`: the tokens that the model expects next, at each position."""


class PredictionsMeta(TypedDict):
    """Reply to `predictions`: index [positions, k] i4 into `labels`, probs [positions, k] f4, best first."""

    labels: list[str]
    index: ArraySpec
    probs: ArraySpec


class MetricInfo(TypedDict):
    """What a reader must know of a metric; `low` and `high` are its range, null where it has no end."""

    name: str
    title: str
    formula: str
    eligible: str
    source: str
    sinks: str
    unit: str
    low: float | None
    high: float | None
    counted: str
    own: bool


class MetricsArgs(TypedDict):
    """`metrics`: every metric and detector of every head of one kind of attention.

    `more` reads further queries before it answers, where not all are read yet.
    """

    site: SiteKind
    more: NotRequired[bool]


class MetricsMeta(TypedDict):
    """Reply to `metrics`: values and baselines [metrics, all heads] f4, counts [metrics, all heads] i4.

    Heads come layer after layer; `heads` is the number of each of `layers`. Values are not a number where
    nothing is eligible. A baseline is the metric of weights spread evenly over the visible keys. `sampled` of
    `queries` queries were read: all of them, or evenly spaced ones. `margins` [metrics, all heads] f4 is then
    the half width of each value's confidence interval at 95 %, not a number where there is none.
    """

    site: SiteKind
    layers: list[int]
    heads: list[int]
    metrics: list[MetricInfo]
    values: ArraySpec
    baselines: ArraySpec
    counts: ArraySpec
    queries: int
    sampled: int
    margins: NotRequired[ArraySpec]


class NeuronArgs(TypedDict):
    """`neuron`: how one query's scores come about, for one head.

    `keys` is false where the front end has the head's keys already.
    """

    site: SiteKind
    layer: int
    head: int
    query: int
    keys: NotRequired[bool]


class NeuronMeta(TypedDict):
    """Reply to `neuron`: q [d], k [keys, d], bias, scores and weights [keys], all f4.

    score = cap(q . k * scaling) + bias, where cap(x) = softcap * tanh(x / softcap) if there is a soft cap;
    the softmax is over the visible keys and the sink, whose score is `sink_score`. Masked cells are `MASKED`
    in weights and not a number in scores. All but the weights are null where only weights are known; `k`
    also where it was not asked for.
    `shared` are the heads that use the key-value head `kv_head`; `rotary` says that q and k are after
    rotation. `error` and `floor` (of the one head) are as in `row`. `kept` is there where a snapshot lacks
    this head's queries and keys: the heads of which it has them.
    """

    site: SiteKind
    layer: int
    head: int
    query: int
    q: ArraySpec | None
    k: ArraySpec | None
    bias: ArraySpec | None
    scores: ArraySpec | None
    weights: ArraySpec
    scaling: float | None
    softcap: float | None
    sink: float
    sink_score: float | None
    kv_head: int
    shared: list[int]
    rotary: bool
    error: NotRequired[float]
    floor: NotRequired[float]
    kept: NotRequired[list[HeadRef]]


class TilesArgs(TypedDict):
    """`tiles`: pieces of one head's pattern of a tiled layer, at one zoom.

    Each of `tiles` is [row, column]: tile (r, c) of level l begins at query r * TILE * 2**l and key
    c * TILE * 2**l. What takes long is answered in part; the front end asks again for the rest.
    """

    site: SiteKind
    layer: int
    head: int
    level: int
    pool: Pool
    tiles: list[list[int]]


class TilesMeta(TypedDict):
    """Reply to `tiles`: codes [tiles, TILE, TILE] u1 companded, for those of `tiles` that are answered.

    A pixel is the largest, or the mean, visible weight of its cells; `U8_MASKED` where none is visible, and
    beyond the pattern's edge. `read` says of each tile how many of the 2**level queries behind a pixel were
    computed, each exactly: all of them once it is whole. `error` is the largest absolute error of a weight.
    """

    site: SiteKind
    layer: int
    head: int
    level: int
    pool: Pool
    tiles: list[list[int]]
    codes: ArraySpec
    read: list[int]
    error: float


class StripsArgs(TypedDict):
    """`strips`: one query's row (or a key's column, "to") in every head, along the prompt, in `pixels`."""

    site: SiteKind
    position: int
    direction: Direction
    pixels: int


class StripsMeta(TypedDict):
    """Reply to `strips`: strips [all heads, pixels] u1 companded, layer after layer.

    A pixel is the largest weight of `pooled` positions, `U8_MASKED` where none is visible. `peaks` [all
    heads] i4 is the position of each head's largest weight (-1: none is visible) and `weights` [all heads] f4
    that weight, exactly. `read` of `of` positions were computed: of a row always all.
    """

    site: SiteKind
    position: int
    direction: Direction
    layers: list[int]
    heads: list[int]
    strips: ArraySpec
    pooled: int
    peaks: ArraySpec
    weights: ArraySpec
    read: int
    of: int


class ColumnArgs(TypedDict):
    """`column`: what every query gives to one key, for some heads of one layer."""

    site: SiteKind
    layer: int
    heads: list[int]
    key: int


class ColumnMeta(TypedDict):
    """Reply to `column`: weights [heads, queries] f4, exact; `MASKED` where the key is out of reach.

    It needs the softmax of every query. What takes long is answered in part: `read` of `of` queries, the
    others are `UNREAD`; asked again, it goes on.
    """

    site: SiteKind
    layer: int
    heads: list[int]
    key: int
    weights: ArraySpec
    read: int
    of: int


class SearchArgs(TypedDict):
    """`search`: the heads, or queries or keys of heads, with the most attention into (or out of) a span.

    The span is `first` to `last`, half open. "into": what the queries outside of it give to its keys. "out":
    what its queries give to keys outside of it. `by` "head" ranks heads by the mean over queries, "query"
    single queries, and "key" single keys by the mean over queries. `plain` leaves the first and special
    tokens out of what is outside. What takes long is answered in part; asked again, it goes on.
    """

    site: SiteKind
    first: int
    last: int
    flow: Flow
    by: Searched
    k: int
    plain: bool


class SearchMeta(TypedDict):
    """Reply to `search`: at most k hits, best first; the arguments come back with it.

    `hits` [hits, 4] i4 are layer, head, query and key: by head the query that gives most, by query the
    query, each with its strongest key; by key the key, with the query whose weight on it is largest.
    `values` [hits] f4 is what they are ranked by, `baselines` [hits] f4 the same of weights spread evenly
    over the visible keys, `counts` [hits] i4 how many queries are behind a value. `read` [hits, 2] i4 says
    how many queries of the head were read, of how many that may count: fewer are an estimate, by head with
    the half width of its confidence interval at 95 % in `margins` [hits] f4, else not a number. `sampled`
    heads were read in part at least, `done` whole, of `total`.
    """

    site: SiteKind
    first: int
    last: int
    flow: Flow
    by: Searched
    k: int
    plain: bool
    hits: ArraySpec
    values: ArraySpec
    baselines: ArraySpec
    margins: ArraySpec
    counts: ArraySpec
    read: ArraySpec
    sampled: int
    done: int
    total: int


class LiveArgs(TypedDict):
    """`live`: the part of the front end that only a kernel can serve, which notebooks need not store."""


class LiveMeta(TypedDict):
    """Reply to `live`: a module [bytes] u1, compressed with gzip."""

    version: str
    module: ArraySpec


class CancelArgs(TypedDict):
    """`cancel`: stop the request `id`, or the run that is under way."""

    id: NotRequired[str]


class StoredTerms(TypedDict):
    """Queries [heads, queries, d] and keys [kv heads, keys, d] (f4) of one site in a snapshot.

    `heads` are those whose queries are kept, and `kv_heads` the key-value heads that they use, both
    ascending. `bias` [1 or heads, 1 or queries, keys] f4 or null. Scores are made of these as in
    `neuron`. `rounded` says that the run rounded its scores and weights to half precision, so that
    weights that are computed from these are not those of the run to the last digit.
    """

    heads: list[int]
    kv_heads: list[int]
    q: ArraySpec
    k: ArraySpec
    bias: ArraySpec | None
    scaling: float
    softcap: float | None
    sink_score: list[float | None]
    rounded: bool


class StoredRows(TypedDict):
    """One query's exact weights [heads, keys] f4 for some heads, masked cells `MASKED`."""

    query: int
    heads: list[int]
    weights: ArraySpec


class StoredPeaks(TypedDict):
    """The largest weights of some rows of every head of a site whose patterns are too large to keep.

    `queries` ascend. `counts` [queries, heads] i4 are the numbers of weights that rows keep, `places` i4
    their keys, each as the number of keys that are skipped, and `cells` f4 the weights themselves, exactly;
    both query after query, in it head after head. `rest` [queries, heads] f4 is the mass left out, not a
    number where all of a row's weights are none; `sinks` that of the learned sink, or null.
    """

    queries: list[int]
    counts: ArraySpec
    places: ArraySpec
    cells: ArraySpec
    rest: ArraySpec
    sinks: ArraySpec | None


class StoredLayer(TypedDict):
    """One attention site of a snapshot; see the format's specification beside the Python codec.

    `heads` are those whose patterns are kept, ascending. Cells are kept for visible keys only. A query
    sees the keys that `causal` and `window` allow, unless there is a `mask` (u1, bits packed, [1 or heads
    of the layer, queries, keys]), which then says everything.

    `form` "exact": `cells` f4; "dense": `cells` u1 codes; both head after head, in it key after key,
    queries ascending. "top": `counts` [heads, queries] are the numbers of weights that rows keep,
    `places` their ordinals among the row's visible keys, each as the number of visible keys that are
    skipped, and `cells` their codes, both row after row; `rest` [heads, queries] u1 codes are the mass
    left out, rounded up. Codes are multiples of `step`. `error` is the largest absolute error of a
    weight, or of a sink's mass, that is kept. `sink` [heads of the layer, queries], f4 or u1 codes, or
    null. `rows` are the exact weights of a query.
    """

    form: StoredForm
    error: float
    step: int
    causal: bool
    window: int | None
    mask: ArraySpec | None
    heads: list[int]
    cells: ArraySpec
    counts: ArraySpec | None
    places: ArraySpec | None
    rest: ArraySpec | None
    sink: ArraySpec | None
    rows: StoredRows | None
    terms: StoredTerms | None
    peaks: NotRequired[StoredPeaks]


class StoredModel(TypedDict):
    """What a snapshot keeps of the reply to `model`; `thumbnails` are null where all patterns are whole."""

    site: SiteKind
    layers: list[int]
    heads: list[int]
    thumbnails: ArraySpec | None
    pooled_queries: int
    pooled_keys: int
    queries: int
    sampled: int


class StoredSite(TypedDict):
    """All layers of one kind of attention in a snapshot, by layer number; `metrics` is the reply to that."""

    model: StoredModel
    metrics: MetricsMeta | None
    layers: dict[str, StoredLayer]


class SnapshotHeader(TypedDict):
    """What a snapshot begins with; its arrays follow, `lengths` bytes each.

    `widths` are the bytes of an element of each array: those of 4 are stored as four planes, the elements'
    first bytes, then their second ones, and so on. `layers` is the model's number of layers, those without
    attention included.
    """

    version: str
    prompt: str
    context: str | None
    layers: int
    open: OpenMeta
    sites: dict[SiteKind, StoredSite]
    predictions: PredictionsMeta | None
    lengths: list[int]
    widths: list[int]


RequestKind: TypeAlias = Literal[
    "open",
    "run",
    "layer",
    "model",
    "row",
    "predictions",
    "metrics",
    "neuron",
    "tiles",
    "strips",
    "column",
    "search",
    "live",
    "cancel",
]


class Request(TypedDict):
    """Front end -> kernel. `record` names the record that the request is about ("" for the current one)."""

    protocol: int
    id: str
    kind: RequestKind
    record: str
    args: dict[str, Any]


class ReplyOk(TypedDict):
    """Kernel -> front end: the answer to a request; its arrays are the message's buffers."""

    protocol: int
    id: str
    ok: Literal[True]
    meta: dict[str, Any]


class ReplyError(TypedDict):
    """Kernel -> front end: why a request has no answer."""

    protocol: int
    id: str
    ok: Literal[False]
    error: ErrorInfo


class Chunk(TypedDict):
    """Kernel -> front end: piece `part` of `parts` of a reply; the one buffer carries its bytes.

    The first piece carries the reply itself and the byte length of each of its buffers.
    """

    protocol: int
    id: str
    part: int
    parts: int
    reply: NotRequired[ReplyOk]
    lengths: NotRequired[list[int]]


REQUESTS: dict[str, tuple[type, type]] = {
    "open": (OpenArgs, OpenMeta),
    "run": (RunArgs, RunMeta),
    "layer": (LayerArgs, LayerMeta),
    "model": (ModelArgs, ModelMeta),
    "row": (RowArgs, RowMeta),
    "predictions": (PredictionsArgs, PredictionsMeta),
    "metrics": (MetricsArgs, MetricsMeta),
    "neuron": (NeuronArgs, NeuronMeta),
    "tiles": (TilesArgs, TilesMeta),
    "strips": (StripsArgs, StripsMeta),
    "column": (ColumnArgs, ColumnMeta),
    "search": (SearchArgs, SearchMeta),
    "live": (LiveArgs, LiveMeta),
    "cancel": (CancelArgs, CancelArgs),
}
"""Request kind -> (arguments, reply)."""
