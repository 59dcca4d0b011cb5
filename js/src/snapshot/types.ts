// What a snapshot holds, ready to be looked at: patterns are expanded head by head when they are asked for.
import type {
  OpenMeta,
  PredictionsMeta,
  SiteKind,
  SnapshotHeader,
  StoredForm,
  StoredSite,
} from "../wire/schema.gen";

/** What the scores of one head's rows are made of. */
export interface StoredHeadTerms {
  /** [queries, width]. */
  readonly q: Float32Array;
  /** [keys, width]. */
  readonly k: Float32Array;
  /** [queries, keys]. */
  readonly bias: Float32Array | null;
  readonly width: number;
  readonly scaling: number;
  readonly softcap: number | null;
  readonly sinkScore: number | null;
  /** The run rounded to half precision: weights computed from these are not its own to the last digit. */
  readonly rounded: boolean;
}

/** Rows of a prompt too long for patterns: the largest weights of each, exactly. */
export interface StoredRowPeaks {
  /** The queries of which rows are kept, ascending. */
  readonly queries: readonly number[];
  /** What was left out is 0, and at most `floor`; null where the query is not kept. */
  row(head: number, query: number): { weights: Float32Array; floor: number; sink: number } | null;
}

/** One attention site. */
export interface SnapshotLayer {
  readonly form: StoredForm;
  /** Largest absolute error of a weight that is kept. */
  readonly error: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly pooled: number;
  /** Whether a query sees a key. */
  visible(head: number, query: number, key: number): boolean;
  /** Whether a head's pattern is kept. */
  holds(head: number): boolean;
  /**
   * One head's [queries, keys]: float32 with MASKED, or codes with U8_MASKED. What was left out is 0.
   *
   * Throws a `WireError` where the pattern is not kept.
   */
  pattern(head: number): Float32Array | Uint8Array;
  /** What each query gives to its learned sink; null where there is none. */
  sink(head: number): Float32Array | null;
  /** Per query, the mass that was left out; null where whole rows are kept. */
  rest(head: number): Float32Array | null;
  /** Per query, the most that a cell left out can hold; null where whole rows are kept. */
  floor(head: number): Float32Array | null;
  /** A row of the query that was held, exactly; null of any other. */
  row(head: number, query: number): Float32Array | null;
  /** Null where patterns may be kept. */
  readonly peaks: StoredRowPeaks | null;
  /** Null where this head's queries or keys are not kept. */
  terms(head: number): StoredHeadTerms | null;
  /**
   * [heads, ceil(queries / pooled), ceil(keys / pooled)] codes; null where all patterns are whole and can be
   * pooled.
   */
  readonly thumbnails: Uint8Array | null;
}

/** A snapshot that was read. */
export interface Snapshot {
  readonly header: SnapshotHeader;
  readonly open: OpenMeta;
  readonly predictions: PredictionsMeta | null;
  /** The arrays that `open`'s replies (`model`, `metrics`, `predictions`) speak of by buffer number. */
  readonly buffers: readonly DataView[];
  site(kind: SiteKind): StoredSite | null;
  layer(kind: SiteKind, layer: number): SnapshotLayer | null;
}
