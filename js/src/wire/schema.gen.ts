// Generated from attnwidget/wire/schema.py by `python -m attnwidget.wire.generate`; do not edit.
import type { Shape } from "./shape";

/** Version of the wire; both sides refuse to talk to another one. */
export const PROTOCOL = 1;

/** Largest sum of buffers in one message; hosts such as Colab cut larger ones off. */
export const MAX_MESSAGE_BYTES = 1_000_000;

/** Marks a masked cell (not available, as opposed to a weight of zero) in float32 patterns. */
export const MASKED = -1;

/** Steps of a companded weight: code = round(U8_LEVELS * sqrt(weight)), 0 to 253. */
export const U8_LEVELS = 253;

/** Marks a weight that is not a number in companded patterns. */
export const U8_NAN = 254;

/** Marks a masked cell in companded patterns. */
export const U8_MASKED = 255;

/** Marks a weight that was not computed yet in float32 arrays; -2 is what a filter hides, on screen alone. */
export const UNREAD = -3;

/** Patterns of up to this many cells are sent whole; larger ones come as tiles. */
export const WHOLE_CELLS = 4.1943e+06;

/** Pixels of a tile's side; at level l a pixel stands for 2**l queries by 2**l keys. */
export const TILE = 256;

export type SiteKind = "encoder" | "decoder" | "cross";

export type StreamKind = "encoder" | "decoder";

export type View = "head" | "model" | "neuron" | "matrix" | "text" | "metrics";

export type Theme = "auto" | "light" | "dark";

export type Scale = "linear" | "sqrt" | "log";

export type Direction = "from" | "to";

export type Phase = "idle" | "running" | "failed" | "closed";

export type Route = "interface" | "functional" | "softmax" | "given";

export type Pair = "all" | "aa" | "ab" | "ba" | "bb";

export type Combine = "each" | "mean" | "max";

export type Weighting = "weights" | "norms";

export type Order = "layer" | "metric";

export type Pool = "max" | "mean";

export type Flow = "into" | "out";

export type Searched = "head" | "query" | "key";

export type DType = "u1" | "i4" | "f4";

export type StoredForm = "exact" | "dense" | "top";

export type StoredShare = "all" | "some" | "none";

/** How to read a buffer: little-endian, C order. */
export interface ArraySpec {
  buffer: number;
  dtype: DType;
  shape: number[];
}

/**
 * What the user holds: a query token, a key token or both; `locked` is false when nothing is held.
 *
 * The kernel adds the labels of the tokens at these positions.
 */
export interface Selection {
  query: number | null;
  key: number | null;
  locked: boolean;
  query_token?: string | null;
  key_token?: string | null;
}

/**
 * What of the patterns is drawn; what is left out is left out, nothing is renormalised.
 *
 * `pair` keeps the weights from one segment to another (a: first text, b: second). `special` false hides
 * special tokens, on both axes. `top` keeps the strongest weights of each query; 0 keeps all. `heads` are
 * the heads on offer; null offers all.
 */
export interface Filters {
  pair: Pair;
  special: boolean;
  top: number;
  heads: number[] | null;
}

/** One head of one attention site. */
export interface HeadRef {
  site: SiteKind;
  layer: number;
  head: number;
}

/** A typed error: stable code, what is wrong, what to do. */
export interface ErrorInfo {
  code: string;
  what: string;
  todo: string;
}

/** What the kernel is doing; `done` of `total` layers while it runs. */
export interface Status {
  phase: Phase;
  run: string | null;
  done: number;
  total: number;
  message: string;
  error: ErrorInfo | null;
}

/** The synced traits, by name. */
export interface State {
  protocol: number;
  version: string;
  record_id: string;
  prompt: string;
  context: string;
  view: View;
  site: SiteKind;
  layer: number;
  heads: number[];
  selection: Selection;
  direction: Direction;
  threshold: number;
  scale: Scale;
  filters: Filters;
  combine: Combine;
  words: boolean;
  weighting: Weighting;
  metric: string;
  detectors: string[];
  order: Order;
  cut: number | null;
  pinned: HeadRef[];
  comparing: boolean;
  theme: Theme;
  height: number;
  status: Status;
  can_run: boolean;
}

/** The tokens of one stream, as columns of equal length. */
export interface Tokens {
  text: string[];
  label: string[];
  id: (number | null)[];
  special: boolean[];
  continued: boolean[];
  segment: number[];
}

/**
 * One attention site; `fidelity` is the worst relative error of recomputed outputs, null if unchecked.
 *
 * `tiled` is there where its patterns have more than `WHOLE_CELLS` cells, which are never sent whole.
 */
export interface LayerInfo {
  layer: number;
  heads: number;
  kv_heads: number;
  causal: boolean;
  window: number | null;
  route: Route;
  scores: boolean;
  sinks: boolean;
  rotary: boolean;
  fidelity: number | null;
  tiled?: boolean;
}

/** All layers of one kind of attention, with the streams on its two axes. */
export interface SiteInfo {
  kind: SiteKind;
  query_stream: StreamKind;
  key_stream: StreamKind;
  layers: LayerInfo[];
}

/** What the header says about the model. */
export interface ModelCard {
  name: string;
  architecture: string;
  embedded: boolean;
  dtype: string;
  device: string;
  parameters: number | null;
}

/** What is known about one head, with its measured score (0 to 1). */
export interface HeadNote {
  layer: number;
  head: number;
  title: string;
  score: number;
  text: string;
}

/**
 * What stands between a snapshot's numbers and those of the run.
 *
 * `form`: every weight is kept as float32 ("exact") or in 8 bits ("dense"), or each row keeps its largest
 * weights in 8 bits ("top"). `error` is the largest absolute error of a weight that is kept. `kept` is the
 * most weights that a row keeps, null where all are; `dropped` the share of a row's mass that was left out,
 * mean over the rows of kept patterns, and `dropped_most` that of the worst row. `patterns` says of how many
 * heads patterns are kept, `terms` of how many queries and keys are. Of a prompt too long for patterns,
 * `rows` are the queries of which every head's largest weights are kept exactly, at most `kept` of a row,
 * and `sampled` is how many queries stand behind thumbnails.
 */
export interface Precision {
  form: StoredForm;
  error: number;
  kept: number | null;
  dropped: number;
  dropped_most: number;
  patterns: StoredShare;
  terms: StoredShare;
  rows?: number[];
  sampled?: number;
}

/**
 * Reply to `open`: the record without its arrays.
 *
 * `words` says whether its tokens are merged into words, `weighting` what its numbers are: weights, or
 * weights times the norm of what each key's value adds, as shares of the row. `can_merge` and `can_weigh`
 * say whether the run allows these. `precision` is there where the numbers come from a snapshot.
 */
export interface OpenMeta {
  record: string;
  model: ModelCard;
  streams: Partial<Record<StreamKind, Tokens>>;
  sites: SiteInfo[];
  fidelity: number | null;
  exact: boolean;
  notes: string[];
  head_notes: HeadNote[];
  predictions: boolean;
  words: boolean;
  weighting: Weighting;
  can_merge: boolean;
  can_weigh: boolean;
  precision?: Precision;
}

/** `open`: describe the current record. */
export interface OpenArgs {}

/** `run`: run a prompt; the views follow the `record` trait. */
export interface RunArgs {
  prompt: string;
  context?: string;
}

/** Reply to `run`, when it is done. */
export interface RunMeta {
  record: string;
}

/**
 * `layer`: thumbnails of every head and the patterns of `heads`.
 *
 * `thumbnails` is false where the front end has them already. A tiled layer sends thumbnails alone, of
 * sampled queries; `more` reads further ones before it answers.
 */
export interface LayerArgs {
  site: SiteKind;
  layer: number;
  heads: number[];
  thumbnails: boolean;
  more?: boolean;
}

/**
 * Reply to `layer`: patterns [heads, queries, keys] (f4, or u1 companded), thumbnails [heads, t, t] (u1).
 *
 * `error` is the largest absolute error of a pattern on the wire; 0 means exact float32.
 * `pooled` says how many queries, and keys, stand behind one thumbnail pixel (1: every cell is
 * shown); a pixel is the largest weight of its block. `sinks` [heads, queries] f4 is what each query gives
 * to its learned sink, exactly; null where there is none. Where a snapshot left out the smallest weights of
 * rows, these are 0; `rest` [heads, queries] f4 is then the mass that each row lacks, and `floor` [heads,
 * queries] f4 the most that any cell of the row that was left out can hold, both 0 for whole rows. Of a
 * tiled layer `patterns` are those of no head, and `sampled` queries stand behind the thumbnails, whose
 * columns are `pooled` keys wide.
 */
export interface LayerMeta {
  site: SiteKind;
  layer: number;
  heads: number[];
  patterns: ArraySpec;
  sinks: ArraySpec | null;
  thumbnails: ArraySpec | null;
  error: number;
  pooled: number;
  rest?: ArraySpec;
  floor?: ArraySpec;
  sampled?: number;
}

/**
 * `model`: thumbnails of every head of every layer of one kind of attention.
 *
 * `more` reads further queries before it answers, where not all are read yet.
 */
export interface ModelArgs {
  site: SiteKind;
  more?: boolean;
}

/**
 * Reply to `model`: thumbnails [all heads, rows, columns] (u1 companded), layer after layer.
 *
 * `heads` is the number of heads of each of `layers`. `sampled` of `queries` queries stand behind a
 * thumbnail: all of them, or as many evenly spaced ones, each computed exactly. A pixel is the largest
 * weight of `pooled_queries` of these by `pooled_keys` keys.
 */
export interface ModelMeta {
  site: SiteKind;
  layers: number[];
  heads: number[];
  thumbnails: ArraySpec;
  pooled_queries: number;
  pooled_keys: number;
  queries: number;
  sampled: number;
}

/** `row`: exact weights and scores of one query for some heads. */
export interface RowArgs {
  site: SiteKind;
  layer: number;
  heads: number[];
  query: number;
}

/**
 * Reply to `row`: weights [heads, keys] f4, scores [heads, keys] f4 (null where only weights are known).
 *
 * Masked cells are `MASKED` in weights and not a number in scores. `sink` is the mass that each head's row
 * gives to its learned sink. A snapshot may know the weights in 8 bits only: `error` is then their
 * largest absolute error; without it they are exact. Where a snapshot left out the smallest weights of a row
 * these are 0, and `floor` says per head what each of them is at most (0: nothing is left out).
 */
export interface RowMeta {
  site: SiteKind;
  layer: number;
  heads: number[];
  query: number;
  weights: ArraySpec;
  scores: ArraySpec | null;
  sink: number[];
  error?: number;
  floor?: number[];
}

/** `predictions`: the tokens that the model expects next, at each position. */
export interface PredictionsArgs {}

/** Reply to `predictions`: index [positions, k] i4 into `labels`, probs [positions, k] f4, best first. */
export interface PredictionsMeta {
  labels: string[];
  index: ArraySpec;
  probs: ArraySpec;
}

/** What a reader must know of a metric; `low` and `high` are its range, null where it has no end. */
export interface MetricInfo {
  name: string;
  title: string;
  formula: string;
  eligible: string;
  source: string;
  sinks: string;
  unit: string;
  low: number | null;
  high: number | null;
  counted: string;
  own: boolean;
}

/**
 * `metrics`: every metric and detector of every head of one kind of attention.
 *
 * `more` reads further queries before it answers, where not all are read yet.
 */
export interface MetricsArgs {
  site: SiteKind;
  more?: boolean;
}

/**
 * Reply to `metrics`: values and baselines [metrics, all heads] f4, counts [metrics, all heads] i4.
 *
 * Heads come layer after layer; `heads` is the number of each of `layers`. Values are not a number where
 * nothing is eligible. A baseline is the metric of weights spread evenly over the visible keys. `sampled` of
 * `queries` queries were read: all of them, or evenly spaced ones. `margins` [metrics, all heads] f4 is then
 * the half width of each value's confidence interval at 95 %, not a number where there is none.
 */
export interface MetricsMeta {
  site: SiteKind;
  layers: number[];
  heads: number[];
  metrics: MetricInfo[];
  values: ArraySpec;
  baselines: ArraySpec;
  counts: ArraySpec;
  queries: number;
  sampled: number;
  margins?: ArraySpec;
}

/**
 * `neuron`: how one query's scores come about, for one head.
 *
 * `keys` is false where the front end has the head's keys already.
 */
export interface NeuronArgs {
  site: SiteKind;
  layer: number;
  head: number;
  query: number;
  keys?: boolean;
}

/**
 * Reply to `neuron`: q [d], k [keys, d], bias, scores and weights [keys], all f4.
 *
 * score = cap(q . k * scaling) + bias, where cap(x) = softcap * tanh(x / softcap) if there is a soft cap;
 * the softmax is over the visible keys and the sink, whose score is `sink_score`. Masked cells are `MASKED`
 * in weights and not a number in scores. All but the weights are null where only weights are known; `k`
 * also where it was not asked for.
 * `shared` are the heads that use the key-value head `kv_head`; `rotary` says that q and k are after
 * rotation. `error` and `floor` (of the one head) are as in `row`. `kept` is there where a snapshot lacks
 * this head's queries and keys: the heads of which it has them.
 */
export interface NeuronMeta {
  site: SiteKind;
  layer: number;
  head: number;
  query: number;
  q: ArraySpec | null;
  k: ArraySpec | null;
  bias: ArraySpec | null;
  scores: ArraySpec | null;
  weights: ArraySpec;
  scaling: number | null;
  softcap: number | null;
  sink: number;
  sink_score: number | null;
  kv_head: number;
  shared: number[];
  rotary: boolean;
  error?: number;
  floor?: number;
  kept?: HeadRef[];
}

/**
 * `tiles`: pieces of one head's pattern of a tiled layer, at one zoom.
 *
 * Each of `tiles` is [row, column]: tile (r, c) of level l begins at query r * TILE * 2**l and key
 * c * TILE * 2**l. What takes long is answered in part; the front end asks again for the rest.
 */
export interface TilesArgs {
  site: SiteKind;
  layer: number;
  head: number;
  level: number;
  pool: Pool;
  tiles: number[][];
}

/**
 * Reply to `tiles`: codes [tiles, TILE, TILE] u1 companded, for those of `tiles` that are answered.
 *
 * A pixel is the largest, or the mean, visible weight of its cells; `U8_MASKED` where none is visible, and
 * beyond the pattern's edge. `read` says of each tile how many of the 2**level queries behind a pixel were
 * computed, each exactly: all of them once it is whole. `error` is the largest absolute error of a weight.
 */
export interface TilesMeta {
  site: SiteKind;
  layer: number;
  head: number;
  level: number;
  pool: Pool;
  tiles: number[][];
  codes: ArraySpec;
  read: number[];
  error: number;
}

/** `strips`: one query's row (or a key's column, "to") in every head, along the prompt, in `pixels`. */
export interface StripsArgs {
  site: SiteKind;
  position: number;
  direction: Direction;
  pixels: number;
}

/**
 * Reply to `strips`: strips [all heads, pixels] u1 companded, layer after layer.
 *
 * A pixel is the largest weight of `pooled` positions, `U8_MASKED` where none is visible. `peaks` [all
 * heads] i4 is the position of each head's largest weight (-1: none is visible) and `weights` [all heads] f4
 * that weight, exactly. `read` of `of` positions were computed: of a row always all.
 */
export interface StripsMeta {
  site: SiteKind;
  position: number;
  direction: Direction;
  layers: number[];
  heads: number[];
  strips: ArraySpec;
  pooled: number;
  peaks: ArraySpec;
  weights: ArraySpec;
  read: number;
  of: number;
}

/** `column`: what every query gives to one key, for some heads of one layer. */
export interface ColumnArgs {
  site: SiteKind;
  layer: number;
  heads: number[];
  key: number;
}

/**
 * Reply to `column`: weights [heads, queries] f4, exact; `MASKED` where the key is out of reach.
 *
 * It needs the softmax of every query. What takes long is answered in part: `read` of `of` queries, the
 * others are `UNREAD`; asked again, it goes on.
 */
export interface ColumnMeta {
  site: SiteKind;
  layer: number;
  heads: number[];
  key: number;
  weights: ArraySpec;
  read: number;
  of: number;
}

/**
 * `search`: the heads, or queries or keys of heads, with the most attention into (or out of) a span.
 *
 * The span is `first` to `last`, half open. "into": what the queries outside of it give to its keys. "out":
 * what its queries give to keys outside of it. `by` "head" ranks heads by the mean over queries, "query"
 * single queries, and "key" single keys by the mean over queries. `plain` leaves the first and special
 * tokens out of what is outside. What takes long is answered in part; asked again, it goes on.
 */
export interface SearchArgs {
  site: SiteKind;
  first: number;
  last: number;
  flow: Flow;
  by: Searched;
  k: number;
  plain: boolean;
}

/**
 * Reply to `search`: at most k hits, best first; the arguments come back with it.
 *
 * `hits` [hits, 4] i4 are layer, head, query and key: by head the query that gives most, by query the
 * query, each with its strongest key; by key the key, with the query whose weight on it is largest.
 * `values` [hits] f4 is what they are ranked by, `baselines` [hits] f4 the same of weights spread evenly
 * over the visible keys, `counts` [hits] i4 how many queries are behind a value. `read` [hits, 2] i4 says
 * how many queries of the head were read, of how many that may count: fewer are an estimate, by head with
 * the half width of its confidence interval at 95 % in `margins` [hits] f4, else not a number. `sampled`
 * heads were read in part at least, `done` whole, of `total`.
 */
export interface SearchMeta {
  site: SiteKind;
  first: number;
  last: number;
  flow: Flow;
  by: Searched;
  k: number;
  plain: boolean;
  hits: ArraySpec;
  values: ArraySpec;
  baselines: ArraySpec;
  margins: ArraySpec;
  counts: ArraySpec;
  read: ArraySpec;
  sampled: number;
  done: number;
  total: number;
}

/** `live`: the part of the front end that only a kernel can serve, which notebooks need not store. */
export interface LiveArgs {}

/** Reply to `live`: a module [bytes] u1, compressed with gzip. */
export interface LiveMeta {
  version: string;
  module: ArraySpec;
}

/** `cancel`: stop the request `id`, or the run that is under way. */
export interface CancelArgs {
  id?: string;
}

/**
 * Queries [heads, queries, d] and keys [kv heads, keys, d] (f4) of one site in a snapshot.
 *
 * `heads` are those whose queries are kept, and `kv_heads` the key-value heads that they use, both
 * ascending. `bias` [1 or heads, 1 or queries, keys] f4 or null. Scores are made of these as in
 * `neuron`. `rounded` says that the run rounded its scores and weights to half precision, so that
 * weights that are computed from these are not those of the run to the last digit.
 */
export interface StoredTerms {
  heads: number[];
  kv_heads: number[];
  q: ArraySpec;
  k: ArraySpec;
  bias: ArraySpec | null;
  scaling: number;
  softcap: number | null;
  sink_score: (number | null)[];
  rounded: boolean;
}

/** One query's exact weights [heads, keys] f4 for some heads, masked cells `MASKED`. */
export interface StoredRows {
  query: number;
  heads: number[];
  weights: ArraySpec;
}

/**
 * The largest weights of some rows of every head of a site whose patterns are too large to keep.
 *
 * `queries` ascend. `counts` [queries, heads] i4 are the numbers of weights that rows keep, `places` i4
 * their keys, each as the number of keys that are skipped, and `cells` f4 the weights themselves, exactly;
 * both query after query, in it head after head. `rest` [queries, heads] f4 is the mass left out, not a
 * number where all of a row's weights are none; `sinks` that of the learned sink, or null.
 */
export interface StoredPeaks {
  queries: number[];
  counts: ArraySpec;
  places: ArraySpec;
  cells: ArraySpec;
  rest: ArraySpec;
  sinks: ArraySpec | null;
}

/**
 * One attention site of a snapshot; see the format's specification beside the Python codec.
 *
 * `heads` are those whose patterns are kept, ascending. Cells are kept for visible keys only. A query
 * sees the keys that `causal` and `window` allow, unless there is a `mask` (u1, bits packed, [1 or heads
 * of the layer, queries, keys]), which then says everything.
 *
 * `form` "exact": `cells` f4; "dense": `cells` u1 codes; both head after head, in it key after key,
 * queries ascending. "top": `counts` [heads, queries] are the numbers of weights that rows keep,
 * `places` their ordinals among the row's visible keys, each as the number of visible keys that are
 * skipped, and `cells` their codes, both row after row; `rest` [heads, queries] u1 codes are the mass
 * left out, rounded up. Codes are multiples of `step`. `error` is the largest absolute error of a
 * weight, or of a sink's mass, that is kept. `sink` [heads of the layer, queries], f4 or u1 codes, or
 * null. `rows` are the exact weights of a query.
 */
export interface StoredLayer {
  form: StoredForm;
  error: number;
  step: number;
  causal: boolean;
  window: number | null;
  mask: ArraySpec | null;
  heads: number[];
  cells: ArraySpec;
  counts: ArraySpec | null;
  places: ArraySpec | null;
  rest: ArraySpec | null;
  sink: ArraySpec | null;
  rows: StoredRows | null;
  terms: StoredTerms | null;
  peaks?: StoredPeaks;
}

/** What a snapshot keeps of the reply to `model`; `thumbnails` are null where all patterns are whole. */
export interface StoredModel {
  site: SiteKind;
  layers: number[];
  heads: number[];
  thumbnails: ArraySpec | null;
  pooled_queries: number;
  pooled_keys: number;
  queries: number;
  sampled: number;
}

/** All layers of one kind of attention in a snapshot, by layer number; `metrics` is the reply to that. */
export interface StoredSite {
  model: StoredModel;
  metrics: MetricsMeta | null;
  layers: Record<string, StoredLayer>;
}

/**
 * What a snapshot begins with; its arrays follow, `lengths` bytes each.
 *
 * `widths` are the bytes of an element of each array: those of 4 are stored as four planes, the elements'
 * first bytes, then their second ones, and so on. `layers` is the model's number of layers, those without
 * attention included.
 */
export interface SnapshotHeader {
  version: string;
  prompt: string;
  context: string | null;
  layers: number;
  open: OpenMeta;
  sites: Partial<Record<SiteKind, StoredSite>>;
  predictions: PredictionsMeta | null;
  lengths: number[];
  widths: number[];
}

export type RequestKind = "open" | "run" | "layer" | "model" | "row" | "predictions" | "metrics" | "neuron" | "tiles" | "strips" | "column" | "search" | "live" | "cancel";

/** Front end -> kernel. `record` names the record that the request is about ("" for the current one). */
export interface Request {
  protocol: number;
  id: string;
  kind: RequestKind;
  record: string;
  args: Record<string, unknown>;
}

/** Kernel -> front end: the answer to a request; its arrays are the message's buffers. */
export interface ReplyOk {
  protocol: number;
  id: string;
  ok: true;
  meta: Record<string, unknown>;
}

/** Kernel -> front end: why a request has no answer. */
export interface ReplyError {
  protocol: number;
  id: string;
  ok: false;
  error: ErrorInfo;
}

/**
 * Kernel -> front end: piece `part` of `parts` of a reply; the one buffer carries its bytes.
 *
 * The first piece carries the reply itself and the byte length of each of its buffers.
 */
export interface Chunk {
  protocol: number;
  id: string;
  part: number;
  parts: number;
  reply?: ReplyOk;
  lengths?: number[];
}

/** Request kind -> arguments and reply. */
export interface Requests {
  open: { args: OpenArgs; meta: OpenMeta };
  run: { args: RunArgs; meta: RunMeta };
  layer: { args: LayerArgs; meta: LayerMeta };
  model: { args: ModelArgs; meta: ModelMeta };
  row: { args: RowArgs; meta: RowMeta };
  predictions: { args: PredictionsArgs; meta: PredictionsMeta };
  metrics: { args: MetricsArgs; meta: MetricsMeta };
  neuron: { args: NeuronArgs; meta: NeuronMeta };
  tiles: { args: TilesArgs; meta: TilesMeta };
  strips: { args: StripsArgs; meta: StripsMeta };
  column: { args: ColumnArgs; meta: ColumnMeta };
  search: { args: SearchArgs; meta: SearchMeta };
  live: { args: LiveArgs; meta: LiveMeta };
  cancel: { args: CancelArgs; meta: CancelArgs };
}

const modelCardShape: Shape = {
  name: "string",
  architecture: "string",
  embedded: "boolean",
  dtype: "string",
  device: "string",
  parameters: ["int", null],
};

const tokensShape: Shape = {
  text: ["string"],
  label: ["string"],
  id: [["int", null]],
  special: ["boolean"],
  continued: ["boolean"],
  segment: ["int"],
};

const layerInfoShape: Shape = {
  layer: "int",
  heads: "int",
  kv_heads: "int",
  causal: "boolean",
  window: ["int", null],
  route: "=interface|functional|softmax|given",
  scores: "boolean",
  sinks: "boolean",
  rotary: "boolean",
  fidelity: ["number", null],
  "tiled?": "boolean",
};

const siteInfoShape: Shape = {
  kind: "=encoder|decoder|cross",
  query_stream: "=encoder|decoder",
  key_stream: "=encoder|decoder",
  layers: [layerInfoShape],
};

const headNoteShape: Shape = {
  layer: "int",
  head: "int",
  title: "string",
  score: "number",
  text: "string",
};

const precisionShape: Shape = {
  form: "=exact|dense|top",
  error: "number",
  kept: ["int", null],
  dropped: "number",
  dropped_most: "number",
  patterns: "=all|some|none",
  terms: "=all|some|none",
  "rows?": ["int"],
  "sampled?": "int",
};

const openMetaShape: Shape = {
  record: "string",
  model: modelCardShape,
  streams: { "*": tokensShape },
  sites: [siteInfoShape],
  fidelity: ["number", null],
  exact: "boolean",
  notes: ["string"],
  head_notes: [headNoteShape],
  predictions: "boolean",
  words: "boolean",
  weighting: "=weights|norms",
  can_merge: "boolean",
  can_weigh: "boolean",
  "precision?": precisionShape,
};

const arraySpecShape: Shape = {
  buffer: "int",
  dtype: "=u1|i4|f4",
  shape: ["int"],
};

const storedModelShape: Shape = {
  site: "=encoder|decoder|cross",
  layers: ["int"],
  heads: ["int"],
  thumbnails: [arraySpecShape, null],
  pooled_queries: "int",
  pooled_keys: "int",
  queries: "int",
  sampled: "int",
};

const metricInfoShape: Shape = {
  name: "string",
  title: "string",
  formula: "string",
  eligible: "string",
  source: "string",
  sinks: "string",
  unit: "string",
  low: ["number", null],
  high: ["number", null],
  counted: "string",
  own: "boolean",
};

const metricsMetaShape: Shape = {
  site: "=encoder|decoder|cross",
  layers: ["int"],
  heads: ["int"],
  metrics: [metricInfoShape],
  values: arraySpecShape,
  baselines: arraySpecShape,
  counts: arraySpecShape,
  queries: "int",
  sampled: "int",
  "margins?": arraySpecShape,
};

const storedRowsShape: Shape = {
  query: "int",
  heads: ["int"],
  weights: arraySpecShape,
};

const storedTermsShape: Shape = {
  heads: ["int"],
  kv_heads: ["int"],
  q: arraySpecShape,
  k: arraySpecShape,
  bias: [arraySpecShape, null],
  scaling: "number",
  softcap: ["number", null],
  sink_score: [["number", null]],
  rounded: "boolean",
};

const storedPeaksShape: Shape = {
  queries: ["int"],
  counts: arraySpecShape,
  places: arraySpecShape,
  cells: arraySpecShape,
  rest: arraySpecShape,
  sinks: [arraySpecShape, null],
};

const storedLayerShape: Shape = {
  form: "=exact|dense|top",
  error: "number",
  step: "int",
  causal: "boolean",
  window: ["int", null],
  mask: [arraySpecShape, null],
  heads: ["int"],
  cells: arraySpecShape,
  counts: [arraySpecShape, null],
  places: [arraySpecShape, null],
  rest: [arraySpecShape, null],
  sink: [arraySpecShape, null],
  rows: [storedRowsShape, null],
  terms: [storedTermsShape, null],
  "peaks?": storedPeaksShape,
};

const storedSiteShape: Shape = {
  model: storedModelShape,
  metrics: [metricsMetaShape, null],
  layers: { "*": storedLayerShape },
};

const predictionsMetaShape: Shape = {
  labels: ["string"],
  index: arraySpecShape,
  probs: arraySpecShape,
};

/** How a `SnapshotHeader` is made. */
export const SHAPE: Shape = {
  version: "string",
  prompt: "string",
  context: ["string", null],
  layers: "int",
  open: openMetaShape,
  sites: { "*": storedSiteShape },
  predictions: [predictionsMetaShape, null],
  lengths: ["int"],
  widths: ["int"],
};
