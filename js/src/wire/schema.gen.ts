// Generated from attnwidget/wire/schema.py by `python -m attnwidget.wire.generate`; do not edit.

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

export type SiteKind = "encoder" | "decoder" | "cross";

export type StreamKind = "encoder" | "decoder";

export type View = "head" | "model" | "matrix" | "text";

export type Theme = "auto" | "light" | "dark";

export type Scale = "linear" | "sqrt" | "log";

export type Direction = "from" | "to";

export type Phase = "idle" | "running" | "failed" | "closed";

export type Route = "interface" | "functional" | "softmax" | "given";

export type DType = "u1" | "i4" | "f4";

/** How to read a buffer: little-endian, C order. */
export interface ArraySpec {
  buffer: number;
  dtype: DType;
  shape: number[];
}

/** What the user holds: a query token, a key token or both; `locked` is false when nothing is held. */
export interface Selection {
  query: number | null;
  key: number | null;
  locked: boolean;
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

/** One attention site; `fidelity` is the worst relative error of recomputed outputs, null if unchecked. */
export interface LayerInfo {
  layer: number;
  heads: number;
  kv_heads: number;
  causal: boolean;
  window: number | null;
  route: Route;
  scores: boolean;
  sinks: boolean;
  fidelity: number | null;
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

/** Reply to `open`: the record without its arrays. */
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
 * `thumbnails` is false where the front end has them already.
 */
export interface LayerArgs {
  site: SiteKind;
  layer: number;
  heads: number[];
  thumbnails: boolean;
}

/**
 * Reply to `layer`: patterns [heads, queries, keys] (f4, or u1 companded), thumbnails [heads, t, t] (u1).
 *
 * `error` is the largest absolute error of a pattern on the wire; 0 means exact float32.
 * `pooled` says how many queries, and keys, stand behind one thumbnail pixel (1: every cell is
 * shown); a pixel is the largest weight of its block.
 */
export interface LayerMeta {
  site: SiteKind;
  layer: number;
  heads: number[];
  patterns: ArraySpec;
  thumbnails: ArraySpec | null;
  error: number;
  pooled: number;
}

/** `model`: thumbnails of every head of every layer of one kind of attention. */
export interface ModelArgs {
  site: SiteKind;
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
 * gives to its learned sink.
 */
export interface RowMeta {
  site: SiteKind;
  layer: number;
  heads: number[];
  query: number;
  weights: ArraySpec;
  scores: ArraySpec | null;
  sink: number[];
}

/** `predictions`: the tokens that the model expects next, at each position. */
export interface PredictionsArgs {}

/** Reply to `predictions`: index [positions, k] i4 into `labels`, probs [positions, k] f4, best first. */
export interface PredictionsMeta {
  labels: string[];
  index: ArraySpec;
  probs: ArraySpec;
}

/** `cancel`: stop the request `id`, or the run that is under way. */
export interface CancelArgs {
  id?: string;
}

export type RequestKind = "open" | "run" | "layer" | "model" | "row" | "predictions" | "cancel";

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
  cancel: { args: CancelArgs; meta: CancelArgs };
}
